"""The folder of a run: what is in it, whether it may be replaced, and how a new run takes its place.

A run is written to a folder of another name first (``.NAME.XXXXXXXX.partial``). Where there is no folder yet, that one
takes the name; into a folder that is there the files are moved one by one, ``run.json`` last: without it nothing is a
run. A process that writes holds a lock, so that what a killed one has left can be told from what is under way.
"""

import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from os import PathLike
from pathlib import Path
from typing import IO

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.results import run_json
from bayes_mirglmm.results.run_lock import RUN_LOCK, check_free, held

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

#: The tables of a fit, in the order in which a run folder lists them.
TABLES = ("effects", "isomir_effects", "usage", "variance_components", "status")
#: Those that a fit has besides whose usage is called by the shared test.
SHARED_TABLES = ("usage_shared", "shared_directions")
ARRAYS, ML_ARRAYS, RUN, REPORT = "arrays.nc", "ml.nc", "run.json", "report.html"
#: Tables that a run has only when they are asked for.
EXTRA_TABLES = (
    "contrasts",
    "isomir_contrasts",
    "omnibus",
    "probability",
    "shared_samples",
    "sample_directions",
    "influential_samples",
)
#: What is replaced together with a run.
FILES = (
    *(f"{name}.{kind}" for name in (*TABLES, *SHARED_TABLES, *EXTRA_TABLES) for kind in ("tsv", "parquet")),
    ARRAYS,
    ML_ARRAYS,
    RUN,
)
#: The miRNAs of a fit that is not finished (:mod:`bayes_mirglmm.ledger`), or of a finished part of one.
LEDGER, SHARD = "unfinished.ledger", "shard.ledger"
OWN_NAMES = frozenset({*FILES, REPORT, LEDGER, SHARD})
LOCK = ".lock"
JUST_MADE = 60.0  # seconds in which a folder without a lock may still get one


def check_target(folder: str | PathLike[str], *, force: bool = False, resume: bool = False) -> Path:
    """Return the absolute path of a folder that a run may be written to.

    Worth calling before a long fit.

    Parameters
    ----------
    folder : path
    force : bool
        A run that is there may be replaced.
    resume : bool
        A run that is there may be continued.

    Raises
    ------
    InputError
        It is a file, a folder that is worked in or that another process writes to, or one with a name that is not text;
        it holds what is not a run (never replaced), or a run and neither ``force`` nor ``resume`` is set.
    """
    target = _absolute(folder)
    _check_above(target)
    if not target.exists():
        return target
    if not target.is_dir():
        raise InputError(f"{target} is a file: give the name of a folder for the run.")
    check_free(target)
    entries = {
        entry.name: entry
        for entry in target.iterdir()
        if not _is_leftover(entry.name) and entry.name not in (RUN_LOCK, f"{LEDGER}.new")
    }
    if not entries:
        return target
    if RUN in entries and not run_json.is_ours(entries[RUN]):
        raise InputError(
            f"{entries[RUN]} does not say that bayes_mirglmm wrote it, so {target} is not a run, and is never "
            "replaced: give another folder."
        )
    foreign = sorted(name for name, entry in entries.items() if name not in OWN_NAMES or not _is_file(entry))
    if RUN not in entries and foreign:
        raise InputError(
            f"{target} holds files that are not a run, and is never replaced ({foreign[0]}): give another folder."
        )
    folders = [name for name in foreign if name in OWN_NAMES]
    if folders:
        raise InputError(f"{entries[folders[0]]} is not a file: move it, or give another folder.")
    if SHARD in entries and not (force or resume):
        raise InputError(
            f"{target} holds a finished part of a fit (shard): put the parts together with merge, replace it with "
            "force=True (--force), or give another folder."
        )
    if LEDGER in entries and not (force or resume):
        raise InputError(
            f"{target} holds a run that is not finished: finish it with resume=True (--resume), replace it with "
            "force=True (--force), or give another folder."
        )
    if not (force or resume):
        what = "a run already" if RUN in entries else "what is left of a run"
        raise InputError(
            f"{target} holds {what}: give another folder, or replace it with force=True (--force)."
        )
    return target


