import json
import os

import h5py
import numpy as np
import pandas as pd
import pytest

from bayes_mirglmm.design.build import build_design
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.records import MirnaRecord
from bayes_mirglmm.results import SCHEMA_VERSION, Fit, check_target, load, saving

NASTY = ["mir/../../up", "a;b", "<script>x</script>", 'quote"tab\tname', "näme", "line\nbreak"]


def assert_same_fit(a: Fit, b: Fit) -> None:
    for name, table in a.tables().items():
        pd.testing.assert_frame_equal(table, b.tables()[name], check_exact=True)
    assert set(a.data.variables) == set(b.data.variables)
    assert set(a.data.coords) == set(b.data.coords)
    for name in a.data.variables:
        left, right = a.data[name], b.data[name]
        assert left.dims == right.dims
        assert left.attrs == right.attrs
        np.testing.assert_array_equal(left.values, right.values, err_msg=str(name))
    assert {k: v for k, v in a.data.attrs.items() if k != "model"} == {
        k: v for k, v in b.data.attrs.items() if k != "model"
    }
    assert json.loads(a.data.attrs["model"]) == json.loads(b.data.attrs["model"])


def test_round_trip(fit, tmp_path):
    fit.save(tmp_path / "run")
    loaded = load(tmp_path / "run")
    assert_same_fit(fit, loaded)
    assert loaded.metadata == fit.metadata
    assert repr(loaded) == repr(fit)
    pd.testing.assert_frame_equal(loaded.samples, fit.samples)
    np.testing.assert_array_equal(loaded.residuals("mir-ok"), fit.residuals("mir-ok"))


def test_the_design_comes_back(rng, make, samples, tmp_path):
    design = build_design(samples, "~ group * age", slope="group", nuisance="age", reference={"group": "C"})
    fit = make.fit(design, [make.record(rng, design, "a", 2)])
    fit.save(tmp_path / "run")
    found = load(tmp_path / "run").design
    for name in (
        "formula",
        "terms",
        "slope",
        "slope_terms",
        "blocks",
        "factors",
        "nuisance",
        "rank",
        "samples",
    ):
        assert getattr(found, name) == getattr(design, name), name
        assert type(getattr(found, name)) is type(getattr(design, name)), name
    np.testing.assert_array_equal(found.x, design.x)
    np.testing.assert_array_equal(found.z, design.z)
    pd.testing.assert_frame_equal(found.table, design.table)
    spec = {"group": ("B", "A")}
    pd.testing.assert_frame_equal(load(tmp_path / "run").contrast(spec), fit.contrast(spec), check_exact=True)


def test_other_columns_of_the_sample_table_come_back(fit, tmp_path):
    extra = fit.samples.assign(
        batch=[1, 2] * 4,
        rin=[7.1, np.nan, 9.3, 0.1 + 0.2, np.inf, -np.inf, 1e-300, 8.0],
        treated=[True, False] * 4,
        note=["a", np.nan, "ünï", "", "NA", "x/y", "<b>", "z"],
    )
    Fit(fit.data, fit.design, samples=extra).save(tmp_path / "run")
    found = load(tmp_path / "run").samples
    assert list(found.columns) == list(extra.columns)
    for name in extra.columns:
        np.testing.assert_array_equal(found[name].isna(), extra[name].isna())
        assert found[name].dropna().tolist() == extra[name].dropna().tolist()
    assert found["batch"].dtype == np.int64
    assert found["treated"].dtype == bool


def test_the_files_of_a_run(fit, tmp_path):
    fit.save(tmp_path / "new" / "run")
    tables = ("effects", "isomir_effects", "usage", "variance_components", "status")
    expected = {f"{t}.{kind}" for t in tables for kind in ("tsv", "parquet")} | {"arrays.nc", "run.json"}
    assert {p.name for p in (tmp_path / "new" / "run").iterdir()} == expected
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["run"]
    for name, table in fit.tables().items():
        text = pd.read_csv(
            tmp_path / "new" / "run" / f"{name}.tsv", sep="\t", dtype=str, keep_default_na=False
        )
        for column in table.columns[table.dtypes != table["mirna"].dtype]:
            text[column] = [np.nan if value == "NA" else float(value) for value in text[column]]
        expected_table = table.astype({c: float for c in table.columns if table[c].dtype == "Int64"})
        pd.testing.assert_frame_equal(text, expected_table, check_dtype=False, check_exact=True)
        parquet = pd.read_parquet(tmp_path / "new" / "run" / f"{name}.parquet")
        pd.testing.assert_frame_equal(parquet, table, check_dtype=False, check_exact=True)


