"""From the cache of the benchmark of shared samples to tables and the page: no number is copied by hand."""

from pathlib import Path

import numpy as np
import pandas as pd
from accuracy_cache import Cache
from accuracy_methods import LABELS
from accuracy_metrics import mirna_metrics, summarise
from accuracy_page import fill, markdown, number
from accuracy_report import header
from ratiometric import consensus
from shared_samples_trials import IN_MODEL, KNOWN, NULLS, OWN, PEERS, REPLICATION, TRUTH, WAYS, Part

RESULTS = Path(__file__).resolve().parent / "results"
PAGE = RESULTS.parent.parent / "docs" / "explanation" / "shared_samples.md"
METHODS = (*OWN, "ml_shared_shrunk", *PEERS)
FACTS = ("noise_ratio", "effective_samples", "variance_left", "borrowed", "shift")
#: Scenarios in which R's methods were run, by number of samples.
GOALS = ("samples_3", "mirdata_control", "tcga_normal", "samples_7", "samples_10", "samples_20")
#: How the page names the methods; their order in its tables.
SHORT = {
    "limma": "limma-voom",
    "deseq2": "DESeq2",
    "edger": "edgeR",
    "ml": "`ml`",
    "ml_shared": "shared samples",
    "ml_shared_shrunk": "shrunken",
    "ml_joint": "all directions at once",
    "ml_joint_left_out": "the same, each miRNA left out",
    "ml_joint_known": "and effects known to who learns",
    "ml_in_model": "in the model",
}


def truth_table(
    cache: Cache, part: Part = TRUTH, methods: tuple[str, ...] = METHODS, needed: tuple[str, ...] = OWN
) -> pd.DataFrame:
    """Return the numbers of each method in each scenario with changed miRNAs; of the own also what was learned.

    Of the data sets that all of the methods ``needed`` have.
    """
    rows = []
    for scenario, sets in part:
        for n in range(sets):
            truth = cache.read(scenario.name, n, "truth", "mirnas")
            about = cache.read(scenario.name, n, "ml_shared", "about")
            tables = {method: cache.read(scenario.name, n, method, "mirnas") for method in methods}
            if any(tables[method] is None for method in needed):
                continue
            for method, found in tables.items():
                if truth is None or found is None:
                    continue
                row = {"scenario": scenario.name, "data": scenario.about, "method": method}
                row |= mirna_metrics(truth, found)
                if method == "ml_shared" and about is not None:
                    row |= {name: float(about[name].iloc[0]) for name in FACTS}
                rows.append(row)
    return _labelled(summarise(pd.DataFrame(rows), ["scenario", "data", "method"]))


def with_recorded_peers(table: pd.DataFrame) -> pd.DataFrame:
    """Add R's methods from the accuracy benchmark where it has them: on the same data sets of a scenario and more."""
    for name, key in (("accuracy_table", "source"), ("accuracy_variants", "variant")):
        recorded = pd.read_csv(RESULTS / f"{name}.tsv", sep="\t", comment="#")
        recorded = recorded[recorded["method"].isin(PEERS)].rename(columns={key: "scenario"})
        about = table.drop_duplicates("scenario").set_index("scenario")["data"]
        has = set(table.loc[table["method"].isin(PEERS), "scenario"])
        wanted = recorded[recorded["scenario"].isin(set(about.index) - has)]
        wanted = wanted.assign(data=wanted["scenario"].map(about))
        table = pd.concat([table, wanted[[c for c in table if c in wanted]]], ignore_index=True)
    return _labelled(table)


def nulls_table(cache: Cache) -> pd.DataFrame:
    """Return how often each method is wrong where nothing was changed."""
    rows = []
    for scenario, sets in NULLS:
        for n in range(sets):
            for method in (*OWN, *PEERS):
                found = cache.read(scenario.name, n, method, "mirnas")
                if found is None:
                    continue
                has = found["lower"].notna()
                inside = (found["lower"] <= 0) & (found["upper"] >= 0)
                rows.append(
                    {
                        "scenario": scenario.name,
                        "data": scenario.about,
                        "method": method,
                        "mse": (found["estimate"] ** 2).mean(),
                        "coverage": inside[has].mean() if has.any() else np.nan,
                        "p_below_0.05": (found["rank"] <= 0.05).mean(),
                        "any_call": float((found["measure"] <= 0.05).any()),
                        "calls": float((found["measure"] <= 0.05).sum()),
                    }
                )
    return _labelled(summarise(pd.DataFrame(rows), ["scenario", "data", "method"]))


