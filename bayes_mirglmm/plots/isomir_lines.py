"""The numbers behind the isomiR slope plot."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bayes_mirglmm.design.blocks import slope_columns
from bayes_mirglmm.results.inference import quantile
from bayes_mirglmm.results.levels import levels_of
from bayes_mirglmm.results.view import mirna_view

if TYPE_CHECKING:
    from bayes_mirglmm.results import Fit


@dataclass(frozen=True)
class IsomirLines:
    """Expression of one miRNA and its J isomiRs at the L values of the slope variable, in CPM.

    Attributes
    ----------
    levels : tuple
        Values of the slope variable: a factor's levels, reference first, or sorted numbers.
    is_factor : bool
        Whether the slope variable is a factor.
    names : tuple of str
        IsomiR ids.
    isomirs, mirna : array, shape (J, L) and (L,)
        Fitted: exp of fixed plus isomiR effects, and of the fixed effects.
    observed : array, shape (J, L)
        Counts of a level over its exposure, both summed over samples; NaN where no read was seen.
    kind : array of str, shape (J,)
        ``larger``, ``smaller`` or ``alike``: the isomiR's effect beside the miRNA's.
    """

    levels: tuple[object, ...]
    is_factor: bool
    names: tuple[str, ...]
    isomirs: np.ndarray
    mirna: np.ndarray
    observed: np.ndarray
    kind: np.ndarray


def isomir_lines(fit: "Fit", mirna: str) -> IsomirLines:
    """Return the lines of one miRNA of a fit with a slope variable.

    Nuisance slopes are left out and other fixed effects held at their mean over the samples.
    """
    view, design = mirna_view(fit.data, fit.samples, mirna), fit.design
    levels, own = levels_of(design), slope_columns(design.blocks)
    beta = view["beta"].sel(model=str(view["coefficients_from"].values)).values
    common = levels.x @ beta
    counts = view["counts"].values
    exposure = np.exp(view["offset"].values)
    with np.errstate(divide="ignore", invalid="ignore"):
        observed = (counts @ levels.samples.T) / (levels.samples @ exposure)
    return IsomirLines(
        levels=levels.names,
        is_factor=levels.is_factor,
        names=tuple(str(name) for name in view["isomir"].values),
        isomirs=np.exp(view["b"].values @ levels.z.T + common),
        mirna=np.exp(common),
        observed=np.where(observed > 0, observed, np.nan),
        kind=_kind(view["b"].values[:, own], view["b_se"].values[:, own], fit),
    )


def _kind(b: np.ndarray, b_se: np.ndarray, fit: "Fit") -> np.ndarray:
    """Compare each isomiR's effect with the miRNA's, by the coefficient where they differ most."""
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(b_se > 0, b / b_se, 0.0)
    most = np.take_along_axis(z, np.abs(z).argmax(axis=1)[:, None], axis=1)[:, 0]
    apart = np.abs(most) > quantile(float(fit.data.attrs["prob"]), np.inf)
    return np.where(apart, np.where(most > 0, "larger", "smaller"), "alike")
