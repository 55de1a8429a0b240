"""Samples by a column of the sample table: levels, numbers, colours."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.plots.canvas import LEVELS, MARKERS
from bayes_mirglmm.suggest import did_you_mean

if TYPE_CHECKING:
    from bayes_mirglmm.results import Fit

MANY = 8  # different numbers, from which on a column is continuous
MISSING = "missing"


@dataclass(frozen=True)
class Grouping:
    """The samples of a fit by one column.

    Attributes
    ----------
    name : str
        The column; empty where all samples are one group.
    levels : tuple of str
        Levels, the reference first; a single one for a continuous column.
    code : int array, shape (n,)
        Level of each sample.
    numbers : array, shape (n,), optional
        Values of a continuous column, NaN where missing.
    """

    name: str
    levels: tuple[str, ...]
    code: np.ndarray
    numbers: np.ndarray | None = None

    def colour(self, k: int) -> str:
        """Return the colour of level ``k``."""
        return LEVELS[k % len(LEVELS)]

    def marker(self, k: int) -> str:
        """Return the marker of level ``k``; with the colour it repeats after 64 levels."""
        return MARKERS[(k + k // len(LEVELS)) % len(MARKERS)]


def grouping(fit: "Fit", by: str | None) -> Grouping:
    """Return the samples by column ``by``, the slope variable when None.

    Raises
    ------
    InputError
        The sample table has no such column.
    """
    samples = fit.samples
    n = fit.data.sizes["sample"]
    if by is None:
        by = fit.slope if fit.slope in samples.columns else None
        if by is None:
            return Grouping("", ("all samples",), np.zeros(n, dtype=int))
    if by not in samples.columns:
        names = [str(name) for name in samples.columns]
        raise InputError(
            f"the sample table has no column {by!r}.{did_you_mean(by, names)} Its columns are: {', '.join(names)}."
        )
    column = samples[by]
    numeric = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
    if numeric and column.nunique() > MANY and by not in fit.design.factors:
        return Grouping(by, (by,), np.zeros(n, dtype=int), column.to_numpy(dtype=float))
    known = [level for level in fit.design.factors.get(by, ()) if (column == level).any()]
    others = [level for level in column.dropna().unique() if level not in known]
    order = [*known, *(sorted(others) if numeric else others)]
    code = np.full(n, len(order))
    for k, level in enumerate(order):
        code[(column == level).to_numpy(dtype=bool, na_value=False)] = k
    levels = [f"{level:g}" if isinstance(level, float) else str(level) for level in order]
    return Grouping(by, (*levels, MISSING) if (code == len(order)).any() else tuple(levels), code)
