"""The folder of the machine code: where it lies, that nobody else can write there, and that old ones go."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bayes_mirglmm.kernels import cache_folder as module
from bayes_mirglmm.kernels.cache_folder import cache_folder
from bayes_mirglmm.marginal import is_compiled

posix = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="no owners and modes")


@pytest.fixture(autouse=True)
def _forget():
    cache_folder.cache_clear()
    yield
    cache_folder.cache_clear()


@pytest.fixture
def chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of NUMBA_CACHE_DIR; the system's temporary folder is another one of the test's."""
    folder = tmp_path / "chosen"
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(folder))
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(module.tempfile, "tempdir", str(tmp_path / "temporary"))
    return folder


def test_the_environment_variable_decides(chosen: Path):
    folder = cache_folder()
    assert folder.parent == chosen
    assert folder.name.startswith("kernels-")
    assert not is_compiled()


@posix
def test_nobody_else_may_look_or_write(chosen: Path):
    folder = cache_folder()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert chosen.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_cannot_be_made_gives_way_to_a_temporary_one(chosen: Path):
    chosen.write_text("not a folder")
    folder = cache_folder()
    assert folder.is_relative_to(chosen.parent / "temporary")
    assert folder.parent.name.startswith("bayes_mirglmm-")


@posix
def test_what_others_may_write_to_is_left_with_a_word(chosen: Path, caplog: pytest.LogCaptureFixture):
    own = cache_folder()
    (own / "planted.nbc").write_bytes(b"code of somebody else")
    own.chmod(0o777)
    cache_folder.cache_clear()
    assert cache_folder().is_relative_to(chosen.parent / "temporary")
    assert f"others may write in {own}" in caplog.text
    assert (own / "planted.nbc").exists()
    own.chmod(0o700)
    chosen.chmod(0o777)
    cache_folder.cache_clear()
    caplog.clear()
    assert cache_folder().is_relative_to(chosen.parent / "temporary")
    assert f"others may write in {chosen}" in caplog.text
    # With the sticky bit, as in /tmp, they can add folders but not put one in the place of ours.
    chosen.chmod(0o1777)
    cache_folder.cache_clear()
    assert cache_folder() == own


@posix
@pytest.mark.parametrize("place", ["kernels", "parent"])
def test_what_belongs_to_somebody_else_is_left_with_a_word(
    chosen: Path, place: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    """Also in the system's temporary folder, whose names can be guessed: what is used then is new and goes at exit."""
    folder = cache_folder()
    mine, owner = os.geteuid(), module._owner
    theirs = {folder if place == "kernels" else chosen}
    cache_folder.cache_clear()
    temporary = Path(module.tempfile.gettempdir()) / f"bayes_mirglmm-{mine}"
    temporary.mkdir()
    theirs.add(temporary)
    numbers = {path.stat().st_ino for path in theirs}
    monkeypatch.setattr(
        module, "_owner", lambda status: mine + 1 if status.st_ino in numbers else owner(status)
    )
    used = cache_folder()
    assert used.parent == Path(module.tempfile.gettempdir())
    assert used != temporary
    assert used.stat().st_mode & 0o777 == 0o700
    assert caplog.text.count("belongs to another user") == 2
    shutil.rmtree(used)


@posix
def test_a_link_to_somewhere_else_is_not_followed(chosen: Path, caplog: pytest.LogCaptureFixture):
    folder = cache_folder()
    folder.rename(chosen / "elsewhere")
    folder.symlink_to(chosen / "elsewhere")
    cache_folder.cache_clear()
    assert cache_folder().is_relative_to(chosen.parent / "temporary")
    assert str(folder) in caplog.text


def test_the_folder_changes_with_the_source_of_a_kernel(
    chosen: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    package = tmp_path / "package"
    for name, text in (("nested/a.py", "@kernel\nx = 1\n"), ("nested/b.py", "y = 1\n"), ("kernels/c.py", "")):
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(text)
    monkeypatch.setattr(module, "__file__", str(package / "kernels" / "cache_folder.py"))
    names = [module._version()]
    for name in ("nested/b.py", "nested/a.py", "kernels/c.py"):
        (package / name).write_text("@kernel\nx = 2\n" if name.endswith("a.py") else "y = 2\n")
        names.append(module._version())
    assert names[1] == names[0]
    assert len(set(names)) == 3


def test_folders_of_old_versions_are_removed_and_nothing_else(chosen: Path):
    now = time.time()
    chosen.mkdir(mode=0o700)
    ages = dict(zip((f"kernels-{i:02d}" for i in range(15)), [*range(12), 29, 31, 400], strict=True))
    for name, days in ages.items():
        (chosen / name / "sub").mkdir(parents=True)
        (chosen / name / "sub" / "code.nbc").write_bytes(b"old")
        os.utime(chosen / name, (now - 86400 * days,) * 2)
    (chosen / "other").mkdir()
    (chosen / "kernels-file").write_text("a file")
    folder = cache_folder()
    left = {path.name for path in chosen.iterdir()}
    assert left == {folder.name, "other", "kernels-file", *(f"kernels-{i:02d}" for i in range(9))}
    # A folder that is used is young again; nothing is looked through when the own folder was there before.
    os.utime(folder, (now - 86400 * 90,) * 2)
    os.utime(chosen / "kernels-00", (now - 86400 * 90,) * 2)
    cache_folder.cache_clear()
    assert cache_folder().stat().st_mtime > now - 3600
    assert (chosen / "kernels-00").exists()


def test_the_engine_needs_neither_pymc_nor_pandas():
    code = (
        "import sys; import bayes_mirglmm.marginal; "
        "sys.exit(any(m in sys.modules for m in ('pymc', 'pandas', 'xarray')))"
    )
    assert subprocess.run([sys.executable, "-c", code], env=os.environ, check=False).returncode == 0
