"""Offsets: how much sequencing, and which composition, a sample's counts are compared at.

Every method gives natural logs with the same mean over the samples, that of ``log(total / 1e6)``, so that the
intercept of a fit stays log CPM whatever the method; only the differences between samples depend on it.

``total``
    ``log(total / 1e6)``: the paper's offset (Baran et al. 2025).
``median_ratio``
    Median of ratios to the geometric mean, over the miRNAs that every sample has (Anders and Huber 2010,
    Genome Biology 11:R106, equation 5; DESeq2's ``estimateSizeFactors``). Where no miRNA is in every sample
    it is undefined and refused.
``tmm``
    Trimmed mean of M values (Robinson and Oshlack 2010, Genome Biology 11:R25; edgeR's ``calcNormFactors``
    with its defaults), with ``total`` as library size.
``upper_quartile``
    The 75th percentile over the miRNAs that at least one sample has (Bullard et al. 2010, BMC Bioinformatics
    11:94; edgeR's ``method="upperquartile"``).
``column:NAME``
    Totals, library sizes or size factors in a column of the sample table: positive numbers, not logs.
``log_column:NAME``
    Log offsets in a column of the sample table: natural logs, on any scale.

``median_ratio``, ``tmm`` and ``upper_quartile`` look at the counts summed over the isomiRs of each miRNA
that the container holds: after a filter, the expressed ones.
"""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import xarray as xr

from bayes_mirglmm.counts.aggregate import mirna_counts, positive_totals
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.suggest import did_you_mean

#: What a comparison of offsets needs: miRNAs with counts in every sample, and a share of all reads (median).
FEWEST_TO_COMPARE, SMALLEST_SHARE = 20, 0.5
COLUMN, LOG_COLUMN = "column:", "log_column:"
RATIO_TRIM = 0.3  # of the miRNAs, at each end of the log ratios (tmm)
FEW_SAMPLES = 4  # fewer do not show which scale a column is on
EXPRESSION_TRIM = 0.05  # of the miRNAs, at each end of the mean expression (tmm)


def check_offset(method: str) -> None:
    """Refuse an offset that is not known; whether a column of that name exists, the sample table must tell.

    Raises
    ------
    InputError
    """
    if method != "total" and method not in METHODS and not str(method).startswith((COLUMN, LOG_COLUMN)):
        raise InputError(
            f"the offset {method!r} is not known.{did_you_mean(str(method), ['total', *METHODS])} Choose 'total', "
            f"{', '.join(map(repr, METHODS))}, 'column:NAME' (totals) or 'log_column:NAME' (natural logs)."
        )


def log_offset(counts: xr.Dataset, method: str = "total") -> xr.DataArray:
    """Return the log offset of each sample.

    Parameters
    ----------
    counts : xarray.Dataset
        A counts container.
    method : str
        ``"total"``, ``"median_ratio"``, ``"tmm"``, ``"upper_quartile"``, ``"column:NAME"`` or
        ``"log_column:NAME"``; see the module.

    Returns
    -------
    xarray.DataArray, dims (sample,), float64
        Natural log, per million: ``exp`` of it is a library size in millions. Its mean is that of
        ``log(total / 1e6)`` for every method. ``attrs["method"]`` names the method.

    Raises
    ------
    InputError
        A sample has no counts, the method is unknown or undefined for these counts, or the column is missing,
        not positive or not finite.
    """
    check_offset(method)
    return _log_offset(counts, method, mirna_counts(counts) if method in METHODS else None)


def _log_offset(counts: xr.Dataset, method: str, sums: xr.DataArray | None) -> xr.DataArray:
    """Return :func:`log_offset`, given the summed miRNA counts that the methods in :data:`METHODS` look at."""
    per_million = np.log(positive_totals(counts) / 1e6)
    if method == "total":
        values = per_million
    else:
        raw = _raw_log_offset(counts, method, sums)
        values = raw - raw.mean() + per_million.mean()
    return xr.DataArray(
        values,
        dims=("sample",),
        coords={"sample": counts["sample"].values},
        name="offset",
        attrs={"method": method},
    )


def offset_disagreement(
    first: xr.DataArray, second: xr.DataArray, groups: Sequence[object] | np.ndarray | pd.Series
) -> pd.Series:
    """Return the mean difference of two log offsets in each group of samples.

    Both have the same mean over all samples, so that differences between groups are what is left: a log fold
    change between two groups moves by about the difference of their entries when one offset is exchanged for
    the other.

    Parameters
    ----------
    first, second : xarray.DataArray, dims (sample,)
        Log offsets by :func:`log_offset`, natural log.
    groups : sequence, length sample
        Group label of each sample.

    Returns
    -------
    pandas.Series
        Mean of ``second - first`` (natural log) by group, in the order of first appearance.
    """
    difference = pd.Series(np.asarray(second) - np.asarray(first))
    return difference.groupby(np.asarray(groups, dtype=object), sort=False).mean().rename("log_difference")


