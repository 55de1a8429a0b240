"""The design at the levels of the slope variable: where expression is shown along it."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from bayes_mirglmm.design.blocks import slope_columns
from bayes_mirglmm.design.build import Design

ALL_SAMPLES = "all samples"


@dataclass(frozen=True)
class Levels:
    """The L values of the slope variable, and the rows of the design that belong to them.

    Attributes
    ----------
    names : tuple
        A factor's levels, reference first, or sorted numbers; ``all samples`` without a slope variable.
    is_factor : bool
        Whether the slope variable is a factor.
    x, z : array, shape (L, p) and (L, K)
        Fixed effects with other columns at their mean over the samples, and isomiR effects without nuisance slopes.
    samples : bool array, shape (L, n)
        The samples of each level.
    """

    names: tuple[object, ...]
    is_factor: bool
    x: np.ndarray
    z: np.ndarray
    samples: np.ndarray


def levels_of(design: Design) -> Levels:
    """Return the levels of the slope variable of a design."""
    mean = design.x.mean(axis=0)
    if design.slope is None:
        z = np.zeros((1, len(design.slope_terms)))
        z[:, 0] = 1.0
        return Levels((ALL_SAMPLES,), True, mean[None], z, np.ones((1, len(design.x)), dtype=bool))
    variable = design.table[design.slope]
    is_factor = isinstance(variable.dtype, pd.CategoricalDtype)
    names = design.factors[design.slope] if is_factor else tuple(np.unique(variable.to_numpy(dtype=float)))
    where = np.array([variable.to_numpy() == name for name in names])
    own = [0, *slope_columns(design.blocks)]
    in_x = [design.terms.index(design.slope_terms[k]) for k in own]
    x, z = np.tile(mean, (len(names), 1)), np.zeros((len(names), len(design.slope_terms)))
    for level, rows in enumerate(where):
        # z is measured from the mean of a number, x is not
        x[level, in_x] = design.x[rows][0, in_x]
        z[level, own] = design.z[rows][0, own]
    return Levels(tuple(names), is_factor, x, z, where)
