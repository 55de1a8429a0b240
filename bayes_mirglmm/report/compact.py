"""Numbers for the page: short, and strict JSON."""

from collections.abc import Iterable
from typing import Any

import numpy as np

DIGITS = 6


def compact(values: Any, digits: int = DIGITS) -> list[Any]:
    """Return a column as JSON values: numbers of ``digits`` significant digits, null for what is not finite.

    Text stays text, integers stay integers.
    """
    array = np.asarray(values)
    if array.dtype.kind in "iub":
        return array.tolist()
    if array.dtype.kind == "f":
        return [_short(float(value), digits) for value in array.ravel()]
    return [None if value is None or value != value else str(value) for value in _items(values)]


def _items(values: Any) -> Iterable[Any]:
    return values.tolist() if hasattr(values, "tolist") else list(values)


def _short(value: float, digits: int) -> float | int | None:
    if not np.isfinite(value):
        return None
    rounded = float(f"{value:.{digits}g}")
    return int(rounded) if rounded == int(rounded) and abs(rounded) < 1e15 else rounded
