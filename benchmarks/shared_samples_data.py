"""Data sets of the benchmark of shared samples beyond those of :mod:`accuracy_data`: batches, outliers, designs.

Real samples are divided at random within strata (tissue, patient, laboratory), what a scenario does to them is done,
and effects are multiplied into 40 miRNAs, each isomiR by a factor of its own, 20 up and 20 down; or none, for a null.
A data set is made from its scenario and number alone.
"""

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from accuracy_data import SEED, SHARED, DataSet, real

import bayes_mirglmm as bm
from bayes_mirglmm.counts.aggregate import mirna_counts
from bayes_mirglmm.simulation.multipliers import Multipliers

CHANGED = 40
ABUNDANT = 59_000.0  # CPM, beyond which a miRNA is not changed: it would move the totals
FACTORS = Multipliers(2.0, 1.0, None)  # the paper's
SMALL_FACTORS = Multipliers(
    1.15, 0.1, (1.0, 1.3)
)  # for synthetic RNA, whose noise is that of the laboratory alone
Rng = np.random.Generator
SIZE = 8  # sequences of a pseudo-miRNA of the equimolar pool


class Prepared(NamedTuple):
    """Samples before effects: what multiplies the counts of the changed is ``factor ** exposure``."""

    counts: xr.Dataset
    exposure: np.ndarray
    formula: str
    term: str
    covariates: tuple[str, ...] = ()


class Trial(NamedTuple):
    """A scenario that ``sets`` data sets are made of."""

    name: str
    about: str
    sets: int
    prepare: Callable[[Rng], Prepared]
    factors: Multipliers | None = FACTORS
    """Of the isomiRs of changed miRNAs; None: nothing is changed."""
    changed: int = CHANGED
    coordinated: bool = False
    """Effects along what the samples share already, in place of the factors."""
    peers: bool = True
    """Whether R's methods run too: their tables are about two groups."""


def make_trial(trial: Trial, number: int) -> DataSet:
    """Return data set ``number`` of a trial."""
    rng = np.random.default_rng([SEED, number, *trial.name.encode()])
    at = trial.prepare(rng)
    counts, exposure = at.counts, at.exposure
    owner = counts["mirna"].values
    log_factor = np.zeros(len(owner))
    if trial.coordinated:
        log_factor = _coordinated(counts, trial.changed, rng)
    elif trial.factors is not None:
        log_factor = _independent(counts, trial.changed, trial.factors, rng)
    # factors are 1 or more: what goes down is multiplied where the exposure is least
    away = np.where(log_factor[:, None] >= 0, exposure - exposure.min(), exposure - exposure.max())
    multiplied = np.rint(counts["counts"].values * np.exp(log_factor[:, None] * away)).astype(np.int64)
    added = (multiplied - counts["counts"].values).sum(axis=0)
    counts = counts.assign(counts=(("isomir", "sample"), multiplied))
    counts = counts.assign_coords(total=("sample", counts["total"].values + added))
    isomirs = pd.DataFrame({"mirna": owner, "isomir": counts["isomir"].values, "value": log_factor})
    value = isomirs.groupby("mirna", sort=False, as_index=False)["value"].mean()
    mirnas = value.assign(nominal=value["value"], changed=value["value"] != 0, usage=value["value"] != 0)
    return DataSet(trial.name, number, counts, mirnas, isomirs, at.formula, at.term, at.covariates)


def _independent(counts: xr.Dataset, changed: int, factors: Multipliers, rng: Rng) -> np.ndarray:
    """Return log factors of the isomiRs, half of the miRNAs up and half down."""
    owner, chosen = counts["mirna"].values, rng.permutation(_changeable(counts))[:changed]
    log_factor = np.zeros(counts.sizes["isomir"])
    for i, name in enumerate(chosen):
        rows = np.flatnonzero(owner == name)
        log_factor[rows] = (1 if i % 2 else -1) * np.log(factors.draw(len(rows), rng))
    return log_factor


