"""The usage test under what samples share, beside the likelihood ratio test, on real samples.

Random splits of real samples between which nothing differs say how often each test calls what is not there, in one data
set and on average; usage planted into such splits says what each finds. Run with the optional data::

    nice -n 10 python benchmarks/usage_shared.py --folder OUT --splits 60 --planted 10

A fit without the groups serves every split of the same samples, and a miRNA that nothing was planted into keeps its
fits. What is done already is kept in OUT, so that a run that was stopped goes on where it was; the tables and the
figure are made from what is there.
"""

import argparse
import json
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from scipy import stats
from usage_shared_data import (
    COHORTS,
    FDR,
    LEVEL,
    SETS,
    SETTINGS,
    TESTS,
    Cohort,
    group_free,
    of_mirnas,
    other_columns,
    plant,
    profiles_of,
    relabelling,
    samples_of,
    smaller_group,
    split,
    with_planted,
)
from usage_shared_page import figure, fill_page

import bayes_mirglmm as bm
from bayes_mirglmm.cohort.usage_profiles import UsageProfiles
from bayes_mirglmm.cohort.usage_test import SharedUsageTest, shared_usage_test

RESULTS = Path(__file__).resolve().parent / "results"
DESIGNS = ("three", "number", "unequal")  # in place of two groups of one size
CASES = [(cohort, size) for cohort in COHORTS for size in cohort.sizes]


