"""Cells that should be counts: to int64, or an error that names the first one that is not."""

import re
from collections.abc import Callable

import numpy as np
import pandas as pd

from bayes_mirglmm.counts.container import MAX_COUNT
from bayes_mirglmm.errors import InputError

MISSING = frozenset({"", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "#N/A", ".", "-"})
PARTS = np.arange(2, 7)  # places that a read may be shared between
FEW_SHARES = 5  # fractions that are too few to say what they are
LARGEST_LOG = 40  # log2 of any number of reads is below
MISSING_CHOICES = ("refuse", "zero")


def as_count(text: str) -> int | None:
    """Return the number of reads that a cell spells (``"9"``, ``"9.0"``), None where it is none or beyond 2^53."""
    try:
        number = int(text) if text.strip().isdecimal() else float(text)
    except ValueError:
        return None
    return int(number) if 0 <= number <= MAX_COUNT and number == number // 1 else None


def check_missing(missing: str) -> None:
    """Refuse a choice for missing cells that is none."""
    if missing not in MISSING_CHOICES:
        raise InputError(f"missing={missing!r} is not one of {', '.join(map(repr, MISSING_CHOICES))}.")


def count_matrix(
    frame: pd.DataFrame, *, where: Callable[[int], str], source: str, missing: str = "refuse"
) -> tuple[np.ndarray, int]:
    """Return the counts of a table, shape (rows, columns), int64, and how many missing cells became 0.

    Parameters
    ----------
    frame : pandas.DataFrame
        Columns of numbers, or of text that spells them (``"9"``, ``"9.0"``).
    where : callable
        Name of row ``i`` in a message (``"line 7"``).
    missing : {"refuse", "zero"}
        Whether an empty or ``NA`` cell is an error or 0.

    Raises
    ------
    InputError
        A cell is not an integer of 0 or more.
    """
    check_missing(missing)
    if all(isinstance(t, np.dtype) and t.kind in "iu" for t in frame.dtypes):
        matrix = frame.to_numpy()
        if matrix.size == 0 or (matrix.min() >= 0 and matrix.max() <= MAX_COUNT):
            return matrix.astype(np.int64, copy=False), 0
    out = np.empty(frame.shape, dtype=np.int64)
    zeros = 0
    for j in range(frame.shape[1]):
        values, filled = _numbers(frame.iloc[:, j], missing)
        zeros += filled
        with np.errstate(invalid="ignore"):
            bad = ~((values >= 0) & (values <= MAX_COUNT) & (values == np.floor(values)))
        if bad.any():
            i = int(np.flatnonzero(bad)[0])
            raise _not_a_count(
                frame.iloc[i, j],
                f"{source}, {where(i)}, column {frame.columns[j]!r}",
                int(bad.sum()),
                np.asarray(values, dtype=float),
            )
        out[:, j] = values.astype(np.int64)
    return out, zeros


def _numbers(column: pd.Series, missing: str) -> tuple[np.ndarray, int]:
    """Return the column as float64 (int64 where it is), NaN for what is no number; and the number of zeros put in."""
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "iu":
        return column.to_numpy(), 0
    if column.dtype == bool:
        return np.full(len(column), np.nan), 0
    if isinstance(column.dtype, np.dtype) and column.dtype.kind == "f":
        values, absent = column.to_numpy(), column.isna().to_numpy()
    else:
        text = [None if pd.isna(v) else str(v).strip() for v in column]
        values = pd.to_numeric(pd.Series(text, dtype=object), errors="coerce").to_numpy(
            dtype=float, na_value=np.nan
        )
        absent = np.array([v is None or v in MISSING for v in text])
    if missing == "zero" and absent.any():
        return np.where(absent, 0, values), int(absent.sum())
    return values, 0


def _not_a_count(cell: object, place: str, others: int, column: np.ndarray) -> InputError:
    text = "" if cell is None or cell is pd.NA else str(cell).strip()
    many = f" ({others} such cells in this column)" if others > 1 else ""
    if text in MISSING:
        return InputError(
            f"{place}: the cell is missing ({text!r}){many}. Write 0 where an isomiR was not seen, or pass "
            "missing='zero'."
        )
    if re.fullmatch(r"-?\d+,\d+", text):
        return InputError(
            f"{place}: {text!r} has a decimal or thousands comma{many}. Write plain integers: counts are "
            "whole numbers."
        )
    if re.fullmatch(r"-?\d*\.?\d+([eE][+-]?\d+)?\.?", text):
        kind = (
            "is negative"
            if text.startswith("-")
            else "is too large"
            if _large(text)
            else "is not a whole number"
        )
        return InputError(f"{place}: {text!r} {kind}{many}. {_remedy(column)}")
    return InputError(
        f"{place}: {text!r} is not a number{many}. Correct the cell, or pass annotation=[its column]."
    )


def _remedy(column: np.ndarray) -> str:
    """Say what to do about a column of numbers that are no counts, by what they look like."""
    values = column[np.isfinite(column)]
    part = np.mod(values, 1)
    broken = part[part > 0]
    shares = np.abs(broken[:, None] * PARTS - np.round(broken[:, None] * PARTS)).min(axis=1) < 0.02
    if len(broken) >= FEW_SHARES and shares.mean() > 0.9:
        return (
            "The fractions look like shares of reads that map to several places: let the tool count each read once, or "
            "round the column, which changes little."
        )
    logs = len(values) >= FEW_SHARES and values.max() < LARGEST_LOG
    what = "The column looks like logarithms: give" if logs else "Give"
    no = "" if logs else ", not CPM, RPM or log values"
    return f"{what} raw read counts{no}; for a column that is no sample, pass annotation=[its name]."


def _large(text: str) -> bool:
    return (int(text) if text.isdecimal() and len(text) < 1000 else float(text)) > MAX_COUNT
