"""The documents build without a warning, and hold what they promise."""

import html
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

import bayes_mirglmm as bm
from bayes_mirglmm.cli.app import app

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-E", "-d", str(out / "doctrees"),
         "-b", "html", "docs", str(out / "html")],
        cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return out / "html"


def test_every_public_name_and_every_method_of_a_fit_has_its_docstring(site: Path):
    page = (site / "reference" / "python.html").read_text(encoding="utf-8")
    for name in set(bm.__all__) - {"__version__"}:
        assert f'id="bayes_mirglmm.{name}"' in page, name
    methods = [name for name in vars(bm.Fit) if not name.startswith("_") and callable(getattr(bm.Fit, name))]
    assert len(methods) > 10
    for name in methods:
        assert f'id="bayes_mirglmm.Fit.{name}"' in page, name


def test_every_command_has_its_options(site: Path):
    page = html.unescape(re.sub(r"<[^>]+>", "", (site / "reference" / "commands.html").read_text("utf-8")))
    assert len(get_command(app).commands) >= 5
    for command in get_command(app).commands:
        assert f"$ bayes-mirglmm {command}" in page
    assert "--min-mirna-log-cpm" in page
    assert "--nuisance" in page


def test_the_notebooks_are_pages_with_their_outputs(site: Path):
    names = {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert {path.stem for path in (site / "notebooks").glob("*.html")} == names
    page = (site / "notebooks" / "01_quickstart.html").read_text(encoding="utf-8")
    assert "sim-miR-" in page
    assert "<img" in page


def test_a_page_needs_nothing_from_the_network(site: Path):
    for path in site.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        loaded = re.findall(r'<(?:script|img)[^>]+src="(https?:[^"]+)"', text)
        loaded += re.findall(r'<link[^>]+rel="stylesheet"[^>]+href="(https?:[^"]+)"', text)
        assert loaded == [], path
