"""The data sets of the accuracy benchmark: real samples with effects multiplied into them, and what else is compared.

A data set is made from its scenario and number alone, so that every process, and a later run, gets the same one.
"""

import os
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

import bayes_mirglmm as bm

HERE = Path(__file__).resolve().parent
SHARED = Path(os.environ.get("BAYES_MIRGLMM_SHARED", HERE.parent.parent / "shared"))
SEED = 2025
GROUPS = ("A", "B")
TERM = "group[T.B]"

#: Real groups of samples that are alike: folder, which samples.
SOURCES: dict[str, tuple[str, dict[str, str]]] = {
    "tcga_normal": ("tcga_hnsc", {"group": "normal"}),
    "mirdata_control": ("mirdata", {"group": "cc"}),
    "mirdata_all": ("mirdata", {}),  # 7 controls and 7 patients, between whom next to nothing differs
}


@dataclass(frozen=True)
class Scenario:
    """What is done to which samples; ``sets`` data sets of it are made."""

    name: str
    part: str
    source: str
    about: str
    sets: int
    n_per_group: tuple[int, int] | None = None
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class DataSet:
    """One input for every method.

    ``counts`` holds the isomiRs that all methods see, with totals from before the filters and a column ``group``.
    ``mirnas`` (mirna, value, nominal, changed, usage) and ``isomirs`` (isomir, value) are the truth, natural log; None
    where there is none. They are about ``term`` of ``formula``, whose other columns are ``covariates``.
    """

    scenario: str
    number: int
    counts: xr.Dataset
    mirnas: pd.DataFrame | None
    isomirs: pd.DataFrame | None
    formula: str = "~ group"
    term: str = TERM
    covariates: tuple[str, ...] = ()


TABLE = (
    Scenario("tcga_normal", "table", "tcga_normal", "TCGA normal tissue, 5 against 5", 50, (5, 5)),
    Scenario("mirdata_control", "table", "mirdata_control", "amygdala controls, 3 against 4", 50, (3, 4)),
)
_TCGA = replace(TABLE[0], part="variants", sets=12)


def _variant(name: str, about: str, **changes: Any) -> Scenario:
    options = {k: v for k, v in changes.items() if k not in Scenario.__dataclass_fields__}
    fields = {k: v for k, v in changes.items() if k in Scenario.__dataclass_fields__}
    return replace(_TCGA, name=name, about=about, options=options, **fields)


#: All but the named change as in the first scenario of the table, whose data sets of the same number have the same
#: split and the same chosen miRNAs.
VARIANTS = (
    _variant("samples_3", "3 against 3", n_per_group=(3, 3)),
    _variant("samples_3_7", "3 against 7", n_per_group=(3, 7)),
    _variant("samples_7", "7 against 7, amygdala", source="mirdata_all", n_per_group=(7, 7)),
    _variant("samples_10", "10 against 10, drawn from the model", source="model", n_per_group=(10, 10)),
    _variant("samples_20", "20 against 20, drawn from the model", source="model", n_per_group=(20, 20)),
    _variant("effect_1.5", "effect 1.5 in [1, 2]", effect=1.5),
    _variant("effect_4", "effect 4 in [3, 5]", effect=4.0),
    _variant("reads_75", "75 % of the reads", keep_reads=0.75),
    _variant("reads_50", "50 % of the reads", keep_reads=0.5),
    _variant("reads_50_in_B", "50 % of the reads in one group", keep_reads={"B": 0.5}),
    _variant("all_up", "all 40 changed miRNAs up", direction="up"),
    _variant("all_up_4", "all up, effect 4 in [3, 5]", direction="up", effect=4.0),
    _variant("abundant", "the most abundant miRNAs may change too", max_cpm=float("inf")),
    _variant("abundant_up", "the same, all up", max_cpm=float("inf"), direction="up"),
)
NULLS = (
    Scenario("null_tcga_normal", "nulls", "tcga_normal", "TCGA normal tissue, 5 against 5", 100, (5, 5)),
    Scenario(
        "null_mirdata_control", "nulls", "mirdata_control", "amygdala controls, 3 against 4", 35, (3, 4)
    ),
    Scenario("null_mirdata_all", "nulls", "mirdata_all", "amygdala, 7 against 7", 100, (7, 7)),
)
REPLICATION = Scenario(
    "halves", "replication", "tcga_halves", "TCGA, tumour against normal, 5 patients each", 20
)
SCENARIOS = {s.name: s for s in (*TABLE, *VARIANTS, *NULLS, REPLICATION)}


