"""From the fitted counts of one miRNA to responses on the log scale that least squares can take.

``r = log mu + (g(y) - g(mu)) sqrt(1/mu + 1/theta) - offset`` with the variance stabiliser of the negative binomial,
``g(y) = 2 sqrt(theta) asinh(sqrt((y + 3/8)/theta))`` (Anscombe 1948, Biometrika 35:246): to first order the log of the
rate, without its singularity at a count of 0.
"""

from typing import NamedTuple

import numpy as np


class Responses(NamedTuple):
    """Responses of one miRNA with J isomiRs in n samples."""

    pooled: np.ndarray
    """Weighted mean over the isomiRs, natural log of counts per unit of the offset, shape (n,)."""
    isomirs: np.ndarray
    """Of each isomiR, shape (J, n)."""
    weights: np.ndarray
    """Of the isomiRs in ``pooled``: proportional to the square root of the mean count, sum 1, shape (J,)."""
    precision: np.ndarray
    """Of the isomiRs' responses under the counts' own noise, mean over the samples of 1/mu + 1/theta inverted, (J,)."""


def log_scale_responses(
    counts: np.ndarray, log_mean: np.ndarray, theta: float, offset: np.ndarray
) -> Responses:
    """Return the responses of one miRNA.

    Parameters
    ----------
    counts, log_mean : array, shape (J, n)
        Counts, and the log of their fitted conditional means (random effects at their modes).
    theta : float
        Size of the negative binomial; inf for Poisson.
    offset : array, shape (n,)
        Log offset of the model.
    """
    y, mean = np.asarray(counts, dtype=np.float64), np.exp(log_mean)
    noise = 1.0 / mean + 1.0 / theta
    isomirs = log_mean + (_stabilised(y, theta) - _stabilised(mean, theta)) * np.sqrt(noise) - offset
    root = np.sqrt(y.mean(axis=1))
    weights = root / root.sum()
    return Responses(weights @ isomirs, isomirs, weights, 1.0 / noise.mean(axis=1))


def _stabilised(y: np.ndarray, theta: float) -> np.ndarray:
    if np.isinf(theta):
        return 2.0 * np.sqrt(y + 0.375)
    return 2.0 * np.sqrt(theta) * np.arcsinh(np.sqrt((y + 0.375) / theta))