def test_run_json_says_what_was_done(fit, tmp_path):
    fit.save(tmp_path / "run")
    contents = json.loads((tmp_path / "run" / "run.json").read_text())
    assert contents["schema_version"] == SCHEMA_VERSION
    assert contents["formula"] == "~ group"
    assert contents["attributes"]["df"] == "t"
    assert contents["model"]["name"] == "mirglmm"
    assert contents["mirnas_by_status"]["ok"] == 1
    assert contents["offsets"]["s0"] == -1.0
    assert contents["metadata"]["seed"] == 1
    assert contents["design"]["factors"] == {"group": ["A", "B"]}


def test_metadata_that_json_does_not_know(fit, tmp_path):
    metadata = {"seed": np.int64(3), "k": np.array([1.0, np.nan]), "path": tmp_path, "ok": True}
    Fit(fit.data, fit.design, metadata=metadata).save(tmp_path / "run")
    assert load(tmp_path / "run").metadata == {"seed": 3, "k": [1.0, None], "path": str(tmp_path), "ok": True}


def test_hostile_names_come_back_and_reach_no_path(rng, make, two_groups, tmp_path):
    fit = make.fit(two_groups, [make.record(rng, two_groups, name, 2) for name in NASTY])
    fit.save(tmp_path / "run")
    assert load(tmp_path / "run").mirnas == tuple(NASTY)
    assert_same_fit(fit, load(tmp_path / "run"))
    assert [p.name for p in tmp_path.iterdir()] == ["run"]
    table = pd.read_csv(tmp_path / "run" / "status.tsv", sep="\t", keep_default_na=False)
    assert table["mirna"].tolist() == NASTY


def test_a_fit_of_nothing_comes_back(make, two_groups, tmp_path):
    fit = make.fit(two_groups, [MirnaRecord("a", "low_expression", "Below the filter.")])
    fit.save(tmp_path / "run")
    assert_same_fit(fit, load(tmp_path / "run"))


def test_large_arrays_are_compressed_and_exact(rng, make, two_groups, tmp_path):
    fit = make.fit(two_groups, [make.record(rng, two_groups, f"m{i}", 30) for i in range(100)])
    fit.save(tmp_path / "run")
    assert_same_fit(fit, load(tmp_path / "run"))
    counts = fit.data["counts"]
    with h5py.File(tmp_path / "run" / "arrays.nc") as file:
        assert file["counts"].id.get_storage_size() < counts.nbytes / 2


def test_xarray_opens_the_arrays(fit, tmp_path):
    import xarray as xr

    fit.save(tmp_path / "run")
    opened = xr.load_dataset(tmp_path / "run" / "arrays.nc", engine="h5netcdf")
    np.testing.assert_array_equal(opened["beta"], fit.data["beta"])
    assert opened["counts"].dims == ("isomir", "sample")
    assert list(opened["isomir_mirna"].values) == list(fit.data["isomir_mirna"].values)


def test_an_existing_run_is_replaced_only_by_force(fit, rng, make, two_groups, tmp_path):
    folder = tmp_path / "run"
    fit.save(folder)
    other = make.fit(two_groups, [make.record(rng, two_groups, "z", 2)])
    with pytest.raises(InputError, match=r"holds a run already.*force=True"):
        other.save(folder)
    assert_same_fit(fit, load(folder))
    (folder / "my_notes.txt").write_text("keep me")
    other.save(folder, force=True)
    assert_same_fit(other, load(folder))
    assert (folder / "my_notes.txt").read_text() == "keep me"
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


