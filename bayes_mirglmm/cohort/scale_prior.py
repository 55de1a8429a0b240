"""The distribution of variances over features: scaled inverse chi-squared, fitted to all of them.

Smyth (2004), Statistical Applications in Genetics and Molecular Biology 3, article 3; limma's ``squeezeVar``. With few
samples the variance of one feature is known badly, and the smallest are the luckiest; each moves towards the common
scale, as far as the prior's degrees of freedom weigh against its own.
"""

from typing import NamedTuple

import numpy as np
from scipy import special

SMALLEST_SHARE = 1e-5  # of the median: variances below count as that, so that a zero does not decide the fit


class ScalePrior(NamedTuple):
    """``d0 s0^2 / variance`` is chi-squared with d0 degrees of freedom."""

    df: float
    """d0; inf where the variances differ no more than by chance."""
    variance: float
    """s0^2."""

    def moderated(self, sums: np.ndarray, df: np.ndarray | float) -> np.ndarray:
        """Return variances that are moved towards the prior, from sums of squares with ``df`` degrees of freedom."""
        if np.isinf(self.df):
            return np.full(np.shape(sums), self.variance)
        return (self.df * self.variance + sums) / (self.df + df)


def fit_scale_prior(sums: np.ndarray, df: np.ndarray | float) -> ScalePrior:
    """Fit the prior by the first two moments of the log variances.

    Parameters
    ----------
    sums : array, shape (m,)
        Sums of squares, 0 or more and not all 0.
    df : float or array, shape (m,)
        Their degrees of freedom, above 0.
    """
    own = sums / df
    safe = np.maximum(own, SMALLEST_SHARE * np.median(own[own > 0]))
    # the log of a scaled chi-squared has mean digamma(df/2) - log(df/2) and variance trigamma(df/2) beyond its scale
    half = np.broadcast_to(np.asarray(df, dtype=float) / 2, own.shape)
    level = np.log(safe) - special.digamma(half) + np.log(half)
    spread = level.var(ddof=1) - special.polygamma(1, half).mean()
    if not spread > 0:
        return ScalePrior(np.inf, float(np.average(safe, weights=half)))
    prior_df = 2 * trigamma_inverse(float(spread))
    log_scale = level.mean() + special.digamma(prior_df / 2) - np.log(prior_df / 2)
    return ScalePrior(float(prior_df), float(np.exp(log_scale)))


def trigamma_inverse(value: float) -> float:
    """Return x > 0 with trigamma(x) = ``value`` > 0, by Newton's method on the nearly linear 1/trigamma."""
    x = 0.5 + 1 / value
    for _ in range(100):
        at = float(special.polygamma(1, x))
        step = at * (1 - at / value) / float(special.polygamma(2, x))
        x += step
        if abs(step) <= 1e-13 * x:
            break
    return float(x)
