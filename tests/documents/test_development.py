"""The page for developers: its picture is that of the contracts, and the files that it names are there."""

import importlib.util
import re
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "development.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def rooms():
    spec = importlib.util.spec_from_file_location("draw_rooms", ROOT / "docs" / "rooms.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_picture_is_that_of_the_contracts(rooms):
    assert PAGE.count(rooms.picture()) == 1, "run: python docs/rooms.py --write"
    assert rooms.renewed(PAGE) == PAGE
    drawn = {line.split()[0] for line in rooms.picture().splitlines() if not line.startswith("-")}
    package = ROOT / "bayes_mirglmm"
    there = {path.parent.name for path in package.glob("*/__init__.py")}
    assert drawn == there | {path.stem for path in package.glob("*.py")} - {"__init__", "__main__"}


def test_a_contract_that_changes_changes_the_picture(rooms, tmp_path: Path):
    shutil.copytree(
        ROOT / "bayes_mirglmm", tmp_path / "bayes_mirglmm", ignore=shutil.ignore_patterns("__pycache__")
    )
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert '    "counts",\n' in text
    (tmp_path / "pyproject.toml").write_text(text.replace('    "counts",\n', "", 1), encoding="utf-8")
    left = set(rooms.picture().splitlines()) - set(rooms.picture(tmp_path).splitlines())
    assert [line.split()[0] for line in left] == ["counts"]
    assert rooms.renewed(PAGE, tmp_path) != PAGE


def test_every_file_that_the_page_names_is_there():
    named = re.findall(r"`([\w/]+\.(?:py|toml|md))`", PAGE)
    assert len(named) > 25
    folders = (ROOT, ROOT / "bayes_mirglmm", *(ROOT / "bayes_mirglmm").glob("*/"))
    missing = [name for name in named if "NAME" not in name and not any((f / name).exists() for f in folders)]
    assert missing == []
