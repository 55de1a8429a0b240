"""The directions in which samples move together, and what they go with."""

from typing import NamedTuple

import numpy as np

from bayes_mirglmm.cohort.cohort_effects import Cohort


class SampleDirections(NamedTuple):
    """Leading directions among n samples, k of them."""

    share: np.ndarray
    """Of the samples' variance about the fixed effects left in, largest first, shape (k,)."""
    scores: np.ndarray
    """Coordinates of the samples, each direction with SD 1, shape (n, k)."""


def sample_directions(cohort: Cohort, among: np.ndarray | None = None) -> SampleDirections:
    """Return the leading directions of the miRNAs' responses, each miRNA weighted by its own variance.

    Parameters
    ----------
    cohort : Cohort
    among : array, shape (n, q), optional
        Fixed effects that are taken out first; the intercept alone when omitted, so that a group or a batch shows as
        a direction if the miRNAs share it.
    """
    pooled = np.stack([r.pooled for r in cohort.responses])
    n = pooled.shape[1]
    out = np.ones((n, 1)) if among is None else among
    basis, _ = np.linalg.qr(out)
    away = pooled - (pooled @ basis) @ basis.T
    away = (away - np.median(away, axis=0)) / np.sqrt(cohort.shared.variance)[:, None]
    away -= (away @ basis) @ basis.T
    _, values, vectors = np.linalg.svd(away, full_matrices=False)
    kept = min(n - out.shape[1], len(values))
    share = values[:kept] ** 2 / (values**2).sum()
    # the sign of a singular vector means nothing: the sample farthest out is on the positive side
    scores = vectors[:kept].T * np.sqrt(n)
    signs = np.sign(scores[np.argmax(np.abs(scores), axis=0), np.arange(kept)])
    return SampleDirections(share, scores * signs)


def explained(values: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Return the share of each direction that columns (n, q) explain by least squares, shape (k,)."""
    columns = values - values.mean(axis=0)
    basis, singular, _ = np.linalg.svd(columns, full_matrices=False)
    basis = basis[:, singular > 1e-10 * max(singular.max(initial=0.0), 1e-300)]
    away = scores - scores.mean(axis=0)
    return ((basis.T @ away) ** 2).sum(axis=0) / (away**2).sum(axis=0)
