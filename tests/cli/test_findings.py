"""``findings`` and ``fit --findings``, ``--beyond-fold``, ``--rope-fold``: what they write and refuse."""

import json

import numpy as np
import pandas as pd
import pytest

import bayes_mirglmm as bm
from bayes_mirglmm.cli import main
from bayes_mirglmm.simulation.export import write_simulation


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("simulated")
    counts, samples = write_simulation(bm.simulate(3, ("A", "B"), n_mirnas=5, n_isomirs=3, seed=5), folder)
    return [str(counts), "--samples", str(samples), "--design", "~ group", "--no-filter"]


def run(*arguments):
    with pytest.raises(SystemExit) as stop:
        main([str(argument) for argument in arguments])
    return stop.value.code or 0


def test_a_run_with_findings_and_probabilities(inputs, tmp_path, capsys):
    out = tmp_path / "run"
    bounds = ["--beyond-fold", "1.5", "--rope-fold", "1.1"]
    assert run("fit", *inputs, "--method", "laplace", *bounds, "--findings", "--out", out, "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["findings"] == str(out / "findings")
    fit = bm.load(out)
    wanted = fit.probability("group[T.B]", beyond=np.log(1.5), rope=(-np.log(1.1), np.log(1.1)))
    table = pd.read_csv(out / "probability.tsv", sep="\t")
    np.testing.assert_allclose(table["p_beyond"], wanted["p_beyond"], rtol=1e-9)
    found = pd.read_csv(out / "findings" / "findings.tsv", sep="\t").set_index("mirna")
    np.testing.assert_allclose(found.loc[wanted["mirna"], "p_rope"], wanted["p_rope"], rtol=1e-9)
    # a run that replaces it has none of its findings
    assert run("fit", *inputs, "--out", out, "--force", "--quiet") == 0
    assert not (out / "findings").exists()
    assert not (out / "probability.tsv").exists()
    capsys.readouterr()
    assert run("findings", out, "--contrast", "group=A,B", "--json") == 0
    files = json.loads(capsys.readouterr().out)["files"]
    assert {"findings.tsv", "methods.txt", "group_A_-_B.rnk"} <= set(files)
    assert run("findings", out) == 2
    assert "--force" in capsys.readouterr().err


def test_bounds_that_cannot_be_are_refused_before_the_fit(inputs, tmp_path, capsys):
    assert run("fit", *inputs, "--beyond-fold", "2", "--out", tmp_path / "a") == 2
    assert "--method laplace" in capsys.readouterr().err
    assert run("fit", *inputs, "--method", "laplace", "--rope-fold", "0.9", "--out", tmp_path / "a") == 2
    assert "above 1" in capsys.readouterr().err
