"""Text that is numbers or dates at heart does not become a factor by accident."""

import pandas as pd
import pytest

from bayes_mirglmm.design.build import build_design
from bayes_mirglmm.design.covariates import coded_levels
from bayes_mirglmm.design.words import parse_words
from bayes_mirglmm.errors import InputError

GROUP = ["x", "y"] * 4


def design(values, formula="~ group + v"):
    table = pd.DataFrame({"group": GROUP, "v": values}, index=[f"s{i}" for i in range(8)])
    return build_design(table, formula)


def test_one_odd_cell_among_numbers_is_named():
    cells = ["8.5", "8", "7.5", "high", "8", "7", "6.5", "8"]
    with pytest.raises(InputError, match=r"column 'v' .* holds numbers, but 'high' for sample s3: .*C\(v\)"):
        design(cells)
    assert design(cells, "~ group + C(v)").factors["v"] == ("6.5", "7", "7.5", "8", "8.5", "high")
    with pytest.raises(InputError, match=r"'<5' for sample s0 \(and 1 more\)"):
        design(["<5", "8", "7.5", "high", "8", "7", "6.5", "8"])


def test_a_comma_that_could_be_either():
    with pytest.raises(InputError, match="has '1,250' for sample s0: the comma could be a decimal one"):
        design(["1,250", "1,300"] * 4)


@pytest.mark.parametrize(
    "cells",
    [
        ["1", "1", "2", "2"] * 2,  # digits as text are a choice
        ["01", "01", "02", "02"] * 2,
        ["b1", "b1", "b2", "b2"] * 2,
        pd.Categorical(["1", "1", "2", "high"] * 2),
    ],
)
def test_groups_are_factors(cells):
    assert "v" in design(cells).factors


def test_dates_of_which_most_occur_once_are_refused():
    days = [f"2021-03-0{i + 1}" for i in range(8)]
    with pytest.raises(
        InputError, match=r"holds dates \(2021-03-01, \.\.\.\), 8 different ones in 8 samples"
    ):
        design(days)


def test_dates_of_batches_get_a_caution():
    found = design(["2021-03-01", "2021-03-01", "2021-04-01", "2021-04-01"] * 2)
    assert found.factors["v"] == ("2021-03-01", "2021-04-01")
    assert coded_levels(found.table) == [
        "v holds dates and was fitted as a factor of 2 levels: for a trend over time give a column of numbers, such "
        "as days since the first"
    ]


def test_numbers_that_read_as_dates_get_a_caution():
    days = [20210128, 20210130, 20210202, 20210203, 20210301, 20210305, 20210401, 20210402]
    assert "reads as a date (20210128)" in coded_levels(design(days).table)[0]
    assert coded_levels(design([20211328 + i for i in range(8)]).table) == []


def test_one_level_in_two_spellings_gets_a_caution():
    (caution,) = coded_levels(design(["ctrl", "ctrl", "Ctrl", "ctrl", "case", "case", "case", "case"]).table)
    assert caution.kind == "spellings"
    assert caution.startswith(
        "column v has 'Ctrl' (1) and 'ctrl' (3), which differ only in upper and lower case"
    )


def test_missing_values_say_how_to_leave_samples_out():
    with pytest.raises(InputError, match=r"has no value for sample s1: .*--samples-only"):
        design([1.0, float("nan"), *range(6)])


def test_a_covariate_may_not_be_called_as_the_intercept():
    table = pd.DataFrame({"group": GROUP, "Intercept": [1.0, 2, 2, 3, 1, 4, 2, 5]})
    assert build_design(table, "~ group").terms == ("Intercept", "group[T.y]")
    for more in ({"formula": "~ group + Intercept"}, {"formula": "~ group", "nuisance": "Intercept"}):
        with pytest.raises(
            InputError, match=r"'Intercept' .* has the name that the model gives to its own intercept"
        ):
            build_design(table, **more)


@pytest.mark.parametrize(
    "term", ["log(group)", "scale(group)", "bs(group, 3)", "I(2 * group)", "score:np.log(group)"]
)
def test_nothing_is_computed_of_a_factor(term):
    table = pd.DataFrame({"group": GROUP, "score": [1.0, 2, 2, 3, 1, 4, 2, 5]})
    with pytest.raises(
        InputError, match=r"computes .*group.*, and 'group' is a factor \(levels x, y\), not numbers: write"
    ):
        build_design(table, f"~ {term}")
    assert build_design(table, "~ C(group) + I(score)").terms == ("Intercept", "C(group)[T.y]", "I(score)")
    assert build_design(table, "~ I(group)").terms == ("Intercept", "I(group)[T.y]")


@pytest.mark.parametrize(
    ("term", "message"),
    [
        ("(1 | sample)", "Every model has an effect of each sample already: leave the term out."),
        ("(1 | sample_labels)", "Every model has an effect of each sample already: leave the term out."),
        ("sample", "Every model has an effect of each sample already: leave the term out."),
        ("(1 + group | sequence)", "Every model has effects of each isomiR already, an intercept and slopes"),
        ("(1 | grop)", "Did you mean 'group'"),
    ],
)
def test_effects_that_every_model_has_are_named(term, message):
    with pytest.raises(InputError, match="which is not a column of the sample table") as refused:
        build_design(pd.DataFrame({"group": GROUP}), f"~ group + {term}")
    assert message in str(refused.value)


@pytest.mark.parametrize("term", ["(1 | sample)", "sample", "(group | isomir)"])
def test_some_of_them_are_told_by_the_words_alone(term):
    with pytest.raises(InputError, match=r"Every model has .*: leave the term out"):
        parse_words(f"~ group + {term}")
    assert parse_words("~ group + (1 | patient)").used == ("group",)
