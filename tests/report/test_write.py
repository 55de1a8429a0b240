"""Where a report is written, and what it never replaces."""

from pathlib import Path

import pytest

import bayes_mirglmm as bm
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.report.write import is_report
from bayes_mirglmm.results import Fit


def test_a_report_is_replaced_by_force_only(three_groups: Fit, tmp_path: Path):
    path = tmp_path / "new" / "report.html"
    assert bm.write_report(three_groups, path) == path
    assert is_report(path)
    before = path.read_bytes()
    with pytest.raises(InputError, match="--force"):
        bm.write_report(three_groups, path)
    bm.write_report(three_groups, path, contrasts="pairs:group", force=True)
    assert path.read_bytes() != before
    assert [entry.name for entry in path.parent.iterdir()] == ["report.html"]


def test_what_is_not_a_report_is_never_replaced(three_groups: Fit, tmp_path: Path):
    path = tmp_path / "thesis.html"
    path.write_text("<html>mine</html>", encoding="utf-8")
    with pytest.raises(InputError, match="never replaced"):
        bm.write_report(three_groups, path, force=True)
    assert path.read_text(encoding="utf-8") == "<html>mine</html>"
    with pytest.raises(InputError, match="is a folder"):
        bm.write_report(three_groups, tmp_path)


def test_a_run_folder_gives_the_same_page_as_its_fit(three_groups: Fit, tmp_path: Path):
    three_groups.save(tmp_path / "run")
    one = bm.write_report(three_groups, tmp_path / "one.html")
    two = bm.write_report(tmp_path / "run", tmp_path / "two.html")
    assert one.read_bytes() == two.read_bytes()
    with pytest.raises(InputError, match=r"no folder|no run\.json"):
        bm.write_report(tmp_path / "none", tmp_path / "three.html")
    assert not (tmp_path / "three.html").exists()
