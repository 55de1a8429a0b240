"""Adjustment of p-values for many miRNAs."""

import numpy as np


def benjamini_hochberg(p_values: np.ndarray, groups: np.ndarray | None = None) -> np.ndarray:
    """Return p-values adjusted to control the false discovery rate (Benjamini and Hochberg 1995).

    Parameters
    ----------
    p_values : array_like, any shape
        NaN (a miRNA without a test) stays NaN and does not count as a test.
    groups : array_like, shape of ``p_values``, optional
        Tests with the same label (a coefficient) are adjusted together, others apart; all together when
        omitted.

    Returns
    -------
    numpy.ndarray, shape of ``p_values``, float64

    Raises
    ------
    ValueError
        A p-value is outside [0, 1], or the shapes differ.
    """
    p = np.asarray(p_values, dtype=np.float64)
    tested = ~np.isnan(p)
    if (p[tested] < 0.0).any() or (p[tested] > 1.0).any():
        found = f"{p[tested].min():g} to {p[tested].max():g}"
        raise ValueError(f"p-values lie between 0 and 1; these are from {found}.")
    labels = np.zeros(p.shape, dtype=np.intp)
    if groups is not None:
        if np.shape(groups) != p.shape:
            raise ValueError(f"groups has shape {np.shape(groups)} and p_values {p.shape}.")
        labels = np.unique(np.asarray(groups), return_inverse=True)[1].reshape(p.shape)
    adjusted = np.full(p.shape, np.nan)
    for label in np.unique(labels[tested]):
        rows = tested & (labels == label)
        adjusted[rows] = _of_one_family(p[rows])
    return adjusted


def _of_one_family(p: np.ndarray) -> np.ndarray:
    """Adjust ``p`` (m,); scipy.stats has this too, and takes half a second to import."""
    order = np.argsort(p)[::-1]
    count = len(p)
    adjusted = np.empty(count)
    adjusted[order] = np.minimum.accumulate(p[order] * count / np.arange(count, 0, -1))
    return np.minimum(adjusted, 1.0)
