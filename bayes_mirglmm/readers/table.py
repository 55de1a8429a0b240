"""Any table with a column of isomiRs, a column of miRNAs and one column for each sample; and pandas tables."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.readers._cells import count_matrix
from bayes_mirglmm.readers._combined import split
from bayes_mirglmm.readers._delimited import ROW_NAME, Table, inspect, read_cells, require_columns
from bayes_mirglmm.readers._layout import Layout, guess_layout
from bayes_mirglmm.readers._notes import Note
from bayes_mirglmm.readers._open import Head
from bayes_mirglmm.readers._part import Part, at_lines, taken

NAME = "table"
POLICY = "refuse"


def detect(head: Head) -> bool:
    """Every delimited text that no other reader claims."""
    return head.kind == "text"


def read(
    heads: Sequence[Head],
    samples: pd.DataFrame | None = None,
    *,
    isomir: str | None = None,
    mirna: str | None = None,
    sequence: str | None = None,
    annotation: Sequence[str] = (),
    sample_columns: Sequence[str] | None = None,
    samples_only: bool = False,
    missing: str = "refuse",
) -> list[Part]:
    """Read wide tables.

    Parameters
    ----------
    isomir, mirna, sequence : str, optional
        Names of columns; guessed from names and content when not given.
    annotation : sequence of str
        Columns that describe isomiRs and are no samples.
    sample_columns : sequence of str, optional
        Columns that are samples; every other column of numbers is kept as annotation.
    samples_only : bool
        Leave out columns of numbers that are not in the sample table.
    missing : {"refuse", "zero"}
        What an empty or ``NA`` count is.
    """
    parts = []
    for head in heads:
        table = require_columns(inspect(head))
        layout = guess_layout(
            table.columns,
            table.cells,
            source=head.source,
            isomir=isomir,
            mirna=mirna,
            sequence=sequence,
            annotation=_listed(annotation),
            sample_columns=None if sample_columns is None else _listed(sample_columns),
            known_samples=None if samples is None else [str(s) for s in samples.index],
            samples_only=samples_only,
        )
        parts.append(read_wide(table, layout, missing))
    return parts


def read_wide(
    table: Table,
    layout: Layout,
    missing: str = "refuse",
    keep: Callable[[pd.DataFrame], np.ndarray] | None = None,
) -> Part:
    """Read a delimited table whose columns are known.

    ``keep`` gets the text columns (named as in the header) and returns a mask of the rows to take.
    """
    notes = list(layout.notes)
    text = list(layout.text)
    cells = read_cells(table, text, list(layout.samples), notes, missing)
    frame, counts, lines = cells.text, cells.counts, cells.lines
    if keep is not None:
        mask = keep(frame.set_axis([table.columns[i] for i in text], axis=1))
        frame, counts, lines = frame[mask].reset_index(drop=True), taken(counts, mask), lines[mask]
    annotation = frame[list(layout.annotation)].set_axis(
        [table.columns[i] for i in layout.annotation], axis=1
    )
    part = Part(
        table.head.source,
        strings(frame[layout.isomir]),
        shared_strings(frame[layout.mirna]),
        [table.columns[i] for i in layout.samples],
        counts,
        None if layout.sequence is None else strings(frame[layout.sequence]),
        annotation if layout.annotation else None,
        at_lines(lines),
        notes,
    )
    return _split(part) if layout.combined else part


def part_from_frame(
    frame: pd.DataFrame,
    *,
    source: str,
    samples: pd.DataFrame | None = None,
    isomir: str | None = None,
    mirna: str | None = None,
    sequence: str | None = None,
    annotation: Sequence[str] = (),
    sample_columns: Sequence[str] | None = None,
    samples_only: bool = False,
    missing: str = "refuse",
) -> Part:
    """Take the same from a pandas table; a named or textual index counts as leading columns."""
    if isinstance(frame.index, pd.MultiIndex) or frame.index.name is not None:
        frame = frame.reset_index()
    elif not pd.api.types.is_numeric_dtype(frame.index):
        frame = frame.rename_axis(ROW_NAME).reset_index()
    names = [str(name).strip() for name in frame.columns]
    repeated = [name for name in names if names.count(name) > 1] if len(set(names)) < len(names) else []
    if repeated:
        raise InputError(f"{source}: column {repeated[0]!r} occurs more than once. Rename one.")
    frame = frame.set_axis(names, axis=1)
    if frame.empty:
        raise InputError(f"{source} has no rows or no columns: pass a table with a row for each isomiR.")
    top = frame.head(200)
    layout = guess_layout(
        names,
        lambda i: ["" if pd.isna(v) else str(v).strip() for v in top.iloc[:, i]],
        source=source,
        isomir=isomir,
        mirna=mirna,
        sequence=sequence,
        annotation=_listed(annotation),
        sample_columns=None if sample_columns is None else _listed(sample_columns),
        known_samples=None if samples is None else [str(s) for s in samples.index],
        samples_only=samples_only,
    )
    counts, zeros = count_matrix(
        frame.iloc[:, list(layout.samples)], where=lambda i: f"row {i + 1}", source=source, missing=missing
    )
    notes = list(layout.notes)
    if zeros:
        notes.append(Note("{n} missing cell(s) were read as 0, as asked for", zeros))
    annotated = frame.iloc[:, list(layout.annotation)].reset_index(drop=True)
    part = Part(
        source,
        strings(frame.iloc[:, layout.isomir]),
        strings(frame.iloc[:, layout.mirna]),
        [names[i] for i in layout.samples],
        counts,
        None if layout.sequence is None else strings(frame.iloc[:, layout.sequence]),
        annotated if layout.annotation else None,
        notes=notes,
    )
    return _split(part) if layout.combined else part


def _split(part: Part) -> Part:
    """Take ids that hold both apart: the miRNA of each, and its changes as an annotation ``variant``."""
    mirna, changes = split(part.isomir)
    annotation = pd.DataFrame(index=range(len(mirna))) if part.annotation is None else part.annotation
    return replace(part, mirna=mirna, annotation=annotation.assign(variant=changes))


def strings(column: pd.Series) -> np.ndarray:
    """Return a column as str objects; a missing value is ``""``."""
    values = column.to_numpy(dtype=object, copy=True)
    values[column.isna().to_numpy()] = ""
    if pd.api.types.infer_dtype(values, skipna=False) != "string":
        values = np.array([str(v) for v in values], dtype=object)
    return values


def shared_strings(column: pd.Series) -> np.ndarray:
    """Return the same where few texts stand in many rows: each text is held once."""
    codes, texts = pd.factorize(column, use_na_sentinel=False)
    return strings(pd.Series(texts))[codes]


def _listed(names: Sequence[str]) -> Sequence[str]:
    return [names] if isinstance(names, str) else names
