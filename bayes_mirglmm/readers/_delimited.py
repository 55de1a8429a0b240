"""Tables with a header line: the delimiter by content, every row checked, counts as integers with their line."""

import csv
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
import pandas as pd

from bayes_mirglmm.counts.rare import Pile, Rows, narrow
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.readers._cells import check_missing, count_matrix
from bayes_mirglmm.readers._notes import Note
from bayes_mirglmm.readers._open import Head, blocks, decoding
from bayes_mirglmm.readers._wide import is_wide, split_rows

#: Whether rows that are zero in more than half of the samples are held apart, without their zeros.
RARE_APART: ContextVar[bool] = ContextVar("RARE_APART", default=False)
FEWEST_SAMPLES = 3  # of a file, below which nothing is rare
DELIMITERS = {"\t": "tab", ",": "comma", ";": "semicolon", "|": "pipe", " ": "space"}
SAMPLED = 200
ROW_NAME = "row_name"  # what a first column without a name is called


@dataclass(frozen=True)
class Table:
    """The shape of a delimited file, from its beginning.

    Attributes
    ----------
    columns : tuple of str
        Header, stripped of blanks and quotes; row names without a header (R, pandas) are ``row_name``.
    header_line : int
        Line of the header, from 1.
    rows : list of list of str
        Up to 200 rows, as text.
    """

    head: Head
    delimiter: str
    columns: tuple[str, ...]
    header_line: int
    rows: list[list[str]]

    def cells(self, column: int) -> list[str]:
        """Return the sampled cells of a column (a ragged row gives none)."""
        return [row[column].strip() for row in self.rows if len(row) > column]


def inspect(head: Head) -> Table:
    """Find the header, the delimiter and the columns.

    Lines that start with ``#`` before the table are skipped, but the last of them is the header when it has as
    many columns as the rows below. A header one column short belongs to row names (R's ``write.table``).
    """
    lines = [(n, line) for n, line in enumerate(head.lines, 1) if line.strip()]
    comments = [pair for pair in lines if pair[1].startswith("#")]
    body = [pair for pair in lines if not pair[1].startswith("#")][: SAMPLED + 1]
    if not body:
        raise InputError(f"{head.source} holds only comment lines (#): there is no table in it.")
    delimiter = _delimiter([line for _, line in body])
    rows = _split([line for _, line in body], delimiter)
    header_line, columns = body[0][0], rows.pop(0)
    above = [pair for pair in comments if pair[0] < header_line]
    if (
        above
        and (hashed := _split([above[-1][1].lstrip("#")], delimiter)[0])
        and len(hashed) == len(columns) > 1
    ):
        rows.insert(0, columns)
        header_line, columns = above[-1][0], hashed
    if rows and all(len(row) == len(columns) + 1 for row in rows):
        trailing = all(not row[-1].strip() for row in rows)
        columns = [*columns, ""] if trailing else ["", *columns]
    names = [name.strip() for name in columns]
    if not names[0] and any(row and row[0].strip() for row in rows):
        names[0] = ROW_NAME
    return Table(head, delimiter, tuple(names), header_line, rows)


def require_columns(table: Table) -> Table:
    """Refuse a table of one column, one without rows, or one whose header repeats a name."""
    if len(table.columns) < 2:
        start = table.head.lines[table.header_line - 1][:60]
        raise InputError(
            f"{table.head.source}, line {table.header_line}: no tab, comma or semicolon separates columns in "
            f"{start!r}. Give a table with a header line."
        )
    if not table.rows:
        raise InputError(
            f"{table.head.source} has a header but no rows: the tool found nothing, or the file was cut off."
        )
    names = [name for name in table.columns if name]
    repeated = [name for name in names if names.count(name) > 1] if len(set(names)) < len(names) else []
    if repeated:
        raise InputError(
            f"{table.head.source}, line {table.header_line}: column {repeated[0]!r} occurs more than once. "
            "Rename one."
        )
    return table


@dataclass(frozen=True)
class Cells:
    """What was read: text columns, counts, and the line of each row."""

    text: pd.DataFrame
    counts: Any  #: int32 or int64 (rows, columns); with :data:`RARE_APART` a :class:`~bayes_mirglmm.counts.rare.Rows`
    lines: np.ndarray


def read_cells(
    table: Table, text: Sequence[int], counts: Sequence[int], notes: list[Note], missing: str = "refuse"
) -> Cells:
    """Read columns by position: ``text`` as strings (stripped), ``counts`` as int64.

    Parameters
    ----------
    text, counts : sequence of int
        Positions in ``table.columns``; the others are checked for raggedness only.
    missing : {"refuse", "zero"}
        What an empty or ``NA`` cell among the counts is.

    Raises
    ------
    InputError
        A row is ragged, a quote is open or a cell is not a count: with the file, the line and the column.
    """
    return decoding(
        table.head, lambda encoding: _read(table, list(text), list(counts), encoding, notes, missing), notes
    )


