"""Means of each isomiR under the covariates, where a fit has one effect of a covariate for the whole miRNA.

Libraries of two laboratories differ by other factors in each isomiR. Where a model has such a factor for the miRNA
alone, the rest of it stands in the dispersion, and the noise of a cell goes by a mean that is not that of its
laboratory. A few steps of Fisher scoring give each isomiR its own effects and the dispersion what is left.
"""

import numpy as np

STEPS = 6
RIDGE = 0.1  # precision of an effect, for isomiRs that some samples never have
LARGEST_STEP = 1.0  # natural log
HALVINGS = 22
LOG_THETA = (-4.6, 13.8)


def isomir_means(
    counts: np.ndarray, mean: np.ndarray, theta: float, columns: np.ndarray
) -> tuple[np.ndarray, float]:
    """Return means (J, n) with effects of ``columns`` for each isomiR, and the size that is left.

    Parameters
    ----------
    counts, mean : array, shape (J, n)
        Counts, and the means to start from.
    theta : float
        Negative binomial size to start from; inf stays.
    columns : array, shape (n, c)
        Intercept and covariates.
    """
    isomirs, samples = counts.shape
    log_mean = np.log(mean)
    lowest = log_mean.max() - 25.0
    u, s, _ = np.linalg.svd(columns, full_matrices=False)
    columns = u[:, s > 1e-10 * s[0]] * np.sqrt(samples)  # whatever their coding
    freedom = isomirs * samples - isomirs * columns.shape[1] - samples + 1
    penalty = RIDGE * np.eye(columns.shape[1])
    for _ in range(STEPS):
        log_mean = log_mean + _step_of_isomirs(counts, np.exp(log_mean), theta, columns, penalty)
        log_mean = np.maximum(log_mean + _step_of_samples(counts, np.exp(log_mean), theta), lowest)
        if np.isfinite(theta) and freedom > 0:
            theta = _size(counts, np.exp(log_mean), freedom)
    return np.exp(log_mean), theta


def _relative(counts: np.ndarray, mean: np.ndarray) -> np.ndarray:
    return np.clip((counts - mean) / mean, -1.0, 3.0)


def _step_of_isomirs(
    counts: np.ndarray, mean: np.ndarray, theta: float, columns: np.ndarray, penalty: np.ndarray
) -> np.ndarray:
    weight = mean / (1.0 + mean / theta)
    error = _relative(counts, mean)
    error = error - (weight * error).sum(axis=0) / weight.sum(axis=0)
    information = np.einsum("jn,na,nb->jab", weight, columns, columns) + penalty
    step = np.linalg.solve(information, ((weight * error) @ columns)[:, :, None])[:, :, 0] @ columns.T
    return np.clip(step, -LARGEST_STEP, LARGEST_STEP)


def _step_of_samples(counts: np.ndarray, mean: np.ndarray, theta: float) -> np.ndarray:
    weight = mean / (1.0 + mean / theta)
    step = (weight * _relative(counts, mean)).sum(axis=0) / weight.sum(axis=0)
    return np.clip(step, -LARGEST_STEP, LARGEST_STEP)


def _size(counts: np.ndarray, mean: np.ndarray, freedom: int) -> float:
    """Solve for theta at which Pearson's chi-squared is its degrees of freedom."""
    squares = (counts - mean) ** 2
    low, high = LOG_THETA
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        if (squares / (mean + mean**2 * np.exp(-middle))).sum() < freedom:
            low = middle
        else:
            high = middle
    return float(np.exp(0.5 * (low + high)))
