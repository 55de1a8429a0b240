"""Random terms of a formula: what they mean, what is refused, degrees of freedom by containment."""

import numpy as np
import pandas as pd
import pytest

from bayes_mirglmm.design.build import build_design
from bayes_mirglmm.design.random_terms import RandomText, split_formula
from bayes_mirglmm.errors import InputError


@pytest.fixture
def table():
    """Six patients of three hospitals, twice each, treated between the two; one sex a patient."""
    return pd.DataFrame(
        {
            "treatment": ["no", "yes"] * 6,
            "patient": np.repeat(np.arange(1, 7), 2),
            "hospital": np.repeat(["a", "b", "c"], 4),
            "sex": np.repeat(["f", "m", "m", "f", "m", "f"], 2),
            "time": np.tile([0.0, 2.5], 6),
            "the batch": ["x", "y", "z"] * 4,
        },
        index=[f"s{i}" for i in range(12)],
    )


@pytest.mark.parametrize(
    ("text", "fixed", "random"),
    [
        ("~ a", "~ a", []),
        ("~ a + (1 | g)", "~ a", [RandomText(True, (), ("g",))]),
        ("~ (1|g) + a", "~ a", [RandomText(True, (), ("g",))]),
        ("~ (1 | g)", "~ 1", [RandomText(True, (), ("g",))]),
        ("~ a + (x | g)", "~ a", [RandomText(True, ("x",), ("g",))]),
        ("~ a + (0 + x | g) + b", "~ a + b", [RandomText(False, ("x",), ("g",))]),
        ("~ a + (1 | g/h)", "~ a", [RandomText(True, (), ("g",)), RandomText(True, (), ("g", "h"))]),
        ("~ a + (1 | g:h)", "~ a", [RandomText(True, (), ("g", "h"))]),
        ("~ `a | b` + (1 | `the batch`)", "~ `a | b`", [RandomText(True, (), ("the batch",))]),
        ("~ a + (1 | g) + (1 | h)", "~ a", [RandomText(True, (), ("g",)), RandomText(True, (), ("h",))]),
    ],
)
def test_splitting(text, fixed, random):
    found, terms = split_formula(text)
    assert " ".join(found.split()) == fixed
    assert list(terms) == random


def test_terms_on_samples(table):
    design = build_design(table, "~ treatment + (time | patient) + (1 | hospital:sex)")
    patients, groups = design.random
    assert patients.group == "patient"
    assert patients.names == ("Intercept", "time")
    assert patients.levels == ("1", "2", "3", "4", "5", "6")
    np.testing.assert_array_equal(patients.level, np.repeat(np.arange(6), 2))
    np.testing.assert_array_equal(patients.columns[:, 1], table["time"])
    assert groups.levels == ("a:f", "a:m", "b:f", "b:m", "c:f", "c:m")
    assert design.terms == ("Intercept", "treatment[T.yes]")
    assert list(design.factors) == ["treatment"]
    again = build_design(design.table, design.formula, slope=design.slope, reference=design.factors)
    for ours, theirs in zip(again.random, design.random, strict=True):
        assert ours.levels == theirs.levels
        np.testing.assert_array_equal(ours.level, theirs.level)
        np.testing.assert_array_equal(ours.columns, theirs.columns)


def test_a_factor_of_two_levels_is_a_slope(table):
    term = build_design(table, "~ time + (treatment | patient)").random[0]
    assert term.names == ("Intercept", "treatment")
    np.testing.assert_array_equal(term.columns[:, 1], [0.0, 1.0] * 6)


@pytest.mark.parametrize(
    ("formula", "df"),
    [
        ("~ treatment + (1 | patient)", {"treatment[T.yes]": 12 - 7}),  # within pairs: pairs - 1
        ("~ treatment + sex + (1 | patient)", {"treatment[T.yes]": 12 - 7, "sex[T.m]": 6 - 2}),
        ("~ time + (time | patient)", {"time": 5}),  # six slopes less their mean
        ("~ treatment + (1 | hospital/patient)", {"treatment[T.yes]": 12 - 7}),
        ("~ treatment + `the batch` + (1 | patient)", {"treatment[T.yes]": 12 - 9}),
    ],
)
def test_degrees_of_freedom_by_containment(table, formula, df):
    design = build_design(table, formula)
    found = dict(zip(design.terms, design.effect_df, strict=True))
    assert {name: found[name] for name in df} == df


@pytest.mark.parametrize(
    ("formula", "words"),
    [
        ("~ treatment + (1 | patent)", "uses 'patent', which is not a column of the sample table."),
        ("~ treatment + (1 | one)", "'one' has one level, 'x', in all samples"),
        ("~ treatment + (1 | each)", "each sample has a level of 'each' of its own"),
        ("~ treatment + (sex | patient)", "'sex' does not vary within any level of 'patient'"),
        ("~ treatment + (hospital | sex)", "needs a number or two levels, and 'hospital' has 3"),
        ("~ treatment + (1 | patient) + (time | patient)", "has effects of 'patient' twice"),
        ("~ treatment + (1 | gaps)", "column 'gaps' of the sample table has no value for sample s3"),
    ],
)
def test_refusals(table, formula, words):
    table = table.assign(one="x", each=range(12), gaps=["p", "q"] * 6)
    table.loc["s3", "gaps"] = None
    with pytest.raises(InputError) as error:
        build_design(table, formula)
    assert words in str(error.value)


def test_subjects_within_treatments_are_advised_to_be_random():
    """Pairs of before and after, each subject on one treatment: the levels of subject add up to the treatment's."""
    table = pd.DataFrame(
        {
            "subject": np.repeat([f"p{i}" for i in range(6)], 2),
            "treatment": np.repeat(["drug", "none"], 6),
            "time": ["before", "after"] * 6,
        },
        index=[f"s{i}" for i in range(12)],
    )
    with pytest.raises(InputError) as error:
        build_design(table, "~ subject + treatment*time")
    assert "write '~ treatment * time + (1 | subject)'" in str(error.value)
    design = build_design(table, "~ treatment*time + (1 | subject)")
    df = dict(zip(design.terms, design.effect_df, strict=True))
    assert df["treatment[T.none]"] == 6 - 2
    assert df["treatment[T.none]:time[T.before]"] == 12 - 2 - 6
