"""Counts larger than memory: a matrix (rows, samples) on disk, of which the rows that are used are read.

A container holds such a matrix as its ``counts`` like any other: ``isel`` and ``sel`` of isomiRs and samples read
nothing, ``.values`` reads all that is left. What goes over every row takes :func:`blocks_of`, some rows at a time.
"""

import os
import tempfile
import threading
import weakref
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing

#: Bytes of counts up to which they are held in memory.
HELD_BYTES = 2**28
BLOCK_CELLS = 2**22


class OnDisk(BackendArray):
    """A matrix of counts on disk.

    Attributes
    ----------
    shape : tuple of int
        Rows, samples.
    dtype : numpy.dtype
        An integer type.
    step : int
        Rows that lie together: read at once, they are unpacked once.
    """

    shape: tuple[int, int]
    dtype: np.dtype
    step: int

    @abstractmethod
    def block(self, start: int, stop: int) -> np.ndarray:
        """Read consecutive rows."""

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: indexing.ExplicitIndexer) -> np.ndarray:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.OUTER, self._read)

    def rows(self, which: np.ndarray, columns: Any = slice(None)) -> np.ndarray:
        """Read some rows, by number, in any order; of some samples alone where ``columns`` says so."""
        width = len(np.arange(self.shape[1])[columns])
        found = np.empty((len(which), width), dtype=self.dtype)
        chunk = which // self.step
        for number in np.unique(chunk):
            own = np.flatnonzero(chunk == number)
            first, last = int(which[own].min()), int(which[own].max())
            found[own] = self.block(first, last + 1)[which[own] - first][:, columns]
        return found

    def some(self, which: np.ndarray | None = None, columns: Any = slice(None)) -> "OnDisk":
        """Return the matrix of some rows and samples, by number, still on disk."""
        return _Some(self, np.arange(len(self)) if which is None else which, columns)

    def variable(self) -> xr.Variable:
        """Return this as the variable of a container."""
        return xr.Variable(("isomir", "sample"), indexing.LazilyIndexedArray(self))

    def _read(self, key: tuple[Any, ...]) -> np.ndarray:
        row, column = key
        which = np.atleast_1d(np.arange(self.shape[0])[row])
        columns = column if isinstance(column, slice) else np.atleast_1d(column)
        found = self.rows(which, columns)
        if np.ndim(column) == 0 and not isinstance(column, slice):
            found = found[:, 0]
        return found[0] if np.ndim(row) == 0 and not isinstance(row, slice) else found


class _Some(OnDisk):
    def __init__(self, whole: OnDisk, which: np.ndarray, columns: Any) -> None:
        self.whole, self.which, self.columns = whole, np.asarray(which, dtype=np.int64), columns
        width = whole.shape[1] if isinstance(columns, slice) else len(columns)
        self.shape, self.dtype, self.step = (len(which), width), whole.dtype, whole.step

    def block(self, start: int, stop: int) -> np.ndarray:
        return self.whole.rows(self.which[start:stop], self.columns)


class Spool(OnDisk):
    """Rows in a temporary file without a name, put there block by block while a text is read."""

    def __init__(self, n: int) -> None:
        self.file = tempfile.TemporaryFile(prefix="bayes_mirglmm")  # noqa: SIM115
        weakref.finalize(self, self.file.close)
        self.shape, self.dtype, self.step = (0, n), np.dtype(np.int32), max(1, BLOCK_CELLS // 4 // max(1, n))
        self.starts: list[int] = []  # rows before each piece
        self.pieces: list[tuple[int, np.dtype]] = []  # where it lies, and its type
        self.lock = threading.Lock()

    def add(self, rows: np.ndarray) -> None:
        """Put rows under those that are there."""
        if len(rows):
            self.starts.append(self.shape[0])
            self.pieces.append((self.file.seek(0, os.SEEK_END), rows.dtype))
            self.file.write(np.ascontiguousarray(rows).data)
            self.shape = (self.shape[0] + len(rows), self.shape[1])
            self.dtype = np.result_type(self.dtype, rows.dtype)

    def block(self, start: int, stop: int) -> np.ndarray:
        """Read consecutive rows."""
        found = np.empty((stop - start, self.shape[1]), dtype=self.dtype)
        ends = [*self.starts[1:], self.shape[0]]
        first = int(np.searchsorted(self.starts, start, side="right")) - 1
        for begin, end, (place, kind) in zip(
            self.starts[first:], ends[first:], self.pieces[first:], strict=True
        ):
            if begin >= stop:
                break
            low, high = max(begin, start), min(end, stop)
            width = self.shape[1] * kind.itemsize
            with self.lock:
                self.file.seek(place + (low - begin) * width)
                data = self.file.read((high - low) * width)
            if len(data) < (high - low) * width:
                raise OSError(f"a temporary file in {tempfile.gettempdir()} was cut off")
            found[low - start : high - start] = np.frombuffer(data, dtype=kind).reshape(high - low, -1)
        return found


@dataclass(frozen=True)
class RowsOf:
    """Rows of counts on disk, to be read when they are needed: the counts of one miRNA, say."""

    counts: xr.Variable
    rows: np.ndarray

    @property
    def shape(self) -> tuple[int, int]:
        """Rows, samples."""
        return len(self.rows), int(self.counts.shape[1])


def is_on_disk(counts: Any) -> bool:
    """Tell whether counts are read when they are used."""
    if isinstance(counts, OnDisk):
        return True
    variable = getattr(counts, "variable", counts)
    return isinstance(variable, xr.Variable) and not variable._in_memory


def blocks_of(counts: Any, cells: int | None = None) -> Iterator[np.ndarray]:
    """Give a matrix some rows at a time, in their order.

    Parameters
    ----------
    counts : array, OnDisk, xarray.Variable or xarray.DataArray, shape (rows, samples)
    cells : int
        At most as many at once, but one row in any case.
    """
    if isinstance(counts, OnDisk):
        counts = counts.variable()
    elif isinstance(counts, xr.DataArray):
        counts = counts.variable
    step = max(1, (cells or BLOCK_CELLS) // max(1, counts.shape[1]))
    for start in range(0, counts.shape[0], step):
        block = counts[start : start + step]
        yield block.values if isinstance(block, xr.Variable) else block


def sums_of(counts: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the sum of each row (int64), and of each sample as int64 and as float64, which does not wrap."""
    rows = [np.empty(0, dtype=np.int64)]
    samples, sizes = np.zeros(counts.shape[1], dtype=np.int64), np.zeros(counts.shape[1])
    for block in blocks_of(counts):
        rows.append(block.sum(axis=1, dtype=np.int64))
        samples += block.sum(axis=0, dtype=np.int64)
        sizes += block.sum(axis=0, dtype=np.float64)
    return np.concatenate(rows), samples, sizes


def mean_rate(counts: Any, size: np.ndarray) -> np.ndarray:
    """Return the mean over samples of counts per ``size`` of the sample, shape (rows,)."""
    return np.concatenate([np.empty(0), *((block / size).mean(axis=1) for block in blocks_of(counts))])


def held_where_small(dataset: xr.Dataset) -> xr.Dataset:
    """Return a container with its counts in memory where they are no more than :data:`HELD_BYTES`."""
    counts = dataset["counts"]
    if not is_on_disk(counts) or counts.nbytes > HELD_BYTES:
        return dataset
    return dataset.assign(counts=(counts.dims, np.asarray(counts.values), counts.attrs))
