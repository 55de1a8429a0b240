"""What is left of each isomiR, sample by sample, when its miRNA and the covariates have had their share.

A profile is the score of an isomiR's deviation in each sample, in units of its own standard deviation, under a model
in which nothing depends on the variable of interest. Differential isomiR usage shows in it along that variable;
what samples share (read length, tails, degradation, batch) shows in it along other directions, and in every miRNA.
"""

from dataclasses import dataclass

import numpy as np

from bayes_mirglmm.cohort.isomir_means import isomir_means

CLIP = 5.0  # standard deviations: a single outlying count must not carry a profile
SWEEPS = 4
FEWEST_DIRECTIONS = 3


@dataclass(frozen=True)
class UsageProfiles:
    """Profiles of the isomiRs of M miRNAs, one below the other.

    N isomiRs in all; r directions: the samples less the columns that were regressed out.
    """

    values: np.ndarray
    """P, shape (N, r): standardised scores in the coordinates of ``basis``."""
    weight: np.ndarray
    """w, shape (N,): mean information of a cell, about the effective count of the isomiR."""
    start: np.ndarray
    """Where each miRNA begins, and the end, shape (M + 1,)."""
    dispersion: np.ndarray
    """phi, shape (M,): mean square of a miRNA's profiles; 1 where the model holds."""
    basis: np.ndarray
    """B, shape (n, r): orthonormal, orthogonal to the columns that were regressed out."""

    @property
    def sizes(self) -> np.ndarray:
        """Number of isomiRs of each miRNA, shape (M,)."""
        return np.diff(self.start)

    @property
    def mirna(self) -> np.ndarray:
        """Number of the miRNA of each isomiR, shape (N,)."""
        return np.repeat(np.arange(len(self.start) - 1), self.sizes)

    def of(self, mirna: int) -> slice:
        """Return the rows of one miRNA."""
        return slice(int(self.start[mirna]), int(self.start[mirna + 1]))


def complement_basis(columns: np.ndarray) -> np.ndarray:
    """Return an orthonormal basis (n, r) of what is orthogonal to ``columns`` (n, c)."""
    u, s, _ = np.linalg.svd(np.asarray(columns, dtype=float), full_matrices=True)
    rank = int((s > s[0] * 1e-10).sum())
    return u[:, rank:]


def mirna_scores(
    counts: np.ndarray, mean: np.ndarray, theta: float, columns: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return standardised scores (J, n) and weights (J, n) of the isomiRs of one miRNA.

    The information of a cell is W = mu t with t = 1 / (1 + mu/theta), the part of its variance that is of counting.
    Counting adds, what else varies multiplies: the standardised residual is t times Pearson's and 1 - t times that of
    the deviance (McCullagh & Nelder 1989, section 2.4), so that where counting tells little a sample with twice as much
    is as far out as one with half. Residuals are clipped at :data:`CLIP`; then what all isomiRs of a sample have in
    common (the miRNA's own level) and what the columns explain in each isomiR are taken out by turns, weighted by W.
    With columns beside the intercept the means are first fitted for each isomiR
    (:func:`~bayes_mirglmm.cohort.isomir_means.isomir_means`).

    Parameters
    ----------
    counts : array, shape (J, n)
    mean : array, shape (J, n)
        Fitted means of a model without the variable of interest.
    theta : float
        Its negative binomial size; inf for the Poisson.
    columns : array, shape (n, c)
        Intercept, covariates, batches, pairs: what isomiR profiles may depend on without being of interest.
    """
    if columns.shape[1] > 1:
        mean, theta = isomir_means(counts, mean, theta, columns)
    t = 1.0 / (1.0 + mean / theta)
    weight = mean * t
    root = np.sqrt(weight)
    residual = (counts - mean) * t / root
    residual = t * residual + (1.0 - t) * deviance_residuals(counts, mean, theta)
    score = np.clip(residual, -CLIP, CLIP) * root
    information = np.einsum("jn,na,nb->jab", weight, columns, columns)
    inverse = np.linalg.pinv(information, hermitian=True)
    total = weight.sum(axis=0)
    for _ in range(SWEEPS):
        score = score - weight * (score.sum(axis=0) / total)
        slopes = np.einsum("jab,jb->ja", inverse, score @ columns)
        score = score - weight * (slopes @ columns.T)
    return score / root, weight


def deviance_residuals(counts: np.ndarray, mean: np.ndarray, theta: float) -> np.ndarray:
    """Return signed roots of the negative binomial deviance of each cell; of the Poisson where ``theta`` is inf."""
    from scipy.special import xlogy

    deviance = xlogy(counts, counts / mean)
    if np.isinf(theta):
        deviance = deviance - (counts - mean)
    else:
        deviance = deviance - (counts + theta) * np.log1p((counts - mean) / (mean + theta))
    return np.sign(counts - mean) * np.sqrt(2.0 * np.maximum(deviance, 0.0))


def usage_profiles(scores: list[np.ndarray], weights: list[np.ndarray], columns: np.ndarray) -> UsageProfiles:
    """Put the scores of all miRNAs (each (J, n), from :func:`mirna_scores`) into common coordinates.

    Raises
    ------
    ValueError
        Fewer than :data:`FEWEST_DIRECTIONS` directions are left beside the columns.
    """
    basis = complement_basis(columns)
    if basis.shape[1] < FEWEST_DIRECTIONS:
        raise ValueError(
            f"{len(columns)} samples less {len(columns) - basis.shape[1]} columns leave {basis.shape[1]} directions."
        )
    values = np.vstack(scores) @ basis
    sizes = np.array([len(s) for s in scores])
    start = np.concatenate([[0], np.cumsum(sizes)])
    squares = np.add.reduceat((values**2).sum(axis=1), start[:-1])
    return UsageProfiles(
        values=values,
        weight=np.concatenate([w.mean(axis=1) for w in weights]),
        start=start,
        dispersion=squares / ((sizes - 1) * basis.shape[1]),
        basis=basis,
    )
