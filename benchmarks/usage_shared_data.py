"""The samples, splits and planted usage of the benchmark of the usage test under what samples share."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from accuracy_data import SEED, SHARED, real

import bayes_mirglmm as bm
from bayes_mirglmm.cohort.usage_profiles import UsageProfiles, mirna_scores, usage_profiles
from bayes_mirglmm.counts.container import sample_table
from bayes_mirglmm.counts.isomir_features import isomir_features
from bayes_mirglmm.counts.isomir_types import sequence_of
from bayes_mirglmm.counts.offsets import log_offset
from bayes_mirglmm.design.build import build_design
from bayes_mirglmm.design.interest import interest
from bayes_mirglmm.methods.group_free import group_free_means
from bayes_mirglmm.model import load_model

SETS = 12  # random sets of samples a setting; each is split several times, and its group-free fit serves all of them
LEVEL, FDR = 0.05, 0.10
TESTS = ("lrt", "shared")
PLANTED_SHARE = 0.25
SETTINGS = {"slope_sd_0.25": ("slope", 0.25), "slope_sd_0.5": ("slope", 0.5), "type_0.7": ("type", 0.7)}


@dataclass(frozen=True)
class Cohort:
    """Samples that are alike, and how many of them go into each group."""

    name: str
    about: str
    folder: str
    where: dict[str, str]
    sizes: tuple[int, ...]
    within: str = ""
    """Column whose cells are each split evenly."""
    formula: str = "~ half"
    kept_back: bool = False
    """Whether nothing about the test was chosen by it."""

    def block(self, size: int) -> int:
        """Number of neighbouring samples of a split that are relabelled among each other."""
        return {"": 2 * size, "cell": 4, "case": 2}[self.within]


EQUIMOLAR, RATIOS, DILUTED = "giraldez_equimolar", "giraldez_ratiometric", "argyropoulos_286pool"
ADJUSTED = "~ half + cell"
COHORTS = (
    Cohort("tcga_tumour", "TCGA tumours", "tcga_hnsc", {"group": "tumor"}, (3, 5)),
    Cohort("amygdala", "amygdala", "mirdata", {}, (3, 5, 7)),
    Cohort("equimolar_across", "equimolar pool, across labs", EQUIMOLAR, {}, (3, 5, 10, 20)),
    Cohort("equimolar_within", "equimolar pool, within labs", EQUIMOLAR, {}, (4, 10), "cell"),
    Cohort(
        "equimolar_adjusted", "equimolar pool, lab in the formula", EQUIMOLAR, {}, (4, 10), "cell", ADJUSTED
    ),
    Cohort("tcga_normal", "TCGA normal tissue", "tcga_hnsc", {"group": "normal"}, (3, 5), kept_back=True),
    Cohort("tcga_pairs", "TCGA pairs", "tcga_hnsc", {}, (4, 10), "case", "~ half + case", True),
    Cohort("tcga_mixed", "TCGA, tumours and normal tissue", "tcga_hnsc", {}, (5, 10), kept_back=True),
    Cohort("ratio_across", "pools of ratios, across labs", RATIOS, {}, (3, 5, 10, 20), kept_back=True),
    Cohort("ratio_within", "pools of ratios, within labs", RATIOS, {}, (4, 10), "cell", kept_back=True),
    Cohort(
        "ratio_adjusted", "pools of ratios, lab in the formula", RATIOS, {}, (4, 10), "cell", ADJUSTED, True
    ),
    Cohort("argyro", "dilution series", DILUTED, {}, (3, 5, 10, 20), kept_back=True),
)


def samples_of(cohort: Cohort) -> xr.Dataset:
    """Return the unfiltered counts of a cohort."""
    counts = real(cohort.folder) if cohort.folder in ("tcga_hnsc", "mirdata") else pool(cohort.folder)
    for column, value in cohort.where.items():
        counts = counts.isel(sample=np.flatnonzero(counts[column].values == value))
    return counts


def pool(folder: str) -> xr.Dataset:
    """Return synthetic RNA: some sequences of one known ratio, drawn at random, stand for the isomiRs of one miRNA."""
    at = SHARED / "data" / folder
    table = pd.read_csv(at / "counts.tsv.gz", sep="\t")
    samples = pd.read_csv(at / "samples.tsv", sep="\t", index_col=0)
    if "lab" in samples:
        samples["cell"] = samples["lab"] + " " + samples["method_detail"]
    if folder == RATIOS:
        samples["cell"] += " " + samples["pool"]
    table = table.iloc[np.random.default_rng(SEED).permutation(len(table))]
    if folder == EQUIMOLAR:
        names = [f"pool-{i // 8}" for i in range(len(table))]
    else:
        kind = table["Subpool"] if folder == DILUTED else table["true_log_fc"].map("{:.2f}".format)
        names = [f"pool-{k}-{i}" for k, i in zip(kind, kind.groupby(kind).cumcount() // 5, strict=True)]
    table = table[["sequence", *samples.index]].assign(miRNA=names).drop_duplicates("sequence")
    return bm.from_dataframe(table, isomir="sequence", mirna="miRNA", samples=samples)


def split(cohort: Cohort, counts: xr.Dataset, size: int, number: int) -> xr.Dataset:
    """Return a random set of samples, filtered, with a column ``half``."""
    rng = np.random.default_rng([SEED, number, size])
    if not cohort.within:
        rows = rng.permutation(counts.sizes["sample"])[: 2 * size]
        half = np.repeat(["A", "B"], size)
    else:
        block = cohort.block(size)
        cells = pd.Series(np.arange(counts.sizes["sample"])).groupby(counts[cohort.within].values).indices
        if block == 4:
            rows_of = [rng.permutation(rows) for rows in cells.values() if len(rows) >= block]
            order = rng.permutation(len(rows_of))
        else:
            order = rng.permutation(len(cells))
            rows_of = [np.array([])] * len(cells)
            for i in order[:size]:
                rows_of[i] = rng.permutation(list(cells.values())[i])
        chosen = [rows_of[i][:block] for i in order[: 2 * size // block]]
        rows = np.concatenate(chosen)
        half = np.tile(np.repeat(["A", "B"], block // 2), len(chosen))
    picked = counts.isel(sample=rows).assign_coords(half=("sample", half.astype(object)))
    return bm.filter_counts(picked)


def relabelling(cohort: Cohort, size: int, number: int) -> np.ndarray:
    """Return which sample gives its label to each, for split ``number``; the first :data:`SETS` keep theirs."""
    n, block = 2 * size, cohort.block(size)
    order = np.arange(n)
    if number < SETS:
        return order
    rng = np.random.default_rng([SEED, number, size, 1])
    return np.concatenate([rng.permutation(order[i : i + block]) for i in range(0, n, block)])


def other_columns(design: str, n: int, number: int) -> np.ndarray:
    """Return columns (n, L) of a variable without meaning: ``three`` groups, ``unequal`` ones, or a ``number``."""
    rng = np.random.default_rng([SEED, number, n, len(design)])
    if design == "three":
        return (rng.permutation(np.arange(n) % 3)[:, None] == np.arange(3)) / np.sqrt(2.0)
    if design == "unequal":
        return ((rng.permutation(n) < smaller_group(n))[:, None] == [True, False]) / np.sqrt(2.0)
    values = rng.normal(size=(n, 1))
    return values / (2.0 * values.std())


def smaller_group(n: int) -> int:
    """Return the size of the smaller of two ``unequal`` groups: a fifth of the samples, two at least."""
    return max(2, round(n / 5))


def plant(counts: xr.Dataset, setting: str, number: int) -> tuple[xr.Dataset, set[str]]:
    """Multiply isomiRs of some miRNAs in half B, and round at random; the miRNA's total stays what it was.

    ``slope``: every isomiR by exp of a normal deviate; ``type``: those that end before the most abundant one.
    """
    kind, size = SETTINGS[setting]
    rng = np.random.default_rng([SEED, number, len(setting)])
    values = counts["counts"].values.astype(float)
    owner = counts["mirna"].values
    names = np.unique(owner)
    chosen = set(rng.permutation(names)[: round(PLANTED_SHARE * len(names))])
    b = counts["half"].values == "B"
    features = isomir_ends(counts)
    for name in sorted(chosen):
        rows = np.flatnonzero(owner == name)
        effect = rng.normal(scale=size, size=len(rows)) if kind == "slope" else -size * (features[rows] < 0)
        before = values[np.ix_(rows, b)]
        after = before * np.exp(effect)[:, None]
        values[np.ix_(rows, b)] = after * before.sum(axis=0) / np.maximum(after.sum(axis=0), 1e-9)
    whole = np.floor(values)
    whole += rng.random(values.shape) < values - whole
    return counts.assign(counts=(("isomir", "sample"), whole.astype(np.int64))), {str(n) for n in chosen}


def isomir_ends(counts: xr.Dataset) -> np.ndarray:
    """Return the offset of the 3' end of each isomiR; of sequences of a pool, whether they are in its first half."""
    names, owner = counts["isomir"].values, counts["mirna"].values
    if str(owner[0]).startswith("pool-"):
        return np.where(np.arange(len(owner)) % 2, -1.0, 0.0)
    return (
        isomir_features(names, owner, counts["counts"].values.mean(axis=1))["offset_3p"].fillna(0).to_numpy()
    )


