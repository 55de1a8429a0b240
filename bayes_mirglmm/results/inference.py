"""From estimates and standard errors to tables with intervals, p-values and adjusted p-values.

``t`` refers the ratio of estimate and standard error to Student's t with n - rank(X) degrees of freedom (the
samples are the replicates, not the isomiRs), ``z`` to the standard normal (Wald).
"""

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr
from scipy import special

from bayes_mirglmm.evidence.multiple_testing import benjamini_hochberg
from bayes_mirglmm.results.selection import (
    coefficient_covariance,
    converged,
    fitted,
    isomir_position,
    selected,
)
from bayes_mirglmm.results.terms import log_fold_changes, on_slope_terms

if TYPE_CHECKING:
    from bayes_mirglmm.results.fit_result import Fit

LOG_2 = float(np.log(2.0))
#: Columns of the tables that test or call something.
P_VALUES = (
    "p_value", "p_value_chi2", "p_adjusted", "s_value", "p_shared", "p_shared_adjusted", "p_within"
)  # fmt: skip


def effects_table(
    data: xr.Dataset, weights: pd.DataFrame, *, label: str, df: Any, prob: float
) -> pd.DataFrame:
    """Return a row per miRNA with estimates and per row of ``weights``.

    A model that did not converge shows its estimate and no standard error, interval or p-value.

    Parameters
    ----------
    data : xarray.Dataset
        The dataset of a fit.
    weights : pandas.DataFrame
        Rows: coefficients or contrasts; columns: the terms of the model.
    label : str
        Name of the column that holds the names of the rows of ``weights``: ``term`` or ``contrast``.
    df : float or array
        Degrees of freedom (inf: normal), of each row of ``weights`` where it is an array, or of each miRNA and row.
    prob : float
        Level of the intervals.
    """
    rows = fitted(data)
    cov = np.where(converged(data)[:, None, None], coefficient_covariance(data), np.nan)
    estimate, std_error = combine(selected(data, "beta")[rows], cov[rows], weights)
    df = df[rows] if np.ndim(df) == 2 else df
    columns = tests(estimate, std_error, log_fold_change=log_fold_changes(weights), df=df, prob=prob)
    return long_table({"mirna": data["mirna"].values[rows]}, label, weights, columns)


def isomir_effects_table(
    data: xr.Dataset, weights: pd.DataFrame, *, label: str, df: Any, prob: float
) -> pd.DataFrame:
    """Return a row per isomiR with estimates and per row of ``weights``, a column of which is a slope term.

    ``estimate`` is the isomiR's own effect, beta + b; ``deviation`` is b, its distance from the miRNA's
    effect. Standard errors include the uncertainty of the fixed effects. The standard error of the deviation
    is given for single coefficients, not for contrasts of several.
    """
    slope_terms = list(data["slope_term"].values)
    weights = on_slope_terms(weights, slope_terms)
    position = isomir_position(data)
    rows = fitted(data)[position] & np.isfinite(data["effect"].values).any(axis=1)
    sound = converged(data)[position][rows]
    cov = np.where(sound[:, None, None], data["effect_cov"].values[rows], np.nan)
    estimate, std_error = combine(data["effect"].values[rows], cov, weights)
    df = df[position][rows] if np.ndim(df) == 2 else df
    columns = tests(estimate, std_error, log_fold_change=log_fold_changes(weights), df=df, prob=prob)
    columns["deviation"] = data["b"].values[rows] @ weights.to_numpy(dtype=float).T
    if label == "term":
        b_se = np.where(sound[:, None], data["b_se"].values[rows], np.nan)
        columns["deviation_std_error"] = b_se[:, [slope_terms.index(name) for name in weights.index]]
    keys = {"mirna": data["isomir_mirna"].values[rows], "isomir": data["isomir"].values[rows]}
    return long_table(keys, label, weights, columns)


def effect_df(fit: "Fit", weights: pd.DataFrame) -> float | np.ndarray:
    """Return the degrees of freedom of combinations of coefficients.

    :attr:`residual_df` for all of them; with random terms of the samples by containment
    (:attr:`bayes_mirglmm.design.build.Design.effect_df`); by restricted likelihood Satterthwaite's, of each miRNA
    its own. A combination has the fewest of its coefficients.

    Parameters
    ----------
    weights : pandas.DataFrame
        Rows: combinations; columns: coefficients.

    Returns
    -------
    float, or array of shape (combinations,) or (miRNAs, combinations)
    """
    used = weights.to_numpy(dtype=float) != 0.0
    if "beta_df" in fit.data and not np.isinf(fit.residual_df):
        places = [fit.design.terms.index(name) if name in fit.design.terms else -1 for name in weights]
        df = selected(fit.data, "beta_df")[:, places]
        df[:, np.array(places) < 0] = np.inf  # an isomiR effect that varies around 0
        return np.maximum(np.where(used, df[:, None, :], np.inf).min(axis=2), 1.0)
    if not fit.design.random or np.isinf(fit.residual_df):
        return fit.residual_df
    by_term = pd.Series(fit.design.effect_df, list(fit.design.terms)).reindex(weights.columns)
    return np.where(used, by_term.fillna(np.inf).to_numpy(dtype=float), np.inf).min(axis=1)


