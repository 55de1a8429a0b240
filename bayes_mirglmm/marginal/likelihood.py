"""The likelihood of all cells given their means: value, derivatives, curvature.

With t = 1/(1 + mu/theta): score D1 = (y - mu) t, observed curvature (1 + y/theta) mu t^2, expected curvature mu t.
The Poisson likelihood is theta = inf, t = 1. The value is written as a saturated log-likelihood less half deviances,
so that counts of 1e9 and theta of 1e10 lose no digits.
"""

import math

import numpy as np

from bayes_mirglmm.kernels.compilation import kernel
from bayes_mirglmm.kernels.special import (
    HALF_LOG_2PI,
    digamma_error,
    half_deviance,
    log1p_minus,
    stirling_error,
)


@kernel
def saturated(distinct: np.ndarray, multiplicity: np.ndarray, theta: float) -> float:
    """Log-likelihood summed over cells at mu = y."""
    value = 0.0
    error = stirling_error(theta) if math.isfinite(theta) else 0.0
    for k in range(distinct.shape[0]):
        y = distinct[k]
        one = -HALF_LOG_2PI - 0.5 * math.log(y) - stirling_error(y)
        if math.isfinite(theta):
            one += -0.5 * math.log1p(y / theta) + stirling_error(y + theta) - error
        value += multiplicity[k] * one
    return value


@kernel
def log_likelihood(y: np.ndarray, mu: np.ndarray, theta: float) -> float:
    """Log-likelihood less its saturated part; -inf where mu overflows."""
    value = 0.0
    n, n_isomirs = mu.shape
    for i in range(n):
        for j in range(n_isomirs):
            value -= half_deviance(y[i, j], mu[i, j], theta)
    return value if math.isfinite(value) else -math.inf


@kernel
def score_and_curvature(
    y: np.ndarray, mu: np.ndarray, theta: float, expected: bool, score: np.ndarray, curvature: np.ndarray
) -> None:
    """Write D1 and W of every cell into ``score`` and ``curvature``, both (n, J)."""
    n, n_isomirs = mu.shape
    for i in range(n):
        for j in range(n_isomirs):
            c = y[i, j]
            m = mu[i, j]
            if not math.isfinite(theta):
                score[i, j] = c - m
                curvature[i, j] = m
            else:
                t = theta / (theta + m)
                score[i, j] = (c - m) * t
                curvature[i, j] = m * t if expected else m * t * ((theta + c) / (theta + m))


@kernel
def curvature_slopes(
    y: np.ndarray, mu: np.ndarray, theta: float, expected: bool, by_eta: np.ndarray, by_log_theta: np.ndarray
) -> None:
    """Write dW/d eta and dW/d log theta of every cell, both (n, J)."""
    n, n_isomirs = mu.shape
    for i in range(n):
        for j in range(n_isomirs):
            c = y[i, j]
            m = mu[i, j]
            if not math.isfinite(theta):
                by_eta[i, j] = m
                by_log_theta[i, j] = 0.0
                continue
            t = theta / (theta + m)
            rest = m / (theta + m)
            if expected:
                by_eta[i, j] = m * t * t
                by_log_theta[i, j] = m * t * rest
            else:
                w = m * t * ((theta + c) / (theta + m))
                by_eta[i, j] = w * (t - rest)
                by_log_theta[i, j] = 2.0 * w * rest - rest * c * t


@kernel
def by_log_theta(
    y: np.ndarray, distinct: np.ndarray, multiplicity: np.ndarray, mu: np.ndarray, theta: float
) -> float:
    """Derivative of the full log-likelihood in log theta, at fixed means."""
    value = 0.0
    n, n_isomirs = mu.shape
    for i in range(n):
        for j in range(n_isomirs):
            m = mu[i, j]
            value += log1p_minus((y[i, j] - m) / (theta + m))
    error = digamma_error(theta)
    for k in range(distinct.shape[0]):
        c = distinct[k]
        value += multiplicity[k] * (0.5 * c / (theta * (c + theta)) - digamma_error(c + theta) + error)
    return theta * value


@kernel
def score_by_log_theta(y: np.ndarray, mu: np.ndarray, theta: float, out: np.ndarray) -> None:
    """Write dD1/d log theta of every cell, (n, J)."""
    n, n_isomirs = mu.shape
    for i in range(n):
        for j in range(n_isomirs):
            m = mu[i, j]
            out[i, j] = (y[i, j] - m) * (theta / (theta + m)) * (m / (theta + m))
