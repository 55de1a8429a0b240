"""The tables of coefficients and contrasts: per miRNA, and per isomiR."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.results.inference import tests
from bayes_mirglmm.results.selection import (
    coefficient_covariance,
    converged,
    fitted,
    isomir_position,
    selected,
)

INTERCEPT = "Intercept"


def unit_weights(terms: Sequence[str], wanted: str | Sequence[str] | None) -> pd.DataFrame:
    """Return the weights that pick single coefficients: a row per wanted term, a column per term.

    Raises
    ------
    InputError
        A wanted term does not exist; the message lists those that do.
    """
    names = list(terms) if wanted is None else [wanted] if isinstance(wanted, str) else list(wanted)
    unknown = [name for name in names if name not in terms]
    if unknown:
        raise InputError(f"the model has no coefficient {unknown[0]!r}: choose from {', '.join(terms)}.")
    if len(set(names)) < len(names):
        raise InputError(f"a coefficient is asked for twice: {', '.join(names)}.")
    return pd.DataFrame(np.eye(len(terms))[[list(terms).index(n) for n in names]], names, list(terms))


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


def on_slope_terms(weights: pd.DataFrame, slope_terms: Sequence[str]) -> pd.DataFrame:
    """Restrict weights on the model's terms to the columns that isomiRs have effects for."""
    outside = weights.columns[(weights != 0).any(axis=0)].difference(list(slope_terms))
    if len(outside):
        raise InputError(
            f"isomiRs have no effect of their own for {', '.join(outside)}: their random effects are "
            f"{', '.join(slope_terms)}. Choose among these, or fit with slope= set to that variable."
        )
    return weights.reindex(columns=list(slope_terms), fill_value=0.0)


def log_fold_changes(weights: pd.DataFrame) -> np.ndarray:
    """Return which rows compare something: whatever has weight on the intercept is a level, not a change."""
    if INTERCEPT not in weights.columns:
        return np.ones(len(weights), dtype=bool)
    return weights[INTERCEPT].to_numpy(dtype=float) == 0.0


def long_table(
    keys: dict[str, np.ndarray], label: str, weights: pd.DataFrame, columns: dict[str, np.ndarray]
) -> pd.DataFrame:
    """Lay (rows, combinations) arrays out as one long table, the combinations of a row together."""
    repeated = {name: np.repeat(values, len(weights)) for name, values in keys.items()}
    count = len(next(iter(keys.values())))
    repeated[label] = np.tile(weights.index.to_numpy(dtype=object), count)
    return pd.DataFrame(repeated | {name: values.ravel() for name, values in columns.items()})
