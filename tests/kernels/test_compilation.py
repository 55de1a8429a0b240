"""The machine code on disk: where it lies, and that a read-only home does not stop anything."""

import os
import subprocess
import sys

import pytest

from bayes_mirglmm.kernels import compilation
from bayes_mirglmm.marginal import is_compiled


@pytest.fixture(autouse=True)
def _forget():
    compilation.cache_folder.cache_clear()
    yield
    compilation.cache_folder.cache_clear()


def test_the_environment_variable_decides(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    folder = compilation.cache_folder()
    assert folder.parent == tmp_path
    assert folder.name.startswith("kernels-")
    assert not is_compiled()


def test_a_folder_that_cannot_be_made_gives_way_to_a_temporary_one(tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(blocked))
    monkeypatch.setattr(compilation.tempfile, "gettempdir", lambda: str(tmp_path / "other"))
    folder = compilation.cache_folder()
    assert folder.is_relative_to(tmp_path / "other")


def test_the_folder_changes_with_the_source_of_a_kernel(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    room = tmp_path / "kernels"
    room.mkdir()
    for name, text in (("a.py", "@kernel\nx = 1\n"), ("b.py", "y = 1\n")):
        (room / name).write_text(text)
    monkeypatch.setattr(compilation, "__file__", str(room / "compilation.py"))
    (room / "compilation.py").write_text("")
    first = compilation.cache_folder().name
    compilation.cache_folder.cache_clear()
    (room / "b.py").write_text("y = 2\n")
    assert compilation.cache_folder().name == first
    compilation.cache_folder.cache_clear()
    (room / "a.py").write_text("@kernel\nx = 2\n")
    assert compilation.cache_folder().name != first


def test_the_engine_needs_neither_pymc_nor_pandas():
    code = (
        "import sys; import bayes_mirglmm.marginal; "
        "sys.exit(any(m in sys.modules for m in ('pymc', 'pandas', 'xarray')))"
    )
    assert subprocess.run([sys.executable, "-c", code], env=os.environ, check=False).returncode == 0
