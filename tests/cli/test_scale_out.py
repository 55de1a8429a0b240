"""Runs that are killed, continued, cut into parts and merged, as the command line has them."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

import bayes_mirglmm as bm
from bayes_mirglmm.cli import main
from bayes_mirglmm.ledger import read_ledger
from bayes_mirglmm.results.run_folder import LEDGER, SHARD
from bayes_mirglmm.simulation.export import write_simulation

DESIGN = ["--design", "~ group", "--reference", "group=ctrl"]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    simulation = bm.simulate(4, ("ctrl", "case"), n_mirnas=40, n_isomirs=8, beta={"Intercept": 5.0}, seed=6)
    counts, samples = write_simulation(simulation, tmp_path_factory.mktemp("simulated"))
    return [str(counts), "--samples", str(samples), *DESIGN]


@pytest.fixture
def run(capsys):
    def call(*arguments: object) -> SimpleNamespace:
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return SimpleNamespace(code=stop.value.code or 0, out=captured.out, err=captured.err)

    return call


def tables(folder: Path) -> dict[str, bytes]:
    """The tables, without the seconds of the status table."""
    found = {path.name: path.read_bytes() for path in folder.glob("*.tsv")}
    status = bm.load(folder).status().drop(columns="seconds")
    return found | {"status.tsv": status.to_csv(sep="\t").encode()}


#: The command line, a tenth of a second slower for each miRNA, so that there is time to kill it on any machine.
SLOWED = """
import sys, time
from bayes_mirglmm.cli import main
from bayes_mirglmm.methods import nested_laplace
original = nested_laplace.fit_mirna_nested
def slowed(*given):
    time.sleep(0.1)
    return original(*given)
