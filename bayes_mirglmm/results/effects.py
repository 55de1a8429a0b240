"""The tables of effects, as methods of a fit: of coefficients and contrasts, of miRNAs and of isomiRs, shrunken.

What is chosen here is computed from the estimates (:mod:`bayes_mirglmm.results.inference`), from draws
(:mod:`bayes_mirglmm.results.posterior_tables`) or under a covariance that samples share
(:mod:`bayes_mirglmm.results.shared_samples`).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayes_mirglmm.design.blocks import reduced_columns
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.methods.registry import methods_with_draws
from bayes_mirglmm.results.inference import (
    effects_table,
    isomir_effects_table,
    untested_if_saturated,
    warn_if_saturated,
)
from bayes_mirglmm.results.outliers import flag_isomirs
from bayes_mirglmm.results.posterior_tables import posterior_effects_table, posterior_isomir_table
from bayes_mirglmm.results.selection import interval_level
from bayes_mirglmm.results.shared_samples import (
    ISOMIR_MEAN,
    SAMPLES,
    SHARED,
    check_fixed_alone,
    shared_effects_table,
)
from bayes_mirglmm.results.shrinkage import shrunken
from bayes_mirglmm.results.terms import (
    INTERCEPT,
    changes,
    chosen_weights,
    log_fold_changes,
    slope_coefficients,
)

if TYPE_CHECKING:
    from bayes_mirglmm.results.fit_result import Fit


def effects(
    fit: "Fit",
    terms: str | Sequence[str] | None = None,
    contrasts: Any = None,
    prob: float | None = None,
    interval: str = "eti",
    *,
    samples: str | None = None,
    estimand: str | None = None,
    influence: bool = False,
) -> pd.DataFrame:
    """Return a row per fitted miRNA and coefficient, or contrast.

    Parameters
    ----------
    terms : str or sequence of str, optional
        Coefficients, all by default.
    contrasts : optional
        Contrasts in place of coefficients; see :meth:`contrast`.
    prob : float, optional
        Level of the intervals; that of the fit by default.
    interval : {"eti", "hdi"}
        Of a Bayesian fit: equal tails, or the shortest interval (highest density).
    samples : {"independent", "shared"}, optional
        ``"shared"``: generalised least squares under the covariance of the samples that is learned over all
        miRNAs (:doc:`/explanation/shared_samples`); as the fit was made by default.
    estimand : {"isomir_mean", "weighted_mean"}, optional
        Of shared samples: the mean of the isomiRs' effects, which the fixed effect of the model means (default), or
        their mean weighted by the square root of their counts, which is near what summed counts estimate.
    influence : bool
        Also say which called effects rest on one sample. Every called miRNA is fitted again by maximum likelihood
        without each sample, which takes time (see :meth:`influential_samples`); asked for again, the same is at hand.

    Returns
    -------
    pandas.DataFrame
        mirna, term (or contrast), estimate, std_error, lower, upper (natural log), log2_fc, lower_log2,
        upper_log2 (NaN for the intercept), z (estimate / std_error), df, p_value, p_adjusted
        (Benjamini-Hochberg within each coefficient). A Bayesian fit: estimate and std_error are
        posterior mean and SD, lower and upper an equal-tailed (or shortest) interval, and in place of
        the tests lfsr (local false sign rate, of the posterior), s_value and what :meth:`diagnostics`
        says of the miRNA: pareto_k, or r_hat, ess_bulk and divergences. Each miRNA has the model's own
        wide prior, which takes no account of how many do not change, so that a list cut at lfsr has no
        error rate. ``s_value`` is that of :meth:`shrink`, which learns how many do
        not: a list cut at 0.05 is expected to have the wrong sign in one of twenty. NaN for the intercept.
        With shared samples: ``estimand`` after the names, and ``p_beyond_shared``, the p-value if all that the
        miRNAs do together along the coefficient were noise. With ``influence``: deciding_samples (names of the
        samples without which the p-value by maximum likelihood, not adjusted, is above 0.05; empty where it is not,
        and where nothing is called) and p_value_without_sample (the largest p-value without one sample; NaN where
        nothing is called).

    Raises
    ------
    InputError
        A term, level, probability or kind of interval is not usable.
    """
    table = unwarned_effects(fit, terms, contrasts, prob, interval, samples, estimand)
    if influence:
        from bayes_mirglmm.results.deciding_samples import flag_effects  # which needs this table

        table = flag_effects(fit, table, terms, contrasts)
    if "estimand" not in table:  # of shared samples, whose degrees of freedom are learned
        warn_if_saturated(fit)
    return table


def contrast(
    fit: "Fit",
    spec: Any,
    prob: float | None = None,
    interval: str = "eti",
    *,
    samples: str | None = None,
    estimand: str | None = None,
    influence: bool = False,
) -> pd.DataFrame:
    """Return a row per fitted miRNA and contrast: ``effects(contrasts=spec)``.

    Parameters
    ----------
    spec
        ``{"group": ("B", "A")}`` for B minus A, a dict of weights of coefficients, ``"pairs:group"`` for
        all pairs of a factor; see :func:`bayes_mirglmm.design.build.contrast_weights`.
    prob : float, optional
        Level of the intervals.
    interval, samples, estimand, influence
        As of :meth:`effects`.

    Returns
    -------
    pandas.DataFrame
        The columns of :meth:`effects`, with ``contrast`` in place of ``term``.
    """
    return fit.effects(
        contrasts=spec, prob=prob, interval=interval, samples=samples, estimand=estimand, influence=influence
    )


def isomir_effects(
    fit: "Fit",
    terms: str | Sequence[str] | None = None,
    contrasts: Any = None,
    prob: float | None = None,
    interval: str = "eti",
    *,
    influence: bool = False,
) -> pd.DataFrame:
    """Return a row per isomiR and coefficient of the slope variable, or contrast of its levels.

    ``terms`` may also name the intercept (that of an average sample, where covariates with isomiR slopes are at their
    mean) and nuisance slopes. Columns as in :meth:`effects`, with
    ``isomir`` after ``mirna``, and at the end ``deviation`` (b, the distance of the isomiR's effect from
    the miRNA's), for coefficients ``deviation_std_error``, and ``outlying_cells`` (counts of the isomiR that stand
    far from the others, see :meth:`outlying_cells`). p-values are adjusted over all isomiRs,
    within each coefficient.

    Parameters
    ----------
    terms : str or sequence of str, optional
        Coefficients that isomiRs differ in; those of the slope variable when omitted.
    contrasts : optional
        In place of coefficients: what :meth:`contrast` takes.
    prob : float, optional
        Level of the intervals; that of the fit when omitted.
    interval : {"eti", "hdi"}
        Of a posterior: equal tails, or highest density.
    influence : bool
        Also say which called effects (p_adjusted, of a posterior lfsr, at most 0.05) rest on one sample, in columns as
        those of :meth:`effects`; of isomiRs of miRNAs that are called themselves.

    Returns
    -------
    pandas.DataFrame
        As above; natural logs, and log2 where the name says so.
    """
    _check_interval(fit, interval)
    blocks = fit.design.blocks
    if terms is None and contrasts is None:
        terms = slope_coefficients(fit.design) or [INTERCEPT]
    weights, label = chosen_weights(fit.design, terms, contrasts)
    level = interval_level(fit.data, prob)
    if fit.method.has_draws:
        table = posterior_isomir_table(fit.data, weights, blocks, label=label, prob=level, interval=interval)
    else:
        table = isomir_effects_table(fit.data, weights, label=label, df=fit.effect_df(weights), prob=level)
        table = untested_if_saturated(fit, table)
    warn_if_saturated(fit)
    table = flag_isomirs(fit, table)
    if influence:
        from bayes_mirglmm.results.deciding_samples import flag_effects

        table = flag_effects(fit, table, terms, contrasts)
    return table


def shrink(
    fit: "Fit",
    terms: str | Sequence[str] | None = None,
    contrasts: Any = None,
    prob: float | None = None,
    *,
    samples: str | None = None,
    estimand: str | None = None,
) -> pd.DataFrame:
    """Return :meth:`effects` with log fold changes shrunk across miRNAs (Stephens 2017).

    Adds ``shrunk``, ``shrunk_sd``, ``shrunk_lower`` and ``shrunk_upper`` (natural log), ``lfsr`` and
    ``s_value``; each coefficient has its own prior. Every coefficient but the intercept by default. Shrinking
    biases large effects: these columns stand beside the estimates and replace nothing.

    Parameters
    ----------
    terms, contrasts, prob
        As in :meth:`effects`.
    samples, estimand : str, optional
        As in :meth:`effects`.

    Returns
    -------
    pandas.DataFrame
        As above.
    """
    wanted = changes(fit.design, terms, contrasts)
    table = fit.effects(wanted, contrasts, prob, samples=samples, estimand=estimand)
    return shrunken(table, "term" if contrasts is None else "contrast", interval_level(fit.data, prob))


def unwarned_effects(
    fit: "Fit",
    terms: str | Sequence[str] | None = None,
    contrasts: Any = None,
    prob: float | None = None,
    interval: str = "eti",
    samples: str | None = None,
    estimand: str | None = None,
) -> pd.DataFrame:
    """Return :func:`effects`, and warn of nothing."""
    _check_interval(fit, interval)
    weights, label = chosen_weights(fit.design, terms, contrasts)
    level = interval_level(fit.data, prob)
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
    return untested_if_saturated(fit, table).assign(isomir_slope=_have_slopes(fit, table, weights, label))


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
    if chosen == SHARED:
        check_fixed_alone(fit.design.random)
    if chosen != SHARED and estimand not in (None, ISOMIR_MEAN):
        raise InputError(
            f"estimand={estimand!r} is of samples='shared': the fixed effects of the model are {ISOMIR_MEAN}."
        )
    return chosen


def _with_s_values(table: pd.DataFrame, label: str, changes: list[str]) -> pd.DataFrame:
    """Put s-values of the shrunken effects behind ``lfsr``; NaN for what is no change.

    Not those of ``lfsr``: under a wide prior it takes no account of how many effects are null, and a mean of it is no
    error rate of a list.
    """
    own = table[table[label].isin(changes)]
    found = shrunken(own, label, 0.95)["s_value"].reindex(table.index)
    table.insert(list(table.columns).index("lfsr") + 1, "s_value", found)
    return table


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


def _check_interval(fit: "Fit", interval: str) -> None:
    if interval not in ("eti", "hdi"):
        raise InputError(f"interval={interval!r} is not one of 'eti' (equal tails), 'hdi' (highest density).")
    if interval == "hdi" and not fit.method.has_draws:
        raise InputError(f"interval='hdi' is of posterior draws: fit with method={methods_with_draws()}.")
