"""Summaries of weighted draws: plain arrays, the draws on the last axis."""

import numpy as np

NEGLIGIBLE = 1e-6  # weight of draws that may be undefined without a word
CHUNK = 4_000_000  # elements that are sorted at a time


def mean_and_sd(draws: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return weighted means and SDs (...,) of ``draws`` (..., S); ``weight`` (..., S) sums to 1."""
    mean = (weight * draws).sum(axis=-1)
    variance = (weight * (draws - mean[..., None]) ** 2).sum(axis=-1)
    return mean, np.sqrt(variance)


def defined(draws: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return draws and weights (rows, S) without undefined draws whose weight is negligible.

    A correlation has no value where an SD underflows, which importance points of weight 0 have; rows in which such
    draws weigh more than a millionth keep their NaN.
    """
    bad = ~np.isfinite(draws)
    lost = (weight * bad).sum(axis=-1, keepdims=True)
    bad &= lost <= NEGLIGIBLE
    kept = np.where(bad, 0.0, weight)
    return np.where(bad, 0.0, draws), kept / kept.sum(axis=-1, keepdims=True)


def equal_tailed(draws: np.ndarray, weight: np.ndarray, prob: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of the equal-tailed interval of level ``prob``, each (rows,).

    Parameters
    ----------
    draws, weight : array, shape (rows, S)
        A draw stands in the middle of its weight; between draws the distribution function is linear. NaN where a
        draw is NaN.
    """
    ends = np.full((2, len(draws)), np.nan)
    levels = np.array([(1.0 - prob) / 2.0, (1.0 + prob) / 2.0])
    step = max(1, CHUNK // max(draws.shape[1], 1))
    for start in range(0, len(draws), step):
        part = slice(start, start + step)
        order = np.argsort(draws[part], axis=1)
        values = np.take_along_axis(draws[part], order, axis=1)
        weights = np.take_along_axis(weight[part], order, axis=1)
        position = np.cumsum(weights, axis=1) - 0.5 * weights
        for row, (x, p) in enumerate(zip(values, position, strict=True), start):
            if np.isfinite(x).all() and np.isfinite(p).all():
                ends[:, row] = np.interp(levels, p, x)
    return ends[0], ends[1]


def highest_density(draws: np.ndarray, prob: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of the shortest interval with ``prob`` of the draws (rows, S) of equal weight, each (rows,)."""
    from arviz_stats.base import array_stats  # imported when used: showing a fit needs none of it

    ends = array_stats.hdi(draws, prob=prob, axis=-1)
    return ends[..., 0], ends[..., 1]


def sign_rates(draws: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return local false sign rates (...,): the smaller of P(effect >= 0) and P(effect <= 0).

    S draws cannot tell a rate from 0 that is much below 1 / S: none is given as less than 1 / (S + 1).
    """
    up = (weight * (draws >= 0)).sum(axis=-1)
    down = (weight * (draws <= 0)).sum(axis=-1)
    rate = np.clip(np.minimum(up, down), 1.0 / (draws.shape[-1] + 1), 1.0)
    return np.where(np.isfinite(draws).all(axis=-1), rate, np.nan)
