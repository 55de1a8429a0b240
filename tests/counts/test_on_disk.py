"""Matrices on disk: whatever is asked of them, they answer as the same matrix in memory does."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from bayes_mirglmm.counts import on_disk
from bayes_mirglmm.counts.container import make_counts, validate_counts
from bayes_mirglmm.counts.on_disk import Spool, blocks_of, held_where_small, is_on_disk, mean_rate, sums_of
from bayes_mirglmm.errors import InputError

MATRIX = np.arange(60).reshape(12, 5) % 17


def spooled(matrix=MATRIX, large=True):
    """Pieces of several lengths and types."""
    spool = Spool(matrix.shape[1])
    spool.step = 3
    for start, stop in ((0, 4), (4, 4), (4, 5), (5, len(matrix))):
        spool.add(matrix[start:stop].astype(np.int64 if large and start == 4 else np.int32))
    return spool


def test_rows_samples_and_single_cells():
    spool = spooled()
    variable = spool.variable()
    assert (spool.shape, spool.dtype, len(spool)) == ((12, 5), np.int64, 12)
    assert spooled(large=False).dtype == np.int32
    keys = [
        np.s_[:],
        np.s_[2:9:3],
        np.s_[::-1],
        np.s_[[7, 0, 7, 11]],
        np.s_[3],
        np.s_[-1, 2],
        np.s_[4:6, [3, 0]],
        np.s_[[9, 1], 1:4],
        np.s_[[], :],
        np.s_[:, -2],
    ]
    for key in keys:
        rows, columns = key if isinstance(key, tuple) else (key, slice(None))
        rows, columns = (np.array(k, dtype=int) if isinstance(k, list) else k for k in (rows, columns))
        expected = MATRIX[rows][..., columns]
        np.testing.assert_array_equal(variable[rows, columns].values, expected)
        np.testing.assert_array_equal(variable[rows][..., columns].values, expected)
    mask = MATRIX[:, 0] > 5
    np.testing.assert_array_equal(variable[mask].values, MATRIX[mask])
    some = spool.some(np.array([8, 2, 3]), np.array([4, 1]))
    np.testing.assert_array_equal(some.variable().values, MATRIX[[8, 2, 3]][:, [4, 1]])


@given(st.lists(st.integers(0, 11), max_size=20), st.integers(1, 100))
def test_blocks_and_sums(rows, cells):
    part = spooled().variable()[np.array(rows, dtype=int)]
    expected = MATRIX[np.array(rows, dtype=int)]
    blocks = list(blocks_of(part, cells))
    assert all(len(block) == 1 or block.size <= cells for block in blocks)
    np.testing.assert_array_equal(np.concatenate([expected[:0], *blocks]), expected)
    by_row, by_sample, sizes = sums_of(part)
    np.testing.assert_array_equal(by_row, expected.sum(axis=1))
    np.testing.assert_array_equal(by_sample, expected.sum(axis=0))
    np.testing.assert_array_equal(sizes, expected.sum(axis=0))
    size = np.arange(1.0, 6.0)
    np.testing.assert_array_equal(mean_rate(part, size), (expected / size).mean(axis=1))


def container(values):
    return make_counts(
        values, isomir=[f"i{k}" for k in range(12)], mirna=["m"] * 12, sample=list("abcde"), source="here"
    )


def test_a_container_leaves_counts_on_disk_and_checks_them(monkeypatch):
    counts = container(spooled())
    assert is_on_disk(counts["counts"])
    assert not is_on_disk(container(MATRIX)["counts"])
    xr.testing.assert_identical(counts, container(MATRIX))
    few = validate_counts(counts.isel(isomir=[7, 2], sample=[3, 1]))
    assert is_on_disk(few["counts"])
    np.testing.assert_array_equal(few["counts"].values, MATRIX[[7, 2]][:, [3, 1]])
    assert not is_on_disk(held_where_small(few)["counts"])
    monkeypatch.setattr(on_disk, "HELD_BYTES", 8)
    assert is_on_disk(held_where_small(few)["counts"])
    broken = MATRIX.copy()
    broken[9, 3] = -4
    monkeypatch.setattr(on_disk, "BLOCK_CELLS", 10)
    with pytest.raises(InputError, match="here: -4 at isomiR i9, sample d is not a count"):
        container(spooled(broken))
    with pytest.raises(InputError, match="total of sample 'a' is smaller"):
        validate_counts(counts.assign_coords(total=counts["total"] - 1))
