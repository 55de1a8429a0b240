"""Posterior predictive checks: statistics by hand, and p-values where the model is right and where it is wrong."""

import numpy as np
import pytest

import bayes_mirglmm as bm
from bayes_mirglmm.results.predictive import dispersion, sample_spread, zeros

OPTIONS = {"method": "laplace", "progress": False}


@pytest.fixture(scope="module")
def counts(own_numbers):
    with own_numbers():
        made = bm.simulate(n_per_group=10, n_mirnas=3, n_isomirs=12, theta=1.5, seed=8).counts
    return made.isel(isomir=made["mirna"].values != "background")


def test_statistics_by_hand():
    counts = np.array([[0.0, 2.0, 4.0], [3.0, 3.0, 3.0]])
    flat = np.zeros(3)
    assert zeros(counts, flat) == pytest.approx(1 / 6)
    # variances 4 and 0, means 2 and 3
    assert dispersion(counts, flat) == pytest.approx((4 / 4 + 0) / 2)
    assert sample_spread(counts, flat) == pytest.approx(np.log([3.5, 5.5, 7.5]).std(ddof=1))
    # Only rates matter: twice the depth with twice the counts changes nothing.
    depth = np.log([1.0, 2.0, 4.0])
    assert dispersion(counts * np.exp(depth), depth) == pytest.approx(0.5)
    assert zeros(np.stack([counts, counts + 1]), flat) == pytest.approx([1 / 6, 0.0])


def test_the_right_model_passes_and_poisson_does_not(counts):
    right = bm.fit(counts, "~ group", **OPTIONS).predictive_checks()
    assert list(right["statistic"]) == ["zeros", "dispersion", "sample_spread"] * 3
    assert right["p_value"].between(0.002, 0.998).all()  # nine of them
    assert ((right["lower"] <= right["expected"]) & (right["expected"] <= right["upper"])).all()
    wrong = bm.fit(counts, "~ group", model="poisson", **OPTIONS).predictive_checks()
    wrong = wrong[wrong["statistic"] == "dispersion"]
    # theta is 1.5, far from Poisson; sample effects take some of it up
    assert (wrong["p_value"] < 0.1).all()
    assert wrong["p_value"].min() < 0.01
    assert (wrong["observed"] > wrong["expected"]).all()


def test_some_mirnas_and_none(counts):
    fit = bm.fit(counts, "~ group", **OPTIONS)
    assert set(fit.predictive_checks([fit.mirnas[1]])["mirna"]) == {fit.mirnas[1]}
    with pytest.raises(bm.InputError, match="method='laplace' or 'nuts'"):
        fit.ml.predictive_checks()
