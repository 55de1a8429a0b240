"""The Snakefile of the documents: run, changed and run again, where Snakemake is installed."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import bayes_mirglmm as bm
from bayes_mirglmm.cli import main
from bayes_mirglmm.simulation.export import write_simulation

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "how_to" / "pipelines.md"
#: Snakemake is a program, not a library that anything here imports: any installation will do.
SNAKEMAKE = os.environ.get("SNAKEMAKE") or shutil.which("snakemake")


def snakefile() -> str:
    """The first code block of the page: the one that names its file."""
    found = re.search(
        r"```python\n# file: Snakefile\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL
    )
    assert found is not None
    return found.group(1)


def declared(text: str) -> list[str]:
    """The files that the rule declares: Snakemake removes them before it runs a rule again."""
    return sorted(set(re.findall(r'\w+="(results/run/[^"]+)"', text)))


@pytest.fixture
def workflow(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_simulation(bm.simulate(3, ("ctrl", "case"), n_mirnas=6, n_isomirs=4, seed=2), Path("simulated"))
    Path("Snakefile").write_text(snakefile(), encoding="utf-8")
    return tmp_path


def test_a_rule_that_runs_again_replaces_what_it_left(workflow):
    """What Snakemake does around the command, done by hand: outputs removed, everything else left."""
    arguments = [
        "fit",
        "simulated/counts.tsv",
        "--samples",
        "simulated/samples.tsv",
        "--reference",
        "group=ctrl",
    ]
    arguments += ["--seed", "1", "--design", "~ group", "--out", "results/run", "--force", "--quiet"]
    for df in ("t", "z"):
        for path in declared(snakefile()):
            Path(path).unlink(missing_ok=True)
        with pytest.raises(SystemExit) as ended:
            main([*arguments, "--df", df])
        assert ended.value.code == 0
        assert bm.load("results/run").data.attrs["df"] == df
    assert len(declared(snakefile())) == 6


@pytest.mark.slow
@pytest.mark.skipif(SNAKEMAKE is None, reason="Snakemake is not installed (SNAKEMAKE=path of the program)")
def test_the_documented_snakefile_is_run_changed_and_run_again(workflow):
    programs = workflow / "bin"
    programs.mkdir()
    program = programs / "bayes-mirglmm"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m bayes_mirglmm "$@"\n')
    program.chmod(0o755)
    paths = {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}

    def run() -> str:
        done = subprocess.run(
            [SNAKEMAKE, "--cores", "2"], env=os.environ | paths, capture_output=True, text=True, check=False
        )
        log = Path("logs/isomir_differential_expression.log")
        assert done.returncode == 0, done.stderr + (log.read_text() if log.exists() else "")
        return done.stderr

    run()
    first = bm.load("results/run")
    assert first.formula == "~ group"
    assert "Nothing to be done" in run()
    changed = (
        snakefile().replace('design="~ group"', 'design="~ 1"').replace("--reference {params.reference} ", "")
    )
    Path("Snakefile").write_text(changed, encoding="utf-8")
    assert Path("results/run/arrays.nc").exists()
    run()
    assert bm.load("results/run").formula == "~ 1"


@pytest.mark.slow
@pytest.mark.skipif(SNAKEMAKE is None, reason="Snakemake is not installed (SNAKEMAKE=path of the program)")
def test_the_documented_parts_make_the_whole_by_snakemake(workflow):
    page = (PAGE.parent / "clusters.md").read_text(encoding="utf-8")
    found = re.search(r"```python\n# file: Snakefile\n(.*?)```", page, flags=re.DOTALL)
    assert found is not None
    Path("Snakefile").write_text(found.group(1), encoding="utf-8")
    programs = workflow / "bin"
    programs.mkdir()
    program = programs / "bayes-mirglmm"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m bayes_mirglmm "$@"\n')
    program.chmod(0o755)
    paths = {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [SNAKEMAKE, "--cores", "1"], env=os.environ | paths, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    counts = bm.filter_counts(bm.read_counts("simulated/counts.tsv", samples="simulated/samples.tsv"))
    whole = bm.fit(counts, "~ group", reference={"group": "ctrl"}, progress=False).effects()
    merged = bm.load("results").effects()
    assert merged.equals(whole)