def of_mirnas(counts: xr.Dataset, names: set[str]) -> xr.Dataset:
    """Return some miRNAs; totals stay those of all."""
    return counts.isel(isomir=np.flatnonzero(np.isin(counts["mirna"].values, list(names))))


def group_free(counts: xr.Dataset, formula: str) -> dict[str, Any]:
    """Return what the test needs of each miRNA, from a fit without the groups, and the design."""
    wanted = interest(build_design(sample_table(counts), formula))
    offset = np.asarray(log_offset(counts, "total").values, dtype=float)
    owner, isomirs = counts["mirna"].values, counts["isomir"].values.astype(str)
    rows = [np.flatnonzero(owner == name) for name in np.unique(owner)]
    rows = [r for r in rows if len(r) > 1]
    values = [counts["counts"].values[r] for r in rows]
    spec = load_model("mirglmm")
    means = group_free_means(values, offset, wanted.fixed, wanted.random, wanted.blocks, spec)
    kept = [i for i, found in enumerate(means) if found is not None]
    return {
        "names": [str(owner[rows[i][0]]) for i in kept],
        "linked": linked([isomirs[rows[i]] for i in kept]),
        "counts": [values[i] for i in kept],
        "mean": [found[0] for found in means if found is not None],
        "theta": [found[1] for found in means if found is not None],
        "others": wanted.others,
        "columns": wanted.columns,
        "strata": wanted.strata,
    }


