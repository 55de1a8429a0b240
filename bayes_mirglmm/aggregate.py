"""Counts summed over the isomiRs of each miRNA: what filters and offsets look at."""

import numpy as np
import pandas as pd
import xarray as xr


def mirna_counts(counts: xr.Dataset) -> xr.DataArray:
    """Return the counts summed over the isomiRs that the container holds.

    Parameters
    ----------
    counts : xarray.Dataset
        A counts container (:mod:`bayes_mirglmm.counts`).

    Returns
    -------
    xarray.DataArray, dims (mirna, sample), int64
        miRNAs in the order of their first isomiR.
    """
    codes, names = pd.factorize(counts["mirna"].values)
    sums = np.zeros((len(names), counts.sizes["sample"]), dtype=np.int64)
    np.add.at(sums, codes, counts["counts"].values)
    return xr.DataArray(
        sums,
        dims=("mirna", "sample"),
        coords={"mirna": np.asarray(names, dtype=object), "sample": counts["sample"].values},
        name="counts",
    )
