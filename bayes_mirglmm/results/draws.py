"""Draws of a fit, whichever method made them."""

import xarray as xr

from bayes_mirglmm.methods.registry import method_named


def draw_name(name: str, method: str) -> str:
    """Return what the draws of ``name`` (``beta``, ``omega``, ...) are called in fits of a method."""
    return f"weighted_draw_{name}" if method_named(method).weighted and name != "weight" else f"draw_{name}"


def draws_of(data: xr.Dataset, name: str) -> xr.DataArray:
    """Return the draws of ``name``, or their weights (``weight``), of a fit of any method with draws."""
    return data[draw_name(name, data.attrs["method"])]
