"""isomiR-SEA: ``tagMir-all.tab`` and the older ``out_result_mature_tag_unique.txt``, one file a sample."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.readers._delimited import Table, inspect, read_cells, require_columns
from bayes_mirglmm.readers._files import sample_names
from bayes_mirglmm.readers._layout import header_keys, normalised
from bayes_mirglmm.readers._notes import Note
from bayes_mirglmm.readers._open import Head
from bayes_mirglmm.readers._part import Part, at_lines
from bayes_mirglmm.readers.table import strings

NAME = "isomirsea"
POLICY = "identical"


UNKNOWN = ("", "?")  # isomiR-SEA's sign for what it does not know


@dataclass(frozen=True)
class Columns:
    """What one of the two tables calls the tag (a read sequence), its count, the miRNA and the alignment score."""

    tag: str
    sequence: str
    count: str
    mirna: str
    score: str | None

    @property
    def needed(self) -> frozenset[str]:
        """The columns that tell the table."""
        return frozenset((self.tag, self.sequence, self.count, self.mirna))


TAB = Columns("ti", "ts", "tc", "min", "am")
UNIQUE = Columns("tagindex", "tagsequence", "counttags", "mirnaname", None)


def detect(head: Head) -> bool:
    """Whether the header is that of either table."""
    keys = set(header_keys(head.first)) if head.kind == "text" else set()
    return any(columns.needed <= keys for columns in (TAB, UNIQUE))


def read(heads: Sequence[Head], samples: pd.DataFrame | None = None) -> list[Part]:
    """Read isomiR-SEA's tables: the isomiR is the tag's sequence (U as T), the miRNA the first word of its name.

    Of the alignments of a tag in ``tagMir-all.tab`` those with the best score count; a tag that fits several miRNAs
    equally well stands under each. Lines of one tag and miRNA for several precursors are one.
    """
    names = sample_names([head.path for head in heads], samples)
    return [_read(head, name) for head, name in zip(heads, names, strict=True)]


def _read(head: Head, sample: str) -> Part:
    table = require_columns(inspect(head))
    at = {normalised(name): i for i, name in enumerate(table.columns)}
    columns = next((c for c in (TAB, UNIQUE) if c.needed <= set(at)), None)
    if columns is None:
        raise InputError(
            f"{head.source} is no table of isomiR-SEA: tagMir-all.tab has columns TI, TS, TC and MIN, "
            "out_result_mature_tag_unique.txt has tag_index, tag_sequence, #count_tags and mirna_name. Its GFF is of "
            "format 'mirgff3'."
        )
    if columns is UNIQUE and any("|" in line for line in head.lines[1:]):
        raise InputError(
            f"{head.source} is isomiR-SEA's list of ambiguous tags (several miRNAs in a line, separated by '|'). Give "
            "out_result_mature_tag_unique.txt of the same run, or tagMir-all.gff."
        )
    notes: list[Note] = []
    text = {what: at[name] for what, name in vars(columns).items() if what != "count" and name in at}
    cells = read_cells(table, list(text.values()), [at[columns.count]], notes)
    frame = cells.text.set_axis(list(text), axis=1)
    named = ~frame["mirna"].isin(UNKNOWN).to_numpy()
    if not named.any():
        raise InputError(
            f"{head.source}: no line names a miRNA (column {table.columns[at[columns.mirna]]}). Give tagMir-all.tab, "
            "not tagPrxMir-all.tab, which holds tags on precursors."
        )
    best = _best(frame) & named
    if not best.all():
        notes.append(
            Note(
                "{n} alignment(s) were left out that name no miRNA or are worse than another of their tag",
                int((~best).sum()),
            )
        )
    return _part(
        table, frame[best].reset_index(drop=True), cells.counts[best], cells.lines[best], sample, notes
    )


def _best(frame: pd.DataFrame) -> np.ndarray:
    """Mark the alignments with the best score of their tag (all where there are no scores)."""
    if "score" not in frame:
        return np.ones(len(frame), dtype=bool)
    score = pd.to_numeric(frame["score"], errors="coerce").fillna(-np.inf)
    return (score == score.groupby(frame["tag"]).transform("max")).to_numpy()


def _part(
    table: Table, frame: pd.DataFrame, counts: np.ndarray, lines: np.ndarray, sample: str, notes: list[Note]
) -> Part:
    sequences = strings(frame["sequence"].str.upper().str.replace("U", "T"))
    mirna = strings(frame["mirna"].str.lstrip(">").str.split(" ").str[0])
    return Part(
        table.head.source, sequences, mirna, [sample], counts, sequences, where=at_lines(lines), notes=notes
    )
