"""A covariate's origin and unit change nothing in a fit but the numbers that are in its unit."""

import numpy as np
import pandas as pd
import pymc as pm
import pytest
import xarray as xr

import bayes_mirglmm as bm

N = 16
DAY = np.array([-6, -11, -6, -1, -8, 9, 15, -15, 8, 2, 2, 25, 12, 3, 2, -22], dtype=float)
SAMPLES = pd.DataFrame({"group": ["a", "b"] * 8, "time": DAY}, index=[f"s{i}" for i in range(N)])
MIRNA = "sim-miR-1"


@pytest.fixture(scope="module")
def counts(own_numbers) -> xr.Dataset:
    """One miRNA whose groups drift apart by 0.08 a day."""
    with own_numbers():
        return bm.simulate(
            samples=SAMPLES,
            formula="~ group * time",
            n_mirnas=1,
            n_isomirs=6,
            beta={"group[T.b]": 0.5, "time": 0.01, "group[T.b]:time": 0.08},
            sd_isomir_slope=0.2,
            sd_sample=0.1,
            theta=20.0,
            seed=4,
        ).counts


def fitted(counts: xr.Dataset, shift: float, scale: float, formula: str, method: str) -> pd.DataFrame:
    moved = counts.assign_coords(time=("sample", shift + scale * DAY))
    fit = bm.fit(moved, formula, slope="group", method=method, progress=False)
    assert fit.mirnas == (MIRNA,)
    assert fit.status()["status"].iloc[0] in ("ok", "boundary")
    effects = fit.effects().set_index("term")[["estimate", "std_error"]]
    units = np.array([scale ** (("time" in term) + ("**" in term)) for term in effects.index])
    return effects.mul(units, axis=0).drop(index="Intercept")


@pytest.mark.parametrize("method", ["ml", "laplace"])
@pytest.mark.parametrize("formula", ["~ group * time", "~ group * time + I(time ** 2)"])
def test_shift_and_scale(counts, method, formula):
    here = fitted(counts, 0.0, 1.0, formula, method)
    assert abs(here.loc["group[T.b]:time", "estimate"] - 0.08) < 5 * here.loc["group[T.b]:time", "std_error"]
    for shift, scale in ((20230615.0, 1.0), (-40.0, 24.0), (1e9, 1.0)):
        there = fitted(counts, shift, scale, formula, method)
        # Importance sampling repeats its points, in coordinates that agree to what rounding leaves.
        np.testing.assert_allclose(there, here, rtol=2e-4, atol=2e-6)


def test_the_readable_model_has_the_same_density(counts):
    values = []
    for shift, scale in ((0.0, 1.0), (20230615.0, 24.0)):
        moved = counts.assign_coords(time=("sample", shift + scale * DAY))
        model = bm.build_model(moved, MIRNA, "~ group * time", slope="group")
        values.append(
            float(model.compile_logp(mode="FAST_COMPILE")(pm.model.core.Point(**_point(model), model=model)))
        )
    assert values[1] == pytest.approx(values[0], abs=1e-6)


def _point(model: pm.Model) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(2)
    return {name: 0.3 * rng.normal(size=np.shape(value)) for name, value in model.initial_point().items()}


def test_a_covariate_far_from_zero_has_isomir_slopes(counts):
    """At 1e9 the variance of the isomiRs at 0 is 1e18 times that of their slopes: it is taken at the mean."""
    moved = counts.assign_coords(time=("sample", 1e9 + DAY))
    near, far = (
        bm.fit(one, "~ time + group", slope="time", method="laplace", progress=False)
        for one in (counts, moved)
    )
    assert far.status()["status"].iloc[0] == "ok"
    np.testing.assert_allclose(far.data["omega"], near.data["omega"], rtol=1e-4)
