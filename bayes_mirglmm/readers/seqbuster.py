"""seqbuster's miraligner: ``.mirna`` and bcbio's ``*-mirbase-ready.counts``, one file a sample."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.readers._cells import count_matrix
from bayes_mirglmm.readers._delimited import Table, inspect, read_cells, require_columns
from bayes_mirglmm.readers._files import sample_names
from bayes_mirglmm.readers._layout import header_keys, normalised
from bayes_mirglmm.readers._notes import Note
from bayes_mirglmm.readers._open import Head
from bayes_mirglmm.readers._part import Part, at_lines
from bayes_mirglmm.readers.table import strings

NAME = "seqbuster"
POLICY = "sum"

DESCRIBED = ("mism", "add", "t5", "t3")
FREQ = "freq"
NEEDED = ("seq", "name", "mir", *DESCRIBED)


def detect(head: Head) -> bool:
    """Whether the header has miraligner's columns."""
    return head.kind == "text" and set(NEEDED) <= set(header_keys(head.first))


def read(
    heads: Sequence[Head], samples: pd.DataFrame | None = None, *, one_read_per_row: bool = False
) -> list[Part]:
    """Read miraligner's tables: the isomiR is the sequence, ``mism``, ``add``, ``t5``, ``t3`` are its annotation.

    Counts are in ``freq``, or, without that column or where it holds zeros only (miraligner without ``-freq``), at
    the end of the read's name (``seq_12_x59``). One read (one ``name``) listed for several precursors of a miRNA is
    counted once; different reads with one sequence are added.

    Parameters
    ----------
    one_read_per_row : bool
        Take each row as one read, for reads that were never collapsed (no ``freq``, no ``_xN``).
    """
    names = sample_names([head.path for head in heads], samples)
    return [
        _read(require_columns(inspect(head)), name, one_read_per_row)
        for head, name in zip(heads, names, strict=True)
    ]


def _read(table: Table, sample: str, one_read_per_row: bool) -> Part:
    at = _keys(table)
    absent = [name for name in NEEDED if name not in at]
    if absent:
        raise InputError(f"{table.head.source} is no output of miraligner: it has no column {absent[0]!r}.")
    notes: list[Note] = []
    text = [at[name] for name in NEEDED]
    cells = read_cells(table, text, [at[FREQ]] if FREQ in at else [], notes)
    frame = cells.text.set_axis(list(NEEDED), axis=1)
    lines = cells.lines
    if FREQ in at and (cells.counts.any() or not len(frame)):
        counts = cells.counts[:, 0]
    elif one_read_per_row:
        counts = np.ones(len(frame), dtype=np.int64)
    else:
        counts = _from_names(table, frame["name"], lines)
        if FREQ in at:
            notes.append(Note("column freq holds zeros only: counts are those in the read names"))
    first = ~frame.duplicated(["name", "seq", "mir"]).to_numpy()
    if not first.all():
        _same_counts(table, frame, counts, lines)
        notes.append(
            Note("{n} row(s) list a read again for another precursor: counted once", int((~first).sum()))
        )
        frame, counts, lines = frame[first].reset_index(drop=True), counts[first], lines[first]
    sequences = strings(frame["seq"])
    return Part(
        table.head.source,
        sequences,
        strings(frame["mir"]),
        [sample],
        counts[:, None],
        sequences,
        frame[list(DESCRIBED)],
        at_lines(lines),
        notes,
    )


def _from_names(table: Table, names: pd.Series, lines: np.ndarray) -> np.ndarray:
    found = names.str.extract(r"_x([0-9]+)$")
    without = found[0].isna().to_numpy()
    if without.any():
        i = int(np.flatnonzero(without)[0])
        freq = "column 'freq' holds zeros only" if FREQ in _keys(table) else "no column 'freq'"
        raise InputError(
            f"{table.head.source}, line {lines[i]}: {freq}, and the name {names.iloc[i]!r} does "
            "not end in _xN, so the number of reads is unknown. Run miraligner with -freq on collapsed "
            "reads, or pass one_read_per_row=True when every row is one read."
        )
    counts, _ = count_matrix(
        found.set_axis(["name"], axis=1), where=lambda i: f"line {lines[i]}", source=table.head.source
    )
    return counts[:, 0]


def _keys(table: Table) -> dict[str, int]:
    return {normalised(name): i for i, name in enumerate(table.columns)}


def _same_counts(table: Table, frame: pd.DataFrame, counts: np.ndarray, lines: np.ndarray) -> None:
    group = frame.groupby(["name", "seq", "mir"], sort=False).ngroup().to_numpy()
    values = pd.Series(counts).groupby(group).transform("first").to_numpy()
    if (values != counts).any():
        i = int(np.flatnonzero(values != counts)[0])
        raise InputError(
            f"{table.head.source}, line {lines[i]}: read {frame['name'].iloc[i]!r} was listed before with "
            "another count. Collapse the reads again: names must be unique."
        )
