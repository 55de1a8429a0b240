"""What a fit prints at its end: outcomes, hits, the first rows, where the tables are."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from bayes_mirglmm.cli.console import Reporter, table
from bayes_mirglmm.cli.language import spoken
from bayes_mirglmm.methods.registry import Method
from bayes_mirglmm.outcomes import STATUSES, from_metadata
from bayes_mirglmm.results.deciding_samples import deciding_sentence, influence_asked, rest_on_one_sample
from bayes_mirglmm.results.hits import (
    FDR,
    LOG_BF,
    called_effects,
    count_hits,
    surest_first,
    usage_column,
)
from bayes_mirglmm.results.outliers import outliers_sentence
from bayes_mirglmm.results.shared_samples import ISOMIR_MEAN, SHARED, in_words
from bayes_mirglmm.results.terms import (
    default_term,
    equal_coefficients,
    findings,
    meaning,
    pairing_coefficients,
)
from bayes_mirglmm.results.usage_choice import SHARED as SHARED_USAGE
from bayes_mirglmm.results.usage_choice import chosen_test, usage_confounded

if TYPE_CHECKING:
    from bayes_mirglmm.results import Fit

TOP = 10
MANY_TERMS = 6
FROM_EFFECTS = ["mirna", "term", "log2_fc", "lower_log2", "upper_log2"]


def summarise(fit: "Fit", out: Path, files: dict[str, Path], omnibus: Sequence[str] = ()) -> dict[str, Any]:
    """Return the summary of a run as plain values, ready for JSON.

    ``hits`` has the coefficients that are findings, ``contrasts`` and ``omnibus`` what was asked for besides. ``top``
    has the smallest p-values of the coefficient that is asked for first, with ``lower_log2`` and ``upper_log2``, the
    interval of ``log2_fc``. Where no degrees of freedom are left, or nothing was fitted, nothing is counted.
    """
    status, effects, usage = fit.status(), called_effects(fit), fit.usage()
    tested = fit.design.residual_df >= 1 and len(fit) > 0
    terms = findings(fit.design) if tested else []
    call, (usage_test, reason) = usage_column(fit), chosen_test(fit)
    summary: dict[str, Any] = {
        "out": str(out),
        "formula": fit.formula,
        "slope": fit.slope,
        "method": fit.data.attrs["method"],
        "samples": int(fit.data.sizes["sample"]),
        "mirnas": len(status),
        "fitted": len(fit),
        "status": {str(name): int(n) for name, n in status["status"].value_counts().items()},
        "fdr": FDR,
        "hits": {term: count_hits(effects[effects["term"] == term], fit.method) for term in terms},
        "usage_test": usage_test,
        "usage_reason": reason,
        "usage_hits": int((usage[call] <= FDR).sum()) if usage[call].notna().any() else None,
        "top": _top(effects[effects["term"] == default_term(fit.design)], status, fit.method)
        if terms
        else [],
        "cautions": [spoken(caution) for caution in from_metadata(fit.metadata)],
        "tables": {name: str(path) for name, path in files.items()},
    }
    if not len(fit):
        summary["usage_reason"] = ""  # a caution says it of all
    elif usage_test == SHARED_USAGE and tested:
        about = fit.usage_shared().iloc[0]
        summary |= {"usage_verdict": about["verdict"], "usage_reason": about["reason"]}
        if usage_confounded(fit):
            summary["usage_hits"] = None  # no list where usage and batch cannot be told apart
        else:
            summary["usage_hits_lrt"] = int(about["hits_lrt"])
    if len(fit) and (stand_out := outliers_sentence(fit)):
        summary["outliers"] = stand_out
    if influence_asked(fit):
        summary["influence"] = deciding_sentence(fit)
        summary["rest_on_one_sample"] = rest_on_one_sample(fit).to_dict("records")
    bare = effects.loc[~effects["isomir_slope"], "term"].drop_duplicates()
    if tested and len(bare):
        summary["without_isomir_slopes"] = [name for name in terms if name in set(bare)]
    asked = fit.metadata.get("contrasts")
    if asked and tested:
        found = called_effects(fit, contrasts=asked)
        summary["contrasts"] = {
            str(name): count_hits(part, fit.method)
            for name, part in found.groupby("contrast", sort=False, observed=True)
        }
    if omnibus and tested:
        found = pd.read_csv(files["omnibus"], sep="\t", na_values="NA")
        summary["omnibus"] = {
            str(name): {
                "f": int((part["p_adjusted"] <= FDR).sum()),
                "lrt": int((part["lrt_p_adjusted"] <= FDR).sum()),
            }
            for name, part in found.groupby("term", sort=False)
        }
    if fit.samples_taken == SHARED:
        summary |= {"samples_taken": SHARED, "estimand": ISOMIR_MEAN}
        for row in fit.shared_samples().head(1).to_dict("records"):
            summary |= {name: float(row[name]) for name in ("effective_samples", "variance_left")}
    if "log_bf10" in usage and tested:
        summary |= {"log_bf": LOG_BF, "usage_bf_hits": int((usage["log_bf10"] > LOG_BF).sum())}
    return summary


def print_summary(reporter: Reporter, fit: "Fit", summary: dict[str, Any]) -> None:
    """Print the summary of a run as text."""
    reporter.say(f"\n{fit.formula}", "bold")
    slope = f", isomiR slopes for {fit.slope}" if fit.slope else ""
    reporter.say(f"{summary['samples']} samples, method {summary['method']}{slope}")

    if "effective_samples" in summary:
        reporter.say(f"Effects under what the samples share: {in_words(fit.shared_samples())}")

    fitted = set(fit.mirnas)
    status = fit.status()
    of_fitted = status["mirna"].isin(fitted)
    outcomes = f": {_count(status[of_fitted])}" if of_fitted.any() else ""
    reporter.say(f"{summary['fitted']:,} of {summary['mirnas']:,} miRNAs fitted{outcomes}")
    if (~of_fitted).any():
        reporter.say(f"Not fitted: {_count(status[~of_fitted])}")

    if fit.design.residual_df < 1 and len(fit):
        reporter.say(
            "\nNothing is tested: the design leaves no degrees of freedom. effects.tsv has estimates.", "bold"
        )
    if not len(fit):
        reporter.say("\nNothing was fitted, so that there is nothing to test.", "bold")
    if summary["hits"]:
        reporter.say(f"\nAt a {fit.method.rate} of {FDR:g}", "bold")
        _print_hits(reporter, fit, summary)
    if fit.slope and summary["usage_hits"] is not None:
        number = f"{summary['usage_hits']:,}"
        if "usage_hits_lrt" in summary:
            alone = f"likelihood ratio test of each miRNA alone: {summary['usage_hits_lrt']:,}"
            reporter.say(f"  isomiR usage beyond what samples share: {number} ({alone})")
        else:
            reporter.say(f"  isomiR usage (likelihood ratio test): {number}")
        if "usage_bf_hits" in summary:
            reporter.say(
                f"  isomiR usage (log Bayes factor of the model above {LOG_BF:g}): {summary['usage_bf_hits']:,}"
            )
    if summary.get("usage_reason"):
        reporter.say(f"  isomiR usage: {summary['usage_reason']}")
    if summary.get("outliers"):
        reporter.say(f"  {summary['outliers']}")
    if summary.get("influence"):
        reporter.say(f"  {summary['influence']}")
    if summary["top"]:
        method = fit.method
        rank, call = method.ranks_by, method.calls_by
        what, by = method.ranks_in_words, (method.rank_in_words, method.calls_in_words)
        reporter.say(f"\nSmallest {what}, {meaning(fit.design, summary['top'][0]['term'])}", "bold")
        interval = f"{100 * float(fit.data.attrs['prob']):g} % interval"
        rows = [
            (
                row["mirna"],
                f"{row['log2_fc']:+.2f}",
                f"{row['lower_log2']:+.2f} to {row['upper_log2']:+.2f}",
                f"{row[rank]:.1e}",
                f"{row[call]:.1e}",
                f"{row['n_isomirs']}",
            )
            for row in summary["top"]
        ]
        reporter.show(
            table(
                ["miRNA", "log2 FC", interval, *(name.replace(", ", ",\n") for name in by), "isomiRs"], rows
            )
        )

    if summary["cautions"]:
        reporter.say("\nBefore you use these numbers", "bold")
        for caution in from_metadata(fit.metadata):
            reporter.say(f"  - {spoken(f'{caution.removesuffix(".")}. {caution.advice}')}")

    reporter.say(f"\nTables in {summary['out']}", "bold")
    reporter.say("  " + ", ".join(Path(path).name for path in summary["tables"].values()))
    reporter.command(f'fit = bayes_mirglmm.load("{summary["out"]}")', "In Python:")
    if "findings" in summary:
        reporter.command(summary["findings"], "What a paper needs:")
    if "report" in summary:
        reporter.command(summary["report"], "Report, to open in a browser:")


def _print_hits(reporter: Reporter, fit: "Fit", summary: dict[str, Any]) -> None:
    """Say what was found: contrasts that were asked for, coefficients, whole terms; nothing twice."""
    contrasts = summary.get("contrasts", {})
    same = equal_coefficients(fit.design, fit.metadata["contrasts"]) if contrasts else {}
    lines = [(name, name, hits) for name, hits in contrasts.items()]
    order = [term for term in summary["hits"] if term not in same.values()]
    bare = set(summary.get("without_isomir_slopes", ()))
    for term in order[:MANY_TERMS]:
        mark = "; no isomiR slopes" if term in bare else ""
        lines.append((term, meaning(fit.design, term) + mark, summary["hits"][term]))
    for _, label, hits in lines:
        up, down = hits["up"], hits["down"]
        reporter.say(f"  {label}: {up + down:,} ({up:,} up, {down:,} down)")
    if len(order) > MANY_TERMS:
        reporter.say(f"  ... and {len(order) - MANY_TERMS} more coefficients, in effects.tsv")
    for term, hits in summary.get("omnibus", {}).items():
        reporter.say(f"  {term} as a whole: {hits['f']:,} (Wald F), {hits['lrt']:,} (likelihood ratio)")
    if paired := pairing_coefficients(fit.design):
        reporter.say(
            f"  {fit.design.pairing} says which samples belong together; its {len(paired)} coefficients are in "
            "effects.tsv"
        )
    if fit.design.without_slopes:
        reporter.say(
            "  Without isomiR slopes standard errors are too small where isomiRs differ: --slope names the variable of "
            "interest, --nuisance others that isomiRs differ in."
        )


def _top(effects: pd.DataFrame, status: pd.DataFrame, method: Method) -> list[dict[str, Any]]:
    rows = surest_first(effects, method).head(TOP)[[*FROM_EFFECTS, method.ranks_by, method.calls_by]]
    rows = rows.merge(status[["mirna", "n_isomirs"]], on="mirna")
    return [{str(name): value for name, value in row.items()} for row in rows.to_dict("records")]


def _count(status: pd.DataFrame) -> str:
    parts = []
    for name, n in status["status"].value_counts().items():
        known = STATUSES.get(str(name))
        words = known.words if known else ""
        parts.append(f"{n:,} {name}" + (f" ({words})" if words else ""))
    return ", ".join(parts)