def known_table(cache: Cache) -> pd.DataFrame:
    """Return the numbers on synthetic pools, against what was to be mixed and against what other laboratories found."""
    single, sets = KNOWN[0]
    names = {scenario.name: scenario.about for scenario, _ in KNOWN}
    nominal = truth_table(cache, KNOWN, (*OWN, *PEERS))
    nominal.insert(3, "truth", "nominal ratios")
    rows = []
    for method in (*OWN, *PEERS):
        found = {n: cache.read(single.name, n, method, "mirnas") for n in range(sets)}
        found = {n: table for n, table in found.items() if table is not None}
        for n, table in found.items():
            truth = cache.read(single.name, n, "truth", "mirnas")
            assert truth is not None
            others = consensus([other for k, other in found.items() if k != n], truth)
            rows.append(
                {
                    "scenario": single.name,
                    "data": names[single.name],
                    "method": method,
                    "truth": "other laboratories",
                }
                | mirna_metrics(others, table)
            )
    measured = _labelled(summarise(pd.DataFrame(rows), ["scenario", "data", "method", "truth"]))
    return pd.concat([nominal, measured[[c for c in nominal if c in measured]]], ignore_index=True)


def replication_table(cache: Cache) -> pd.DataFrame:
    """Return how far two halves of the patients, or of the libraries, agree."""
    rows = []
    for scenario, sets in REPLICATION:
        for n in range(sets):
            for method in (*OWN, *PEERS):
                halves = [cache.read(scenario.name, 2 * n + half, method, "mirnas") for half in (0, 1)]
                if halves[0] is None or halves[1] is None:
                    continue
                both = halves[0].merge(halves[1], on="mirna").dropna(subset=["estimate_x", "estimate_y"])
                called = [both[f"measure_{half}"] <= 0.05 for half in "xy"]
                same = np.sign(both["estimate_x"]) == np.sign(both["estimate_y"])
                difference = both["estimate_x"] - both["estimate_y"]
                difference -= difference.median()  # what all share is an offset
                error = both["std_error_x"] ** 2 + both["std_error_y"] ** 2
                rows.append(
                    {
                        "data": scenario.about,
                        "method": method,
                        "correlation": np.corrcoef(both["estimate_x"], both["estimate_y"])[0, 1],
                        "mean_squared_difference": (difference**2).mean(),
                        "squared_difference_over_error": (difference**2 / error).mean(),
                        "called": (called[0].sum() + called[1].sum()) / 2,
                        "called_in_both": float((called[0] & called[1]).sum()),
                        "same_sign": same[called[0] | called[1]].mean(),
                    }
                )
    return _labelled(summarise(pd.DataFrame(rows), ["data", "method"]))


def ways_table(cache: Cache) -> pd.DataFrame:
    """Return the effects beside those that other ways to use what samples share give."""
    methods = ("ml_shared", "ml_joint", "ml_joint_left_out", "ml_joint_known")
    return truth_table(cache, WAYS, methods, methods)


def in_model_table(cache: Cache) -> pd.DataFrame:
    """Return effects after the fit beside those of a second fit that has the learned covariance in the model."""
    methods = ("ml", "ml_shared", "ml_in_model")
    return truth_table(cache, IN_MODEL, methods, methods)


def _labelled(table: pd.DataFrame) -> pd.DataFrame:
    order = {name: place for place, name in enumerate(LABELS)}
    first = {name: place for place, name in enumerate(dict.fromkeys(table.get("scenario", table["data"])))}
    keys = pd.DataFrame(
        {
            "s": table.get("scenario", table["data"]).map(first),
            "m": table["method"].map(order).fillna(len(order)),
        }
    )
    return table.iloc[np.lexsort([keys["m"], keys["s"]])].reset_index(drop=True)


TABLES = {
    "truth": lambda cache: with_recorded_peers(truth_table(cache)),
    "nulls": nulls_table,
    "known": known_table,
    "replication": replication_table,
    "ways": ways_table,
    "in_model": in_model_table,
}


