"""The comparisons of a fit: each coefficient and each contrast, with a row for every fitted miRNA."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from bayes_mirglmm.results.deciding_samples import FLAGS, flag_effects, influence_asked
from bayes_mirglmm.results.effects import unwarned_effects
from bayes_mirglmm.results.hits import called_effects
from bayes_mirglmm.results.inference import LOG_2
from bayes_mirglmm.results.probability import asked_probabilities, probability
from bayes_mirglmm.results.terms import at_means, equal_coefficients, findings, slope_coefficients

if TYPE_CHECKING:
    from bayes_mirglmm.design.build import Design
    from bayes_mirglmm.results import Fit


@dataclass(frozen=True)
class Comparison:
    """One coefficient or contrast.

    Attributes
    ----------
    name : str
        As in the tables of the run: ``group[T.case]``, or ``group: high - low``.
    label : str
        For readers: ``case against ctrl (group)``.
    between : str
        What is compared, after "miRNAs differ": ``between case and ctrl (group)``.
    up : str
        What a positive effect means: ``higher in case``.
    down : str
        What a negative one means.
    of_slope : bool
        Whether it belongs to the slope variable, so that isomiRs have effects of their own.
    table : pandas.DataFrame
        A row per fitted miRNA: :func:`bayes_mirglmm.results.hits.called_effects`, and ``lower_log2``, ``upper_log2``,
        ``shrunk_log2``.
    """

    name: str
    label: str
    between: str
    up: str
    down: str
    of_slope: bool
    table: pd.DataFrame


def comparisons(fit: "Fit", contrasts: Any = None) -> list[Comparison]:
    """Return the comparisons of a fit: contrasts, which were asked for, first, then those of the slope variable.

    Raises
    ------
    InputError
        A contrast is not one of the design.
    """
    terms = findings(fit.design)
    slopes = set(slope_coefficients(fit.design))
    if contrasts is not None:  # nothing stands there twice
        same = set(equal_coefficients(fit.design, contrasts).values())
        terms = [name for name in terms if name not in same]
    found = []
    if terms:
        effects = _with_probabilities(fit, called_effects(fit, terms), terms, None)
        effects = _with_flags(fit, effects, terms, None)
        found = [
            Comparison(name, *in_words(fit.design, name), name in slopes, _rows(effects, "term", name))
            for name in terms
        ]
    if contrasts is not None:
        effects = _with_probabilities(fit, called_effects(fit, contrasts=contrasts), None, contrasts)
        effects = _with_flags(fit, effects, None, contrasts)
        own = _contrasts_of_isomirs(fit, contrasts)
        found += [
            Comparison(name, name, f"in {name}", "up", "down", name in own, _rows(effects, "contrast", name))
            for name in dict.fromkeys(effects["contrast"].astype(str))
        ]
    return sorted(found, key=lambda c: (c.name in terms, c.name not in slopes))


def in_words(design: "Design", term: str) -> tuple[str, str, str, str]:
    """Return a coefficient's label, what it compares, and what a positive and a negative effect mean."""
    crossed = any(term in other.split(":") for other in design.terms if ":" in other)
    where = ", where what it interacts with is at its reference" if crossed else ""
    where = at_means(design, term) or where
    for factor, levels in design.factors.items():
        for level in levels[1:]:
            if term == f"{factor}[T.{level}]":
                label = f"{level} against {levels[0]} ({factor}{where})"
                between = f"between {level} and {levels[0]} ({factor}{where})"
                return label, between, f"higher in {level}", f"lower in {level}"
    if term in design.table.columns:
        return f"{term}, per unit", f"along {term}", f"rising with {term}", f"falling with {term}"
    return term, f"in the coefficient {term}", "positive", "negative"


def _with_probabilities(fit: "Fit", effects: pd.DataFrame, terms: Any, contrasts: Any) -> pd.DataFrame:
    """Return effects with the posterior probabilities that the run was made with, if any."""
    asked = asked_probabilities(fit)
    if not asked:
        return effects
    label = "term" if contrasts is None else "contrast"
    table = probability(fit, terms, contrasts, **asked)
    wanted = [name for name in ("p_beyond", "p_rope") if name in table]
    return effects.merge(table[["mirna", label, *wanted]], on=["mirna", label], how="left", sort=False)


def _with_flags(fit: "Fit", effects: pd.DataFrame, terms: Any, contrasts: Any) -> pd.DataFrame:
    """Return effects with the samples that they rest on, where the run was made with that."""
    if not influence_asked(fit):
        return effects
    keys = ["mirna", "term" if contrasts is None else "contrast"]
    table = flag_effects(fit, unwarned_effects(fit, terms, contrasts), terms, contrasts)
    return effects.merge(table[[*keys, *FLAGS]], on=keys, how="left", sort=False)


def _rows(effects: pd.DataFrame, label: str, name: str) -> pd.DataFrame:
    rows = effects[effects[label] == name].drop(columns=label).reset_index(drop=True)
    return rows.assign(shrunk_log2=rows["shrunk"] / LOG_2)


def _contrasts_of_isomirs(fit: "Fit", contrasts: Any) -> set[str]:
    """Return the names of the contrasts that weigh nothing but the slope variable's coefficients."""
    from bayes_mirglmm.design.build import contrast_weights

    weights = contrast_weights(fit.design, contrasts)
    outside = [name for name in weights.columns if name not in slope_coefficients(fit.design)]
    inside = (weights[outside] == 0).all(axis=1)
    return {str(name) for name in weights.index[inside]}
