"""IsoMiRmap: ``*-exclusive-isomiRs.expression.txt`` (and ``ambiguous``), one file a sample."""

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.readers._delimited import inspect, read_cells, require_columns
from bayes_mirglmm.readers._files import sample_names
from bayes_mirglmm.readers._layout import header_keys, normalised
from bayes_mirglmm.readers._mature import ACCESSION
from bayes_mirglmm.readers._notes import Note
from bayes_mirglmm.readers._open import Head
from bayes_mirglmm.readers._part import Part, at_lines
from bayes_mirglmm.readers.table import strings

NAME = "isomirmap"
POLICY = "identical"

PLATE, SEQUENCE, COUNT = "licenseplate", "isomirsequence", "unnormalizedreadcounts"
MATURE = "maturemetadatabracketdelimitedperhairpin"
#: One mature sequence that the read overlaps: its accession, its name (in either order) and the offsets of the ends.
ENTRY = re.compile(r"([^\[\],&]+)&([^\[\],&]+)&offsets\|([-+]?\d+)\|([-+]?\d+)")


def detect(head: Head) -> bool:
    """Whether the header is that of IsoMiRmap's expression tables."""
    return head.kind == "text" and {PLATE, SEQUENCE, COUNT} <= set(header_keys(head.first))


def read(heads: Sequence[Head], samples: pd.DataFrame | None = None) -> list[Part]:
    """Read IsoMiRmap's tables: the isomiR is the sequence, the miRNA the mature sequences that it overlaps.

    A read that overlaps mature sequences of several names stands under each. Reads of a hairpin outside its mature
    sequences are left out and noted. The ``License Plate`` and the offsets (5' and 3', negative is upstream) from the
    first mature sequence of that name are annotation.
    """
    names = sample_names([head.path for head in heads], samples)
    return [_read(head, name) for head, name in zip(heads, names, strict=True)]


def _read(head: Head, sample: str) -> Part:
    table = require_columns(inspect(head))
    at = {normalised(name): i for i, name in enumerate(table.columns)}
    if not {PLATE, SEQUENCE, COUNT, MATURE} <= set(at):
        raise InputError(
            f"{head.source} is no table that tells miRNAs: IsoMiRmap's snps-isomiRs file names hairpins only. Give "
            "*-exclusive-isomiRs.expression.txt of the same run."
        )
    notes: list[Note] = []
    cells = read_cells(table, [at[PLATE], at[SEQUENCE], at[MATURE]], [at[COUNT]], notes)
    plates, sequences, mature = (strings(cells.text[at[name]]) for name in (PLATE, SEQUENCE, MATURE))
    rows = [(i, name, five, three) for i, cell in enumerate(mature) for name, five, three in mirnas(cell)]
    outside = len(mature) - len({i for i, *_ in rows})
    if not rows:
        raise InputError(
            f"{head.source}: no row has a miRNA in 'Mature meta-data', such as [MIMAT0000062&hsa-let-7a-5p&offsets|0|0]"
            ". Run IsoMiRmap with the mapping bundle of miRBase."
        )
    if outside:
        notes.append(Note("{n} read(s) outside the mature sequences of their hairpin were left out", outside))
    kept = np.array([i for i, *_ in rows])
    return Part(
        head.source,
        sequences[kept],
        np.array([name for _, name, *_ in rows], dtype=object),
        [sample],
        cells.counts[kept],
        sequences[kept],
        pd.DataFrame(
            {
                "license_plate": plates[kept],
                "offset_5p": [five for *_, five, _ in rows],
                "offset_3p": [three for *_, three in rows],
            }
        ),
        at_lines(cells.lines[kept]),
        notes,
    )


def mirnas(cell: str) -> list[tuple[str, int, int]]:
    """Return name and offsets of each miRNA, each once, of ``[MIMAT...&hsa-let-7a-5p&offsets|0|-1, ...], [...]``."""
    found: dict[str, tuple[str, int, int]] = {}
    for a, b, five, three in ENTRY.findall(cell):
        name = (b if ACCESSION.fullmatch(a.strip()) else a).strip()
        found.setdefault(name, (name, int(five), int(three)))
    return list(found.values())
