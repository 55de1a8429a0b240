"""Samples in a plane: principal components, and multidimensional scaling of leading log fold changes."""

import numpy as np


def principal_components(values: np.ndarray, top: int) -> tuple[np.ndarray, np.ndarray]:
    """Return scores (n, 2) of the samples, and the share of variance of both components.

    Parameters
    ----------
    values : array, shape (I, n)
    top : int
        Rows with the largest variance that take part.
    """
    chosen = np.argsort(-values.var(axis=1), kind="stable")[:top]
    centred = values[chosen] - values[chosen].mean(axis=1, keepdims=True)
    _, singular, vectors = np.linalg.svd(centred, full_matrices=False)
    return _plane(vectors.T * singular, singular**2)


def leading_distances(values: np.ndarray, top: int) -> np.ndarray:
    """Return distances (n, n): root mean square of the ``top`` largest log fold changes between two samples.

    limma's ``plotMDS`` with ``gene.selection="pairwise"`` (Ritchie et al. 2015, Nucleic Acids Research 43:e47).
    """
    rows, n = values.shape
    top = min(top, rows)
    result = np.zeros((n, n))
    for i in range(1, n):
        square = (values[:, :i] - values[:, [i]]) ** 2
        largest = np.partition(square, rows - top, axis=0)[rows - top :]
        result[i, :i] = result[:i, i] = np.sqrt(largest.mean(axis=0))
    return result


def classical_scaling(distance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return coordinates (n, 2) whose distances come close to ``distance`` (n, n), and their share of the variance."""
    n = len(distance)
    centring = np.eye(n) - 1.0 / n
    values, vectors = np.linalg.eigh(-0.5 * centring @ distance**2 @ centring)
    positive = np.maximum(values[::-1], 0.0)
    return _plane(vectors[:, ::-1] * np.sqrt(positive), positive)


def _plane(scores: np.ndarray, variance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the first two columns (zeros where there are fewer), the largest entry positive, and their share."""
    total = variance.sum()
    plane, share = np.zeros((len(scores), 2)), np.zeros(2)
    for k in range(min(2, scores.shape[1])):
        column = scores[:, k]
        plane[:, k] = column if column[np.abs(column).argmax()] >= 0 else -column
        share[k] = variance[k] / total if total > 0 else 0.0
    return plane, share
