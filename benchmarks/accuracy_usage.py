"""Power and false positives of the tests of differential isomiR usage.

Slopes drawn from the model say what the tests do when the model holds; multiplied real counts, and random splits of
real tissue in which nothing was changed, what they do when it does not.
"""

import numpy as np
import pandas as pd
from accuracy_cache import Cache
from accuracy_data import NULLS, SEED, TABLE

import bayes_mirglmm as bm

SIZES = (3, 5, 10, 20)
SLOPES = (0.0, 0.1, 0.2, 0.3, 0.5)
LEVEL = 0.05
LOG_BF = (1.0, 3.0)
#: The tests: name, column of a usage table, and when it says that usage differs.
TESTS = {
    "lrt": ("p_value", lambda v: v <= LEVEL),
    "lrt_chi2": ("p_value_chi2", lambda v: v <= LEVEL),
    **{f"log_bf_above_{limit:g}": ("log_bf10", lambda v, limit=limit: v > limit) for limit in LOG_BF},
}
QUANTILES = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)


def slopes(size: int, slope: float, n_mirnas: int) -> pd.DataFrame:
    """Return the usage table of miRNAs drawn from the model whose isomiR slopes have the SD ``slope``."""
    drawn = bm.simulate(size, n_mirnas=n_mirnas, changed=0.0, usage=1.0, sd_isomir_slope=slope, seed=SEED)
    counts = bm.filter_counts(drawn.counts.isel(isomir=slice(None, -1)))
    fit = bm.fit(counts, "~ group", reference={"group": "A"}, method="laplace", progress=False)
    return fit.usage().assign(n_per_group=size, sd_slope=slope)


def slopes_table(cases: list[pd.DataFrame]) -> pd.DataFrame:
    """Return the share of calls of each test by group size and slope SD; a slope SD of 0 gives false positives."""
    rows = []
    for (size, slope), group in pd.concat(cases).groupby(["n_per_group", "sd_slope"]):
        row = {"n_per_group": size, "sd_slope": slope, "mirnas": len(group)}
        rows.append(row | shares(group) | {"median_log_bf": group["log_bf10"].median()})
    return pd.DataFrame(rows)


def into_table(cache: Cache) -> pd.DataFrame:
    """Return shares of calls in multiplied real counts, among miRNAs whose isomiRs differ and those left alone."""
    rows = []
    for scenario in TABLE:
        for number in cache.numbers(scenario.name):
            truth = cache.read(scenario.name, number, "truth", "mirnas")
            ml, laplace = (cache.read(scenario.name, number, name, "usage") for name in ("ml", "laplace"))
            if truth is None or ml is None:
                continue
            if laplace is not None:
                ml = ml.drop(columns="log_bf10").merge(laplace[["mirna", "log_bf10"]], on="mirna", how="left")
            table = truth[["mirna", "usage"]].merge(ml, on="mirna", how="left")
            for usage, group in table.groupby("usage"):
                row = {
                    "source": scenario.name,
                    "number": number,
                    "isomirs_differ": bool(usage),
                    "mirnas": len(group),
                }
                rows.append(row | shares(group))
    return pd.DataFrame(rows)


def into_summary(rows: pd.DataFrame) -> pd.DataFrame:
    if rows.empty:
        return rows
    grouped = rows.groupby(["source", "isomirs_differ"])
    table = grouped[list(TESTS)].mean().join(grouped[list(TESTS)].std().add_suffix("_sd"))
    table.insert(0, "sets", grouped.size())
    return table.reset_index()


def nulls_table(cache: Cache) -> pd.DataFrame:
    """Return the share of calls at 0.05 in each random split of real tissue, a row a split."""
    rows = []
    for scenario in NULLS:
        for number in cache.numbers(scenario.name):
            usage = cache.read(scenario.name, number, "ml", "usage")
            effects = cache.read(scenario.name, number, "ml", "mirnas")
            if usage is None or effects is None:
                continue
            row = {"source": scenario.name, "about": scenario.about, "number": number, "mirnas": len(usage)}
            row |= {name: shares(usage)[name] for name in ("lrt", "lrt_chi2")}
            row["effect"] = float((effects["rank"] <= LEVEL).mean())
            laplace = cache.read(scenario.name, number, "laplace", "usage")
            if laplace is not None:
                row |= {name: value for name, value in shares(laplace).items() if name.startswith("log_bf")}
            rows.append(row)
    return pd.DataFrame(rows)


def nulls_summary(rows: pd.DataFrame) -> pd.DataFrame:
    """Return mean and quantiles over splits of the share of calls, a row for each source and test."""
    found = []
    for (source, about), group in rows.groupby(["source", "about"], sort=False) if len(rows) else ():
        for test in (name for name in (*TESTS, "effect") if name in group and group[name].notna().any()):
            row = {
                "source": source,
                "about": about,
                "test": test,
                "splits": int(group[test].notna().sum()),
                "mean": group[test].mean(),
            }
            found.append(row | {f"q{100 * q:g}": group[test].quantile(q) for q in QUANTILES})
    return pd.DataFrame(found)


def shares(table: pd.DataFrame) -> dict[str, float]:
    """Return the share of miRNAs that each test calls; a miRNA without a test is not called."""
    found = {}
    for name, (column, calls) in TESTS.items():
        values = table[column].to_numpy(float)
        found[name] = float(np.mean(calls(values))) if np.isfinite(values).any() else float("nan")
    return found
