"""Ids that hold the miRNA and what makes the isomiR: ``hsa-let-7a-5p;iso_3p:t``, ``hsa-let-7a-5p.ea``.

The first is the row name of Bioconductor isomiRs (``isoCounts``): changes after semicolons, ``ref`` for the reference.
The second is that of bcbio and CLC: changes after dots, ``s`` and ``e`` for start and end, lower case for missing
bases, upper case for added ones; a substitution is position and bases. A number after a dot (``miR-101-3p.1``) is none.
"""

import re
from collections.abc import Sequence

import numpy as np

#: The name of a miRNA, of any species or of none.
MIRNA = re.compile(r"([a-z][a-z0-9]{1,5}-)?(mir|let|lin|lsy|bantam|iab)[-_.]?\w.*", re.IGNORECASE)
CHANGE = r"(?:ref|ambiguous|[se][ACGTUacgtu]+|[ACGTU]?\d+[ACGTU]{1,2})"
COMBINED = re.compile(rf"(?P<mirna>[^;]+?)(?:;(?P<changes>.+)|(?P<dotted>(?:\.{CHANGE})+))?")


def are_combined(cells: Sequence[str]) -> bool:
    """Whether every cell starts with the name of a miRNA, and some say after it what the isomiR is."""
    found = [COMBINED.fullmatch(cell) for cell in cells]
    return (
        bool(found)
        and all(m and MIRNA.fullmatch(m["mirna"]) for m in found)
        and any(m["changes"] or m["dotted"] for m in found if m)
    )


def split(ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the miRNA of each id, and what follows it: where nothing does, ``ref`` among dotted ids, else ``""``."""
    found = [COMBINED.fullmatch(cell) for cell in ids]
    names = [m["mirna"] if m else str(cell) for m, cell in zip(found, ids, strict=True)]
    bare = "ref" if any(m and m["dotted"] for m in found) else ""
    changes = [(m["changes"] or (m["dotted"] or "").lstrip(".") or bare) if m else "" for m in found]
    return np.array(names, dtype=object), np.array(changes, dtype=object)
