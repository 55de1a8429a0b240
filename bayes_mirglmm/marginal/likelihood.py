"""The likelihood of all cells given their means: value, derivatives, curvature.

With t = 1/(1 + mu/theta): score D1 = (y - mu) t, observed curvature (1 + y/theta) mu t^2, expected curvature mu t.
The Poisson likelihood is theta = inf, t = 1. The value is written as a saturated log-likelihood less half deviances,
so that counts of 1e9 and theta of 1e10 lose no digits. Cells are gone through in one line, not row by row, for
isomiRs are often fewer than a processor takes at once.
"""

import math

import numpy as np

from bayes_mirglmm.kernels.compilation import inlined_kernel, kernel, summing_kernel
from bayes_mirglmm.kernels.elementary import fast_exp, fast_log, log_ratio_minus
from bayes_mirglmm.kernels.special import (
    ASYMPTOTIC,
    HALF_LOG_2PI,
    digamma_error,
    digamma_error_series,
    negative_binomial_half_deviance,
    poisson_half_deviance,
    stirling_error,
    stirling_error_series,
)


@summing_kernel
def saturated(distinct: np.ndarray, multiplicity: np.ndarray, theta: float) -> float:
    """Log-likelihood summed over cells at mu = y; ``distinct`` counts in ascending order."""
    value = 0.0
    finite = math.isfinite(theta)
    error = stirling_error(theta) if finite else 0.0
    first = _first_asymptotic(distinct)
    for k in range(first):
        y = distinct[k]
        one = -HALF_LOG_2PI - 0.5 * math.log(y) - stirling_error(y)
        if finite:
            one += -0.5 * math.log1p(y / theta) + stirling_error(y + theta) - error
        value += multiplicity[k] * one
    if finite:
        for k in range(first, distinct.shape[0]):
            y = distinct[k]
            one = -HALF_LOG_2PI - 0.5 * (fast_log(y) + fast_log(1.0 + y / theta)) - error
            value += multiplicity[k] * (one + stirling_error_series(y + theta) - stirling_error_series(y))
    else:
        for k in range(first, distinct.shape[0]):
            y = distinct[k]
            value -= multiplicity[k] * (HALF_LOG_2PI + 0.5 * fast_log(y) + stirling_error_series(y))
    return value


@kernel
def _first_asymptotic(distinct: np.ndarray) -> int:
    """Place of the first count at which the asymptotic series hold."""
    first = 0
    while first < distinct.shape[0] and distinct[first] < ASYMPTOTIC:
        first += 1
    return first


@summing_kernel
def log_likelihood(y: np.ndarray, mu: np.ndarray, theta: float) -> float:
    """Log-likelihood less its saturated part; -inf where mu overflows."""
    value = 0.0
    count, mean = y.ravel(), mu.ravel()
    if math.isfinite(theta):
        for c in range(mean.shape[0]):
            value -= negative_binomial_half_deviance(count[c], mean[c], theta)
    else:
        for c in range(mean.shape[0]):
            value -= poisson_half_deviance(count[c], mean[c])
    return value if math.isfinite(value) else -math.inf


@kernel
def exponentiate(cells: np.ndarray) -> None:
    """Overwrite every number x of ``cells`` (n, J) with e^x."""
    flat = cells.ravel()
    for c in range(flat.shape[0]):
        flat[c] = fast_exp(flat[c])


@kernel
def score_and_curvature(
    y: np.ndarray, mu: np.ndarray, theta: float, expected: bool, score: np.ndarray, curvature: np.ndarray
) -> None:
    """Write D1 and W of every cell into ``score`` and ``curvature``, both (n, J)."""
    count, mean, one, two = y.ravel(), mu.ravel(), score.ravel(), curvature.ravel()
    if not math.isfinite(theta):
        for c in range(mean.shape[0]):
            one[c] = count[c] - mean[c]
            two[c] = mean[c]
    elif expected:
        for c in range(mean.shape[0]):
            t = theta / (theta + mean[c])
            one[c] = (count[c] - mean[c]) * t
            two[c] = mean[c] * t
    else:
        for c in range(mean.shape[0]):
            r = 1.0 / (theta + mean[c])
            t = theta * r
            one[c] = (count[c] - mean[c]) * t
            two[c] = mean[c] * t * ((theta + count[c]) * r)


@kernel
def curvature_slopes(
    y: np.ndarray, mu: np.ndarray, theta: float, expected: bool, by_eta: np.ndarray, by_log_theta: np.ndarray
) -> None:
    """Write dW/d eta and dW/d log theta of every cell, both (n, J)."""
    count, mean, one, two = y.ravel(), mu.ravel(), by_eta.ravel(), by_log_theta.ravel()
    if not math.isfinite(theta):
        for c in range(mean.shape[0]):
            one[c] = mean[c]
            two[c] = 0.0
    elif expected:
        for c in range(mean.shape[0]):
            r = 1.0 / (theta + mean[c])
            t = theta * r
            one[c] = mean[c] * t * t
            two[c] = mean[c] * t * (mean[c] * r)
    else:
        for c in range(mean.shape[0]):
            r = 1.0 / (theta + mean[c])
            t = theta * r
            rest = mean[c] * r
            w = mean[c] * t * ((theta + count[c]) * r)
            one[c] = w * (t - rest)
            two[c] = 2.0 * w * rest - rest * count[c] * t


@summing_kernel
def by_log_theta(
    y: np.ndarray, distinct: np.ndarray, multiplicity: np.ndarray, mu: np.ndarray, theta: float
) -> float:
    """Derivative of the full log-likelihood in log theta, at fixed means."""
    value = 0.0
    count, mean = y.ravel(), mu.ravel()
    for c in range(mean.shape[0]):
        value += _log_ratio_of_sizes(count[c], mean[c], theta)
    error = digamma_error(theta)
    first = _first_asymptotic(distinct)
    for k in range(first):
        one = distinct[k]
        value += multiplicity[k] * (0.5 * one / (theta * (one + theta)) - digamma_error(one + theta) + error)
    for k in range(first, distinct.shape[0]):
        one = distinct[k]
        rest = error - digamma_error_series(one + theta)
        value += multiplicity[k] * (0.5 * one / (theta * (one + theta)) + rest)
    return theta * value


@inlined_kernel
def _log_ratio_of_sizes(y: float, mu: float, theta: float) -> float:
    """Return log(r) - (r - 1) of r = (theta + y)/(theta + mu)."""
    over = 1.0 / (theta + mu)
    return log_ratio_minus((theta + y) * over, (y - mu) * over)


@kernel
def score_by_log_theta(y: np.ndarray, mu: np.ndarray, theta: float, out: np.ndarray) -> None:
    """Write dD1/d log theta of every cell, (n, J)."""
    count, mean, flat = y.ravel(), mu.ravel(), out.ravel()
    for c in range(mean.shape[0]):
        r = 1.0 / (theta + mean[c])
        flat[c] = (count[c] - mean[c]) * (theta * r) * (mean[c] * r)
