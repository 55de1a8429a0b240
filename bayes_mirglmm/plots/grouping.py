"""Samples by a column of the sample table: levels, numbers, colours."""

from collections.abc import Sequence
from colorsys import hls_to_rgb
from dataclasses import dataclass, replace
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
    colours : tuple of str
        Of the levels.
    """

    name: str
    levels: tuple[str, ...]
    code: np.ndarray
    numbers: np.ndarray | None = None
    colours: tuple[str, ...] = LEVELS

    def colour(self, k: int) -> str:
        """Return the colour of level ``k``; the palette begins again after its last one."""
        return self.colours[k % len(self.colours)]

    def marker(self, k: int) -> str:
        """Return the marker of level ``k``; with the colour it repeats after 64 levels."""
        return MARKERS[(k + k // len(LEVELS)) % len(MARKERS)]


def told_apart(groups: Sequence[Grouping]) -> tuple[Grouping, ...]:
    """Return groupings whose levels have no colour twice: for pictures where colour alone tells them apart.

    The palette goes on from column to column as long as it lasts; a column with more levels than it has left gets hues
    around the circle, dark and light in turn, paler than those of the palette.
    """
    found, used = [], 0
    for group in groups:
        number = len(group.levels)
        if group.numbers is not None:
            found.append(group)
        elif used + number <= len(LEVELS):
            found.append(replace(group, colours=LEVELS[used : used + number]))
            used += number
        else:
            found.append(replace(group, colours=_hues(number)))
    return tuple(found)


def _hues(number: int) -> tuple[str, ...]:
    from matplotlib.colors import to_hex

    return tuple(
        to_hex(hls_to_rgb(k / number, (0.4, 0.72, 0.56)[k % 3], (0.55, 0.6, 0.35)[k % 3]))
        for k in range(number)
    )


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
