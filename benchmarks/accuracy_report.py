"""From the cache to small tables, figures and the page: no number is copied by hand."""

import os
import platform
from collections.abc import Callable
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import accuracy_usage as usage
import numpy as np
import pandas as pd
from accuracy_cache import Cache
from accuracy_data import SEED, TABLE, VARIANTS
from accuracy_figures import draw_nulls, draw_table
from accuracy_methods import LABELS
from accuracy_metrics import isomir_metrics, mirna_metrics, summarise
from accuracy_page import fill_page
from accuracy_replication import replication_table

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
PAGE = HERE.parent / "docs" / "accuracy.md"
IMAGES = HERE.parent / "docs" / "images"
PACKAGES = ("bayes-mirglmm", "numpy", "scipy", "statsmodels", "pydeseq2")
OF_VARIANTS = 12  # data sets of each variant, and so many of the table's first scenario to compare them with


def metric_rows(cache: Cache, scenario: str, limit: int | None = None) -> pd.DataFrame:
    """Return the numbers of every method on every data set of a scenario."""
    rows = []
    for number in cache.numbers(scenario)[:limit]:
        truth = cache.read(scenario, number, "truth", "mirnas")
        if truth is None:
            continue
        for method, (seconds, error) in cache.about(scenario, number).items():
            found = cache.read(scenario, number, method, "mirnas")
            if found is None:
                continue
            numbers = mirna_metrics(truth, found)
            row = {"scenario": scenario, "number": number, "method": method}
            rows.append(row | numbers | {"seconds": seconds, "failed_sets": float(bool(error))})
    return pd.DataFrame(rows)


def isomir_rows(cache: Cache, scenario: str) -> pd.DataFrame:
    """Return isomiR-level numbers, on the data sets that every method has."""
    rows = []
    for number in cache.numbers(scenario):
        truth, isomirs = (cache.read(scenario, number, "truth", part) for part in ("mirnas", "isomirs"))
        if truth is None or isomirs is None:
            continue
        changed = set(truth.loc[truth["changed"], "mirna"])
        for method in cache.about(scenario, number):
            found = cache.read(scenario, number, method, "isomirs")
            if found is not None:
                row = {"scenario": scenario, "number": number, "method": method}
                rows.append(row | isomir_metrics(isomirs, found, changed))
    table = pd.DataFrame(rows)
    if table.empty:
        return table
    per_set = table.groupby("number")["method"].nunique()
    return table[table["number"].isin(per_set.index[per_set == per_set.max()])]


def table_part(cache: Cache) -> pd.DataFrame:
    """Return the accuracy table: each source, and both together."""
    parts = [metric_rows(cache, scenario.name) for scenario in TABLE]
    rows = pd.concat(parts, ignore_index=True)
    if rows.empty:
        return rows
    together = summarise(rows, ["method"])
    together.insert(0, "source", "both")
    alone = summarise(rows.assign(source=rows["scenario"]), ["source", "method"])
    return in_order(pd.concat([together, alone], ignore_index=True))


def with_recorded(table: pd.DataFrame, path: Path, today: str) -> pd.DataFrame:
    """Keep rows of methods that were measured earlier and are not in the cache; ``measured`` says when each row was.

    Data sets are made from their numbers alone, so that methods measured on other days had the same ones.
    """
    table = table.assign(measured=today)
    if not path.exists():
        return table
    recorded = pd.read_csv(path, sep="\t", comment="#")
    if "measured" not in recorded:
        recorded["measured"] = path.read_text().split(";")[0].removeprefix("# ")
    recorded = recorded[~recorded["method"].isin(table["method"])]
    return in_order(pd.concat([table, recorded[[c for c in table if c in recorded]]], ignore_index=True))


def missing_parts(table: pd.DataFrame, path: Path) -> list[str]:
    """Return the methods and columns of a recorded table that have no numbers in a new one."""
    recorded = pd.read_csv(path, sep="\t", comment="#") if path.exists() else pd.DataFrame()
    columns = [
        str(c) for c in recorded if recorded[c].notna().any() and not (c in table and table[c].notna().any())
    ]
    if "method" in recorded and "method" in table:
        columns += sorted(set(recorded["method"]) - set(table["method"]))
    return columns


def variants_part(cache: Cache) -> pd.DataFrame:
    first = metric_rows(cache, TABLE[0].name, OF_VARIANTS)
    rows = pd.concat([first, *(metric_rows(cache, v.name) for v in VARIANTS)], ignore_index=True)
    if rows.empty or set(rows["scenario"]) == {TABLE[0].name}:
        return pd.DataFrame()
    table = summarise(rows.assign(variant=rows["scenario"]), ["variant", "method"])
    about = {v.name: v.about for v in (TABLE[0], *VARIANTS)}
    table.insert(1, "about", table["variant"].map(about))
    return in_order(table)


