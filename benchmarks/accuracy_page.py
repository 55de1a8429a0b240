"""The tables of docs/accuracy.md, between markers ``<!-- name -->`` and ``<!-- /name -->``."""

import numpy as np
import pandas as pd
from accuracy_data import TABLE
from accuracy_methods import LABELS

MISSING = "-"
OWN = ("ml", "laplace", "nuts", "preset", "poisson")
#: Milli units where a mean squared error or variance is shown, as in the paper.
MILLI = {"mse_all", "mse_null", "mse_changed", "mse_nominal", "var_null", "var_changed", "mse"}


def fill_page(page: str, tables: dict[str, pd.DataFrame], stamp: str) -> str:
    """Return the page with every table that there is, and where they come from."""
    page = fill(page, "provenance", f"`{stamp}`")
    texts = {
        "table": table_text,
        "variants": variants_text,
        "isomirs": isomirs_text,
        "usage_slopes": slopes_text,
        "usage_into": into_text,
        "usage_nulls": nulls_text,
        "replication": replication_text,
        "glmer": glmer_text,
        "nuts": nuts_text,
    }
    for name, text in texts.items():
        if name in tables:
            extra = (tables.get("memory"),) if name == "table" else ()
            page = fill(page, name, text(tables[name], *extra))
    if "table" in tables:
        page = fill(page, "best", best_text(tables["table"]))
        page = fill(page, "goals", goals_text(tables["table"]))
    return page


def table_text(table: pd.DataFrame, memory: pd.DataFrame | None) -> str:
    peak = {} if memory is None else memory.set_index("method")["peak_mb"].to_dict()
    parts = []
    sources = {"both": "All data sets", **{s.name: s.about for s in TABLE}}
    for source, title in sources.items():
        own = table[table["source"] == source]
        rows = [
            {
                "method": LABELS[r["method"]],
                "sets": f"{r['sets']}",
                "MSE": spread(r, "mse_all"),
                "null": one(r, "mse_null"),
                "changed": one(r, "mse_changed"),
                "against nominal": one(r, "mse_nominal"),
                "coverage": spread(r, "coverage"),
                "var. null": one(r, "var_null"),
                "var. changed": one(r, "var_changed"),
                "TPR": spread(r, "tpr"),
                "TNR": spread(r, "tnr"),
                "FDR": spread(r, "fdr"),
                "TPR, matched": spread(r, "tpr_matched"),
                "AUC": spread(r, "auc"),
                "failures": f"{r['failures']:.0f}",
                "seconds": f"{r['seconds']:.2g}",
            }
            | ({"peak MB": f"{peak[r['method']]:.0f}" if r["method"] in peak else MISSING} if peak else {})
            for r in own.to_dict("records")
        ]
        if rows:
            parts.append(f"**{title}**\n\n{markdown(rows)}")
    return "\n\n".join(parts)


def best_text(table: pd.DataFrame) -> str:
    """Who is best at what: the best of this package beside the best of the others, whoever wins."""
    measures = {
        "MSE": ("mse_all", lambda v: v),
        "MSE, changed miRNAs": ("mse_changed", lambda v: v),
        "coverage nearest to 0.95": ("coverage", lambda v: (v - 0.95).abs()),
        "TPR": ("tpr", lambda v: -v),
        "TPR among methods with FDR up to 0.05": ("tpr", lambda v: -v),
        "TPR, matched": ("tpr_matched", lambda v: -v),
        "AUC": ("auc", lambda v: -v),
        "seconds": ("seconds", lambda v: v),
    }
    rows = []
    most = table.groupby("source")["sets"].transform("max")
    full = table[table["sets"] == most]  # methods that were run on all data sets
    for scenario in TABLE:
        for title, (name, badness) in measures.items():
            own = full[full["source"] == scenario.name]
            if "FDR" in title:
                own = own[own["fdr"] <= 0.05]
            row = {"data": scenario.about, "measure": title}
            for side, mine in (("this package", True), ("others", False)):
                part = own[own["method"].str.split("_").str[0].isin(OWN) == mine].dropna(subset=[name])
                if part.empty:
                    row[side] = MISSING
                    continue
                found = part.loc[badness(part[name]).idxmin()].to_dict()
                value = f"{found[name]:.2g}" if name == "seconds" else one(found, name)
                row[side] = f"{LABELS[found['method']]}: {value}"
            rows.append(row)
    return markdown(rows)


