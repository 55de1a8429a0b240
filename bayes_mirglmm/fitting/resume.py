"""The ledger of a fit in the folder of its run: begun, continued where it is of this very fit, or refused."""

from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

from bayes_mirglmm.errors import InputError, SaveError
from bayes_mirglmm.fitting.shards import Shard
from bayes_mirglmm.ledger import Ledger, differences, read_ledger
from bayes_mirglmm.methods.job import Pair
from bayes_mirglmm.results import run_json
from bayes_mirglmm.results.run_folder import LEDGER, RUN, SHARD
from bayes_mirglmm.results.shared_samples import INDEPENDENT
from bayes_mirglmm.results.usage_choice import LRT


class Opened(NamedTuple):
    """The ledger of a fit, and the miRNAs that stand in it already."""

    ledger: Ledger | None  #: None where nothing is left to fit
    pairs: dict[str, Pair]
    finished: Path | None = None  #: the folder, where it holds the finished run


NOTHING = Opened(None, {})


def open_ledger(
    folder: str | PathLike[str],
    identity: dict[str, Any],
    header: dict[str, Any],
    *,
    resume: bool,
    shard: Shard | None,
    reading: dict[str, Any],
) -> Opened:
    """Return the ledger of a fit.

    Parameters
    ----------
    folder : path
        Of the run; held by this process.
    identity : dict
        What makes the fit the one that it is (:func:`bayes_mirglmm.fitting.whole.identity_of`).
    header : dict
        What a new ledger begins with; it has ``identity`` in it.
    resume : bool
        Whether what is there is continued; otherwise it is replaced.
    shard : Shard, optional
        The part of the miRNAs that is fitted.
    reading : dict
        How the fit is read: ``prob``, ``usage_test``, ``samples`` and, by maximum likelihood, ``df``. What is known of
        miRNAs does not depend on it, but a finished run has it in its tables.

    Raises
    ------
    InputError
        What is there is of another fit; the message says in what they differ.
    SaveError
        The folder cannot be written to.
    """
    folder = Path(folder)
    there = next((name for name in (LEDGER, SHARD) if (folder / name).exists()), None)
    if there is not None and not resume:
        raise InputError(
            f"{folder} holds {'a run that is not finished' if there == LEDGER else 'a finished part of a fit'}: go on "
            f"with resume=True (--resume), give another folder, or remove {folder / there}."
        )
    if resume:
        done = folder / SHARD
        if done.exists():
            found = read_ledger(done)
            _same(found.header, identity, shard, folder)
            return Opened(None, found.pairs)
        if (folder / LEDGER).exists():
            found = read_ledger(folder / LEDGER)
            _same(found.header, identity, shard, folder)
            return Opened(_ledger(folder, header, found.end), found.pairs)
        if (folder / RUN).exists() and shard is None:
            run = run_json.read(folder / RUN)
            metadata, attributes = run["metadata"], run["attributes"]
            _same(metadata, identity, None, folder)
            if not metadata.get("interrupted"):
                known = {"samples": INDEPENDENT, "usage_test": LRT} | attributes | metadata
                _read_alike({name: known.get(name) for name in reading}, reading, folder)
                return Opened(None, {}, folder)
    return Opened(_ledger(folder, header, None), {})


def identity_there(folder: str | PathLike[str]) -> dict[str, Any] | None:
    """Return what the fit depends on that stands in a folder, finished or not; None where there is none."""
    folder = Path(folder)
    for name in (SHARD, LEDGER):
        if (folder / name).exists():
            found = read_ledger(folder / name).header
            break
    else:
        found = run_json.read(folder / RUN)["metadata"] if (folder / RUN).exists() else {}
    identity = found.get("identity")
    return identity if isinstance(identity, dict) else None


def close_shard(folder: str | PathLike[str], ledger: Ledger) -> None:
    """Give the ledger of a finished part the name by which it is merged."""
    ledger.close()
    if ledger.waiting:
        raise SaveError(
            f"{ledger.path} could not be written to its end: make room, and finish it with resume=True (--resume)."
        )
    ledger.path.rename(Path(folder) / SHARD)


def _ledger(folder: Path, header: dict[str, Any], end: int | None) -> Ledger:
    try:
        return Ledger(folder / LEDGER, header, end=end)
    except OSError as error:
        raise SaveError(
            f"{folder / LEDGER} cannot be written ({error.strerror or error}): give another folder."
        ) from error


def _read_alike(before: dict[str, Any], reading: dict[str, Any], folder: Path) -> None:
    """Refuse a finished run of the same fit that is read in another way."""
    what = differences(before, reading)
    if what:
        raise InputError(
            f"{folder} holds this fit, finished, but with other choices for its tables: {what}. Give what was given "
            "then, or another folder; to replace it, give force=True (--force) in place of resume=True (--resume)."
        )


def _same(found: dict[str, Any], identity: dict[str, Any], shard: Shard | None, folder: Path) -> None:
    """Refuse what is in the folder where it is of another fit."""
    before = found.get("identity")
    if not isinstance(before, dict):
        raise InputError(
            f"{folder} holds a run that does not say what it depends on (of an older version), so it cannot be "
            "continued: fit again, with force=True (--force) or into another folder."
        )
    old = found.get("shard")
    here = None if shard is None else list(shard)
    what = differences(before | {"shard": old}, identity | {"shard": here})
    if what:
        raise InputError(
            f"{folder} holds another fit, which is not continued: {what}. Give what was given then, or another "
            "folder; to replace it, give force=True (--force) in place of resume=True (--resume)."
        )
