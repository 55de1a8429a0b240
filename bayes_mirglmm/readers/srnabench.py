"""sRNAbench: ``reads.annotation``, ``microRNAannotation.txt`` (one folder a sample) and sRNAde's ``.mat`` (a study)."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from bayes_mirglmm.counts.rare import narrow
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.readers._cells import as_count
from bayes_mirglmm.readers._delimited import inspect, read_cells, require_columns
from bayes_mirglmm.readers._files import sample_names
from bayes_mirglmm.readers._layout import SEQUENCE, Layout, header_keys, normalised
from bayes_mirglmm.readers._notes import Note
from bayes_mirglmm.readers._open import Head, decoding, numbered_lines
from bayes_mirglmm.readers._part import Part, at_lines, pooled
from bayes_mirglmm.readers.table import read_wide, strings

NAME = "srnabench"
POLICY = "identical"

ANNOTATION = ("sequence", "maturename", "readcount")


def detect(head: Head) -> bool:
    """Whether the file is one of the three."""
    return head.kind == "text" and (_is_reads(head) or _is_mirnas(head) or _is_matrix(head))


def read(heads: Sequence[Head], samples: pd.DataFrame | None = None) -> list[Part]:
    """Read sRNAbench's output: the isomiR is the sequence.

    A read that matches several miRNAs stands under each of them with its full count; reads of hairpins, other
    libraries or no miRNA are left out and noted. ``library|group`` columns of a ``.mat``
    give the sample, and the column ``group`` where no sample table is given.
    """
    per_sample = [head for head in heads if not _is_matrix(head)]
    names = dict(zip(per_sample, sample_names([h.path for h in per_sample], samples), strict=True))
    parts: list[Part] = []
    pool: dict[str, str] = {}
    for head in heads:
        if _is_reads(head):
            notes: list[Note] = []
            part = decoding(head, lambda e, h=head, n=notes: _reads(h, names[h], e, n), notes)  # type: ignore[misc]
            parts.append(pooled(part, pool))
        elif _is_mirnas(head):
            parts.append(pooled(_mirnas(head, names[head]), pool))
        elif _is_matrix(head):
            parts.append(_matrix(head))
        else:
            raise InputError(
                f"{head.source} is no reads.annotation, microRNAannotation.txt or .mat of sRNAbench: it "
                f"starts with {head.lines[0][:60]!r}."
            )
    return parts


def _is_reads(head: Head) -> bool:
    first = head.first.split("\t")
    return len(first) >= 5 and first[1].isdecimal() and "#" in first[3] + first[4]


def _is_mirnas(head: Head) -> bool:
    return set(ANNOTATION) <= set(header_keys(head.first))


def _is_matrix(head: Head) -> bool:
    first = head.first.split("\t")
    below = next((line.split("\t")[0] for line in head.lines[1:] if line.strip()), "")
    sequence, bar, mirna = below.partition("|")
    return (
        len(first) > 1
        and normalised(first[0]) == "name"
        and bool(bar and mirna and SEQUENCE.fullmatch(sequence))
    )


def _reads(head: Head, sample: str, encoding: str, notes: list[Note]) -> Part:
    rows: list[tuple[str, str, int, int]] = []
    skipped: Counter[str] = Counter()
    for number, line in numbered_lines(head.path, encoding, notes):
        cells = line.split("\t")
        if len(cells) < 5:
            raise InputError(
                f"{head.source}, line {number}: {len(cells)} column(s), where reads.annotation has "
                "sequence, count, RPM, class and matches: the file may be cut off here. Copy it again."
            )
        if (count := as_count(cells[1])) is None:
            raise InputError(
                f"{head.source}, line {number}: {cells[1]!r} is not a read count. Copy the file again."
            )
        mirnas = dict.fromkeys(
            hit.split("#")[1]
            for hit in cells[4].split("$")
            if hit.startswith("mature#") and hit.count("#") >= 2
        )
        if not mirnas:
            skipped[cells[3].split("#")[0].strip() or "no library"] += 1
        rows += [(cells[0].strip(), mirna, count, number) for mirna in mirnas]
    notes += [Note(f"{{n}} read sequence(s) of {kind} were left out", n) for kind, n in skipped.items()]
    if not rows:
        raise InputError(
            f"{head.source}: no read matches a mature miRNA. Give sRNAbench the miRBase library."
        )
    sequences, mirnas_of, counts, lines = (
        np.array(column, dtype=object) for column in zip(*rows, strict=True)
    )
    return Part(
        head.source,
        sequences,
        mirnas_of,
        [sample],
        narrow(counts.astype(np.int64))[:, None],
        sequences,
        where=at_lines(lines.astype(np.int32)),
        notes=notes,
    )


def _mirnas(head: Head, sample: str) -> Part:
    table = require_columns(inspect(head))
    keys = [normalised(name) for name in table.columns]
    absent = [name for name in ANNOTATION if name not in keys]
    if absent:
        raise InputError(
            f"{head.source}, line {table.header_line}: no column {absent[0]!r} in the header "
            f"({', '.join(table.columns[:8])}). Copy the file again."
        )
    sequence, mirna, count = (keys.index(name) for name in ANNOTATION)
    label = keys.index("isolabel") if "isolabel" in keys else None
    notes: list[Note] = []
    text = [sequence, mirna] if label is None else [sequence, mirna, label]
    cells = read_cells(table, text, [count], notes)
    names = cells.text[mirna].str.split("$")
    rows = names.map(len).to_numpy()
    at = np.repeat(np.arange(len(rows)), rows)
    sequences = strings(cells.text[sequence])[at]
    return Part(
        head.source,
        sequences,
        np.array([name for group in names for name in group], dtype=object),
        [sample],
        cells.counts[at],
        sequences,
        None if label is None else pd.DataFrame({"variant": strings(cells.text[label])[at]}),
        at_lines(cells.lines[at]),
        notes,
    )


def _matrix(head: Head) -> Part:
    table = require_columns(inspect(head))
    samples = [i for i, name in enumerate(table.columns) if i and name]
    part = read_wide(table, Layout(0, 0, 0, (), tuple(samples)))
    names = pd.Series(part.isomir).str.partition("|")
    libraries = [name.partition("|")[0] for name in part.samples]
    if len(set(libraries)) < len(libraries):
        libraries = part.samples
    groups = [name.partition("|")[2] for name in part.samples]
    return replace(
        part,
        isomir=strings(names[0]),
        mirna=strings(names[2]),
        sequence=strings(names[0]),
        samples=libraries,
        sample_table=pd.DataFrame({"group": groups}, index=libraries) if all(groups) else None,
    )