def goals_text(table: pd.DataFrame) -> str:
    """The mean squared error of this package's settings against the preset's, and their coverage."""
    rows = []
    for source in dict.fromkeys(table["source"]):
        own = table[table["source"] == source].set_index("method")
        if "preset" not in own.index:
            continue
        for method in [
            m for m in own.index if m.split("_")[0] in OWN and own.loc[m, "sets"] == own["sets"].max()
        ]:
            change = own.loc[method, "mse_all"] / own.loc["preset", "mse_all"] - 1
            coverage = own.loc[method, "coverage"]
            rows.append(
                {
                    "data": "all" if source == "both" else about(source),
                    "method": LABELS[method],
                    "MSE against the preset": f"{100 * change:+.0f} %",
                    "coverage": number(coverage, 3),
                    "between 0.94 and 0.96": "yes" if 0.94 <= coverage <= 0.96 else "no",
                }
            )
    return markdown(rows) if rows else MISSING


def variants_text(table: pd.DataFrame) -> str:
    """A table for each of four numbers: a row a variant, a column a method."""
    parts = []
    methods = [
        m
        for m in LABELS
        if m in set(table["method"]) and table.loc[table["method"] == m, "variant"].nunique() > 1
    ]
    for name, title in (
        ("mse_all", "Mean squared error (times 1000)"),
        ("coverage", "95 % coverage"),
        ("tpr", "True positive rate"),
        ("fdr", "False discovery rate"),
    ):
        rows = []
        for about in dict.fromkeys(table["about"]):
            own = table[table["about"] == about].set_index("method")
            cells = {
                LABELS[m]: one(own.loc[m].to_dict(), name) if m in own.index else MISSING for m in methods
            }
            rows.append({"variant": about} | cells)
        parts.append(f"**{title}**\n\n{markdown(rows)}")
    return "\n\n".join(parts)


def isomirs_text(table: pd.DataFrame) -> str:
    return markdown(
        [
            {
                "data": about(r["source"]),
                "method": LABELS[r["method"]],
                "sets": f"{r['sets']}",
                "MSE": spread(r, "mse_all"),
                "of miRNAs left alone": one(r, "mse_null"),
                "of changed miRNAs": one(r, "mse_changed"),
                "coverage": spread(r, "coverage"),
                "failures": f"{r['failures']:.0f}",
            }
            for r in table.to_dict("records")
        ]
    )


def slopes_text(table: pd.DataFrame) -> str:
    return markdown(
        [
            {
                "samples a group": f"{r['n_per_group']:.0f}",
                "SD of slopes": f"{r['sd_slope']:g}",
                "miRNAs": f"{r['mirnas']:.0f}",
                "LRT": f"{r['lrt']:.2f}",
                "LRT, chi-squared": f"{r['lrt_chi2']:.2f}",
                "log BF > 1": f"{r['log_bf_above_1']:.2f}",
                "log BF > 3": f"{r['log_bf_above_3']:.2f}",
                "median log BF": f"{r['median_log_bf']:+.2f}",
            }
            for r in table.to_dict("records")
        ]
    )


def into_text(table: pd.DataFrame) -> str:
    return markdown(
        [
            {
                "data": about(r["source"]),
                "isomiRs": "multiplied by different numbers" if r["isomirs_differ"] else "left alone",
                "sets": f"{r['sets']}",
                "LRT": spread(r, "lrt"),
                "LRT, chi-squared": spread(r, "lrt_chi2"),
                "log BF > 1": spread(r, "log_bf_above_1"),
                "log BF > 3": spread(r, "log_bf_above_3"),
            }
            for r in table.to_dict("records")
        ]
    )


