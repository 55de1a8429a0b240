"""Types of the isomiRs of one miRNA of a fit."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bayes_mirglmm.counts.isomir_types import types_of

if TYPE_CHECKING:
    from bayes_mirglmm.results import Fit


def fit_types(fit: "Fit", mirna: str, types: "Mapping[str, str] | pd.Series | None") -> pd.Series:
    """Return the type of each isomiR of a miRNA: given, else told from the ids; ``unknown`` where absent."""
    rows = fit.data["isomir_mirna"].values == mirna
    isomirs = fit.data["isomir"].values[rows].astype(str)
    if types is not None:
        return pd.Series(types, dtype=object).reindex(isomirs).fillna("unknown")
    cpm = fit.data["counts"].values[rows] / np.exp(fit.data["offset"].values)
    return pd.Series(types_of(isomirs, [mirna] * len(isomirs), cpm.mean(axis=1)), index=isomirs)
