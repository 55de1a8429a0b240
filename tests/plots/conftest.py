"""Fits that the tests of pictures share."""

import matplotlib
import pandas as pd
import pytest

import bayes_mirglmm as bm
from bayes_mirglmm.results import Fit

matplotlib.use("Agg")


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