def nulls_text(table: pd.DataFrame) -> str:
    tests = {
        "lrt": "usage, LRT",
        "lrt_chi2": "usage, LRT, chi-squared",
        "log_bf_above_1": "usage, log BF > 1",
        "log_bf_above_3": "usage, log BF > 3",
        "effect": "log fold change",
    }
    quantiles = [c for c in table.columns if c.startswith("q") and c[1:].replace(".", "").isdigit()]
    names = {"q0": "smallest", "q100": "largest"}
    return markdown(
        [
            {
                "data": r["about"],
                "test": tests[r["test"]],
                "splits": f"{r['splits']}",
                "mean": f"{r['mean']:.2f}",
            }
            | {names.get(q, f"{q[1:]} %"): f"{r[q]:.2f}" for q in quantiles}
            for r in table.to_dict("records")
        ]
    )


def replication_text(table: pd.DataFrame) -> str:
    return markdown(
        [
            {
                "method": LABELS[r["method"]],
                "splits": f"{r['sets']}",
                "correlation": spread(r, "pearson"),
                "rank correlation": spread(r, "spearman"),
                "rms difference": spread(r, "rms_difference"),
                "called in a half": f"{r['called_in_half']:.1f}",
                "in both": f"{r['called_in_both']:.1f}",
            }
            for r in table.to_dict("records")
        ]
    )


def glmer_text(table: pd.DataFrame) -> str:
    rows = []
    for source, own in table.groupby("set", sort=False):
        difference = (own["estimate_preset"] - own["estimate_glmer"]).abs() / own["std_error_preset"]
        error = (own["std_error_preset"] / own["std_error_glmer"]).dropna()
        rows.append(
            {
                "data": about(str(source)),
                "miRNAs": f"{len(own)}",
                "glmer.nb gave no fit": f"{int(own['estimate_glmer'].isna().sum())}",
                "same choice of model": f"{int((own['singular'] == own['reduced']).sum())}",
                "difference in SE, median": f"{difference.median():.3f}",
                "largest": f"{difference.max():.2f}",
                "ratio of SEs, median": f"{error.median():.3f}",
                "seconds a miRNA, glmer.nb": f"{own['seconds_glmer'].mean():.2g}",
                "preset": f"{own['seconds_preset'].mean():.2g}",
            }
        )
    return markdown(rows)


def nuts_text(table: pd.DataFrame) -> str:
    return markdown(
        [
            {
                "data": about(r["source"]),
                "method": LABELS[r["method"]],
                "data sets": f"{r['sets']}",
                "miRNAs": f"{r['mirnas']}",
                "MSE": number(r["mse"] * 1000, 1),
                "coverage": number(r["coverage"], 3),
                "width": number(r["width"], 2),
                "seconds a miRNA": f"{r['seconds']:.2g}",
            }
            for r in table.to_dict("records")
        ]
    )


def about(source: str) -> str:
    return next((s.about for s in TABLE if s.name == source), source)


def one(row: dict, name: str) -> str:
    return number(row[name] * 1000, 1) if name in MILLI else number(row[name], 3)


def spread(row: dict, name: str) -> str:
    """Mean and SD over data sets."""
    sd = row.get(f"{name}_sd", np.nan)
    if not np.isfinite(row[name]):
        return MISSING
    scale, digits = (1000, 1) if name in MILLI else (1, 3)
    if not np.isfinite(sd):
        return number(row[name] * scale, digits)
    return f"{number(row[name] * scale, digits)}\u00a0±\u00a0{number(sd * scale, digits)}"


def number(value: float, digits: int) -> str:
    return f"{value:.{digits}f}" if np.isfinite(value) else MISSING


def markdown(rows: list[dict[str, str]]) -> str:
    names = list(rows[0])
    lines = ["| " + " | ".join(names) + " |", "|---" + "|---:" * (len(names) - 1) + "|"]
    return "\n".join([*lines, *("| " + " | ".join(row[n] for n in names) + " |" for row in rows)])


def fill(page: str, name: str, text: str) -> str:
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    before, rest = page.split(begin)
    return f"{before}{begin}\n{text}\n{end}{rest.split(end)[1]}"
