"""From the cache of the benchmark of known truth to tables and to docs/known_truth.md: no number is copied by hand."""

from pathlib import Path

import numpy as np
import pandas as pd
from accuracy_cache import Cache
from accuracy_metrics import mirna_metrics, summarise
from accuracy_page import fill, markdown, number
from accuracy_report import header
from known_truth_data import ARGYROPOULOS, GIRALDEZ, NULLS, places, pools
from ratiometric import consensus

RESULTS = Path(__file__).resolve().parent / "results"
PAGE = RESULTS.parent.parent / "docs" / "known_truth.md"
NOMINAL, ELSEWHERE = "as mixed", "as found elsewhere"
#: What the page calls each method; its order in the tables, the own ones first.
LABELS = {
    "ml_null": "`ml`, null sequences",
    "ml_shared_null": "`ml`, shared samples, null sequences",
    "laplace_null": "`laplace`, null sequences",
    "ml_median_ratio": "`ml`, median ratio",
    "ml": "`ml`, totals",
    "ml_shared": "`ml`, shared samples, totals",
    "laplace": "`laplace`, totals",
    "preset": '`preset="mirglmm"`, totals',
    "deseq2_given": "DESeq2 on sums, null sequences",
    "edger_given": "edgeR on sums, null sequences",
    "limma_given": "limma-voom on sums, null sequences",
    "deseq2": "DESeq2 on sums, its own offset",
    "edger": "edgeR on sums, its own offset",
    "limma": "limma-voom on sums, its own offset",
    "pydeseq2": "PyDESeq2 on sums, its own offset",
}
OWN = tuple(LABELS)[:8]
Tables = dict[str, pd.DataFrame]


def effects_rows(cache: Cache, scenario: str) -> pd.DataFrame:
    """Return :data:`accuracy_metrics.METRICS` of each method on each data set, against the ratios as mixed.

    Of the pools of several laboratories also against what the same method finds in the others (``truth``), and each
    with the shift that all sequences share taken out (the median error), which is the offset's.
    """
    rows = []
    numbers = cache.numbers(scenario)
    for method in LABELS:
        found = {n: cache.read(scenario, n, method, "mirnas") for n in numbers}
        tables = {n: table for n, table in found.items() if table is not None}
        for n, table in tables.items():
            truth = cache.read(scenario, n, "truth", "mirnas")
            assert truth is not None
            others = [other for m, other in tables.items() if m != n]
            truths = {NOMINAL: truth} | ({ELSEWHERE: consensus(others, truth).dropna()} if others else {})
            for name, true in truths.items():
                error = table.set_index("mirna")["estimate"] - true.set_index("mirna")["value"]
                shift = float(error.median())
                rows.append(
                    {"scenario": scenario, "number": n, "method": method, "truth": name, "shift": shift}
                    | {"mirnas": len(true), "failures": 0.0}
                    | mirna_metrics(true, table)
                    | {
                        f"{k}_centred": v
                        for k, v in mirna_metrics(true, centred(table, shift)).items()
                        if k in CENTRED
                    }
                )
    return pd.DataFrame(rows)


CENTRED = ("mse_all", "coverage")


def centred(table: pd.DataFrame, shift: float) -> pd.DataFrame:
    moved = table.copy()
    moved[["estimate", "lower", "upper"]] -= shift
    return moved


def usage_rows(cache: Cache, scenario: str) -> pd.DataFrame:
    """Return for each own fit the share of pseudo-miRNAs whose usage test has p < 0.05, is called, or BF10 > 3."""
    rows = []
    for n in cache.numbers(scenario):
        for method in OWN:
            table = cache.read(scenario, n, method, "usage")
            if table is None:
                continue
            shared = "p_shared" in table
            p, q = ("p_shared", "p_shared_adjusted") if shared else ("p_value", "p_adjusted")
            row = {"scenario": scenario, "number": n, "method": method, "tested": int(table[p].notna().sum())}
            row |= {"below": (table[p] < 0.05).mean(), "called": (table[q] <= 0.05).mean()}
            row["any"] = float((table[q] <= 0.05).any())
            row["bayes"] = (table["log_bf10"] > np.log(3)).mean() if "log_bf10" in table else np.nan
            rows.append(row)
    return pd.DataFrame(rows)


def mixing() -> dict[str, float]:
    """Return what the sequences' log ratios are off by, and how much of it is the same in every laboratory.

    Errors are log ratios of mean counts per null sequences' read, less the log of the ratio as mixed, each laboratory
    and protocol centred.
    """
    tested, kept_out, _ = pools()
    errors, protocol = {}, {}
    for name, chosen in places().items():
        share = (tested[chosen.index] + 0.5) / kept_out[chosen.index].sum()
        mean = share.T.groupby(chosen["pool"]).mean().T
        error = np.log(mean["B"] / mean["A"]) - tested["true_log_fc"]
        enough = tested[chosen.index].median(axis=1) >= 50
        errors[name] = (error - error[enough].median()).where(enough)
        protocol[name] = name.split()[1]
    table = pd.DataFrame(errors)
    correlation = table.corr(min_periods=30).to_numpy()
    same = np.equal.outer([*protocol.values()], [*protocol.values()])
    upper = np.triu(np.ones_like(same), 1).astype(bool)
    return {
        "sd": float(table.stack().std()),
        "correlation_same_protocol": float(np.nanmean(correlation[same & upper])),
        "correlation_other_protocol": float(np.nanmean(correlation[~same & upper])),
        "sd_common": float(table.median(axis=1).std()),
    }


