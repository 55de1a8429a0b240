"""Data with known truth, made by multiplying real counts: the procedure of the miRglmm paper."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayes_mirglmm.counts.aggregate import mirna_counts, positive_totals
from bayes_mirglmm.counts.container import MAX_COUNT, counts_sha256, validate_counts
from bayes_mirglmm.counts.filtering import filter_counts
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.simulation.choice import choose_changed, expression_bins
from bayes_mirglmm.simulation.multipliers import Multipliers
from bayes_mirglmm.simulation.split import GROUP, group_sizes, keep_shares, select_samples, split, thin
from bayes_mirglmm.simulation.streams import streams

_STREAMS = ("split", "thinning", "choice", "multipliers")


@dataclass(frozen=True)
class IntoTruth:
    """What was done to real counts, in the rows and names of a fit's tables (natural log).

    Attributes
    ----------
    mirnas : pandas.DataFrame
        A row per retained miRNA: mirna, n_isomirs (retained), median_cpm, bin (1 is the lowest expression, 0 too
        abundant to be chosen), changed, usage (its isomiRs were multiplied by different numbers), direction
        (1 up, -1 down, 0), sd_slope (SD over its isomiRs of their log multipliers).
    effects : pandas.DataFrame
        A row per retained miRNA: mirna, term, value (the estimand: mean of the isomiR log multipliers), nominal (log
        of the multiplier that was asked for). Both are 0 for a miRNA that was left alone.
    isomir_effects : pandas.DataFrame
        A row per retained isomiR: mirna, isomir, term, multiplier (1 for those left alone), deviation (from the
        miRNA's value), value (its log multiplier, negative where the first group's counts were multiplied).
    """

    mirnas: pd.DataFrame
    effects: pd.DataFrame
    isomir_effects: pd.DataFrame


@dataclass(frozen=True)
class IntoSimulation:
    """Real counts with effects multiplied into them, and the truth.

    Attributes
    ----------
    counts : xarray.Dataset
        All isomiRs of the chosen samples, unfiltered, with the made-up column ``group``; ``total`` is taken after
        the multiplication.
    retained : xarray.Dataset
        The isomiRs that passed the filters before the multiplication, which are those that the truth is about:
        ready to be fitted.
    truth : IntoTruth
    formula : str
        ``"~ group"``.
    reference : dict
        The first group as reference.
    settings : dict
        The arguments, JSON-able.
    seed : int
    """

    counts: xr.Dataset = field(repr=False)
    retained: xr.Dataset = field(repr=False)
    truth: IntoTruth = field(repr=False)
    formula: str
    reference: dict[str, str]
    settings: dict[str, Any]
    seed: int


def simulate_into(
    counts: xr.Dataset,
    *,
    where: Mapping[str, object] | None = None,
    n_per_group: int | Sequence[int] | None = None,
    groups: Sequence[str] = ("A", "B"),
    effect: float = 2.0,
    effect_sd: float = 1.0,
    bounds: Sequence[float] | None = None,
    direction: str = "both",
    n_bins: int = 20,
    max_cpm: float = 59_000.0,
    keep_reads: float | Mapping[str, float] = 1.0,
    min_mirna_log_cpm: float | None = 5.0,
    min_isomir_log_cpm: float | None = -1.0,
    seed: int = 1,
) -> IntoSimulation:
    """Multiply known effects into real counts of one kind of sample.

    The samples are split at random in two groups; in each of ``n_bins`` classes of expression two miRNAs are chosen
    at random; each of their isomiRs gets a multiplier of its own, by which its counts in one group are multiplied.
    Everything else in the data stays as nature made it.

    Parameters
    ----------
    counts : xarray.Dataset
        Unfiltered counts (:func:`~bayes_mirglmm.readers.read_counts`).
    where : mapping, optional
        The real group, as columns and values of the sample table: ``{"group": "ctrl"}``. All samples when omitted,
        which then should be alike.
    n_per_group : int or sequence of two int, optional
        Samples of each group, drawn without replacement; two halves of all samples when omitted (the second group
        has one more where their number is odd).
    groups : sequence of two str
        Names of the groups, the reference first. They make the column ``group``; a real column of that name
        becomes ``real_group``.
    effect, effect_sd, bounds
        Multiplier of an isomiR: normal with mean ``effect`` and SD ``effect_sd``, truncated to ``bounds``. The
        paper's are 2 in [1, 3] (default), 1.5 in [1, 2] and 4 in [3, 5], all with SD 1; with other effects ``bounds``
        must be given. ``effect_sd=0`` multiplies every isomiR by the same number, so that usage does not differ.
    direction : {"both", "up", "down"}
        ``both``: in each class one miRNA up (counts of the second group multiplied) and one down (those of the
        first). ``up`` and ``down`` change all the same way, which shifts the composition of the libraries.
    n_bins : int
        Classes of expression, with equal numbers of miRNAs.
    max_cpm : float
        miRNAs with a median CPM from here on are never chosen; inf for no limit.
    keep_reads : float or mapping
        Share of the reads that every library keeps, by binomial thinning before anything else; a mapping gives it
        for each group, ``{"B": 0.5}``.
    min_mirna_log_cpm, min_isomir_log_cpm : float, optional
        Filters (:func:`~bayes_mirglmm.counts.filtering.filter_counts`), applied to the chosen samples before the
        multiplication: only isomiRs that pass are multiplied.
    seed : int
        The same seed gives the same data on any machine (NumPy's PCG64, a stream for each step).

    Returns
    -------
    IntoSimulation

    Raises
    ------
    InputError
        An argument is out of range, or there are too few samples or miRNAs.

    Notes
    -----
    Products are rounded to the nearest integer, halves to even as in R. A count of 0 stays 0, and small counts take
    few values (1 times 1.4 is 1, times 1.6 is 2), so among rarely seen isomiRs the realised multiplier scatters around
    the true one. The truth of a miRNA is the mean of the log multipliers of its retained isomiRs, not the log of their
    mean: for 2 in [1, 3] it is 0.65 on average, while log 2 is 0.69. The truth of the sum of a miRNA's counts is
    another one again, because isomiRs enter it by their abundance.

    References
    ----------
    Baran et al., Genome Biology 2025, doi 10.1186/s13059-025-03549-y.

    Examples
    --------
    >>> simulation = simulate_into(counts, where={"group": "ctrl"}, seed=3)  # doctest: +SKIP
    >>> fit = bm.fit(simulation.retained, simulation.formula, reference=simulation.reference)  # doctest: +SKIP
    """
    counts = validate_counts(counts)
    names = _two_names(groups)
    multipliers = Multipliers(effect, effect_sd, bounds)
    rngs = streams(seed, _STREAMS)
    if isinstance(n_bins, bool) or not isinstance(n_bins, int | np.integer) or n_bins < 1:
        raise InputError(f"n_bins={n_bins!r}: give an integer, 1 or more.")

    real = select_samples(counts, where)
    real = split(real, group_sizes(real.sizes["sample"], n_per_group), names, rngs["split"])
    real = thin(real, keep_shares(keep_reads, names, real[GROUP].values), rngs["thinning"])
    kept = filter_counts(real, min_mirna_log_cpm, min_isomir_log_cpm)

    mirnas, median_cpm = _expression(real, kept)
    bins = expression_bins(median_cpm, int(n_bins), max_cpm)
    sign = choose_changed(bins, direction, rngs["choice"])
    of_isomir = pd.Series(sign, index=mirnas).loc[kept["mirna"].values].to_numpy()
    factor = np.ones(kept.sizes["isomir"])
    factor[of_isomir != 0] = multipliers.draw(int((of_isomir != 0).sum()), rngs["multipliers"])

    settings = {
        "where": {str(k): str(v) for k, v in (where or {}).items()},
        "n_per_group": [int((real[GROUP].values == name).sum()) for name in names],
        "groups": list(names),
        "effect": float(effect),
        "effect_sd": float(effect_sd),
        "bounds": [multipliers.low, multipliers.high],
        "direction": direction,
        "n_bins": int(n_bins),
        "max_cpm": float(max_cpm),
        "keep_reads": dict(keep_reads) if isinstance(keep_reads, Mapping) else float(keep_reads),
        "min_mirna_log_cpm": min_mirna_log_cpm,
        "min_isomir_log_cpm": min_isomir_log_cpm,
    }
    changed, retained = _multiplied(real, kept, of_isomir, factor, names, int(seed))
    truth = _truth(
        kept, mirnas, median_cpm, bins, sign, of_isomir * np.log(factor), factor, multipliers, names[1]
    )
    return IntoSimulation(changed, retained, truth, f"~ {GROUP}", {GROUP: names[0]}, settings, int(seed))


def _expression(real: xr.Dataset, kept: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Return the retained miRNAs, in order, and the median CPM of each over all of its isomiRs."""
    mirnas = pd.unique(kept["mirna"].values)
    sums = mirna_counts(real)
    median = np.median(sums.values / (positive_totals(real) / 1e6), axis=1)
    return mirnas, pd.Series(median, index=sums["mirna"].values).loc[mirnas].to_numpy()


def _multiplied(
    real: xr.Dataset,
    kept: xr.Dataset,
    sign: np.ndarray,
    factor: np.ndarray,
    groups: tuple[str, str],
    seed: int,
) -> tuple[xr.Dataset, xr.Dataset]:
    """Return all counts and the retained ones, after multiplication, with totals taken then."""
    y = kept["counts"].values.astype(np.int64)
    for direction, name in ((1, groups[1]), (-1, groups[0])):
        cells = np.ix_(sign == direction, kept[GROUP].values == name)
        y[cells] = np.rint(y[cells] * factor[sign == direction, None]).astype(np.int64)
    total = real["total"].values + (y - kept["counts"].values).sum(axis=0)
    if (total > MAX_COUNT).any():
        raise InputError(
            "a library would have more than 2^53 reads after the multiplication: give a smaller effect."
        )
    every = real["counts"].values.astype(np.int64)
    every[real.indexes["isomir"].get_indexer(kept.indexes["isomir"])] = y
    about = {
        "source": f"simulate_into(seed={seed}) of {real.attrs.get('source', 'counts')}",
        "format": "simulation",
    }

    def with_counts(container: xr.Dataset, values: np.ndarray) -> xr.Dataset:
        changed = container.assign(counts=(("isomir", "sample"), values))
        return validate_counts(changed.assign_coords(total=("sample", total)).assign_attrs(about))

    whole = with_counts(real, every)
    return whole, with_counts(kept, y).assign_attrs(sha256_before_filters=counts_sha256(whole))


def _truth(
    kept: xr.Dataset,
    mirnas: np.ndarray,
    median_cpm: np.ndarray,
    bins: np.ndarray,
    sign: np.ndarray,
    log_factor: np.ndarray,
    factor: np.ndarray,
    multipliers: Multipliers,
    second: str,
) -> IntoTruth:
    term = f"{GROUP}[T.{second}]"
    by_mirna = pd.Series(log_factor).groupby(kept["mirna"].values, sort=False)
    value = by_mirna.mean().loc[mirnas].to_numpy()
    spread = by_mirna.std(ddof=0).loc[mirnas].to_numpy()
    return IntoTruth(
        mirnas=pd.DataFrame(
            {
                "mirna": mirnas,
                "n_isomirs": by_mirna.size().loc[mirnas].to_numpy(),
                "median_cpm": median_cpm,
                "bin": bins,
                "changed": sign != 0,
                "usage": (sign != 0) & (spread > 0) & (multipliers.sd > 0),
                "direction": sign,
                "sd_slope": spread,
            }
        ),
        effects=pd.DataFrame(
            {"mirna": mirnas, "term": term, "value": value, "nominal": sign * np.log(multipliers.effect)}
        ),
        isomir_effects=pd.DataFrame(
            {
                "mirna": kept["mirna"].values,
                "isomir": kept["isomir"].values,
                "term": term,
                "multiplier": factor,
                "deviation": log_factor - pd.Series(value, index=mirnas).loc[kept["mirna"].values].to_numpy(),
                "value": log_factor,
            }
        ),
    )


def _two_names(groups: Sequence[str]) -> tuple[str, str]:
    names = [groups] if isinstance(groups, str) else [str(name) for name in groups]
    if len(names) != 2 or names[0] == names[1] or not all(name.strip() for name in names):
        raise InputError(f"groups={groups!r}: give two different names, the reference first.")
    return names[0], names[1]