def offset_caution(
    counts: xr.Dataset, method: str, groups: Sequence[object] | np.ndarray | pd.Series, threshold: float = 0.1
) -> str:
    """Say in a sentence where the offsets disagree between groups; an empty string where they do not.

    Compares ``method`` with median ratios (with totals when ``method`` is median ratios). A disagreement
    means that the composition of the samples differs between groups: a few dominant miRNAs move the total. A median
    over a handful of miRNAs, or over a part of the reads, knows nothing of that: then nothing is said.

    Parameters
    ----------
    counts : xarray.Dataset
        The counts of the fit.
    method : str
        Its offset.
    groups : sequence, length sample
        Group label of each sample; of a categorical the first level is the reference, else that of the first sample.
    threshold : float
        Difference from the reference, natural log, from which on it is worth saying.
    """
    sums = mirna_counts(counts)
    everywhere = int((sums.values > 0).all(axis=1).sum())
    share = np.median(sums.values.sum(axis=0) / np.maximum(positive_totals(counts), 1))
    if everywhere < FEWEST_TO_COMPARE or share < SMALLEST_SHARE:
        return ""
    other = "total" if method == "median_ratio" else "median_ratio"
    try:
        first, second = (_log_offset(counts, name, sums) for name in (method, other))
        means = offset_disagreement(first, second, groups)
    except InputError:  # the other method is undefined for these counts: nothing to compare with
        return ""
    column = pd.Series(groups)
    categorical = isinstance(column.dtype, pd.CategoricalDtype)
    reference = column.cat.categories[0] if categorical else means.index[0]
    gaps = means - means[reference]
    level = gaps.abs().idxmax()
    gap = float(gaps[level])
    if not abs(gap) > threshold:
        return ""
    return (
        f"offsets disagree between groups: with offset={other!r} instead of {method!r}, log fold changes of "
        f"{level} against {reference} would be {'lower' if gap > 0 else 'higher'} by about {abs(gap):.2f} (natural "
        "log); see which miRNAs dominate the totals"
    )


def _raw_log_offset(counts: xr.Dataset, method: str, sums: xr.DataArray | None) -> np.ndarray:
    """Return a log offset up to a constant, shape (sample,)."""
    if method.startswith(COLUMN):
        name = method.removeprefix(COLUMN)
        return _on_scale(counts, name, np.log(_column(counts, name, logs=False)), "totals")
    if method.startswith(LOG_COLUMN):
        name = method.removeprefix(LOG_COLUMN)
        return _on_scale(counts, name, _column(counts, name, logs=True), "natural logs")
    assert sums is not None
    return METHODS[method](sums.values.astype(np.float64), positive_totals(counts), sums["sample"].values)


def _median_ratio(sums: np.ndarray, total: np.ndarray, samples: np.ndarray) -> np.ndarray:
    everywhere = (sums > 0).all(axis=1)
    if not everywhere.any():
        zeros = (sums == 0).sum(axis=0)
        worst = np.argsort(-zeros, kind="stable")[:3]
        listed = ", ".join(f"{samples[i]} ({zeros[i]} of {len(sums)} are 0)" for i in worst)
        raise InputError(
            "the offset 'median_ratio' needs a miRNA with counts in every sample, and there is none. "
            "Samples with "
            f"the fewest miRNAs: {listed}. Leave such samples out, or use offset='tmm' or 'total'."
        )
    logs = np.log(sums[everywhere])
    return np.median(logs - logs.mean(axis=1, keepdims=True), axis=0)


def _upper_quartile(sums: np.ndarray, total: np.ndarray, samples: np.ndarray) -> np.ndarray:
    quartile = np.quantile(sums[sums.any(axis=1)], 0.75, axis=0)
    if not (quartile > 0).all():
        raise InputError(
            "the offset 'upper_quartile' is 0 for "
            f"{', '.join(map(str, samples[quartile <= 0][:6]))}: three quarters of the miRNAs have no "
            f"counts there. "
            "Filter the counts first, leave the samples out, or use offset='total'."
        )
    return np.log(quartile)


def _tmm(sums: np.ndarray, total: np.ndarray, samples: np.ndarray) -> np.ndarray:
    sums = sums[sums.any(axis=1)]
    upper = np.quantile(sums, 0.75, axis=0) / total
    if np.median(upper) > 0:
        reference = int(np.argmin(np.abs(upper - upper.mean())))
    else:  # too sparse for quartiles: the sample with the most counts spread over the most miRNAs
        reference = int(np.argmax(np.sqrt(sums).sum(axis=0)))
    factors = [
        _tmm_log2_factor(sums[:, i], sums[:, reference], total[i], total[reference])
        for i in range(len(total))
    ]
    return np.log(total) + np.log(2) * np.array(factors)


