"""The notebooks run from start to end in a new folder, and are committed as they come out."""

import importlib.util
import re
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
LARGEST = 400_000  # bytes


@pytest.fixture(scope="module")
def run():
    spec = importlib.util.spec_from_file_location("execute_notebooks", ROOT / "notebooks" / "execute.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def kinds(notebook: nbformat.NotebookNode) -> list[list[str]]:
    """Return what each cell shows: streams by name, results by their richest type."""
    return [
        [
            output.name if output.output_type == "stream" else sorted(output.get("data", {"error": ""}))[0]
            for output in cell.outputs
        ]
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


def test_there_are_notebooks():
    assert [path.name[:2] for path in NOTEBOOKS] == ["01", "02", "03", "04", "05", "06", "07"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_without_a_word_on_standard_error_and_shows_what_is_committed(run, path: Path):
    committed = nbformat.read(path, as_version=4)
    done = run.execute(path)
    assert run.stderr(done) == []
    assert kinds(done) == kinds(committed)
    assert [cell.source for cell in done.cells] == [cell.source for cell in committed.cells]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_committed_notebook_is_small_tidy_and_from_no_machine(run, path: Path):
    text = path.read_text(encoding="utf-8")
    assert len(text) < LARGEST
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert nbformat.writes(run.tidy(notebook), indent=1, sort_keys=True) + "\n" == text
    assert any(cell.outputs for cell in notebook.cells if cell.cell_type == "code")
    assert not re.search(r"/(?:home|root|tmp|work|Users)/", text)
    assert re.search("simulated|real counts", notebook.cells[0].source)


def test_real_counts_come_with_their_licence_and_their_origin():
    data = ROOT / "notebooks" / "data"
    assert "MIT License" in (data / "LICENSE-isomiRs").read_text(encoding="utf-8")
    assert "Copyright (c) 2014 Lorena" in (data / "LICENSE-isomiRs").read_text(encoding="utf-8")
    assert "GSE97285" in (data / "README.md").read_text(encoding="utf-8")
    assert sum(path.stat().st_size for path in data.iterdir()) < LARGEST


def test_a_stream_is_one_piece_however_it_came(run):
    pieces = [("stdout", "a\n"), ("stdout", "b\n"), ("stderr", "c\n"), ("stdout", "d\n")]
    cell = nbformat.v4.new_code_cell("")
    cell.outputs = [nbformat.v4.new_output("stream", name=name, text=text) for name, text in pieces]
    done = run.tidy(nbformat.v4.new_notebook(cells=[cell]))
    found = [(output.name, output.text) for output in done.cells[0].outputs]
    assert found == [("stdout", "a\nb\n"), ("stderr", "c\n"), ("stdout", "d\n")]


def test_an_error_and_a_warning_of_a_cell_are_seen(run, tmp_path: Path):
    from nbclient.exceptions import CellExecutionError

    for source, fails in (("import warnings; warnings.warn('careful')", False), ("1 / 0", True)):
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
        nbformat.write(notebook, tmp_path / "one.ipynb")
        if fails:
            with pytest.raises(CellExecutionError, match="ZeroDivisionError"):
                run.execute(tmp_path / "one.ipynb")
        else:
            assert "careful" in run.stderr(run.execute(tmp_path / "one.ipynb"))[0]


def test_a_picture_of_ours_leaves_those_of_the_notebook_alone(run, tmp_path: Path):
    cells = [
        "from bayes_mirglmm.plots.canvas import new_figure\nnew_figure((2, 2))[0]",
        "import matplotlib.pyplot as plt\nplt.plot([1, 2]);",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
    nbformat.write(notebook, tmp_path / "two.ipynb")
    assert kinds(run.execute(tmp_path / "two.ipynb")) == [["image/png"], ["image/png"]]
