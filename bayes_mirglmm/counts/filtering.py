"""Expression filters: which miRNAs and isomiRs are expressed enough to be modelled.

Both filters are those of miRglmm (Baran et al. 2025, Genome Biology, doi 10.1186/s13059-025-03549-y) and
compare the natural logarithm of a median, over all samples, of counts per million of ``total``: of the
summed counts of a miRNA, and of the counts of an isomiR. ``total`` is never recomputed.
"""

import logging
from collections.abc import Sequence
from numbers import Real

import numpy as np
import pandas as pd
import xarray as xr

from bayes_mirglmm.counts.aggregate import all_rows, mirna_counts, positive_totals
from bayes_mirglmm.counts.container import counts_sha256, validate_counts, with_dropped
from bayes_mirglmm.counts.on_disk import blocks_of, held_where_small
from bayes_mirglmm.counts.rare import RARE_SAMPLES, has_rare, without_rare_record
from bayes_mirglmm.counts.selection import select_mirnas
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.outcomes import MIN_ISOMIR_LOG_CPM, MIN_MIRNA_LOG_CPM

logger = logging.getLogger(__name__)

LOW_MIRNA = "low_mirna_expression"
LOW_ISOMIR = "low_isomir_expression"
#: Attribute of the container: the miRNAs that pass their own filter, and none of whose isomiRs passes.
WITHOUT_ISOMIRS = "mirnas_without_isomirs"


def filter_counts(
    counts: xr.Dataset,
    min_mirna_log_cpm: float | None = MIN_MIRNA_LOG_CPM,
    min_isomir_log_cpm: float | None = MIN_ISOMIR_LOG_CPM,
    *,
    mirnas: str | Sequence[str] | None = None,
) -> xr.Dataset:
    """Keep the miRNAs and isomiRs whose median expression exceeds a threshold.

    Parameters
    ----------
    counts : xarray.Dataset
        A counts container. Filter what was read, once: a second pass sums only the isomiRs that the first
        has kept.
    min_mirna_log_cpm : float, optional
        A miRNA stays when log(median CPM of its summed counts) is greater than this (natural log). None keeps
        every miRNA.
    min_isomir_log_cpm : float, optional
        An isomiR stays when log(median CPM) is greater than this (natural log); an isomiR with no counts in
        more than half of the samples has log 0 = -inf. None keeps every isomiR of a kept miRNA.
    mirnas : str or sequence of str, optional
        Keep these miRNAs alone, if they pass. Offsets other than totals, and what is learned over miRNAs, then know
        nothing of the others: :func:`bayes_mirglmm.fit` has ``mirnas`` for a fit of a few.

    Returns
    -------
    xarray.Dataset
        The same container with fewer isomiRs and the same ``total``. What went is recorded
        (:func:`bayes_mirglmm.counts.container.dropped`): all isomiRs of a dropped miRNA with the reason
        ``low_mirna_expression`` and the value of the miRNA, others with ``low_isomir_expression`` and their
        own; those of miRNAs that were not asked for with ``not_selected``.

    Raises
    ------
    InputError
        A sample has no counts, a threshold is not a number, a miRNA does not exist, or nothing would be left.
    """
    validate_counts(counts)
    counts = select_mirnas(counts, mirnas)
    for name, value in (("min_mirna_log_cpm", min_mirna_log_cpm), ("min_isomir_log_cpm", min_isomir_log_cpm)):
        if value is not None and (
            isinstance(value, bool) or not isinstance(value, Real) or np.isnan(float(value))
        ):
            raise InputError(
                f"{name} is {value!r}: give a natural log of counts per million, or None for no filter."
            )
    _check_rare(counts, min_isomir_log_cpm)
    per_million = positive_totals(counts) / 1e6
    sums, rows = mirna_counts(counts), all_rows(counts)
    held = rows["held"].to_numpy()
    of_mirna = pd.Series(_log_median_cpm(sums.values, per_million), index=sums["mirna"].values)
    mirna_value = of_mirna.loc[rows["mirna"]].to_numpy()
    isomir_value = np.full(len(rows), -np.inf)  # the median of a rare one is 0
    isomir_value[held] = _log_median_cpm(counts["counts"], per_million)

    low_mirna = np.zeros(len(mirna_value), dtype=bool)
    low_isomir = low_mirna.copy()
    if min_mirna_log_cpm is not None:
        low_mirna = ~(mirna_value > min_mirna_log_cpm)
    if min_isomir_log_cpm is not None:
        low_isomir = ~low_mirna & ~(isomir_value > min_isomir_log_cpm)
    gone = low_mirna | low_isomir
    if gone.all():
        raise InputError(
            _nothing_left(of_mirna, isomir_value, low_mirna, min_mirna_log_cpm, min_isomir_log_cpm)
        )
    record = pd.DataFrame(
        {
            "isomir": rows["isomir"].to_numpy()[gone],
            "mirna": rows["mirna"].to_numpy()[gone],
            "reason": np.where(low_mirna, LOW_MIRNA, LOW_ISOMIR)[gone],
            "log_cpm": np.where(low_mirna, mirna_value, isomir_value)[gone],
        }
    )
    kept = with_dropped(without_rare_record(counts).isel(isomir=np.flatnonzero(~gone[held])), record)
    before = counts.attrs.get("sha256_before_filters") or counts_sha256(counts)
    limits = {"min_mirna_log_cpm": min_mirna_log_cpm, "min_isomir_log_cpm": min_isomir_log_cpm}
    kept = kept.assign_attrs(
        {name: "none" if value is None else float(value) for name, value in limits.items()}
    )
    left = set(kept["mirna"].values)
    emptied = {str(name) for name in rows["mirna"].to_numpy()[low_isomir] if name not in left}
    before_that = counts.attrs.get(WITHOUT_ISOMIRS, [])
    emptied |= {before_that} if isinstance(before_that, str) else set(before_that)
    kept = kept.assign_attrs({"sha256_before_filters": before, WITHOUT_ISOMIRS: sorted(emptied)})
    logger.info(
        "kept %d of %d miRNAs and %d of %d isomiRs",
        len(set(kept["mirna"].values)), len(of_mirna), kept.sizes["isomir"], len(rows),
    )  # fmt: skip
    return held_where_small(kept)


