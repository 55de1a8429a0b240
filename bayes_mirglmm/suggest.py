"""The nearest names to one that does not exist, for error messages."""

import difflib
from collections.abc import Sequence


def did_you_mean(name: str, names: Sequence[str]) -> str:
    """Return `` Did you mean 'x'?`` for the nearest of ``names``, or nothing."""
    lower = {other.lower(): other for other in names}
    close = [lower[match] for match in difflib.get_close_matches(name.lower(), lower, n=3, cutoff=0.6)]
    return f" Did you mean {' or '.join(map(repr, close))}?" if close else ""