@contextmanager
def staged(target: Path) -> Iterator[Path]:
    """Give an empty folder; what is written to it becomes the run at ``target``, unless the block breaks off."""
    clear_leftovers(target)
    if target.is_dir():
        with held(target), _staged(target) as stage:
            yield stage
    else:
        with _staged(target) as stage:
            yield stage


@contextmanager
def _staged(target: Path) -> Iterator[Path]:
    target.parent.mkdir(parents=True, exist_ok=True)
    # In a folder that is there: it may be a mount, or the only place that may be written to.
    beside = target if target.is_dir() else target.parent
    stage = beside / f".{target.name}.{secrets.token_hex(4)}.partial"
    stage.mkdir()
    lock = _lock(stage)
    try:
        yield stage
        _put_in_place(stage, target)
    finally:
        if lock is not None:
            lock.close()
        shutil.rmtree(stage, ignore_errors=True)


def clear_leftovers(target: Path) -> None:
    """Remove what a process that was killed has left beside and in the folder of a run."""
    for folder in (target.parent, target):
        if not folder.is_dir():
            continue
        for entry in folder.iterdir():
            own = _is_leftover(entry.name) if folder == target else _leftover_of(target.name, entry.name)
            if own and not entry.is_symlink() and not _is_locked(entry):
                shutil.rmtree(entry, ignore_errors=True) if entry.is_dir() else entry.unlink(missing_ok=True)


def _put_in_place(stage: Path, target: Path) -> None:
    if not target.exists():
        os.rename(stage, target)
        (target / LOCK).unlink(missing_ok=True)
        return
    (target / RUN).unlink(missing_ok=True)
    new = {entry.name: entry for entry in stage.iterdir() if entry.name != LOCK}
    for name in FILES:
        if name not in new:
            (target / name).unlink(missing_ok=True)
    for name in sorted(new, key=lambda name: name == RUN):
        os.replace(new[name], target / name)


def _absolute(folder: str | PathLike[str]) -> Path:
    text = os.fspath(folder)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise InputError(
            f"the name of the folder {text!r} is not UTF-8 text: give a name that every program can write."
        ) from None
    if "\0" in text or not text.strip():
        raise InputError(f"{text!r} is not the name of a folder: give another.")
    return Path(os.path.realpath(Path(text).expanduser()))


def _check_above(target: Path) -> None:
    try:
        here = Path.cwd()
    except OSError:  # it was removed
        here = None
    if here is not None and (target == here or target in here.parents):
        raise InputError(
            f"{target} {'is' if target == here else 'holds'} the folder that you are working in: give the name of a "
            f"folder for the run, such as {here / 'run'}."
        )
    try:
        os.lstat(target)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise InputError(f"{target} cannot be made: {error.strerror}. Give another folder.") from None
    else:
        if not target.exists():
            raise InputError(f"{target} is a link that leads nowhere: remove it, or give another folder.")
    above = next(folder for folder in target.parents if folder.exists())
    if not above.is_dir():
        raise InputError(
            f"{above} is a file, so no folder can be made in it: give another folder for the run."
        )


def _is_file(entry: Path) -> bool:
    try:
        return entry.is_file()
    except OSError:
        return False


def _leftover_of(name: str, entry: str) -> bool:
    return re.fullmatch(rf"\.{re.escape(name)}\.[0-9a-f]{{8}}\.partial", entry) is not None


def _is_leftover(entry: str) -> bool:
    """Tell whether the name of something in the folder of a run is that of an unfinished one, or of its report."""
    return re.fullmatch(r"\..+\.[0-9a-f]{8}\.partial", entry, flags=re.DOTALL) is not None


def _lock(stage: Path) -> IO[bytes] | None:
    if fcntl is None:
        return None
    file = (stage / LOCK).open("wb")
    with suppress(OSError):  # a file system may have no locks
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return file


def _is_locked(leftover: Path) -> bool:
    """Tell whether a process is writing there still."""
    if fcntl is None:
        return True
    try:
        with (leftover / LOCK).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:  # killed, or about to make it
        return time.time() - leftover.stat().st_mtime < JUST_MADE
    except NotADirectoryError:
        return False
    except OSError:
        return True
    return False
