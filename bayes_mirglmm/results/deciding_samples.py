"""Flags of results that rest on one sample: what is called, and is not without it.

A result is flagged where the fit calls it and its p-value by maximum likelihood, not adjusted, is at most 0.05, and
above 0.05 without one of the samples. Every called miRNA is fitted again without each sample
(:mod:`bayes_mirglmm.results.influence`), which is why this is done only where it is asked for.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from bayes_mirglmm.results.effects import unwarned_effects
from bayes_mirglmm.results.hits import FDR, usage_column
from bayes_mirglmm.results.inference import effects_table, isomir_effects_table, untested_if_saturated
from bayes_mirglmm.results.influence import (
    LEVEL,
    called_mirnas,
    influential_samples,
    usage_p_values,
    without_each_sample,
)
from bayes_mirglmm.results.terms import (
    INTERCEPT,
    chosen_weights,
    findings,
    log_fold_changes,
    slope_coefficients,
)
from bayes_mirglmm.results.usage_choice import usage_confounded

if TYPE_CHECKING:
    from bayes_mirglmm.results.fit_result import Fit

NAMED = 5
#: What the flags add to a table.
FLAGS = ["deciding_samples", "p_value_without_sample"]
COLUMNS = ["sample", "what", "mirna", "p_value", "p_value_without"]
USAGE = "isomiR usage"


class _LeftOut(NamedTuple):
    """p-values by maximum likelihood of the rows of a table, with all samples and without each."""

    samples: np.ndarray  #: those that can be left out
    own: np.ndarray  #: (rows,)
    without: np.ndarray  #: (rows, samples); NaN where nothing is called

    @property
    def decides(self) -> np.ndarray:
        """Whether the row is above the level without the sample, and not with it (rows, samples)."""
        found: np.ndarray = (self.without > LEVEL) & (self.own <= LEVEL)[:, None]
        return found


def asked_mirnas(fit: "Fit") -> list[str]:
    """Return the miRNAs of which a finding, a contrast that the run was made with, or usage is called, in order."""
    called: set[str] = set()
    for terms, contrasts in _asked(fit):
        called |= set(called_mirnas(fit, terms, contrasts))
    return [name for name in fit.ml.mirnas if name in called]


def flag_usage(fit: "Fit", table: pd.DataFrame) -> pd.DataFrame:
    """Return a table of usage with the samples that each call rests on, and its largest p-value without one."""
    return _flagged(table, _usage_left_out(fit, table))


def flag_effects(fit: "Fit", table: pd.DataFrame, terms: Any = None, contrasts: Any = None) -> pd.DataFrame:
    """Return a table of effects, of miRNAs or of isomiRs, with the same columns."""
    return _flagged(table, _effects_left_out(fit, table, terms, contrasts))


def rest_on_one_sample(fit: "Fit") -> pd.DataFrame:
    """Return the called effects and calls of usage that rest on one sample, a row for each and sample.

    Returns
    -------
    pandas.DataFrame
        sample, what (a coefficient, a contrast, or ``isomiR usage``), mirna, p_value and p_value_without.
    """
    parts = []
    for terms, contrasts in _asked(fit):
        table = unwarned_effects(fit, terms, contrasts)
        what = table["term" if contrasts is None else "contrast"]
        parts.append(_rows(table["mirna"], what, _effects_left_out(fit, table, terms, contrasts)))
    if fit.has_isomir_slopes:
        table = fit.usage()
        parts.append(_rows(table["mirna"], [USAGE] * len(table), _usage_left_out(fit, table)))
    rows = [row for part in parts for row in part]
    order: dict[object, int] = {name: s for s, name in enumerate(fit.design.samples)}
    return pd.DataFrame(sorted(rows, key=lambda row: order[row[0]]), columns=COLUMNS)


def deciding_sentence(fit: "Fit") -> str:
    """Say how many called results rest on one sample, and which samples these are."""
    if not asked_mirnas(fit):
        return "No effect and no usage is called, so that there is nothing that could rest on one sample."
    found = rest_on_one_sample(fit)
    if not len(found):
        return "No called effect or usage rests on one sample: without any of them p stays at 0.05 or below."
    results = found[["what", "mirna"]].drop_duplicates()
    usage = int((results["what"] == USAGE).sum())
    parts = [
        f"{number:,} called {what}{'s' if number > 1 else ''}"
        for number, what in ((len(results) - usage, "effect"), (usage, "usage result"))
        if number
    ]
    by_sample = found.groupby("sample", sort=False).size().sort_values(ascending=False, kind="stable")
    names = ", ".join(f"{name} ({number:,})" for name, number in by_sample.head(NAMED).items())
    more = f" and {len(by_sample) - NAMED} more" if len(by_sample) > NAMED else ""
    verb = "rests" if len(results) == 1 else "rest"
    return (
        f"{' and '.join(parts)} {verb} on one sample, without which p is above 0.05: {names}{more}. Look at these "
        "samples first."
    )


def influence_asked(fit: "Fit") -> bool:
    """Tell whether the run was made with these flags."""
    return bool(fit.metadata.get("influence")) and len(fit) > 0


def influence_table(fit: "Fit") -> pd.DataFrame:
    """Return :meth:`Fit.influential_samples` of the miRNAs and coefficients that the flags are about."""
    return influential_samples(fit, asked_mirnas(fit), findings(fit.design) or INTERCEPT)


def _asked(fit: "Fit") -> list[tuple[Any, Any]]:
    """Return the coefficients that are findings, and the contrasts that the run was made with."""
    terms, contrasts = findings(fit.design), fit.metadata.get("contrasts")
    return [*([(terms, None)] if terms else []), *([(None, contrasts)] if contrasts else [])]


def _usage_left_out(fit: "Fit", table: pd.DataFrame) -> _LeftOut:
    called = np.zeros(len(table), dtype=bool)
    if usage_column(fit) in table and not usage_confounded(fit):
        called = (table[usage_column(fit)] <= FDR).to_numpy()
    return _left_out(fit, usage_p_values, pd.Index(table["mirna"]), called)


def _effects_left_out(fit: "Fit", table: pd.DataFrame, terms: Any, contrasts: Any) -> _LeftOut:
    isomirs = "isomir" in table
    if isomirs and terms is None and contrasts is None:
        terms = slope_coefficients(fit.design) or [INTERCEPT]
    weights, label = chosen_weights(fit.design, terms, contrasts)
    keys = ["mirna", *(["isomir"] if isomirs else []), label]
    call = ("lfsr" if isomirs else "s_value") if fit.method.has_draws else "p_adjusted"

    def p_values(one: "Fit") -> pd.Series:
        make, prob = isomir_effects_table if isomirs else effects_table, float(fit.data.attrs["prob"])
        effects = make(one.data, weights, label=label, df=one.effect_df(weights), prob=prob)
        return untested_if_saturated(one, effects).set_index(keys)["p_value"]

    called = (table[call] <= FDR) & table[label].isin(weights.index[log_fold_changes(weights)])
    return _left_out(fit, p_values, pd.MultiIndex.from_frame(table[keys]), called.to_numpy(dtype=bool))


def _left_out(
    fit: "Fit", p_values: "Callable[[Fit], pd.Series]", rows: pd.Index, called: np.ndarray
) -> _LeftOut:
    refits = without_each_sample(fit.ml, asked_mirnas(fit)) if called.any() else []
    known = {s: again for s, again in enumerate(refits) if not isinstance(again, str)}
    without = np.full((len(rows), len(known)), np.nan)
    for column, again in enumerate(known.values()):
        without[called, column] = p_values(again).reindex(rows[called]).to_numpy(dtype=float)
    own = p_values(fit.ml).reindex(rows).to_numpy(dtype=float)
    return _LeftOut(np.array([fit.design.samples[s] for s in known], dtype=object), own, without)


def _flagged(table: pd.DataFrame, found: _LeftOut) -> pd.DataFrame:
    """Return the table with the samples that its called rows rest on, and their largest p-value without one."""
    names = [", ".join(found.samples[row]) for row in found.decides]
    largest = pd.DataFrame(found.without, index=table.index, dtype=float).max(axis=1)
    return table.assign(
        deciding_samples=pd.Series(names, index=table.index, dtype=object),
        p_value_without_sample=largest.astype(float),
    )


def _rows(mirnas: Iterable[str], what: Iterable[str], found: _LeftOut) -> list[tuple[Any, ...]]:
    """Return a row for each result and sample that it rests on."""
    names, words = list(mirnas), list(what)
    return [
        (found.samples[s], str(words[i]), names[i], found.own[i], found.without[i, s])
        for i, s in zip(*np.nonzero(found.decides), strict=True)
    ]
