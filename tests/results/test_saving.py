import errno
import json
import os
import signal

import h5py
import numpy as np
import pandas as pd
import pytest

from bayes_mirglmm.design.build import build_design
from bayes_mirglmm.errors import InputError, SaveError
from bayes_mirglmm.records import MirnaRecord
from bayes_mirglmm.results import SCHEMA_VERSION, Fit, check_target, load, run_folder, saving
from bayes_mirglmm.results.arrays import read_arrays, write_arrays

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
            numbers = {"NA": np.nan, "True": True, "False": False}
            text[column] = [numbers[v] if v in numbers else float(v) for v in text[column]]
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


def test_arrays_in_chunks_are_written_too(fit, tmp_path):
    pytest.importorskip("dask")
    whole, chunked = tmp_path / "whole.nc", tmp_path / "chunked.nc"
    write_arrays(fit.data, whole)
    data = fit.data.assign(counts=fit.data["counts"].chunk({"isomir": 2}))
    assert data.chunks
    write_arrays(data, chunked)
    np.testing.assert_array_equal(read_arrays(chunked)["counts"], fit.data["counts"])
    assert read_arrays(chunked).identical(read_arrays(whole))


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


def test_what_a_workflow_left_of_a_run_can_be_replaced(fit, tmp_path):
    """Snakemake removes the outputs that a rule declares before it runs it again, and leaves the others."""
    folder = tmp_path / "run"
    fit.save(folder)
    for path in [*folder.glob("*.tsv"), folder / "run.json"]:
        path.unlink()
    with pytest.raises(InputError, match="what is left of a run"):
        fit.save(folder)
    fit.save(folder, force=True)
    assert_same_fit(fit, load(folder))


def test_a_folder_of_another_program_is_never_replaced(fit, tmp_path):
    (tmp_path / "run").mkdir()
    for name in ("effects.tsv", "arrays.nc"):
        (tmp_path / "run" / name).write_text("mine")
    (tmp_path / "run" / "run.json").write_text('{"program": "other"}')
    with pytest.raises(InputError, match="does not say that bayes_mirglmm wrote it"):
        fit.save(tmp_path / "run", force=True)
    assert (tmp_path / "run" / "effects.tsv").read_text() == "mine"
    (tmp_path / "run" / "run.json").unlink()
    (tmp_path / "run" / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match=r"never replaced \(notes\.txt\)"):
        fit.save(tmp_path / "run", force=True)


def test_files_of_the_user_are_not_even_moved(fit, tmp_path):
    folder = tmp_path / "run"
    fit.save(folder)
    (folder / "notes").mkdir()
    (folder / "notes" / "a.txt").write_text("mine")
    inodes = [path.stat().st_ino for path in (folder, folder / "notes", folder / "notes" / "a.txt")]
    fit.save(folder, force=True)
    assert [path.stat().st_ino for path in (folder, folder / "notes", folder / "notes" / "a.txt")] == inodes
    (folder / "contrasts.tsv").mkdir()
    with pytest.raises(InputError, match=r"contrasts\.tsv is not a file"):
        fit.save(folder, force=True)


def test_the_folder_that_is_worked_in_is_refused(fit, tmp_path, monkeypatch):
    (tmp_path / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a" / "b")
    for folder in (".", "..", tmp_path):
        with pytest.raises(InputError, match="the folder that you are working in"):
            fit.save(folder, force=True)


@pytest.mark.parametrize(
    ("name", "words"), [("a\0b", "not the name"), ("a\udcff", "not UTF-8"), (" ", "not the name")]
)
def test_names_that_no_folder_should_have(tmp_path, name, words):
    with pytest.raises(InputError, match=words):
        check_target(str(tmp_path) + "/" + name if name.strip() else name)


def test_a_folder_below_a_file_or_a_broken_link_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"file is a file, so no folder|cannot be made"):
        check_target(tmp_path / "file" / "run")
    os.symlink(tmp_path / "loop", tmp_path / "loop")
    with pytest.raises(InputError, match=r"leads nowhere|cannot be made"):
        check_target(tmp_path / "loop")


def test_leftovers_of_a_killed_save_are_cleared(fit, tmp_path):
    """In a process of its own, which is killed while it writes: beside the folder, and in it."""
    import subprocess
    import sys

    fit.save(tmp_path / "run")
    code = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from bayes_mirglmm.results.run_folder import staged\n"
        "with staged(Path(sys.argv[1])) as stage:\n"
        "    (stage / 'effects.tsv').write_text('half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    for target in (tmp_path / "run", tmp_path / "new"):
        subprocess.run([sys.executable, "-c", code, str(target)], check=False)
    assert len(list(tmp_path.glob(".new.*.partial"))) == 1
    assert len(list((tmp_path / "run").glob(".run.*.partial"))) == 1
    assert_same_fit(fit, load(tmp_path / "run"))
    fit.save(tmp_path / "run", force=True)
    fit.save(tmp_path / "new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "run"]
    assert not list((tmp_path / "run").glob(".*"))


def test_what_another_process_is_writing_stays(tmp_path):
    with run_folder.staged(tmp_path / "run") as stage:
        run_folder.clear_leftovers(tmp_path / "run")
        assert stage.is_dir()


def test_ctrl_c_while_saving_comes_when_the_run_is_written(fit, tmp_path, monkeypatch, capsys):
    original = saving.write_arrays

    def interrupted(*args):
        signal.raise_signal(signal.SIGINT)
        original(*args)

    monkeypatch.setattr(saving, "write_arrays", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fit.save(tmp_path / "run")
    assert_same_fit(fit, load(tmp_path / "run"))
    assert "done in a moment" in capsys.readouterr().err


def test_a_second_ctrl_c_gives_the_save_up(fit, tmp_path, monkeypatch):
    def interrupted(*args):
        for _ in range(2):
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(saving, "write_arrays", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fit.save(tmp_path / "run")
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_said_with_the_path(fit, tmp_path, monkeypatch):
    def full(*args):
        raise OSError(errno.ENOSPC, "h5py says this at length")

    monkeypatch.setattr(saving, "write_arrays", full)
    with pytest.raises(SaveError, match=r"run: the run could not be written \(No space left on device\)"):
        fit.save(tmp_path / "run")
    assert not list(tmp_path.iterdir())
    monkeypatch.undo()
    fit.save(tmp_path / "run")
    assert_same_fit(fit, load(tmp_path / "run"))


def test_a_report_that_was_never_written_is_missed(fit, tmp_path, caplog):
    Fit(fit.data, fit.design, metadata={"files_besides": ["report.html"]}).save(tmp_path / "run")
    load(tmp_path / "run")
    assert "run has no report.html, which the command was to write last" in caplog.text
    caplog.clear()
    (tmp_path / "run" / "report.html").touch()
    load(tmp_path / "run")
    assert not caplog.text


def test_names_of_files_that_are_not_text(fit, tmp_path):
    Fit(fit.data, fit.design, metadata={"command": "fit caf\udce9.tsv"}).save(tmp_path / "run")
    assert load(tmp_path / "run").metadata == {"command": "fit caf\udce9.tsv"}
