"""The machine code of one kernel on disk: files that are whole, or compiled anew.

numba keeps an index beside the code, and two processes that compile at once can leave an index that names the code of
the other; a file that was cut off ends the program. Here every file is named after what it holds and carries its own
hash, so there is nothing to share and nothing to believe.
"""

import hashlib
import logging
import os
import pickle
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from numba.core import config
from numba.core.caching import FunctionCache
from numba.core.serialize import dumps

from bayes_mirglmm.kernels.cache_folder import cache_folder

logger = logging.getLogger(__name__)


class Damaged(Exception):
    """A file does not hold what was written to it."""


class CodeFiles:
    """What :class:`numba.core.caching.Cache` asks of its files, without an index.

    Parameters
    ----------
    folder : pathlib.Path
        Where they lie.
    stem : str
        How their names begin: module, kernel and line.
    """

    def __init__(self, folder: Path, stem: str) -> None:
        self.folder, self.stem = folder, stem

    def path(self, key: Any) -> Path:
        """Return the file of one signature on one kind of processor."""
        return self.folder / f"{self.stem}.{hashlib.sha256(repr(key).encode()).hexdigest()[:16]}.nbc"

    def load(self, key: Any) -> Any:
        """Return what was saved for ``key``, or None.

        Raises
        ------
        Damaged
            The file is not what was written.
        """
        try:
            content = self.path(key).read_bytes()
        except FileNotFoundError:
            return None
        digest, data = content[:32], content[32:]
        if hashlib.sha256(data).digest() != digest:
            raise Damaged(f"{self.path(key)} is damaged")
        return pickle.loads(data)

    def save(self, key: Any, data: Any) -> None:
        """Write ``data`` in one step: another process sees all of it or nothing."""
        content = dumps(data)
        path = self.path(key)
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished = path.with_name(f"{path.name}.{secrets.token_hex(8)}.tmp")
        try:
            unfinished.write_bytes(hashlib.sha256(content).digest() + content)
            os.replace(unfinished, path)
        finally:
            unfinished.unlink(missing_ok=True)

    def flush(self) -> None:
        """Remove the files of this kernel."""
        for path in self.folder.glob(f"{self.stem}.*.nbc"):
            path.unlink(missing_ok=True)


class KernelCache(FunctionCache):
    """numba's cache of one function, which never ends a computation: what it cannot give is compiled."""

    kind = ""  #: what stands behind the names of its files

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        self._cache_file: Any = CodeFiles(Path(self._cache_path), self._impl.filename_base + self.kind)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the compiled function for a signature, or None where there is none that can be used."""
        try:
            return super().load_overload(sig, target_context)
        except Exception as error:  # pickle and LLVM raise what they like
            _say_once(
                f"A compiled kernel on disk cannot be used ({_line(error)}): it is compiled anew, which takes up to "
                "a minute."
            )
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep a compiled function for the next process, where that can be done."""
        try:
            super().save_overload(sig, data)
        except (OSError, RuntimeError, pickle.PicklingError) as error:
            _say_once(
                f"Compiled kernels cannot be kept on disk ({_line(error)}): they serve this process alone."
            )


def cache_of(function: Callable[..., Any], kind: type[KernelCache] = KernelCache) -> KernelCache:
    """Return the cache of a kernel in the folder of this version."""
    with _numba_looks_in(str(cache_folder())):
        return kind(function)


@contextmanager
def _numba_looks_in(folder: str) -> Iterator[None]:
    settings: Any = config
    before = settings.CACHE_DIR
    settings.CACHE_DIR = folder
    try:
        yield
    finally:
        settings.CACHE_DIR = before


_said: set[str] = set()


def _say_once(sentence: str) -> None:
    """Log one sentence of its kind in a process: there are dozens of kernels."""
    kind = sentence.split("(", maxsplit=1)[0]
    if kind not in _said:
        _said.add(kind)
        logger.warning(sentence)


def _line(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return text[0] if text else type(error).__name__
