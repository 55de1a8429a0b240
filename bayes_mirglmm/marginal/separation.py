"""Is there a finite maximum-likelihood estimate? Samples without a single count can push a coefficient to -inf."""

from typing import Any

import numpy as np


def separated_coefficients(totals: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return which coefficients have no finite estimate (p,), bool.

    The likelihood rises for ever along a direction d with x d = 0 in every sample that has counts and x d <= 0, not
    all zero, in the samples that have none (Albert & Anderson, 1984); a linear program looks for one.

    Parameters
    ----------
    totals : array, shape (n,)
        Counts of the miRNA in every sample, summed over its isomiRs.
    x : array, shape (n, p)
        Fixed design.
    """
    none = totals == 0
    p = x.shape[1]
    if not none.any():
        return np.zeros(p, dtype=bool)
    if none.all():
        return np.ones(p, dtype=bool)
    from scipy.optimize import linprog

    empty = x[none]
    found: Any = linprog(
        empty.sum(axis=0),
        A_ub=empty,
        b_ub=np.zeros(len(empty)),
        A_eq=x[~none],
        b_eq=np.zeros(int((~none).sum())),
        bounds=[(-1.0, 1.0)] * p,
        method="highs",
    )
    if found.status != 0 or found.fun > -1e-9:
        return np.zeros(p, dtype=bool)
    return np.abs(found.x) > 1e-9
