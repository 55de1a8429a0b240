"""Stores: what comes back is what was read, of every format; damaged and foreign ones are refused."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest

import bayes_mirglmm as bm
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.readers import read_counts, store

pytest.importorskip("zarr")

LINES = [
    "isomir\tmiRNA\tSequence\tkind\ts1\ts2\ts3\ts4",
    "a\tmiR-1\tACGTACGTACGTACGTAC\tcanonical\t100\t90\t3000000000\t80",
    "b\tmiR-1\tACGTACGTACGTACGTAN\tNA\t0\t0\t0\t5",
    "c\tmiR/<2>\tACGTACGTACGTACGTAG\t5p\t7\t8\t9\t10",
    "c\tmiR-3\tACGTACGTACGTACGTAG\t5p\t7\t8\t9\t10",
]


@pytest.fixture
def table(tmp_path):
    (tmp_path / "c.tsv").write_text("\n".join(LINES) + "\n")
    return tmp_path / "c.tsv"


SAMPLES = pd.DataFrame(
    {
        "group": pd.Categorical(["b", "a", "b", "a"], categories=["b", "a"]),
        "age": [1.5, np.nan, 3, 4],
        "n": [1, 2, 3, 4],
    },
    index=["s1", "s2", "s3", "s4"],
)


def assert_same(a, b):
    assert set(a.variables) == set(b.variables)
    for name in a.variables:
        assert a[name].dims == b[name].dims
        assert a[name].attrs == b[name].attrs
        assert a[name].dtype == b[name].dtype, name
        pd.testing.assert_series_equal(pd.Series(a[name].values.ravel()), pd.Series(b[name].values.ravel()))
    assert a.attrs["notes"] == b.attrs["notes"]


@pytest.mark.parametrize("samples", [None, SAMPLES])
@pytest.mark.parametrize("rare", [False, True])
def test_a_store_gives_back_what_was_read(table, tmp_path, monkeypatch, samples, rare):
    monkeypatch.setattr(store, "CHUNK_CELLS", 8)
    path = bm.convert(table, tmp_path / "x.zarr", samples)
    assert path == tmp_path / "x.zarr"
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []
    whole = read_counts(table, samples, drop_rare=rare)
    again = read_counts(path, drop_rare=rare)
    assert again.attrs["format"] == "store"
    assert_same(whole, again)
    filtered = [bm.filter_counts(one, None, -5) for one in (whole, again)]
    assert filtered[0].attrs["sha256_before_filters"] == filtered[1].attrs["sha256_before_filters"]


def test_a_store_of_files_of_one_sample_each(tmp_path):
    for name, count in (("x", 5), ("y", 7)):
        (tmp_path / "d" / name).mkdir(parents=True)
        (tmp_path / "d" / name / "reads.annotation").write_text(
            f"ACGTACGTACGTACGTAC\t{count}\t0.1\tdetected#mature#sense\tmature#hsa-miR-1#1$\n"
        )
    bm.convert(tmp_path / "d", tmp_path / "x.zarr")
    found = read_counts(tmp_path / "x.zarr")
    assert found["counts"].values.tolist() == [[5, 7]]
    assert list(found["sample"].values) == ["x", "y"]


def test_what_is_there_is_not_replaced_without_force(table, tmp_path):
    bm.convert(table, tmp_path / "x.zarr")
    with pytest.raises(InputError, match="is there already: give another name"):
        bm.convert(table, tmp_path / "x.zarr")
    bm.convert(table, tmp_path / "x.zarr", force=True)
    (tmp_path / "mine").mkdir()
    with pytest.raises(InputError, match="is there, and is no store of counts"):
        bm.convert(table, tmp_path / "mine", force=True)


def test_bad_counts_are_told_before_anything_is_written(tmp_path):
    (tmp_path / "c.tsv").write_text("\n".join(LINES).replace("\t90\t", "\t-3\t") + "\n")
    with pytest.raises(InputError, match="is negative"):
        bm.convert(tmp_path / "c.tsv", tmp_path / "x.zarr")
    assert not (tmp_path / "x.zarr").exists()


def test_damaged_stores_are_refused(table, tmp_path):
    import zarr

    def broken(change):
        shutil.rmtree(tmp_path / "x.zarr", ignore_errors=True)
        bm.convert(table, tmp_path / "x.zarr")
        about = zarr.open_array(store=str(tmp_path / "x.zarr"), path="about", mode="r")
        contents = json.loads(np.asarray(about[:]).tobytes())
        change(contents)
        text = np.frombuffer(json.dumps(contents).encode(), dtype=np.uint8)
        new = zarr.open_array(
            store=str(tmp_path / "x.zarr"),
            path="about",
            mode="w",
            shape=text.shape,
            chunks=text.shape,
            dtype="u1",
        )
        new[:] = text
        with pytest.raises(InputError, match="is damaged") as found:
            read_counts(tmp_path / "x.zarr")
        return str(found.value)

    assert "names and counts do not fit together" in broken(lambda c: c["isomir"].pop())
    assert "another program wrote it" in broken(lambda c: c.update(program="x"))
    assert "its version is 9" in broken(lambda c: c.update(version=9))
    assert "KeyError" in broken(lambda c: c.pop("notes"))
    bm.convert(table, tmp_path / "x.zarr", force=True)
    (tmp_path / "x.zarr" / "about" / "zarr.json").write_text("{")
    with pytest.raises(InputError, match="is damaged"):
        read_counts(tmp_path / "x.zarr")


def test_the_command(table, tmp_path, capsys):
    from bayes_mirglmm.cli import main

    with pytest.raises(SystemExit) as ended:
        main(["convert", str(table), "--out", str(tmp_path / "x.zarr")])
    assert not ended.value.code
    assert "bayes-mirglmm inspect" in capsys.readouterr().out
    with pytest.raises(SystemExit) as ended:
        main(["inspect", str(tmp_path / "x.zarr")])
    assert not ended.value.code
    assert "Format: store" in capsys.readouterr().out