def _read(
    table: Table, text: list[int], counts: list[int], encoding: str, notes: list[Note], missing: str
) -> Cells:
    frames, numbers = [], []
    matrices: list[np.ndarray] = []
    pile = Pile(len(counts))
    replaced = 0
    apart = RARE_APART.get() and len(counts) >= FEWEST_SAMPLES
    check_missing(missing)
    columns = len(table.columns)
    wide = is_wide(columns, counts)
    for data, lines in _rows(table, encoding, notes):
        split = split_rows(data, table.delimiter, columns, len(counts)) if wide else None
        if split is not None:
            others, matrix = split
            frame = _parsed(others, table.delimiter, columns - len(counts), text, text)
        else:
            frame = _parsed(data, table.delimiter, columns, text, [*text, *counts])
            matrix, zeros = count_matrix(
                frame[counts].set_axis([table.columns[i] for i in counts], axis=1),
                where=lambda i, lines=lines: f"line {lines[i]}",  # type: ignore[misc]
                source=table.head.source,
                missing=missing,
            )
            replaced += zeros
        if apart:
            pile.add(Rows.of(matrix))
        else:
            matrices.append(narrow(matrix))
        frames.append(frame[text].apply(lambda column: column.str.strip()))
        numbers.append(lines)
    if not frames:
        raise InputError(
            f"{table.head.source} has a header but no rows: the tool found nothing, or the file was cut off."
        )
    if replaced:
        notes.append(Note("{n} missing cell(s) were read as 0, as asked for", replaced))
    joined = pd.concat(frames, ignore_index=True)
    del frames
    stacked = pile.rows() if apart else _stacked(matrices)
    return Cells(joined, stacked, np.concatenate(numbers))


def _parsed(data: bytes, delimiter: str, columns: int, text: list[int], wanted: list[int]) -> pd.DataFrame:
    """Return the wanted columns of rows; those of text as strings."""
    return pd.read_csv(
        BytesIO(data),
        sep=delimiter,
        header=None,
        names=list(range(columns)),
        usecols=sorted({*wanted}),
        dtype=dict.fromkeys(text, str),
        index_col=False,
        na_filter=False,
        engine="c",
        low_memory=False,
    )


def _stacked(matrices: list[np.ndarray]) -> np.ndarray:
    """Put blocks under each other, and let go of each as soon as it is copied: ``matrices`` is empty afterwards."""
    rows, width = sum(map(len, matrices)), matrices[0].shape[1]
    out = np.empty((rows, width), dtype=np.result_type(*(m.dtype for m in matrices)))
    matrices.reverse()
    at = 0
    while matrices:
        block = matrices.pop()
        out[at : at + len(block)] = block
        at += len(block)
    return out


def _rows(table: Table, encoding: str, notes: list[Note]) -> Iterator[tuple[bytes, np.ndarray]]:
    """Yield checked rows as UTF-8 bytes, and their line numbers; blank and all-empty rows are left out."""
    for first, block in blocks(table.head.path, encoding, notes):
        data = np.frombuffer(block.encode(), dtype=np.uint8)
        ends = np.flatnonzero(data == ord("\n"))
        starts = np.concatenate([[0], ends[:-1] + 1])
        lines = first + np.arange(len(ends))
        keep = lines > table.header_line
        is_delimiter = data == ord(table.delimiter)
        if (data == ord('"')).any():
            is_delimiter &= ~_quoted(table, data, ends, lines)
        found = np.diff(np.searchsorted(np.flatnonzero(is_delimiter), ends), prepend=0) + 1
        suspicious = keep & ((found != len(table.columns)) | (data[starts] == ord(table.delimiter)))
        for i in np.flatnonzero(suspicious):
            line = data[starts[i] : ends[i]].tobytes().decode()
            if not line.strip(table.delimiter + '" \t'):
                keep[i] = False
            elif found[i] != len(table.columns):
                raise _ragged(table, int(lines[i]), int(found[i]), line)
        if keep.all():
            yield data.tobytes(), lines
        elif keep.any():
            yield data[np.repeat(keep, np.diff(np.concatenate([[-1], ends])))].tobytes(), lines[keep]


def _quoted(table: Table, data: np.ndarray, ends: np.ndarray, lines: np.ndarray) -> np.ndarray:
    """Mark the bytes inside double quotes; a quote that is open at the end of its line is an error."""
    opened = np.cumsum(data == ord('"'), dtype=np.int32)
    odd = np.diff(np.concatenate([[0], opened[ends]])) % 2 == 1
    if odd.any():
        raise InputError(
            f"{table.head.source}, line {lines[odd][0]}: a double quote is opened and not closed on the "
            "line. Remove it, or double it inside a quoted cell."
        )
    return opened % 2 == 1


def _ragged(table: Table, line: int, found: int, text: str) -> InputError:
    hint = (
        "Too few: the file may be cut off here"
        if found < len(table.columns)
        else "Too many: a cell may contain"
    )
    if found > len(table.columns):
        hint += f" an unquoted {DELIMITERS[table.delimiter]}"
    return InputError(
        f"{table.head.source}, line {line}: {found} column(s), where the header (line {table.header_line}) "
        f"has {len(table.columns)}. {hint}. The line starts with {text[:40]!r}: correct it or write the "
        "file again."
    )


def _delimiter(lines: list[str]) -> str:
    """Choose the delimiter that gives most lines one and the same number of columns."""
    best, best_share = "\t", -1.0
    for delimiter in DELIMITERS:
        first, *rest = (len(row) for row in _split(lines, delimiter))
        share = max(rest.count(first), rest.count(first + 1)) / max(len(rest), 1)
        if first < 2 or (delimiter == " " and share < 0.9):
            continue  # prose has blanks too
        if share > best_share + 0.3:
            best, best_share = delimiter, share
    return best


def _split(lines: list[str], delimiter: str) -> list[list[str]]:
    try:
        return list(csv.reader(lines, delimiter=delimiter))
    except csv.Error:
        return [line.split(delimiter) for line in lines]
