"""Moderated variances (Smyth 2004, Statistical Applications in Genetics and Molecular Biology 3:3; limma's squeezeVar).

With few samples the variance of one feature is known badly, and the smallest ones are the luckiest. The true variances
are taken to be scaled inverse chi-squared over the features, with degrees of freedom and a scale that are fitted to all
of them; each variance moves towards that scale, as far as the prior's degrees of freedom weigh against its own.
"""

from typing import NamedTuple

import numpy as np
from scipy import special

SMALLEST_SHARE = 1e-5  # of the median: variances below count as that, so that a zero does not decide the fit
FEWEST = 3  # features that say anything about how much variances differ


class Moderation(NamedTuple):
    """Moderated variances of the features."""

    variance: np.ndarray
    """Shape (n,); NaN where there was none."""
    df: float
    """Degrees of freedom of a moderated variance: its own and the prior's, at most those of all features together."""
    prior_variance: float
    prior_df: float
    """0 where too few features are there to learn from, inf where they differ no more than by chance."""


def moderate(variance: np.ndarray, df: float) -> Moderation:
    """Move variances towards their common scale.

    Parameters
    ----------
    variance : array_like, shape (n,)
        Estimates, 0 or more; NaN takes no part.
    df : float
        Degrees of freedom of each, above 0.

    Raises
    ------
    ValueError
        ``variance`` is not one-dimensional or holds a negative or infinite value, or ``df`` is not positive and finite.
    """
    own = np.asarray(variance, dtype=np.float64)
    if own.ndim != 1 or (own < 0).any() or np.isinf(own).any():
        raise ValueError("variance needs shape (n,), and values that are finite and not negative, or NaN.")
    if not 0 < df < np.inf:
        raise ValueError(f"df is {df}: give degrees of freedom above 0 and finite.")
    usable = np.isfinite(own)
    if usable.sum() < FEWEST or not own[usable].any():
        return Moderation(own.copy(), float(df), np.nan, 0.0)
    known = own[usable]
    safe = np.maximum(known, SMALLEST_SHARE * np.median(known[known > 0]))
    # the log of a scaled chi-squared has mean digamma(df/2) - log(df/2) and variance trigamma(df/2) beyond its scale
    level = np.log(safe) - special.digamma(df / 2) + np.log(df / 2)
    spread = level.var(ddof=1) - special.polygamma(1, df / 2)
    if spread > 0:
        prior_df = 2 * trigamma_inverse(float(spread))
        prior = float(np.exp(level.mean() + special.digamma(prior_df / 2) - np.log(prior_df / 2)))
        moderated = (prior_df * prior + df * own) / (prior_df + df)
    else:
        prior_df, prior = np.inf, float(safe.mean())
        moderated = np.where(usable, prior, np.nan)
    return Moderation(moderated, float(min(prior_df + df, usable.sum() * df)), prior, float(prior_df))


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
