"""Saving a fit to a folder, and loading it.

A run folder holds the tables as TSV (for people, R and spreadsheets; ``NA`` where a number is missing) and
as parquet, ``arrays.nc`` (the dataset, netCDF4) and ``run.json``; a Bayesian fit also ``ml.nc``, the dataset of the
fit by maximum likelihood that it started from. Loading reads ``run.json`` and the datasets and computes the tables
again. Nothing is pickled.
"""

import hashlib
import json
import os
import secrets
import shutil
from os import PathLike
from pathlib import Path

import xarray as xr

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.results import run_json
from bayes_mirglmm.results.arrays import read_arrays, write_arrays
from bayes_mirglmm.results.fit_result import Fit
from bayes_mirglmm.results.schema import SCHEMA_VERSION
from bayes_mirglmm.results.tables import TABLES
from bayes_mirglmm.tsv import write_tsv

ARRAYS, ML_ARRAYS, RUN = "arrays.nc", "ml.nc", "run.json"
FILES = (*(f"{name}.{kind}" for name in TABLES for kind in ("tsv", "parquet")), ARRAYS, ML_ARRAYS, RUN)


def check_target(folder: str | PathLike[str], *, force: bool = False) -> Path:
    """Return the absolute path of a folder that a run may be written to.

    Worth calling before a long fit.

    Raises
    ------
    InputError
        It is a file, or holds what is not a run (never replaced), or a run and ``force`` is not set.
    """
    target = Path(folder).expanduser().resolve()
    if not target.exists():
        return target
    if not target.is_dir():
        raise InputError(f"{target} is a file: give the name of a folder for the run.")
    if not any(target.iterdir()):
        return target
    if not ((target / RUN).is_file() and (target / ARRAYS).is_file()):
        raise InputError(
            f"{target} holds files that are not a run, and is never replaced: give another folder."
        )
    if not force:
        raise InputError(
            f"{target} holds a run already: give another folder, or replace it with force=True (--force)."
        )
    return target


def save(fit: Fit, folder: str | PathLike[str], *, force: bool = False) -> Path:
    """Write ``fit`` to ``folder``: complete, or not at all.

    Everything is written to a folder beside it, which then takes its name. With ``force`` a run that is there
    is replaced; files of other names in its folder stay.

    Raises
    ------
    InputError
        As :func:`check_target`.
    """
    target = check_target(folder, force=force)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = _beside(target, "partial")
    partial.mkdir()
    try:
        _write(fit, partial)
        _put_in_place(partial, target)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return target


def load(folder: str | PathLike[str]) -> Fit:
    """Return the fit that :func:`save` wrote to ``folder``.

    Raises
    ------
    InputError
        The folder is not a run, is damaged, or has a schema that this version cannot read.
    """
    source = Path(folder).expanduser()
    if not source.is_dir():
        raise InputError(f"there is no folder {source}: give the folder of a run.")
    contents = run_json.read(source / RUN)
    data = _read_arrays(source / ARRAYS, contents["arrays_sha256"])
    try:
        data.attrs = {
            "schema_version": SCHEMA_VERSION,
            **contents["attributes"],
            "model": json.dumps(contents["model"]),
        }
        design = run_json.design_from_json(contents["design"], data)
        samples = run_json.frame_from_json(contents["samples"])
        metadata, ml = contents["metadata"], contents.get("ml")
        start = None
        if ml is not None:
            ml_data = _read_arrays(source / ML_ARRAYS, ml["arrays_sha256"])
            ml_data.attrs = data.attrs | ml["attributes"]
            start = Fit(ml_data, design, metadata=metadata, samples=samples)
        return Fit(data, design, metadata=metadata, samples=samples, ml=start)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"{source / RUN} is damaged ({type(error).__name__}: {error}): restore it from a copy, or fit "
            "again."
        ) from error


def _write(fit: Fit, folder: Path) -> None:
    for name, table in fit.tables().items():
        write_tsv(table, folder / f"{name}.tsv")
        table.to_parquet(folder / f"{name}.parquet", index=False)
    _write_dataset(fit, folder / ARRAYS)
    contents = run_json.describe(fit, _sha256(folder / ARRAYS))
    if fit.ml is not fit:
        _write_dataset(fit.ml, folder / ML_ARRAYS)
        contents["ml"] = run_json.describe_ml(fit.ml, _sha256(folder / ML_ARRAYS))
    run_json.write(folder / RUN, contents)


def _write_dataset(fit: Fit, path: Path) -> None:
    arrays = fit.data.copy(deep=False)
    arrays.attrs = {"schema_version": SCHEMA_VERSION, "formula": fit.formula}
    write_arrays(arrays, path)


def _read_arrays(path: Path, sha256: str) -> xr.Dataset:
    if not path.is_file():
        raise InputError(f"{path} is missing: the run is incomplete; restore it from a copy, or fit again.")
    if _sha256(path) != sha256:
        raise InputError(
            f"{path} is not the file that run.json describes (its sha256 differs): it was damaged or "
            "replaced; restore it from a copy, or fit again."
        )
    return read_arrays(path)


def _put_in_place(partial: Path, target: Path) -> None:
    if not target.exists():
        os.rename(partial, target)
        return
    old = _beside(target, "replaced")
    os.rename(target, old)
    try:
        os.rename(partial, target)
    except OSError:
        os.rename(old, target)
        raise
    for entry in old.iterdir():
        if entry.name not in FILES:
            os.rename(entry, target / entry.name)
    shutil.rmtree(old)


def _beside(target: Path, purpose: str) -> Path:
    """Return an unused name in the same folder, so that renaming never crosses file systems."""
    return target.with_name(f".{target.name}.{secrets.token_hex(4)}.{purpose}")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
