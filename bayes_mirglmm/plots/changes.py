"""The numbers behind volcano, MA plot and forest: fold changes of all miRNAs, and which of them are hits."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.evidence.bayes_factor import bayesian_fdr
from bayes_mirglmm.methods.registry import METHODS, SHRUNKEN
from bayes_mirglmm.results.inference import LOG_2
from bayes_mirglmm.results.probability import probability
from bayes_mirglmm.results.terms import default_term, meaning

if TYPE_CHECKING:
    from bayes_mirglmm.design.build import Design
    from bayes_mirglmm.results import Fit

MEASURES = ("p_value", "lfsr", "probability")
#: What hits are called by, in the words of the tables.
RATE = {"p_value": METHODS["ml"].calls_in_words, "lfsr": SHRUNKEN, "probability": "Bayesian FDR"}


@dataclass(frozen=True)
class Changes:
    """Fold changes of one coefficient or contrast.

    Attributes
    ----------
    table : pandas.DataFrame
        A row a miRNA with estimates, the surest first: mirna, estimate, lower, upper (log2), measure, hit (bool).
    name : str
        The coefficient or contrast, in words.
    measure : str
        One of :data:`MEASURES`: what the column ``measure`` holds.
    fdr : float
        Rate up to which a miRNA is a hit.
    """

    table: pd.DataFrame
    name: str
    measure: str
    fdr: float


def changes(
    fit: "Fit",
    term: str | None = None,
    contrast: Any = None,
    *,
    measure: str | None = None,
    fdr: float = 0.05,
    beyond: float = 0.0,
    prob: float | None = None,
) -> Changes:
    """Return the fold changes of one coefficient or contrast, and which of them are hits.

    Parameters
    ----------
    fit : Fit
    term : str, optional
        Coefficient; the first of the slope variable (else of the formula) when omitted.
    contrast : optional
        One contrast in place of a coefficient: ``{"group": ("B", "A")}``.
    measure : str, optional
        ``"p_value"``: of the fit by maximum likelihood, hits by Benjamini-Hochberg. ``"lfsr"``: local false sign
        rate of the effects shrunk across miRNAs (:meth:`Fit.shrink`, not :meth:`Fit.effects`), hits by their
        s-value. ``"probability"``: posterior probability that the effect has the sign of its estimate and exceeds
        ``beyond``, hits by the mean of its complement among all that are as probable. By default lfsr for a Bayesian
        fit, else p_value.
    fdr : float
        Rate up to which a miRNA is a hit.
    beyond : float
        log2 fold change, for ``"probability"``.
    prob : float, optional
        Level of the intervals; that of the fit when omitted.

    Raises
    ------
    InputError
        The measure, term or contrast does not exist, or a contrast is not a single one.
    """
    measure = measure or ("lfsr" if fit.method.has_draws else "p_value")
    if measure not in MEASURES:
        raise InputError(f"measure={measure!r} is not known: choose one of {', '.join(map(repr, MEASURES))}.")
    if measure == "probability" and not fit.method.has_draws:
        raise InputError(
            "posterior probabilities need posterior draws: fit with method='laplace' or 'nuts', or choose "
            "measure='p_value' or 'lfsr'."
        )
    if not 0 < fdr < 1:
        raise InputError(f"fdr={fdr!r}: give a rate between 0 and 1, 0.05 for example.")
    if measure == "p_value":
        fit = fit.ml
    term, label = one_effect(fit.design, term, contrast)
    table = fit.effects(term, contrast, prob) if measure != "lfsr" else fit.shrink(term, contrast, prob)
    if table[label].nunique() > 1:
        raise InputError(
            f"this picture shows one contrast, not {table[label].nunique()}: choose one pair of levels."
        )
    if measure == "p_value":
        value, hit = table["p_value"], table["p_adjusted"] <= fdr
    elif measure == "lfsr":
        value, hit = table["lfsr"], table["s_value"] <= fdr
    else:
        value = pd.Series(_probability(fit, term, contrast, beyond), index=table.index)
        hit = pd.Series(bayesian_fdr(value.to_numpy()) <= fdr, index=table.index)
    found = pd.DataFrame(
        {
            "mirna": table["mirna"].astype(str),
            "estimate": table["estimate"] / LOG_2,
            "lower": table["lower"] / LOG_2,
            "upper": table["upper"] / LOG_2,
            "measure": value.astype(float),
            "hit": hit.astype(bool),
        }
    )
    # Ties (lfsr 0, probability 1) in the order of what they rest on.
    order = pd.DataFrame(
        {
            "first": found["measure"] * (-1.0 if measure == "probability" else 1.0),
            "second": -(table["estimate"] / table["std_error"]).abs(),
        }
    ).sort_values(["first", "second"], kind="stable")
    named = str(table[label].iloc[0]) if contrast is not None and len(table) else str(term or "contrast")
    return Changes(
        found.loc[order.index].reset_index(drop=True),
        meaning(fit.design, named) if contrast is None else named,
        measure,
        fdr,
    )


def one_effect(design: "Design", term: str | None, contrast: Any) -> tuple[str | None, str]:
    """Return the coefficient to show (None for a contrast), and the name of the column that tables name it in.

    Raises
    ------
    InputError
        Both are given, or the formula has an intercept only.
    """
    if contrast is not None:
        if term is not None:
            raise InputError("give a term or a contrast, not both.")
        return None, "contrast"
    term = term or default_term(design)
    if term is None:
        raise InputError("the formula has an intercept only: there is no fold change to draw.")
    return term, "term"


def _probability(fit: "Fit", term: str | None, contrast: Any, beyond: float) -> np.ndarray:
    """Return P(effect beyond ``beyond`` log2 on the side of its mean) for the miRNAs of the tables, in their order."""
    table = probability(fit, term, contrast, beyond=beyond * LOG_2)
    return table[["p_up_beyond", "p_down_beyond"]].max(axis=1).to_numpy()
