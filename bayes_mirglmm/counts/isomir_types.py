"""What kind of variant an isomiR is: from its annotation, its id, or its sequence.

==================  =====================================================================================
type                meaning
==================  =====================================================================================
``canonical``       the mature sequence itself
``most abundant``   where no annotation names the mature sequence: the isomiR that the others are compared with
``5' end``          starts elsewhere, on the template
``3' end``          ends elsewhere
``tail``            bases at the 3' end that the template does not have, behind whatever end
``internal``        another base inside
``mixed``           more than one of ``5' end``, ``3' end`` or ``tail``, ``internal``
``unknown``         nothing tells
==================  =====================================================================================

Sources, the first that tells an isomiR's type is taken:

1. ``variant``: the ``Variant`` of mirGFF3 (``iso_5p:+1,iso_add3p:1``, ``NA``; Desvignes et al. 2020, Bioinformatics
   36:698), the ``isoLabel`` of sRNAbench (``lv3pT``, ``nta#A``, ``mv``, ``exact``), or what bcbio and isomiRs put into
   their ids (``ea``, ``sA.eCT``, ``7CT``, ``ref``);
2. ``mism``, ``add``, ``t5``, ``t3`` of miraligner (isomiRs, seqbuster);
3. offsets of the ends, ``offset_5p`` and ``offset_3p`` (or ``off5``, ``off3``), as from GDC, where tails and
   substitutions are merged into the ends; also as an id, ``name|5' offset|3' offset``;
4. sequences, in miRNAs of which no isomiR has any of the above. Without ``mature`` sequences the most abundant one
   (largest mean CPM) stands for the mature one, and is called so: all types are then relative to it.

Sequences are compared without gaps at starts up to 5 bases apart, at the start with the fewest differences. Up to 3
differing bases at the very end are a tail, one other is an internal change, more are unknown. A sequence that goes on
past the end of the reference counts as ``3' end``: without the precursor nobody can tell template from tail there.
"""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from bayes_mirglmm.counts.on_disk import mean_rate

#: In the order in which legends list them.
TYPES = ("canonical", "most abundant", "5' end", "3' end", "tail", "internal", "mixed", "unknown")
OFFSETS = (("offset_5p", "offset_3p"), ("off5", "off3"))
MIRALIGNER = {"t5": "5' end", "t3": "3' end", "add": "tail", "mism": "internal"}

_MIRGFF3 = re.compile(
    r"iso_(?P<what>5p|3p|add5p|add3p|add|snv|snp|snv_\w+|snp_\w+)(:[-+]?\w+)?", re.IGNORECASE
)
_DOTTED = re.compile(r"[se][ACGTUacgtu]+|[ACGTU]?\d+[ACGTU]{1,2}")
_ENDS = {"s": "5' end", "e": "3' end"}
_SRNABENCH = {"lv5p": "5' end", "lv3p": "3' end", "nta": "tail", "mv": "mixed"}
_ID_WITH_OFFSETS = re.compile(r"[^|]+\|([-+]?\d+)\|([-+]?\d+)(\|.*)?")
_SEQUENCE = re.compile(r"[ACGTUN]{12,}")
_NOTHING = frozenset({"0", "", "na", "nan", "none"})
_SHIFT, _TAIL, _OVERLAP = 5, 3, 12  # bases


def isomir_types(counts: xr.Dataset, mature: Mapping[str, str] | None = None) -> pd.Series:
    """Return the type of every isomiR of a counts container.

    Parameters
    ----------
    counts : xarray.Dataset
        A counts container, with whatever annotation and sequences its source gave.
    mature : mapping of str to str, optional
        Mature sequence by miRNA, from miRBase's ``mature.fa`` for example. For these miRNAs the sequences decide,
        before any annotation.

    Returns
    -------
    pandas.Series
        One of :data:`TYPES`, indexed by isomiR, named ``type``.

    Examples
    --------
    >>> types = isomir_types(counts)
    >>> plot_isomir_forest(fit, "hsa-let-7a-5p", types=types)
    """
    columns = {
        str(name): values.values.astype(str)
        for name, values in counts.coords.items()
        if values.dims == ("isomir",)
    }
    found = types_of(
        counts["isomir"].values.astype(str),
        counts["mirna"].values.astype(str),
        mean_rate(counts["counts"], counts["total"].values),
        columns,
        mature,
    )
    return pd.Series(found, index=counts["isomir"].values.astype(object), name="type")


def types_of(
    isomirs: Sequence[str] | np.ndarray,
    mirnas: Sequence[str] | np.ndarray,
    abundance: np.ndarray,
    columns: Mapping[str, np.ndarray] | None = None,
    mature: Mapping[str, str] | None = None,
) -> np.ndarray:
    """Return the types (I,) of I isomiRs, from arrays.

    Parameters
    ----------
    isomirs, mirnas : sequence of str, length I
        Ids and miRNAs. An id that is a sequence is read as one.
    abundance : array, shape (I,)
        Mean expression, on any scale; NaN counts as none.
    columns : mapping of str to array (I,), optional
        Annotation; see the module. ``sequence`` holds sequences.
    mature : mapping, optional
        Mature sequence by miRNA.
    """
    columns, mature = columns or {}, mature or {}
    names = np.asarray(mirnas, dtype=object)
    found = np.array(
        [
            "unknown" if names[i] in mature else _annotated(str(isomirs[i]), columns, i)
            for i in range(len(names))
        ],
        dtype=object,
    )
    given = columns.get("sequence", isomirs)
    sequences = [
        sequence_of(str(own)) or sequence_of(str(name)) for own, name in zip(given, isomirs, strict=True)
    ]
    level = np.nan_to_num(np.asarray(abundance, dtype=float), nan=-1.0)
    for rows in pd.Series(range(len(names))).groupby(names, sort=False).indices.values():
        rows = [i for i in rows if sequences[i]]
        if not rows or (found[rows] != "unknown").any():
            continue
        known = sequence_of(mature.get(names[rows[0]], ""))
        reference = known or sequences[max(rows, key=lambda i: level[i])]
        for i in rows:
            kind = compare(sequences[i], reference)
            found[i] = "most abundant" if kind == "canonical" and not known else kind
    return found


