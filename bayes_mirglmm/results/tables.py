"""The tables of a fit: what each is computed from, the estimates by maximum likelihood or the draws of the posterior.

The methods of :class:`bayes_mirglmm.results.Fit` call these functions and say what the columns are.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayes_mirglmm.design.blocks import reduced_columns
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.methods.registry import methods_with_draws
from bayes_mirglmm.outcomes import Caution
from bayes_mirglmm.results.components import variance_components_table
from bayes_mirglmm.results.contrast import chosen_weights
from bayes_mirglmm.results.effects import INTERCEPT, effects_table, isomir_effects_table, log_fold_changes
from bayes_mirglmm.results.posterior_tables import (
    diagnostics_table,
    posterior_components_table,
    posterior_effects_table,
    posterior_isomir_table,
)
from bayes_mirglmm.results.schema import check_prob
from bayes_mirglmm.results.selection import fitted
from bayes_mirglmm.results.shared_samples import (
    ISOMIR_MEAN,
    SAMPLES,
    SHARED,
    sample_directions_table,
    shared_cautions_of,
    shared_effects_table,
    shared_samples_table,
)
from bayes_mirglmm.results.shared_usage import check_usage_test, shared_usage
from bayes_mirglmm.results.shared_usage_tables import (
    shared_columns,
    shared_contrasts_table,
    shared_directions_table,
)
from bayes_mirglmm.results.shrinkage import shrunken
from bayes_mirglmm.results.terms import slope_coefficients
from bayes_mirglmm.results.usage import bayesian_usage_table, usage_table

if TYPE_CHECKING:
    from bayes_mirglmm.results.fit_result import Fit

#: Columns of the tables that test or call something.
P_VALUES = (
    "p_value", "p_value_chi2", "p_adjusted", "s_value", "p_shared", "p_shared_adjusted", "p_within"
)  # fmt: skip

Terms = str | Sequence[str] | None

#: The tables of a fit, in the order in which a run folder lists them.
TABLES = ("effects", "isomir_effects", "usage", "variance_components", "status")
#: Those that a fit with ``usage_test="shared"`` has besides.
SHARED_TABLES = ("usage_shared", "shared_directions")


def interval_level(fit: "Fit", prob: float | None) -> float:
    """Return the level of intervals: ``prob``, or that of the fit where it is None."""
    return check_prob(fit.data.attrs["prob"] if prob is None else prob)


def effects(
    fit: "Fit",
    terms: Terms,
    contrasts: Any,
    prob: float | None,
    interval: str = "eti",
    samples: str | None = None,
    estimand: str | None = None,
) -> pd.DataFrame:
    """Return :meth:`bayes_mirglmm.results.Fit.effects`."""
    _check_interval(fit, interval)
    weights, label = chosen_weights(fit.design, terms, contrasts)
    level = interval_level(fit, prob)
    if chosen_samples(fit, samples, estimand) == SHARED:
        table = shared_effects_table(
            fit.data,
            fit.what_samples_share,
            weights,
            label=label,
            df=fit.effect_df(weights),
            prob=level,
            estimand=estimand or ISOMIR_MEAN,
        )
        # standard errors hold how much isomiRs differ in every effect
        return table.assign(isomir_slope=True)
    if fit.method.has_draws:
        table = posterior_effects_table(fit.data, weights, label=label, prob=level, interval=interval)
        table = _with_s_values(table, label, list(weights.index[log_fold_changes(weights)]))
    else:
        table = effects_table(fit.data, weights, label=label, df=fit.effect_df(weights), prob=level)
    return _untested_if_saturated(fit, table).assign(isomir_slope=_have_slopes(fit, table, weights, label))


def _with_s_values(table: pd.DataFrame, label: str, changes: list[str]) -> pd.DataFrame:
    """Put s-values of the shrunken effects behind ``lfsr``; NaN for what is no change.

    Not those of ``lfsr``: under a wide prior it takes no account of how many effects are null, and a mean of it is no
    error rate of a list.
    """
    own = table[table[label].isin(changes)]
    found = shrunken(own, label, 0.95)["s_value"].reindex(table.index)
    table.insert(list(table.columns).index("lfsr") + 1, "s_value", found)
    return table


def isomir_effects(
    fit: "Fit", terms: Terms, contrasts: Any, prob: float | None, interval: str
) -> pd.DataFrame:
    """Return :meth:`bayes_mirglmm.results.Fit.isomir_effects`."""
    _check_interval(fit, interval)
    blocks = fit.design.blocks
    if terms is None and contrasts is None:
        terms = slope_coefficients(fit.design) or [INTERCEPT]
    weights, label = chosen_weights(fit.design, terms, contrasts)
    level = interval_level(fit, prob)
    if fit.method.has_draws:
        return posterior_isomir_table(fit.data, weights, blocks, label=label, prob=level, interval=interval)
    table = isomir_effects_table(fit.data, weights, label=label, df=fit.effect_df(weights), prob=level)
    return _untested_if_saturated(fit, table)


def usage(
    fit: "Fit", prior_odds: float | None, *, test: str | None = None, beyond_global: bool = False
) -> pd.DataFrame:
    """Return :meth:`bayes_mirglmm.results.Fit.usage`."""
    test = fit.usage_test if test is None else test
    check_usage_test(test, fit.design)
    if beyond_global and test != "shared":
        raise InputError("beyond_global=True belongs to test='shared': give both.")
    table = _model_usage(fit, prior_odds)
    if test == "lrt":
        return table
    found = shared_columns(shared_usage(fit, beyond_global=beyond_global))
    table = table.merge(found, on="mirna", how="outer", sort=False).pipe(_in_order, fit)
    return _untested_if_saturated(fit, table)


def _in_order(table: pd.DataFrame, fit: "Fit") -> pd.DataFrame:
    """Return the rows in the order of the fit's miRNAs."""
    place = {name: i for i, name in enumerate(fit.data["mirna"].values)}
    return table.sort_values("mirna", key=lambda names: names.map(place), ignore_index=True)


