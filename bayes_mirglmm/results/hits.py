"""Which effects count as found: the columns that rank and that call, the same in every summary of a fit."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from bayes_mirglmm.methods.registry import Method
from bayes_mirglmm.results.terms import INTERCEPT
from bayes_mirglmm.results.usage_choice import SHARED, usage_confounded

if TYPE_CHECKING:
    from bayes_mirglmm.results import Fit

FDR = 0.05
LOG_BF = 3.0  # natural log: twenty to one


def called_effects(
    fit: "Fit", terms: str | Sequence[str] | None = None, contrasts: Any = None
) -> pd.DataFrame:
    """Return the table of effects with ``shrunk`` and the column that calls a hit.

    Parameters
    ----------
    fit : Fit
        Of any method.
    terms, contrasts
        As in :meth:`Fit.effects`.

    Returns
    -------
    pandas.DataFrame
        Of a Bayesian fit ``shrunk_s_value`` is the ``s_value`` of effects under a name that says whose it is, ``lfsr``
        the posterior's own and ``shrunk_lfsr`` that of the shrunken effect, whose order is that of the s-values.
        ``shrunk`` (natural log) is NaN for the intercept.
    """
    effects = fit.effects(terms, contrasts).rename(columns={"s_value": "shrunk_s_value"})
    draws = fit.method.has_draws
    label = "term" if contrasts is None else "contrast"
    if contrasts is None:
        wanted = fit.design.terms if terms is None else [terms] if isinstance(terms, str) else terms
        terms = [name for name in wanted if name != INTERCEPT]  # not those of the rows: there may be none
        if not terms:
            return effects.assign(shrunk=float("nan"), **({"shrunk_lfsr": float("nan")} if draws else {}))
    added = fit.shrink(terms, contrasts)[["mirna", label, "shrunk", *(["lfsr"] if draws else [])]]
    return effects.merge(added.rename(columns={"lfsr": "shrunk_lfsr"}), on=["mirna", label], how="left")


def usage_column(fit: "Fit") -> str:
    """Return the column of a usage table that calls: adjusted p-values of the test that the fit is read by."""
    return "p_shared_adjusted" if fit.usage_test == SHARED else "p_adjusted"


def usage_calls(fit: "Fit", fdr: float = FDR) -> list[str]:
    """Return the miRNAs whose isomiR usage is called by that test; none where usage cannot be told from batch."""
    if not fit.has_isomir_slopes or usage_confounded(fit):
        return []
    usage = fit.usage()
    return [str(name) for name in usage.loc[usage[usage_column(fit)] <= fdr, "mirna"]]


def surest_first(effects: pd.DataFrame, method: Method) -> pd.DataFrame:
    """Return effects by the measure that ranks; where several have no draw of the other sign, by estimate over SD."""
    rank = method.ranks_by
    sure = -(effects["estimate"] / effects["std_error"]).abs()
    rows = effects.assign(sure=sure).dropna(subset=[rank]).sort_values([rank, "sure"], kind="stable")
    return rows.drop(columns="sure")


def count_hits(effects: pd.DataFrame, method: Method, fdr: float = FDR) -> dict[str, int]:
    """Return how many effects of one coefficient are found, ``up`` and ``down``."""
    found = effects[effects[method.calls_by] <= fdr]
    return {"up": int((found["estimate"] > 0).sum()), "down": int((found["estimate"] < 0).sum())}
