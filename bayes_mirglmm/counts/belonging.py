"""Columns that say which samples belong together: pairs, litters, visits of one patient.

Such samples are not independent. Fitted as if they were, a difference within pairs loses its power, and one between
subjects that were sampled twice looks surer than it is.
"""

from collections.abc import Iterable
from typing import NamedTuple

import pandas as pd
import xarray as xr

from bayes_mirglmm.counts.cells import is_date
from bayes_mirglmm.counts.container import sample_table

MOST_SAMPLES = 4  # of a level: more are a group, not one subject
FEWEST_LEVELS = 3
#: The same where no formula says what the groups are: an experiment in triplicate has three or four of them.
FEWEST_UNASKED = 5
IDS = 10  # whole numbers are ids from so many different ones on, or where they leave no number out


class Belonging(NamedTuple):
    """A column whose every level the same small number of samples has."""

    column: str
    levels: int
    samples: int

    @property
    def text(self) -> str:
        """What is seen: ``column patient has 10 levels of 2 samples each``."""
        return f"column {self.column} has {self.levels} levels of {self.samples} samples each"

    @property
    def term(self) -> str:
        """The random term that takes it into a formula."""
        return f"(1 | {self.column})"


def belonging_columns(table: pd.DataFrame, *, fewest: int = FEWEST_UNASKED) -> list[Belonging]:
    """Return the columns of a sample table that look as if they named subjects; of those that say the same, the first.

    Every sample has a value, every level has the same number of samples, 2 to 4, and there are more levels than samples
    of a level. Numbers count where they look like ids; dates do not.
    """
    found: list[Belonging] = []
    seen: list[list[int]] = []
    for name, values in table.items():
        if values.isna().any() or not _names_something(values):
            continue
        code = pd.factorize(values.astype(str))[0]
        sizes = pd.Series(code).value_counts()
        size = int(sizes.iloc[0]) if len(sizes) else 0
        if not (2 <= size <= MOST_SAMPLES and size < len(sizes) >= fewest and (sizes == size).all()):
            continue
        if list(code) not in seen:
            seen.append(list(code))
            found.append(Belonging(str(name), len(sizes), size))
    return found


def unused_belonging(counts: xr.Dataset, used: Iterable[str]) -> list[Belonging]:
    """Return those that the variables ``used`` of a formula do not determine, as they do the name of a dose."""
    table = sample_table(counts)
    names = [name for name in used if name in table and table[name].nunique() < len(table)]
    cells = table[names].astype(str).agg("\0".join, axis=1) if names else pd.Series("", table.index)
    found = [b for b in belonging_columns(table, fewest=FEWEST_LEVELS) if b.column not in names]
    return [b for b in found if table[b.column].astype(str).groupby(cells).nunique().max() > 1]


def _names_something(values: pd.Series) -> bool:
    if pd.api.types.is_bool_dtype(values) or pd.api.types.is_float_dtype(values):
        return False
    if pd.api.types.is_integer_dtype(values):
        numbers = sorted(set(values))
        return len(numbers) >= IDS or numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    return not all(is_date(str(value)) for value in values)