def effects_text(table: pd.DataFrame, truth: str) -> str:
    rows = [
        {
            "": LABELS[r["method"]],
            "mean squared error x 1000": number(1000 * r["mse_all"], 0),
            "shift": f"{r['shift']:+.2f}",
            "error without the shift": number(1000 * r["mse_all_centred"], 0),
            "coverage": number(r["coverage"], 2),
            "coverage without the shift": number(r["coverage_centred"], 2),
        }
        | ({
            "changed: called": number(r["tpr"], 2),
            "ratio 1: called": number(1 - r["tnr"], 2),
            "AUC": number(r["auc"], 3),
        } if truth == NOMINAL else {})
        for r in table[table["truth"] == truth].to_dict("records")
    ]  # fmt: skip
    return markdown(rows)


def extreme_text(table: pd.DataFrame) -> str:
    """Return the table of ratios to 1000, of which none is 1: no calls that could be false."""
    rows = [
        {
            "": LABELS[r["method"]],
            "estimates": f"{r['mirnas'] - r['failures']:.0f}",
            "shift": f"{r['shift']:+.2f}",
            "mean squared error x 1000, without the shift": number(1000 * r["mse_all_centred"], 0),
            "coverage, without the shift": number(r["coverage_centred"], 2),
        }
        for r in table[table["truth"] == NOMINAL].to_dict("records")
    ]
    return markdown(rows)


def usage_text(table: pd.DataFrame, *, null: bool) -> str:
    rows = [
        {
            "": f"{LABELS[r['method']]}: {'shared test' if 'shared' in r['method'] else 'likelihood ratio test'}",
            "p < 0.05": number(r["below"], 3),
            "called": number(r["called"], 3),
        }
        | ({"splits with a call": number(r["any"], 2)} if null else {"Bayes factor above 3": number(r["bayes"], 2)})
        for r in table.to_dict("records")
    ]  # fmt: skip
    return markdown(rows)


def places_text(rows: pd.DataFrame) -> str:
    """Return a row for each laboratory and protocol: the likelihood's fit and DESeq2, both with null sequences."""
    own = rows[rows["truth"] == NOMINAL].set_index(["number", "method"])
    lines = []
    for n, name in enumerate(places()):
        line = {"laboratory and protocol": name}
        for method in ("ml_null", "deseq2_given", "limma_given"):
            if (n, method) in own.index:
                r = own.loc[(n, method)]
                line[LABELS[method].partition(",")[0]] = f"{1000 * r['mse_all']:.0f} / {r['coverage']:.2f}"
        lines.append(line)
    return markdown(lines)


def report(cache: Cache, command: str) -> None:
    """Write the tables of results/ and those of the page."""
    rows = effects_rows(cache, GIRALDEZ)
    by = ["scenario", "method", "truth"]
    effects = summarise(rows, by)
    extreme = summarise(effects_rows(cache, ARGYROPOULOS), by)
    usage = {name: _means(usage_rows(cache, name)) for name in (GIRALDEZ, NULLS)}
    mixed = mixing()
    stamp = header(cache, command)
    tables = {"effects": pd.concat([effects, extreme], ignore_index=True), "sets": rows,
              "usage": pd.concat(usage.values(), ignore_index=True), "mixing": pd.DataFrame([mixed])}  # fmt: skip
    for name, table in tables.items():
        with (RESULTS / f"known_truth_{name}.tsv").open("w") as file:
            file.write(f"# {stamp}\n")
            table.to_csv(file, sep="\t", index=False, float_format="%.4g", na_rep="NA")
    page = PAGE.read_text(encoding="utf-8")
    texts = {
        "provenance": f"`{stamp}`",
        "nominal": effects_text(effects, NOMINAL),
        "elsewhere": effects_text(effects, ELSEWHERE),
        "places": places_text(rows),
        "usage": usage_text(usage[GIRALDEZ], null=False),
        "usage_nulls": usage_text(usage[NULLS], null=True),
        "extreme": extreme_text(extreme),
    }
    for name, text in texts.items():
        page = fill(page, name, text)
    PAGE.write_text(page, encoding="utf-8")


def _means(rows: pd.DataFrame) -> pd.DataFrame:
    grouped = rows.groupby(["scenario", "method"], sort=False)
    return grouped[["tested", "below", "called", "any", "bayes"]].mean().reset_index()
