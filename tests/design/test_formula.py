"""What a formula may contain: columns, arithmetic, a list of functions, and nothing that runs code."""

import numpy as np
import pandas as pd
import pytest

from bayes_mirglmm.design.formula import model_matrix, parse_formula
from bayes_mirglmm.errors import InputError

COLUMNS = ["group", "age", "x.1", "a b", "_column_0"]


def test_terms_and_variables_in_formulaic_order():
    parsed = parse_formula(" group:age + np.log1p(age) + C(`a b`) + group", COLUMNS)
    assert parsed.text == "~ group:age + np.log1p(age) + C(`a b`) + group"
    assert [term.name for term in parsed.terms] == [
        "Intercept", "np.log1p(age)", "C(`a b`)", "group", "group:age",
    ]  # fmt: skip
    assert [term.variables for term in parsed.terms] == [(), ("age",), ("a b",), ("group",), ("group", "age")]
    assert parsed.variables == ("age", "a b", "group")
    assert parsed.as_factors == {"a b"}


@pytest.mark.parametrize(
    "text", ["~ x.1", "~ `x.1`", "~ I(_column_0 ** 2 / 3)", "~ {age + 1}", "~ bs(age, df=4)"]
)
def test_legal_expressions(text):
    assert len(parse_formula(text, COLUMNS).variables) == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("~ group +", "cannot be parsed"),
        ("~ group age", "cannot be parsed (Missing operator between `group` and `age`)"),
        ("~ I(age", "cannot be parsed"),
        ("y ~ group", "has a response"),
        (
            "~ group | age",
            "has a '|' outside of a random term: random terms stand in brackets, (1 | patient)",
        ),
        ("~ group + (1 || age)", "has '||': write independent effects as terms of their own"),
        ("~ group + (log(age) | group)", "'|' outside of a random term"),
        (
            "~ group + (age + 2 * x | group)",
            "cannot be read. Write columns of the sample table as in (1 | patient)",
        ),
        ("~ group + (0 | group)", "has no effect: leave it out"),
        ("~ 0 + group", "removes the intercept"),
        ("~ group - 1", "removes the intercept"),
        ("~ .", "name the variables of the model, for example '~ group + age'"),
        ("~ as.factor(age)", "C(age) where it is numbers"),
        ("~ factor(group)", "write group where the column is text"),
        ("~ relevel(group, ref = 'b')", "reference={'group': 'level'} (--reference group=level)"),
        ("~ as.numeric(age)", "a column of numbers is a covariate as it is"),
        ("~ C(group, contr.sum)", "C() takes one column and nothing else"),
        ("~ C(group) + group", "both inside and outside C()"),
        ("~ offset(age)", "Offsets are chosen with offset="),
        ("~ I(group == 'a')", "is not allowed"),
        ("~ age[0]", "is not allowed"),
        ("~ np.linalg.norm(age)", "is not allowed"),
        ("~ age.__class__(1)", "is not allowed"),
        ("~ eval('1')", "is not allowed"),
        ("~ I((lambda: 1)())", "is not allowed"),
        ("~ I([x for x in age])", "is not allowed"),
        ("~ I(f'{age}')", "is not allowed"),
        ("~ lag(age)", "is not allowed"),
        (7, "give a string"),
    ],
)
def test_refusals(text, words):
    with pytest.raises(InputError) as error:
        parse_formula(text, COLUMNS)
    assert words in str(error.value)


def test_a_formula_cannot_run_code(tmp_path):
    target = tmp_path / "made"
    for text in (
        f"~ __import__('pathlib').Path('{target}').touch()",
        f"~ I(__import__('pathlib').Path('{target}').touch())",
        f"~ {{open('{target}', 'w')}}",
    ):
        with pytest.raises(InputError):
            parse_formula(text, COLUMNS)
    assert not target.exists()


def test_a_column_may_not_hide_a_function():
    with pytest.raises(InputError, match=r"calls log\(\) and the sample table has a column 'log'"):
        parse_formula("~ log(log)", ["log"])
    assert parse_formula("~ log", ["log"]).variables == ("log",)


def test_evaluation_elsewhere_keeps_the_knots_and_centres():
    table = pd.DataFrame({"age": [1.0, 2.0, 4.0, 9.0]})
    matrix = model_matrix(parse_formula("~ center(age) + poly(age, 2) + I(age ** 2)", ["age"]), table)
    np.testing.assert_allclose(matrix.x[:, 1], table["age"] - 4.0)
    np.testing.assert_allclose(matrix.evaluate(table.iloc[[2]]), matrix.x[[2]], atol=1e-12)


def test_evaluation_errors_name_the_formula():
    table = pd.DataFrame({"dose": [1.0, 2.0, 5.0]})
    with pytest.raises(
        InputError, match=r"'~ bs\(dose, df=1\)' cannot be evaluated .*Invalid value for `df`"
    ):
        model_matrix(parse_formula("~ bs(dose, df=1)", ["dose"]), table)