def _coordinated(counts: xr.Dataset, changed: int, rng: Rng) -> np.ndarray:
    """Return log factors along what samples share already: the miRNAs' loadings on the leading direction, SD 0.5."""
    sums = mirna_counts(counts)
    log_cpm = np.log((sums.values + 0.5) / counts["total"].values * 1e6)
    log_cpm -= log_cpm.mean(axis=1, keepdims=True)
    log_cpm -= np.median(log_cpm, axis=0)
    loading = np.linalg.svd(log_cpm, full_matrices=False)[0][:, 0]
    loading *= 0.5 / loading.std()
    value = dict(zip(sums["mirna"].values, loading, strict=True))
    chosen = set(rng.permutation(_changeable(counts))[:changed])
    return np.array([value[name] if name in chosen else 0.0 for name in counts["mirna"].values])


def _changeable(counts: xr.Dataset) -> np.ndarray:
    sums = mirna_counts(counts)
    cpm = np.median(sums.values / counts["total"].values * 1e6, axis=1)
    return sums["mirna"].values[cpm < ABUNDANT]


def _halved(strata: np.ndarray, rng: Rng) -> np.ndarray:
    """Return 0 or 1 for each sample, each half of every stratum (the odd one at random)."""
    label = np.zeros(len(strata), dtype=int)
    for name in np.unique(strata):
        rows = rng.permutation(np.flatnonzero(strata == name))
        label[rows[: (len(rows) + int(rng.integers(2))) // 2]] = 1
    return label


def _grouped(counts: xr.Dataset, label: np.ndarray, **columns: np.ndarray) -> xr.Dataset:
    """Put the group (letters from A on) and other columns on the samples, and drop the columns that they have."""
    own = [
        name for name, c in counts.coords.items() if c.dims == ("sample",) and name not in ("sample", "total")
    ]
    group = np.array(["ABC"[i] for i in label], dtype=object)
    coordinates = {name: ("sample", values) for name, values in {"group": group, **columns}.items()}
    return counts.drop_vars(own).assign_coords(coordinates)


@cache
def _filtered(folder: str, **where: str) -> xr.Dataset:
    counts = real(folder)
    for name, value in where.items():
        counts = counts.isel(sample=np.flatnonzero(counts[name].values == value))
    return bm.filter_counts(counts)


def both_tissues(rng: Rng) -> Prepared:
    """Tumour and normal tissue of ten patients, split within each tissue: 10 against 10."""
    counts = _filtered("tcga_hnsc")
    tissue = counts["group"].values.astype(object)
    label = _halved(tissue, rng)
    return Prepared(
        _grouped(counts, label, tissue=tissue), label, "~ group + tissue", "group[T.B]", ("tissue",)
    )


def paired(rng: Rng) -> Prepared:
    """Ten pairs, one sample of each in either group, tissues at random."""
    counts = _filtered("tcga_hnsc")
    tissue, case = counts["group"].values.astype(object), counts["case"].values.astype(object)
    label = _halved(case, rng)
    own = {"tissue": tissue, "patient": case}
    return Prepared(
        _grouped(counts, label, **own), label, "~ group + tissue + patient", "group[T.B]", tuple(own)
    )


def amygdala(rng: Rng) -> Prepared:
    """7 against 7."""
    counts = _filtered("mirdata")
    label = _halved(np.zeros(counts.sizes["sample"]), rng)
    return Prepared(_grouped(counts, label), label, "~ group", "group[T.B]")


def three_groups(rng: Rng) -> Prepared:
    """4, 5 and 5; C against A, where B is not changed."""
    counts = _filtered("mirdata")
    label = rng.permutation([0] * 4 + [1] * 5 + [2] * 5)
    return Prepared(_grouped(counts, label), (label == 2).astype(float), "~ group", "group[T.C]")


def continuous(rng: Rng) -> Prepared:
    """A normal covariate, e.g. a dose, of 14 samples."""
    counts = _filtered("mirdata")
    dose = rng.standard_normal(counts.sizes["sample"])
    dose = (dose - dose.mean()) / dose.std()
    return Prepared(_grouped(counts, np.zeros(len(dose), dtype=int), dose=dose), dose, "~ dose", "dose")


def _batched(rng: Rng, formula: str) -> Prepared:
    at = amygdala(rng)
    label = at.exposure
    batch = np.zeros(len(label), dtype=int)
    for group, many in ((0, 2), (1, 5)):
        batch[rng.permutation(np.flatnonzero(label == group))[:many]] = 1
    shift = _per_mirna(at.counts, 0.5 * rng.standard_normal(at.counts.sizes["isomir"]))
    names = np.array(["early", "late"], dtype=object)[batch]
    counts = _grouped(_scaled(at.counts, np.exp(shift[:, None] * batch)), label, batch=names)
    return Prepared(counts, label, formula, "group[T.B]", ("batch",) if "batch" in formula else ())


def hidden_batch(rng: Rng) -> Prepared:
    """A batch that moves every miRNA (SD 0.5), 2 of A and 5 of B in it, left out of the formula."""
    return _batched(rng, "~ group")


def known_batch(rng: Rng) -> Prepared:
    """The same batch in the formula."""
    return _batched(rng, "~ group + batch")


def outlying(rng: Rng) -> Prepared:
    """One sample, all of whose miRNAs are off by a factor of their own (SD of its log 1)."""
    at = amygdala(rng)
    off = np.zeros(len(at.exposure))
    off[rng.integers(len(off))] = 1.0
    shift = _per_mirna(at.counts, rng.standard_normal(at.counts.sizes["isomir"]))
    return at._replace(counts=_scaled(at.counts, np.exp(shift[:, None] * off)))


def _per_mirna(counts: xr.Dataset, values: np.ndarray) -> np.ndarray:
    """Return the first of the values of each miRNA for all its isomiRs."""
    _, first, place = np.unique(counts["mirna"].values, return_index=True, return_inverse=True)
    return values[first][place]


def _scaled(counts: xr.Dataset, factor: np.ndarray) -> xr.Dataset:
    scaled = np.rint(counts["counts"].values * factor).astype(np.int64)
    added = (scaled - counts["counts"].values).sum(axis=0)
    counts = counts.assign(counts=(("isomir", "sample"), scaled))
    return counts.assign_coords(total=("sample", counts["total"].values + added))


@cache
def _equimolar() -> tuple[pd.DataFrame, pd.DataFrame]:
    folder = SHARED / "data" / "giraldez_equimolar"
    table = pd.read_csv(folder / "counts.tsv.gz", sep="\t")
    return table, pd.read_csv(folder / "samples.tsv", sep="\t", index_col="sample")


def laboratories(rng: Rng, many: int) -> Prepared:
    """Synthetic RNA in four libraries of each of some laboratories and protocols, two in either group."""
    table, samples = _equimolar()
    place = samples.groupby(["lab", "method_detail"]).ngroup()
    whole = place.value_counts().loc[lambda n: n == 4].sort_index().index.to_numpy()
    chosen = samples[place.isin(rng.permutation(whole)[:many])]
    order = rng.permutation(len(table))
    table = table.iloc[order].assign(mirna=[f"no. {i // SIZE}" for i in range(len(table))])
    long = table[["sequence", "mirna", *chosen.index]].rename(columns={"sequence": "isomir"})
    batch = (chosen["lab"] + "." + chosen["method_detail"]).to_numpy(dtype=object)
    counts = bm.filter_counts(
        bm.from_dataframe(long, samples=pd.DataFrame({"batch": batch}, index=chosen.index))
    )
    batch = counts["batch"].values.astype(object)
    label = _halved(batch, rng)
    return Prepared(_grouped(counts, label, batch=batch), label, "~ group + batch", "group[T.B]", ("batch",))


def five_laboratories(rng: Rng) -> Prepared:
    """10 against 10."""
    return laboratories(rng, 5)


def ten_laboratories(rng: Rng) -> Prepared:
    """20 against 20."""
    return laboratories(rng, 10)
