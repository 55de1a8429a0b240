"""Columns of text that are numbers or dates at heart: refused or cautioned about before they become factors."""

import numpy as np
import pandas as pd

from bayes_mirglmm.counts.cells import NUMBER, is_date, is_number
from bayes_mirglmm.errors import InputError


def refuse_disguised(column: pd.Series, name: str) -> None:
    """Refuse a column of text that would become a factor by accident.

    A categorical is a factor by choice; so is text of plain digits, which a reader of files would have made a number.

    Parameters
    ----------
    column : pandas.Series
        A column of the sample table, indexed by sample name, without missing values.
    name : str
        Its name.

    Raises
    ------
    InputError
        Most cells are numbers and some are not (the first is named), commas in the numbers may be decimal ones or
        thousands, or the cells are dates of which most occur once.
    """
    if isinstance(column.dtype, pd.CategoricalDtype) or not all(isinstance(v, str) for v in column):
        return
    cells = [value.strip() for value in column]
    numbers = np.array([is_number(cell) for cell in cells])
    choice = f"or write C({name}) in the formula if the cells name groups"
    if 2 * numbers.sum() > len(cells) and not all(NUMBER.fullmatch(cell) for cell in cells):
        if not numbers.all():
            at = int(np.flatnonzero(~numbers)[0])
            more = f" (and {(~numbers).sum() - 1} more)" if (~numbers).sum() > 1 else ""
            raise InputError(
                f"column {name!r} of the sample table holds numbers, but {cells[at]!r} for sample "
                f"{column.index[at]}{more}: correct the cell, or empty it and leave the sample out, {choice}."
            )
        at = next(i for i, cell in enumerate(cells) if "," in cell)
        raise InputError(
            f"column {name!r} of the sample table has {cells[at]!r} for sample {column.index[at]}: the comma could be "
            f"a decimal one or stand between thousands. Write the numbers without commas, {choice}."
        )
    if all(map(is_date, cells)) and 2 * len(set(cells)) > len(cells):
        raise InputError(
            f"column {name!r} of the sample table holds dates ({cells[0]}, ...), {len(set(cells))} different ones "
            f"in {len(cells)} samples: a factor would have a level for each. For a trend give a column of numbers, "
            f"such as days since the first; for batches a column that names them, {choice}."
        )


def date_caution(column: pd.Series, name: str) -> str:
    """Return a sentence where a factor's levels are dates, or a covariate's numbers read as dates; else nothing."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        levels = list(column.cat.categories)
        if levels and all(is_date(str(level)) for level in levels):
            return (
                f"{name} holds dates and was fitted as a factor of {len(levels)} levels: for a trend over time give "
                "a column of numbers, such as days since the first"
            )
        return ""
    values = column.to_numpy(dtype=np.float64)
    if len(values) and (values == np.round(values)).all() and (values > 1e7).all() and (values < 1e8).all():
        parsed = pd.to_datetime(
            pd.Series(values.astype(np.int64).astype(str)), format="%Y%m%d", errors="coerce"
        )
        if parsed.notna().all() and parsed.dt.year.between(1900, 2100).all():
            return (
                f"{name} is a number that reads as a date ({values[0]:.0f}): differences between such numbers are "
                "not days; give days since the first"
            )
    return ""
