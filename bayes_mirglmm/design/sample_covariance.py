"""A covariance of the sample effects that the user gives: checked, in the order of the samples."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from bayes_mirglmm.errors import InputError

ASYMMETRY = 1e-8  # relative
NEGATIVE = 1e-8  # relative, of the smallest eigenvalue


def checked_covariance(value: object, samples: Sequence[str]) -> np.ndarray | None:
    """Return a covariance (n, n) in the order of ``samples``.

    Parameters
    ----------
    value : array or pandas.DataFrame, shape (n, n), or None
        A data frame is put into order by its names.
    samples : sequence of str, length n

    Raises
    ------
    InputError
        It has another shape or other samples, is not finite or not symmetric, or is no covariance.
    """
    if value is None:
        return None
    names, n = list(samples), len(samples)
    if isinstance(value, pd.DataFrame):
        frame = value.set_axis(value.index.astype(str), axis=0).set_axis(value.columns.astype(str), axis=1)
        missing = [name for name in names if name not in frame.index or name not in frame.columns]
        if missing or frame.index.has_duplicates or frame.columns.has_duplicates:
            what = f"lacks sample {missing[0]!r}" if missing else "has a sample more than once"
            raise InputError(f"sample_covariance {what}: give one row and one column for each sample.")
        value = frame.loc[names, names]
    matrix = np.asarray(value, dtype=float)
    if matrix.shape != (n, n):
        raise InputError(
            f"sample_covariance has shape {matrix.shape}, but the counts have {n} samples: give {n} rows and columns."
        )
    size = np.abs(matrix).max()
    if not np.isfinite(size) or size == 0.0:
        raise InputError("sample_covariance is zero or not finite: leave it out for independent samples.")
    if np.abs(matrix - matrix.T).max() > ASYMMETRY * size:
        raise InputError("sample_covariance is not symmetric: a covariance is.")
    lowest = float(np.linalg.eigvalsh(matrix)[0])
    if lowest < -NEGATIVE * size:
        raise InputError(
            f"sample_covariance has a negative eigenvalue ({lowest:.3g}), so it is no covariance: check how it was "
            "made, pairwise complete correlations for example need not be one."
        )
    return 0.5 * (matrix + matrix.T)
