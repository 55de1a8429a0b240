"""The accuracy benchmark, run whole on five data sets: minutes, so among the slow tests."""

import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parents[2]


def run(folder: Path, *arguments: str) -> float:
    started = time.perf_counter()
    command = [
        sys.executable,
        str(ROOT / "benchmarks" / "accuracy.py"),
        *arguments,
        "--quick",
        "--cache",
        str(folder),
    ]
    done = subprocess.run(command, cwd=folder.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return time.perf_counter() - started


@pytest.mark.slow
def test_the_quick_run_makes_every_table_and_goes_on_where_it_was(shared: Path, tmp_path: Path):
    for peer in ("statsmodels", "pydeseq2"):
        pytest.importorskip(peer)
    folder = tmp_path / "cache"
    page = (ROOT / "docs" / "accuracy.md").read_text(encoding="utf-8")
    first = run(folder)
    tables = {path.stem: pd.read_csv(path, sep="\t", comment="#") for path in folder.glob("accuracy_*.tsv")}
    names = {"table", "variants", "isomirs", "usage_into", "usage_slopes", "usage_nulls", "replication"}
    assert set(tables) == {f"accuracy_{name}" for name in names}
    head = (folder / "accuracy_table.tsv").read_text().splitlines()[0]
    assert all(word in head for word in ("seed 2025", "pydeseq2", "cores", "--quick"))

    both = tables["accuracy_table"].query("source == 'both'").set_index("method")
    assert both.loc["ml", "sets"] == 5
    assert {"ml", "preset", "laplace", "poisson", "nb_glm", "pydeseq2", "wilcoxon", "ml_shrunk"} <= set(
        both.index
    )
    # Five data sets of some 140 miRNAs: wide bounds, which a wrong sign or unit would miss by far.
    assert 0.90 < both.loc["ml", "coverage"] <= 1
    assert both.loc["preset", "coverage"] < both.loc["ml", "coverage"]
    assert both.loc["ml", "mse_changed"] < 0.5 * 0.65**2 * 1.5
    assert (both["auc"] > 0.6).all()
    assert both.loc["ml", "failures"] == 0
    assert run(folder, "table") < first / 2
    assert (ROOT / "docs" / "accuracy.md").read_text(
        encoding="utf-8"
    ) == page  # quick runs leave the page alone
