"""The likelihood with all its derivatives in one pass over the cells.

A sum over cells of what depends on the mean, and over the table of distinct counts of what does not, so that gamma
functions are evaluated once for each distinct count.
"""

import math

import numpy as np

from bayes_mirglmm.kernels.compilation import kernel
from bayes_mirglmm.kernels.special import HALF_LOG_2PI, digamma_error, stirling_error


@kernel
def negative_binomial(
    row: np.ndarray,
    effect: np.ndarray,
    theta: float,
    y: np.ndarray,
    z: np.ndarray,
    distinct: np.ndarray,
    multiplicity: np.ndarray,
    by_row: np.ndarray,
    by_effect: np.ndarray,
) -> tuple[float, float]:
    """Return the log-likelihood of log mu_ji = row_i + z_i' effect_j, and its derivative in log theta.

    Parameters
    ----------
    row : array, shape (n,)
    effect : array, shape (J, K)
    theta : float
    y : array, shape (J, n)
    z : array, shape (n, K)
    distinct, multiplicity : array
        The distinct counts, and in how many cells each stands.
    by_row, by_effect : array
        Derivatives in ``row`` and ``effect`` are added to these.
    """
    n_isomirs, n = y.shape
    k = z.shape[1]
    value = 0.0
    by_theta = 0.0
    for j in range(n_isomirs):
        for i in range(n):
            eta = row[i]
            for a in range(k):
                eta += z[i, a] * effect[j, a]
            m = math.exp(eta)
            c = y[j, i]
            left = math.log1p(m / theta)
            value += c * eta - (c + theta) * left
            weight = (c - m) / (theta + m)
            by_theta -= left + weight
            score = weight * theta
            by_row[i] += score
            for a in range(k):
                by_effect[j, a] += z[i, a] * score
    error, slope_error = stirling_error(theta), digamma_error(theta)
    for d in range(distinct.shape[0]):
        c = distinct[d]
        ratio = math.log1p(c / theta)
        # log Gamma(c + theta) - log Gamma(theta) - c log theta - log c!, by Stirling's formula and its remainders
        one = (c + theta - 0.5) * ratio - c + stirling_error(c + theta) - error - log_factorial(c)
        value += multiplicity[d] * one
        slope = ratio + 0.5 * c / (theta * (c + theta)) - digamma_error(c + theta) + slope_error
        by_theta += multiplicity[d] * slope
    # 1/2 (1/theta - 1/(c + theta)) is what 0.5 c / (theta (c + theta)) is: no difference of large numbers.
    return value, by_theta * theta


@kernel
def poisson(
    row: np.ndarray,
    effect: np.ndarray,
    y: np.ndarray,
    z: np.ndarray,
    distinct: np.ndarray,
    multiplicity: np.ndarray,
    by_row: np.ndarray,
    by_effect: np.ndarray,
) -> float:
    """As :func:`negative_binomial`, with theta infinite."""
    n_isomirs, n = y.shape
    k = z.shape[1]
    value = 0.0
    for j in range(n_isomirs):
        for i in range(n):
            eta = row[i]
            for a in range(k):
                eta += z[i, a] * effect[j, a]
            m = math.exp(eta)
            c = y[j, i]
            value += c * eta - m
            by_row[i] += c - m
            for a in range(k):
                by_effect[j, a] += z[i, a] * (c - m)
    for d in range(distinct.shape[0]):
        value -= multiplicity[d] * log_factorial(distinct[d])
    return value


@kernel
def log_factorial(c: float) -> float:
    """Return log c!."""
    x = c + 1.0
    return (x - 0.5) * math.log(x) - x + HALF_LOG_2PI + stirling_error(x)
