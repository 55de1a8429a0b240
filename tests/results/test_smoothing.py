"""Smoothed intervals against distributions that are known, and against counting draws."""

import numpy as np
import pytest
from scipy import optimize, special, stats

from bayes_mirglmm.results.smoothing import NormalMixture, normal_scores
from bayes_mirglmm.results.summaries import equal_tailed, highest_density, sign_rates

NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(80)
WEIGHTS = WEIGHTS / WEIGHTS.sum()


def scale_mixture(count: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """y | f ~ N(0.3 f, exp(0.4 f)), f ~ N(0, 1), drawn from a wider f with weights; f is seen as exp(f)."""
    rng = np.random.default_rng(seed)
    f = 1.2 * rng.standard_normal(count)
    weight = stats.norm.pdf(f) / stats.norm.pdf(f / 1.2)
    y = 0.3 * f + np.exp(0.2 * f) * rng.standard_normal(count)
    return y, weight / weight.sum(), np.exp(f)[:, None]


def true_quantile(p: float) -> float:
    def error(c: float) -> float:
        return float(WEIGHTS @ special.ndtr((c - 0.3 * NODES) / np.exp(0.2 * NODES)) - p)

    return optimize.brentq(error, -10, 10)


def test_quantiles_are_right_and_less_noisy_than_counting():
    truth = np.array([true_quantile(p) for p in (0.025, 0.975)])
    smooth, counted = [], []
    for seed in range(40):
        y, weight, features = scale_mixture(1000, seed)
        mixture = NormalMixture(y[None], weight, features)
        smooth.append([mixture.quantile(p)[0] for p in (0.025, 0.975)])
        counted.append(np.concatenate(equal_tailed(y[None], weight[None], 0.95)))
    error, rough = np.array(smooth) - truth, np.array(counted) - truth
    np.testing.assert_allclose(error.mean(axis=0), 0.0, atol=0.04)
    assert error.std() < 0.75 * rough.std()


def test_sign_rates_reach_below_one_draw():
    y, weight, features = scale_mixture(2000, 1)
    draws = np.stack([y + shift for shift in (0.0, 2.0, 6.0)])
    found = NormalMixture(draws, weight, features).sign_rate()
    mixed = [WEIGHTS @ special.ndtr(-(0.3 * NODES + s) / np.exp(0.2 * NODES)) for s in (0.0, 2.0, 6.0)]
    truth = np.minimum(mixed, 1 - np.array(mixed))
    np.testing.assert_allclose(found[:2], truth[:2], rtol=0.25)
    assert 0 < found[2] < 1e-4
    assert sign_rates(draws, weight)[2] == pytest.approx(1 / 2001)


def test_a_normal_without_features_is_exact():
    rng = np.random.default_rng(3)
    y = 5.0 + 2.0 * stats.norm.ppf((rng.permutation(5000) + 0.5) / 5000)
    mixture = NormalMixture(y[None], np.full(5000, 1 / 5000), np.full((5000, 1), np.inf))
    np.testing.assert_allclose(mixture.quantile(0.975), 5.0 + 2.0 * 1.959964, rtol=1e-3)
    np.testing.assert_allclose(mixture.below(np.array([5.0])), 0.5, atol=1e-6)


def test_normal_scores_follow_the_weights_and_leave_constants_out():
    weight = np.array([0.5, 0.25, 0.25])
    scores = normal_scores(np.array([[1.0, 7.0], [3.0, 7.0], [2.0, 7.0]]), weight)
    np.testing.assert_allclose(scores[:, 0], special.ndtri([0.25, 0.875, 0.625]))
    assert scores.shape == (3, 1)


def test_weighted_intervals_by_hand():
    lower, upper = equal_tailed(np.array([[3.0, 1.0, 2.0]]), np.array([[0.2, 0.4, 0.4]]), 0.5)
    # positions .2, .6, .9 of the draws 1, 2, 3: quantiles .25 and .75 by linear interpolation
    np.testing.assert_allclose([lower[0], upper[0]], [1.125, 2.5])
    lower, _ = equal_tailed(np.array([[np.nan, 1.0]]), np.array([[0.5, 0.5]]), 0.5)
    assert np.isnan(lower[0])


def test_shortest_intervals():
    """A skewed mixture: the ends have one density, and are those of a fine grid."""
    weight = np.array([0.7, 0.3])
    mixture = NormalMixture.__new__(NormalMixture)
    mixture.weight = weight
    mixture.mean, mixture.sd = np.array([[0.0, 1.5], [2.0, 2.0]]), np.array([[0.5, 2.0], [1.0, 1.0]])
    lower, upper = mixture.highest_density(0.9)
    x = np.linspace(-12, 14, 400_001)
    density = (stats.norm(mixture.mean[0], mixture.sd[0]).pdf(x[:, None]) * weight).sum(axis=1)
    order = np.argsort(-density)
    inside = np.sort(x[order[: np.searchsorted(np.cumsum(density[order]) * (x[1] - x[0]), 0.9)]])
    assert (lower[0], upper[0]) == pytest.approx((inside[0], inside[-1]), abs=2e-3)
    assert (lower[1], upper[1]) == pytest.approx(2 + np.array([-1.6449, 1.6449]), abs=2e-3)


def test_shortest_interval_of_draws():
    draws = np.stack([np.arange(100.0) ** 2, -(np.arange(100.0) ** 2)])
    lower, upper = highest_density(draws, 0.5)
    np.testing.assert_array_equal(lower, [0.0, -(50.0**2)])
    np.testing.assert_array_equal(upper, [50.0**2, 0.0])
