"""``bm.reproduce``: a saved run fitted again from its input, and what has changed."""

import re
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayes_mirglmm.counts.container import counts_sha256
from bayes_mirglmm.counts.filtering import filter_counts
from bayes_mirglmm.counts.selection import select_mirnas
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.fitting.fit import fit as fit_again
from bayes_mirglmm.outcomes import NOT_SELECTED
from bayes_mirglmm.readers import read_counts
from bayes_mirglmm.results import Fit, load
from bayes_mirglmm.results.provenance import versions

#: Columns that are never the same twice.
TIMES = ("seconds",)
#: How counts that were read from more than one file name their source.
SEVERAL = re.compile(r"\d+ files: ")
COLUMNS = ["where", "what", "differing", "largest", "mirna", "was", "is"]


def reproduce(
    run: str | PathLike[str] | Fit, counts: xr.Dataset | None = None, *, n_jobs: int = 1
) -> pd.DataFrame:
    """Fit a saved run again from its input, as its ``run.json`` says, and return every difference.

    Parameters
    ----------
    run : path or Fit
        The folder of the run, or the fit that was loaded from it.
    counts : xarray.Dataset, optional
        The counts that were fitted, after the filters. When omitted, the file that the run names is read and filtered
        again, which needs that it was read without options of the reader.
    n_jobs : int
        Workers.

    Returns
    -------
    pandas.DataFrame
        Empty where all is the same, number for number. Else a row per difference: where (``input``, ``version`` or a
        table), what (a column, a package), differing (rows of the table), largest (absolute difference of numbers),
        mirna (that has it), was, is.

    Raises
    ------
    InputError
        The run does not say what it was made of, was interrupted, or its input is not there any more.
    """
    old = run if isinstance(run, Fit) else load(run)
    if old.metadata.get("interrupted"):
        raise InputError(
            "the run was interrupted, so that it has no numbers to compare with: finish it (--resume)."
        )
    kept = _input(old) if counts is None else counts
    kept = select_mirnas(kept, _asked(old))
    found = _of_input(old, kept)
    new = fit_again(kept, **arguments(old), n_jobs=n_jobs, progress=False)
    for name, was in versions().items():
        before = old.metadata.get("versions", {}).get(name)
        if before != was:
            found.append(_row("version", name, was=before, now=was))
    for one, other, where in ((old, new, ""), *([(old.ml, new.ml, "ml: ")] if old.ml is not old else [])):
        for name, table in one.tables().items():
            found += _of_table(f"{where}{name}", table, other.tables()[name])
    return pd.DataFrame(found, columns=COLUMNS)


def arguments(fit: Fit) -> dict[str, Any]:
    """Return the arguments of :func:`bayes_mirglmm.fit` that a fit was made with, but for its counts."""
    design, data, metadata = fit.design, fit.data, fit.metadata
    has_draws = fit.method.has_draws
    attrs = fit.ml.data.attrs if has_draws else data.attrs
    preset = data.attrs["preset"] or None
    free = not has_draws and preset is None
    found: dict[str, Any] = {
        "formula": design.formula,
        "slope": design.slope,
        "reference": {name: list(levels) for name, levels in design.factors.items()} or None,
        "method": data.attrs["method"],
        "offset": data.attrs["offset_method"],
        "model": fit.spec,
        "curvature": attrs["curvature"] if free else None,
        "criterion": attrs.get("criterion", "ml") if free else None,
        "df": attrs["df"] if free else None,
        "preset": preset,
        "samples": str(fit.ml.data.attrs.get("samples", "independent")),
        "prob": float(data.attrs["prob"]),
        "nuisance": tuple(design.nuisance),
        "usage_test": metadata.get("usage_test", "lrt"),
        "seed": int(metadata.get("seed") or 0),
        "max_seconds": (metadata.get("identity") or {}).get("max_seconds"),
    }
    if "sample_covariance" in data:
        found["sample_covariance"] = data["sample_covariance"].values
    for name in fit.method.recorded:
        found[name] = data.attrs[name]
    if "draws" in fit.method.settings:
        found["draws"] = int(data.sizes["draw"]) // int(data.attrs["chains"])
    return found


