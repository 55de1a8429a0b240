"""What filters and offsets look at: counts summed over the isomiRs of each miRNA, and totals."""

import numpy as np
import pandas as pd
import xarray as xr

from bayes_mirglmm.errors import InputError


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


def positive_totals(counts: xr.Dataset) -> np.ndarray:
    """Return ``total`` as float64, shape (sample,), or name the samples that have none.

    Raises
    ------
    InputError
        A sample has a total of 0.
    """
    total = counts["total"].values.astype(np.float64)
    empty = counts["sample"].values[total <= 0]
    if len(empty):
        raise InputError(
            f"{len(empty)} sample(s) have no counts at all: {', '.join(map(str, empty[:6]))}. Leave them out: "
            "counts.sel(sample=counts['total'] > 0)."
        )
    return total
