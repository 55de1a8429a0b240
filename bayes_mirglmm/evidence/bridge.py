"""Bridge sampling: the log evidence of a model from draws of its posterior.

For an unnormalised posterior density p with evidence Z and a normalised proposal density g, every bridge
function h gives Z = E_g[p h] / E_posterior[g h]. The one with the least error (Meng and Wong 1996, Statistica
Sinica 6:831) is h = 1 / (s1 p + s2 Z g), with s1 and s2 the shares of the two samples; as it contains Z, the
estimate is a fixed point. Gronau et al. (2017, Journal of Mathematical Psychology 81:80) describe its use with
MCMC draws: a proposal fitted to some of the draws, the fixed point from the others. Here each quarter of the draws
takes the second part in turn, with a proposal from the other three, and the log estimates are averaged, which uses all
draws and shows when they disagree.

The error is the asymptotic one of Frühwirth-Schnatter (2004, Econometrics Journal 7:143), with the
autocorrelation of the draws in it. It describes an estimate whose proposal overlaps with the posterior. Where
the proposal misses a part of the posterior that the draws miss too, no error formula can know.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from scipy import optimize, special

from bayes_mirglmm.evidence.bridge_proposal import Proposal, fit_proposal

LogDensity = Callable[[np.ndarray], np.ndarray]
PARTS = 4  # of the draws
FEWEST_OF_A_CHAIN = 20
PROPOSED = 3  # points of the proposal for each draw: they cost an evaluation, a draw costs a trajectory


class BridgeEstimate(NamedTuple):
    """A log evidence with its error; natural logs."""

    log_evidence: float
    """Mean of the parts' estimates."""
    error: float
    """Standard error of ``log_evidence``: the asymptotic one, or that by the spread of the parts if larger."""
    by_part: tuple[float, ...]
    """Estimates from each quarter of the draws (proposal fitted to the others), in their order."""
    error_by_part: tuple[float, ...]
    """Their asymptotic errors (relative errors of the evidence)."""


def bridge_sampling(
    draws: np.ndarray,
    log_density: LogDensity,
    *,
    groups: Sequence[Sequence[int]] = (),
    df: float = np.inf,
    warp: bool = False,
    vectorized: bool = True,
    seed: int = 1,
) -> BridgeEstimate:
    """Estimate the log evidence of a model from draws of its posterior.

    Parameters
    ----------
    draws : array_like, shape (chains, S, d) or (S, d)
        Posterior draws on an unconstrained scale, where the posterior is not far from a normal.
    log_density : callable
        From points (m, d) to the log of the unnormalised posterior density (m,): likelihood and prior with all
        their constants, and the Jacobian of the unconstrained scale. ``-inf`` where the density is 0.
    groups : sequence of index sequences
        Disjoint sets of coordinates that are (nearly) independent of each other given the coordinates in
        none of them, such as the effects of the groups in a hierarchical model. They make the covariance of
        the proposal sparse, so that it can be estimated in hundreds of dimensions.
    df : float
        Degrees of freedom of the proposal: multivariate t, or normal when infinite.
    warp : bool
        Reflect the posterior about its mean at random, so that a skewed one overlaps better with the
        proposal (Warp-III of Meng and Schilling 2002, JCGS 11:552). Doubles the evaluations.
    vectorized : bool
        False: ``log_density`` takes one point (d,) and returns a float.
    seed : int
        Of the proposal's draws.

    Returns
    -------
    BridgeEstimate

    Raises
    ------
    ValueError
        The draws have the wrong shape, are too few for their dimension, or are not finite; groups overlap;
        the density is NaN somewhere, or 0 at a draw.
    """
    chains = np.asarray(draws, dtype=np.float64)
    chains = chains[None] if chains.ndim == 2 else chains
    if chains.ndim != 3:
        raise ValueError(f"draws have shape {chains.shape}: give (chains, draws, d) or (draws, d).")
    if not np.isfinite(chains).all():
        raise ValueError(f"{(~np.isfinite(chains)).sum()} values of the draws are not finite.")
    parts = np.array_split(chains, PARTS, axis=1)
    fewest = len(chains) * (chains.shape[1] - parts[0].shape[1])  # that a proposal is fitted to
    if fewest < 2 * chains.shape[2] or chains.shape[1] < FEWEST_OF_A_CHAIN:
        raise ValueError(
            f"{len(chains)} chain(s) of {chains.shape[1]} draws are too few in {chains.shape[2]} dimensions: "
            "three quarters of them must be twice as many as there are dimensions, and all of them "
            f"{FEWEST_OF_A_CHAIN} in each chain."
        )
    density = _checked(log_density, vectorized)
    rng = np.random.default_rng(seed)
    estimates = []
    for i, used in enumerate(parts):
        fitted = np.concatenate(parts[:i] + parts[i + 1 :], axis=1)
        proposal = fit_proposal(fitted.reshape(-1, fitted.shape[2]), groups, df)
        estimates.append(_estimate(used, proposal, density, warp, rng))
    by_part, errors = zip(*estimates, strict=True)
    error = float(max(np.linalg.norm(errors) / PARTS, np.std(by_part, ddof=1) / np.sqrt(PARTS)))
    return BridgeEstimate(float(np.mean(by_part)), error, by_part, errors)


