"""The covariance of samples that isomiR profiles share, learned for each miRNA from the others.

miRNAs are dealt into folds; the covariance that a fold is judged by comes from the other folds, so that no miRNA
shapes the noise that it is measured against. Its directions are the eigenvectors of the other folds' second moments,
its eigenvalues what the held-out fold shows along them (cross-validated, as in Bartz 2016, arXiv:1611.00798; Abadir
et al. 2014, J. Econometrics 181:165), in falling order and floored. Eigenvalues of the same data as the eigenvectors
are too unequal, and shrinking them all towards their mean as Ledoit and Wolf do is not enough when a few directions
carry most.
"""

from dataclasses import dataclass

import numpy as np

from bayes_mirglmm.cohort.usage_profiles import UsageProfiles

FOLDS = 10
CAP = 2.0  # medians of the energy along the variable of interest that a miRNA may contribute
CAP_FROM = 50  # miRNAs; with fewer the median is not known well enough
FLOOR = 0.01  # of the mean eigenvalue


@dataclass(frozen=True)
class FoldMoments:
    """Second moments of the profiles, by fold: what does not depend on the variable of interest."""

    profiles: UsageProfiles
    fold: np.ndarray
    """Fold of each miRNA, shape (M,)."""
    moments: np.ndarray
    """K_f = sum of P'P over a fold, shape (F, r, r)."""


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
    """Add up the second moments of each fold."""
    row_fold = fold[profiles.mirna]
    parts = (profiles.values[row_fold == f] for f in range(fold.max() + 1))
    return FoldMoments(profiles, fold, np.stack([part.T @ part for part in parts]))


def shared_covariance(moments: FoldMoments, directions: np.ndarray, *, cap: float = CAP) -> SharedCovariance:
    """Learn S_f, with the energy of each miRNA along ``directions`` (r, q; orthonormal) capped.

    A miRNA whose energy there is above ``cap`` medians over miRNAs is scaled down to that along these directions alone,
    so that strong usage of some miRNAs does not become noise that all are judged by, while what most miRNAs share
    along the variable of interest stays.
    """
    capped = _capped(moments, directions, cap) if len(moments.fold) >= CAP_FROM else moments.moments
    total = capped.sum(axis=0)
    r = len(total)
    _, vectors = np.linalg.eigh(total - capped)
    vectors = vectors[:, :, ::-1]
    along = np.einsum("fai,fai->i", vectors, capped @ vectors)
    values = _falling(along * r / np.trace(total))
    return SharedCovariance(moments.fold, vectors, np.tile(values, (len(vectors), 1)))


def _falling(values: np.ndarray) -> np.ndarray:
    """Return the nearest falling sequence, floored."""
    from scipy.optimize import isotonic_regression

    return np.maximum(isotonic_regression(values, increasing=False).x, FLOOR)


def _capped(moments: FoldMoments, directions: np.ndarray, cap: float) -> np.ndarray:
    """K*_f = sum of (I + z U U') P'P (I + z U U'), as updates of low rank."""
    profiles = moments.profiles
    along = profiles.values @ directions
    energy = np.add.reduceat((along**2).sum(axis=1), profiles.start[:-1]) / profiles.sizes
    with np.errstate(divide="ignore"):
        shrink = np.sqrt(np.minimum(1.0, cap * np.median(energy) / energy)) - 1.0
    rows = shrink[profiles.mirna][:, None]
    row_fold = moments.fold[profiles.mirna]
    found = moments.moments.copy()
    for f in np.unique(row_fold[rows[:, 0] < 0.0]):
        own = (row_fold == f) & (rows[:, 0] < 0.0)
        scaled = rows[own] * along[own]
        cross = directions @ (scaled.T @ profiles.values[own])
        found[f] += cross + cross.T + directions @ (scaled.T @ scaled) @ directions.T
    return found
