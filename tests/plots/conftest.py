"""Fits that the tests of pictures share."""

from collections.abc import Callable, Sequence

import matplotlib
import numpy as np
import pandas as pd
import pytest

import bayes_mirglmm as bm
from bayes_mirglmm.results import Fit
from bayes_mirglmm.results.posterior_schema import IMPORTANCE, MCMC

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
def laplace() -> Fit:
    """A posterior by importance sampling of five miRNAs; the first has a name full of markup, like the groups."""
    drawn = bm.simulate(
        4, ("$c_1$", "<b>"), n_mirnas=5, n_isomirs=5, changed=0.8, log_fc_sd=1.5, theta=20.0, seed=9
    )
    mirna = drawn.counts["mirna"].values.astype(object)
    mirna[mirna == "sim-miR-1"] = NASTY
    counts = drawn.counts.assign_coords(mirna=("isomir", mirna))
    return bm.fit(counts, "~ group", reference={"group": "$c_1$"}, method="laplace", progress=False)


@pytest.fixture(scope="session")
def sampled(laplace: Fit) -> Fit:
    """The draws of ``laplace`` resampled to equal weights, with made-up diagnostics of chains, as a fit by NUTS."""
    data = laplace.data.drop_vars(list(IMPORTANCE)).copy(deep=True)
    rng = np.random.default_rng(1)
    weight = data["draw_weight"].values
    for i in np.flatnonzero(np.isfinite(weight).all(axis=1)):
        chosen = rng.choice(weight.shape[1], size=weight.shape[1], p=weight[i] / weight[i].sum())
        for name in ("draw_beta", "draw_omega", "draw_sigma_sample", "draw_log_theta", "draw_u"):
            data[name].values[i] = data[name].values[i][chosen]
        rows = np.flatnonzero(data["isomir_mirna"].values == data["mirna"].values[i])
        data["draw_b"].values[rows] = data["draw_b"].values[rows][:, chosen]
        weight[i] = 1.0 / weight.shape[1]
    made_up = {
        "r_hat": [np.inf, 1.002, 1.03, np.nan, 1.001],
        "ess_bulk": [800.0, 300.0, 900.0, np.nan, 1000.0],
        "ess_tail": [700.0, 500.0, 0.0, np.nan, 900.0],
        "divergences": [0.0, 0.0, 3.0, 0.0, 0.0],
        "saturated": [0.0] * 5,
        "attempts": [1.0] * 5,
    }
    rows = np.flatnonzero(np.isin(data["mirna"].values, laplace.mirnas))
    for name, variable in MCMC.items():
        values = variable.empty(dict(data.sizes))
        if name in made_up:
            values[:, rows] = made_up[name]
        data[name] = (variable.dims, values)
    data = data.assign_attrs(method="nuts")
    return Fit(data, laplace.design, metadata=laplace.metadata, samples=laplace.samples, ml=laplace.ml)


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
    return Fit(chosen, fit.design, metadata=fit.metadata, samples=fit.samples)


@pytest.fixture(scope="session")
def of_mirnas() -> Callable[[Fit, Sequence[int]], Fit]:
    """A fit of some of the miRNAs of another, or of many copies of them."""
    return _of_mirnas
