"""Which miRNAs get an effect: stratified by expression, never the most abundant ones."""

import numpy as np

from bayes_mirglmm.errors import InputError

PER_BIN = 2  # one up and one down, or both the same way
DIRECTIONS = {"both": (1, -1), "up": (1, 1), "down": (-1, -1)}


def expression_bins(median_cpm: np.ndarray, n_bins: int, max_cpm: float) -> np.ndarray:
    """Return the bin of each miRNA, 1 for the lowest expression; 0 for those that are too abundant.

    Bins have the same number of miRNAs, but for one more in the first ones (``ntile`` of R's dplyr).

    Parameters
    ----------
    median_cpm : array, shape (M,)
        Median counts per million of each miRNA.
    n_bins : int
    max_cpm : float
        miRNAs from this median CPM on are in no bin.

    Raises
    ------
    InputError
        A bin would hold fewer than two miRNAs.
    """
    eligible = np.flatnonzero(median_cpm < max_cpm)
    if len(eligible) < PER_BIN * n_bins:
        most = len(eligible) // PER_BIN
        remedy = f"give n_bins={most} or fewer, or relax" if most else "raise max_cpm, or relax"
        raise InputError(
            f"{len(eligible)} miRNAs pass the filters with a median CPM below {max_cpm:g}, and n_bins={n_bins} needs "
            f"two in each bin: {remedy} the filters."
        )
    bins = np.zeros(len(median_cpm), dtype=np.int64)
    order = eligible[np.argsort(median_cpm[eligible], kind="stable")]
    for number, members in enumerate(np.array_split(order, n_bins), start=1):
        bins[members] = number
    return bins


def choose_changed(bins: np.ndarray, direction: str, rng: np.random.Generator) -> np.ndarray:
    """Return 1 (up), -1 (down) or 0 for each miRNA: two changed ones in every bin.

    Parameters
    ----------
    bins : array of int, shape (M,)
        As :func:`expression_bins` gives them.
    direction : {"both", "up", "down"}
        ``both``: one up and one down in each bin.
    rng : numpy.random.Generator
    """
    if direction not in DIRECTIONS:
        raise InputError(f"direction={direction!r}: choose from {', '.join(map(repr, DIRECTIONS))}.")
    sign = np.zeros(len(bins), dtype=np.int64)
    for number in range(1, int(bins.max(initial=0)) + 1):
        members = np.flatnonzero(bins == number)
        sign[members[rng.permutation(len(members))[:PER_BIN]]] = DIRECTIONS[direction]
    return sign