def _check_rare(counts: xr.Dataset, min_isomir_log_cpm: float | None) -> None:
    """Refuse counts without their rare isomiRs where these would not be dropped anyway."""
    if not has_rare(counts):
        return
    if counts.attrs.get(RARE_SAMPLES) != counts.sizes["sample"]:
        raise InputError(
            f"rare isomiRs of {counts.attrs.get(RARE_SAMPLES)} samples were left out while reading, and the counts "
            f"have {counts.sizes['sample']} samples now: read without drop_rare=True, then select and filter."
        )
    if min_isomir_log_cpm is None:
        raise InputError(
            "min_isomir_log_cpm=None keeps every isomiR, but rare ones were left out while reading: read without "
            "drop_rare=True."
        )


def _log_median_cpm(values: np.ndarray | xr.DataArray, per_million: np.ndarray) -> np.ndarray:
    """Return log(median over samples of values / per_million), -inf for a median of 0."""
    medians = [np.median(block / per_million, axis=1) for block in blocks_of(values)]
    with np.errstate(divide="ignore"):
        return np.log(np.concatenate(medians))


def _nothing_left(
    of_mirna: pd.Series,
    isomir_value: np.ndarray,
    low_mirna: np.ndarray,
    min_mirna: float | None,
    min_isomir: float | None,
) -> str:
    if low_mirna.all():
        top = of_mirna.sort_values(ascending=False, kind="stable").head(3)
        values = ", ".join(f"{name} {value:.2f}" for name, value in top.items())
        return (
            f"no miRNA has log(median CPM) above {min_mirna:g}; the highest are {values} (natural log). "
            "Lower min_mirna_log_cpm, or give None to keep every miRNA."
        )
    highest = isomir_value[~low_mirna].max()
    return (
        f"{'no isomiR' if min_mirna is None else 'no isomiR of the miRNAs that pass'} has log(median CPM) "
        f"above {min_isomir:g}; the highest is {highest:.2f} (natural log). Lower min_isomir_log_cpm, or give "
        f"None to "
        "keep every isomiR."
    )
