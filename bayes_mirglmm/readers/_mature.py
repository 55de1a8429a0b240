"""Mature names for miRBase accessions: from a file of miRBase, or derived from the names of the precursors.

GDC's files give ``hsa-mir-24-2`` and ``MIMAT0004497``, not ``hsa-miR-24-2-5p``. Without a table the name is put
together as miRBase does it:

* ``mir`` becomes ``miR``;
* a locus number (``-1``, ``-2``) goes when the accession stands at several loci (``hsa-miR-24-3p``) and stays when
  it stands at one (``hsa-miR-24-2-5p``);
* ``-5p`` and ``-3p`` are added where both arms of the precursor are in the data, by their order along the strand.

miRBase's own name can still differ, most often by an arm that these data do not show (``hsa-miR-375`` for
``hsa-miR-375-3p``); the accession is kept beside the name.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from bayes_mirglmm.counts.container import some
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.readers._delimited import inspect, require_columns
from bayes_mirglmm.readers._files import PathLike
from bayes_mirglmm.readers._notes import Note
from bayes_mirglmm.readers._open import decoding, numbered_lines, peek

ACCESSION = re.compile(r"MIMAT\d+(_\d+)?")
POSITION = re.compile(r"[0-9]{1,12}")
LOCUS_NUMBER = re.compile(r"-\d+$")
NUMBERED = re.compile(r".*(mir|let|lin|lsy|bantam)[-\d][-\w]*-\d+$", re.IGNORECASE)


@dataclass
class Mature:
    """Names by accession, mature loci where a GFF3 gave them, and notes."""

    names: dict[str, str]
    loci: pd.DataFrame | None
    notes: list[Note]


def mature_names(rows: pd.DataFrame, names: PathLike | pd.DataFrame | Mapping[str, str] | None) -> Mature:
    """Name every accession of ``rows`` (``accession``, ``precursor``, ``start``, ``end``, ``strand``, ``count``).

    Raises
    ------
    InputError
        ``names`` has no accession of miRBase, or cannot be read.
    """
    derived = _derived(rows)
    if names is None:
        note = Note(
            "names of {n} miRNAs were derived from their precursors' (see 'accession'); for miRBase's "
            "own names pass names='hsa.gff3' or names='mature.fa' of miRBase",
            len(derived),
        )
        return Mature(derived, None, [note])
    table, loci = _given(names)
    absent = sorted(set(derived) - set(table))
    if len(absent) == len(derived):
        raise InputError(
            f"names: none of the accessions of the counts ({some(absent, 3)}) is in it. Give miRBase's GFF3 "
            "or mature.fa of the same species, or a table with accession and name."
        )
    notes = []
    if absent:
        notes.append(
            Note(f"{{n}} accession(s) are not in names and got a derived name: {some(absent)}", len(absent))
        )
    return Mature(_unique({a: table.get(a, derived[a]) for a in derived}), loci, notes)


def _derived(rows: pd.DataFrame) -> dict[str, str]:
    arms = _arms(rows)
    precursors: dict[str, list[str]] = {}
    for accession, precursor in sorted(arms):
        precursors.setdefault(accession, []).append(precursor)
    names = {}
    for accession, at in precursors.items():
        stems = sorted({_stem(precursor, several=len(at) > 1) for precursor in at})
        sides = {arms[accession, precursor] for precursor in at} - {""}
        names[accession] = "/".join(stems) + (f"-{sides.pop()}" if len(sides) == 1 else "")
    return _unique(names)


def _stem(precursor: str, *, several: bool) -> str:
    if several and NUMBERED.fullmatch(precursor):
        precursor = LOCUS_NUMBER.sub("", precursor)
    return precursor.replace("-mir-", "-miR-")


def _arms(rows: pd.DataFrame) -> dict[tuple[str, str], str]:
    """Return 5p or 3p of each (accession, precursor) where the precursor shows two accessions, else an empty str."""
    middle = (rows["start"] + rows["end"]) / 2 * np.where(rows["strand"] == "+", 1, -1)
    sums = (
        rows.assign(moment=middle * rows["count"])
        .groupby(["precursor", "accession"])[["moment", "count"]]
        .sum()
    )
    place = (sums["moment"] / sums["count"].clip(lower=1)).rename("middle").reset_index()
    place = place.sort_values(["precursor", "middle"], kind="stable")
    order = place.groupby("precursor").cumcount()
    both = place.groupby("precursor")["accession"].transform("size") == 2
    arms = np.where(both, np.where(order == 0, "5p", "3p"), "")
    return dict(zip(zip(place["accession"], place["precursor"], strict=True), arms.tolist(), strict=True))


def _unique(names: dict[str, str]) -> dict[str, str]:
    """Two accessions with one name get it with the accession."""
    taken = pd.Series(list(names.values())).value_counts()
    return {a: name if taken[name] == 1 else f"{name}_{a}" for a, name in names.items()}


def _given(names: PathLike | pd.DataFrame | Mapping[str, str]) -> tuple[dict[str, str], pd.DataFrame | None]:
    if isinstance(names, Mapping):
        return {str(a): str(name) for a, name in names.items()}, None
    if isinstance(names, pd.DataFrame):
        return _two_columns([[str(v) for v in row] for row in names.itertuples(index=False)], "names"), None
    head = peek(Path(names).expanduser())
    lines = [line for line in head.lines if line.strip() and not line.startswith("#")]
    if lines and lines[0].startswith(">"):
        found = decoding(head, lambda e: [_fasta(line) for _, line in numbered_lines(head.path, e)], [])
        return dict(pair for pair in found if pair), None
    if lines and len(lines[0].split("\t")) == 9:
        gff = decoding(head, lambda e: [_gff(line) for _, line in numbered_lines(head.path, e)], [])
        loci = [entry for entry in gff if entry]
        frame = pd.DataFrame(loci, columns=["accession", "name", "chromosome", "start", "end", "strand"])
        return dict(zip(frame["accession"], frame["name"], strict=True)), frame.drop(columns="name")
    table = require_columns(inspect(head))
    rows = decoding(
        head, lambda e: [line.split(table.delimiter) for _, line in numbered_lines(head.path, e)], []
    )
    return _two_columns(rows, head.source), None


def _fasta(line: str) -> tuple[str, str] | None:
    words = line[1:].split()
    if not line.startswith(">") or len(words) < 2 or not ACCESSION.fullmatch(words[1]):
        return None
    return words[1], words[0]


def _gff(line: str) -> tuple[str, str, str, int, int, str] | None:
    """Return a mature sequence of miRBase's GFF3, with a half-open interval (GFF counts from 1, end included)."""
    cells = line.split("\t")
    if len(cells) != 9 or cells[2] != "miRNA":
        return None
    entry = dict(item.partition("=")[::2] for item in cells[8].strip().split(";"))
    accession = entry.get("Alias", entry.get("ID", ""))
    if not ACCESSION.fullmatch(accession) or not entry.get("Name"):
        return None
    if not (POSITION.fullmatch(cells[3]) and POSITION.fullmatch(cells[4])):
        return None
    return accession, entry["Name"], cells[0], int(cells[3]), int(cells[4]) + 1, cells[6]


def _two_columns(rows: list[list[str]], source: str) -> dict[str, str]:
    """Find the accession's column and the name's beside it, by content."""
    for row in rows[:20]:
        cells = [cell.strip().strip('"') for cell in row]
        at = next((i for i, cell in enumerate(cells) if ACCESSION.fullmatch(cell)), None)
        if at is not None and len(cells) > 1:
            other = next(
                (
                    i
                    for i, cell in enumerate(cells)
                    if i != at and re.search("(mir|let|lin|bantam)", cell, re.IGNORECASE)
                ),
                None,
            )
            if other is not None:
                pairs = [[c.strip().strip('"') for c in r] for r in rows if len(r) > max(at, other)]
                return {r[at]: r[other] for r in pairs if ACCESSION.fullmatch(r[at])}
    raise InputError(
        f"{source}: no row has a miRBase accession (MIMAT...) and a miRNA name. Give miRBase's GFF3 or "
        "mature.fa, or a table with these two columns."
    )
