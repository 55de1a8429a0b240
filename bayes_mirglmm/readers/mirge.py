"""miRge3.0 and miRge2: ``mapped.csv``, one row a sequence, one column a sample."""

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from bayes_mirglmm.counts.container import some
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.readers._delimited import Table, inspect, require_columns
from bayes_mirglmm.readers._layout import Layout, header_keys, normalised
from bayes_mirglmm.readers._notes import Note
from bayes_mirglmm.readers._open import Head
from bayes_mirglmm.readers._part import Part
from bayes_mirglmm.readers.table import read_wide

NAME = "mirge"
POLICY = "refuse"

SEQUENCE = ("sequence", "uniquesequence")
EXACT, ISOMIR = "exactmirna", "isomirmirna"
#: Everything between the sequence and the samples; the set differs between versions and options.
CLASSES = frozenset(
    (
        *(
            "annotflag",
            "seqlength",
            "exactmirna",
            "hairpinmirna",
            "maturetrna",
            "primarytrna",
            "trna",
            "snorna",
        ),
        *("rrna", "ncrnaothers", "mrna", "isomirmirna", "spikein", "maturetrf", "trf", "rowname"),
    )
)

NONE = ("", "0")
#: What miRge adds to the name of a miRNA for each allele of a known SNP in its library (hsa-miR-1304-5p.SNPC).
ALLELE = re.compile(r"\.SNP[ACGTU0-9]*(?=/|$)")


def detect(head: Head) -> bool:
    """Whether the header names miRge's classes of small RNA."""
    return head.kind == "text" and {EXACT, ISOMIR} <= set(header_keys(head.first))


def read(
    heads: Sequence[Head], samples: pd.DataFrame | None = None, *, missing: str = "refuse"
) -> list[Part]:
    """Read ``mapped.csv``: the miRNA is that of ``exact miRNA``, else that of ``isomiR miRNA``.

    Rows with neither (hairpin, tRNA, ...) are no mature miRNA: they are left out and noted. miRge's merged names
    (``hsa-miR-192-5p/215-5p``) stay as they are; alleles of a SNP (``hsa-miR-1304-5p.SNPC``) are one miRNA. The
    column ``match`` of the isomiRs says ``exact`` or ``isomiR``.
    """
    return [_read(require_columns(inspect(head)), missing) for head in heads]


def _read(table: Table, missing: str) -> Part:
    keys = [normalised(name) for name in table.columns]
    try:
        exact, isomir = keys.index(EXACT), keys.index(ISOMIR)
        sequence = next(i for i, key in enumerate(keys) if key in SEQUENCE)
    except (ValueError, StopIteration):
        raise InputError(
            f"{table.head.source} is no mapped.csv of miRge: columns 'Sequence', 'exact miRNA' and 'isomiR "
            f"miRNA' are needed, and it has {', '.join(table.columns[:12])}."
        ) from None
    counted = [i for i, key in enumerate(keys) if key not in CLASSES and i != sequence and table.columns[i]]
    if not counted:
        raise InputError(
            f"{table.head.source} has no column after miRge's classes: there is no sample in it."
        )
    layout = Layout(sequence, exact, sequence, (isomir,), tuple(counted))
    exact_name, isomir_name = table.columns[exact], table.columns[isomir]
    skipped = 0

    def mapped(text: pd.DataFrame) -> np.ndarray:
        nonlocal skipped
        mask = ~(text[exact_name].isin(NONE) & text[isomir_name].isin(NONE)).to_numpy()
        skipped = int((~mask).sum())
        return mask

    part = read_wide(table, layout, missing, keep=mapped)
    if not len(part.mirna):
        raise InputError(
            f"{table.head.source}: none of its {skipped} rows maps to a mature miRNA. Give mapped.csv, not "
            "unmapped.csv."
        )
    if skipped:
        part.notes.append(
            Note("{n} row(s) map to no mature miRNA (hairpin, tRNA, ...) and were left out", skipped)
        )
    assert part.annotation is not None
    is_exact = ~np.isin(part.mirna, NONE)
    part.mirna = np.where(is_exact, part.mirna, part.annotation[isomir_name].to_numpy(dtype=object))
    part.annotation = pd.DataFrame({"match": np.where(is_exact, "exact", "isomiR")})
    _join_alleles(part)
    return part


def _join_alleles(part: Part) -> None:
    """Put the alleles of a SNP under their one miRNA, as miRge's own counts per miRNA have them."""
    names = pd.Series(part.mirna)
    joined = names.str.replace(ALLELE, "", regex=True)
    changed = (names != joined).to_numpy()
    if changed.any():
        part.mirna = joined.to_numpy(dtype=object)
        text = f"{{n}} row(s) of SNP alleles ({some(sorted(set(names[changed])), 3)}) stand under their miRNA"
        part.notes.append(Note(text, int(changed.sum())))
