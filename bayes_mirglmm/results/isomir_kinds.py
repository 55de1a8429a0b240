"""Types of the isomiRs of a fit: given, or told from their ids."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import xarray as xr

from bayes_mirglmm.counts.isomir_types import TYPES, types_of
from bayes_mirglmm.counts.on_disk import mean_rate

Types = Mapping[str, str] | pd.Series | None


def types_in(data: xr.Dataset, rows: np.ndarray, types: Types = None) -> np.ndarray:
    """Return the types of isomiRs of a fit's dataset, whole miRNAs of it; ``unknown`` where nothing tells.

    Parameters
    ----------
    data : xarray.Dataset
        The dataset of a fit.
    rows : int array, shape (I,)
        Positions on ``isomir``.
    types : mapping or pandas.Series, optional
        Type by isomiR, as :func:`bayes_mirglmm.isomir_types` makes it; told from the ids when omitted.
    """
    isomirs = data["isomir"].values[rows].astype(str)
    if types is not None:
        given = pd.Series(types, dtype=object).reindex(isomirs)
        return np.array([kind if kind in TYPES else "unknown" for kind in given], dtype=object)
    cpm = mean_rate(data["counts"][rows], np.exp(data["offset"].values))
    return types_of(isomirs, data["isomir_mirna"].values[rows].astype(str), cpm)
