"""Loading the fit of a run folder, which may be damaged, or made to look like one.

Reads ``run.json`` and the datasets; the tables are computed again. Whatever does not fit is one error that names the
file, at loading and not when a table is asked for.
"""

import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import xarray as xr

from bayes_mirglmm.design.build import Design
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.methods.registry import METHODS
from bayes_mirglmm.results import run_json
from bayes_mirglmm.results.arrays import read_arrays
from bayes_mirglmm.results.fit_result import Fit
from bayes_mirglmm.results.run_folder import ARRAYS, ML_ARRAYS, RUN
from bayes_mirglmm.results.schema import ATTRIBUTES, SCHEMA_VERSION
from bayes_mirglmm.results.selection import spec_of
from bayes_mirglmm.results.validation import check_arrays, check_design

logger = logging.getLogger(__name__)

REMEDY = "restore it from a copy, or fit again."


def load(folder: str | PathLike[str]) -> Fit:
    """Return the fit that :func:`bayes_mirglmm.results.saving.save` wrote to ``folder``.

    Parameters
    ----------
    folder : path
        What :meth:`Fit.save` or the command line wrote.

    Returns
    -------
    Fit
        With the fit by maximum likelihood that a posterior started from as ``ml``.

    Raises
    ------
    InputError
        The folder is not a run, is damaged, or has a schema that this version cannot read; the message names the file.
    """
    source = Path(folder).expanduser()
    if not source.is_dir():
        raise InputError(f"there is no folder {source}: give the folder of a run.")
    contents = run_json.read(source / RUN)
    data = _dataset(source / ARRAYS, contents["arrays_sha256"])
    ml = contents.get("ml")
    ml_data = None if ml is None else _dataset(source / ML_ARRAYS, _entry(source / RUN, ml, "arrays_sha256"))
    with_fault = _naming(source / RUN)
    fit = with_fault(lambda: _fit(contents, data, ml_data))
    _say_what_is_missing(source, fit.metadata)
    return fit


def sha256(path: Path) -> str:
    """Return the sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fit(contents: Mapping[str, Any], data: xr.Dataset, ml_data: xr.Dataset | None) -> Fit:
    attributes = contents["attributes"] | {
        "schema_version": SCHEMA_VERSION,
        "model": json.dumps(_mapping(contents["model"], "model")),
    }
    data.attrs = _attributes(attributes)
    design = run_json.design_from_json(contents["design"], data)
    samples = run_json.frame_from_json(contents["samples"])
    check_design(design, samples)
    _check_method(data, design)
    metadata = dict(_mapping(contents["metadata"], "metadata"))
    start = None
    if ml_data is not None:
        ml_data.attrs = _attributes(data.attrs | contents["ml"]["attributes"])
        start = Fit(ml_data, design, metadata=metadata, samples=samples)
    return Fit(data, design, metadata=metadata, samples=samples, ml=start)


def _dataset(path: Path, digest: object) -> xr.Dataset:
    """Read and check one file of arrays."""
    try:
        if not path.is_file():
            what = "is not a file" if path.is_dir() else "is missing"
            raise InputError(f"{path} {what}: the run is incomplete; {REMEDY}")
        if sha256(path) != digest:
            raise InputError(
                f"{path} is not the file that run.json describes (its sha256 differs): it was damaged or replaced; "
                f"{REMEDY}"
            )
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror or error}): {REMEDY}") from error
    return _naming(path)(lambda: check_arrays(read_arrays(path)))


def _attributes(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Check the kinds of the attributes; which values are possible, the schema says."""
    wanted: dict[str, type | tuple[type, ...]] = dict.fromkeys(ATTRIBUTES, str)
    wanted |= {"schema_version": int, "rank": int, "prob": (int, float)}
    for name, kind in wanted.items():
        value = attributes[name]
        if not isinstance(value, kind) or isinstance(value, bool):
            raise ValueError(f"attribute {name} is {_short(value)}")
    return dict(attributes)


def _check_method(data: xr.Dataset, design: Design) -> None:
    """Refuse attributes that are not those of the design, or of the method."""
    for name, own in (("formula", design.formula), ("slope", design.slope or ""), ("rank", design.rank)):
        if data.attrs[name] != own:
            raise ValueError(
                f"attribute {name} is {_short(data.attrs[name])}, and {_short(own)} in the design"
            )
    if data.attrs["method"] not in METHODS:
        raise ValueError(
            f"attribute method is {_short(data.attrs['method'])}, not one of {', '.join(METHODS)}"
        )
    spec_of(data)
    if METHODS[data.attrs["method"]].has_draws:
        chains = data.attrs.get("chains", 1)
        if not isinstance(chains, int) or not 0 < chains <= max(1, data.sizes["draw"]):
            raise ValueError(f"attribute chains is {_short(chains)}")


def _mapping(value: object, name: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{name} is {_short(value)}")
    return value


def _entry(path: Path, record: object, name: str) -> object:
    if not isinstance(record, dict) or name not in record:
        raise InputError(f"{path} is damaged (its part ml has no {name}): {REMEDY}")
    return record[name]


def _naming[T](path: Path) -> Callable[[Callable[[], T]], T]:
    """Return what calls a function, and turns whatever it raises into one error that names ``path``."""

    def call(function: Callable[[], T]) -> T:
        try:
            return function()
        except InputError as error:
            raise InputError(f"{path} is damaged ({error}): {REMEDY}") from error
        except Exception as error:  # of a file that anybody may have written, anything
            why = f"{type(error).__name__}: {_short(str(error), plain=True)}"
            raise InputError(f"{path} is damaged ({why}): {REMEDY}") from error

    return call


def _say_what_is_missing(folder: Path, metadata: Mapping[str, Any]) -> None:
    """Warn of files that the command was to write after the run itself."""
    asked = metadata.get("files_besides")
    names = [name for name in asked if isinstance(name, str)] if isinstance(asked, list) else []
    gone = [name for name in names if Path(name).name == name and not (folder / name).exists()]
    if gone:
        logger.warning(
            "%s has no %s, which the command was to write last: it was stopped before that, or the file was moved. "
            "`bayes-mirglmm report %s` writes a report.", folder, ", ".join(gone), folder,
        )  # fmt: skip


def _short(value: object, *, plain: bool = False) -> str:
    text = " ".join((str(value) if plain else repr(value)).split())
    return text if len(text) <= 200 else f"{text[:200]} ..."