def report(cache: Cache, command: str) -> None:
    """Write every table, and the page."""
    stamp, tables = header(cache, command), {}
    for name, build in TABLES.items():
        tables[name] = build(cache)
        path = RESULTS / f"shared_samples_{name}.tsv"
        with path.open("w") as file:
            file.write(f"# {stamp}\n")
            tables[name].to_csv(file, sep="\t", index=False, float_format="%.4g", na_rep="NA")
        print(path)
    page = PAGE.read_text(encoding="utf-8")
    page = fill(page, "truth", truth_text(tables["truth"]))
    page = fill(page, "goals", goals_text(tables["truth"]))
    page = fill(page, "nulls", nulls_text(tables["nulls"]))
    page = fill(page, "known", known_text(tables["known"]))
    page = fill(page, "replication", replication_text(tables["replication"]))
    page = fill(page, "ways", truth_text(tables["ways"]))
    page = fill(page, "in_model", truth_text(tables["in_model"]))
    PAGE.write_text(page, encoding="utf-8")


def truth_text(table: pd.DataFrame) -> str:
    """A row per scenario, a column per method."""
    return _wide(table, "data", _truth_cell)


def goals_text(table: pd.DataFrame) -> str:
    """Against the best other method in each number, where the others were run."""
    rows = []
    for name in GOALS:
        own = table[table["scenario"] == name].set_index("method")
        others, ours = own.loc[own.index.intersection(PEERS)], own.loc["ml_shared"]
        best, error = others["tpr_matched"].max(), others["mse_all"].min()
        gain = ours["tpr_matched"] - best
        rows.append(
            {
                "data": str(ours["data"]),
                "power": f"{number(ours['tpr_matched'], 2)}, best other {number(best, 2)} ({gain:+.2f})",
                "false among the called": number(ours["fdr"], 2),
                "squared error over the best other's": number(ours["mse_all"] / error, 2),
                "coverage, unchanged": number(ours["coverage_null"], 2),
                "changed": number(ours["coverage_changed"], 2),
            }
        )
    return markdown(rows)


def _truth_cell(row: pd.Series) -> str:
    coverage = f"{number(row['coverage_null'], 2)} {number(row['coverage_changed'], 2)}"
    numbers = [number(row["mse_all"] * 1000, 1 if row["mse_all"] < 0.01 else 0), coverage]
    numbers += [number(row[name], 2) for name in ("tpr", "fdr", "tpr_matched")]
    return " / ".join(n.replace("0.", ".") for n in numbers)


def nulls_text(table: pd.DataFrame) -> str:
    return _wide(table, "data", lambda row: _shares(row, ("any_call", "p_below_0.05", "coverage")))


def known_text(table: pd.DataFrame) -> str:
    own = table.assign(data=table["data"] + "; " + table["truth"])
    return _wide(own, "data", _truth_cell)


def replication_text(table: pd.DataFrame) -> str:
    rows = [
        {
            "data": f"{row['data']} ({row['sets']:.0f})",
            "method": SHORT[row["method"]],
            "correlation": number(row["correlation"], 3),
            "mean squared difference": number(row["mean_squared_difference"], 3),
            "the same over its variance": number(row["squared_difference_over_error"], 2),
            "called in a half": number(row["called"], 1),
            "called in both": number(row["called_in_both"], 1),
            "same sign": number(row["same_sign"], 3),
        }
        for _, row in table.iterrows()
    ]
    return markdown(rows)


def _shares(row: pd.Series, names: tuple[str, ...]) -> str:
    return " / ".join(number(row[name], 2).replace("0.", ".") for name in names)


def _wide(table: pd.DataFrame, key: str, cell: object) -> str:
    methods = [m for m in SHORT if m in set(table["method"])]
    rows = []
    for name in dict.fromkeys(table[key]):
        own = table[table[key] == name].set_index("method")
        sets = int(own.loc[own.index.difference(PEERS), "sets"].min())
        row = {f"{key} (data sets)": f"{name} ({sets})"}
        for method in methods:
            row[SHORT[method]] = cell(own.loc[method]) if method in own.index else "\u2013"  # type: ignore[operator]
        rows.append(row)
    return markdown(rows)