def _tmm_log2_factor(
    sample: np.ndarray, reference: np.ndarray, total: float, reference_total: float
) -> float:
    """Return log2 of the normalization factor of a sample: the weighted trimmed mean of its log ratios."""
    from scipy.stats import rankdata

    both = (sample > 0) & (reference > 0)
    p, q = sample[both] / total, reference[both] / reference_total
    m, a = np.log2(p / q), np.log2(p * q) / 2
    if len(m) == 0 or np.abs(m).max() < 1e-6:  # no miRNA in common, or the reference itself
        return 0.0
    inside = np.ones(len(m), dtype=bool)
    for values, trim in ((m, RATIO_TRIM), (a, EXPRESSION_TRIM)):
        lowest = np.floor(len(m) * trim) + 1
        rank = rankdata(values)
        inside &= (rank >= lowest) & (rank <= len(m) + 1 - lowest)
    # delta method, binomial counts: the variance of a log ratio is (1 - p)/(N p) + (1 - q)/(M q)
    variance = (1 - p) / sample[both] + (1 - q) / reference[both]
    weight = 1 / variance[inside]
    return float(np.sum(weight * m[inside]) / np.sum(weight)) if inside.any() else 0.0


#: Methods that look at summed miRNA counts (miRNA, sample): log offsets up to a constant.
METHODS: dict[str, Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]] = {
    "median_ratio": _median_ratio,
    "tmm": _tmm,
    "upper_quartile": _upper_quartile,
}


def _on_scale(counts: xr.Dataset, name: str, given: np.ndarray, due: str) -> np.ndarray:
    """Return ``given``, the column as a log offset, or refuse it where it follows the totals on another scale only.

    Totals, library sizes and size factors are proportional to the totals but for composition; their logarithms, to any
    base, are so when they are taken as such. Another reading of the column was meant where it leaves less than half of
    the spread (standard deviation) around the logs of the totals that this one leaves, and little of theirs; where it
    also meets the totals themselves, within a factor of 2, two thirds are enough.

    Raises
    ------
    InputError
        The column holds logarithms where totals are due, logs to another base, or totals where logs are due.
    """
    if len(given) < FEW_SAMPLES:
        return given
    logs = np.log(positive_totals(counts))
    column = np.asarray(counts[name].values, dtype=np.float64)
    readings = {
        "natural logs": column,
        "log10 of totals": column * np.log(10),
        "log2 of totals": column * np.log(2),
    }
    if (column > 0).all():
        readings["totals"] = np.log(column)

    def spread(reading: np.ndarray) -> float:
        return float(np.std(reading - logs))

    meant = min(readings, key=lambda key: spread(readings[key]))
    meets = abs(float(np.mean(readings[meant] - logs))) < np.log(2) < abs(float(np.mean(given - logs)))
    allowed = min(spread(given) * (2 / 3 if meets else 1 / 2), float(np.std(logs)) / 2)
    if meant == due or spread(readings[meant]) > allowed:
        return given
    remedy = {
        "natural logs": f"write offset='{LOG_COLUMN}{name}'",
        "totals": f"write offset='{COLUMN}{name}'",
        "log10 of totals": "give the totals themselves (10 to the power of the column)",
        "log2 of totals": "give the totals themselves (2 to the power of the column)",
    }[meant]
    raise InputError(
        f"offset: column {name!r} of the sample table ({column.min():g} to {column.max():g}) follows the totals of the "
        f"samples as {meant}, not as {due}, which are due here: {remedy}."
    )


def _column(counts: xr.Dataset, name: str, *, logs: bool) -> np.ndarray:
    available = [
        str(key) for key, value in counts.coords.items() if value.dims == ("sample",) and key != "sample"
    ]
    if name not in available:
        raise InputError(
            f"offset='{LOG_COLUMN if logs else COLUMN}{name}': the sample table has no column {name!r}."
            f"{did_you_mean(name, available)} Its columns are: {', '.join(available)}."
        )
    column = pd.Series(counts[name].values, index=counts["sample"].values)
    values = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64)
    bad = ~np.isfinite(values) if logs else ~(np.isfinite(values) & (values > 0))
    if bad.any():
        kind = "a finite number" if logs else "a positive number"
        hint = "" if logs else f" Give totals; for natural logs write 'log_column:{name}'."
        shown = ", ".join(f"{sample} ({value})" for sample, value in column[bad][:6].items())
        raise InputError(f"offset: column {name!r} of the sample table is not {kind} for {shown}.{hint}")
    return values
