"""The accuracy benchmark, run whole on five data sets: minutes, so among the slow tests."""

import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from accuracy_report import missing_parts, with_recorded

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


def test_rows_of_methods_that_were_not_run_again_stay_with_their_date(tmp_path: Path):
    path = tmp_path / "accuracy_table.tsv"
    sources = ["both", "both", "tcga_normal", "tcga_normal"]
    old = pd.DataFrame(
        {"source": sources, "method": ["ml", "limma"] * 2, "sets": [100, 100, 50, 50], "tpr": 0.1}
    )
    path.write_text("# 2020-01-02; a machine\n" + old.to_csv(sep="\t", index=False))
    new = pd.DataFrame(
        {"source": sources, "method": ["ml", "ml_shared"] * 2, "sets": [90, 90, 40, 40], "tpr": 0.2}
    )
    table = with_recorded(new, path, "2021-03-04")
    found = list(zip(table["source"], table["method"], table["sets"], table["measured"], strict=True))
    assert found == [
        ("both", "ml", 90, "2021-03-04"),
        ("both", "ml_shared", 90, "2021-03-04"),
        ("both", "limma", 100, "2020-01-02"),
        ("tcga_normal", "ml", 40, "2021-03-04"),
        ("tcga_normal", "ml_shared", 40, "2021-03-04"),
        ("tcga_normal", "limma", 50, "2020-01-02"),
    ]
    path.write_text("# 2021-03-04; a machine\n" + table.to_csv(sep="\t", index=False))
    again = with_recorded(new, path, "2022-05-06").set_index(["source", "method"])["measured"]
    assert again["both", "limma"] == "2020-01-02"
    assert again["both", "ml"] == "2022-05-06"
    assert missing_parts(new, path) == ["measured", "limma"]
    assert missing_parts(table, path) == []
    assert missing_parts(table.assign(tpr=float("nan")), path) == ["tpr"]
    assert missing_parts(new, tmp_path / "none.tsv") == []


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
