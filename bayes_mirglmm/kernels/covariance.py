"""Roots of covariances; plain NumPy, nothing compiled."""

import numpy as np


def symmetric_root(covariance: np.ndarray) -> np.ndarray:
    """Return the symmetric S (n, n) of Sigma = S S', which may be only semidefinite."""
    values, vectors = np.linalg.eigh(np.asarray(covariance, dtype=float))
    return np.ascontiguousarray((vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T)
