"""Influence of whole samples: effect and usage of a miRNA, fitted again without each sample in turn."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.outcomes import CONVERGED
from bayes_mirglmm.results.effects import unwarned_effects
from bayes_mirglmm.results.hits import FDR, usage_calls
from bayes_mirglmm.results.inference import effects_table, untested_if_saturated
from bayes_mirglmm.results.refitting import refit_without
from bayes_mirglmm.results.selection import find_mirna
from bayes_mirglmm.results.terms import chosen_weights, default_term
from bayes_mirglmm.results.usage import usage_table

if TYPE_CHECKING:
    from bayes_mirglmm.results.fit_result import Fit

LEVEL = 0.05


def influential_samples(
    fit: "Fit",
    mirnas: str | Sequence[str] | None = None,
    terms: str | Sequence[str] | None = None,
    contrasts: Any = None,
) -> pd.DataFrame:
    """Return what becomes of each miRNA's effect and usage without each sample, a row per miRNA and sample.

    Every miRNA is fitted again by maximum likelihood without each sample in turn: nothing is approximated. Offsets and
    filters stay those of all samples. It takes as long as a fit by maximum likelihood for each sample, so name the
    miRNAs where both are many.

    Parameters
    ----------
    mirnas : str or sequence of str, optional
        Those whose effect or usage this fit calls at a false discovery rate of 5 % when omitted.
    terms : str or sequence of str, optional
        Coefficients; the first one of the slope variable when omitted.
    contrasts : optional
        In place of coefficients: what :meth:`contrast` takes.

    Returns
    -------
    pandas.DataFrame
        mirna, sample, term (or contrast); estimate (natural log) and estimate_without, p_value and p_value_without, of
        the effect by maximum likelihood; p_value_usage and p_value_usage_without, of the likelihood ratio test of usage
        (NaN without isomiR slopes); decides_effect and decides_usage (the p-value is at most 0.05 with the sample and
        above it without, or the other way round); reason (why there is no result without the sample, for example
        because its group has no other; else empty). p-values are those of each miRNA alone, not adjusted: that a sample
        decides is common where p-values are near 0.05, and has no error rate.

    Raises
    ------
    InputError
        A miRNA, coefficient or contrast is not of this fit, or the formula has no variable.

    References
    ----------
    Cook, Technometrics 19:15 (1977): influence by leaving observations out.
    """
    if terms is None and contrasts is None:
        terms = default_term(fit.design)
        if terms is None:
            raise InputError(
                f"the formula {fit.formula!r} has no variable, so that no sample can decide its effect."
            )
    weights, label = chosen_weights(fit.design, terms, contrasts)
    ml = fit.ml
    names = called_mirnas(fit, terms, contrasts) if mirnas is None else _named(ml, mirnas)
    order = {name: i for i, name in enumerate(names)}
    rows = [
        _without(again, names, fit.design.samples[sample], weights, label)
        for sample, again in enumerate(without_each_sample(ml, names))
    ]
    before = _results(ml, weights, label)
    columns = [
        "mirna", "sample", label, "estimate", "estimate_without", "p_value", "p_value_without",
        "p_value_usage", "p_value_usage_without", "decides_effect", "decides_usage", "reason",
    ]  # fmt: skip
    if not rows:
        kinds = dict.fromkeys(columns[3:9], float) | dict.fromkeys(columns[9:11], bool)
        return pd.DataFrame(columns=columns).astype(kinds)
    after = pd.concat(rows, ignore_index=True)
    table = after.merge(before, on=["mirna", label], how="left", suffixes=("_without", ""))
    for what, p_value in (("effect", "p_value"), ("usage", "p_value_usage")):
        with_it, without = table[p_value], table[f"{p_value}_without"]
        known = with_it.notna() & without.notna()
        table[f"decides_{what}"] = known & ((with_it <= LEVEL) != (without <= LEVEL))
    table = table.sort_values("mirna", key=lambda column: column.map(order), kind="stable", ignore_index=True)
    return table[columns]


def called_mirnas(fit: "Fit", terms: Any = None, contrasts: Any = None) -> list[str]:
    """Return the miRNAs whose effect or usage the fit's own tables call, in order."""
    effects = unwarned_effects(fit, terms, contrasts)
    call = "s_value" if fit.method.has_draws else "p_adjusted"
    called = {*effects.loc[effects[call] <= FDR, "mirna"], *usage_calls(fit)}
    return [name for name in fit.ml.mirnas if name in called]


def _named(fit: "Fit", mirnas: str | Sequence[str]) -> list[str]:
    names = list(dict.fromkeys([mirnas] if isinstance(mirnas, str) else mirnas))
    for name in names:
        find_mirna(fit.data, name)
    return names


def _results(fit: "Fit", weights: pd.DataFrame, label: str) -> pd.DataFrame:
    """Return the estimates and p-values of a fit by maximum likelihood."""
    prob = float(fit.data.attrs["prob"])
    effects = effects_table(fit.data, weights, label=label, df=fit.effect_df(weights), prob=prob)
    effects = untested_if_saturated(fit, effects)[["mirna", label, "estimate", "p_value"]]
    return effects.assign(p_value_usage=effects["mirna"].map(usage_p_values(fit)).astype(float))


def usage_p_values(fit: "Fit") -> pd.Series:
    """Return the p-values of usage of a fit by maximum likelihood, by miRNA."""
    usage = untested_if_saturated(fit, usage_table(fit.data, fit.design.blocks))
    by = "p_value_chi2" if fit.data.attrs["preset"] == "mirglmm" else "p_value"
    return usage.set_index("mirna")[by]


def without_each_sample(fit: "Fit", names: Sequence[str]) -> "list[Fit | str]":
    """Return the fit of some miRNAs without each sample in turn, or why there is none; the last ones are kept."""
    known = fit.shared_cache.get("without_each_sample")
    if isinstance(known, tuple) and known[0] == tuple(names):
        found: list[Fit | str] = known[1]
        return found
    found = []
    for sample in range(len(fit.design.samples) if names else 0):
        try:
            found.append(refit_without(fit, names, sample))
        except InputError as error:
            sentence = str(error)
            found.append(sentence[0].upper() + sentence[1:])
    fit.shared_cache["without_each_sample"] = (tuple(names), found)
    return found


def _without(
    again: "Fit | str", names: list[str], sample: str, weights: pd.DataFrame, label: str
) -> pd.DataFrame:
    """Return the results of these miRNAs without one sample, a row each and combination, in order."""
    rows = pd.MultiIndex.from_product([names, weights.index], names=["mirna", label]).to_frame(index=False)
    rows.insert(1, "sample", sample)
    if isinstance(again, str):
        nothing = dict.fromkeys(("estimate", "p_value", "p_value_usage"), np.nan)
        return rows.assign(**nothing, reason=again)
    found = rows.merge(_results(again, weights, label), on=["mirna", label], how="left")
    status = again.data["status"].values.astype(str)
    reasons = np.where(np.isin(status, CONVERGED), "", again.data["reason"].values.astype(str))
    found["reason"] = found["mirna"].map(dict(zip(again.data["mirna"].values, reasons, strict=True)))
    if again.design.residual_df < 1:
        found["reason"] = f"Without {sample} no degrees of freedom are left, and nothing is tested."
    return found
