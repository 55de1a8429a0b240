"""Draws that spread evenly: places as often as weights say, margins of a mixture, raking."""

import numpy as np
from scipy import stats

from bayes_mirglmm.nested.strata import mixture_margin, place_draws, rake, thin, weighted_margin

RNG_SEED = 7


def test_places_are_taken_as_often_as_their_weights_say():
    weights = np.array([0.5, 0.3, 0.0, 0.15, 0.05])
    placed = place_draws(
        weights, np.array([3.0, 1.0, 5.0, 2.0, 4.0]), 1024, 3, np.random.default_rng(RNG_SEED)
    )
    counts = np.bincount(placed.point, minlength=5)
    assert np.abs(counts - 1024 * weights).max() <= 1.5  # a point more or less at either end of a share
    assert counts[2] == 0
    for column in placed.normals.T:
        assert stats.kstest(column, stats.norm.cdf).statistic < 0.005


def test_more_normals_than_even_ones():
    placed = place_draws(np.ones(1), np.zeros(1), 2048, 70, np.random.default_rng(RNG_SEED))
    assert placed.normals.shape == (2048, 70)
    assert np.abs(np.corrcoef(placed.normals.T) - np.eye(70)).max() < 0.15
    assert stats.kstest(placed.normals[:, -1], stats.norm.cdf).statistic < 0.003


def test_thinning_keeps_the_distribution():
    values = np.random.default_rng(RNG_SEED).normal(size=4000)
    weights = np.exp(0.5 * values)
    kept = thin(values, weights / weights.sum(), 500)
    assert stats.kstest(values[kept], stats.norm(0.5).cdf).statistic < 0.04
    order = np.argsort(values)
    cumulative = np.cumsum(weights[order]) / weights.sum()
    rank = np.interp(np.sort(values[kept]), values[order], cumulative)
    np.testing.assert_allclose(rank, (np.arange(500) + 0.5) / 500, atol=1e-3)


def test_raked_draws_have_the_quantiles_of_the_mixture():
    rng = np.random.default_rng(RNG_SEED)
    weights = rng.dirichlet(np.ones(40))
    mean, sd = rng.normal(size=40), rng.uniform(0.5, 2.0, 40)
    point = rng.choice(40, p=weights, size=1500)
    values = mean[point] + sd[point] * rng.standard_normal(1500)
    found = rake(
        [weighted_margin(mean[point], weights, mean), mixture_margin(values, weights, mean, sd)], 1500
    )
    order = np.argsort(values)
    grid = np.linspace(-12, 12, 20_001)
    distribution = weights @ stats.norm.cdf((grid - mean[:, None]) / sd[:, None])
    whole = np.sqrt(weights @ (sd**2 + mean**2) - (weights @ mean) ** 2)
    for prob, limit in ((0.025, 0.04), (0.975, 0.04), (0.5, 0.01)):
        exact = np.interp(prob, distribution, grid)
        own = np.interp(prob, np.cumsum(found[order]), values[order])
        assert abs(own - exact) < limit * whole  # between neighbouring draws
    assert 1 / (found**2).sum() > 1300
    assert abs(found @ mean[point] - weights @ mean) < 0.02


def test_raking_meets_several_margins_at_once():
    rng = np.random.default_rng(RNG_SEED)
    x = rng.standard_normal((1000, 2)) + 0.2
    zero, one = np.zeros(1), np.ones(1)
    margins = [mixture_margin(x[:, c], np.ones(1), zero, one) for c in range(2)]
    weights = rake(margins, 1000)
    assert abs(weights.sum() - 1) < 1e-12
    for margin in margins:
        below = [weights[margin.values < cut].sum() for cut in margin.cuts]
        np.testing.assert_allclose(below, margin.below, atol=1e-5)
    assert np.abs(weights @ x).max() < 0.02
