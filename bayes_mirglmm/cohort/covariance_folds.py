"""The covariance of samples that isomiR profiles share, learned for each miRNA from the others.

miRNAs are dealt into folds; the covariance that a fold is judged by comes from the other folds, so that no miRNA
shapes the noise that it is measured against. Its directions are the eigenvectors of the other folds' second moments,
its eigenvalues what the held-out fold shows along them (cross-validated, as in Bartz 2016, arXiv:1611.00798; Abadir
et al. 2014, J. Econometrics 181:165), in falling order and floored. Eigenvalues of the same data as the eigenvectors
are too unequal, and shrinking them all towards their mean as Ledoit and Wolf do is not enough when a few directions
carry most. A rotation test sees each miRNA in units of its own energy, and so does what is learned for it.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bayes_mirglmm.cohort.usage_profiles import UsageProfiles

FOLDS = 10
CAP = 2.0  # medians of the energy along the variable of interest that a miRNA may contribute
CAP_FROM = 50  # miRNAs; with fewer the median is not known well enough
FLOOR = 0.01  # of the mean eigenvalue


@dataclass(frozen=True)
class SharedCovariance:
    """S_f = V_f diag(d_f) V_f' for each fold; the mean of ``d`` is about 1."""

    fold: np.ndarray
    """Fold of each miRNA, shape (M,)."""
    vectors: np.ndarray
    """V_f, shape (F, r, r), columns by falling eigenvalue."""
    values: np.ndarray
    """d, shape (F, r)."""

    def whitener(self, fold: int) -> np.ndarray:
        """Return W (r, r) with W W' = S_f^-1: rows of covariance S_f times W have covariance I."""
        return self.vectors[fold] / np.sqrt(self.values[fold])

    def precision_along(self, directions: np.ndarray) -> np.ndarray:
        """Return U' S_f^-1 U of every fold, shape (F, q, q), for directions U (r, q)."""
        turned = self.vectors.transpose(0, 2, 1) @ directions / np.sqrt(self.values)[:, :, None]
        return turned.transpose(0, 2, 1) @ turned


