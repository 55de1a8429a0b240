"""The likelihood with all its derivatives, in passes over the cells that a processor takes several at a time.

A sum over cells of what depends on the mean, and over the table of distinct counts of what does not, so that gamma
functions are evaluated once for each distinct count. Without log c!, which no parameter changes:
:func:`bayes_mirglmm.nuts.data.prepare` has it in the constant of the density.
"""

import numpy as np

from bayes_mirglmm.kernels.compilation import summing_kernel
from bayes_mirglmm.kernels.elementary import fast_exp, log_ratio
from bayes_mirglmm.kernels.special import (
    ASYMPTOTIC,
    digamma_error,
    digamma_error_series,
    stirling_error,
    stirling_error_series,
)


@summing_kernel
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
    """Return the log-likelihood of log mu_ji = row_i + z_i' effect_j less log c!, and its derivative in log theta.

    Parameters
    ----------
    row : array, shape (n,)
    effect : array, shape (J, K)
    theta : float
    y : array, shape (J, n)
    z : array, shape (n, K)
    distinct, multiplicity : array
        The distinct counts in ascending order, and in how many cells each stands.
    by_row, by_effect : array
        Derivatives in ``row`` and ``effect`` are added to these.
    """
    columns = np.ascontiguousarray(z.T)
    cells = linear_predictor(row, effect, columns)
    eta, count = cells.ravel(), y.ravel()
    over_theta = 1.0 / theta
    value = 0.0
    by_theta = 0.0
    for cell in range(eta.shape[0]):
        m = fast_exp(eta[cell])
        c = count[cell]
        ratio = m * over_theta
        left = log_ratio(1.0 + ratio, ratio)
        value += c * eta[cell] - (c + theta) * left
        weight = (c - m) / (theta + m)
        by_theta -= left + weight
        eta[cell] = weight * theta  # the score
    add_scores(cells, columns, by_row, by_effect)
    error, slope_error = stirling_error(theta), digamma_error(theta)
    first = 0
    while first < distinct.shape[0] and distinct[first] < ASYMPTOTIC:
        c = distinct[first]
        ratio = c * over_theta
        left = log_ratio(1.0 + ratio, ratio)
        # log Gamma(c + theta) - log Gamma(theta) - c log theta, by Stirling's formula and its remainders
        one = (c + theta - 0.5) * left - c + stirling_error(c + theta) - error
        value += multiplicity[first] * one
        slope = left + 0.5 * c / (theta * (c + theta)) - digamma_error(c + theta) + slope_error
        by_theta += multiplicity[first] * slope
        first += 1
    # 1/2 (1/theta - 1/(c + theta)) is what 0.5 c / (theta (c + theta)) is: no difference of large numbers.
    for d in range(first, distinct.shape[0]):
        c = distinct[d]
        ratio = c * over_theta
        left = log_ratio(1.0 + ratio, ratio)
        one = (c + theta - 0.5) * left - c + stirling_error_series(c + theta) - error
        value += multiplicity[d] * one
        slope = left + 0.5 * c / (theta * (c + theta)) - digamma_error_series(c + theta) + slope_error
        by_theta += multiplicity[d] * slope
    return value, by_theta * theta


@summing_kernel
def poisson(
    row: np.ndarray,
    effect: np.ndarray,
    y: np.ndarray,
    z: np.ndarray,
    by_row: np.ndarray,
    by_effect: np.ndarray,
) -> float:
    """As :func:`negative_binomial`, with theta infinite."""
    columns = np.ascontiguousarray(z.T)
    cells = linear_predictor(row, effect, columns)
    eta, count = cells.ravel(), y.ravel()
    value = 0.0
    for cell in range(eta.shape[0]):
        m = fast_exp(eta[cell])
        value += count[cell] * eta[cell] - m
        eta[cell] = count[cell] - m
    add_scores(cells, columns, by_row, by_effect)
    return value


@summing_kernel
def linear_predictor(row: np.ndarray, effect: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return row_i + z_i' effect_j (J, n); ``columns`` (K, n) are those of z."""
    n_isomirs, k = effect.shape
    out = np.empty((n_isomirs, row.shape[0]))
    for j in range(n_isomirs):
        for i in range(row.shape[0]):
            out[j, i] = row[i]
        for a in range(k):
            own = effect[j, a]
            for i in range(row.shape[0]):
                out[j, i] += columns[a, i] * own
    return out


@summing_kernel
def add_scores(scores: np.ndarray, columns: np.ndarray, by_row: np.ndarray, by_effect: np.ndarray) -> None:
    """Add the derivatives of :func:`linear_predictor` that ``scores`` (J, n) make."""
    for j in range(scores.shape[0]):
        for i in range(scores.shape[1]):
            by_row[i] += scores[j, i]
        for a in range(columns.shape[0]):
            total = 0.0
            for i in range(scores.shape[1]):
                total += columns[a, i] * scores[j, i]
            by_effect[j, a] += total
