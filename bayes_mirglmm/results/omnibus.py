"""Tests of a term as a whole, such as a factor of several levels: Wald F, and the likelihood ratio without it.

The F statistic is ``b' V^-1 b / q`` for the q coefficients ``b`` of the term and their covariance ``V``, referred to
F(q, n - rank(X)) (chi-squared / q where the fit has ``df="z"``), as R's ``car::Anova`` and ``emmeans::joint_tests`` do.
The likelihood ratio is twice the difference of the log-likelihoods with and without the term's fixed effects, referred
to chi-squared(q), what ``DESeq(test = "LRT")`` does; both models keep the isomiR effects, so that the question is the
average over isomiRs. It takes the variances for known: with few samples the F test is the safer one.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import special

from bayes_mirglmm.design.blocks import reduced_columns
from bayes_mirglmm.design.build import varies_around
from bayes_mirglmm.design.formula import model_matrix, named_terms, parse_formula
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.evidence.multiple_testing import benjamini_hochberg
from bayes_mirglmm.results.selection import (
    coefficient_covariance,
    converged,
    fitted,
    isomir_position,
    selected,
)

if TYPE_CHECKING:
    from bayes_mirglmm.marginal import Frame
    from bayes_mirglmm.results.fit_result import Fit


def omnibus(fit: "Fit", terms: str | Sequence[str] | None = None, *, lrt: bool = False) -> pd.DataFrame:
    """Return tests of whole terms of the formula, such as a factor of several levels.

    Parameters
    ----------
    terms : str or sequence of str, optional
        Terms of the formula (``"dose"``, ``"dose:batch"``); all when omitted.
    lrt : bool
        Add the likelihood ratio test, for which every miRNA is fitted again, with and without the term.

    Returns
    -------
    pandas.DataFrame
        A row per fitted miRNA and term: mirna, term, f (Wald F), df (coefficients of the term), residual_df
        (samples minus coefficients, inf for ``df="z"``), p_value, p_adjusted (Benjamini-Hochberg within each term);
        with ``lrt`` also lrt (statistic, chi-squared with df degrees of freedom), lrt_p_value and lrt_p_adjusted.
        The average over isomiRs is tested: isomiR slopes stay in both models. With few samples F is the safer one.

    Raises
    ------
    InputError
        The formula has no such term, or the fit is Bayesian: take ``fit.ml.omnibus()``.
    """
    if fit.method.has_draws:
        raise InputError(
            "a test of a term refers to a fit by maximum likelihood: take fit.ml.omnibus(). For a factor of several "
            "levels the posterior has fit.contrast('pairs:FACTOR')."
        )
    design = fit.design
    parsed = parse_formula(design.formula, list(design.table.columns))
    places = dict(
        zip(
            [term.name for term in parsed.terms],
            model_matrix(parsed, design.table, centre=bool(design.centres)).columns,
            strict=True,
        )
    )
    names = [term.name for term in parsed.terms if term.variables]
    names = (
        names if terms is None else named_terms(parsed, [terms] if isinstance(terms, str) else list(terms))
    )
    tables = []
    for name in names:
        table = _wald(fit, name, list(places[name]))
        if lrt:
            table = table.assign(**_likelihood_ratio(fit, list(places[name])))
        tables.append(table)
    if not tables:
        raise InputError(f"the formula {design.formula!r} has no term to test.")
    table = pd.concat(tables, ignore_index=True)
    # A miRNA's terms together, as in the table of effects.
    return table.iloc[np.argsort(np.tile(np.arange(len(fit)), len(tables)), kind="stable")].reset_index(
        drop=True
    )


def _wald(fit: "Fit", term: str, columns: list[int]) -> pd.DataFrame:
    data, q = fit.data, len(columns)
    rows = fitted(data)
    beta = selected(data, "beta")[rows][:, columns]
    cov = np.where(converged(data)[:, None, None], coefficient_covariance(data), np.nan)[rows]
    statistic = (
        np.array([_quadratic(b, v) for b, v in zip(beta, cov[:, columns][:, :, columns], strict=True)]) / q
    )
    df2 = _denominator(fit, columns)
    if fit.design.residual_df < 1:
        p_value = np.full(len(beta), np.nan)
    elif np.isinf(fit.residual_df):
        p_value = special.chdtrc(q, q * statistic)
    else:
        p_value = special.fdtrc(q, df2, statistic)
    return pd.DataFrame(
        {
            "mirna": data["mirna"].values[rows],
            "term": term,
            "f": statistic,
            "df": float(q),
            "residual_df": df2,
            "p_value": p_value,
            "p_adjusted": benjamini_hochberg(p_value),
        }
    )


def _denominator(fit: "Fit", columns: list[int]) -> float | np.ndarray:
    """Return the degrees of freedom of the variance: the fewest of the term's coefficients, of each fitted miRNA."""
    terms = list(fit.design.terms)
    df = fit.effect_df(pd.DataFrame(np.eye(len(terms))[columns], columns=terms))
    if np.ndim(df) == 0:
        return df
    return np.asarray(df).min(axis=-1)[fitted(fit.data)] if np.ndim(df) == 2 else float(np.min(df))