def isomirs_part(cache: Cache) -> pd.DataFrame:
    rows = [r for r in (isomir_rows(cache, s.name) for s in TABLE) if len(r)]
    if not rows:
        return pd.DataFrame()
    joined = pd.concat(rows, ignore_index=True)
    return in_order(summarise(joined.assign(source=joined["scenario"]), ["source", "method"]))


def replication_part(cache: Cache) -> pd.DataFrame:
    rows = replication_table(cache)
    if rows.empty:
        return rows
    return in_order(summarise(rows, ["method"]))


def slopes_part(cache: Cache, n_mirnas: int) -> pd.DataFrame:
    names = [f"slopes_{n}_{s:g}_{n_mirnas}" for n in usage.SIZES for s in usage.SLOPES]
    cases = [table for table in (cache.kept(name) for name in names) if table is not None]
    return usage.slopes_table(cases) if cases else pd.DataFrame()


def glmer_part(cache: Cache) -> pd.DataFrame:
    kept = cache.kept("glmer")
    return pd.DataFrame() if kept is None else kept


def nuts_part(cache: Cache) -> pd.DataFrame:
    kept = cache.kept("nuts")
    if kept is None:
        return pd.DataFrame()
    error = kept["estimate"] - kept["value"]
    inside = (kept["lower"] <= kept["value"]) & (kept["value"] <= kept["upper"])
    kept = kept.assign(mse=error**2, coverage=inside.astype(float), width=kept["upper"] - kept["lower"])
    grouped = kept.groupby(["source", "method"], sort=False)
    table = grouped[["mse", "coverage", "width", "seconds"]].mean()
    table.insert(0, "mirnas", grouped.size())
    table.insert(0, "sets", grouped["number"].nunique())
    return table.reset_index()


def memory_part(cache: Cache) -> pd.DataFrame:
    kept = cache.kept("memory")
    return pd.DataFrame() if kept is None else in_order(kept)


def in_order(table: pd.DataFrame) -> pd.DataFrame:
    """Sort the methods as :data:`LABELS` has them, keeping the order of what stands before them."""
    order = {name: i for i, name in enumerate(LABELS)}
    first = [c for c in ("source", "variant") if c in table.columns]
    rank = pd.DataFrame({c: pd.factorize(table[c])[0] for c in first} | {"m": table["method"].map(order)})
    return table.iloc[np.lexsort([rank[c] for c in reversed(rank.columns)])].reset_index(drop=True)


def report(
    cache: Cache, slope_mirnas: int, *, command: str, results: Path | None = None, page: bool = True
) -> dict[str, pd.DataFrame]:
    """Write every table that the cache has data for; with ``page`` also figures and the page."""
    nulls = usage.nulls_table(cache)
    parts: dict[str, Callable[[], pd.DataFrame]] = {
        "table": lambda: table_part(cache),
        "variants": lambda: variants_part(cache),
        "isomirs": lambda: isomirs_part(cache),
        "usage_into": lambda: usage.into_summary(usage.into_table(cache)),
        "usage_slopes": lambda: slopes_part(cache, slope_mirnas),
        "usage_nulls": lambda: usage.nulls_summary(nulls),
        "replication": lambda: replication_part(cache),
        "glmer": lambda: glmer_part(cache),
        "nuts": lambda: nuts_part(cache),
        "memory": lambda: memory_part(cache),
    }
    folder = results or RESULTS
    folder.mkdir(parents=True, exist_ok=True)
    stamp = header(cache, command)
    tables = {}
    for name, build in parts.items():
        table = build()
        if table.empty:
            continue
        path = folder / f"accuracy_{name}.tsv"
        if page and name == "table":
            table = with_recorded(table, path, str(date.today()))
        elif page and (lacking := missing_parts(table, path)):
            print(f"{path.name}: left as it is, for the cache lacks {', '.join(lacking)}", flush=True)
            continue
        tables[name] = table
        with path.open("w") as file:
            file.write(f"# {stamp}\n")
            table.to_csv(file, sep="\t", index=False, float_format="%.4g", na_rep="NA")
        print(f"accuracy_{name}.tsv: {len(table)} rows", flush=True)
    if page:
        memory = folder / "accuracy_memory.tsv"
        if "memory" not in tables and memory.exists():
            tables["memory"] = pd.read_csv(memory, sep="\t", comment="#")
        if "table" in tables:
            draw_table(tables["table"]).savefig(IMAGES / "accuracy.png", dpi=150)
        if len(nulls):
            draw_nulls(nulls).savefig(IMAGES / "usage_null_splits.png", dpi=150)
        PAGE.write_text(fill_page(PAGE.read_text(encoding="utf-8"), tables, stamp), encoding="utf-8")
    return tables


def header(cache: Cache, command: str) -> str:
    found = []
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    r_versions = cache.folder / "r_versions.txt"
    if r_versions.exists():
        found.append(r_versions.read_text().strip())
    machine = f"{platform.machine()}, {os.cpu_count()} cores"
    return f"{date.today()}; {machine}; Python {platform.python_version()}, {', '.join(found)}; seed {SEED}; {command}"
