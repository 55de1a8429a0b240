"""``normalize`` and ``--mirnas``: what they write and refuse."""

import json

import numpy as np
import pandas as pd
import pytest

import bayes_mirglmm as bm
from bayes_mirglmm.cli import main
from bayes_mirglmm.cli.options import parse_mirnas
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.simulation.export import write_simulation


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("simulated")
    counts, samples = write_simulation(bm.simulate(3, ("A", "B"), n_mirnas=5, n_isomirs=3, seed=5), folder)
    return [str(counts), "--samples", str(samples)]


def run(*arguments):
    with pytest.raises(SystemExit) as stop:
        main([str(argument) for argument in arguments])
    return stop.value.code or 0


@pytest.mark.parametrize(("kind", "level"), [("vst", "mirna"), ("log_cpm", "isomir")])
def test_the_file_is_the_table_of_the_function(inputs, tmp_path, capsys, kind, level):
    out = tmp_path / "deep" / "table.tsv"
    options = ["--kind", kind, "--level", level, "--no-filter", "--json", "--out", out]
    assert run("normalize", *inputs, *options) == 0
    said = json.loads(capsys.readouterr().out)
    table = pd.read_csv(out, sep="\t", index_col=0)
    found = bm.normalized(bm.read_counts(inputs[0], samples=inputs[2]), kind, level=level)
    assert said["rows"] == len(table) == found.sizes[level]
    assert said["units"] == found.attrs["units"]
    if level == "isomir":
        assert list(table.pop("mirna")) == list(found["mirna"].values)
    np.testing.assert_allclose(table, found, rtol=1e-12)
    assert run("normalize", *inputs, "--out", out) == 2
    assert "--force" in capsys.readouterr().err


def test_some_mirnas_are_fitted(inputs, tmp_path, capsys):
    listed = tmp_path / "names.txt"
    listed.write_text("sim-miR-2\n\n")
    out = tmp_path / "run"
    options = ["--design", "~ group", "--mirnas", listed, "--mirnas", "sim-miR-4", "--no-filter"]
    assert run("fit", *inputs, *options, "--out", out, "--quiet") == 0
    status = pd.read_csv(out / "status.tsv", sep="\t").set_index("mirna")["status"]
    assert sorted(status.index[status != "not_selected"]) == ["sim-miR-2", "sim-miR-4"]
    assert sorted(status.index[status == "not_selected"]) == [
        "background",
        "sim-miR-1",
        "sim-miR-3",
        "sim-miR-5",
    ]
    capsys.readouterr()
    assert run("inspect", *inputs, "--mirnas", "sim-miR-2,sim-miR-3", "--json") == 0
    stages = json.loads(capsys.readouterr().out)["stages"]
    assert [row["mirnas"] for row in stages if row["stage"] == "asked for"] == [2]


def test_an_empty_list_of_names_is_refused():
    assert parse_mirnas(["a, b", "b"]) == ["a", "b"]
    assert parse_mirnas(None) is None
    with pytest.raises(InputError, match="no name is in it"):
        parse_mirnas([" , "])
