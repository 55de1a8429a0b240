"""The examples of the README run as they stand, and its links lead somewhere."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    found = re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    assert len(found) == 1
    return found[0]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the command-line example was run."""
    where = tmp_path_factory.mktemp("readme")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-eu", "-c", block("sh")],
        cwd=where,
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        timeout=1200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "From the file to the fit" in done.stdout
    assert "Smallest p-values" in done.stdout
    return where


def test_the_command_line_example_writes_a_run(folder: Path):
    assert (folder / "run" / "effects.tsv").is_file()
    assert (folder / "run" / "report.html").is_file()


def test_the_python_example_runs_on_the_same_files(folder: Path):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", block("python")],
        cwd=folder,
        env=os.environ | {"MPLBACKEND": "Agg"},
        capture_output=True,
        text=True,
        timeout=1200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "sim-miR-" in done.stdout
    assert (folder / "isomirs.png").stat().st_size > 10_000
    assert (folder / "my_run" / "run.json").is_file()


@pytest.mark.parametrize(
    "page",
    ["README.md", "docs/index.md", "docs/tables.md", "docs/formats.md", "docs/cli.md", "docs/plots.md"],
)
def test_links_between_pages_lead_somewhere(page: str):
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        if "://" not in target:
            assert ((ROOT / page).parent / target).exists(), target


def test_the_page_on_tables_names_every_column(folder: Path):
    page = (ROOT / "docs" / "tables.md").read_text(encoding="utf-8")
    for name in ("effects", "isomir_effects", "usage"):
        header = (folder / "run" / f"{name}.tsv").read_text(encoding="utf-8").splitlines()[0]
        missing = [column for column in header.split("\t") if f"`{column}`" not in page]
        assert not missing


def test_the_page_on_plots_has_every_plot():
    from bayes_mirglmm import plots

    page = (ROOT / "docs" / "plots.md").read_text(encoding="utf-8")
    assert not [
        name for name in plots.__all__ if f"`{name}(fit" not in page or f"**`bm.{name}(fit" not in page
    ]
