"""Random numbers of a simulation."""

from collections.abc import Sequence

import numpy as np

from bayes_mirglmm.errors import InputError


def streams(seed: int, names: Sequence[str]) -> dict[str, np.random.Generator]:
    """Return a generator for each thing that is drawn, so that giving one leaves the others as they were.

    Raises
    ------
    InputError
        The seed is not an integer of 0 or more.
    """
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise InputError(f"seed={seed!r}: give an integer of 0 or more.")
    children = np.random.SeedSequence(int(seed)).spawn(len(names))
    return {
        name: np.random.Generator(np.random.PCG64(child)) for name, child in zip(names, children, strict=True)
    }