def linked(isomirs: list[np.ndarray]) -> np.ndarray:
    """Return pairs of miRNAs that have a read in common, shape (L, 2)."""
    first: dict[str, int] = {}
    pairs = [
        (first[read], m)
        for m, names in enumerate(isomirs)
        for read in map(sequence_of, names)
        if read and first.setdefault(read, m) != m
    ]
    return np.array(pairs, dtype=np.intp).reshape(-1, 2)


def with_planted(null: dict[str, Any], planted: dict[str, Any]) -> dict[str, Any]:
    """Put the fits of the planted miRNAs in the place of those without usage; the others have the counts they had."""
    own = {name: i for i, name in enumerate(planted["names"])}
    made = null.copy()
    for key in ("counts", "mean", "theta"):
        made[key] = [
            planted[key][own[name]] if name in own else value
            for name, value in zip(null["names"], null[key], strict=True)
        ]
    return made


def profiles_of(found: dict[str, Any]) -> UsageProfiles:
    """Return the profiles of all miRNAs, which know nothing of the groups."""
    scored = [
        mirna_scores(counts.astype(float), mean, theta, found["others"])
        for counts, mean, theta in zip(found["counts"], found["mean"], found["theta"], strict=True)
    ]
    return usage_profiles([s for s, _ in scored], [w for _, w in scored], found["others"])
