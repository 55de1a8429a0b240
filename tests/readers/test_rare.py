"""IsomiRs that are zero in more than half of the samples: left out while reading, and nothing else is changed by it."""

import itertools

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import bayes_mirglmm as bm
from bayes_mirglmm.counts.container import MAX_COUNT
from bayes_mirglmm.counts.rare import Rows, has_rare, narrow
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.readers import _delimited, read_counts


def matrices():
    shape = st.tuples(st.integers(1, 12), st.integers(1, 7))
    return shape.flatmap(
        lambda s: arrays(np.int64, s, elements=st.sampled_from([0, 0, 0, 1, 5, 2**31, MAX_COUNT]))
    )


@given(matrices())
def test_rows_hold_the_matrix(matrix):
    rows = Rows.of(matrix)
    np.testing.assert_array_equal(rows.dense(), matrix)
    by_row, by_sample, sizes = rows.sums()
    np.testing.assert_array_equal(by_row, matrix.sum(axis=1))
    np.testing.assert_array_equal(by_sample, matrix.sum(axis=0))
    np.testing.assert_allclose(sizes, matrix.sum(axis=0, dtype=float), rtol=1e-15)
    np.testing.assert_array_equal(np.concatenate(list(rows.blocks(cells=5))), matrix)
    zeros = (matrix == 0).sum(axis=1)
    np.testing.assert_array_equal(rows.place < 0, 2 * zeros > matrix.shape[1])
    order = np.random.default_rng(1).permutation(len(matrix))[: (len(matrix) + 1) // 2]
    np.testing.assert_array_equal(rows.take(order).dense(), matrix[order])
    np.testing.assert_array_equal(rows.take(zeros > 0).dense(), matrix[zeros > 0])
    keep = list(range(0, matrix.shape[1], 2))
    np.testing.assert_array_equal(rows.columns(keep).dense(), matrix[:, keep])
    halves = [Rows.of(matrix[: len(matrix) // 2]), Rows.of(matrix[len(matrix) // 2 :])]
    np.testing.assert_array_equal(Rows.stacked(halves, matrix.shape[1]).dense(), matrix)
    assert halves == []


def test_counts_that_fit_are_narrow():
    assert narrow(np.array([[0, 2**31 - 1]])).dtype == np.int32
    assert narrow(np.array([[0, 2**31]])).dtype == np.int64


def table(seed, n=9, rows=300):
    """Expressed isomiRs, and many more that few samples have; medians of zero, of half, of one."""
    rng = np.random.default_rng(seed)
    mirna = np.array([f"hsa-miR-{i}" for i in rng.integers(0, 25, rows)])
    level = np.where(rng.random(rows) < 0.3, rng.uniform(2, 8, rows), rng.uniform(-4, 0.5, rows))
    counts = rng.poisson(np.exp(level)[:, None] * rng.uniform(0.5, 2, n))
    frame = pd.DataFrame(counts, columns=[f"s{i}" for i in range(n)])
    frame.insert(0, "isomir", [f"iso{i}" for i in range(rows)])
    frame.insert(1, "miRNA", mirna)
    return frame


def assert_identical(a: xr.Dataset, b: xr.Dataset) -> None:
    assert a.attrs == b.attrs
    assert set(a.variables) == set(b.variables)
    for name in a.variables:
        assert a[name].dims == b[name].dims
        np.testing.assert_array_equal(a[name].values, b[name].values, err_msg=str(name))


@pytest.mark.parametrize("n", [3, 8, 9])
@pytest.mark.parametrize("limits", [(5, -1), (None, -1), (5, -20), (1, 3)])
def test_filters_see_no_difference(tmp_path, monkeypatch, n, limits):
    monkeypatch.setattr("bayes_mirglmm.readers._open.BLOCK_CHARACTERS", 500)
    monkeypatch.setattr("bayes_mirglmm.readers._open.CHUNK_CHARACTERS", 100)
    table(n, n).to_csv(tmp_path / "c.tsv", sep="\t", index=False)
    whole, apart = read_counts(tmp_path / "c.tsv"), read_counts(tmp_path / "c.tsv", drop_rare=True)
    assert has_rare(apart)
    assert apart.sizes["isomir"] < 0.7 * whole.sizes["isomir"]
    np.testing.assert_array_equal(whole["total"], apart["total"])
    assert whole.attrs["notes"] == apart.attrs["notes"]
    assert_identical(bm.filter_counts(whole, *limits), bm.filter_counts(apart, *limits))


def test_files_of_one_sample_each_see_no_difference(tmp_path):
    frame = table(4, 8)
    head = (
        "miRNA_ID\tisoform_coords\tread_count\treads_per_million_miRNA_mapped\tcross-mapped\tmiRNA_region\n"
    )
    for name in frame.columns[2:]:
        rows = [
            f"hsa-mir-{i % 25}\thg38:chr{i % 25 + 1}:{1000 + i}-{1022 + i}:+\t{count}\t0.1\tN\tmature,MIMAT{i % 25:07d}\n"  # noqa: E501
            for i, count in enumerate(frame[name])
            if count
        ]
        (tmp_path / f"{name}.mirbase21.isoforms.quantification.txt").write_text(head + "".join(rows))
    whole, apart = read_counts(tmp_path), read_counts(tmp_path, drop_rare=True)
    assert has_rare(apart)
    assert_identical(bm.filter_counts(whole), bm.filter_counts(apart))
    for i, name in enumerate(frame.columns[2:]):
        folder = tmp_path / "bench" / name
        folder.mkdir(parents=True)
        lines = ["".join(seq) for seq in itertools.islice(itertools.product("ACGT", repeat=5), len(frame))]
        rows = [
            f"{lines[k]}\t{c}\t0.1\tdetected#mature#sense\tmature#{frame['miRNA'][k]}#1$\n"
            for k, c in enumerate(frame.iloc[:, i + 2])
            if c
        ]
        (folder / "reads.annotation").write_text("".join(rows))
    whole = read_counts(tmp_path / "bench")
    apart = read_counts(tmp_path / "bench", drop_rare=True)
    assert has_rare(apart)
    assert_identical(bm.filter_counts(whole), bm.filter_counts(apart))


def test_duplicates_are_treated_as_ever(tmp_path):
    frame = table(5)
    frame = pd.concat([frame, frame.iloc[:40]], ignore_index=True)
    frame.to_csv(tmp_path / "c.tsv", sep="\t", index=False)
    with pytest.raises(InputError, match="have the same isomiR"):
        read_counts(tmp_path / "c.tsv", drop_rare=True)
    for policy in ("sum", "max", "first"):
        options = {"duplicates": policy}
        found = [read_counts(tmp_path / "c.tsv", drop_rare=d, **options) for d in (False, True)]
        assert_identical(*(bm.filter_counts(one) for one in found))


def test_samples_that_are_listed(tmp_path):
    table(6).to_csv(tmp_path / "c.tsv", sep="\t", index=False)
    samples = pd.DataFrame({"group": list("aabb")}, index=["s1", "s4", "s2", "s7"])
    found = [read_counts(tmp_path / "c.tsv", samples, samples_only=True, drop_rare=d) for d in (False, True)]
    assert_identical(*(bm.filter_counts(one) for one in found))


def test_what_needs_the_rare_ones_is_refused(tmp_path):
    table(7).to_csv(tmp_path / "c.tsv", sep="\t", index=False)
    apart = read_counts(tmp_path / "c.tsv", drop_rare=True)
    with pytest.raises(InputError, match="filter them first"):
        bm.fit(apart, "~ 1", progress=False)
    with pytest.raises(InputError, match="min_isomir_log_cpm=None keeps every isomiR"):
        bm.filter_counts(apart, min_isomir_log_cpm=None)
    with pytest.raises(InputError, match="rare isomiRs of 9 samples were left out while reading"):
        bm.filter_counts(apart.isel(sample=slice(0, 4)))


def test_rows_apart_are_asked_for_by_read_counts_alone():
    assert not _delimited.RARE_APART.get()


def test_what_is_read_has_the_narrowest_counts(tmp_path):
    frame = table(8)
    frame.to_csv(tmp_path / "c.tsv", sep="\t", index=False)
    assert read_counts(tmp_path / "c.tsv")["counts"].dtype == np.int32
    frame.loc[3, "s1"] = 2**40
    frame.to_csv(tmp_path / "c.tsv", sep="\t", index=False)
    found = read_counts(tmp_path / "c.tsv")
    assert found["counts"].dtype == np.int64
    assert int(found["counts"].values[3, 1]) == 2**40
