"""The view of one miRNA."""

import numpy as np
import pandas as pd
import xarray as xr

from bayes_mirglmm.results.selection import find_mirna


def mirna_view(data: xr.Dataset, samples: pd.DataFrame, mirna: str) -> xr.Dataset:
    """Return the numbers of one fitted miRNA as a small dataset without ragged dims.

    Parameters
    ----------
    data : xarray.Dataset
        The dataset of a fit.
    samples : pandas.DataFrame
        Sample table; its columns become coordinates, except where the schema has the name already.
    mirna : str
        A fitted miRNA.

    Raises
    ------
    InputError
        The fit has no estimates of the miRNA.
    """
    i = find_mirna(data, mirna)
    rows = data["isomir_mirna"].values == mirna
    view = data.isel(mirna=i, isomir=rows).drop_vars("isomir_mirna")
    return view.assign_coords(sample_coordinates(samples, view))


def sample_coordinates(
    samples: pd.DataFrame, target: xr.Dataset | xr.DataArray
) -> dict[str, tuple[str, object]]:
    """Return the columns of a sample table that can stand on ``target`` under their own names."""
    taken = set(target.variables if isinstance(target, xr.Dataset) else target.coords) | set(target.dims)
    return {
        str(name): ("sample", plain_column(samples[name]))
        for name in samples.columns
        if str(name) not in taken
    }


def plain_column(column: pd.Series) -> np.ndarray:
    """Numbers and booleans as they are, strings and factors as objects."""
    return column.to_numpy() if isinstance(column.dtype, np.dtype) else column.to_numpy(dtype=object)
