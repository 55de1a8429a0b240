"""Parts of the miRNAs of a fit, for jobs that know nothing of each other, and the whole made of them."""

import glob
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.fitting.every_mirna import say_outcome
from bayes_mirglmm.fitting.whole import Whole
from bayes_mirglmm.ledger import differences, read_ledger
from bayes_mirglmm.methods.job import Pair
from bayes_mirglmm.results import Fit
from bayes_mirglmm.results.run_folder import LEDGER, SHARD


class Shard(NamedTuple):
    """Part ``number`` of ``of`` parts, from 1."""

    number: int
    of: int

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"


def as_shard(value: str | Sequence[int] | None) -> Shard | None:
    """Return the part that ``"3/20"`` or ``(3, 20)`` means.

    Raises
    ------
    InputError
        It means none.
    """
    if value is None:
        return None
    parts = re.fullmatch(r"\s*(\d{1,6})\s*/\s*(\d{1,6})\s*", value) if isinstance(value, str) else None
    numbers = list(parts.groups() if parts else value)
    try:
        shard = Shard(*(int(number) for number in numbers))
    except (TypeError, ValueError):
        shard = Shard(0, 0)
    if not 1 <= shard.number <= shard.of:
        raise InputError(
            f"shard={value!r}: give the part and the number of parts, '3/20' for the third of twenty."
        )
    return shard


def dealt(weights: Sequence[float], shard: Shard) -> list[int]:
    """Return the miRNAs of a part, by number: dealt out like cards, the dearest first, to and fro.

    Parameters
    ----------
    weights : sequence of float
        Expected cost of each miRNA.
    """
    order = np.argsort(-np.asarray(weights, dtype=float), kind="stable")
    place = np.arange(len(order))
    turn, seat = np.divmod(place, shard.of)
    seat = np.where(turn % 2 == 0, seat, shard.of - 1 - seat)
    return sorted(order[seat == shard.number - 1].tolist())


def merge(folders: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> Fit:
    """Put the parts of a fit together that ``fit(shard=...)`` left in folders.

    Whatever spans miRNAs (adjusted p-values, s-values, shrinkage, what the samples share) is that of all of them, as if
    they had been fitted in one run.

    Parameters
    ----------
    folders : path or sequence of paths
        The folder of each part, or a folder that holds them, or a pattern such as ``"parts/*"``.

    Returns
    -------
    Fit
        Its miRNAs in the order of the counts.

    Raises
    ------
    InputError
        A part is missing, not finished, given twice, or of another fit; the message says which.
    """
    parts = _found(folders)
    first: Path | None = None
    header: dict[str, object] = {}
    seen: dict[int, Path] = {}
    pairs: dict[str, Pair] = {}
    for path in parts:
        found = read_ledger(path)
        if found.header.get("shard") is None or "whole" not in found.header:
            raise InputError(f"{path} is no part of a fit (--shard): give the folders of its parts.")
        number, of = found.header["shard"]
        if first is None:
            first, header = path, found.header
        what = differences(
            {**_identity(header), "parts": header["shard"][1]},  # type: ignore[index]
            {**_identity(found.header), "parts": of},
        )
        if what:
            raise InputError(f"{first.parent} and {path.parent} are parts of two fits: {what}.")
        if number in seen:
            raise InputError(
                f"{seen[number].parent} and {path.parent} are the same part {number}/{of}: give one."
            )
        seen[number] = path
        pairs |= found.pairs
    of = int(header["shard"][1])  # type: ignore[index]
    missing = [number for number in range(1, of + 1) if number not in seen]
    if missing:
        listed = ", ".join(f"{number}/{of}" for number in missing[:10])
        raise InputError(
            f"{len(missing)} of {of} parts are missing ({listed}{', ...' if len(missing) > 10 else ''}): fit them "
            "(--shard), or finish them (--resume)."
        )
    names = [str(name) for name in header["mirnas"]]  # type: ignore[attr-defined]
    lost = [name for name in names if name not in pairs]
    if lost:
        raise InputError(f"no part has miRNA {lost[0]!r} ({len(lost)} in all): fit the parts again.")
    try:
        whole = Whole.from_tree(header["whole"])  # type: ignore[arg-type]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{first} is damaged ({error}): fit this part again.") from error
    result = whole.fit_of([pairs[name] for name in names])
    result.metadata.pop("shard", None)
    result.metadata["merged"] = of
    say_outcome(result)
    return result


def _identity(header: dict[str, Any]) -> dict[str, Any]:
    """Return what a part has in common with the others of its fit: what its miRNAs depend on, and how it is read."""
    whole = header["whole"]
    try:
        reading = {
            "prob": whole["prob"],
            "samples": whole["taken"],
            "df": whole["options"]["df"],
            "usage_test": whole["metadata"].get("usage_test"),
        }
    except (KeyError, TypeError, AttributeError):
        reading = {}  # damaged: told when it is put together
    return {**header["identity"], **reading, "mirnas": header["mirnas"]}


def _found(folders: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> list[Path]:
    """Return the ledgers of parts, finished ones only."""
    listed = [folders] if isinstance(folders, str | os.PathLike) else list(folders)
    paths: list[Path] = []
    for item in listed:
        path = Path(item).expanduser()
        if not path.exists() and glob.has_magic(str(path)):
            paths += [Path(match) for match in sorted(glob.glob(str(path)))]
        else:
            paths.append(path)
    found: list[Path] = []
    for path in paths:
        if path.is_file():
            found.append(path)
            continue
        inside = [folder for folder in (path, *sorted(path.glob("*"))) if folder.is_dir()]
        open_ones = [folder for folder in inside if (folder / LEDGER).exists()]
        if open_ones:
            raise InputError(
                f"{open_ones[0]} holds a part that is not finished: finish it with resume=True (--resume)."
            )
        own = [folder / SHARD for folder in inside if (folder / SHARD).exists()]
        if not own:
            what = "there is no folder" if not path.exists() else "no part of a fit (--shard) is in"
            raise InputError(f"{what} {path}: give the folders that the parts were written to.")
        found += own
    if not found:
        raise InputError("no folder of a part was given, or none matches: give the folders of all parts.")
    return list(dict.fromkeys(path.resolve() for path in found))
