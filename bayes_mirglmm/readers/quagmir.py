"""QuagmiR: ``*.isomir.sequence_info.tsv``, one file a sample, or one file of all samples (``group_results``)."""

import re
from collections.abc import Sequence

import pandas as pd

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.readers._delimited import inspect, read_cells, require_columns
from bayes_mirglmm.readers._files import sample_names
from bayes_mirglmm.readers._layout import header_keys, normalised
from bayes_mirglmm.readers._long import widened
from bayes_mirglmm.readers._notes import Note
from bayes_mirglmm.readers._open import Head
from bayes_mirglmm.readers._part import Part, at_lines
from bayes_mirglmm.readers.table import strings

NAME = "quagmir"
POLICY = "identical"

SAMPLE = "sample"
DESCRIBED = ("lentrim", "lentail", "seqtail", "var5p")
NEEDED = ("mirna", "sequence", "reads", "lenread", "lentrim", "lentail")
READY = re.compile(r"\.fastq_ready$")


def detect(head: Head) -> bool:
    """Whether the header is that of QuagmiR's sequences."""
    return head.kind == "text" and set(NEEDED) <= set(header_keys(head.first))


def read(heads: Sequence[Head], samples: pd.DataFrame | None = None) -> list[Part]:
    """Read QuagmiR's sequences: the isomiR is ``SEQUENCE``, the miRNA ``MIRNA``, the count ``READS``.

    ``LEN_TRIM``, ``LEN_TAIL``, ``SEQ_TAIL`` and ``VAR_5P`` are annotation. QuagmiR leaves rare sequences out
    (``min_ratio``, ``min_read`` in its ``config.yaml``), so that totals are those of what it shows.
    """
    single = [head for head in heads if SAMPLE not in header_keys(head.first)]
    names = dict(zip(single, sample_names([head.path for head in single], samples), strict=True))
    return [_read(head, names.get(head)) for head in heads]


def _read(head: Head, sample: str | None) -> Part:
    table = require_columns(inspect(head))
    at = {normalised(name): i for i, name in enumerate(table.columns)}
    absent = [name for name in NEEDED if name not in at]
    if absent:
        raise InputError(
            f"{head.source} is no sequence_info.tsv of QuagmiR: it has no column {absent[0]!r}, only "
            f"{', '.join(table.columns[:8])}."
        )
    notes = [Note("QuagmiR leaves rare sequences out (min_ratio, min_read): totals are of those it shows")]
    described = [name for name in DESCRIBED if name in at]
    names = ["mirna", "sequence", *described, *([SAMPLE] if sample is None else [])]
    cells = read_cells(table, [at[name] for name in names], [at["reads"]], notes)
    frame = cells.text.set_axis(names, axis=1)
    sequences = strings(frame["sequence"])
    part = Part(
        head.source,
        sequences,
        strings(frame["mirna"]),
        [sample or SAMPLE],
        cells.counts,
        sequences,
        frame[described].set_axis([table.columns[at[name]] for name in described], axis=1),
        at_lines(cells.lines),
        notes,
    )
    return (
        part
        if sample is not None
        else widened(part, strings(frame[SAMPLE].str.replace(READY, "", regex=True)))
    )