def usage_shared(fit: "Fit") -> pd.DataFrame:
    """Return :meth:`bayes_mirglmm.results.Fit.usage_shared`."""
    return shared_contrasts_table(fit)


def shared_directions(fit: "Fit", count: int) -> pd.DataFrame:
    """Return :meth:`bayes_mirglmm.results.Fit.shared_directions`."""
    if count < 1:
        raise InputError(f"count is {count}: ask for one direction or more.")
    return shared_directions_table(fit, count)


def _model_usage(fit: "Fit", prior_odds: float | None) -> pd.DataFrame:
    """Return the tests that compare two models of each miRNA."""
    if not fit.method.has_draws:
        if prior_odds is not None:
            raise InputError(f"prior_odds needs Bayes factors: fit with method={methods_with_draws()}.")
        return _untested_if_saturated(fit, usage_table(fit.data, fit.design.blocks))
    if prior_odds is not None and not 0 < prior_odds < np.inf:
        raise InputError(f"prior_odds is {prior_odds}: give odds above 0 (1 for even).")
    if fit.ml is fit:
        raise InputError(
            "this fit was put together without the fit by maximum likelihood that it started from, which has tests: "
            "give it as ml=."
        )
    return bayesian_usage_table(fit.data, fit.ml.usage(test="lrt"), fit.slope_prior_scale, prior_odds)


def variance_components(fit: "Fit", model: str | None, prob: float | None) -> pd.DataFrame:
    """Return :meth:`bayes_mirglmm.results.Fit.variance_components`."""
    models = [str(name) for name in fit.data["model"].values]
    if model is None:
        tried = (fit.data["model_status"].values != "").any(axis=1)
        model = next((name for name, some in zip(models, tried, strict=True) if some), models[0])
    if model not in models:
        raise InputError(f"this fit has no model {model!r}: choose from {', '.join(models)}.")
    drawn = set(fit.data["coefficients_from"].values[fitted(fit.data)])
    if fit.method.has_draws and drawn <= {model}:
        return posterior_components_table(fit.data, fit.design.blocks, interval_level(fit, prob))
    return variance_components_table(fit.data, fit.design.blocks, model)


def diagnostics(fit: "Fit") -> pd.DataFrame:
    """Return :meth:`bayes_mirglmm.results.Fit.diagnostics`."""
    if not fit.method.has_draws:
        raise InputError(
            "a fit by maximum likelihood has no draws to diagnose: see status(), or fit with "
            f"method={methods_with_draws()}."
        )
    return diagnostics_table(fit.data)


