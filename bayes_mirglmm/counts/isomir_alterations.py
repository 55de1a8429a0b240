"""What sets each isomiR apart from the mature sequence: every alteration by itself, where a type would say ``mixed``.

====================  ================================================================
alteration            meaning
====================  ================================================================
``5' start``          starts elsewhere on the template
``3' trimmed``        ends before the mature sequence does
``3' extended``       ends after it, on the template
``tail A``, ``tail U``  ends in an A or a U that the template does not have
``tail C or G``       ends in another base that the template does not have
``internal``          another base inside
====================  ================================================================

Told from the ``variant`` of mirGFF3 with the read's last base, from miraligner's columns, from offsets of the ends,
or from sequences against the most abundant one of the miRNA (:mod:`.isomir_types`), the first that tells.
"""

import re
from collections.abc import Mapping

import numpy as np
import pandas as pd
import xarray as xr

from bayes_mirglmm.counts.isomir_types import MIRALIGNER, OFFSETS, align, offsets_of, sequence_of
from bayes_mirglmm.counts.on_disk import mean_rate

ALTERATIONS = ("5' start", "3' trimmed", "3' extended", "tail A", "tail U", "tail C or G", "internal")
TAILS = {"A": "tail A", "T": "tail U", "U": "tail U", "C": "tail C or G", "G": "tail C or G"}

_PART = re.compile(r"iso_(5p|3p|add5p|add3p|add|snv|snp)(?:_\w+)?(?::([-+]?\d+)?\w*)?", re.IGNORECASE)
_NOTHING = frozenset({"0", "", "na", "nan", "none"})


def isomir_alterations(counts: xr.Dataset, mature: Mapping[str, str] | None = None) -> pd.DataFrame:
    """Return which alterations every isomiR of a counts container has.

    Parameters
    ----------
    counts : xarray.Dataset
        A counts container, with whatever annotation and sequences its source gave.
    mature : mapping of str to str, optional
        Mature sequence by miRNA; for these the sequences decide, before any annotation.

    Returns
    -------
    pandas.DataFrame
        A row per isomiR, a column (float: 1, 0, NaN where nothing tells) for each of ``5' start``, ``3' trimmed``,
        ``3' extended``, ``tail A``, ``tail U``, ``tail C or G`` and ``internal``. All zero: the canonical isomiR.
    """
    columns = {
        str(name): values.values.astype(str)
        for name, values in counts.coords.items()
        if values.dims == ("isomir",)
    }
    return alterations_of(
        counts["isomir"].values.astype(str),
        counts["mirna"].values.astype(str),
        mean_rate(counts["counts"], counts["total"].values),
        columns,
        mature,
    )


def alterations_of(
    isomirs: np.ndarray,
    mirnas: np.ndarray,
    abundance: np.ndarray,
    columns: Mapping[str, np.ndarray] | None = None,
    mature: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Return the alterations of I isomiRs, from arrays; see :func:`isomir_alterations`."""
    columns, mature = columns or {}, mature or {}
    sequences = [
        sequence_of(str(own)) or sequence_of(str(name))
        for own, name in zip(columns.get("sequence", isomirs), isomirs, strict=True)
    ]
    found = np.full((len(isomirs), len(ALTERATIONS)), np.nan)
    for i in range(len(isomirs)):
        names = None if mirnas[i] in mature else _annotated(str(isomirs[i]), columns, i, sequences[i])
        if names is not None:
            found[i] = [float(one in names) for one in ALTERATIONS]
    level = np.nan_to_num(np.asarray(abundance, dtype=float), nan=-1.0)
    for rows in (
        pd.Series(range(len(isomirs))).groupby(np.asarray(mirnas, dtype=object), sort=False).indices.values()
    ):
        own = [i for i in rows if sequences[i]]
        if not own or np.isfinite(found[own]).any():
            continue
        known = sequence_of(mature.get(str(mirnas[own[0]]), ""))
        reference = known or sequences[max(own, key=lambda i: level[i])]
        for i in own:
            names = _of_sequence(sequences[i], reference)
            if names is not None:
                found[i] = [float(one in names) for one in ALTERATIONS]
    return pd.DataFrame(found, index=pd.Index(isomirs, dtype=object), columns=list(ALTERATIONS))


def _of_sequence(sequence: str, reference: str) -> set[str] | None:
    lies = align(sequence, reference)
    if lies is None:
        return None
    names = _ends(lies.start, lies.end)
    if lies.internal:
        names.add("internal")
    if lies.tail:
        names.add(TAILS.get(lies.tail[-1], "tail C or G"))
    return names


def _ends(start: float, end: float) -> set[str]:
    return (
        ({"5' start"} if start else set())
        | ({"3' trimmed"} if end < 0 else set())
        | ({"3' extended"} if end > 0 else set())
    )


def _annotated(isomir: str, columns: Mapping[str, np.ndarray], i: int, sequence: str) -> set[str] | None:
    if "variant" in columns:
        names = _of_variant(str(columns["variant"][i]), sequence)
        if names is not None:
            return names
    if all(name in columns for name in MIRALIGNER):
        cells = {name: str(columns[name][i]).strip() for name in MIRALIGNER}
        if "nan" not in {cell.lower() for cell in cells.values()}:
            return _of_miraligner(cells)
    for pair in OFFSETS:
        if all(name in columns for name in pair):
            try:
                start, end = (float(columns[name][i]) for name in pair)
            except ValueError:
                continue
            return _ends(start, end) if np.isfinite([start, end]).all() else None
    ends = offsets_of(isomir)
    return _ends(*ends) if ends else None


def _of_variant(text: str, sequence: str) -> set[str] | None:
    """Return what a ``Variant`` of mirGFF3 says; the base of a tail is the last one of the read."""
    text = text.strip()
    if text.lower() in ("na", "exact", "ref"):
        return set()
    names: set[str] = set()
    for part in (part for part in re.split(r"[,;@\s]+", text) if part):
        found = _PART.fullmatch(part)
        if found is None:
            return None
        what, size = found[1].lower(), float(found[2] or 0)
        if what in ("5p", "add5p"):
            names.add("5' start")
        elif what == "3p":
            names |= _ends(0, size)
        elif what in ("add", "add3p"):
            names.add(TAILS.get(sequence[-1:], "tail C or G"))
        else:
            names.add("internal")
    return names if text else None


def _of_miraligner(cells: Mapping[str, str]) -> set[str]:
    """Return what miraligner's columns say: lower-case bases of an end are missing, upper-case ones are added."""
    kept = {name: "" if cell.lower() in _NOTHING else cell for name, cell in cells.items()}
    names = {"5' start"} if kept["t5"] else set()
    if kept["t3"]:
        names.add("3' trimmed" if kept["t3"].islower() else "3' extended")
    if kept["add"]:
        names.add(TAILS.get(kept["add"][-1].upper(), "tail C or G"))
    return names | ({"internal"} if kept["mism"] else set())
