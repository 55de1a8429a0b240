"""Fits that the tests of pictures share."""

from collections.abc import Callable, Sequence

import matplotlib
import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayes_mirglmm as bm
from bayes_mirglmm.results import Fit

matplotlib.use("Agg")

#: A name that TeX, HTML and matplotlib's legends each take for something else.
NASTY = "_miR-$x_1^{$<b>&amp;\\frac"


@pytest.fixture(scope="session")
def two_groups() -> Fit:
    """Two groups, clear effects, every second miRNA with isomiR slopes."""
    drawn = bm.simulate(
        5, ("ctrl", "case"), n_mirnas=12, n_isomirs=6, changed=0.5, log_fc_sd=1.5, theta=20.0, seed=4
    )
    return bm.fit(drawn.counts, "~ group", reference={"group": "ctrl"}, progress=False)


@pytest.fixture(scope="session")
def dose_and_batch() -> Fit:
    """A continuous slope beside a factor."""
    samples = pd.DataFrame(
        {"dose": [0.0, 0.0, 1.0, 1.0, 2.0, 2.0, 4.0, 4.0], "batch": ["p", "q"] * 4},
        index=[f"s{i}" for i in range(8)],
    )
    drawn = bm.simulate(samples=samples, formula="~ dose + batch", n_mirnas=4, n_isomirs=5, seed=6)
    return bm.fit(drawn.counts, "~ dose + batch", progress=False)


@pytest.fixture(scope="session")
def marked_up() -> xr.Dataset:
    """Counts of five miRNAs; the first has a name full of markup, like the groups."""
    drawn = bm.simulate(
        4, ("$c_1$", "<b>"), n_mirnas=5, n_isomirs=5, changed=0.8, log_fc_sd=1.5, theta=20.0, seed=9
    )
    mirna = drawn.counts["mirna"].values.astype(object)
    mirna[mirna == "sim-miR-1"] = NASTY
    return drawn.counts.assign_coords(mirna=("isomir", mirna))


@pytest.fixture(scope="session")
def laplace(marked_up: xr.Dataset) -> Fit:
    """A posterior by importance sampling."""
    return bm.fit(marked_up, "~ group", reference={"group": "$c_1$"}, method="laplace", progress=False)


@pytest.fixture(scope="session")
def sampled(marked_up: xr.Dataset) -> Fit:
    """A posterior by NUTS, with made-up diagnostics, bad ones among them."""
    reference = {"group": "$c_1$"}
    fit = bm.fit(
        marked_up, "~ group", reference=reference, method="nuts", draws=200, tune=100, progress=False
    )
    made_up = {
        "r_hat": [np.inf, 1.002, 1.03, np.nan, 1.001],
        "ess_bulk": [800.0, 300.0, 900.0, np.nan, 1000.0],
        "ess_tail": [700.0, 500.0, 0.0, np.nan, 900.0],
        "divergences": [0.0, 0.0, 3.0, 0.0, 0.0],
        "saturated": [0.0] * 5,
        "attempts": [1.0] * 5,
    }
    data = fit.data.copy(deep=True)
    rows = np.flatnonzero(np.isin(data["mirna"].values, fit.mirnas))
    for name, values in made_up.items():
        data[name].values[:, rows] = values
    return Fit(data, fit.design, metadata=fit.metadata, samples=fit.samples, ml=fit.ml)


def _of_mirnas(fit: Fit, positions: Sequence[int]) -> Fit:
    """Return a fit of the miRNAs at these positions, which may repeat: then they get new names."""
    data = fit.data
    names = [str(data["mirna"].values[i]) for i in positions]
    fresh = [name if names.index(name) == k else f"{name}-{k}" for k, name in enumerate(names)]
    own = [np.flatnonzero(data["isomir_mirna"].values == name) for name in names]
    owner = np.repeat(np.arange(len(names)), [len(rows) for rows in own])
    chosen = data.isel(mirna=list(positions), isomir=np.concatenate([[], *own]).astype(int))
    labels = [f"{isomir}|{k}" for isomir, k in zip(chosen["isomir"].values, owner, strict=True)]
    chosen = chosen.assign_coords(
        mirna=np.array(fresh, dtype=object),
        isomir=np.array(labels, dtype=object),
        isomir_mirna=("isomir", np.array(fresh, dtype=object)[owner]),
    )
    if "drawn" in data.dims:
        of_mirna = data.indexes["drawn"].get_indexer(names)
        chosen = chosen.isel(drawn=of_mirna[of_mirna >= 0])
        chosen = chosen.assign_coords(drawn=np.array(fresh, dtype=object)[of_mirna >= 0])
    return Fit(chosen, fit.design, metadata=fit.metadata, samples=fit.samples)


@pytest.fixture(scope="session")
def of_mirnas() -> Callable[[Fit, Sequence[int]], Fit]:
    """A fit of some of the miRNAs of another, or of many copies of them."""
    return _of_mirnas
