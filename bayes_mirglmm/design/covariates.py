"""Columns of a sample table as model variables: what is a factor or a number, which level comes first.

Strings and booleans are factors, numbers are covariates, and ``C(x)`` in a formula makes a factor of a
number. Levels are sorted, numbers inside their names by value; the reference moves to the front.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from bayes_mirglmm.counts.cells import spelling_caution
from bayes_mirglmm.design.text import date_caution, refuse_disguised
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.outcomes import Caution
from bayes_mirglmm.suggest import did_you_mean

INTERCEPT = "Intercept"  # as formulaic calls it


def columns_by_name(samples: pd.DataFrame) -> dict[str, pd.Series]:
    """Return the columns of a sample table by name, indexed by sample name.

    Raises
    ------
    InputError
        The table has no rows, or a sample or column name occurs more than once.
    """
    if len(samples) == 0:
        raise InputError("the sample table has no rows: give one row per sample.")
    index = samples.index.astype(str)
    if index.has_duplicates:
        raise InputError(
            f"the sample table has more than one row for sample {index[index.duplicated()][0]!r}: keep one."
        )
    names = [str(name) for name in samples.columns]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"the sample table has more than one column named {name!r}: rename all but one.")
    return {name: samples.iloc[:, i].set_axis(index) for i, name in enumerate(names)}


def typed_columns(
    columns: Mapping[str, pd.Series],
    used: Sequence[str],
    as_factors: Iterable[str],
    reference: Mapping[str, object],
    index: pd.Index,
) -> pd.DataFrame:
    """Return the ``used`` columns: factors as categoricals, reference level first; covariates as float64.

    Parameters
    ----------
    columns : mapping of str to pandas.Series
        The sample table, by :func:`columns_by_name`.
    used : sequence of str
        Columns to return.
    as_factors : iterable of str
        Columns of numbers that are factors.
    reference : mapping
        Reference level of each factor, or a sequence of levels that come first.
    index : pandas.Index
        Sample names.

    Raises
    ------
    InputError
        A value is missing, infinite, or neither a number, a string nor a boolean; a factor has one level; a
        reference names no level.
    """
    table = pd.DataFrame(index=index)
    for name in used:
        column = columns[name]
        refuse_missing(column, name)
        numeric = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
        if not numeric or name in as_factors:
            if name not in as_factors:
                refuse_disguised(column, name)
            table[name] = _factor(column, name, reference.get(name))
        elif name in reference:
            raise InputError(
                f"reference= names {name!r}, a column of numbers, which has no levels: write C({name}) in "
                "the formula to make a factor of it."
            )
        elif name == INTERCEPT:
            raise InputError(
                f"column {name!r} of the sample table has the name that the model gives to its own intercept: rename "
                "the column, or leave it out of the design."
            )
        else:
            table[name] = _covariate(column, name)
    return table


def is_factor(column: pd.Series) -> bool:
    """Say whether a column of :func:`typed_columns` is a factor."""
    return isinstance(column.dtype, pd.CategoricalDtype)


def level_name(value: object) -> str:
    """Return the name of a factor level: whole numbers without a decimal point, the rest by ``str``."""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)


def refuse_missing(column: pd.Series, name: str) -> None:
    """Refuse a column with a missing or blank value, naming the samples."""
    blank = np.array([isinstance(value, str) and not value.strip() for value in column], dtype=bool)
    missing = column.isna().to_numpy() | blank
    if missing.any():
        raise InputError(
            f"column {name!r} of the sample table has no value for {some_samples(column.index[missing])}: "
            "fill the values in, or take the rows of those samples out of the sample table and read with "
            "samples_only=True (--samples-only)."
        )


def some_samples(names: Sequence[object] | pd.Index, limit: int = 6) -> str:
    """Return ``sample a`` or ``8 samples: a, b, ...``."""
    shown = ", ".join(str(name) for name in names[:limit])
    what = "sample" if len(names) == 1 else f"{len(names)} samples:"
    return f"{what} {shown}" if len(names) <= limit else f"{what} {shown}, ..."


def _covariate(column: pd.Series, name: str) -> np.ndarray:
    values = column.to_numpy(dtype=np.float64)
    infinite = ~np.isfinite(values)
    if infinite.any():
        raise InputError(
            f"column {name!r} of the sample table is infinite for {some_samples(column.index[infinite])}: "
            "correct the values."
        )
    return values


def _factor(column: pd.Series, name: str, reference: object) -> pd.Series:
    levels = _levels(column, name)
    if len(levels) == 1:
        raise InputError(
            f"the factor {name!r} has one level, {levels[0]!r}, in all {len(column)} samples: there is "
            "nothing to compare. Leave it out of the design, or include samples of another level."
        )
    wanted = list(reference) if isinstance(reference, list | tuple) else [reference]
    first = [level_name(level) for level in wanted if level is not None]
    for level in first:
        if level not in levels:
            raise InputError(
                f"reference= gives {level!r} for {name!r}, which is not one of its levels."
                f"{did_you_mean(level, levels)} Its levels are: {', '.join(levels)}."
            )
        if first.count(level) > 1:
            raise InputError(f"reference= gives level {level!r} of {name!r} more than once: name it once.")
    order = first + [level for level in levels if level not in first]
    values = pd.Categorical([level_name(value) for value in column], categories=order)
    return pd.Series(values, index=column.index)


def _levels(column: pd.Series, name: str) -> list[str]:
    if isinstance(column.dtype, pd.CategoricalDtype):  # its order is a choice that the user has made
        return [level_name(value) for value in column.cat.remove_unused_categories().cat.categories]
    if not pd.api.types.is_numeric_dtype(column):
        odd = [value for value in column if not isinstance(value, str | bool | np.bool_)]
        if odd:
            raise InputError(
                f"column {name!r} of the sample table holds {odd[0]!r} ({type(odd[0]).__name__}): use "
                "strings for a factor or numbers for a covariate."
            )
        return sorted({level_name(value) for value in column}, key=natural_order)
    return [level_name(value) for value in sorted(column.unique())]


def natural_order(level: str) -> list[tuple[int, float, str]]:
    """Return a key that sorts ``6h`` before ``12h``: numbers inside names by value, the rest by letters."""
    parts = re.split(r"(\d+(?:\.\d+)?)", level)
    return [(0, float(part), part) if i % 2 else (1, 0.0, part) for i, part in enumerate(parts) if part]


def coded_levels(table: pd.DataFrame) -> list[Caution]:
    """Return a sentence for every column that may have been meant otherwise.

    Covariates that look like a factor in numbers (patients 1, 2, 3, each repeated), dates, and one level in two
    spellings.
    """
    found = []
    for name, column in table.items():
        if sentence := date_caution(column, str(name)):
            found.append(Caution("dates", sentence))
            continue
        if is_factor(column):
            if sentence := spelling_caution(column, str(name)):
                found.append(Caution("spellings", sentence))
            continue
        values = column.to_numpy(dtype=np.float64)
        levels, sizes = np.unique(values, return_counts=True)
        if len(levels) > 2 and (levels == np.round(levels)).all() and sizes.min() > 1:
            shown = ", ".join(f"{level:g}" for level in levels[:5]) + (", ..." if len(levels) > 5 else "")
            sentence = (
                f"{name} is a number ({shown}) and was fitted as a linear covariate: if it names groups, write "
                f"C({name}) in the formula"
            )
            found.append(Caution("coded_levels", sentence))
    return found
