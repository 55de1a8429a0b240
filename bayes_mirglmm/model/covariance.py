"""Correlations from covariances."""

import numpy as np


def correlation(covariance: np.ndarray, k: int, j: int) -> np.ndarray:
    """Return the correlation of effects ``k`` and ``j``, (...), of covariances (..., K, K).

    Between -1 and 1, whatever rounding says; NaN where a variance is 0, of which there is no correlation.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = np.sqrt(covariance[..., k, k] * covariance[..., j, j])
        return np.where(scale > 0, np.clip(covariance[..., k, j] / scale, -1.0, 1.0), np.nan)
