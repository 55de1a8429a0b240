"""Expression of miRNAs, as every table and picture of a fit gives it."""

import pandas as pd
import xarray as xr


def mean_cpm(data: xr.Dataset) -> pd.Series:
    """Return the mean CPM of each miRNA with counts: of its summed isomiRs, per million of the total counts.

    Parameters
    ----------
    data : xarray.Dataset
        The dataset of a fit.

    Returns
    -------
    pandas.Series
        Mean over the samples, by miRNA; totals were taken before any filter, whatever the offset of the fit.
    """
    cpm = data["counts"].values / (data["total"].values / 1e6)
    return (
        pd.Series(cpm.mean(axis=1)).groupby(data["isomir_mirna"].values.astype(str)).sum().rename("mean_cpm")
    )
