"""Compiling kernels with numba, and keeping the machine code on disk.

numba stamps a cached function with its own file only, so a kernel whose callee changed in another file would be
taken from the cache unchanged. The cache therefore lives in a folder named after a hash of all files with kernels, in
the user's cache folder (a read-only site-packages does not matter), or in a temporary one where even that
cannot be written.
"""

import functools
import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numba
import platformdirs
from numba.core import config


def kernel[F: Callable[..., Any]](function: F) -> F:
    """Compile ``function`` on first call, without the GIL, and cache the machine code on disk."""
    settings: Any = config
    before = settings.CACHE_DIR
    settings.CACHE_DIR = str(cache_folder())
    try:
        compiler: Any = numba.njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
        return cast(F, compiler(function))
    finally:
        settings.CACHE_DIR = before


def compiled_for_c(signature: Any, function: Callable[..., Any]) -> Any:
    """Compile ``function`` for callers in C, and cache the machine code on disk; the result has an ``address``."""
    settings: Any = config
    before = settings.CACHE_DIR
    settings.CACHE_DIR = str(cache_folder())
    try:
        return numba.cfunc(signature, cache=True)(function)
    finally:
        settings.CACHE_DIR = before


@functools.cache
def cache_folder() -> Path:
    """Return the writable folder that holds the machine code of this version of the kernels.

    ``NUMBA_CACHE_DIR`` is respected where it is set.
    """
    digest = hashlib.sha256()
    package = Path(__file__).parent.parent
    rooms = [package / room for room in ("kernels", "marginal", "nuts")]
    for source in sorted(path for room in rooms for path in room.glob("*.py")):
        text = source.read_bytes()
        if (
            b"@kernel" in text
            or source == Path(__file__)
            or source.name in ("problem.py", "backend.py", "form.py")
        ):
            digest.update(source.name.encode() + text)
    name = f"kernels-{digest.hexdigest()[:16]}"
    own = os.environ.get("NUMBA_CACHE_DIR") or platformdirs.user_cache_dir("bayes_mirglmm")
    for base in (Path(own), Path(tempfile.gettempdir()) / f"bayes_mirglmm-{_user()}"):
        folder = base / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                return folder
        except OSError:
            continue
    return Path(tempfile.mkdtemp(prefix="bayes_mirglmm-"))


def _user() -> str:
    return str(os.getuid()) if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")