nested_laplace.fit_mirna_nested = slowed
main(sys.argv[1:])
"""


def process(*arguments: object) -> subprocess.Popen:
    command = [sys.executable, "-c", SLOWED, *map(str, arguments), "--quiet"]
    return subprocess.Popen(command, env=os.environ | {"OMP_NUM_THREADS": "1"})


def fitted(folder: Path) -> int:
    return len(read_ledger(folder / LEDGER).pairs) if (folder / LEDGER).exists() else 0


def test_a_run_that_is_killed_goes_on_to_the_same_tables(run, inputs, tmp_path):
    """Killed as soon as some more miRNAs stand in the ledger than at the kill before, at a random moment then."""
    whole, out = tmp_path / "whole", tmp_path / "run"
    call = ["fit", *inputs, "--method", "laplace"]
    assert run(*call, "--out", whole, "--quiet").code == 0
    killed, known = 0, 0
    for seed in range(4):
        child = process(*call, "--out", out, "--resume")
        while fitted(out) <= known and child.poll() is None:
            time.sleep(0.02)
        time.sleep(random.Random(seed).uniform(0, 0.3))
        child.kill()
        if child.wait() != -signal.SIGKILL or (out / "run.json").exists():
            break  # too late: it had all
        killed += 1
        assert fitted(out) > known
        known = fitted(out)
    assert killed >= 1
    refused = run(*call, "--out", out)
    assert refused.code == 2
    assert "holds a run that is not finished: finish it with --resume, replace it with --force" in refused.err
    differing = run(*call, "--out", out, "--resume", "--seed", "2")
    assert differing.code == 2
    assert "seed was 1 and is 2" in differing.err
    done = run(*call, "--out", out, "--resume")
    assert done.code == 0
    assert f"{known} of " in done.err
    assert "miRNAs are finished already" in done.err
    assert tables(out) == tables(whole)
    assert sorted(path.name for path in out.iterdir()) == sorted(path.name for path in whole.iterdir())
    before = (out / "run.json").read_bytes()
    again = run(*call, "--out", out, "--resume")
    assert again.code == 0
    assert "finished already" in again.err
    assert (out / "run.json").read_bytes() == before


def test_a_finished_run_has_what_is_asked_for_later(run, inputs, tmp_path):
    """Its miRNAs are not fitted again; tables of other contrasts, or with flags, are written."""
    out = tmp_path / "run"
    assert run("fit", *inputs, "--contrast", "group=case,ctrl", "--out", out, "--quiet").code == 0
    before = bm.load(out).status()["seconds"].to_list()
    again = run("fit", *inputs, "--contrast", "group=case,ctrl", "--out", out, "--resume")
    assert "finished already" in again.err
    other = run("fit", *inputs, "--contrast", "group=ctrl,case", "--out", out, "--resume")
    assert other.code == 0
    assert (out / "contrasts.tsv").read_text().count("ctrl - case")
    assert not (out / "contrasts.tsv").read_text().count("case - ctrl")
    flagged = run("fit", *inputs, "--contrast", "group=ctrl,case", "--influence", "--out", out, "--resume")
    assert flagged.code == 0
    assert "deciding_samples" in (out / "contrasts.tsv").read_text().splitlines()[0]
    assert (out / "influential_samples.tsv").exists()
    assert bm.load(out).status()["seconds"].to_list() == before
    refused = run("fit", *inputs, "--usage-test", "lrt", "--out", out, "--resume")
    assert refused.code == 2
    assert "usage_test was 'auto' and is 'lrt'" in " ".join(refused.err.split())


def test_force_starts_anew(run, inputs, tmp_path):
    out = tmp_path / "run"
    bm_counts = bm.filter_counts(bm.read_counts(inputs[0], samples=inputs[2]))
    bm.fit(bm_counts, "~ group", ledger=out, seed=9, progress=False)
    assert run("fit", *inputs, "--out", out, "--force", "--quiet").code == 0
    assert not (out / LEDGER).exists()
    assert bm.load(out).metadata["seed"] == 1
    both = run("fit", *inputs, "--out", out, "--force", "--resume")
    assert both.code == 2
    assert "leave one of them out" in both.err


def test_parts_and_their_whole(run, inputs, tmp_path):
    whole = tmp_path / "whole"
    more = ["--contrast", "pairs:group", "--omnibus", "group"]
    assert run("fit", *inputs, *more, "--out", whole, "--quiet").code == 0
    for k in (1, 2, 3):
        found = run("fit", *inputs, "--shard", f"{k}/3", "--out", tmp_path / "parts" / str(k), "--json")
        assert found.code == 0
        summary = json.loads(found.out)
        assert summary["finished"]
        assert summary["shard"] == f"{k}/3"
        assert sum(summary["status"].values()) == summary["mirnas"]
        assert [path.name for path in (tmp_path / "parts" / str(k)).iterdir()] == [SHARD]
    merged = run("merge", tmp_path / "parts", *more, "--out", tmp_path / "run")
    assert merged.code == 0
    assert "Merged 3 parts" in merged.err
    assert tables(tmp_path / "run") == tables(whole)
    taken = run("fit", *inputs, "--shard", "1/3", "--out", tmp_path / "parts" / "1")
    assert taken.code == 2
    assert "holds a finished part of a fit" in taken.err


def test_what_a_part_cannot_do(run, inputs, tmp_path):
    found = run("fit", *inputs, "--shard", "1/3", "--contrast", "pairs:group", "--out", tmp_path / "run")
    assert found.code == 2
    assert "--contrast is about all miRNAs: give it to bayes-mirglmm merge" in found.err
    assert not (tmp_path / "run").exists()
    assert run("fit", *inputs, "--shard", "3", "--out", tmp_path / "run").code == 2
    assert run("merge", tmp_path / "nowhere", "--out", tmp_path / "run").code == 2


def test_a_scheduler_that_is_away_is_told_at_once(run, inputs, tmp_path, monkeypatch):
    from bayes_mirglmm.methods import cluster

    monkeypatch.setattr(cluster, "TO_ANSWER", 0.5)
    found = run("fit", *inputs, "--scheduler", "tcp://127.0.0.1:9", "--out", tmp_path / "run")
    assert found.code == 3
    assert "no Dask scheduler answers at tcp://127.0.0.1:9" in found.err
    assert not (tmp_path / "run").exists()
