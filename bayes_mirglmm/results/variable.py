"""One variable of the dataset of a fit: its dims, its type, its meaning."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np


class Variable(NamedTuple):
    """One variable of the schema."""

    dims: tuple[str, ...]
    kind: str  # "f" float64, "d" float32, "i" int64, "s" str
    meaning: str

    def empty(self, sizes: Mapping[str, int]) -> np.ndarray:
        """Return an array of the variable's shape and type, of NaN, 0 or empty strings."""
        shape = tuple(sizes[dim] for dim in self.dims)
        if self.kind in "fd":
            return np.full(shape, np.nan, dtype=np.float64 if self.kind == "f" else np.float32)
        return np.zeros(shape, dtype=np.int64) if self.kind == "i" else np.full(shape, "", dtype=object)

    def fits(self, dtype: np.dtype) -> bool:
        """Tell whether an array of ``dtype`` may stand for the variable."""
        return dtype.kind in {"f": "f", "d": "f", "i": "iu", "s": "OUT"}[self.kind]