def combine(beta: np.ndarray, cov: np.ndarray, weights: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return linear combinations of coefficients and their standard errors, each (rows, combinations).

    ``beta`` is (rows, p), ``cov`` (rows, p, p). Coefficients with weight 0 play no part, so that one which is
    not finite spoils only the combinations that use it.
    """
    estimate = np.empty((len(beta), len(weights)))
    variance = np.empty_like(estimate)
    for c, row in enumerate(weights.to_numpy(dtype=float)):
        used = np.flatnonzero(row)
        w = row[used]
        estimate[:, c] = beta[:, used] @ w
        variance[:, c] = ((cov[:, used[:, None], used] @ w) * w).sum(axis=1)
    with np.errstate(invalid="ignore"):
        return estimate, np.sqrt(variance)


def tests(
    estimate: np.ndarray,
    std_error: np.ndarray,
    *,
    log_fold_change: np.ndarray,
    df: float | np.ndarray,
    prob: float,
) -> dict[str, np.ndarray]:
    """Return the columns of a table of tests, adjusted within each coefficient.

    Parameters
    ----------
    estimate, std_error : array, shape (rows, coefficients)
        Natural log scale; a NaN standard error gives NaN tests.
    log_fold_change : array of bool, shape (coefficients,)
        Which coefficients are log fold changes: the others have no ``log2_fc`` and no interval in log2.
    df : float or array, shape (coefficients,) or (rows, coefficients)
        Degrees of freedom, inf for the normal.
    prob : float
        Level of the interval.

    Returns
    -------
    dict of str to array, each of shape (rows, coefficients)
        estimate, std_error, lower, upper, log2_fc, lower_log2, upper_log2, z, df, p_value, p_adjusted
        (Benjamini-Hochberg, down each column).
    """
    half = quantile(prob, df) * std_error
    with np.errstate(divide="ignore", invalid="ignore"):
        z = estimate / std_error
    p_value = two_sided_p(z, df)
    adjusted = [benjamini_hochberg(column) for column in p_value.T]
    return {
        "estimate": estimate,
        "std_error": std_error,
        "lower": estimate - half,
        "upper": estimate + half,
        **in_log2(estimate, estimate - half, estimate + half, log_fold_change),
        "z": z,
        "df": np.broadcast_to(np.asarray(df, dtype=float), estimate.shape).copy(),
        "p_value": p_value,
        "p_adjusted": np.column_stack(adjusted) if adjusted else p_value,
    }


def two_sided_p(statistic: np.ndarray, df: float | np.ndarray) -> np.ndarray:
    """Return two-sided p-values; ``df`` = inf is the normal, ``df`` < 1 gives NaN (nothing to refer to)."""
    df = np.asarray(df, dtype=float)
    with np.errstate(invalid="ignore"):
        some = np.where(np.isfinite(df), df, 1.0)
        p = np.where(np.isinf(df), special.ndtr(-np.abs(statistic)), special.stdtr(some, -np.abs(statistic)))
        return np.where(df >= 1, 2.0 * p, np.nan)


def quantile(prob: float, df: float | np.ndarray) -> Any:
    """Return the half-width, in standard errors, of a central interval of level ``prob``; NaN for df < 1."""
    df = np.asarray(df, dtype=float)
    with np.errstate(invalid="ignore"):
        some = np.where(np.isfinite(df) & (df >= 1), df, 1.0)
        half = np.where(
            np.isinf(df), special.ndtri(0.5 + prob / 2.0), special.stdtrit(some, 0.5 + prob / 2.0)
        )
        found = np.where(df >= 1, half, np.nan)
    return found if found.ndim else float(found)


def in_log2(
    estimate: np.ndarray, lower: np.ndarray, upper: np.ndarray, log_fold_change: np.ndarray
) -> dict[str, np.ndarray]:
    """Return log2_fc, lower_log2 and upper_log2; NaN for what is no log fold change."""
    columns = {"log2_fc": estimate, "lower_log2": lower, "upper_log2": upper}
    return {name: np.where(log_fold_change, values / LOG_2, np.nan) for name, values in columns.items()}


def long_table(
    keys: dict[str, np.ndarray], label: str, weights: pd.DataFrame, columns: dict[str, np.ndarray]
) -> pd.DataFrame:
    """Lay (rows, combinations) arrays out as one long table, the combinations of a row together."""
    repeated = {name: np.repeat(values, len(weights)) for name, values in keys.items()}
    count = len(next(iter(keys.values())))
    repeated[label] = np.tile(weights.index.to_numpy(dtype=object), count)
    return pd.DataFrame(repeated | {name: values.ravel() for name, values in columns.items()})


def untested_if_saturated(fit: "Fit", table: pd.DataFrame) -> pd.DataFrame:
    """Return a table without p-values where no degrees of freedom are left to judge anything by."""
    if fit.design.residual_df >= 1:
        return table
    return table.assign(**{name: np.nan for name in P_VALUES if name in table})


def warn_if_saturated(fit: "Fit") -> None:
    """Warn, once for each fit, where no degrees of freedom are left."""
    if fit.residual_df < 1 and not fit.warned:
        fit.warned = True
        warnings.warn(saturated_sentence(fit.data), UserWarning, stacklevel=3)


def saturated_sentence(data: xr.Dataset) -> str:
    """Return the reason for which a saturated design has no intervals."""
    return (
        f"The design is saturated ({data.sizes['sample']} samples, {data.attrs['rank']} coefficients): no "
        "degrees of freedom are left for t intervals, and nothing is tested. Simplify the formula, or add samples."
    )
