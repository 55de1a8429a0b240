"""IsomiRs that are zero in more than half of the samples: kept without their zeros until the totals are taken.

Their median is 0, so that the expression filter drops them at any limit. In a large cohort they are nearly all of the
isomiRs and nearly none of the reads. :class:`Rows` holds counts with these rows apart; a container can leave them out
and keep what filters need of them: names, and sums by miRNA.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayes_mirglmm.counts import on_disk
from bayes_mirglmm.counts.on_disk import BLOCK_CELLS, OnDisk, Spool, sums_of

#: Variables of a container whose rare isomiRs were left out: their ids, miRNAs and places among all isomiRs, and their
#: counts summed by miRNA.
RARE_ISOMIR, RARE_MIRNA, RARE_PLACE = "rare_isomir", "rare_mirna", "rare_place"
RARE_OF, RARE_SUMS = "rare_of", "rare_sums"
RARE_NAMES = (RARE_ISOMIR, RARE_MIRNA, RARE_PLACE, RARE_OF, RARE_SUMS)
#: Attribute: samples that were looked at.
RARE_SAMPLES = "rare_samples"
LARGEST = np.iinfo(np.int32).max


def narrow(matrix: np.ndarray) -> np.ndarray:
    """Return counts as int32 where all of them fit, unchanged otherwise."""
    if matrix.dtype == np.int32 or (matrix.size and matrix.max() > LARGEST):
        return matrix
    return matrix.astype(np.int32)


class Rows:
    """Counts (rows, samples); rows that are zero in more than half of the samples are without their zeros.

    Takes no more memory than the whole matrix in int32, whatever the counts: a row apart has 8 bytes for each of at
    most half of its cells.

    Attributes
    ----------
    full : array of int, or OnDisk where they are many, shape (d, n)
    rare : scipy.sparse.csr_array, shape (r, n)
    place : array of int64, shape (rows,)
        The row of ``full``, or ``-1 - `` the row of ``rare``.
    """

    def __init__(self, full: np.ndarray | OnDisk, rare: Any, place: np.ndarray) -> None:
        self.full, self.rare, self.place = full, rare, place

    @classmethod
    def of(cls, matrix: np.ndarray) -> "Rows":
        """Take the rows of a matrix apart."""
        import scipy.sparse as sp  # takes its time to import

        matrix = narrow(matrix)
        seen = np.count_nonzero(matrix, axis=1)
        rare = 2 * seen < matrix.shape[1]
        place = np.where(rare, -np.cumsum(rare), np.cumsum(~rare) - 1)
        return cls(matrix[~rare], sp.csr_array(matrix[rare]), place.astype(np.int64))

    @classmethod
    def of_sparse(cls, matrix: Any) -> "Rows":
        """Take the rows of a sparse matrix (rows, samples) apart."""
        import scipy.sparse as sp

        matrix = sp.csr_array(matrix)
        matrix.eliminate_zeros()
        rare = 2 * np.diff(matrix.indptr) < matrix.shape[1]
        place = np.where(rare, -np.cumsum(rare), np.cumsum(~rare) - 1)
        return cls(narrow(matrix[~rare].toarray()), matrix[rare], place.astype(np.int64))

    @classmethod
    def stacked(cls, parts: list["Rows"], n: int) -> "Rows":
        """Put parts under each other, and let go of each as soon as it is copied: ``parts`` is empty afterwards."""
        pile = Pile(n)
        for part in _emptied(parts):
            pile.add(part)
        return pile.rows()

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and samples."""
        return len(self.place), self.full.shape[1]

    def __len__(self) -> int:
        return len(self.place)

    def take(self, rows: np.ndarray) -> "Rows":
        """Return some rows, by number or by a mask, each once and in this order."""
        rows = np.flatnonzero(rows) if rows.dtype == bool else rows
        place = self.place[rows]
        is_rare = place < 0
        whole = not is_rare.any() and np.array_equal(rows, np.arange(len(self)))
        if isinstance(self.full, OnDisk):
            full: np.ndarray | OnDisk = self.full if whole else self.full.some(place[~is_rare])
        else:
            full = self.full if whole else self.full[place[~is_rare]]
        fresh = np.where(is_rare, -np.cumsum(is_rare), np.cumsum(~is_rare) - 1)
        return Rows(full, self.rare[-1 - place[is_rare]], fresh.astype(np.int64))

    def columns(self, keep: Sequence[int]) -> "Rows":
        """Return some samples; which rows are rare is found anew."""
        pile = Pile(len(keep))
        for block in self.blocks():
            pile.add(Rows.of(block[:, list(keep)]))
        return pile.rows()

    def blocks(self, cells: int = BLOCK_CELLS) -> Iterator[np.ndarray]:
        """Give the whole matrix, some rows at a time, in their order."""
        step = max(1, cells // max(1, self.shape[1]))
        for start in range(0, len(self), step):
            place = self.place[start : start + step]
            block = np.zeros((len(place), self.shape[1]), dtype=self.dtype)
            common = place >= 0
            which = place[common]
            block[common] = self.full.rows(which) if isinstance(self.full, OnDisk) else self.full[which]
            block[~common] = self.rare[-1 - place[~common]].toarray()
            yield block

    @property
    def dtype(self) -> np.dtype:
        """Type that holds all of them."""
        return np.result_type(self.full.dtype, self.rare.dtype)

    def dense(self) -> np.ndarray:
        """Return the whole matrix."""
        return np.concatenate([np.empty((0, self.shape[1]), np.int32), *self.blocks()])

    def sums(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the sum of each row (int64), and of each sample as int64 and as float64, which does not wrap."""
        rows, samples, sizes = sums_of(self.full)
        sums = np.empty(len(self), dtype=np.int64)
        common = self.place >= 0
        sums[common] = rows[self.place[common]]
        sums[~common] = np.asarray(self.rare.sum(axis=1, dtype=np.int64)).ravel()[-1 - self.place[~common]]
        rare = [np.asarray(self.rare.sum(axis=0, dtype=kind)).ravel() for kind in (np.int64, np.float64)]
        return sums, samples + rare[0], sizes + rare[1]


class Pile:
    """Rows that come part by part; from :data:`~bayes_mirglmm.counts.on_disk.HELD_BYTES` on, full ones go to disk."""

    def __init__(self, n: int) -> None:
        self.n, self.size, self.n_rare = n, 0, 0
        self.full: list[np.ndarray] = []
        self.rare: list[Any] = []
        self.place: list[np.ndarray] = []
        self.spool: Spool | None = None

    def add(self, part: Rows) -> None:
        """Put rows under those that are there."""
        self.place.append(np.where(part.place >= 0, part.place + self.size, part.place - self.n_rare))
        self.size, self.n_rare = self.size + len(part.full), self.n_rare + part.rare.shape[0]
        self.rare.append(part.rare)
        for block in on_disk.blocks_of(part.full) if isinstance(part.full, OnDisk) else [part.full]:
            self.full.append(block)
            if self.spool is not None or sum(held.nbytes for held in self.full) > on_disk.HELD_BYTES:
                self._to_disk()

    def rows(self) -> Rows:
        """Return all of them; nothing is left here."""
        import scipy.sparse as sp

        rare = sp.vstack(self.rare, format="csr") if self.rare else sp.csr_array((0, self.n), dtype=np.int32)
        place = np.concatenate(self.place) if self.place else np.empty(0, np.int64)
        if self.spool is not None:
            return Rows(self.spool, rare, place)
        dense = np.empty((self.size, self.n), dtype=np.result_type(np.int32, *{b.dtype for b in self.full}))
        at = 0
        self.full.reverse()
        while self.full:
            block = self.full.pop()
            dense[at : at + len(block)] = block
            at += len(block)
        return Rows(dense, rare, place)

    def _to_disk(self) -> None:
        self.spool = self.spool or Spool(self.n)
        for block in self.full:
            self.spool.add(block)
        self.full.clear()


def _emptied(parts: list[Rows]) -> Iterator[Rows]:
    parts.reverse()
    while parts:
        yield parts.pop()


def rare_record(rows: Rows, isomir: np.ndarray, mirna: np.ndarray) -> dict[str, Any]:
    """Return what a container keeps of the rare rows: variables by name.

    Parameters
    ----------
    rows : Rows
    isomir, mirna : array of str, length rows
        Ids (unique already) and miRNAs of all rows.
    """
    import scipy.sparse as sp

    places = np.flatnonzero(rows.place < 0)
    order = -1 - rows.place[places]
    codes, names = pd.factorize(mirna[places])
    member = sp.csr_array(
        (np.ones(len(places), dtype=np.int64), (codes, order)), shape=(len(names), rows.rare.shape[0])
    )
    sums = (member @ rows.rare.astype(np.int64)).toarray()
    return {
        RARE_ISOMIR: ("rare", isomir[places]),
        RARE_MIRNA: ("rare", mirna[places]),
        RARE_PLACE: ("rare", places),
        RARE_OF: ("rare_sum", np.asarray(names, dtype=object)),
        RARE_SUMS: (("rare_sum", "sample"), sums),
    }


def has_rare(counts: xr.Dataset) -> bool:
    """Tell whether rare isomiRs were left out of a container."""
    return RARE_ISOMIR in counts.variables


def without_rare_record(counts: xr.Dataset) -> xr.Dataset:
    """Return a container without its record of rare isomiRs, which a filter has used up."""
    bare = counts.drop_vars([name for name in RARE_NAMES if name in counts.variables])
    bare.attrs = {name: value for name, value in counts.attrs.items() if name != RARE_SAMPLES}
    return bare
