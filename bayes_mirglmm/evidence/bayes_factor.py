"""From Bayes factors to probabilities, to sets with a false discovery rate, and to other scales of the prior.

BF10 is the evidence of the model with isomiR slopes over that of the model without, all other priors shared. It belongs
to the prior of the slope SDs, half-normal with some scale: a wider prior puts more of its mass where the data are not,
and lowers it. So it is reported with its scale, and along a curve of scales.
"""

from typing import NamedTuple

import numpy as np
from scipy import special


class Rescaled(NamedTuple):
    """A Bayes factor carried to other scales of the slope prior."""

    log_ratio: np.ndarray
    """Log of the evidence at each scale over that at the scale of the draws, shape (scales,)."""
    error: np.ndarray
    """Monte Carlo standard error of the log evidence at each scale, shape (scales,)."""
    log_weights: np.ndarray
    """Log weights of the draws at each scale, shape (scales, N)."""
    effective_size: np.ndarray
    """Effective number of draws at each scale, shape (scales,)."""


def posterior_probability(log_bf10: np.ndarray, prior_odds: float = 1.0) -> np.ndarray:
    """Return the posterior probability of the full model.

    Parameters
    ----------
    log_bf10 : array_like
        Natural log; NaN stays NaN.
    prior_odds : float
        P(full) / P(reduced) before seeing the data, positive.

    Raises
    ------
    ValueError
        ``prior_odds`` is not positive and finite.
    """
    if not 0 < prior_odds < np.inf:
        raise ValueError(f"prior_odds is {prior_odds}: give odds above 0 (1 for even).")
    return special.expit(np.asarray(log_bf10, dtype=np.float64) + np.log(prior_odds))


def bayesian_fdr(probability: np.ndarray) -> np.ndarray:
    """Return, for each miRNA, the expected share of false ones among all that are as probable or more.

    Calling everything at or below ``a`` keeps the Bayesian false discovery rate at or below ``a`` (Newton, Noueiry,
    Sarkar & Ahlquist 2004, Biostatistics 5:155), if the model and the prior odds are right.

    Parameters
    ----------
    probability : array_like, shape (n,)
        Posterior probabilities of differential usage; NaN stays NaN and counts nowhere.
    """
    error = 1.0 - np.asarray(probability, dtype=np.float64)
    result = np.full(error.shape, np.nan)
    known = np.isfinite(error)
    order = np.sort(error[known])
    count = np.searchsorted(order, error[known], side="right")
    result[known] = np.cumsum(order)[count - 1] / count
    return result


def rescale_evidence(slope_sds: np.ndarray, weight: np.ndarray, scale: float, scales: np.ndarray) -> Rescaled:
    """Carry the evidence of the full model to other scales of the half-normal prior of its slope SDs.

    Z(a') / Z(a) is the posterior mean, at scale a, of the ratio of the two prior densities.

    Parameters
    ----------
    slope_sds : array, shape (N, q)
        Draws of the SDs of the q slopes, in the prior's units.
    weight : array, shape (N,)
        Weights of the draws, sum 1.
    scale : float
        The scale a of the draws.
    scales : array, shape (scales,)
        The scales a' to go to.
    """
    q = slope_sds.shape[1]
    square = 0.5 * (slope_sds**2).sum(axis=1)
    log_ratio = q * np.log(scale / scales)[:, None] + square * (scale**-2.0 - scales**-2.0)[:, None]
    with np.errstate(divide="ignore"):
        log_weights = np.log(weight) + log_ratio
    log_sum = special.logsumexp(log_weights, axis=1)
    normalised = np.exp(log_weights - log_sum[:, None])
    effective = 1.0 / (normalised**2).sum(axis=1)
    error = np.sqrt(np.maximum(1.0 / effective - 1.0 / len(weight), 0.0))
    return Rescaled(log_sum, error, log_weights, effective)
