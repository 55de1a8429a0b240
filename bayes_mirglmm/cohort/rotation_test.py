"""The test of differential isomiR usage by rotation of whitened profiles.

Whitened by the covariance that the samples share, the profiles of a miRNA without differential usage have no direction
of their own: turned by any rotation of the sample space they are as likely as they are. So the statistic, the energy of
the isomiRs along the variable of interest, weighted by how much each isomiR's count can tell, is compared with its
value along a random direction, given everything else about the profiles (Langsrud 2005, Statistics and Computing 15:53,
for rotation tests). No sample is relabelled, so that three samples a group are enough for small p-values.
"""

import numpy as np

from bayes_mirglmm.cohort.covariance_folds import SharedCovariance
from bayes_mirglmm.cohort.quadratic_tail import direction_tail
from bayes_mirglmm.cohort.usage_profiles import UsageProfiles

TAU = 0.1  # SD of isomiR slopes (natural log) that the weights are best for


def whitened_directions(
    covariance: SharedCovariance, fold: int, columns: np.ndarray, rank: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return directions (r, q; orthonormal) and lengths (q,) of the columns of interest after whitening.

    Parameters
    ----------
    covariance : SharedCovariance
    fold : int
    columns : array, shape (r, L)
        G = B'x: the columns of interest in the coordinates of the profiles.
    rank : int
        q, the rank of ``columns``.
    """
    u, s, _ = np.linalg.svd(covariance.whitener(fold).T @ columns, full_matrices=False)
    return u[:, :rank], s[:rank]


def column_rank(columns: np.ndarray) -> int:
    """Return the number of dimensions that ``columns`` span."""
    s = np.linalg.svd(columns, compute_uv=False)
    return int((s > 1e-8 * max(s[0], 1e-300)).sum()) if s[0] > 1e-10 else 0


def isomir_weights(profiles: UsageProfiles, columns: np.ndarray, *, tau: float = TAU) -> np.ndarray:
    """Return omega (N,): how much each isomiR's count can tell of a slope of ``tau``, 0 to 1.

    omega_j = q_j / (1 + q_j) with q_j = tau^2 w_j |g|^2 / phi, and |g|^2 the mean square length of the columns of
    interest (r, L).
    """
    size = (columns**2).sum() / column_rank(columns)
    gain = tau**2 * profiles.weight * size / profiles.dispersion[profiles.mirna]
    return gain / (1.0 + gain)


def rotation_p_values(
    profiles: UsageProfiles, covariance: SharedCovariance, columns: np.ndarray, *, tau: float = TAU
) -> np.ndarray:
    """Return the p-value of each miRNA, shape (M,): those of :func:`rotation_tails`, combined."""
    return combined_p_values(rotation_tails(profiles, covariance, columns, tau=tau))


def rotation_tails(
    profiles: UsageProfiles, covariance: SharedCovariance, columns: np.ndarray, *, tau: float = TAU
) -> np.ndarray:
    """Return the p-value of each miRNA along each direction of interest, shape (q, M).

    With X the whitened profiles, v the whitened direction of interest and weights omega_j from :func:`isomir_weights`,
    the statistic is t = sum_j omega_j (X_j v)^2, and p is the probability that a random direction of the sample space
    has as much.

    With several directions (three groups or more) the second is compared with random directions orthogonal to the
    first, and so on: these p-values are independent under the null. The directions are the principal axes of the
    whitened columns, which do not depend on how the groups are coded.

    Parameters
    ----------
    profiles : UsageProfiles
    covariance : SharedCovariance
    columns : array, shape (r, L)
        As in :func:`whitened_directions`.
    tau : float
    """
    rank = column_rank(columns)
    root = np.sqrt(isomir_weights(profiles, columns, tau=tau))
    r = profiles.values.shape[1]
    n_mirnas = len(covariance.fold)
    width = int(min(profiles.sizes.max(), r))
    eigenvalues = np.zeros((rank, n_mirnas, width))
    statistic = np.zeros((rank, n_mirnas))
    for f in np.unique(covariance.fold):
        whitener = covariance.whitener(f)
        directions, _ = whitened_directions(covariance, f, columns, rank)
        for m in np.flatnonzero(covariance.fold == f):
            rows = profiles.of(int(m))
            x = root[rows, None] * (profiles.values[rows] @ whitener)
            for k in range(rank):
                along = x @ directions[:, k]
                found = eigenvalues_of(x)[:width]
                eigenvalues[k, m, : len(found)] = found
                statistic[k, m] = along @ along
                x = x - np.outer(along, directions[:, k])
    return np.array(
        [direction_tail(eigenvalues[k][:, : min(width, r - k)], statistic[k], r - k) for k in range(rank)]
    )


def combined_p_values(tails: np.ndarray) -> np.ndarray:
    """Return one p-value (M,) of those along each direction (q, M), by Fisher's sum of logs."""
    if len(tails) == 1:
        return tails[0]
    from scipy import special

    with np.errstate(divide="ignore"):
        total = -2.0 * np.log(tails).sum(axis=0)
    return special.chdtrc(2.0 * len(tails), total)


def eigenvalues_of(x: np.ndarray) -> np.ndarray:
    """Return the eigenvalues of X'X, falling, from the smaller of both products."""
    product = x @ x.T if len(x) <= x.shape[1] else x.T @ x
    return np.maximum(np.linalg.eigvalsh(product)[::-1], 0.0)
