"""Where the machine code lies on disk: a folder that nobody else can write to, and no pile of old ones.

The code that is read back is run, so whoever can write there can run code as this user. A folder of somebody else, or
one that others may write to, is therefore not used but left as it is, with a word.
"""

import atexit
import functools
import hashlib
import logging
import os
import platform
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numba
import platformdirs

logger = logging.getLogger(__name__)

KEPT = 10  # folders beside each other: versions of the package, of numba and of Python in turn
KEPT_DAYS = 30.0  # without being used
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


class Untrusted(OSError):
    """Somebody else could have written what lies there; says how."""


@functools.cache
def cache_folder() -> Path:
    """Return the private, writable folder that holds the machine code of this version of the kernels.

    ``NUMBA_CACHE_DIR`` is respected where it is set. Where no lasting folder can be had, the folder lasts as long as
    the process.
    """
    name = f"kernels-{_version()}"
    for base in _bases():
        folder = base / name
        try:
            is_new = _make_private(folder)
            with tempfile.TemporaryFile(dir=folder):
                os.utime(folder)
        except Untrusted as problem:
            logger.warning("%s. Kernels that were compiled before are not taken from there.", problem)
            continue
        except OSError:
            continue
        if is_new:
            remove_old(base, keep=folder)
        return folder
    folder = Path(tempfile.mkdtemp(prefix="bayes_mirglmm-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def remove_old(base: Path, *, keep: Path) -> None:
    """Remove folders of other versions in ``base``: what was not used for a month, and all but the ten used last."""
    found = []
    for folder in base.glob("kernels-*"):
        try:
            status = folder.lstat()
        except OSError:
            continue
        if stat.S_ISDIR(status.st_mode) and folder != keep and _owner(status) in (None, _me()):
            found.append((status.st_mtime, folder))
    limit = time.time() - 86400.0 * KEPT_DAYS
    for place, (used, folder) in enumerate(sorted(found, reverse=True)):
        if used < limit or place >= KEPT - 1:
            shutil.rmtree(folder, ignore_errors=True)


def _bases() -> Iterator[Path]:
    yield Path(os.environ.get("NUMBA_CACHE_DIR") or platformdirs.user_cache_dir("bayes_mirglmm"))
    yield Path(tempfile.gettempdir()) / f"bayes_mirglmm-{_me() if _me() is not None else 'user'}"


def _make_private(folder: Path) -> bool:
    """Make ``folder`` and its parent for this user alone where they are missing; tell whether ``folder`` was."""
    folder.parent.parent.mkdir(parents=True, exist_ok=True)
    folder.parent.mkdir(mode=0o700, exist_ok=True)
    is_new = not folder.is_dir()
    folder.mkdir(mode=0o700, exist_ok=True)
    parent, own = folder.parent.stat(), folder.lstat()
    if _me() is not None:
        # Who may write in the parent may put another folder in the place of this one, unless the sticky bit forbids it.
        if parent.st_mode & _OTHERS_WRITE and not parent.st_mode & stat.S_ISVTX:
            raise Untrusted(f"others may write in {folder.parent}")
        if _owner(parent) not in (_me(), 0):
            raise Untrusted(f"{folder.parent} belongs to another user (number {_owner(parent)})")
        if _owner(own) != _me():
            raise Untrusted(f"{folder} belongs to another user (number {_owner(own)})")
        if own.st_mode & _OTHERS_WRITE or not stat.S_ISDIR(own.st_mode):
            raise Untrusted(f"others may write in {folder}")
    return is_new


def _me() -> int | None:
    """The number of this user, or None where there is none (Windows, whose folders are private by their place)."""
    return os.geteuid() if hasattr(os, "geteuid") else None


def _owner(status: os.stat_result) -> int | None:
    return status.st_uid if hasattr(os, "geteuid") else None


def _version() -> str:
    """Return a name for what the machine code is made from.

    numba stamps a cached function with its own file only, so a kernel whose callee changed in another file would be
    taken from the cache unchanged. This covers all files with kernels, and those with what they are made of.
    """
    digest = hashlib.sha256(f"{numba.__version__} {platform.python_version()}".encode())
    package = Path(__file__).parent.parent
    for source in sorted(package.rglob("*.py")):
        text = source.read_bytes()
        if (
            re.search(rb"^@\w*kernel\s", text, re.MULTILINE)
            or source.parent == Path(__file__).parent
            or source.name in ("problem.py", "backend.py", "form.py")
        ):
            digest.update(str(source.relative_to(package)).encode() + text)
    return digest.hexdigest()[:16]
