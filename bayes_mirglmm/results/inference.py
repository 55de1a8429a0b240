"""From estimates and standard errors to intervals, p-values and adjusted p-values.

``t`` refers the ratio of estimate and standard error to Student's t with n - rank(X) degrees of freedom (the
samples are the replicates, not the isomiRs), ``z`` to the standard normal (Wald).
"""

from typing import Any

import numpy as np
from scipy import special

from bayes_mirglmm.evidence.multiple_testing import benjamini_hochberg

LOG_2 = float(np.log(2.0))


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
