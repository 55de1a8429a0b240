"""mirGFF3 (mirtop, miRge3, OptimiR, ...) and the GFF dialect of isomiR-SEA."""

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.readers._cells import as_count
from bayes_mirglmm.readers._files import sample_names
from bayes_mirglmm.readers._layout import SEQUENCE
from bayes_mirglmm.readers._notes import Note
from bayes_mirglmm.readers._open import Head, decoding, numbered_lines
from bayes_mirglmm.readers._part import Part, at_lines

NAME = "mirgff3"
POLICY = "identical"

COLDATA = re.compile(r"^#+\s*COLDATA\b[:\s]*(.*)$", re.IGNORECASE)
ATTRIBUTE = re.compile(r"([A-Za-z_]\w*)[\s=]+(.*)", re.DOTALL)
#: isomiR-SEA's names of what mirGFF3 calls Read, Name and Expression.
DIALECT = {"ts": "read", "min": "name", "tc": "expression"}
FILTERS = ("pass", "all")


def detect(head: Head) -> bool:
    """Whether the file is GFF with attributes of isomiRs."""
    if head.kind != "text":
        return False
    body = next((line for line in head.lines if line.strip() and not line.startswith("#")), "")
    cells = body.split("\t")
    if len(cells) < 9:
        return not body and any(COLDATA.match(line) for line in head.lines)
    keys = set(_attributes(cells[8]))
    return {"name", "expression"} <= keys or {"min", "tc"} <= keys


def read(heads: Sequence[Head], samples: pd.DataFrame | None = None, *, filter: str = "pass") -> list[Part]:
    """Read mirGFF3: the isomiR is ``Read`` (``UID`` where an old file has no sequence), the miRNA ``Name``.

    Samples are those of ``## COLDATA:``; a file without it (isomiR-SEA) is one sample, named after the file.
    ``Variant`` is kept as annotation.

    Parameters
    ----------
    filter : {"pass", "all"}
        Take the lines whose ``Filter`` is ``Pass`` (or that have none), or all lines. Lines left out are noted.
    """
    if filter not in FILTERS:
        raise InputError(f"filter={filter!r} is not one of {', '.join(map(repr, FILTERS))}.")
    coldata = [_coldata(head) for head in heads]
    unnamed = [head for head, names in zip(heads, coldata, strict=True) if names is None]
    by_file = dict(zip(unnamed, sample_names([h.path for h in unnamed], samples), strict=True))
    parts = []
    for head, names in zip(heads, coldata, strict=True):
        columns = [by_file[head]] if names is None else names
        notes: list[Note] = []
        parts.append(decoding(head, lambda e, h=head, c=columns, n=notes: _read(h, c, filter, e, n), notes))  # type: ignore[misc]
    return parts


def _coldata(head: Head) -> list[str] | None:
    for line in head.lines:
        if match := COLDATA.match(line.strip().strip('"')):
            names = [name.strip() for name in match[1].strip().strip('"').split(",") if name.strip()]
            if len(set(names)) < len(names):
                raise InputError(
                    f"{head.source}: COLDATA names a sample twice ({match[1].strip()}). Rename one."
                )
            if names:
                return names
        elif not line.startswith("#"):
            break
    return None


def _attributes(text: str) -> dict[str, str]:
    """Return the attributes of a line, keys in lower case, from ``Key value; ...`` or ``Key=value; ...``."""
    found: dict[str, str] = {}
    for item in text.strip().strip('"').split(";"):
        if match := ATTRIBUTE.fullmatch(item.strip()):
            key = match[1].lower()
            found.setdefault(DIALECT.get(key, key), match[2].strip())
            found.setdefault(key, match[2].strip())
    return found


def _read(head: Head, samples: list[str], filter: str, encoding: str, notes: list[Note]) -> Part:
    reads: list[tuple[str, str, str, str, int]] = []
    counts: list[list[int]] = []
    rejected = 0
    for number, line in numbered_lines(head.path, encoding, notes):
        if line.startswith(("#", '"#')):
            continue
        cells = line.split("\t")
        if len(cells) < 9:
            raise InputError(
                f"{head.source}, line {number}: {len(cells)} column(s), where GFF has 9: the file may be "
                "cut off here. Write or copy it again."
            )
        entry = _attributes("\t".join(cells[8:]))
        if filter == "pass" and entry.get("filter", "pass").lower() != "pass":
            rejected += 1
            continue
        reads.append((*_identity(head, number, entry), number))
        counts.append(_expression(head, number, entry, len(samples)))
    if rejected:
        notes.append(
            Note("{n} line(s) whose Filter is not Pass were left out (filter='all' takes them)", rejected)
        )
    if not reads:
        raise InputError(
            f"{head.source}: no line of an isomiR is left. Check that the tool found any, or pass "
            "filter='all'."
        )
    isomir, mirna, sequence, variant, lines = (np.array(c, dtype=object) for c in zip(*reads, strict=True))
    annotation = pd.DataFrame({"variant": variant}) if any(variant) else None
    return Part(
        head.source,
        isomir,
        mirna,
        samples,
        np.array(counts, dtype=np.int64),
        sequence if any(sequence) else None,
        annotation,
        at_lines(lines),
        notes,
    )


def _identity(head: Head, number: int, entry: dict[str, str]) -> tuple[str, str, str, str]:
    name = entry.get("name", "")
    if (
        "min" in entry
    ):  # isomiR-SEA: "hsa-let-7a-5p MIMAT0000062 Homo sapiens let-7a-5p", and RNA or DNA letters
        name = name.split(" ")[0]
        entry["read"] = entry.get("read", "").upper().replace("U", "T")
    sequence = entry.get("read", "")
    if not SEQUENCE.fullmatch(sequence):
        sequence = ""
    isomir = sequence or entry.get("uid", "") or entry.get("read", "")
    if not name or not isomir:
        what = "Name (the miRNA)" if not name else "Read or UID (the isomiR)"
        raise InputError(
            f"{head.source}, line {number}: the attributes have no {what}. Write the file again."
        )
    return isomir, name, sequence, entry.get("variant", entry.get("iso", ""))


def _expression(head: Head, number: int, entry: dict[str, str], n: int) -> list[int]:
    text = entry.get("expression", "")
    cells = text.split(",") if text else []
    if len(cells) != n:
        raise InputError(
            f"{head.source}, line {number}: {len(cells)} value(s) in Expression {text!r}, where COLDATA "
            f"names {n} sample(s). Write the file again, or correct '## COLDATA:'."
        )
    counts = [as_count(cell) for cell in cells]
    if None in counts:
        raise InputError(
            f"{head.source}, line {number}: Expression {text!r} is not a count. Counts are integers of 0 to "
            "2^53: give raw read counts, not weighted or normalised ones."
        )
    return [count for count in counts if count is not None]