def _quadratic(b: np.ndarray, v: np.ndarray) -> float:
    """Return b' v^-1 b, whatever the units of the coefficients; NaN without a covariance."""
    with np.errstate(invalid="ignore"):
        sd = np.sqrt(np.diagonal(v))
    if not (np.isfinite(v).all() and (sd > 0).all()):
        return np.nan
    try:
        return float((b / sd) @ np.linalg.solve(v / np.outer(sd, sd), b / sd))
    except np.linalg.LinAlgError:
        return np.nan


def _likelihood_ratio(fit: "Fit", columns: list[int]) -> dict[str, np.ndarray]:
    """Fit every miRNA with and without the columns of a term, the isomiR effects of the shown model kept."""
    from bayes_mirglmm.marginal import fit_frame  # loads the engine

    data, design = fit.data, fit.design
    rows = np.flatnonzero(fitted(data) & converged(data))
    statistic = np.full(data.sizes["mirna"], np.nan)
    position = isomir_position(data)
    frames = {
        model: _frames(fit, columns, model)
        for model in set(data["coefficients_from"].values[rows].astype(str))
    }
    for i in rows if design.residual_df >= 1 else []:
        counts = data["counts"][position == i].values
        with_term, without = (
            fit_frame(
                counts,
                frame,
                family="poisson" if data.attrs["family"] == "poisson" else "negative_binomial",
                curvature="expected" if data.attrs["curvature"] == "expected" else "observed",
                sample_effect=fit.has_sample_effect,
            )
            for frame in frames[str(data["coefficients_from"].values[i])]
        )
        if with_term.converged and without.converged:
            statistic[i] = max(0.0, 2.0 * (with_term.log_likelihood - without.log_likelihood))
    statistic = statistic[fitted(data)]
    p_value = special.chdtrc(len(columns), statistic)
    return {"lrt": statistic, "lrt_p_value": p_value, "lrt_p_adjusted": benjamini_hochberg(p_value)}


def _frames(fit: "Fit", columns: list[int], model: str) -> "tuple[Frame, ...]":
    """Return the designs with and without ``columns``, for the engine."""
    from bayes_mirglmm.marginal import Terms, make_frame

    design = fit.design
    kept = list(range(len(design.blocks)))
    if model != "full" or not fit.has_isomir_slopes:
        kept = reduced_columns(design.blocks)
    rest = [c for c in range(len(design.terms)) if c not in columns]
    frames = []
    for own in (list(range(len(design.terms))), rest):
        around = varies_around(design.slope_terms, design.blocks, [design.terms[c] for c in own])
        frames.append(
            make_frame(
                np.asarray(fit.data["offset"].values, dtype=float),
                design.x[:, own],
                design.z[:, kept],
                blocks=[design.blocks[k] for k in kept],
                fixed=[around[k] for k in kept],
                terms=Terms(
                    tuple(term.columns for term in design.random), tuple(term.level for term in design.random)
                ),
                sample_covariance=(
                    fit.data["sample_covariance"].values if "sample_covariance" in fit.data else None
                ),
            )
        )
    return tuple(frames)