def _checked(log_density: LogDensity, vectorized: bool) -> LogDensity:
    """Return the density of many points at once, refusing what it must not return."""

    def density(points: np.ndarray) -> np.ndarray:
        if vectorized:
            values = np.asarray(log_density(points), dtype=np.float64)
        else:
            values = np.array([log_density(point) for point in points], dtype=np.float64)
        if values.shape != (len(points),):
            raise ValueError(f"log_density returned shape {values.shape} for {len(points)} points.")
        bad = np.isnan(values) | (values == np.inf)
        if bad.any():
            raise ValueError(f"log_density is NaN or infinite at {bad.sum()} of {len(points)} points.")
        return values

    return density


def _estimate(
    used: np.ndarray, proposal: Proposal, density: LogDensity, warp: bool, rng: np.random.Generator
) -> tuple[float, float]:
    """Return the log evidence and its relative error from draws (chains, m, d) the proposal has not seen."""
    points = used.reshape(-1, used.shape[2])
    proposed = proposal.draw(PROPOSED * len(points), rng)
    at_posterior = _log_ratio(points, proposal, density, warp)
    at_proposal = _log_ratio(proposed, proposal, density, warp)
    if not np.isfinite(at_posterior).all():
        raise ValueError("log_density is -inf at a draw: the draws are of another density, or another scale.")

    # The samples' shares: autocorrelated draws count as their effective number (Gronau et al., appendix).
    effective = min(float(np.median(_effective_size(used))), len(points))
    s1 = effective / (effective + len(proposed))
    s2 = 1 - s1
    log_z = _fixed_point(at_posterior, at_proposal, s1, s2)

    # Relative errors of the numerator's and the denominator's mean, bounded functions of log p - log g - log Z.
    odds = np.log(s1) - np.log(s2)
    numerator = special.expit(at_proposal - log_z + odds)
    denominator = special.expit(log_z - odds - at_posterior)
    ess = float(_effective_size(denominator.reshape(used.shape[:2])[..., None])[0])
    squared = np.var(numerator) / np.mean(numerator) ** 2 / len(numerator)
    squared += np.var(denominator) / np.mean(denominator) ** 2 / ess
    return log_z, float(np.sqrt(squared))


def _log_ratio(points: np.ndarray, proposal: Proposal, density: LogDensity, warp: bool) -> np.ndarray:
    """Return log p - log g, with p symmetrised about the proposal's centre when it is warped."""
    value = density(points)
    if warp:
        mirrored = density(2 * proposal.centre - points)
        value = np.logaddexp(value, mirrored) - np.log(2)
    return value - proposal.log_density(points)


def _fixed_point(at_posterior: np.ndarray, at_proposal: np.ndarray, s1: float, s2: float) -> float:
    """Return the log evidence at which Meng and Wong's iteration rests.

    With l = log p - log g and c = log Z the fixed point solves

        mean over g of e^(l-c) / (s1 e^(l-c) + s2)  =  mean over the posterior of 1 / (s1 e^(l-c) + s2).

    The left side falls in c, the right side rises: there is one root, and bracketing finds it where the
    iteration could creep or cycle.
    """
    odds = np.log(s1) - np.log(s2)

    def excess(c: float) -> float:
        left = special.expit(at_proposal - c + odds).mean() / s1
        right = special.expit(c - odds - at_posterior).mean() / s2
        return float(left - right)

    finite = at_proposal[np.isfinite(at_proposal)]
    if not len(finite):
        raise ValueError("log_density is -inf at every point of the proposal: it misses the posterior.")
    low, high = min(at_posterior.min(), finite.min()) - 50, max(at_posterior.max(), finite.max()) + 50
    return float(optimize.brentq(excess, low, high, xtol=1e-10))


def _effective_size(series: np.ndarray) -> np.ndarray:
    """Return the effective number of draws for the mean of each of d series, shape (chains, m, d)."""
    # Imported here: ArviZ takes a second to load, and most uses of this package need no bridge.
    from arviz_stats.base import array_stats

    sizes = array_stats.ess(series, chain_axis=0, draw_axis=1, method="mean")
    return np.where(np.isfinite(sizes), sizes, series.shape[0] * series.shape[1])
