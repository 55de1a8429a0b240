"""Run folders that were damaged or made up: refused at loading, by one error that names the file."""

import copy
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.results import Fit, load, run_json


@pytest.fixture
def run(fit: Fit, tmp_path: Path) -> Path:
    fit.save(tmp_path / "run")
    return tmp_path / "run"


def places(value: Any, path: tuple = ()) -> Iterator[tuple]:
    """Every place in a JSON value, of a list the first and the last."""
    yield path
    items = value.items() if isinstance(value, dict) else []
    if isinstance(value, list) and value:
        items = {0: value[0], len(value) - 1: value[-1]}.items()
    for key, item in items:
        yield from places(item, (*path, key))


def put(contents: Any, path: tuple, value: Any) -> Any:
    if not path:
        return value
    changed = copy.deepcopy(contents)
    at = changed
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return changed


def refusal(run: Path) -> str:
    """The error of loading a run; empty where it loads, and can then be used."""
    try:
        fit = load(run)
    except InputError as error:
        return str(error)
    fit.tables()
    repr(fit)
    fit[fit.mirnas[0]]
    fit.residuals(fit.mirnas[0])
    return ""


JUNK = [None, True, -1, "x", [], {"a": 1}, "\ud800", 10**400]


@pytest.mark.parametrize("junk", JUNK, ids=range(len(JUNK)))
def test_run_json_with_junk_in_any_place(run, junk):
    """Refused with the name of the file, or loaded and usable."""
    path = run / "run.json"
    contents = json.loads(path.read_text(encoding="utf-8"))
    refused = 0
    all_places = [p for p in places(contents) if p[:1] not in (("offsets",), ("totals",), ("metadata",))]
    for place in all_places:
        path.write_text(json.dumps(put(contents, place, junk)), encoding="utf-8")
        found = refusal(run)
        refused += bool(found)
        assert not found or str(run) in found, place
        assert len(found) < 1000, place
    assert refused > len(all_places) / 3


def test_run_json_that_is_too_deep_or_too_large(run, monkeypatch):
    path = run / "run.json"
    for text in ('{"program": ' + "[" * 10**6, "[" * 10**6 + "]" * 10**6, '{"a":' * 10**5):
        path.write_text(text)
        with pytest.raises(InputError, match=r"run\.json is damaged"):
            load(run)
    monkeypatch.setattr(run_json, "MAX_BYTES", 1000)
    path.write_text('{"program": "bayes_mirglmm", "x": "' + "y" * 2000 + '"}')
    with pytest.raises(InputError, match=r"run\.json is damaged \(it has 2,0\d\d bytes"):
        load(run)


@pytest.mark.parametrize("name", ["run.json", "arrays.nc"])
def test_what_is_no_file(run, name):
    path = run / name
    path.unlink()
    path.mkdir()
    with pytest.raises(InputError, match="not a file"):
        load(run)
    path.rmdir()
    os.symlink(path, path)
    with pytest.raises(InputError, match=str(path)):
        load(run)
    path.unlink()
    os.symlink(run / "elsewhere", path)
    with pytest.raises(InputError, match=str(run)):
        load(run)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
@pytest.mark.parametrize("name", ["run.json", "arrays.nc"])
def test_a_named_pipe_is_not_waited_for(run, name):
    (run / name).unlink()
    os.mkfifo(run / name)
    with pytest.raises(InputError, match=str(run)):
        load(run)


def test_a_folder_that_is_a_link_to_itself(tmp_path):
    os.symlink(tmp_path / "loop", tmp_path / "loop")
    with pytest.raises(InputError, match="there is no folder"):
        load(tmp_path / "loop")


def tamper(run: Path, change) -> None:
    """Change ``arrays.nc``, and its hash in ``run.json`` with it."""
    with h5py.File(run / "arrays.nc", "r+") as file:
        change(file)
    contents = json.loads((run / "run.json").read_text(encoding="utf-8"))
    contents["arrays_sha256"] = hashlib.sha256((run / "arrays.nc").read_bytes()).hexdigest()
    (run / "run.json").write_text(json.dumps(contents), encoding="utf-8")


def replace(name: str, values: np.ndarray):
    """Put other values into a variable, with the dimensions that it had where they fit."""

    def change(file: h5py.File) -> None:
        del file[name]
        file[name] = values

    return change


def fill(name: str, value: Any):
    def change(file: h5py.File) -> None:
        file[name][0] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        replace("beta", np.zeros((2, 3))),
        replace("beta", np.zeros(5)),
        replace("counts", np.zeros((1, 1), dtype=np.int64)),
        replace("mirna", np.arange(6.0)),
        replace("mirna", np.full(6, np.nan)),
        replace("isomir", np.zeros(0)),
        replace("term", np.array(["a"], dtype=h5py.string_dtype())),
        replace("x", np.zeros((1, 1))),
        fill("x", np.nan),
        fill("offset", np.inf),
        fill("counts", -5),
        fill("total", -1),
        fill("mirna", ""),
        fill("mirna", "mir-boundary"),
        fill("mirna", b"\xff\xfe"),
        fill("isomir_mirna", "nobody"),
        fill("isomir_mirna", "mir-boundary"),
        fill("coefficients_from", "neither"),
        fill("model", "other"),
        fill("term", "other"),
        fill("slope_term2", "other"),
        lambda file: file.pop("beta"),
        lambda file: file.pop("mirna"),
        lambda file: file.pop("sample"),
        lambda file: file.create_group("group"),
        lambda file: [file.pop(name) for name in list(file)],
        lambda file: file.__setitem__("loop", h5py.SoftLink("/loop")),
        lambda file: file.__setitem__("away", h5py.ExternalLink("/nowhere.nc", "/x")),
        lambda file: file.__setitem__("extra", np.zeros((3, 3))),
    ],
)
def test_arrays_that_are_no_fit(run, change):
    tamper(run, change)
    found = refusal(run)
    assert not found or str(run) in found


@pytest.mark.parametrize("change", [fill("mirna", ""), fill("x", np.nan), replace("beta", np.zeros((2, 3)))])
def test_the_file_of_arrays_is_named(run, change):
    tamper(run, change)
    with pytest.raises(InputError, match=r"run/arrays\.nc is damaged"):
        load(run)


def test_arrays_cut_anywhere(run):
    """With the hash put right: a file that HDF5 itself cannot read, or reads in part."""
    whole = (run / "arrays.nc").read_bytes()
    contents = json.loads((run / "run.json").read_text(encoding="utf-8"))
    for size in (0, 1, 100, len(whole) // 2, len(whole) - 1):
        (run / "arrays.nc").write_bytes(whole[:size])
        contents["arrays_sha256"] = hashlib.sha256(whole[:size]).hexdigest()
        (run / "run.json").write_text(json.dumps(contents), encoding="utf-8")
        with pytest.raises(InputError, match=r"arrays\.nc is damaged"):
            load(run)


def test_the_tables_of_a_run_do_not_matter(fit, run):
    for path in run.glob("*.tsv"):
        path.unlink()
    shutil.rmtree(run / "effects.parquet", ignore_errors=True)
    assert load(run).mirnas == fit.mirnas
