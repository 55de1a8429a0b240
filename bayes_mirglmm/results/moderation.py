"""Moderated tests of the table of effects."""

import numpy as np
import pandas as pd

from bayes_mirglmm.evidence.moderation import moderate
from bayes_mirglmm.evidence.multiple_testing import benjamini_hochberg
from bayes_mirglmm.results.inference import quantile, two_sided_p
from bayes_mirglmm.results.per_coefficient import per_coefficient

#: What moderation adds to a table; the interval is at the level of the table's own.
COLUMNS = (
    "moderated_std_error",
    "moderated_df",
    "moderated_lower",
    "moderated_upper",
    "moderated_p_value",
    "moderated_p_adjusted",
)


def moderated(table: pd.DataFrame, label: str, df: float, prob: float) -> pd.DataFrame:
    """Return ``table`` with :data:`COLUMNS`, each coefficient or contrast by itself.

    Rows without a standard error take no part and have none of the columns; nor has a table without degrees of freedom
    (``df`` below 1).
    """
    if df < 1:
        return table.assign(**dict.fromkeys(COLUMNS, np.nan))

    def compute(estimate: np.ndarray, error: np.ndarray) -> list[np.ndarray]:
        found = moderate(error**2, df)
        own = np.sqrt(found.variance)
        half = quantile(prob, found.df) * own
        with np.errstate(divide="ignore", invalid="ignore"):
            p_value = two_sided_p(estimate / own, found.df)
        freedom = np.where(np.isfinite(own), found.df, np.nan)
        return [own, freedom, estimate - half, estimate + half, p_value, benjamini_hochberg(p_value)]

    return per_coefficient(table, label, COLUMNS, compute)
