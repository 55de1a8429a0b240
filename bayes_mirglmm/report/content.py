"""Everything that the page shows, gathered from a fit."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayes_mirglmm import __version__
from bayes_mirglmm.design.contrasts import contrast_weights
from bayes_mirglmm.design.varying import DISPERSION, ISOMIR, components
from bayes_mirglmm.outcomes import LIMITS
from bayes_mirglmm.report.citation import methods_text, references
from bayes_mirglmm.report.columns import effect_columns, usage_columns
from bayes_mirglmm.report.compact import compact
from bayes_mirglmm.report.comparisons import Comparison, comparisons
from bayes_mirglmm.report.diagnostics import diagnostics, statuses
from bayes_mirglmm.report.isomirs import isomir_columns
from bayes_mirglmm.report.origin import notes, origin, prior_rows, sample_rows
from bayes_mirglmm.report.samples import deciding_rows, sample_pictures
from bayes_mirglmm.report.usage import usage_lead
from bayes_mirglmm.report.verdict import verdict
from bayes_mirglmm.report.words import WORDS, anchor
from bayes_mirglmm.results.deciding_samples import FLAGS, deciding_sentence, influence_asked
from bayes_mirglmm.results.hits import FDR, usage_column
from bayes_mirglmm.results.selection import mean_cpm
from bayes_mirglmm.results.terms import INTERCEPT
from bayes_mirglmm.results.usage_choice import usage_confounded

if TYPE_CHECKING:
    from bayes_mirglmm.results import Fit

#: What a comparison has for each miRNA, in the order of the CSV file.
EFFECTS = (
    "estimate",
    "std_error",
    "lower",
    "upper",
    "log2_fc",
    "lower_log2",
    "upper_log2",
    "p_value",
    "p_adjusted",
    "p_beyond_shared",
    "lfsr",
    "shrunk",
    "shrunk_log2",
    "shrunk_lfsr",
    "shrunk_s_value",
    "p_beyond",
    "p_rope",
    *FLAGS,
)


def gather(
    fit: "Fit", contrasts: Any = None, types: "Mapping[str, str] | pd.Series | None" = None
) -> dict[str, Any]:
    """Return the variables of the template.

    Parameters
    ----------
    fit : Fit
        Of any method.
    contrasts : optional
        Comparisons besides the coefficients.
    types : mapping or pandas.Series, optional
        Type by isomiR; told from the ids when omitted.
    """
    contrasts = asked_contrasts(fit, contrasts)
    found = comparisons(fit, contrasts)
    asked = influence_asked(fit)
    usage = fit.usage(influence=asked)
    # One coefficient is enough for the diagnostics: its draws are those of all.
    effects = found[0].table if found else fit.effects(INTERCEPT)
    samples = sample_pictures(fit)
    return {
        "version": __version__,
        "formula": fit.formula,
        "method": str(fit.data.attrs["method"]),
        "date": str(fit.metadata.get("created") or "")[:10],
        "n_samples": int(fit.data.sizes["sample"]),
        "verdict": verdict(fit, found, usage),
        "origin": origin(fit),
        "samples": sample_rows(fit),
        "priors": prior_rows(fit),
        "notes": notes(fit),
        "findings": diagnostics(fit, effects),
        "statuses": statuses(fit),
        "references": references(fit),
        "methods_text": methods_text(fit),
        "has_comparisons": bool(found),
        "has_usage": bool(len(usage)),
        "usage_lead": usage_lead(fit),
        "words": [(anchor(word), word, meaning) for word, meaning in WORDS.items()],
        "data_has_samples": samples is not None,
        "influence": deciding_sentence(fit) if asked else "",
        "deciding": deciding_rows(fit) if asked else [],
        "data": page_data(fit, found, usage, effects, contrasts, types) | {"samples": samples},
    }


def asked_contrasts(fit: "Fit", contrasts: Any = None) -> Any:
    """Return the contrasts that the run was made with and those given now, each once; None for none."""
    asked = [*(fit.metadata.get("contrasts") or [])]
    known = set(contrast_weights(fit.design, asked).index) if asked else set()
    for spec in [] if contrasts is None else contrasts if isinstance(contrasts, list) else [contrasts]:
        if set(contrast_weights(fit.design, spec).index) - known:
            asked.append(spec)
    return asked or None


def page_data(
    fit: "Fit",
    found: Sequence[Comparison],
    usage: pd.DataFrame,
    effects: pd.DataFrame,
    contrasts: Any,
    types: "Mapping[str, str] | pd.Series | None" = None,
) -> dict[str, Any]:
    """Return what the scripts of the page read: columns over the fitted miRNAs, as plain values."""
    rank, call = fit.method.ranks_by, fit.method.calls_by
    prob = float(fit.data.attrs["prob"])
    mirnas = _mirnas(fit, usage, effects)
    shown = mirnas.merge(found[0].table, on="mirna", suffixes=("", "_")) if found else mirnas
    names = list(mirnas["mirna"])
    usage = usage.set_index("mirna").reindex(names).reset_index() if len(usage) else usage
    return {
        "fdr": FDR,
        "prob": prob,
        "bayesian": fit.method.has_draws,
        "rank": rank,
        "call": call,
        "rank_label": fit.method.rank_in_words,
        "call_label": fit.method.calls_in_words,
        "mirnas": {name: compact(mirnas[name]) for name in mirnas.columns},
        "columns": effect_columns(shown, prob, bayesian=fit.method.has_draws),
        "csv": ["mirna", "term", *(c for c in EFFECTS if c in shown), *(c for c in mirnas.columns[1:])],
        "comparisons": [_comparison(one, names) for one in found],
        "usage": {name: compact(usage[name]) for name in usage.columns} if len(usage) else None,
        "usage_columns": usage_columns(usage) if len(usage) else [],
        "components": _components(fit, names),
        "isomirs": isomir_columns(fit, found, contrasts, types),
        "left_out": _left_out(fit),
    }


def _mirnas(fit: "Fit", usage: pd.DataFrame, effects: pd.DataFrame) -> pd.DataFrame:
    """Return what is known of every fitted miRNA, whatever the comparison."""
    status = fit.status().set_index("mirna").loc[list(fit.mirnas)]
    names = np.array(fit.mirnas, dtype=object)  # an empty list would be a column of numbers
    table = pd.DataFrame({"mirna": names, "cpm": mean_cpm(fit.data).reindex(names).to_numpy()})
    table["n_isomirs"] = status["n_isomirs"].to_numpy()
    for name, source in (("usage_p_adjusted", usage_column(fit)), ("usage_log_bf10", "log_bf10")):
        if source in usage and usage[source].notna().any():
            table[name] = table["mirna"].map(usage.set_index("mirna")[source])
    if usage_confounded(fit):
        # No list of hits where usage and a batch along the groups cannot be told apart.
        table = table.drop(columns="usage_p_adjusted", errors="ignore")
    for name in LIMITS:
        if name in effects:
            table[name] = table["mirna"].map(effects.set_index("mirna")[name])
    return table.assign(status=status["status"].to_numpy(), reason=status["reason"].to_numpy())


def _comparison(comparison: Comparison, names: list[str]) -> dict[str, Any]:
    table = comparison.table.set_index("mirna").reindex(names)
    columns = {name: compact(table[name]) for name in EFFECTS if name in table}
    return {"name": comparison.name, "label": comparison.label, "columns": columns}


def _components(fit: "Fit", names: list[str]) -> list[dict[str, Any]]:
    """Return the variance components: ``label`` and an SD or correlation for every fitted miRNA."""
    table = fit.variance_components()
    rows = []
    for component in components(fit.design.varying):
        own = (table["group"] == component.group) & (table["term"] == component.term)
        part = table[own & (table["term2"] == component.term2)].set_index("mirna").reindex(names)
        label = "counts (biological CV)" if component.group == DISPERSION else ", ".join(component.words)
        if part["sd"].notna().any():
            rows.append({"label": f"SD of {label}", "values": compact(part["sd"], 4)})
        if part["correlation"].notna().any():
            of = "isomiR effects" if component.group == ISOMIR else component.group
            label = f"Correlation of {of}, {component.term} and {component.term2}"
            rows.append({"label": label, "values": compact(part["correlation"], 3)})
    return rows


def _left_out(fit: "Fit") -> dict[str, list[Any]]:
    """Return the miRNAs without estimates, with the reason: a search for one of them finds its reason."""
    status = fit.status()
    rows = status[~status["mirna"].isin(set(fit.mirnas))]
    return {name: compact(rows[name]) for name in ("mirna", "status", "reason")}
