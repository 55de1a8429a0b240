"""The code of documents runs as it stands, and prints what the pages show."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
EXECUTE = ROOT / "docs" / "execute.py"
#: Pages whose blocks make a whole: a new page with code that can be run belongs here.
PAGES = [
    "cli.md",
    "development.md",
    "plots.md",
    "start/for_r_users.md",
    "start/tutorial.md",
    "how_to/clusters.md",
    "how_to/count_files.md",
    "how_to/designs.md",
    "how_to/pipelines.md",
    "explanation/composition.md",
    "explanation/laplace.md",
    "explanation/model.md",
    "explanation/priors.md",
    "explanation/shared_samples.md",
    "explanation/shrinkage.md",
    "explanation/tests.md",
    "reference/model_files.md",
    "reference/statuses.md",
]


@pytest.mark.parametrize("page", PAGES)
def test_the_code_of_a_page_prints_what_the_page_shows(page: str):
    done = subprocess.run(
        [sys.executable, str(EXECUTE), f"docs/{page}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def execute():
    spec = importlib.util.spec_from_file_location("execute_documents", EXECUTE)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_an_output_that_differs_is_reported_and_can_be_written(execute, tmp_path: Path):
    page = tmp_path / "page.md"
    page.write_text(
        "# A page\n\n```toml\n# file: mine.toml\na = 1\n```\n\n```sh\ncat mine.toml | tail -1\n```\n\n"
        "```text\na = 2\n```\n\n```{note}\nnot code\n```\n\n```python\nx = 1000\n```\n\n"
        "```python\nprint(f'{x / 3:.1f} and {x}')\n```\n\n```text\n333.4 and 1000\n```\n\nEnd.\n"
    )
    problems = execute.execute(page, write=False)
    assert len(problems) == 1
    assert "a = 2" in problems[0]
    assert "but prints\n\na = 1" in problems[0]
    execute.execute(page, write=True)
    text = page.read_text()
    assert "```text\na = 1\n```" in text
    assert "```text\n333.3 and 1000\n```" in text
    assert text.endswith("\n\nEnd.\n")
    assert execute.execute(page, write=False) == []


@pytest.mark.parametrize(
    ("shown", "printed", "agree"),
    [
        ("p 0.0101", "p 0.0102", True),
        ("p 2.26e-23", "p 2.28e-23", True),
        ("p 2.26e-23", "p 2.26e-22", False),
        ("12,345 reads", "12,346   reads", True),
        ("12,345 reads", "13,345 reads", False),
        ("-1.20", "1.20", False),
        ("sim-miR-2 ok", "sim-miR-2 boundary", False),
        ("8 of 50", "8 of", False),
    ],
)
def test_outputs_agree_in_words_and_nearly_in_numbers(execute, shown: str, printed: str, agree: bool):
    assert execute.same(shown, printed) is agree


def test_a_block_that_warns_or_fails_stops_the_page(execute, tmp_path: Path):
    page = tmp_path / "page.md"
    page.write_text("```python\nimport warnings\nwarnings.warn('careful', stacklevel=1)\n```\n")
    with pytest.raises(UserWarning, match="careful"):
        execute.execute(page, write=False)
    page.write_text("```sh\nfalse\n```\n")
    with pytest.raises(SystemExit, match="exit code 1"):
        execute.execute(page, write=False)
