"""Adaptive shrinkage of the table of effects."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from bayes_mirglmm.evidence.shrinkage import shrink

#: What shrinkage adds to a table; the interval is at the level of the table's own.
COLUMNS = ("shrunk", "shrunk_sd", "shrunk_lower", "shrunk_upper", "lfsr", "s_value")


def shrunken(table: pd.DataFrame, label: str, prob: float) -> pd.DataFrame:
    """Return ``table`` with :data:`COLUMNS`, each coefficient or contrast by itself.

    The local false sign rate is that of the shrunken effect: of a Bayesian fit it replaces the posterior's own, and
    its s-value. Rows without a standard error take no part and have none of the columns; nor has a coefficient without
    degrees of freedom (``df`` below 1). Posterior SDs already hold the uncertainty that t stands for: without a column
    ``df`` the likelihood is normal.
    """
    table = table.drop(columns=["lfsr", "s_value"], errors="ignore")

    def compute(rows: pd.DataFrame) -> list[np.ndarray]:
        df = float(rows["df"].min()) if "df" in rows else np.inf
        if df < 1:
            return [np.full(len(rows), np.nan)] * len(COLUMNS)
        estimate, error = rows["estimate"].to_numpy(), rows["std_error"].to_numpy()
        found = shrink(estimate, error, df=df, prob=prob)
        return [found.mean, found.sd, found.lower, found.upper, found.lfsr, found.s_value]

    return per_coefficient(table, label, COLUMNS, compute)


def per_coefficient(
    table: pd.DataFrame,
    label: str,
    columns: Sequence[str],
    compute: Callable[[pd.DataFrame], Sequence[np.ndarray]],
) -> pd.DataFrame:
    """Return ``table`` with ``columns``.

    Parameters
    ----------
    table : pandas.DataFrame
        With estimate and std_error.
    label : str
        Column that names the coefficient or contrast of a row.
    columns : sequence of str
    compute : callable
        From the rows of one coefficient or contrast to the columns.
    """
    result = table.assign(**dict.fromkeys(columns, np.nan))
    for name in dict.fromkeys(table[label]):
        rows = table[label] == name
        result.loc[rows, list(columns)] = np.column_stack(compute(table[rows]))
    return result