@cache
def real(folder: str) -> xr.Dataset:
    """Unfiltered counts of a folder of the optional data."""
    at = SHARED / "data" / folder
    return bm.read_counts(at / "counts.tsv.gz", samples=at / "samples.tsv")


def data_present() -> bool:
    return (SHARED / "data" / "tcga_hnsc").is_dir() and (SHARED / "data" / "mirdata").is_dir()


def make(name: str, number: int) -> list[DataSet]:
    """Return data set ``number`` (from 0) of a scenario; of the replication its two halves."""
    scenario = SCENARIOS[name]
    seed = SEED * 1000 + number
    if scenario.part == "replication":
        return _halves(scenario, number, seed)
    if scenario.source == "model":
        return [_from_model(scenario, number, seed)]
    folder, where = SOURCES[scenario.source]
    if scenario.part == "nulls":
        return [_split(scenario, number, seed)]
    made = bm.simulate_into(
        real(folder),
        where=where or None,
        n_per_group=scenario.n_per_group,
        groups=GROUPS,
        seed=seed,
        **scenario.options,
    )
    truth = made.truth.mirnas.merge(made.truth.effects, on="mirna")
    isomirs = made.truth.isomir_effects[["mirna", "isomir", "value"]]
    return [DataSet(name, number, made.retained, truth, isomirs)]


def _split(scenario: Scenario, number: int, seed: int) -> DataSet:
    """A random split in which nothing is changed: a factor of 1 in every chosen isomiR."""
    folder, where = SOURCES[scenario.source]
    made = bm.simulate_into(
        real(folder), where=where or None, n_per_group=scenario.n_per_group, groups=GROUPS, effect=1.0, effect_sd=0.0,
        seed=seed,
    )  # fmt: skip
    truth = made.truth.mirnas.merge(made.truth.effects, on="mirna").assign(changed=False, usage=False)
    return DataSet(scenario.name, number, made.retained, truth, None)


def _from_model(scenario: Scenario, number: int, seed: int) -> DataSet:
    """Larger groups than the real data allow: 100 miRNAs, 20 up and 20 down by the usual mean log multiplier."""
    assert scenario.n_per_group is not None
    rng = np.random.default_rng([seed, 1])
    log_fc = np.zeros(100)
    log_fc[rng.permutation(100)[:40]] = np.repeat([0.65, -0.65], 20)
    changed = log_fc != 0
    drawn = bm.simulate(
        scenario.n_per_group, GROUPS, n_mirnas=100, beta={TERM: log_fc}, sd_isomir_slope=np.where(changed, 0.3, 0.0),
        seed=seed,
    )  # fmt: skip
    counts = bm.filter_counts(drawn.counts.isel(isomir=slice(None, -1)))
    effects = drawn.truth.effects.query("term == @TERM")[["mirna", "value"]]
    truth = drawn.truth.mirnas[["mirna", "changed", "usage"]].merge(effects, on="mirna")
    truth = truth[truth["mirna"].isin(set(counts["mirna"].values))].assign(nominal=lambda t: t["value"])
    isomirs = drawn.truth.isomir_effects.query("term == @TERM")[["mirna", "isomir", "value"]]
    isomirs = isomirs[isomirs["isomir"].isin(set(counts["isomir"].values))]
    return DataSet(scenario.name, number, counts, truth, isomirs)


def _halves(scenario: Scenario, number: int, seed: int) -> list[DataSet]:
    """Two halves of the patients, tumour (B) against normal (A) in each; the same isomiRs in both."""
    counts = bm.filter_counts(real("tcga_hnsc"))
    label = np.where(counts["group"].values == "tumor", GROUPS[1], GROUPS[0]).astype(object)
    counts = counts.assign_coords(group=("sample", label))
    patients = np.array(sorted(set(counts["case"].values)))
    many = scenario.options.get("patients", len(patients) // 2)
    order = np.random.default_rng(seed).permutation(patients)
    halves = order[:many], order[many : 2 * many]
    return [
        DataSet(
            scenario.name,
            2 * number + half,
            counts.isel(sample=np.flatnonzero(np.isin(counts["case"].values, halves[half]))),
            None,
            None,
        )
        for half in (0, 1)
    ]
