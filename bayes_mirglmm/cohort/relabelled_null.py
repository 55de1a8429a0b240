"""What the usage test says along relabelled samples, beside the variable of interest, and p-values that go by it.

The rotation test takes whitened profiles for the same in every direction. Labels are no random direction: whitening
turns them towards the samples that vary least, and there miRNAs differ most in how well the shared covariance suits
them. Relabelled samples turn the same way. Their part that is orthogonal to the variable of interest, after whitening,
holds nothing of usage along it, however strong; p-values along it say how often the test rejects in this data set,
and how heavy the tail is.
"""

from dataclasses import dataclass

import numpy as np

from bayes_mirglmm.cohort.covariance_folds import SharedCovariance, beside
from bayes_mirglmm.cohort.quadratic_tail import direction_tail
from bayes_mirglmm.cohort.rotation_test import (
    column_rank,
    eigenvalues_of,
    isomir_weights,
    whitened_directions,
)
from bayes_mirglmm.cohort.usage_profiles import UsageProfiles

LEVEL = 0.05
LEAST_SHARE = 0.03
LEAST_CAUTION = 0.75  # of the tail's rate


@dataclass(frozen=True)
class RelabelledNull:
    """Null distribution of a p-value: ``share`` of them lie up to :data:`LEVEL`, and there p goes as p**tail."""

    share: float = LEVEL
    tail: float = 1.0

    def calibrated(self, p_value: np.ndarray) -> np.ndarray:
        """Return how often relabelled samples have a p-value as small."""
        with np.errstate(invalid="ignore"):
            far = self.share * (p_value / LEVEL) ** self.tail
            near = self.share + (p_value - LEVEL) * (1.0 - self.share) / (1.0 - LEVEL)
            return np.where(p_value <= LEVEL, far, near)


def relabelled_null(
    profiles: UsageProfiles, covariance: SharedCovariance, columns: np.ndarray, others: np.ndarray
) -> RelabelledNull:
    """Learn the null distribution.

    The tail's rate is that of an exponential distribution of log(0.05/p), less one standard error:
    relabelled samples are no more independent of each other than there are directions.

    Parameters
    ----------
    profiles : UsageProfiles
    covariance : SharedCovariance
    columns : array, shape (r, L)
        The columns of interest in the coordinates of the profiles.
    others : array, shape (r, k)
        Relabelled columns, none in the span of ``columns``.
    """
    rank = column_rank(columns)
    left = profiles.values.shape[1] - rank
    if left < 2 or others.shape[1] == 0:
        return RelabelledNull()
    root = np.sqrt(isomir_weights(profiles, columns))
    width = int(min(profiles.sizes.max(), left))
    n_mirnas = len(covariance.fold)
    eigenvalues = np.zeros((n_mirnas, width))
    statistic = np.zeros((n_mirnas, others.shape[1]))
    for f in np.unique(covariance.fold):
        whitener = covariance.whitener(f)
        directions, _ = whitened_directions(covariance, f, columns, rank)
        mocks = beside(whitener.T @ others, directions)
        for m in np.flatnonzero(covariance.fold == f):
            rows = profiles.of(int(m))
            x = root[rows, None] * (profiles.values[rows] @ whitener)
            x = x - (x @ directions) @ directions.T
            found = eigenvalues_of(x)[:width]
            eigenvalues[m, : len(found)] = found
            statistic[m] = ((x @ mocks) ** 2).sum(axis=0)
    small = _small_p_values(eigenvalues, statistic, left)
    share = max(len(small) / statistic.size, LEAST_SHARE)
    if len(small) == 0:
        return RelabelledNull(share)
    rate = min(1.0, len(small) / np.log(LEVEL / np.maximum(small, 1e-300)).sum())
    caution = max(1.0 - 1.0 / np.sqrt(n_mirnas * LEVEL * left), LEAST_CAUTION)
    return RelabelledNull(share, rate * caution)


def _small_p_values(eigenvalues: np.ndarray, statistic: np.ndarray, dimension: int) -> np.ndarray:
    """Return the p-values up to :data:`LEVEL`; a statistic within one SD of its mean has none."""
    total, squares = eigenvalues.sum(axis=1), (eigenvalues**2).sum(axis=1)
    variance = 2.0 * (squares - total**2 / dimension) / (dimension * (dimension + 2))
    edge = total / dimension + np.sqrt(np.maximum(variance, 0.0))
    mirna, draw = np.nonzero(statistic > edge[:, None])
    p_value = direction_tail(eigenvalues[mirna], statistic[mirna, draw], dimension)
    return p_value[p_value <= LEVEL]
