"""Checks of a parsed specification: each returns the value, or says where it stands and what is allowed."""

import math
from collections.abc import Collection, Mapping
from typing import Any

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.suggest import did_you_mean


def unknown(where: str, what: str, value: object, allowed: Collection[str]) -> str:
    """Return the message for a name that is not in ``allowed``, with the closest allowed one."""
    hint = did_you_mean(str(value), list(allowed))
    return f"{where}: unknown {what} {value!r}.{hint} Allowed: {', '.join(allowed)}."


def keys(
    mapping: Mapping[str, Any], where: str, *, required: Collection[str], optional: Collection[str] = ()
) -> None:
    """Raise InputError unless ``mapping`` has every required key and no key beyond the optional ones."""
    allowed = [*required, *optional]
    for key in mapping:
        if key not in allowed:
            raise InputError(unknown(where, "key", key, allowed))
    missing = [key for key in required if key not in mapping]
    if missing:
        raise InputError(f"{where}: missing {', '.join(missing)}. Needed: {', '.join(required)}.")


def table(value: Any, where: str) -> Mapping[str, Any]:
    """Return ``value`` when it is a table with text keys."""
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise InputError(f"{where} is {value!r}, not a table: give key = value lines below its [header].")
    return value


def text(value: Any, where: str) -> str:
    """Return ``value`` when it is text."""
    if not isinstance(value, str):
        raise InputError(f"{where} is {value!r}, not text: put it in quotes.")
    return value


def boolean(value: Any, where: str) -> bool:
    """Return ``value`` when it is true or false."""
    if not isinstance(value, bool):
        raise InputError(f"{where} is {value!r}: allowed are true and false, without quotes.")
    return value


def number(value: Any, where: str, *, positive: bool = False) -> float:
    """Return ``value`` as a float when it is a finite number (above 0 with ``positive``)."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f"{where} is {value!r}, not a number: write it without quotes, as in 2.5.")
    try:
        result = float(value)
    except OverflowError:
        result = math.inf
    if not math.isfinite(result):
        raise InputError(f"{where} is {value!r}: give a finite number.")
    if positive and result <= 0:
        raise InputError(f"{where} is {value!r}: it must be above 0.")
    return result
