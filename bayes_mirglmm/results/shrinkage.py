"""Adaptive shrinkage of the table of effects."""

import numpy as np
import pandas as pd

from bayes_mirglmm.evidence.shrinkage import shrink
from bayes_mirglmm.results.per_coefficient import per_coefficient

#: What shrinkage adds to a table; the interval is at the level of the table's own.
COLUMNS = ("shrunk", "shrunk_sd", "shrunk_lower", "shrunk_upper", "lfsr", "s_value")


def shrunken(table: pd.DataFrame, label: str, df: float, prob: float) -> pd.DataFrame:
    """Return ``table`` with :data:`COLUMNS`, each coefficient or contrast by itself.

    The local false sign rate is that of the shrunken effect: of a Bayesian fit it replaces the posterior's own, and
    its s-value. Rows without a standard error take no part and have none of the columns; nor has a table without
    degrees of freedom (``df`` below 1).
    """
    table = table.drop(columns=["lfsr", "s_value"], errors="ignore")
    if df < 1:
        return table.assign(**dict.fromkeys(COLUMNS, np.nan))

    def compute(estimate: np.ndarray, error: np.ndarray) -> list[np.ndarray]:
        found = shrink(estimate, error, df=df, prob=prob)
        return [found.mean, found.sd, found.lower, found.upper, found.lfsr, found.s_value]

    return per_coefficient(table, label, COLUMNS, compute)
