"""The sample table: one row a sample, any columns."""

import csv
from collections import Counter
from pathlib import Path

import pandas as pd

from bayes_mirglmm.counts.cells import is_missing, typed
from bayes_mirglmm.counts.container import some
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.readers._delimited import inspect, require_columns
from bayes_mirglmm.readers._files import PathLike
from bayes_mirglmm.readers._layout import normalised
from bayes_mirglmm.readers._notes import Note
from bayes_mirglmm.readers._open import decoding, numbered_lines, peek

SAMPLE_NAMES = (
    *("sample", "samplename", "samplenames", "sampleid", "sampleids", "samples"),
    *("library", "libraryname", "libraryid", "lib", "run", "id", "name"),
)


def read_samples(path: PathLike) -> pd.DataFrame:
    """Read a sample table from TSV or CSV (delimiter, encoding and compression by content), or an R data frame.

    Parameters
    ----------
    path : path
        The sample name is in the column called ``sample`` (or ``Sample ID``, ``library``, ``run``, ...; the first of
        ``SAMPLE_NAMES`` that exists), else in the first column. Of a data frame in an ``.rds`` it is the row name.

    Returns
    -------
    pandas.DataFrame
        Indexed by sample name (text as written: ``001`` stays ``001``). A column whose cells are all numbers is
        numeric, decimal commas included (:func:`bayes_mirglmm.counts.cells.typed`); numbers with leading zeros and
        everything else stay text. Empty cells, ``NA`` and other codes for a missing value (``'--``, ``not reported``)
        are missing. Factors of R are categoricals, with their levels in R's order.

    Raises
    ------
    InputError
        The file is no table, or a row is ragged or has no sample name (file and line are named).
    """
    return _read(path, [])


def _read(path: PathLike, notes: list[Note]) -> pd.DataFrame:
    head = peek(Path(path).expanduser())
    if head.kind == "r":
        from bayes_mirglmm.readers._rexperiment import read_data_frame  # rdata takes 0.3 s to import

        return _from_pandas(read_data_frame(head), notes)
    if head.kind != "text":
        raise InputError(f"{head.source} is not a text table: give the sample table as TSV or CSV.")
    table = inspect(head)
    columns = list(table.columns)
    if len(columns) > 1:
        require_columns(table)
    lines = decoding(head, lambda encoding: list(numbered_lines(head.path, encoding)), [])
    rows, numbers = [], []
    for number, line in lines:
        if number <= table.header_line:
            continue
        cells = next(csv.reader([line], delimiter=table.delimiter)) if len(columns) > 1 else [line]
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(columns):
            raise InputError(
                f"{head.source}, line {number}: {len(cells)} column(s), where the header has "
                f"{len(columns)}. Correct the line."
            )
        rows.append([cell.strip() for cell in cells])
        numbers.append(number)
    if not rows:
        raise InputError(f"{head.source} has a header but no rows: write a row for each sample.")
    frame = pd.DataFrame(rows, columns=columns, dtype=object)
    at = _sample_column(columns)
    blank = [number for number, name in zip(numbers, frame.iloc[:, at], strict=True) if is_missing(name)]
    if blank:
        raise InputError(
            f"{head.source}, line {blank[0]}: no sample name in column {columns[at]!r}. Fill it in."
        )
    index = pd.Index(frame.iloc[:, at].astype(str), name="sample", dtype=object)
    rest = frame[[name for i, name in enumerate(columns) if i != at and name]]
    comma = "decimal" if table.delimiter == ";" else ""
    result = pd.DataFrame({name: _typed(rest[name], notes, comma) for name in rest}, rest.index).set_axis(
        index
    )
    result.attrs["sample_column"] = columns[at]
    return result


def sample_frame(samples: PathLike | pd.DataFrame | None, notes: list[Note]) -> pd.DataFrame | None:
    """Return a sample table indexed by sample name, from a path or a table; what was read as numbers is noted.

    A pandas table with a plain numbered index has its sample names in a column, like a file. Its columns keep their
    types, but text with codes for missing values or with decimal commas, which pandas leaves as it finds it, is read
    as in a file.
    """
    if samples is None:
        return None
    return _from_pandas(samples, notes) if isinstance(samples, pd.DataFrame) else _read(samples, notes)


def _from_pandas(samples: pd.DataFrame, notes: list[Note]) -> pd.DataFrame:
    frame = samples.set_axis([str(name) for name in samples.columns], axis=1)
    columns, own = list(frame.columns), "sample"
    has_name = any(normalised(name) in SAMPLE_NAMES for name in columns)
    plain = isinstance(frame.index, pd.RangeIndex) and frame.index.name is None
    if columns and (plain or (has_name and pd.api.types.is_integer_dtype(frame.index))):
        at = columns[_sample_column(columns)]
        names, frame, own = list(frame[at]), frame.drop(columns=at), at
    else:
        names = list(frame.index)
        if "sample" in columns and [str(v) for v in frame["sample"]] == [str(v) for v in names]:
            frame = frame.drop(columns="sample")
    for name in [c for c in frame.columns if _is_untyped(frame[c])]:
        cells = frame[name].map(lambda v: "" if pd.isna(v) else str(v).strip())
        frame = frame.assign(**{name: _typed(cells, notes, "")})
    result = frame.set_axis(pd.Index([str(name) for name in names], name="sample", dtype=object))
    result.attrs["sample_column"] = own
    return result


def only(samples: pd.DataFrame, names: list[str], notes: list[Note]) -> pd.DataFrame:
    """Take out rows of other samples, so that a sheet of a whole project may repeat them."""
    present = set(names)
    extra = [name for name in dict.fromkeys(samples.index) if name not in present]
    if extra and len(extra) < len(set(samples.index)):
        text = f"{{n}} sample(s) of the sample table have no counts and were left out: {some(extra)}"
        notes.append(Note(text, len(extra)))
        return samples[samples.index.isin(names)]
    return samples


def _sample_column(columns: list[str]) -> int:
    keys = [normalised(name) for name in columns]
    return next((keys.index(name) for name in SAMPLE_NAMES if name in keys), 0)


def _typed(column: pd.Series, notes: list[Note], comma: str) -> pd.Series:
    found = typed(column, comma=comma)
    if found.commas:
        notes.append(
            Note(f"column {column.name!r} of the sample table has commas in its numbers: read as numbers")
        )
    if found.codes:
        cells = ", ".join(f"{code} ({n})" for code, n in Counter(found.codes).items())
        notes.append(Note(f"column {column.name!r} of the sample table: cells read as missing: {cells}"))
    return found.column


def _is_untyped(column: pd.Series) -> bool:
    """Whether text of a pandas table has codes for missing values or commas in numbers: plain numbers stay text."""
    if not (column.dtype == object or isinstance(column.dtype, pd.StringDtype)):
        return False
    if not all(isinstance(value, str) for value in column.dropna()):
        return False
    found = typed(column.dropna().astype(object).str.strip())
    return found.commas or bool(found.codes)
