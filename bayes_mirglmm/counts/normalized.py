"""Normalised expression: counts per million, their logarithm, and variance-stabilised values.

``cpm``
    Counts per million of the library, ``counts / exp(offset)``.
``log_cpm``
    log2 CPM with two counts added in proportion to the library, as ``cpm(log=TRUE)`` of edgeR.
``vst``
    The variance-stabilising transformation of a negative binomial whose dispersion falls with the mean as
    ``a0 + a1 / mean`` (Anders and Huber 2010, Genome Biology 11:R106; DESeq2's ``vst`` with ``fitType="parametric"``),
    log2 for large counts, of counts over the geometric mean library. Dispersions come from moments around the mean of
    all samples, the trend from a gamma regression on them, as DESeq2 fits it to its own.
"""

from typing import NamedTuple

import numpy as np
import xarray as xr

from bayes_mirglmm.counts.aggregate import mirna_counts
from bayes_mirglmm.counts.container import sample_table, validate_counts
from bayes_mirglmm.counts.offsets import log_offset
from bayes_mirglmm.errors import InputError

KINDS = {
    "cpm": "counts per million",
    "log_cpm": "log2 counts per million",
    "vst": "log2, variance-stabilised",
}
LEVELS = ("mirna", "isomir")
PRIOR_COUNT = 2.0
LEAST_DISPERSION = 1e-8
OUTLIER, SMALLEST = 15.0, 1e-4  # of a dispersion beside the trend that takes part in its fit
ROUNDS = 10


def normalized(
    counts: xr.Dataset, kind: str = "cpm", *, level: str = "mirna", offset: str = "total"
) -> xr.DataArray:
    """Return normalised expression of miRNAs or isomiRs, for heat maps, clustering or other programs.

    Parameters
    ----------
    counts : xarray.Dataset
        A counts container; filtered, where other miRNAs are not wanted. Libraries are the totals before any filter.
    kind : {"cpm", "log_cpm", "vst"}
        Counts per million; log2 of them, two counts added as edgeR does; or variance-stabilised as DESeq2 does.
    level : {"mirna", "isomir"}
        Of the summed isomiRs of each miRNA, or of single isomiRs.
    offset : str
        What libraries are measured by, as in :func:`bayes_mirglmm.fit`.

    Returns
    -------
    xarray.DataArray, dims (mirna, sample) or (isomir, sample)
        With the sample table and, of isomiRs, their miRNA as coordinates; attribute ``units``. ``.to_pandas()`` makes
        a table of it.

    Raises
    ------
    InputError
        The kind, level or offset is unknown, or a sample has no counts.
    """
    counts = validate_counts(counts)
    if kind not in KINDS:
        raise InputError(f"kind={kind!r} is not known: choose one of {', '.join(map(repr, KINDS))}.")
    if level not in LEVELS:
        raise InputError(f"level={level!r} is not known: choose 'mirna' or 'isomir'.")
    log_library = log_offset(counts, offset).values
    values = (mirna_counts(counts) if level == "mirna" else counts["counts"]).values.astype(np.float64)
    if kind == "cpm":
        found = values / np.exp(log_library)
    elif kind == "log_cpm":
        found = log_cpm(values, 1e6 * np.exp(log_library))
    else:
        size = np.exp(log_library - log_library.mean())
        found = variance_stabilised(values / size, dispersion_trend(values / size, size))
    rows = mirna_counts(counts)["mirna"].values if level == "mirna" else counts["isomir"].values
    coords: dict[str, object] = {level: rows, "sample": counts["sample"].values}
    coords |= {str(name): ("sample", np.asarray(column)) for name, column in sample_table(counts).items()}
    if level == "isomir":
        coords["mirna"] = ("isomir", counts["mirna"].values)
    attrs = {"units": KINDS[kind], "offset": offset}
    return xr.DataArray(found, coords, (level, "sample"), name=kind, attrs=attrs)


def log_cpm(counts: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Return log2 CPM (I, n) as edgeR's ``cpm(log=TRUE)``: 2 counts are added, in proportion to the library size.

    Parameters
    ----------
    counts : array, shape (I, n)
    size : array, shape (n,)
        Library sizes, reads.
    """
    prior = PRIOR_COUNT * size / size.mean()
    return np.log2((counts + prior) / (size + 2.0 * prior) * 1e6)


class Trend(NamedTuple):
    """Dispersion along the mean: ``asymptotic + extra / mean``."""

    asymptotic: float
    extra: float


def dispersion_trend(normalised: np.ndarray, size: np.ndarray) -> Trend:
    """Return the trend of the dispersion of rows of normalised counts (I, n); ``size`` (n,) are size factors.

    Gamma regression with identity link, rows far from the trend left out and the fit repeated, until it stays. Where it
    does not settle on two positive numbers the trend is flat, at the trimmed mean (DESeq2's ``fitType="mean"``).
    """
    mean, variance = normalised.mean(axis=1), normalised.var(axis=1, ddof=1 if normalised.shape[1] > 1 else 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        dispersion = (variance - (1.0 / size).mean() * mean) / mean**2
    usable = np.isfinite(dispersion) & (dispersion > SMALLEST)
    if not usable.any():
        return Trend(LEAST_DISPERSION, 0.0)
    mean, dispersion = mean[usable], dispersion[usable]
    low, high = np.quantile(dispersion, (0.001, 0.999))
    flat = Trend(float(dispersion[(dispersion >= low) & (dispersion <= high)].mean()), 0.0)
    current = np.array([0.1, 1.0])
    for _ in range(ROUNDS):
        ratio = dispersion / (current[0] + current[1] / mean)
        good = (ratio > SMALLEST) & (ratio < OUTLIER)
        if good.sum() < 3:
            return flat
        before, current = current, _gamma_regression(1.0 / mean[good], dispersion[good], current)
        if not (np.isfinite(current).all() and (current > 0.0).all()):
            return flat
        if (np.log(current / before) ** 2).sum() < 1e-6:
            return Trend(*map(float, current))
    return flat


def _gamma_regression(x: np.ndarray, y: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Return intercept and slope of y on x under a gamma distribution with identity link, by reweighting."""
    current, design = start, np.column_stack([np.ones(len(x)), x])
    for _ in range(50):
        fitted = design @ current
        if not (fitted > 0).all():
            return np.full(2, np.nan)
        scaled = design / fitted[:, None]
        new = np.linalg.lstsq(scaled, y / fitted, rcond=None)[0]
        if np.abs(new - current).max() <= 1e-9 * np.abs(current).max():
            return new
        current = new
    return current


def variance_stabilised(normalised: np.ndarray, trend: Trend) -> np.ndarray:
    """Return the integral of 1 / SD of a negative binomial along its mean, scaled to log2 for large counts."""
    a, extra, q = trend.asymptotic, trend.extra, normalised
    root = np.sqrt(a * q * (1.0 + extra + a * q))
    return np.log2((1.0 + extra + 2.0 * a * q + 2.0 * root) / (4.0 * a))
