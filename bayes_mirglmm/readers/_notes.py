"""What a reader merged, skipped or repaired: counted, and told once for all files."""

from collections.abc import Iterable
from typing import NamedTuple


class Note(NamedTuple):
    """A sentence without its full stop; ``{n}`` in it stands for the number, which is added up over files."""

    text: str
    n: int | None = None


def sentences(notes: Iterable[Note]) -> list[str]:
    """Return one sentence for each different text, in order of first occurrence."""
    counts: dict[str, list[int | None]] = {}
    for note in notes:
        counts.setdefault(note.text, []).append(note.n)
    result = []
    for text, numbers in counts.items():
        known = [n for n in numbers if n is not None]
        files = f" (in {len(known)} files)" if len(known) > 1 and "file(s)" not in text else ""
        result.append((text.replace("{n}", str(sum(known))) if known else text) + files + ".")
    return result