class Work:
    """Fits and results in a folder: each is made once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("cells", "lrt", "rows"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        self._counts: dict[str, xr.Dataset] = {}
        self._profiles: dict[str, UsageProfiles] = {}

    def split(self, cohort: Cohort, size: int, number: int) -> xr.Dataset:
        if cohort.name not in self._counts:
            self._counts[cohort.name] = samples_of(cohort)
        return split(cohort, self._counts[cohort.name], size, number)

    def kept(self, kind: str, stem: str, make: Callable[[], Any]) -> Any:
        at = self.folder / kind / f"{stem}.pkl"
        if not at.exists():
            made = make()
            at.with_suffix(".tmp").write_bytes(pickle.dumps(made))
            at.with_suffix(".tmp").rename(at)
        return pickle.loads(at.read_bytes())

    def row(self, stem: str, make: Callable[[], dict[str, Any]]) -> None:
        at = self.folder / "rows" / f"{stem}.json"
        if not at.exists():
            at.write_text(json.dumps(make()))
            print(stem, flush=True)

    def cells(self, cohort: Cohort, size: int, number: int) -> dict[str, Any]:
        stem = f"{cohort.name}-{size}-null-{number}"
        return self.kept("cells", stem, lambda: group_free(self.split(cohort, size, number), cohort.formula))

    def null_profiles(self, cohort: Cohort, size: int, number: int) -> UsageProfiles:
        stem = f"{cohort.name}-{size}-{number}"
        if stem not in self._profiles:
            self._profiles[stem] = profiles_of(self.cells(cohort, size, number))
        return self._profiles[stem]


def shared_test(profiles: UsageProfiles, cells: dict[str, Any], columns: np.ndarray) -> SharedUsageTest:
    """Test every miRNA along ``columns``."""
    return shared_usage_test(profiles, columns, cells["strata"], linked=cells["linked"], relabellings=19)


def run(folder: Path, splits: int, planted: int) -> None:
    """Do what is not done yet; every cohort in turn, so that a run that is stopped has some of each."""
    work = Work(folder)
    for number in range(splits):
        for cohort, size in CASES:
            work.row(
                f"{cohort.name}-{size}-null-{number}-shared",
                lambda c=cohort, n=size, k=number: null_row(work, c, n, k),
            )
    for number in range(planted):
        for cohort, size in CASES:
            for stem, make in planted_rows(work, cohort, size, number):
                work.row(stem, make)
    for number in range(splits):
        for cohort, size in CASES:
            for design in () if cohort.within else DESIGNS:
                work.row(
                    f"{cohort.name}-{size}-{design}-{number}-shared",
                    lambda c=cohort, n=size, k=number, d=design: null_row(work, c, n, k, d),
                )


def null_row(work: Work, cohort: Cohort, size: int, number: int, design: str = "null") -> dict[str, Any]:
    """Test a split without any difference under what samples share."""
    cells = work.cells(cohort, size, number % SETS)
    profiles = work.null_profiles(cohort, size, number % SETS)
    if design == "null":
        columns = cells["columns"][relabelling(cohort, size, number)]
    else:
        columns = other_columns(design, 2 * size, number)
    found = shared_test(profiles, cells, columns)
    row = measure("shared", found.p_value, np.zeros(len(found.p_value), dtype=bool))
    row |= {"within_share": float((found.p_within <= LEVEL).mean()), "mirnas": len(found.p_value)}
    row["log_bf_shared_above_1"] = float((found.log_bayes_factor > 1.0).mean())
    return row | {"lambda": found.shift.ratio, "lambda_p_value": found.shift.p_value}


def planted_rows(
    work: Work, cohort: Cohort, size: int, number: int
) -> Iterator[tuple[str, Callable[[], dict[str, Any]]]]:
    """Yield the rows of the first split of a set of samples by the likelihood ratio test, and with usage planted."""
    stem = f"{cohort.name}-{size}"

    def lrt(counts: xr.Dataset, name: str) -> pd.Series:
        return work.kept("lrt", name, lambda: lrt_p_values(counts, cohort.formula))

    def null() -> dict[str, Any]:
        p = lrt(work.split(cohort, size, number), f"{stem}-null-{number}")
        return measure("lrt", p.to_numpy(), np.zeros(len(p), dtype=bool))

    yield f"{stem}-null-{number}-lrt", null
    for setting in SETTINGS:

        def both(test: str, setting: str = setting) -> dict[str, Any]:
            counts, truth = plant(work.split(cohort, size, number), setting, number)
            some, name = of_mirnas(counts, truth), f"{stem}-{setting}-{number}-planted"
            if test == "shared":
                own = work.kept("cells", name, lambda: group_free(some, cohort.formula))
                cells = with_planted(work.cells(cohort, size, number), own)
                found = shared_test(profiles_of(cells), cells, cells["columns"])
                p = pd.Series(found.p_value, index=cells["names"])
            else:
                p = lrt(work.split(cohort, size, number), f"{stem}-null-{number}").copy()
                p.update(lrt(some, name))
            return measure(test, p.to_numpy(), p.index.isin(truth))

        for test in ("shared", "lrt"):
            yield f"{stem}-{setting}-{number}-{test}", lambda test=test, both=both: both(test)


def lrt_p_values(counts: xr.Dataset, formula: str) -> pd.Series:
    """Return the p-value of each miRNA by the likelihood ratio test; 1 where there is none."""
    table = bm.fit(counts, formula, progress=False).usage(test="lrt")
    return table.set_index("mirna")["p_value"].fillna(1.0)


def measure(test: str, p: np.ndarray, planted: np.ndarray) -> dict[str, Any]:
    """Say what a test calls among what was not planted, and how well it finds what was."""
    adjusted = stats.false_discovery_control(p)
    row = {
        f"{test}_share": float((p[~planted] <= LEVEL).mean()),
        f"{test}_any": float((adjusted[~planted] <= FDR).any()),
    }
    if planted.any():
        row |= {f"{test}_auc": auc(-p, planted), f"{test}_power": power_at_true_fdr(p, planted)}
        called = adjusted <= FDR
        row[f"{test}_found"] = float(called[planted].mean())
        row[f"{test}_false_of_called"] = float(called[~planted].sum() / max(called.sum(), 1))
    return row


def auc(score: np.ndarray, truth: np.ndarray) -> float:
    """Return the area under the ROC curve."""
    ranks = stats.rankdata(score)
    n = truth.sum()
    return float((ranks[truth].sum() - n * (n + 1) / 2) / (n * (~truth).sum()))


def power_at_true_fdr(p: np.ndarray, truth: np.ndarray) -> float:
    """Return the share of planted miRNAs in the longest list, by p, with at most 10 % false ones."""
    order = np.argsort(p, kind="stable")
    true = np.cumsum(truth[order])
    fine = (np.arange(1, len(p) + 1) - true) <= FDR * np.arange(1, len(p) + 1)
    return float(true[fine].max(initial=0) / truth.sum())


def collect(folder: Path) -> pd.DataFrame:
    """Return a row for each split that is done, cohorts and sizes in their order; NaN where a test was not made."""
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for path in sorted((folder / "rows").glob("*.json")):
        name, size, setting, number, _ = path.stem.split("-")
        found.setdefault((name, size, setting, number), {}).update(json.loads(path.read_text()))
    keys = pd.DataFrame(list(found), columns=["cohort", "n", "setting", "number"])
    rows = pd.concat([keys, pd.DataFrame(list(found.values()))], axis=1).astype({"n": int, "number": int})
    cohorts = {cohort.name: cohort for cohort in COHORTS}
    rows["about"] = rows["cohort"].map(lambda name: cohorts[name].about)
    rows["kept_back"] = rows["cohort"].map(lambda name: cohorts[name].kept_back)
    place = {name: i for i, name in enumerate(cohorts)}
    rows = rows[rows["cohort"].isin(place)]
    return rows.sort_values(
        ["cohort", "n", "setting", "number"], key=lambda v: v.map(place) if v.name == "cohort" else v
    )


def nulls_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Return mean, spread and largest share of p-values up to 0.05 over splits without any difference."""
    found = []
    for (name, about, n), group in rows[rows["setting"] == "null"].groupby(
        ["cohort", "about", "n"], sort=False
    ):
        for test in (*TESTS, "within"):
            share = group[f"{test}_share"].dropna().astype(float)
            row = {"cohort": name, "about": about, "n": int(n), "test": test, "splits": len(share)}
            row |= {
                "mean": share.mean(),
                "sd": share.std(),
                "q95": share.quantile(0.95),
                "largest": share.max(),
            }
            row["any_at_fdr_10"] = group[f"{test}_any"].mean() if test in TESTS else np.nan
            found.append(row)
        found[-2]["log_bf_shared_above_1"] = group["log_bf_shared_above_1"].mean()
        found[-2]["lambda_p_below_5"] = (group["lambda_p_value"].astype(float) <= LEVEL).mean()
    return pd.DataFrame(found)