@dataclass(frozen=True)
class FoldMoments:
    """Second moments of the profiles, by fold: what does not depend on the variable of interest."""

    profiles: UsageProfiles
    fold: np.ndarray
    """Fold of each miRNA, shape (M,)."""
    moments: np.ndarray
    """K_f = sum of P'P over a fold, shape (F, r, r)."""
    values: np.ndarray
    """The profiles P that they are of, shape (N, r)."""
    effective: np.ndarray
    """Number of isomiRs of each miRNA that say something of their own, shape (M,)."""
    metric: SharedCovariance | None = None
    """The covariance in which energies are compared; None for the identity."""
    given_back: float = 1.0
    """What the cap takes from the energy along relabelled samples, as a factor."""

    @cached_property
    def by_fold(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Rows of each fold, and the values there: taken apart once for a hundred relabellings."""
        row_fold = self.fold[self.profiles.mirna]
        places = (np.flatnonzero(row_fold == f) for f in range(len(self.moments)))
        return [(rows, self.values[rows]) for rows in places]


def deal_folds(size: np.ndarray, linked: np.ndarray | None = None, folds: int = FOLDS) -> np.ndarray:
    """Return the fold of each miRNA, shape (M,): about as many isomiRs in each.

    Parameters
    ----------
    size : int array, shape (M,)
        Numbers of isomiRs.
    linked : int array, shape (L, 2), optional
        Pairs of miRNAs that share reads; they, and what they are linked to, stay together.
    folds : int
        At most; never more than there are independent sets of miRNAs.
    """
    n_mirnas = len(size)
    cluster: np.ndarray = np.arange(n_mirnas)
    if linked is not None and len(linked):
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        pairs = np.asarray(linked)
        graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(n_mirnas, n_mirnas))
        cluster = connected_components(graph, directed=False)[1]
    load = np.bincount(cluster, weights=size)
    filled = np.zeros(min(folds, len(load)))
    place = np.empty(len(load), dtype=int)
    for c in np.argsort(-load, kind="stable"):
        place[c] = int(np.argmin(filled))
        filled[place[c]] += load[c]
    return place[cluster]


def fold_moments(profiles: UsageProfiles, fold: np.ndarray) -> FoldMoments:
    """Add up the second moments of each fold, every isomiR as it is."""
    return FoldMoments(
        profiles, fold, _sums(profiles, profiles.values, fold), profiles.values, profiles.sizes
    )


def standardised_moments(
    profiles: UsageProfiles, fold: np.ndarray, weights: np.ndarray, columns: np.ndarray, others: np.ndarray
) -> FoldMoments:
    """Add up second moments in which every miRNA has its say, and none more than that.

    IsomiRs count as they count in the test; the energy of a miRNA, in the metric of a first estimate of the covariance,
    is made that of its number of effective isomiRs (the participation ratio of the eigenvalues of its profiles). A
    miRNA with strong usage or large dispersion so weighs as any other.

    Parameters
    ----------
    profiles : UsageProfiles
    fold : int array, shape (M,)
    weights : array, shape (N,)
        From :func:`~bayes_mirglmm.cohort.rotation_test.isomir_weights`.
    columns : array, shape (r, q)
        The columns of interest in the coordinates of the profiles, independent.
    others : array, shape (r, k)
        Relabelled columns, to learn what the cap takes where there is no usage.
    """
    weighted = np.sqrt(weights)[:, None] * profiles.values
    first = _standardised(profiles, weighted, weighted)[0]
    metric = _learned(_sums(profiles, first, fold), fold)
    whitened, mocks = np.empty_like(weighted), np.empty((len(weighted), others.shape[1]))
    row_fold = fold[profiles.mirna]
    for f in range(fold.max() + 1):
        own, whitener = row_fold == f, metric.whitener(f)
        whitened[own] = weighted[own] @ whitener
        directions = np.linalg.qr(whitener.T @ columns)[0]
        mocks[own] = whitened[own] @ beside(whitener.T @ others, directions)
    values, effective, scale = _standardised(profiles, weighted, whitened)
    energy = np.add.reduceat((scale[:, None] * mocks) ** 2, profiles.start[:-1], axis=0)
    kept = np.minimum(1.0, _cap_factors(energy / effective[:, None], CAP))
    given_back = float(np.mean(energy.sum(axis=0) / (kept * energy).sum(axis=0))) if energy.size else 1.0
    return FoldMoments(profiles, fold, _sums(profiles, values, fold), values, effective, metric, given_back)


def beside(directions: np.ndarray, of_interest: np.ndarray) -> np.ndarray:
    """Return directions (r, k) less their part along ``of_interest`` (r, q; orthonormal), of length 1."""
    left = directions - of_interest @ (of_interest.T @ directions)
    return left / np.maximum(np.linalg.norm(left, axis=0), 1e-300)


def shared_covariance(moments: FoldMoments, directions: np.ndarray, *, cap: float = CAP) -> SharedCovariance:
    """Learn S_f, with the energy of each miRNA along ``directions`` (r, q; orthonormal) capped.

    A miRNA whose energy there is above ``cap`` medians over miRNAs is scaled down to that along these directions alone,
    so that strong usage of some miRNAs does not become noise that all are judged by, while what most miRNAs share
    along the variable of interest stays. What a cap takes where there is no usage is given back to all.
    """
    capped = _capped(moments, directions, cap) if len(moments.fold) >= CAP_FROM else moments.moments
    return _learned(capped, moments.fold)


def _learned(moments: np.ndarray, fold: np.ndarray) -> SharedCovariance:
    total = moments.sum(axis=0)
    r = len(total)
    _, vectors = np.linalg.eigh(total - moments)
    vectors = vectors[:, :, ::-1]
    along = np.einsum("fai,fai->i", vectors, moments @ vectors)
    values = _falling(along * r / np.trace(total))
    return SharedCovariance(fold, vectors, np.tile(values, (len(vectors), 1)))


def _falling(values: np.ndarray) -> np.ndarray:
    """Return the nearest falling sequence, floored."""
    from scipy.optimize import isotonic_regression

    return np.maximum(isotonic_regression(values, increasing=False).x, FLOOR)


def _sums(profiles: UsageProfiles, values: np.ndarray, fold: np.ndarray) -> np.ndarray:
    row_fold = fold[profiles.mirna]
    parts = (values[row_fold == f] for f in range(fold.max() + 1))
    return np.stack([part.T @ part for part in parts])


def _standardised(
    profiles: UsageProfiles, values: np.ndarray, whitened: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return values scaled so that each miRNA's energy is its effective isomiRs times r, those numbers, the scales."""
    parts = [whitened[profiles.of(m)] for m in range(len(profiles.dispersion))]
    gram = [part @ part.T if len(part) <= part.shape[1] else part.T @ part for part in parts]
    energy = np.array([np.trace(g) for g in gram])
    effective = energy**2 / np.maximum([(g**2).sum() for g in gram], 1e-300)
    scale = np.sqrt(effective * values.shape[1] / np.maximum(energy, 1e-300))[profiles.mirna]
    return scale[:, None] * values, effective, scale


def _cap_factors(energy: np.ndarray, cap: float) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.nan_to_num(cap * np.median(energy, axis=0) / energy, nan=1.0, posinf=np.inf)


def _capped(moments: FoldMoments, directions: np.ndarray, cap: float) -> np.ndarray:
    """K*_f = sum of x*'x* with x* = x + z (x S^-1 U) (U' S^-1 U)^-1 U', as updates of low rank; S is the metric."""
    profiles, metric = moments.profiles, moments.metric
    found = moments.moments.copy()
    along = np.empty((len(moments.values), directions.shape[1]))
    squares = np.empty(len(along))
    for f, (rows, values) in enumerate(moments.by_fold):
        towards = directions if metric is None else metric.whitener(f) @ (metric.whitener(f).T @ directions)
        precision = directions.T @ towards
        own = values @ np.linalg.solve(precision, towards.T).T
        along[rows] = own
        squares[rows] = ((own @ precision) * own).sum(axis=1)
    energy = np.add.reduceat(squares, profiles.start[:-1])
    kept = np.minimum(1.0, _cap_factors(energy / moments.effective, cap))
    taken = energy.sum() / max((kept * energy).sum(), 1e-300)
    shrink = np.sqrt(kept * min(moments.given_back, taken)) - 1.0
    scaled = shrink[profiles.mirna][:, None] * along
    for f, (rows, values) in enumerate(moments.by_fold):
        own = scaled[rows]
        cross = directions @ (own.T @ values)
        found[f] += cross + cross.T + directions @ (own.T @ own) @ directions.T
    return found
