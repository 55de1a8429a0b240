"""Adaptive shrinkage of the table of effects."""

import numpy as np
import pandas as pd

from bayes_mirglmm.evidence.shrinkage import shrink


def shrunken(table: pd.DataFrame, label: str, df: float) -> pd.DataFrame:
    """Return ``table`` with ``shrunk``, ``shrunk_sd`` and ``lfsr``, each coefficient or contrast by itself.

    The local false sign rate is that of the shrunken effect: of a Bayesian fit it replaces the posterior's own, and
    its s-value. Rows without a standard error take no part and have none of the three; nor has a table without
    degrees of freedom (``df`` below 1).
    """
    table = table.drop(columns=["lfsr", "s_value"], errors="ignore")
    result = table.assign(shrunk=np.nan, shrunk_sd=np.nan, lfsr=np.nan)
    if df < 1:
        return result
    for name in dict.fromkeys(table[label]):
        rows = table[label] == name
        found = shrink(table.loc[rows, "estimate"].to_numpy(), table.loc[rows, "std_error"].to_numpy(), df=df)
        result.loc[rows, ["shrunk", "shrunk_sd", "lfsr"]] = np.column_stack(
            [found.mean, found.sd, found.lfsr]
        )
    return result