def _input(fit: Fit) -> xr.Dataset:
    """Read the counts that a run names, and filter them as it did."""
    origin, filters = fit.metadata.get("input") or {}, fit.metadata.get("filters") or {}
    source = origin.get("source")
    if not source or origin.get("format") == "dataframe" or SEVERAL.match(source):
        raise InputError(
            f"the run does not say what file its counts came from ({source or 'nothing'}): give them, "
            "reproduce(run, counts)."
        )
    try:
        read = read_counts(
            source, samples=fit.samples, format=origin.get("format", "auto"), samples_only=True
        )
    except InputError as error:
        raise input_changed(error, [source], "give the counts: reproduce(run, counts).") from error
    limits = [filters.get(f"min_{name}_log_cpm", "none") for name in ("mirna", "isomir")]
    if limits == ["none", "none"]:
        return read
    return filter_counts(read, *(None if limit == "none" else float(limit) for limit in limits))


def input_changed(error: InputError, paths: Sequence[str | PathLike[str]], otherwise: str) -> InputError:
    """Say that the input of a run cannot be read, and where to go if its paths are relative to another folder."""
    text = f"the input of the run cannot be read as it was ({error})"
    gone = [Path(path) for path in paths if not Path(path).expanduser().exists()]
    if any(not path.expanduser().is_absolute() for path in gone):
        text += (
            f" Go to the folder that it was fitted in, where {' and '.join(map(str, gone))} can be found, or"
        )
    elif gone:
        text += f" Put {' and '.join(map(str, gone))} back, or"
    else:
        return InputError(f"{text} Read them as they were read then, and {otherwise}")
    return InputError(f"{text} {otherwise}")


def _asked(fit: Fit) -> list[str] | None:
    """Return the miRNAs that were asked for, where it was not all."""
    status = fit.status()
    elsewhere = status["status"] == NOT_SELECTED
    return None if not elsewhere.any() else [str(name) for name in status.loc[~elsewhere, "mirna"]]


def _of_input(fit: Fit, counts: xr.Dataset) -> list[dict[str, Any]]:
    was, now = (fit.metadata.get("fitted") or {}).get("sha256"), counts_sha256(counts)
    return [] if was == now else [_row("input", "counts (sha256)", was=was, now=now)]


def _of_table(name: str, was: pd.DataFrame, now: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a row for each column that differs."""
    keys = [
        k
        for k in ("mirna", "isomir", "term", "model", "group", "name")
        if k in was.columns and k in now.columns
    ]
    if len(was) != len(now) or not was[keys].astype(str).equals(now[keys].astype(str)):
        return [_row(name, "rows", was=len(was), now=len(now))]
    found = []
    for column in was.columns:
        if column in TIMES:
            continue
        if column not in now.columns:
            found.append(_row(name, column, was="there", now="absent"))
            continue
        a, b = was[column], now[column]
        if pd.api.types.is_numeric_dtype(a) and pd.api.types.is_numeric_dtype(b):
            x, y = (one.to_numpy(dtype=float, na_value=np.nan) for one in (a, b))
            differ = ~((x == y) | (np.isnan(x) & np.isnan(y)))
            if differ.any():
                with np.errstate(invalid="ignore"):
                    gap = np.where(differ, np.abs(x - y), 0.0)
                at = int(np.argmax(np.where(np.isnan(gap), np.inf, gap)))
                found.append(_row(name, column, int(differ.sum()), float(gap[at]), was, at, x[at], y[at]))
        else:
            differ = (a.astype(object).fillna("") != b.astype(object).fillna("")).to_numpy()
            if differ.any():
                at = int(np.argmax(differ))
                found.append(_row(name, column, int(differ.sum()), np.nan, was, at, a.iloc[at], b.iloc[at]))
    return found


def _row(
    where: str,
    what: str,
    differing: int = 1,
    largest: float = np.nan,
    table: pd.DataFrame | None = None,
    at: int = 0,
    was: object = None,
    now: object = None,
) -> dict[str, Any]:
    mirna = "" if table is None or "mirna" not in table.columns else str(table["mirna"].iloc[at])
    values = (where, what, differing, largest, mirna, was, now)
    return dict(zip(COLUMNS, values, strict=True))