def test_what_is_not_a_run_is_never_replaced(fit, tmp_path):
    (tmp_path / "thesis.docx").write_text("years of work")
    with pytest.raises(InputError, match="not a run, and is never replaced"):
        fit.save(tmp_path, force=True)
    with pytest.raises(InputError, match="is a file"):
        fit.save(tmp_path / "thesis.docx", force=True)
    assert (tmp_path / "thesis.docx").read_text() == "years of work"


def test_an_empty_folder_will_do(fit, tmp_path):
    (tmp_path / "run").mkdir()
    fit.save(tmp_path / "run")
    assert len(load(tmp_path / "run")) == 4
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


def test_a_failed_save_leaves_everything_as_it_was(fit, tmp_path, monkeypatch):
    fit.save(tmp_path / "run")
    before = (tmp_path / "run" / "run.json").read_bytes()

    def fail(*args):
        raise OSError("disk full")

    monkeypatch.setattr(saving, "write_arrays", fail)
    with pytest.raises(OSError, match="disk full"):
        fit.save(tmp_path / "run", force=True)
    with pytest.raises(OSError, match="disk full"):
        fit.save(tmp_path / "second")
    assert [p.name for p in tmp_path.iterdir()] == ["run"]
    assert (tmp_path / "run" / "run.json").read_bytes() == before


def test_check_target_before_a_long_fit(fit, tmp_path):
    assert check_target(tmp_path / "run") == tmp_path.resolve() / "run"
    fit.save(tmp_path / "run")
    with pytest.raises(InputError, match="holds a run already"):
        check_target(tmp_path / "run")
    assert check_target(str(tmp_path / "run"), force=True) == tmp_path.resolve() / "run"


def test_folder_permissions_are_those_of_the_user(fit, tmp_path):
    (tmp_path / "plain").mkdir()
    fit.save(tmp_path / "run")
    assert os.stat(tmp_path / "run").st_mode == os.stat(tmp_path / "plain").st_mode


def damage(folder, **changes):
    path = folder / "run.json"
    contents = json.loads(path.read_text())
    for name, value in changes.items():
        if value is None:
            del contents[name]
        else:
            contents[name] = value
    path.write_text(json.dumps(contents))


def test_a_newer_schema_says_upgrade(fit, tmp_path):
    fit.save(tmp_path / "run")
    damage(tmp_path / "run", schema_version=SCHEMA_VERSION + 1, program_version="9.9")
    with pytest.raises(InputError, match=r"written by bayes_mirglmm 9\.9.*Upgrade it"):
        load(tmp_path / "run")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema_version": "one"}, "schema_version is 'one'"),
        ({"program": "other"}, "not written by bayes_mirglmm"),
        ({"design": None}, "no design"),
        ({"design": {"formula": "~ group"}}, "is damaged"),
        ({"design": []}, "is damaged"),
        ({"samples": {"index": ["a"], "columns": 3}}, "is damaged"),
        ({"attributes": {"df": "t"}}, "is damaged"),
    ],
)
def test_damaged_run_json(fit, tmp_path, changes, message):
    fit.save(tmp_path / "run")
    damage(tmp_path / "run", **changes)
    with pytest.raises(InputError, match=message):
        load(tmp_path / "run")


@pytest.mark.parametrize("text", ["{ not json", "", "[1, 2]", "\ufeff"])
def test_run_json_that_is_not_ours(fit, tmp_path, text):
    fit.save(tmp_path / "run")
    (tmp_path / "run" / "run.json").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"run\.json (is damaged|was not written)"):
        load(tmp_path / "run")


def test_binary_run_json(fit, tmp_path):
    fit.save(tmp_path / "run")
    (tmp_path / "run" / "run.json").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(InputError, match="is damaged"):
        load(tmp_path / "run")


def test_damaged_arrays(fit, tmp_path):
    fit.save(tmp_path / "run")
    path = tmp_path / "run" / "arrays.nc"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match=r"not the file that run\.json describes"):
        load(tmp_path / "run")
    path.unlink()
    with pytest.raises(InputError, match="is missing"):
        load(tmp_path / "run")


def test_folders_that_are_not_runs(tmp_path):
    with pytest.raises(InputError, match="there is no folder"):
        load(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"has no run\.json"):
        load(tmp_path)
