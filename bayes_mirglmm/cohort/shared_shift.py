"""Whether the groups differ in a profile that all miRNAs share, and which miRNAs go along with it.

Where the variable of interest is itself a direction that samples share (degraded cases, one lab a group, an enzyme
that is gone), the covariance learned over miRNAs is large along it. Its size there is set against relabelled samples:
lambda = 1 / (u' S^-1 u) over its median in relabellings, the variance of an average miRNA along u given all other
directions. A large lambda has two causes that no method can tell apart from these counts alone: a batch that goes with
the groups, or usage that changes in most miRNAs.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from bayes_mirglmm.cohort.covariance_folds import FoldMoments, SharedCovariance, shared_covariance

RELABELLINGS = 99
FEWEST_RELABELLINGS = 20  # distinct ones, below which 5 % cannot be reached


@dataclass(frozen=True)
class SharedShift:
    """Size of the shared covariance along the variable of interest, and how unusual it is."""

    ratio: float
    """lambda: 1 where the variable of interest is like any other labelling of the samples."""
    p_value: float
    """Share of relabellings with as much, the observed one included; NaN below :data:`FEWEST_RELABELLINGS`."""
    distinct: int
    """Distinct relabellings that were seen, the observed one included."""
    median: float
    """Median over relabellings of 1 / (u' S^-1 u)."""


def orthonormal(columns: np.ndarray, rank: int) -> np.ndarray:
    """Return U (r, q), an orthonormal basis of the span of ``columns`` (r, L)."""
    return np.linalg.svd(columns, full_matrices=False)[0][:, :rank]


def variance_along(covariance: SharedCovariance, directions: np.ndarray) -> float:
    """Return 1 / (u' S^-1 u), for several directions tr((U' S^-1 U)^-1) / q; S^-1 averaged over folds."""
    precision = covariance.precision_along(directions).mean(axis=0)
    return float(np.trace(np.linalg.inv(precision)) / directions.shape[1])


def shared_shift(
    moments: FoldMoments,
    columns: np.ndarray,
    rank: int,
    strata: np.ndarray,
    *,
    relabellings: int = RELABELLINGS,
    seed: int = 1,
) -> SharedShift:
    """Compare the shared covariance along the columns of interest with relabelled samples.

    Parameters
    ----------
    moments : FoldMoments
    columns : array, shape (n, L)
        The columns of interest, a row per sample.
    rank : int
        Dimensions that they span beside the covariates.
    strata : int array, shape (n,)
        Samples are relabelled within strata: pairs, batches.
    relabellings, seed : int
        The labels are drawn at random from ``seed``; the profiles are not.
    """
    basis = moments.profiles.basis

    def key(directions: np.ndarray) -> bytes:  # of the subspace, whatever its basis; -0 is 0
        return (np.round(directions @ directions.T, 6) + 0.0).tobytes()

    directions = orthonormal(basis.T @ columns, rank)
    observed = variance_along(shared_covariance(moments, directions), directions)
    known = {key(directions): observed}
    values = np.empty(relabellings)
    for k, directions in enumerate(relabelled(columns, strata, basis, rank, relabellings, seed)):
        name = key(directions)
        if name not in known:
            known[name] = variance_along(shared_covariance(moments, directions), directions)
        values[k] = known[name]
    median = float(np.median(values))
    p_value = (1.0 + np.sum(values >= observed * (1.0 - 1e-9))) / (1.0 + relabellings)
    enough = len(known) >= FEWEST_RELABELLINGS
    return SharedShift(observed / median, float(p_value) if enough else float("nan"), len(known), median)


def without_shift(covariance: SharedCovariance, directions: np.ndarray, median: float) -> SharedCovariance:
    """Return the covariance with the excess along ``directions`` over relabelled samples taken out.

    1 / (u' S^-1 u) becomes ``median`` where it was larger; S changes along u alone. Tests under it
    ask what differs between the groups, whether all miRNAs share it or not.
    """
    vectors, values = [], []
    for f in range(len(covariance.vectors)):
        precision = covariance.precision_along(directions)[f]
        inverse = np.linalg.inv(precision)
        now = float(np.trace(inverse) / directions.shape[1])
        full = (covariance.vectors[f] * covariance.values[f]) @ covariance.vectors[f].T
        if now > median:
            full = full - (1.0 - median / now) * directions @ inverse @ directions.T
        d, v = np.linalg.eigh(full)
        vectors.append(v[:, ::-1])
        values.append(np.maximum(d[::-1], 1e-12))
    return SharedCovariance(covariance.fold, np.stack(vectors), np.stack(values))


def relabelled(
    columns: np.ndarray, strata: np.ndarray, basis: np.ndarray, rank: int, relabellings: int, seed: int
) -> Iterator[np.ndarray]:
    """Yield orthonormal directions (r, q) of the columns of interest after random relabellings within strata."""
    rng = np.random.default_rng(seed)
    for _ in range(relabellings):
        yield orthonormal(basis.T @ columns[_within(strata, rng)], rank)


def _within(strata: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a random order of the samples that stays within strata."""
    order = np.arange(len(strata))
    for s in np.unique(strata):
        rows = np.flatnonzero(strata == s)
        order[rows] = rng.permutation(rows)
    return order
