"""Covariates inside products: neither their origin nor their unit changes what is fitted or what a prior means."""

import numpy as np
import pandas as pd
import pytest

from bayes_mirglmm.design.build import Design, build_design
from bayes_mirglmm.design.contrasts import contrast_weights
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.model.scaling import to_user

N = 24
RNG = np.random.default_rng(5)
SAMPLES = pd.DataFrame(
    {
        "group": list("abc") * 8,
        "batch": ["x", "y"] * 12,
        "year": RNG.uniform(-4, 4, N).round(2),
        "age": RNG.uniform(-20, 20, N).round(1),
        "RIN (x)": RNG.uniform(-2, 2, N).round(1),
    },
    index=[f"s{i}" for i in range(N)],
)
FORMULAS = (
    "~ group * year",
    "~ group + group:year",
    "~ group * year * age",
    "~ year + I(year ** 2) + group:year + group",
    "~ group * (age + I(age**2))",
    "~ age * `RIN (x)` + I(`RIN (x)` ** 2)",
    "~ group * poly(age, 2)",
)


def design(formula: str, shift: float = 0.0, scale: float = 1.0, **options: object) -> Design:
    table = SAMPLES.copy()
    for name in ("year", "age", "RIN (x)"):
        table[name] = shift + scale * table[name]
    return build_design(table, formula, **options)


@pytest.mark.parametrize("formula", FORMULAS)
@pytest.mark.parametrize(("shift", "scale"), [(2018.0, 1.0), (0.0, 365.25), (-300.0, 0.01), (1e9, 1.0)])
def test_priors_mean_the_same_for_any_origin_and_unit(formula, shift, scale):
    """In the prior's units the designs are the same, so that the posterior is."""
    here, there = design(formula), design(formula, shift, scale)
    assert here.terms == there.terms
    close = 1e-6 if shift == 1e9 else 1e-8  # what is left of 16 digits after nine of them, or after three
    for name in ("x", "z"):
        one, other = getattr(here, name), getattr(there, name)
        np.testing.assert_allclose(other @ to_user(other), one @ to_user(one), atol=close)


def test_a_coefficient_beside_a_product_is_the_effect_at_the_mean():
    found = design("~ group * year", 2018.0)
    mean = 2018 + SAMPLES["year"].mean()
    assert found.centres == {"year": pytest.approx(mean, rel=1e-12)}
    inside = found.terms.index("group[T.b]:year")
    np.testing.assert_allclose(
        found.x[:, inside], (SAMPLES["group"] == "b") * (2018 + SAMPLES["year"] - mean), atol=1e-9
    )
    np.testing.assert_array_equal(found.x[:, found.terms.index("year")], 2018 + SAMPLES["year"])
    weights = contrast_weights(found, {"group": ("b", "a")}).iloc[0]
    np.testing.assert_allclose(weights, np.array(found.terms) == "group[T.b]", atol=1e-9)


@pytest.mark.parametrize("formula", FORMULAS)
def test_the_model_is_the_one_of_the_formula(formula):
    """Fitted values are those of the columns as they stand, by least squares."""
    y = np.random.default_rng(1).normal(size=N)
    x = design(formula, 30.0).x
    table = (SAMPLES[["year", "age", "RIN (x)"]] + 30.0).assign(group=SAMPLES["group"])
    from formulaic import Formula

    raw = Formula(formula).get_model_matrix(table).to_numpy(dtype=float)
    fits = [q @ (q.T @ y) for q in (np.linalg.qr(one)[0] for one in (x, raw))]
    np.testing.assert_allclose(fits[0], fits[1], atol=1e-7)


@pytest.mark.parametrize(
    "formula", ["~ year + group:year", "~ I(year ** 2) + group", "~ year + I(age / year)"]
)
def test_where_centring_would_change_the_model_the_origin_stays(formula):
    """Groups that meet at year 0 are a model that someone asked for."""
    found = design(formula, 30.0, slope="year" if "+ group:" in formula or "/" in formula else "group")
    assert found.centres == {}
    column = {"~ year + group:year": "group[T.b]:year", "~ I(year ** 2) + group": "I(year ** 2)"}.get(formula)
    if column:
        values = found.x[:, found.terms.index(column)]
        year = 30 + SAMPLES["year"]
        np.testing.assert_allclose(values, year**2 if "**" in column else (SAMPLES["group"] == "b") * year)


def test_isomir_effects_of_a_covariate_are_centred_too():
    found = design("~ year + group", 2018.0, slope="year")
    np.testing.assert_allclose(found.z[:, 1], SAMPLES["year"] - SAMPLES["year"].mean(), atol=1e-9)
    assert (
        design("~ group * year", 2018.0).z[:, 1].tolist() == (SAMPLES["group"] == "b").astype(float).tolist()
    )


def test_columns_that_differ_by_rounding_are_refused_by_name():
    table = SAMPLES.assign(
        stamp=1.7e9 + SAMPLES["year"].round(1), seconds=60 * (1.7e9 + SAMPLES["year"].round(1)) + 1e-7
    )
    with pytest.raises(InputError, match=r"seconds = .*60 stamp"):
        build_design(table, "~ group + stamp + seconds")
    assert build_design(table, "~ group * stamp").rank == 6
