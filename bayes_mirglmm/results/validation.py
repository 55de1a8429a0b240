"""Whether what was read from a run folder can be a fit: beyond the schema, which :class:`Fit` checks itself."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
import xarray as xr

from bayes_mirglmm.counts.on_disk import blocks_of
from bayes_mirglmm.design.build import Design
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.results.schema import MODELS

#: Dimensions with names, and those that have them twice.
NAMED = ("mirna", "model", "term", "slope_term", "isomir", "sample")
TWICE = {"term2": "term", "slope_term2": "slope_term"}


def check_arrays(data: xr.Dataset) -> xr.Dataset:
    """Return the dataset of a file of arrays, or refuse it.

    Raises
    ------
    InputError
        A dimension has no names, or names that are not text; two that must agree do not; draws are of miRNAs that are
        not there; counts are negative.
    """
    for dim in (*NAMED, *TWICE):
        if dim not in data.coords:
            raise InputError(f"dimension {dim} has no names")
        _check_names(dim, data[dim].values)
    for dim, other in TWICE.items():
        if list(data[dim].values) != list(data[other].values):
            raise InputError(f"the names of {dim} are not those of {other}")
    if not set(data["model"].values) <= set(MODELS):
        raise InputError(f"the models are {', '.join(data['model'].values)}, not {', '.join(MODELS)}")
    for name in ("status", "reason", "coefficients_from", "isomir_mirna", "model_status", "model_reason"):
        if name in data:
            _check_texts(name, data[name].values.ravel())
    _check_order(data)
    if "drawn" in data.coords:
        _check_names("drawn", data["drawn"].values)
        unknown = set(data["drawn"].values) - set(data["mirna"].values)
        if unknown:
            raise InputError(f"draws are of miRNA {sorted(unknown)[0]!r}, which is not there")
    for name in ("counts", "total", "n_isomirs"):
        if name in data and any((block < 0).any() for block in _blocks(data[name])):
            raise InputError(f"{name} has a negative number")
    for name in ("x", "z", "offset"):
        if name in data and not np.isfinite(data[name].values).all():
            raise InputError(f"{name} has a number that is not finite")
    return data


def check_design(design: Design, samples: pd.DataFrame) -> None:
    """Refuse a design whose parts do not belong together.

    Raises
    ------
    InputError
        A name is not text, a part has another length than the others, or the sample tables have other samples.
    """
    for what, names in (
        ("terms", design.terms),
        ("slope_terms", design.slope_terms),
        ("samples", design.samples),
        ("nuisance", design.nuisance),
        *((f"levels of {name}", levels) for name, levels in design.factors.items()),
    ):
        _check_texts(what, names)
    if not isinstance(design.formula, str) or not isinstance(design.slope, str | None):
        raise InputError("formula or slope of the design is not text")
    if len(design.blocks) != len(design.slope_terms) or not all(isinstance(b, int) for b in design.blocks):
        raise InputError("the design has not one block for each slope term")
    if not isinstance(design.rank, int) or not 0 < design.rank <= len(design.terms):
        raise InputError(f"the rank of the design is {design.rank!r}")
    for what, frame in (("the design's table", design.table), ("the sample table", samples)):
        _check_texts(f"{what} (index)", frame.index)
        _check_texts(f"{what} (columns)", frame.columns)
        for column in [c for c in frame.columns if frame[c].dtype.kind == "O"]:
            _check_texts(f"{what}, column {column}", frame[column].dropna())
    if list(design.table.index) != list(design.samples):
        raise InputError("the design's table has other samples than the design")
    if list(samples.index) != list(design.samples):
        raise InputError("the sample table has other samples than the design")
    absent = set(design.factors) - set(map(str, design.table.columns))
    if absent:
        raise InputError(f"factor {sorted(absent)[0]!r} is not in the design's table")


def _blocks(values: xr.DataArray) -> Iterable[np.ndarray]:
    return blocks_of(values) if values.ndim == 2 else [values.values]


def _check_order(data: xr.Dataset) -> None:
    """Refuse isomiRs that do not lie miRNA after miRNA: tables take them for blocks."""
    owners = data["isomir_mirna"].values
    first = np.ones(len(owners), dtype=bool)
    first[1:] = owners[1:] != owners[:-1]
    if len(set(owners[first])) != int(first.sum()):
        raise InputError("the isomiRs of a miRNA do not stand together")


def _check_names(dim: str, names: Iterable[object]) -> None:
    _check_texts(dim, names)
    if any(name == "" for name in names):
        raise InputError(f"{dim} has an empty name")


def _check_texts(what: str, values: Iterable[object]) -> None:
    for value in values:
        if not isinstance(value, str):
            raise InputError(f"{what} has {value!r} where a name belongs")
