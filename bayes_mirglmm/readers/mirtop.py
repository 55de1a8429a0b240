"""mirtop's tables: ``mirtop.tsv`` (``mirtop counts``) and ``*_mirtop_rawData.tsv`` (``mirtop export``, isomiRs)."""

from collections.abc import Sequence

import pandas as pd

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.readers._delimited import Table, inspect, require_columns
from bayes_mirglmm.readers._layout import SEQUENCE, Layout, header_keys, normalised
from bayes_mirglmm.readers._open import Head
from bayes_mirglmm.readers._part import Part
from bayes_mirglmm.readers.table import read_wide

NAME = "mirtop"
POLICY = "identical"

COUNTS = ("uid", "read", "mirna", "variant")
RAW = ("seq", "mir", "mism", "add", "t5", "t3")


def detect(head: Head) -> bool:
    """Whether the header begins with the columns of either table."""
    if head.kind != "text":
        return False
    header = tuple(header_keys(head.first))
    return header[:4] == COUNTS or header[:6] == RAW


def read(
    heads: Sequence[Head], samples: pd.DataFrame | None = None, *, missing: str = "refuse"
) -> list[Part]:
    """Read mirtop's tables: the isomiR is the read's sequence, the miRNA ``miRNA`` or ``mir``.

    Where an old file has read names in place of sequences, the isomiR is the ``UID``.
    ``Variant``, ``iso_*`` (or ``mism``, ``add``, ``t5``, ``t3``) and the ``UID`` are kept as annotation.
    """
    return [_read(require_columns(inspect(head)), missing) for head in heads]


def _read(table: Table, missing: str) -> Part:
    keys = [normalised(name) for name in table.columns]
    counts = keys[:4] == list(COUNTS)
    if not counts and keys[:6] != list(RAW):
        raise InputError(
            f"{table.head.source} is no table of mirtop: it starts with {', '.join(table.columns[:6])}, "
            "where mirtop.tsv has UID, Read, miRNA, Variant, ... and a rawData table seq, mir, mism, add, "
            "t5, t3, ..."
        )
    read, mirna = (1, 2) if counts else (0, 1)
    sequences = all(SEQUENCE.fullmatch(cell) for cell in table.cells(read))
    isomir = read if sequences or not counts else 0
    own = range(2, 6) if not counts else [0, 3, *(i for i, key in enumerate(keys) if key.startswith("iso"))]
    described = tuple(i for i in own if i != isomir)
    taken = {read, mirna, isomir, *described}
    samples = tuple(i for i, name in enumerate(table.columns) if i not in taken and name)
    if not samples:
        raise InputError(f"{table.head.source} has no column after mirtop's own: there is no sample in it.")
    return read_wide(table, Layout(isomir, mirna, read if sequences else None, described, samples), missing)
