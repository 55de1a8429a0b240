"""Types of the isomiRs of one miRNA of a fit."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bayes_mirglmm.results.isomir_kinds import Types, types_in

if TYPE_CHECKING:
    from bayes_mirglmm.results import Fit


def fit_types(fit: "Fit", mirna: str, types: Types) -> pd.Series:
    """Return the type of each isomiR of a miRNA: given, else told from the ids; ``unknown`` where absent."""
    rows = np.flatnonzero(fit.data["isomir_mirna"].values == mirna)
    return pd.Series(types_in(fit.data, rows, types), index=fit.data["isomir"].values[rows].astype(str))
