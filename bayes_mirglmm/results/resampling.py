"""Draws of equal weight from weighted ones: the same choice each time."""

import zlib

import numpy as np
import xarray as xr

from bayes_mirglmm.results.draws import draws_of


def rng_of_draws(data: xr.Dataset, mirna: str) -> np.random.Generator:
    """Return the random numbers by which weighted draws of a miRNA are resampled: the same ones each time."""
    return np.random.default_rng([zlib.crc32(mirna.encode("utf-8", "surrogatepass")), data.sizes["draw"]])


def equal_draws(data: xr.Dataset, mirna: str, rng: np.random.Generator) -> np.ndarray:
    """Return positions (S,) of draws of a miRNA that have equal weight; all of them, in order, where all have."""
    weight = draws_of(data, "weight").sel(drawn=mirna).values
    order_by = draws_of(data, "beta").sel(drawn=mirna).values[:, _sorting_term(data)]
    return equal_weights(weight, order_by, rng)


def equal_weights(weight: np.ndarray, order_by: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return positions (S,) of draws of equal weight, by systematic resampling, in random order.

    In the order of ``order_by`` (S,) no more than one draw is misplaced at any point of its distribution.
    """
    count = len(weight)
    if np.ptp(weight) <= 1e-12 * weight.max():
        return np.arange(count)
    order = np.argsort(order_by, kind="stable")
    cumulative = np.cumsum(weight[order])
    steps = (rng.random() + np.arange(count)) / count * cumulative[-1]
    found = order[np.minimum(np.searchsorted(cumulative, steps), count - 1)]
    return rng.permutation(found)


def _sorting_term(data: xr.Dataset) -> int:
    """Return the position of the coefficient that matters most: that of the slope variable, where there is one."""
    slope_terms, terms = list(data["slope_term"].values), list(data["term"].values)
    names = [name for name in (*slope_terms[1:], *terms[1:], *terms) if name in terms]
    return terms.index(names[0])
