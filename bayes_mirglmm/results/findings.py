"""Findings as a paper shows them: what changed, by how much, on the sum and in single isomiRs."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayes_mirglmm.counts.on_disk import mean_rate
from bayes_mirglmm.results.hits import FDR, called_effects, surest_first, usage_calls
from bayes_mirglmm.results.inference import LOG_2
from bayes_mirglmm.results.isomir_findings import (
    check_rate,
    default_findings,
    deviating_in_words,
    isomir_changes,
    usage_p_adjusted,
)
from bayes_mirglmm.results.isomir_kinds import Types, types_in
from bayes_mirglmm.results.levels import levels_of
from bayes_mirglmm.results.probability import asked_probabilities, probability
from bayes_mirglmm.results.selection import mean_cpm
from bayes_mirglmm.results.sums import log_change_of_sums
from bayes_mirglmm.results.terms import chosen_weights
from bayes_mirglmm.results.usage_choice import usage_confounded

if TYPE_CHECKING:
    from bayes_mirglmm.results.fit_result import Fit


def findings(
    fit: "Fit",
    terms: str | Sequence[str] | None = None,
    contrasts: Any = None,
    *,
    types: Types = None,
    fdr: float = FDR,
    beyond: float | None = None,
    rope: Sequence[float] | None = None,
) -> pd.DataFrame:
    """Return what was found, a row per fitted miRNA and coefficient or contrast, as a paper's table has it.

    Parameters
    ----------
    terms, contrasts
        As in :meth:`effects`; by default the coefficients that are findings, without those that only pair samples, and
        the contrasts that the run was made with.
    types : mapping or pandas.Series, optional
        Type by isomiR, as :func:`bayes_mirglmm.isomir_types` makes it; told from the ids when omitted.
    fdr : float
        Error rate up to which ``change`` says ``up`` or ``down`` and isomiR usage is called, and lfsr up to which an
        isomiR of such a miRNA deviates.
    beyond, rope
        Of a fit with draws: as in :meth:`probability`, whose p_beyond and p_rope are then shown; as the run was made by
        default.

    Returns
    -------
    pandas.DataFrame
        The surest first within each coefficient: mirna, term (or contrast), change (``up``, ``down`` or empty);
        mean_cpm, and mean_cpm_LEVEL for each level of a slope variable that is a factor (summed isomiRs, over the
        total); fold_change, and it with its interval as log2_fold_change, log2_lower, log2_upper and
        ln_fold_change, ln_lower, ln_upper (natural logs): the mean over the miRNA's isomiRs; the columns that rank and
        call (p_value and p_adjusted, or shrunk_lfsr and shrunk_s_value), log2_shrunken; log2_change_of_sums, what the
        summed counts do, without a model; of the most abundant isomiR top_isomir, top_isomir_type, top_isomir_share
        (of the miRNA's fitted reads) and top_isomir_log2_fold_change; the usage test that calls (usage_p_adjusted, and
        usage_log_bf10 of a posterior); n_isomirs; of miRNAs whose usage is called n_deviating and deviating (the first
        of them in words: :meth:`isomir_findings` has all); outlying_cells (counts of the miRNA that stand far from the
        others: :meth:`outlying_cells`); status.

    Raises
    ------
    InputError
        A coefficient, contrast or rate is not usable, or the formula has an intercept only.
    """
    check_rate(fdr)
    if terms is None and contrasts is None:
        parts = [
            findings(fit, t, c, types=types, fdr=fdr, beyond=beyond, rope=rope)
            for t, c in default_findings(fit)
        ]
        joined = pd.concat([part.rename(columns={"contrast": "term"}) for part in parts], ignore_index=True)
        return joined[[name for name in _order(fit, "term") if name in joined]]
    weights, label = chosen_weights(fit.design, terms, contrasts)
    table = called_effects(fit, terms, contrasts).reset_index(drop=True)
    names = list(dict.fromkeys(table["mirna"].astype(str)))
    rank, call = fit.method.ranks_by, fit.method.calls_by
    found = pd.DataFrame({"mirna": table["mirna"].astype(str), label: table[label].astype(str)})
    hit = table[call].to_numpy(dtype=float) <= fdr
    found["change"] = np.where(hit, np.where(table["estimate"] > 0, "up", "down"), "")
    for name, values in _expression(fit, names).items():
        found[name] = found["mirna"].map(values)
    found["fold_change"] = np.exp(table["estimate"])
    for ours, theirs in (("fold_change", "estimate"), ("lower", "lower"), ("upper", "upper")):
        found[f"log2_{ours}"], found[f"ln_{ours}"] = table[theirs] / LOG_2, table[theirs]
    found[rank], found[call] = table[rank], table[call]
    asked = asked_probabilities(fit, beyond, rope)
    if asked:
        chances = probability(fit, terms, contrasts, **asked).set_index(["mirna", label])
        chances = chances.reindex(pd.MultiIndex.from_frame(found[["mirna", label]]))
        for name in ("p_beyond", "p_rope"):
            if name in chances:
                found[name] = chances[name].to_numpy()
    found["log2_shrunken"] = table["shrunk"] / LOG_2
    sums = pd.DataFrame(log_change_of_sums(fit.data, weights, names) / LOG_2, names, list(weights.index))
    of_sums = sums.stack(future_stack=True)
    found["log2_change_of_sums"] = of_sums.reindex(
        pd.MultiIndex.from_frame(found[["mirna", label]])
    ).to_numpy()
    found = found.merge(_top_isomirs(fit, names, types), on="mirna", how="left", sort=False)
    isomirs = isomir_changes(fit, terms, contrasts, types)
    if isomirs is not None:
        own = isomirs.set_index(["mirna", label, "isomir"])["log2_fold_change"]
        keys = zip(found["mirna"], found[label], found["top_isomir"], strict=True)
        found["top_isomir_log2_fold_change"] = [own.get(key, np.nan) for key in keys]
        apart = isomirs[(isomirs["lfsr"] <= fdr) & isomirs["mirna"].isin(usage_calls(fit, fdr))]
        counted = apart.groupby(["mirna", label]).size()
        in_words = apart.groupby(["mirna", label])[list(apart.columns)].apply(deviating_in_words)
        pairs = list(zip(found["mirna"], found[label], strict=True))
        found["n_deviating"] = [int(counted.get(pair, 0)) for pair in pairs]
        found["deviating"] = [in_words.get(pair, "") for pair in pairs]
    usage = fit.usage().set_index("mirna")
    if not usage_confounded(fit):
        found["usage_p_adjusted"] = found["mirna"].map(usage_p_adjusted(fit))
    for ours, theirs in (("usage_log_bf10", "log_bf10"), ("outlying_cells", "outlying_cells")):
        if theirs in usage:
            found[ours] = found["mirna"].map(usage[theirs])
    status = fit.status().set_index("mirna")
    found["n_isomirs"] = found["mirna"].map(status["n_isomirs"])
    found["status"] = found["mirna"].map(status["status"])
    order: list[int] = []
    for name in weights.index:
        order += surest_first(table[table[label] == name], fit.method).index.tolist()
    rest = table.index.difference(order, sort=False)
    found = found.loc[[*order, *rest]].reset_index(drop=True)
    return found[[name for name in _order(fit, label) if name in found]]


def _expression(fit: "Fit", names: list[str]) -> dict[str, pd.Series]:
    """Return mean CPM by miRNA, over all samples and over those of each level of the slope variable."""
    data, levels = fit.data, levels_of(fit.design)
    found = {"mean_cpm": mean_cpm(data)}
    if fit.slope is not None and levels.is_factor:
        for name, rows in zip(levels.names, levels.samples, strict=True):
            found[f"mean_cpm_{name}"] = mean_cpm(data.isel(sample=np.flatnonzero(rows)))
    return {name: values.reindex(names) for name, values in found.items()}


def _top_isomirs(fit: "Fit", names: list[str], types: Types) -> pd.DataFrame:
    data = fit.data
    rows = np.flatnonzero(np.isin(data["isomir_mirna"].values, names))
    table = pd.DataFrame(
        {
            "mirna": data["isomir_mirna"].values[rows].astype(str),
            "top_isomir": data["isomir"].values[rows].astype(str),
            "top_isomir_type": types_in(data, rows, types),
            "cpm": mean_rate(data["counts"][rows], data["total"].values),
        }
    )
    table["top_isomir_share"] = table["cpm"] / table.groupby("mirna")["cpm"].transform("sum")
    first = table.sort_values("cpm", ascending=False, kind="stable").drop_duplicates("mirna")
    return first.drop(columns="cpm")


def _order(fit: "Fit", label: str) -> list[str]:
    levels = levels_of(fit.design)
    cpm = [f"mean_cpm_{name}" for name in levels.names] if levels.is_factor and fit.slope is not None else []
    logs = [f"{unit}_{what}" for unit in ("log2", "ln") for what in ("fold_change", "lower", "upper")]
    return [
        "mirna", label, "change", "mean_cpm", *cpm, "fold_change", *logs, fit.method.ranks_by, fit.method.calls_by,
        "p_beyond", "p_rope",
        "log2_shrunken", "log2_change_of_sums", "top_isomir", "top_isomir_type", "top_isomir_share",
        "top_isomir_log2_fold_change", "usage_p_adjusted", "usage_log_bf10", "n_isomirs", "n_deviating", "deviating",
        "outlying_cells", "status",
    ]  # fmt: skip
