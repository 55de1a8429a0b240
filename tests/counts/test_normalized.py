"""Normalised expression: against edgeR's numbers, and against what stabilising a variance means."""

import numpy as np
import pytest

import bayes_mirglmm as bm
from bayes_mirglmm.counts.container import make_counts
from bayes_mirglmm.counts.normalized import Trend, dispersion_trend, variance_stabilised
from bayes_mirglmm.errors import InputError

VALUES = np.array([[10, 35, 90], [0, 5, 3], [200, 400, 50]])


@pytest.fixture
def counts():
    return make_counts(VALUES, isomir=["a", "b", "c"], mirna=["m", "m", "n"], sample=list("xyz"))


def test_cpm_are_per_million_of_the_total_before_any_filter(counts):
    found = bm.normalized(counts, level="isomir")
    np.testing.assert_allclose(found, 1e6 * VALUES / VALUES.sum(axis=0), rtol=1e-12)
    assert list(found["mirna"].values) == ["m", "m", "n"]
    sums = bm.normalized(counts.isel(isomir=[0, 1]))  # total is that of all three
    np.testing.assert_allclose(sums, 1e6 * VALUES[:2].sum(axis=0, keepdims=True) / VALUES.sum(axis=0))
    assert sums.dims == ("mirna", "sample")
    assert sums.attrs["units"] == "counts per million"


def test_log_cpm_are_those_of_edger(counts):
    # cpm(matrix, log=TRUE) of edgeR 3.40.2
    wanted = [
        [15.7303272248, 16.3889102811, 19.2591228617],
        [12.8636860970, 14.1867067289, 14.7792939098],
        [19.8509275474, 19.7843547344, 18.4247714957],
    ]
    np.testing.assert_allclose(bm.normalized(counts, "log_cpm", level="isomir"), wanted, rtol=1e-10)


@pytest.mark.parametrize("trend", [Trend(0.1, 0.0), Trend(0.34, 11.3)])
def test_the_transformation_has_the_slope_that_makes_the_variance_constant(trend):
    q = np.geomspace(0.5, 1e6, 40)
    step = 1e-5 * q
    slope = (variance_stabilised(q + step, trend) - variance_stabilised(q - step, trend)) / (2 * step)
    variance = q + (trend.asymptotic + trend.extra / q) * q**2
    np.testing.assert_allclose(slope * np.sqrt(variance), np.sqrt(trend.asymptotic) / np.log(2), rtol=1e-5)
    large = 1e12
    assert variance_stabilised(np.array([large]), trend)[0] == pytest.approx(np.log2(large), abs=1e-6)


def test_the_trend_of_the_dispersion_is_found():
    rng = np.random.default_rng(3)
    mean = np.geomspace(20, 2e4, 400)[:, None]
    alpha = 0.2 + 8.0 / mean
    values = rng.poisson(mean * rng.gamma(1 / alpha, alpha, size=(400, 200)))
    found = dispersion_trend(values.astype(float), np.ones(200))
    # 400 dispersions, each known to about sqrt(2 / 199) and more for a gamma's tail
    assert found.asymptotic == pytest.approx(0.2, rel=0.1)
    assert found.extra == pytest.approx(8.0, rel=0.2)
    flat = rng.poisson(mean * rng.gamma(1 / 0.2, 0.2, size=(400, 200)))
    assert dispersion_trend(flat.astype(float), np.ones(200)).asymptotic == pytest.approx(0.2, rel=0.1)
    assert dispersion_trend(rng.poisson(mean * np.ones((1, 5))) * 0.0, np.ones(5)).extra == 0.0


def test_spread_no_longer_rises_with_the_mean():
    simulated = bm.simulate(10, ("A", "B"), n_mirnas=60, n_isomirs=2, changed=0.0, theta=5.0, seed=2).counts
    sd = bm.normalized(simulated, "vst").std("sample")
    mean = bm.normalized(simulated, "cpm").mean("sample")
    order = np.argsort(mean.values)
    low, high = sd.values[order[:20]].mean(), sd.values[order[-20:]].mean()
    raw = bm.normalized(simulated, "cpm").std("sample").values
    assert 0.6 < high / low < 1.6
    assert raw[order[-20:]].mean() / raw[order[:20]].mean() > 5


def test_what_is_unknown_is_refused(counts):
    with pytest.raises(InputError, match="'cpm', 'log_cpm', 'vst'"):
        bm.normalized(counts, "rlog")
    with pytest.raises(InputError, match="'mirna' or 'isomir'"):
        bm.normalized(counts, level="gene")
    with pytest.raises(InputError, match="median_ratio"):
        bm.normalized(counts, offset="median")
