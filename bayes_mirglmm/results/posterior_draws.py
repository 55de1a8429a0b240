"""Draws of equal weight of what a fit is about, under its names, to compute with."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.methods.registry import methods_with_draws
from bayes_mirglmm.results.draws import draws_of
from bayes_mirglmm.results.levels import levels_of
from bayes_mirglmm.results.resampling import equal_draws, rng_of_draws
from bayes_mirglmm.results.selection import find_mirna
from bayes_mirglmm.results.terms import INTERCEPT, chosen_weights, on_slope_terms, slope_coefficients

if TYPE_CHECKING:
    from bayes_mirglmm.results.fit_result import Fit

OF = ("effects", "isomir_effects", "cpm", "isomir_cpm")
NATURAL = "natural log"


def draws(
    fit: "Fit",
    of: str = "effects",
    terms: str | Sequence[str] | None = None,
    contrasts: Any = None,
    *,
    mirnas: str | Sequence[str] | None = None,
) -> xr.DataArray:
    """Return posterior draws of equal weight, with names, to compute with.

    Draw s of one quantity of a miRNA belongs to draw s of every other of the same miRNA, and to draw s of
    ``fit[mirna]`` (its chains one after the other); miRNAs are independent of each other.

    Parameters
    ----------
    of : {"effects", "isomir_effects", "cpm", "isomir_cpm"}
        Coefficients or contrasts of miRNAs, or of isomiRs, in natural logs; expected counts per million of a miRNA
        (the sum of its isomiRs) or isomiR at each level of the slope variable, in a sample whose own effect is 0,
        other columns of the design at their means.
    terms, contrasts
        Of effects: as in :meth:`effects` and :meth:`isomir_effects`.
    mirnas : str or sequence of str, optional
        Only of these: all isomiRs of a data set may need gigabytes.

    Returns
    -------
    xarray.DataArray
        Dims ``mirna`` or ``isomir`` (with a coordinate ``mirna``), ``term``, ``contrast`` or ``level``, and
        ``draw``; attribute ``units``. The weighted draws of ``method="laplace"`` are resampled, as many
        as there were.

    Raises
    ------
    InputError
        The fit has no draws, or no such quantity or miRNA.

    Examples
    --------
    The probability that a miRNA has at least 100 CPM more in one group than in the other::

        cpm = fit.draws("cpm")
        (cpm.sel(level="case") - cpm.sel(level="ctrl") > 100).mean("draw")
    """
    check_draws(fit, of)
    if of.endswith("cpm") and (terms is not None or contrasts is not None):
        raise InputError(f"of={of!r} is of every level of the slope variable: leave terms and contrasts out.")
    names = chosen_mirnas(fit, mirnas)
    if of.endswith("cpm"):
        return _cpm(fit, names, of)
    weights, label = drawn_weights(fit, of, terms, contrasts)
    parts, isomirs, owners = [], [], []
    for mirna in names:
        beta, b, rows = _of_mirna(fit, mirna)
        if of == "effects":
            parts.append((beta @ weights.to_numpy(dtype=float).T).T[None])
        else:
            parts.append(isomir_draws(fit, beta, b, weights))
            isomirs += [str(name) for name in fit.data["isomir"].values[rows]]
            owners += [mirna] * len(rows)
    coords: dict[str, Any] = {label: list(weights.index)}
    lead = "mirna" if of == "effects" else "isomir"
    coords |= {"mirna": names} if of == "effects" else {"isomir": isomirs, "mirna": ("isomir", owners)}
    return _labelled(fit, parts, (lead, label, "draw"), coords, of, NATURAL)


def check_draws(fit: "Fit", of: str, allowed: Sequence[str] = OF) -> None:
    """Refuse a fit without draws, and a quantity that does not exist."""
    if not fit.method.has_draws:
        raise InputError(f"a fit by maximum likelihood has no draws: fit with method={methods_with_draws()}.")
    if of not in allowed:
        raise InputError(f"of={of!r} is not known: choose one of {', '.join(map(repr, allowed))}.")


def chosen_mirnas(fit: "Fit", mirnas: str | Sequence[str] | None) -> list[str]:
    """Return the miRNAs that were asked for, by default all that have draws."""
    if mirnas is None:
        return [str(name) for name in fit.data["drawn"].values]
    names = [mirnas] if isinstance(mirnas, str) else [str(name) for name in mirnas]
    for name in names:
        find_mirna(fit.data, name)
    if len(set(names)) < len(names):
        raise InputError(f"a miRNA is asked for twice: {', '.join(names)}.")
    return names


def drawn_weights(
    fit: "Fit", of: str, terms: str | Sequence[str] | None, contrasts: Any
) -> tuple[pd.DataFrame, str]:
    """Return what is summed: weights on the model's terms, or on those that isomiRs have effects of; and its label."""
    if of == "isomir_effects" and terms is None and contrasts is None:
        terms = slope_coefficients(fit.design) or [INTERCEPT]
    weights, label = chosen_weights(fit.design, terms, contrasts)
    return (weights if of == "effects" else on_slope_terms(weights, list(fit.design.slope_terms))), label


def isomir_draws(fit: "Fit", beta: np.ndarray, b: np.ndarray, weights: pd.DataFrame) -> np.ndarray:
    """Return draws (J, C, S) of combinations of isomiR effects from draws of beta (S, p) and b (J, S, K)."""
    combination = weights.to_numpy(dtype=float)
    return np.einsum("jsk,ck->jcs", b, combination) + (combination @ fit.design.isomir_means) @ beta.T


def _of_mirna(fit: "Fit", mirna: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return draws of equal weight: beta (S, p), b (J, S, K); and the rows of the isomiRs."""
    data = fit.data
    chosen = equal_draws(data, mirna, rng_of_draws(data, mirna))
    rows = np.flatnonzero(data["isomir_mirna"].values == mirna)
    beta = draws_of(data, "beta").sel(drawn=mirna).values[chosen].astype(np.float64)
    return beta, draws_of(data, "b").isel(isomir=rows).values[:, chosen].astype(np.float64), rows


def _cpm(fit: "Fit", names: list[str], of: str) -> xr.DataArray:
    levels = levels_of(fit.design)
    parts, isomirs, owners = [], [], []
    for mirna in names:
        beta, b, rows = _of_mirna(fit, mirna)
        cpm = np.exp(np.einsum("jsk,lk->jls", b, levels.z) + levels.x @ beta.T)
        parts.append(cpm.sum(axis=0, keepdims=True) if of == "cpm" else cpm)
        isomirs += [str(name) for name in fit.data["isomir"].values[rows]]
        owners += [mirna] * len(rows)
    coords: dict[str, Any] = {"level": list(levels.names)}
    coords |= {"mirna": names} if of == "cpm" else {"isomir": isomirs, "mirna": ("isomir", owners)}
    lead = "mirna" if of == "cpm" else "isomir"
    found = _labelled(fit, parts, (lead, "level", "draw"), coords, of, "counts per million")
    return found.assign_attrs(variable=fit.slope or "")


def _labelled(
    fit: "Fit",
    parts: list[np.ndarray],
    dims: tuple[str, str, str],
    coords: dict[str, Any],
    name: str,
    units: str,
) -> xr.DataArray:
    count = fit.data.sizes["draw"]
    empty = np.empty((0, len(coords[dims[1]]), count))
    attrs = {"units": units, "method": fit.method.name, "formula": fit.formula}
    coords = coords | {"draw": np.arange(count)}
    return xr.DataArray(np.concatenate([empty, *parts]), coords, dims, name=name, attrs=attrs)