def chosen_samples(fit: "Fit", samples: str | None, estimand: str | None = None) -> str:
    """Return how effects take the samples: as asked for, else as the fit was made.

    Raises
    ------
    InputError
        The choice is unknown, or not one of this fit.
    """
    chosen = fit.samples_taken if samples is None else samples
    if chosen not in SAMPLES:
        raise InputError(f"samples={samples!r} is not known: choose one of {', '.join(SAMPLES)}.")
    if chosen == SHARED and fit.method.has_draws:
        raise InputError(
            "samples='shared' is of fits by maximum likelihood: take fit.ml.effects(samples='shared')."
        )
    if chosen == SHARED and fit.design.random:
        raise InputError(
            "samples='shared' takes fixed effects alone: put the groups of samples into the formula as a factor, "
            "without (1 | ...), or use samples='independent'."
        )
    if chosen != SHARED and estimand not in (None, ISOMIR_MEAN):
        raise InputError(
            f"estimand={estimand!r} is of samples='shared': the fixed effects of the model are {ISOMIR_MEAN}."
        )
    return chosen


def shared_samples(fit: "Fit", terms: Terms, contrasts: Any) -> pd.DataFrame:
    """Return :meth:`bayes_mirglmm.results.Fit.shared_samples`."""
    chosen_samples(fit, SHARED)
    weights, label = chosen_weights(fit.design, _of_changes(fit, terms, contrasts), contrasts)
    return shared_samples_table(fit.what_samples_share, weights, label)


def shared_cautions(fit: "Fit") -> list[Caution]:
    """Return :meth:`bayes_mirglmm.results.Fit.shared_cautions`."""
    chosen_samples(fit, SHARED)
    weights, _ = chosen_weights(fit.design, slope_coefficients(fit.design))
    return shared_cautions_of(fit.what_samples_share, weights)


def sample_directions(fit: "Fit") -> pd.DataFrame:
    """Return :meth:`bayes_mirglmm.results.Fit.sample_directions`."""
    chosen_samples(fit, SHARED)
    return sample_directions_table(fit.what_samples_share, fit.samples, fit.data["total"].values)


def shrink(
    fit: "Fit",
    terms: Terms,
    contrasts: Any,
    prob: float | None,
    samples: str | None = None,
    estimand: str | None = None,
) -> pd.DataFrame:
    """Return :meth:`bayes_mirglmm.results.Fit.shrink`."""
    wanted = _of_changes(fit, terms, contrasts)
    table = fit.effects(wanted, contrasts, prob, samples=samples, estimand=estimand)
    return shrunken(table, "term" if contrasts is None else "contrast", interval_level(fit, prob))


def _of_changes(fit: "Fit", terms: Terms, contrasts: Any) -> Terms:
    """Return ``terms``, by default every coefficient but the intercept."""
    if terms is None and contrasts is None:
        return [name for name in fit.design.terms if name != INTERCEPT]
    return terms


def _have_slopes(fit: "Fit", table: pd.DataFrame, weights: pd.DataFrame, label: str) -> np.ndarray:
    """Tell for each row whether isomiRs have effects of their own for all that it weighs.

    Where they have not, the standard error takes them to change alike. The coefficients of a miRNA may be those of
    the reduced model (``preset="mirglmm"``), which has no slopes of the slope variable.
    """
    data, design = fit.data, fit.design
    columns = {"full": list(design.slope_terms)}
    columns["reduced"] = [design.slope_terms[k] for k in reduced_columns(design.blocks)]
    if not fit.has_isomir_slopes:
        columns["full"] = columns["reduced"]
    used = weights.to_numpy() != 0
    known = pd.DataFrame(
        {model: (~used | np.isin(weights.columns, names)).all(axis=1) for model, names in columns.items()},
        index=weights.index,
    )
    shown = pd.Series(data["coefficients_from"].values.astype(str), index=data["mirna"].values)
    models = shown.reindex(table["mirna"]).to_numpy()
    rows = known.reindex(table[label])
    return np.where(models == "reduced", rows["reduced"], rows["full"]).astype(bool)


def _untested_if_saturated(fit: "Fit", table: pd.DataFrame) -> pd.DataFrame:
    """Return a table without p-values where no degrees of freedom are left to judge anything by."""
    if fit.design.residual_df >= 1:
        return table
    return table.assign(**{name: np.nan for name in P_VALUES if name in table})


def _check_interval(fit: "Fit", interval: str) -> None:
    if interval not in ("eti", "hdi"):
        raise InputError(f"interval={interval!r} is not one of 'eti' (equal tails), 'hdi' (highest density).")
    if interval == "hdi" and not fit.method.has_draws:
        raise InputError(f"interval='hdi' is of posterior draws: fit with method={methods_with_draws()}.")