class Alignment(NamedTuple):
    """Where a sequence lies on a reference, without gaps; bases."""

    start: int
    """Offset of its 5' end: above 0 it starts within the reference."""
    end: int
    """Offset of its templated 3' end, the tail not counted: above 0 it goes on past the reference's end."""
    tail: str
    """Bases at its 3' end that the reference does not have."""
    internal: int
    """Other bases that differ."""


def align(sequence: str, reference: str) -> Alignment | None:
    """Return where ``sequence`` lies on ``reference``: at the start with the fewest differences; None if nowhere."""
    best: Alignment | None = None
    for shift in sorted(range(-_SHIFT, _SHIFT + 1), key=abs):
        own, other = (sequence, reference[shift:]) if shift >= 0 else (sequence[-shift:], reference)
        overlap = min(len(own), len(other))
        if overlap < _OVERLAP:
            continue
        differ = [k for k in range(overlap) if own[k] != other[k]]
        tail = 0
        if overlap == len(own):
            while tail < _TAIL and own[overlap - 1 - tail] != other[overlap - 1 - tail]:
                tail += 1
        inside = len(differ) - tail
        if best is None or (inside, tail) < (best.internal, len(best.tail)):
            best = Alignment(shift, len(own) - len(other) - tail, own[len(own) - tail :], inside)
        if not differ:
            break
    return best if best is not None and best.internal <= 1 else None


def compare(sequence: str, reference: str) -> str:
    """Return what ``sequence`` is beside ``reference``; the module's docstring has the rules."""
    found = align(sequence, reference)
    if found is None:
        return "unknown"
    kinds = ["5' end"] * bool(found.start) + ["internal"] * bool(found.internal) + ["tail"] * bool(found.tail)
    return _one(kinds + ["3' end"] * (found.end + len(found.tail) != 0))


def _one(kinds: Sequence[str]) -> str:
    """Return the one type that several changes make; a tail stands on an end that is often trimmed."""
    different = set(kinds) - ({"3' end"} if "tail" in kinds else set())
    return "canonical" if not different else different.pop() if len(different) == 1 else "mixed"


def _annotated(isomir: str, columns: Mapping[str, np.ndarray], i: int) -> str:
    """Return the type of isomiR ``i`` as its annotation or its id gives it, or ``unknown``."""
    if "variant" in columns and (kind := _of_variant(str(columns["variant"][i]))):
        return kind
    if all(name in columns for name in MIRALIGNER):
        cells = {name: str(columns[name][i]).strip().lower() for name in MIRALIGNER}
        if "nan" not in cells.values():
            return _one([kind for name, kind in MIRALIGNER.items() if cells[name] not in _NOTHING])
    for pair in OFFSETS:
        if all(name in columns for name in pair):
            try:
                return _of_offsets(*(float(columns[name][i]) for name in pair))
            except ValueError:  # no numbers: another tool's column
                continue
    ends = offsets_of(isomir)
    return _of_offsets(*ends) if ends else "unknown"


def offsets_of(isomir: str) -> tuple[float, float] | None:
    """Return the offsets of both ends that an id ``name|5' offset|3' offset`` carries; None for another id."""
    ends = _ID_WITH_OFFSETS.fullmatch(isomir)
    return (float(ends[1]), float(ends[2])) if ends else None


def _of_offsets(start: float, end: float) -> str:
    if not np.isfinite([start, end]).all():
        return "unknown"
    return _one(["5' end"] * bool(start) + ["3' end"] * bool(end))


def _of_variant(text: str) -> str:
    """Return the type that a label of mirGFF3 or sRNAbench names; empty when it is neither."""
    text = text.strip()
    if text.lower() in ("na", "exact", "ref"):
        return "canonical"
    if text and all(_DOTTED.fullmatch(part) for part in text.split(".")):
        return _one([_ENDS.get(part[0], "internal") for part in text.split(".")])
    parts = [part for part in re.split(r"[,;@\s]+", text) if part]
    kinds = []
    for part in parts:
        gff = _MIRGFF3.fullmatch(part)
        head = re.split(r"[|#]", part)[0]
        if gff:
            what = gff["what"].lower()
            ends = {"5p": "5' end", "add5p": "5' end", "3p": "3' end", "add": "tail", "add3p": "tail"}
            kinds.append(ends.get(what, "internal"))
        elif head == "mv" or head.rstrip("ET") in _SRNABENCH:
            kinds.append(_SRNABENCH[head.rstrip("ET")])
        else:
            return ""
    return _one(kinds) if kinds else ""


def sequence_of(text: str) -> str:
    """Return ``text`` as DNA where it is a sequence, with or without ``|miRNA`` behind it; else an empty str."""
    letters = text.split("|")[0].upper()
    return letters.replace("U", "T") if _SEQUENCE.fullmatch(letters) else ""
