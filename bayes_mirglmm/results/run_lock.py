"""One process at a time for the folder of a run: a lock that goes with the process, however it ends."""

import contextlib
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from bayes_mirglmm.errors import InputError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

RUN_LOCK = ".bayes_mirglmm.lock"
#: Folders that this process holds, and how often.
_held: dict[Path, int] = {}


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold the folder of a run for this process; one that is made for it and stays empty goes afterwards.

    Parameters
    ----------
    folder : Path
        Absolute (:func:`bayes_mirglmm.results.run_folder.check_target`).

    Raises
    ------
    InputError
        Another process holds it.
    OSError
        It cannot be made, or not be written to.
    """
    if _held.get(folder):
        _held[folder] += 1
        try:
            yield
        finally:
            _held[folder] -= 1
        return
    made = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    file = _locked(folder)
    _held[folder] = 1
    try:
        yield
    finally:
        del _held[folder]
        if file is not None:
            with contextlib.suppress(OSError):
                (folder / RUN_LOCK).unlink()
            file.close()
        if made:
            with contextlib.suppress(OSError):
                folder.rmdir()


def check_free(folder: Path) -> None:
    """Refuse a folder that another process holds.

    Raises
    ------
    InputError
        It does; the message names the process.
    """
    if fcntl is None or _held.get(folder):
        return
    try:
        with (folder / RUN_LOCK).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise _taken(folder) from None
    except OSError:  # there is none, or a file system without locks
        return


def _locked(folder: Path) -> IO[bytes] | None:
    """Return the lock's file, locked; None where there are no locks."""
    if fcntl is None:
        return None
    path = folder / RUN_LOCK
    while True:
        file = path.open("ab+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise _taken(folder) from None
        except OSError:  # a file system may have no locks
            return file
        with contextlib.suppress(OSError):
            if path.stat().st_ino == os.fstat(file.fileno()).st_ino:  # not removed in between
                file.truncate(0)
                file.write(f"process {os.getpid()} on {socket.gethostname()}".encode())
                file.flush()
                return file
        file.close()
        folder.mkdir(parents=True, exist_ok=True)


def _taken(folder: Path) -> InputError:
    try:
        who = (folder / RUN_LOCK).read_text(errors="replace")[:200].strip()
    except OSError:
        who = ""
    return InputError(
        f"{folder} is being written by another {who or 'process'}: wait until it ends, or give another folder."
    )
