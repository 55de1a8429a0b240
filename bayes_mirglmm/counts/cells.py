"""What the text of a cell says: nothing, a number, a number with a comma, a date; and what that makes of a column.

A sample table is written by people and by portals. A column of numbers in which one cell says ``'--`` or which has
decimal commas is still a column of numbers, and must not become a factor of as many levels as it has values.
"""

import re
from typing import NamedTuple

import pandas as pd

from bayes_mirglmm.suggest import spelled_apart

#: Codes that mean "no value" in any column: of R, pandas and Excel, GDC's ``'--``, TCGA's brackets, INSDC's words.
CODES = frozenset({"", "NA", "N/A", "n/a", "N.A.", "n.a.", "NaN", "nan", "#N/A", "null", "NULL", "--", "'--"})
WORDS = frozenset(
    {
        *("not reported", "not available", "not applicable", "not recorded", "not collected", "not provided"),
        *("[not available]", "[not applicable]", "[not evaluated]", "[unknown]", "[discrepancy]", "missing"),
        *("[not reported]", "missing value", "no data"),
    }
)
#: What means the same among numbers only: in a column of words each may be a level.
AMONG_NUMBERS = frozenset({".", "-", "?", "unknown", "none", "unk", "nd", "n.d."})
NUMBER = re.compile(r"[-+]?(0|[1-9]\d*|\d*\.\d+|\d+\.\d*)([eE][-+]?\d+)?")
COMMA = re.compile(r"[-+]?\d+,\d+([eE][-+]?\d+)?")
THOUSANDS = re.compile(r"[-+]?[1-9]\d{0,2}(,\d{3})+(\.\d+)?")
_CLOCK = r"([T ]\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[-+]\d{2}:?\d{2})?)?"
DATE = re.compile(
    rf"(\d{{4}}([-/.])\d{{1,2}}\2\d{{1,2}}|\d{{1,2}}([-/.])\d{{1,2}}\3(\d{{4}}|\d{{2}})){_CLOCK}|"
    r"\d{1,2}[- ][A-Za-z]{3,9}[- ](\d{4}|\d{2})"
)


class Typed(NamedTuple):
    """A column of text as what it says, and what was done to it."""

    column: pd.Series
    """Numbers, or text; a missing value is None or NaN."""
    codes: tuple[str, ...]
    """Codes other than an empty cell and ``NA`` that were read as missing, each once for each cell."""
    commas: bool
    """Whether commas were read, as decimal points or between thousands."""


def is_missing(text: str) -> bool:
    """Say whether a cell holds a code for a missing value."""
    return text in CODES or text.lower() in WORDS


def typed(column: pd.Series, *, comma: str = "") -> Typed:
    """Return a column of text as numbers where every cell with a value is one, else as text.

    Parameters
    ----------
    column : pandas.Series of str
        Stripped cells.
    comma : {"", "decimal"}
        What commas in numbers are, where the file says so (semicolons between its columns). Else the cells must: a
        comma is a decimal one unless every cell could have it between thousands (``1,250``); of those, a second comma
        in any cell (``1,250,000``) says thousands, and without one the column stays text.

    Returns
    -------
    Typed
    """
    absent = column.map(is_missing)
    present = column[~absent]
    numeric = present.map(_number_like)
    words = present[~numeric]
    if len(words) and numeric.any() and words.str.lower().isin(AMONG_NUMBERS).all():
        absent = absent | column.str.lower().isin(AMONG_NUMBERS)
        present = present[numeric]
        words = words[:0]
    codes = tuple(cell for cell in column[absent] if cell not in ("", "NA"))
    separator = _comma(present, comma) if len(present) and not len(words) else None
    if separator is None:
        return Typed(column.mask(absent, None), tuple(cell for cell in codes if is_missing(cell)), False)
    plain = present.str.replace(",", separator, regex=False)
    numbers = pd.to_numeric(plain).reindex(column.index)
    return Typed(numbers, codes, bool(present.str.contains(",", regex=False).any()))


def is_number(text: str) -> bool:
    """Say whether a cell is a number, with a point, a comma or commas between thousands; not one with leading zeros."""
    return _number_like(text)


def is_date(text: str) -> bool:
    """Say whether a cell looks like a date, with a time or without: ``2021-03-01``, ``3/1/21``, ``01-Mar-2021``."""
    return DATE.fullmatch(text) is not None


def spelling_caution(column: pd.Series, name: str) -> str:
    """Say in a sentence where two levels of a factor may be one, as ``Ctrl`` and ``ctrl``; else an empty string.

    Parameters
    ----------
    column : pandas.Series
        Text or a categorical, a value for each sample. Where each has a value of its own nothing is said.
    name : str
        Its name in the sentence.
    """
    sizes = column.dropna().astype(str).value_counts()
    if len(sizes) == len(column):
        return ""
    alike = [found for found in spelled_apart(sizes.index, sizes.index) if sizes[found[0]] <= sizes[found[1]]]
    if not alike:
        return ""
    rare, other, what = alike[0]
    return (
        f"column {name} has {rare!r} ({sizes[rare]}) and {other!r} ({sizes[other]}), which differ only in {what}: "
        "where they mean the same, write them alike in the sample table"
    )


def _number_like(text: str) -> bool:
    return any(pattern.fullmatch(text) for pattern in (NUMBER, COMMA, THOUSANDS))


def _comma(cells: pd.Series, told: str) -> str | None:
    """Return what to put for the commas of number-like cells; None where that cannot be told."""
    with_comma = [cell for cell in cells if "," in cell]
    if not with_comma:
        return ""
    points = any("." in cell for cell in cells)
    thousands = all(THOUSANDS.fullmatch(cell) for cell in with_comma)
    if thousands and (points or any(cell.count(",") > 1 for cell in with_comma)):
        return ""
    if points or not all(COMMA.fullmatch(cell) for cell in with_comma):
        return None
    return None if thousands and told != "decimal" else "."
