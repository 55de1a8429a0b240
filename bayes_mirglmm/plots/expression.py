"""Expression of miRNAs and isomiRs in every sample, as pictures of a fit take it."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bayes_mirglmm.counts.normalized import log_cpm
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.results.selection import find_mirna

if TYPE_CHECKING:
    from bayes_mirglmm.results import Fit


def expression(fit: "Fit", mirnas: list[str], level: str) -> tuple[list[str], np.ndarray]:
    """Return names and log2 CPM (rows, n) of miRNAs (their isomiRs summed), or of their isomiRs; the fit's offsets.

    Raises
    ------
    InputError
        The level is unknown.
    UnknownMirnaError
        A miRNA has no estimates.
    """
    if level not in ("mirna", "isomir"):
        raise InputError(f"level={level!r} is not known: choose 'mirna' or 'isomir'.")
    for mirna in mirnas:
        find_mirna(fit.data, mirna)
    data = fit.data
    size = 1e6 * np.exp(data["offset"].values)
    place = pd.Index(mirnas).get_indexer(pd.Index(data["isomir_mirna"].values))
    rows = np.flatnonzero(place >= 0)
    if level == "mirna":
        sums = np.zeros((len(mirnas), len(size)))
        np.add.at(sums, place[rows], data["counts"].values[rows])
        return list(mirnas), log_cpm(sums, size)
    rows = rows[np.argsort(place[rows], kind="stable")]
    return [str(name) for name in data["isomir"].values[rows]], log_cpm(data["counts"].values[rows], size)
