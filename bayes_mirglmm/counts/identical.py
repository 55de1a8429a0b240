"""Samples with the same counts throughout: one library under two names, which every model takes for two."""

import hashlib

import numpy as np
import pandas as pd
import xarray as xr

from bayes_mirglmm.counts.container import some
from bayes_mirglmm.counts.on_disk import blocks_of
from bayes_mirglmm.outcomes import Caution

FEWEST_ISOMIRS = 10  # with counts: fewer can be the same by chance
SHOWN = 3  # sets of samples


def identical_samples(counts: xr.Dataset) -> list[list[str]]:
    """Return the sets of samples whose counts are the same in every isomiR, in the order of the samples.

    Totals, which a container knows, tell most samples apart: counts are looked at only where totals are the same, so
    that of counts on disk nothing is read otherwise.

    Parameters
    ----------
    counts : xarray.Dataset
        A counts container, filtered or not.
    """
    total = pd.Series(counts["total"].values)
    alike = np.flatnonzero(total.duplicated(keep=False) & (total > 0))
    if not len(alike):
        return []
    digests = [hashlib.blake2b(digest_size=16) for _ in alike]
    present = np.zeros(len(alike), dtype=np.int64)
    for block in blocks_of(counts["counts"]):
        columns = np.ascontiguousarray(block[:, alike].T, dtype=np.int64)
        present += (columns > 0).sum(axis=1)
        for digest, column in zip(digests, columns, strict=True):
            digest.update(column.data)
    names = pd.Series(counts["sample"].values[alike].astype(str))[present >= FEWEST_ISOMIRS]
    keys = pd.Series([digest.hexdigest() for digest in digests])[present >= FEWEST_ISOMIRS]
    return [list(group) for _, group in names.groupby(keys, sort=False) if len(group) > 1]


def identical_cautions(counts: xr.Dataset) -> list[Caution]:
    """Return a caution where samples have identical counts."""
    found = identical_samples(counts)
    if not found:
        return []
    shown = "; ".join(some(group) for group in found[:SHOWN])
    more = f"; ... ({len(found)} such sets)" if len(found) > SHOWN else ""
    sentence = (
        f"identical counts: {shown}{more}: libraries differ, so these are one library under several names, which makes "
        "every p-value too small; to keep one, take the rows of the others out of the sample table and read with "
        "samples_only=True (--samples-only)"
    )
    return [Caution("identical_samples", sentence)]