def designs_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the same for variables of other kinds than two groups."""
    found = []
    for (name, about, n, design), group in rows[rows["setting"].isin(DESIGNS)].groupby(
        ["cohort", "about", "n", "setting"], sort=False
    ):
        share = group["shared_share"].astype(float)
        row = {"cohort": name, "about": about, "samples": 2 * int(n), "design": in_words(design, 2 * int(n))}
        row |= {"splits": len(share), "mean": share.mean(), "sd": share.std(), "q95": share.quantile(0.95)}
        found.append(row | {"largest": share.max(), "any_at_fdr_10": group["shared_any"].mean()})
    return pd.DataFrame(found)


def in_words(design: str, samples: int) -> str:
    few = smaller_group(samples)
    return {"three": "three groups", "number": "a number"}.get(design, f"{few} against {samples - few}")


def planted_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Return ranking and power over splits with planted usage."""
    found = []
    part = rows[rows["setting"].isin(SETTINGS)]
    for (name, about, n, setting), group in part.groupby(["cohort", "about", "n", "setting"], sort=False):
        both = group.dropna(subset=[f"{test}_auc" for test in TESTS])
        row = {"cohort": name, "about": about, "n": int(n), "setting": setting, "splits": len(both)}
        for what in ("auc", "power", "share"):
            row |= {f"{test}_{what}": both[f"{test}_{what}"].astype(float).mean() for test in TESTS}
        if len(both):
            found.append(row)
    return pd.DataFrame(found)


def main() -> None:
    """Run what is missing, then write the tables and the figure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, required=True, help="where splits that are done are kept")
    parser.add_argument("--splits", type=int, default=60)
    parser.add_argument("--planted", type=int, default=10, help="splits with planted usage")
    parser.add_argument(
        "--tables", action="store_true", help="only make tables and figure from what is there"
    )
    arguments = parser.parse_args()
    if not arguments.tables:
        run(arguments.folder, arguments.splits, arguments.planted)
    rows = collect(arguments.folder)
    tables = {"nulls": nulls_table(rows), "designs": designs_table(rows), "planted": planted_table(rows)}
    for name, table in tables.items():
        table.to_csv(RESULTS / f"usage_shared_{name}.tsv", sep="\t", index=False, float_format="%.4g")
        print(table.round(3).to_string(index=False))
    fill_page(**tables)
    figure(rows)


if __name__ == "__main__":
    main()
