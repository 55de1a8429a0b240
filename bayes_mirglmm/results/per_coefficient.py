"""Columns of a table of effects that look at all miRNAs together, each coefficient or contrast by itself."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd


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
