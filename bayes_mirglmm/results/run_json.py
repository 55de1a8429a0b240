"""``run.json``: what a person, or another program, reads about a run; and the design inside it.

Strict JSON: a value that is missing is null, an infinite one the string ``"inf"`` or ``"-inf"``.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from bayes_mirglmm import __version__
from bayes_mirglmm.design.build import Design
from bayes_mirglmm.design.random_terms import RandomTerm
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.results.schema import SCHEMA_VERSION

if TYPE_CHECKING:
    from bayes_mirglmm.results.fit_result import Fit

#: What marks a folder as one of ours, so that no other is ever replaced.
PROGRAM = "bayes_mirglmm"
#: Of a sample table with 10,000 rows and 50 columns it has about 20 MB.
MAX_BYTES = 64_000_000
SECTIONS = (
    "program",
    "schema_version",
    "model",
    "attributes",
    "design",
    "samples",
    "metadata",
    "arrays_sha256",
)


def describe(fit: "Fit", arrays_sha256: str) -> dict[str, Any]:
    """Return the contents of ``run.json``."""
    data = fit.data
    attributes = {
        name: value for name, value in data.attrs.items() if name not in ("schema_version", "model")
    }
    counted = pd.Series(data["status"].values, dtype=object).value_counts()
    names = [str(name) for name in data["sample"].values]
    return {
        "program": PROGRAM,
        "program_version": __version__,
        "schema_version": SCHEMA_VERSION,
        "formula": fit.formula,
        "attributes": _strict(attributes),
        "model": fit.spec.to_dict(),
        "mirnas_by_status": {str(name): int(n) for name, n in counted.items()},
        "metadata": _strict(fit.metadata),
        "offsets": dict(zip(names, data["offset"].values.tolist(), strict=True)),
        "totals": dict(zip(names, data["total"].values.tolist(), strict=True)),
        "design": design_to_json(fit.design),
        "samples": frame_to_json(fit.samples),
        "arrays_sha256": arrays_sha256,
    }


def describe_ml(fit: "Fit", arrays_sha256: str) -> dict[str, Any]:
    """Return what ``run.json`` of a Bayesian fit says about the fit by maximum likelihood that it started from."""
    differing = ("method", "df", "curvature", "criterion")
    attributes = {name: fit.data.attrs[name] for name in differing}
    return {"attributes": _strict(attributes), "arrays_sha256": arrays_sha256}


def write(path: Path, contents: dict[str, Any]) -> None:
    """Write ``contents`` as JSON, UTF-8."""
    text = json.dumps(contents, indent=2, ensure_ascii=False, allow_nan=False)
    # Names of files need not be text: what is not becomes the escape that JSON has for it.
    path.write_text(text + "\n", encoding="utf-8", errors="backslashreplace", newline="\n")


def read(path: Path) -> dict[str, Any]:
    """Read and check ``run.json``.

    Raises
    ------
    InputError
        The file is absent, damaged, of another program or of a schema that this version cannot read.
    """
    try:
        contents = _parse(path)
    except FileNotFoundError:
        raise InputError(
            f"{path.parent} has no run.json, so it is not a run of bayes_mirglmm: give the folder that "
            "Fit.save or `bayes-mirglmm fit --out` wrote."
        ) from None
    except (ValueError, RecursionError, OSError, MemoryError) as error:
        why = "it is nested too deeply" if isinstance(error, RecursionError) else error
        raise InputError(f"{path} is damaged ({why}): restore it from a copy, or fit again.") from None
    if not isinstance(contents, dict) or contents.get("program") != PROGRAM:
        raise InputError(f"{path} was not written by bayes_mirglmm: give the folder of a run.")
    found = contents.get("schema_version")
    if not isinstance(found, int) or isinstance(found, bool) or found < 1:
        raise InputError(f"{path} is damaged (schema_version is {found!r}): restore it, or fit again.")
    if found > SCHEMA_VERSION:
        raise InputError(
            f"{path} has schema version {found}, written by bayes_mirglmm {contents.get('program_version')}; "
            f"this is {__version__}, which reads up to version {SCHEMA_VERSION}. Upgrade it "
            "(pip install -U bayes-mirglmm), or fit again."
        )
    missing = [name for name in SECTIONS if name not in contents]
    if missing:
        raise InputError(
            f"{path} is damaged (no {', '.join(missing)}): restore it from a copy, or fit again."
        )
    return contents


def is_ours(path: Path) -> bool:
    """Tell whether a file is the ``run.json`` of this program."""
    try:
        contents = _parse(path)
    except (ValueError, RecursionError, OSError, MemoryError):
        return False
    return isinstance(contents, dict) and contents.get("program") == PROGRAM


def _parse(path: Path) -> Any:
    """Read a JSON file of a size that a run can have."""
    if path.exists() and not path.is_file():
        raise ValueError("it is not a file")
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise ValueError(f"it has {size:,} bytes, and no run has more than {MAX_BYTES:,}")
    return json.loads(path.read_text(encoding="utf-8"))


def design_to_json(design: Design) -> dict[str, Any]:
    """Return a design without its matrices, which stand among the arrays."""
    return {
        "formula": design.formula,
        "terms": list(design.terms),
        "slope": design.slope,
        "slope_terms": list(design.slope_terms),
        "blocks": list(design.blocks),
        "factors": {name: list(levels) for name, levels in design.factors.items()},
        "nuisance": list(design.nuisance),
        "rank": int(design.rank),
        "samples": list(design.samples),
        "table": frame_to_json(design.table),
        "centres": _strict(design.centres),
        "random": [
            {
                "group": term.group,
                "names": list(term.names),
                "columns": term.columns.tolist(),
                "levels": list(term.levels),
                "level": term.level.tolist(),
            }
            for term in design.random
        ],
        "without_slopes": list(design.without_slopes),
        "pairing": design.pairing,
    }


def design_from_json(record: dict[str, Any], data: xr.Dataset) -> Design:
    """Return the design that :func:`design_to_json` described, with its matrices from ``data``."""
    x = np.array(data["x"].values, dtype=np.float64)
    z = np.array(data["z"].values, dtype=np.float64)
    for array in (x, z):
        array.flags.writeable = False
    return Design(
        formula=record["formula"],
        x=x,
        terms=tuple(record["terms"]),
        slope=record["slope"],
        z=z,
        slope_terms=tuple(record["slope_terms"]),
        blocks=tuple(record["blocks"]),
        factors={name: tuple(levels) for name, levels in record["factors"].items()},
        nuisance=tuple(record["nuisance"]),
        rank=record["rank"],
        samples=tuple(record["samples"]),
        table=frame_from_json(record["table"]),
        random=tuple(
            RandomTerm(
                group=term["group"],
                names=tuple(term["names"]),
                columns=np.array(term["columns"], dtype=float),
                levels=tuple(term["levels"]),
                level=np.array(term["level"], dtype=np.int64),
            )
            for term in record.get("random", [])
        ),
        centres={
            name: float("nan") if at is None else float(at) for name, at in record.get("centres", {}).items()
        },
        without_slopes=tuple(record.get("without_slopes", ())),
        pairing=record.get("pairing"),
    )


def frame_to_json(frame: pd.DataFrame) -> dict[str, Any]:
    """Return a sample table as JSON values: index, and per column its kind and values.

    pandas' own ``orient="table"`` keeps 15 digits of a number and no infinity: a fit would load as another one.
    """
    columns = []
    for name in frame.columns:
        column = frame[name]
        record: dict[str, Any] = {"name": str(name)}
        if isinstance(column.dtype, pd.CategoricalDtype):
            record |= {"kind": "factor", "levels": [str(level) for level in column.cat.categories]}
            values: list[Any] = [None if pd.isna(v) else str(v) for v in column]
        elif pd.api.types.is_bool_dtype(column):
            record["kind"], values = "bool", [bool(v) for v in column]
        elif pd.api.types.is_integer_dtype(column):
            record["kind"], values = "int", [int(v) for v in column]
        elif pd.api.types.is_float_dtype(column):
            record["kind"], values = "float", [_strict(float(v)) for v in column]
        else:
            record["kind"], values = "str", [None if pd.isna(v) else str(v) for v in column]
        columns.append(record | {"values": values})
    return {"index": [str(name) for name in frame.index], "columns": columns}


def frame_from_json(record: dict[str, Any]) -> pd.DataFrame:
    """Return the sample table that :func:`frame_to_json` described.

    Raises
    ------
    TypeError, ValueError, KeyError
        It describes no table.
    """
    index = pd.Index(record["index"], name="sample", dtype=object)
    frame = pd.DataFrame(index=index)
    for column in record["columns"]:
        values: Any = column["values"]
        if column["kind"] == "int":
            values = np.array([int(v) for v in values], dtype=np.int64)
        elif column["kind"] == "bool":
            values = np.array([v is True for v in values])
        elif column["kind"] == "factor":
            values = pd.Categorical(values, categories=column["levels"])
        elif column["kind"] == "float":
            values = np.array([np.nan if v is None else float(v) for v in values])
        elif column["kind"] == "str":
            values = pd.Series([np.nan if v is None else v for v in values], index=index, dtype=object)
        frame[column["name"]] = values
    return frame


def _strict(value: Any) -> Any:
    """Return ``value`` as strict JSON has it."""
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): _strict(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_strict(item) for item in value]
    if isinstance(value, float) and not np.isfinite(value):
        return None if np.isnan(value) else ("inf" if value > 0 else "-inf")
    return value if value is None or isinstance(value, str | int | float) else str(value)
