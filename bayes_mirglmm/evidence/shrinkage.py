"""Adaptive shrinkage of effects across miRNAs (Stephens 2017, Biostatistics 18:275; the R package ashr).

The true effects are drawn from a unimodal mixture of normals around 0 with a grid of standard deviations; the
weights of the mixture are fitted to all estimates and their standard errors, and each effect gets its
posterior. Shrinking lowers the overall error and biases large effects: results stand beside the estimates
and never replace them.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy import special

from bayes_mirglmm.evidence.mixture_weights import fit_weights

GRID_RATIO = np.sqrt(2.0)  # of neighbouring standard deviations (the paper's m)
LOG_DROP = 45.0  # exp(-45) is nothing, and leaves room for estimates many standard errors from 0
STEPS = 200  # of the search for a quantile, at most: it takes about ten
SUPPORT = 1e-12  # posterior parts lighter than this do not count


class Shrinkage(NamedTuple):
    """Posteriors of the effects, in the units of the estimates; NaN where there was nothing to shrink."""

    mean: np.ndarray
    """Posterior means, shape (n,)."""
    sd: np.ndarray
    """Posterior standard deviations, shape (n,)."""
    lower: np.ndarray
    """Lower ends of the central posterior intervals, shape (n,)."""
    upper: np.ndarray
    """Upper ends, shape (n,)."""
    lfsr: np.ndarray
    """Local false sign rates: the smaller of P(effect >= 0) and P(effect <= 0), shape (n,)."""
    s_value: np.ndarray
    """Mean lfsr of all effects with an lfsr as small or smaller, shape (n,)."""
    weights: np.ndarray
    """Weights of the prior's components, shape (grid,)."""
    grid: np.ndarray
    """Their standard deviations; the first is 0 when the prior has a point mass at 0, shape (grid,)."""
    log_likelihood: float
    """Of all estimates under the fitted prior (without the penalty on its weights)."""


def shrink(
    estimate: np.ndarray,
    std_error: np.ndarray,
    *,
    df: float = np.inf,
    prob: float = 0.95,
    point_mass: bool = True,
    null_weight: float = 10.0,
    grid: np.ndarray | None = None,
) -> Shrinkage:
    """Shrink the estimates of one coefficient across miRNAs.

    Parameters
    ----------
    estimate, std_error : array_like, shape (n,)
        Estimates and their standard errors. Rows with a NaN, or a standard error that is not positive and
        finite, take no part.
    df : float
        Degrees of freedom of the standard errors: an estimate is its effect plus the standard error times
        Student's t. Infinite: the normal likelihood, as in the paper.
    prob : float
        Probability of the posterior intervals.
    point_mass : bool
        Whether the prior may hold effects that are exactly 0.
    null_weight : float, at least 1
        Dirichlet parameter of the component nearest to 0, against 1 for the others: 10 leans towards "no
        effect" where the data leave it open (ashr's ``nullbiased``), 1 does not lean.
    grid : array_like, optional
        Standard deviations of the components, all positive; the paper's grid when omitted.

    Returns
    -------
    Shrinkage

    Raises
    ------
    ValueError
        Shapes differ, or an option is out of range.
    """
    b, s = np.asarray(estimate, dtype=np.float64), np.asarray(std_error, dtype=np.float64)
    if b.ndim != 1 or b.shape != s.shape:
        raise ValueError(f"estimate and std_error need one shape (n,), not {b.shape} and {s.shape}.")
    if not 0 < prob < 1:
        raise ValueError(f"prob is {prob}: choose a probability between 0 and 1.")
    if not df > 0 or not null_weight >= 1:
        raise ValueError(
            f"df is {df} and null_weight is {null_weight}: df is positive, null_weight at least 1."
        )
    usable = np.isfinite(b) & np.isfinite(s) & (s > 0)
    columns = np.full((6, len(b)), np.nan)
    if not usable.any():
        return _labelled(columns, np.empty(0), np.empty(0), np.nan)
    b, s = b[usable], s[usable]
    sds = paper_grid(b, s) if grid is None else np.sort(np.asarray(grid, dtype=np.float64))
    if sds.ndim != 1 or not len(sds) or not (np.isfinite(sds) & (sds > 0)).all():
        raise ValueError("grid needs one or more standard deviations, positive and finite.")
    if point_mass:
        sds = np.concatenate([[0.0], sds])
    precision, probability = t_as_scale_mixture(df)
    # variance of an estimate: axes miRNA, component of the prior, node of the likelihood
    noise = s[:, None, None] ** 2 / precision
    log_density = _log_normal(b[:, None, None], sds[:, None] ** 2 + noise) + np.log(probability)
    by_component = special.logsumexp(log_density, axis=2)
    weights = fit_weights(by_component, null_weight)
    kept = weights > 0
    log_joint = log_density[:, kept] + np.log(weights[kept])[:, None]
    log_marginal = special.logsumexp(log_joint, axis=(1, 2))
    columns[:, usable] = _summaries(
        np.exp(log_joint - log_marginal[:, None, None]), b, sds[kept] ** 2, noise, prob
    )
    return _labelled(columns, weights, sds, float(log_marginal.sum()))


def _labelled(columns: np.ndarray, weights: np.ndarray, grid: np.ndarray, log_likelihood: float) -> Shrinkage:
    mean, sd, lower, upper, lfsr, s_value = columns
    return Shrinkage(mean, sd, lower, upper, lfsr, s_value, weights, grid, log_likelihood)


