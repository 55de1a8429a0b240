"""Counts larger than memory: read, filtered, fitted and saved from disk, some rows at a time, with the same numbers."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayes_mirglmm as bm
from bayes_mirglmm.counts import on_disk
from bayes_mirglmm.counts.on_disk import is_on_disk
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.readers import store
from bayes_mirglmm.simulation.export import write_counts

pytest.importorskip("zarr")

CHUNK = 5 * 8  # cells: five isomiRs of eight samples


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A table of counts in which the isomiRs of a miRNA lie apart, and some are rare."""
    path = tmp_path_factory.mktemp("counts")
    drawn = bm.simulate(4, n_mirnas=6, n_isomirs=5, seed=2).counts
    write_counts(drawn, path)
    table = pd.read_csv(path / "counts.tsv", sep="\t").sample(frac=1.0, random_state=1)
    extra = table.iloc[:7].copy()
    extra.iloc[:, 0] = [f"rare{i}" for i in range(7)]
    extra.loc[:, table.columns[-8:]] = 0
    extra.iloc[:, -1] = 3
    pd.concat([table, extra]).to_csv(path / "c.tsv", sep="\t", index=False)
    return path


@pytest.fixture
def small(monkeypatch):
    """Hold next to nothing in memory, and read no more than a chunk at once; gives the sizes of what was read."""
    sizes = []
    for name, value in (("HELD_BYTES", 64), ("BLOCK_CELLS", CHUNK)):
        monkeypatch.setattr(on_disk, name, value)
    monkeypatch.setattr(store, "CHUNK_CELLS", CHUNK)

    def seen(kind):
        plain = kind.block

        def block(self, start, stop):
            rows = plain(self, start, stop)
            sizes.append(rows.size)
            return rows

        monkeypatch.setattr(kind, "block", block)

    seen(store.StoredRows)
    seen(on_disk.Spool)
    return sizes


def assert_same(a: xr.Dataset, b: xr.Dataset) -> None:
    assert set(a.variables) == set(b.variables)
    for name in a.variables:
        assert a[name].dims == b[name].dims
        np.testing.assert_array_equal(a[name].values, b[name].values, err_msg=str(name))
    sets = [{k: v for k, v in x.attrs.items() if k not in ("source", "format")} for x in (a, b)]
    assert sets[0] == sets[1]


def test_a_store_is_read_filtered_fitted_and_saved_from_disk(folder, tmp_path, small):
    whole = bm.filter_counts(bm.read_counts(folder / "c.tsv", folder / "samples.tsv"), None, -5)
    there = bm.fit(whole, "~ group", progress=False)
    small.clear()
    bm.convert(folder / "c.tsv", tmp_path / "c.zarr", folder / "samples.tsv")
    for drop_rare in (False, True):
        counts = bm.read_counts(tmp_path / "c.zarr", drop_rare=drop_rare)
        assert is_on_disk(counts["counts"])
        kept = bm.filter_counts(counts, None, -5)
        assert is_on_disk(kept["counts"])
    here = bm.fit(kept, "~ group", n_jobs=2, progress=False)
    assert is_on_disk(here.data["counts"])
    here.save(tmp_path / "run")
    loaded = bm.load(tmp_path / "run")
    assert is_on_disk(loaded.data["counts"])
    assert max(small) <= 2 * CHUNK  # five isomiRs of one miRNA, or five rows that lie in two chunks
    assert_same(whole, kept)
    for fit in (here, loaded):
        np.testing.assert_array_equal(fit.data["counts"].values, there.data["counts"].values)
        for name, table in there.tables().items():
            columns = [c for c in table.columns if c != "seconds"]
            pd.testing.assert_frame_equal(fit.tables()[name][columns], table[columns])
    pd.testing.assert_frame_equal(loaded.findings(), there.findings())
    assert bm.inspect_counts(counts).samples.equals(bm.inspect_counts(counts.load()).samples)


def test_a_text_is_held_on_disk_while_it_is_read(folder, small, monkeypatch):
    whole = bm.filter_counts(bm.read_counts(folder / "c.tsv", folder / "samples.tsv"), None, -5)
    monkeypatch.setattr("bayes_mirglmm.readers._open.BLOCK_CHARACTERS", 600)
    monkeypatch.setattr("bayes_mirglmm.readers._open.CHUNK_CHARACTERS", 200)
    counts = bm.read_counts(folder / "c.tsv", folder / "samples.tsv", drop_rare=True)
    assert is_on_disk(counts["counts"])
    assert_same(whole, bm.filter_counts(counts, None, -5))
    assert max(small) <= CHUNK


def test_some_samples_of_a_store(folder, tmp_path, small):
    bm.convert(folder / "c.tsv", tmp_path / "c.zarr")
    few = pd.read_csv(folder / "samples.tsv", sep="\t").iloc[[6, 1, 3]]
    counts = bm.read_counts(tmp_path / "c.zarr", few.set_index(few.columns[0]), samples_only=True)
    assert is_on_disk(counts["counts"])
    text = bm.read_counts(folder / "c.tsv", few.set_index(few.columns[0]), samples_only=True)
    np.testing.assert_array_equal(counts["counts"].values, text["counts"].values)
    again = bm.convert(tmp_path / "c.zarr", tmp_path / "d.zarr")
    np.testing.assert_array_equal(
        bm.read_counts(again)["counts"].values, bm.read_counts(folder / "c.tsv")["counts"].values
    )


def test_a_store_that_was_replaced_or_is_gone_is_told(folder, tmp_path, small):
    path = bm.convert(folder / "c.tsv", tmp_path / "c.zarr", folder / "samples.tsv")
    counts = bm.read_counts(path)
    bm.convert(folder / "c.tsv", path, folder / "samples.tsv", force=True)
    with pytest.raises(InputError, match="was replaced after counts were read from it"):
        counts["counts"].load()
    counts = bm.read_counts(path)
    path.rename(tmp_path / "away")
    with pytest.raises(InputError, match="cannot be read any more"):
        bm.filter_counts(counts)
