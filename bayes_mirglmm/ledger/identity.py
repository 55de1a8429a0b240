"""What makes a fit the one that it is, and in which of it two fits differ."""

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

#: What entries mean to a reader, and what to say of values that say nothing to anybody.
WORDS = {
    "counts": "the counts (other files, samples or filters)",
    "design": "the design of the samples (other values in the sample table)",
    "offsets": "the offsets of the samples",
    "sample_covariance": "sample_covariance",
}


def digest(*arrays: np.ndarray) -> str:
    """Return a short fingerprint of arrays: their values, types and shapes."""
    found = hashlib.sha256()
    for array in arrays:
        found.update(f"{array.dtype.str}{array.shape}".encode())
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()[:16]


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Return in which entries two fits differ, in words; an empty text where in none."""
    found = []
    for name in dict.fromkeys([*now, *before]):
        old, new = before.get(name), now.get(name)
        if old == new:
            continue
        if name in WORDS:
            found.append(f"{WORDS[name]} differ")
        elif isinstance(old, Mapping) and isinstance(new, Mapping):
            found.append(f"{name}: {differences(old, new)}")
        else:
            found.append(f"{name} was {_short(old)} and is {_short(new)}")
    return "; ".join(found)


def _short(value: object) -> str:
    text = "not given" if value is None else repr(value)
    return text if len(text) <= 100 else f"{text[:100]} ..."