def paper_grid(estimate: np.ndarray, std_error: np.ndarray) -> np.ndarray:
    """Return the standard deviations of Stephens (2017), in ratios of sqrt(2).

    From a tenth of the smallest standard error, which is as good as 0, to twice the largest effect that the
    estimates can hold, sqrt(estimate^2 - std_error^2).
    """
    smallest = std_error.min() / 10
    largest = 2 * np.sqrt(np.max(estimate**2 - std_error**2).clip(min=0))
    if largest <= smallest:  # every estimate is within its standard error
        largest = 8 * smallest
    steps = int(np.ceil(np.log(largest / smallest) / np.log(GRID_RATIO)))
    return largest * GRID_RATIO ** np.arange(-steps, 1.0)


def t_as_scale_mixture(df: float) -> tuple[np.ndarray, np.ndarray]:
    """Return precisions w and probabilities p so that t_df is the mixture of N(0, 1/w) with weights p.

    A t variable is normal with a Gamma(df/2, rate df/2) precision. In log w that density falls off fast on
    both sides, and the trapezoidal rule converges geometrically. A single node for infinite ``df``.
    """
    if np.isinf(df):
        return np.ones(1), np.ones(1)
    shape = df / 2
    # the log density of log w is shape (log w - w + 1) below its maximum: down to LOG_DROP on both sides
    drop = LOG_DROP / shape
    left = max(-1.0 - drop, -np.sqrt(2 * drop) - drop)
    right = np.log1p(drop + np.sqrt(2 * drop))
    # errors are exp(-pi^2 / step) for small df, and those of a normal density of width shape^(-1/2) for large
    step = min(0.3, 0.8 / np.sqrt(shape))
    x = np.linspace(left, right, int(np.ceil((right - left) / step)) + 1)
    log_p = shape * (x - np.exp(x) + 1)
    return np.exp(x), np.exp(log_p - special.logsumexp(log_p))


def _log_normal(x: np.ndarray, variance: np.ndarray) -> np.ndarray:
    return -0.5 * (x**2 / variance + np.log(2 * np.pi * variance))


def _summaries(
    q: np.ndarray, b: np.ndarray, prior_variance: np.ndarray, noise: np.ndarray, prob: float
) -> np.ndarray:
    """Return mean, sd, lower, upper, lfsr and s-value, shape (6, n).

    ``q`` (n, component, node) are the posterior probabilities of prior component and likelihood node; given
    both, the posterior is normal.
    """
    tau2 = prior_variance[:, None]
    shrinkage = tau2 / (tau2 + noise)
    mean = b[:, None, None] * shrinkage
    variance = shrinkage * noise
    overall = (q * mean).sum(axis=(1, 2))
    sd = np.sqrt((q * (variance + (mean - overall[:, None, None]) ** 2)).sum(axis=(1, 2)))

    n = len(b)
    flat = [np.broadcast_to(a, q.shape).reshape(n, -1) for a in (q, mean, np.sqrt(variance))]
    useful = (flat[0] > SUPPORT).any(axis=0)
    q_flat, mean_flat, sd_flat = (a[:, useful] for a in flat)
    at_zero = q_flat * (sd_flat == 0)
    moving = q_flat - at_zero
    zero = at_zero.sum(axis=1)
    safe_sd = np.where(sd_flat > 0, sd_flat, 1.0)

    def below(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return P(effect < x), the point mass at 0 left out, and its derivative."""
        z = (x[:, None] - mean_flat) / safe_sd
        density = moving * np.exp(-0.5 * z**2) / (safe_sd * np.sqrt(2 * np.pi))
        return (moving * special.ndtr(z)).sum(axis=1), density.sum(axis=1)

    negative = below(np.zeros(n))[0]
    positive = (moving * special.ndtr(mean_flat / safe_sd)).sum(axis=1)
    lfsr = np.minimum(negative, positive) + zero
    bounds = (mean_flat - 40 * sd_flat).min(axis=1), (mean_flat + 40 * sd_flat).max(axis=1)
    ends = [
        _quantile(p, below, negative, zero, bounds, overall + special.ndtri(p) * sd, sd)
        for p in ((1 - prob) / 2, (1 + prob) / 2)
    ]
    return np.stack([overall, sd, *ends, lfsr, s_values(lfsr)])


def _quantile(
    p: float,
    below: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
    negative: np.ndarray,
    zero: np.ndarray,
    bounds: tuple[np.ndarray, np.ndarray],
    guess: np.ndarray,
    scale: np.ndarray,
) -> np.ndarray:
    """Return the smallest x with P(effect <= x) >= p: Newton steps, kept inside a bracket on x's side of 0."""
    left, right = negative >= p, negative + zero < p
    low, high = np.where(left, bounds[0], 0.0), np.where(right, bounds[1], 0.0)
    target = p - np.where(right, zero, 0.0)
    x = np.clip(guess, low, high)
    done = ~(left | right)
    for step in range(STEPS):
        probability, density = below(x)
        above = probability >= target
        low, high = np.where(above, low, x), np.where(above, x, high)
        with np.errstate(all="ignore"):  # no density here: bisect
            newton = x - (probability - target) / density
        # every third step a bisection, for densities with parts of very different width
        inside = (newton > low) & (newton < high) & (step % 3 < 2)
        moved = np.where(inside, newton, 0.5 * (low + high))
        moved = np.where(done, x, moved)
        done |= (np.abs(moved - x) <= 1e-10 * scale) | (high - low <= 1e-10 * scale)
        x = moved
        if done.all():
            break
    return np.where(left | right, x, 0.0)


def s_values(lfsr: np.ndarray) -> np.ndarray:
    """Return, for each lfsr, the mean of those that are as small or smaller (Stephens 2017)."""
    order = np.sort(lfsr)
    count = np.searchsorted(order, lfsr, side="right")
    return np.cumsum(order)[count - 1] / count
