"""Made-up miRNAs: random sequences and their isomiRs, named as mirGFF3 names variants."""

from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np

BASES = "ACGT"
MATURE_LENGTH = 22
_FLANK = 6  # bases of precursor on either side that templated variants can reach into
_SHIFTS_5P, _SHIFTS_3P = range(-3, 4), range(-4, 6)
_TAILS = tuple("".join(tail) for length in (1, 2, 3) for tail in product("AT", repeat=length))
MAX_ISOMIRS = 3000  # 4,200 variants are listed, of which a few hundred coincide in a random sequence


@dataclass(frozen=True, slots=True)
class Edit:
    """What makes an isomiR out of a mature miRNA.

    ``start`` and ``end`` are shifts along the precursor (positive is downstream), ``tail`` is added without
    template, ``position`` (from 1 in the mature sequence; 0 for none) is replaced by the base ``step``
    further.
    """

    start: int
    end: int
    tail: str = ""
    position: int = 0
    step: int = 0

    @property
    def variant(self) -> str:
        """The mirGFF3 (1.1 and later) Variant attribute; ``NA`` for the canonical sequence."""
        parts = []
        if self.start:
            parts.append(f"iso_5p:{self.start:+d}")
        if self.end:
            parts.append(f"iso_3p:{self.end:+d}")
        if self.tail:
            parts.append(f"iso_add3p:{len(self.tail)}")
        if self.position:
            parts.append(_substitution(self.position))
        return ",".join(parts) or "NA"

    @property
    def rank(self) -> int:
        """How unusual it is: 3' shifts are commonest, then 5' shifts, tails and substitutions."""
        return 2 * abs(self.start) + abs(self.end) + 3 * len(self.tail) + (6 if self.position else 0)

    def apply(self, precursor: str) -> str:
        """Return the isomiR of a precursor with :data:`MATURE_LENGTH` bases between two flanks."""
        first, last = _FLANK + self.start, _FLANK + MATURE_LENGTH + self.end
        sequence = precursor[first:last]
        if self.position:
            at = self.position - 1 - self.start
            base = BASES[(BASES.index(sequence[at]) + self.step) % len(BASES)]
            sequence = sequence[:at] + base + sequence[at + 1 :]
        return sequence + self.tail


def make_isomirs(n_isomirs: np.ndarray, rng: np.random.Generator) -> tuple[list[str], list[str]]:
    """Make the sequences of miRNAs and their isomiRs.

    Parameters
    ----------
    n_isomirs : int array, shape (M,)
        How many isomiRs each miRNA has, at most :data:`MAX_ISOMIRS`.
    rng : numpy.random.Generator

    Returns
    -------
    sequences, variants : list of str
        DNA alphabet and mirGFF3 variant of every isomiR, miRNA after miRNA; within one the canonical sequence
        comes first and less usual variants later. No sequence occurs twice.
    """
    letters = rng.integers(0, len(BASES), size=(len(n_isomirs), MATURE_LENGTH + 2 * _FLANK))
    sequences: list[str] = []
    variants: list[str] = []
    seen: set[str] = set()
    for wanted, row in zip(n_isomirs, letters, strict=True):
        precursor = "".join(BASES[i] for i in row)
        end = len(sequences) + int(wanted)
        for edit in _edits():
            if len(sequences) == end:
                break
            sequence = edit.apply(precursor)
            if sequence not in seen:
                seen.add(sequence)
                sequences.append(sequence)
                variants.append(edit.variant)
        assert len(sequences) == end, "MAX_ISOMIRS promises more variants than a sequence has"
    return sequences, variants


@cache
def _edits() -> tuple[Edit, ...]:
    shifts = list(product(_SHIFTS_5P, _SHIFTS_3P))
    edits = [Edit(start, end) for start, end in shifts]
    edits += [Edit(start, end, tail) for (start, end), tail in product(shifts, _TAILS)]
    # Substitutions where every shifted sequence has bases: between the last start and the first end.
    positions = range(1 + max(_SHIFTS_5P), MATURE_LENGTH + min(_SHIFTS_3P) + 1)
    edits += [
        Edit(start, end, "", position, step)
        for (start, end), position, step in product(shifts, positions, (1, 2, 3))
    ]
    return tuple(sorted(edits, key=lambda edit: edit.rank))


def _substitution(position: int) -> str:
    """Return mirGFF3's class of a substitution at a position from 1."""
    if 2 <= position <= 7:
        return "iso_snv_seed"
    if position == 8:
        return "iso_snv_central_offset"
    if 9 <= position <= 12:
        return "iso_snv_central"
    if 13 <= position <= 17:
        return "iso_snv_central_supp"
    return "iso_snv"
