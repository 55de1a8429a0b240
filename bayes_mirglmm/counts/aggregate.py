"""What filters and offsets look at: counts summed over the isomiRs of each miRNA, and totals."""

import numpy as np
import pandas as pd
import xarray as xr

from bayes_mirglmm.counts.on_disk import blocks_of
from bayes_mirglmm.counts.rare import RARE_ISOMIR, RARE_MIRNA, RARE_OF, RARE_PLACE, RARE_SUMS, has_rare
from bayes_mirglmm.errors import InputError


def mirna_counts(counts: xr.Dataset) -> xr.DataArray:
    """Return the counts summed over the isomiRs that the container holds, or has a record of as rare.

    Parameters
    ----------
    counts : xarray.Dataset
        A counts container (:mod:`bayes_mirglmm.counts`).

    Returns
    -------
    xarray.DataArray, dims (mirna, sample), int64
        miRNAs in the order of their first isomiR.
    """
    every = all_rows(counts)
    numbers, names = pd.factorize(every["mirna"].to_numpy())
    own = numbers[every["held"].to_numpy()]
    sums = np.zeros((len(names), counts.sizes["sample"]), dtype=np.int64)
    start = 0
    for block in blocks_of(counts["counts"]):
        codes = own[start : start + len(block)]
        order = np.argsort(codes, kind="stable")
        for rows in np.split(order, np.flatnonzero(np.diff(codes[order])) + 1):
            sums[codes[rows[0]]] += block[rows].sum(axis=0, dtype=np.int64)
        start += len(block)
    if has_rare(counts):
        place = pd.Series(np.arange(len(names)), names)
        sums[place.loc[counts[RARE_OF].values].to_numpy()] += counts[RARE_SUMS].values
    return xr.DataArray(
        sums,
        dims=("mirna", "sample"),
        coords={"mirna": np.asarray(names, dtype=object), "sample": counts["sample"].values},
        name="counts",
    )


def all_rows(counts: xr.Dataset) -> pd.DataFrame:
    """Return isomiR and miRNA of every row that was read, and whether the container holds it (``held``).

    Rare isomiRs that were left out while reading stand where they were.
    """
    held = np.ones(counts.sizes["isomir"] + counts.sizes.get("rare", 0), dtype=bool)
    if has_rare(counts):
        held[counts[RARE_PLACE].values] = False
    columns = {}
    for name, rare in (("isomir", RARE_ISOMIR), ("mirna", RARE_MIRNA)):
        values = np.empty(len(held), dtype=object)
        values[held] = counts[name].values
        if has_rare(counts):
            values[~held] = counts[rare].values
        columns[name] = pd.Series(values, dtype=object)
    return pd.DataFrame(columns | {"held": held})


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
            f"{len(empty)} sample(s) have no counts at all: {', '.join(map(str, empty[:6]))}. Take "
            "their rows out of the sample table and read with samples_only=True (--samples-only), or find out why."
        )
    return total
