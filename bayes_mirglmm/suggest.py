"""The nearest names to one that does not exist, for error messages, and names that may be one written in two ways."""

import difflib
import re
from collections.abc import Iterable, Sequence

MARKS = re.compile(r"[-_.\s]+")


def did_you_mean(name: str, names: Sequence[str]) -> str:
    """Return `` Did you mean 'x'?`` for the nearest of ``names``, or nothing."""
    lower = {other.lower(): other for other in names}
    close = [lower[match] for match in difflib.get_close_matches(name.lower(), lower, n=3, cutoff=0.6)]
    return f" Did you mean {' or '.join(map(repr, close))}?" if close else ""


def spelled_apart(names: Iterable[str], others: Iterable[str]) -> list[tuple[str, str, str]]:
    """Return the pairs of a name and another one that differ in spelling alone, and in what.

    Parameters
    ----------
    names, others : iterable of str
        Each of ``names`` is compared with all of ``others``; equal ones are no pair.

    Returns
    -------
    list of (str, str, str)
        Name, other name, and ``upper and lower case``, ``'-' and '_'`` or the like.
    """
    by_key: dict[str, list[str]] = {}
    for other in others:
        by_key.setdefault(_spelling(other), []).append(other)
    return [
        (name, other, _difference(name, other))
        for name in names
        for other in by_key.get(_spelling(name), ())
        if other != name
    ]


def _spelling(name: str) -> str:
    return MARKS.sub("-", name.strip()).lower()


def _difference(name: str, other: str) -> str:
    if name.lower() == other.lower():
        return "upper and lower case"
    marks = [repr(mark) for mark in "-_. " if (mark in name) != (mark in other)]
    what = " and ".join(marks) or "'-', '_', '.' and blanks"
    alike = MARKS.sub("-", name.strip()) == MARKS.sub("-", other.strip())
    return what if alike else f"case and {what}"
