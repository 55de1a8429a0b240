"""Contrasts against R's emmeans and by hand."""

import numpy as np
import pandas as pd
import pytest

from bayes_mirglmm.design.build import build_design, contrast_weights
from bayes_mirglmm.errors import InputError

Y = np.array([1.2, 0.7, 3.1, 2.4, 5.5, 4.1, 0.3, 2.2, 3.9, 6.1, 1.7, 2.8])
SAMPLES = pd.DataFrame(
    {
        "group": list("AAAABBBBCCCC"),
        "batch": list("121212221211"),
        "age": [30, 41, 52, 47, 38, 60, 55, 33, 44, 29, 51, 62],
    },
    index=[f"s{i}" for i in range(12)],
)

# R 4.2.2, emmeans 1.8.4.1: pairs(emmeans(lm(y ~ ..., data), "group"), reverse = TRUE): B - A, C - A, C - B
EMMEANS = {
    "~ group * batch + age": (1.961265923567, 2.660867834395, 0.699601910828),
    "~ group * age + batch": (1.2667276782688, 1.3457157646596, 0.0789880863909),
    "~ group * poly(age, 2)": (1.19734641218, 1.42496048060, 0.22761406842),
}


@pytest.mark.parametrize("formula", EMMEANS)
def test_pairs_agree_with_emmeans(formula):
    design = build_design(SAMPLES, formula)
    beta = np.linalg.lstsq(design.x, Y, rcond=None)[0]
    weights = contrast_weights(design, "pairs:group")
    assert list(weights.index) == ["group: B - A", "group: C - A", "group: C - B"]
    assert tuple(weights.columns) == design.terms
    np.testing.assert_allclose(weights.to_numpy() @ beta, EMMEANS[formula], rtol=1e-9)


def test_difference_along_a_curve_agrees_with_emmeans():
    # emmeans(m, "age", at = list(age = c(40, 50))) with m as the third model above
    design = build_design(SAMPLES, "~ group * poly(age, 2)")
    beta = np.linalg.lstsq(design.x, Y, rcond=None)[0]
    weights = contrast_weights(design, {"age": (50, 40)})
    assert weights.index[0] == "age: 50 - 40"
    np.testing.assert_allclose(weights.to_numpy() @ beta, 0.06010802, rtol=1e-6)


def test_average_over_interactions_by_hand():
    design = build_design(SAMPLES, "~ group * batch")
    weights = contrast_weights(design, {"group": ("B", "A")}).iloc[0]
    expected = {"group[T.B]": 1.0, "group[T.B]:batch[T.2]": 0.5}  # equal weights: 1/2 for each batch
    assert weights[weights != 0].to_dict() == pytest.approx(expected)
    covariate = contrast_weights(build_design(SAMPLES, "~ group * age"), {"group": ("B", "A")}).iloc[0]
    # The coefficient of the group is its effect at the mean age already.
    np.testing.assert_allclose(covariate, np.array(list(covariate.index)) == "group[T.B]", atol=1e-12)


def test_without_interactions_a_difference_is_a_coefficient():
    design = build_design(SAMPLES, "~ group + batch + age", reference={"group": "B"})
    weights = contrast_weights(design, {"group": ("A", "B"), "batch": ("2", "1")})
    assert weights.loc["group: A - B"].to_dict() == pytest.approx(
        {t: float(t == "group[T.A]") for t in design.terms}
    )
    assert weights.loc["batch: 2 - 1", "batch[T.2]"] == pytest.approx(1)


def test_weights_of_coefficients_names_and_lists():
    design = build_design(SAMPLES, "~ group + age")
    weights = contrast_weights(
        design,
        [
            {"group[T.B]": 1, "group[T.C]": -1},
            {"group[T.B]": -0.5, "age": 10, "Intercept": 0},
            {"B against C": {"group": ("B", "C")}, "ten years": {"age": 10}},
        ],
    )
    assert list(weights.index) == [
        "group[T.B] - group[T.C]",
        "-0.5 group[T.B] + 10 age",
        "B against C",
        "ten years",
    ]
    expected = [[0, 1, -1, 0], [0, -0.5, 0, 10], [0, 1, -1, 0], [0, 0, 0, 10]]
    np.testing.assert_allclose(weights.to_numpy(), expected, atol=1e-12)


def test_swapping_the_levels_flips_the_sign():
    design = build_design(SAMPLES, "~ group * batch + group:age")
    there = contrast_weights(design, {"group": ("C", "A")}).to_numpy()
    back = contrast_weights(design, {"group": ("A", "C")}).to_numpy()
    np.testing.assert_allclose(there, -back, atol=1e-12)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("group", "'pairs:group'"),
        ("pairs:grup", "Did you mean 'group'"),
        ("pairs:age", "needs a factor"),
        ({}, "not understood"),
        ({"group": ("D", "A")}, "'D', which is not one of its levels"),
        ({"group": ("A", "A")}, "with itself"),
        ({"group": "A"}, "not understood"),
        ({"group": ("A", "B", "C")}, "not understood"),
        ({"grp": ("A", "B")}, "'grp', which is not a variable"),
        ({"batch": ("1", "2")}, "not a variable of the formula"),
        ({"age": ("old", "young")}, "covariate"),
        ({"group[B]": 1}, "Did you mean 'group[T.B]'"),
        ({"group[T.B]": 0}, "not all 0"),
        ({"group[T.B]": float("nan")}, "finite"),
        ({"x": "pairs:group"}, "stands for 3 contrasts"),
        (["pairs:group", {"group": ("B", "A")}], "two contrasts are called 'group: B - A'"),
    ],
)
def test_refusals(spec, words):
    design = build_design(SAMPLES, "~ group + age", nuisance="batch")
    with pytest.raises(InputError) as error:
        contrast_weights(design, spec)
    assert words in str(error.value)
