"""Views of parsed R objects: attributes, vectors, factors, data frames, matrices."""

from typing import Any

import numpy as np
import pandas as pd
from rdata.parser import RObject, RObjectType

from bayes_mirglmm.readers._rparse import as_text

VECTORS = {RObjectType.LGL, RObjectType.INT, RObjectType.REAL, RObjectType.STR}
SPARSE = {"dgCMatrix", "dgTMatrix", "dgRMatrix", "lgCMatrix", "ngCMatrix"}
FRAMES = {"data.frame", "tbl_df", "data.table", "DFrame", "DataFrame"}
#: Longest vector that runs of equal values may stand for, and cells of a sparse matrix: by themselves, or by value.
LONGEST_RUNS = 10**7
CELLS, CELLS_PER_VALUE = 10**7, 2000
RLE = "Rle"  # of S4Vectors: runs of equal values


def resolve(thing: RObject) -> RObject:
    """Follow a reference to the object that it stands for."""
    while thing.info.type is RObjectType.REF and thing.referenced_object is not None:
        thing = thing.referenced_object
    return thing


def pairs(thing: RObject | None) -> dict[str, RObject]:
    """Return a pairlist (attributes, the objects of an .rda) as a dict."""
    found: dict[str, RObject] = {}
    while thing is not None and thing.info.type is RObjectType.LIST:
        if thing.tag is not None:
            symbol = resolve(resolve(thing.tag).value)
            found[str(as_text([symbol.value])[0])] = resolve(thing.value[0])
        thing = resolve(thing.value[1])
    return found


def attributes(thing: RObject) -> dict[str, RObject]:
    """Return the attributes of an object; of an S4 object they are its slots."""
    return pairs(thing.attributes)


def classes(thing: RObject) -> list[str]:
    """Return the class attribute."""
    found = attributes(thing).get("class")
    return [] if found is None else [str(name) for name in as_text(found.value)]


def vector(thing: RObject) -> np.ndarray | None:
    """Return an atomic vector as numpy (a factor and text as str objects, NA as None or NaN), else None."""
    if RLE in classes(thing):
        return _of_runs(thing)
    if thing.info.type not in VECTORS:
        return None
    if thing.info.type is RObjectType.STR:
        return as_text(thing.value)
    levels = attributes(thing).get("levels")
    if levels is not None:
        names = as_text(levels.value)
        codes = np.ma.filled(thing.value, 0)
        return np.array([names[c - 1] if 0 < c <= len(names) else None for c in codes], dtype=object)
    if isinstance(thing.value, np.ma.MaskedArray):
        return np.ma.filled(thing.value.astype(float), np.nan)
    return np.asarray(thing.value)


def column(thing: RObject) -> np.ndarray | pd.Categorical | None:
    """Return a column of a data frame: a vector, or a factor with its levels in R's order, else None."""
    inner = attributes(thing).get("values", thing) if RLE in classes(thing) else thing
    values = vector(thing)
    levels = attributes(inner).get("levels")
    if values is None or levels is None:
        return values
    ordered = "ordered" in classes(inner)
    return pd.Categorical(values, categories=list(dict.fromkeys(as_text(levels.value))), ordered=ordered)


def _of_runs(thing: RObject) -> np.ndarray | None:
    """Return an Rle as the vector that it stands for."""
    slots = attributes(thing)
    values, lengths = vector(slots["values"]), np.asarray(slots["lengths"].value, dtype=np.int64)
    if values is None:
        return None
    if len(values) != len(lengths) or (lengths < 0).any() or lengths.sum() > LONGEST_RUNS:
        raise ValueError("the runs of an Rle do not fit its values")
    return np.repeat(values, lengths)


def items(thing: RObject) -> dict[str, RObject]:
    """Return a named list (or what an S4 list keeps in ``listData``) as a dict."""
    slots = attributes(thing)
    if thing.info.type is RObjectType.S4 and "listData" in slots:
        return items(slots["listData"])
    if thing.info.type is not RObjectType.VEC:
        return {}
    names = (
        as_text(slots["names"].value) if "names" in slots else [str(i + 1) for i in range(len(thing.value))]
    )
    return {str(name): resolve(value) for name, value in zip(names, thing.value, strict=True)}


def frame(thing: RObject) -> pd.DataFrame | None:
    """Return a data.frame, tibble, data.table or S4Vectors DataFrame; columns that are no vectors are left out."""
    if not FRAMES & set(classes(thing)):
        return None
    slots = attributes(thing)
    columns = {name: column(values) for name, values in items(thing).items()}
    rows = slots.get("rownames", slots.get("row.names"))
    labels = None if rows is None else vector(rows)
    table = pd.DataFrame({name: values for name, values in columns.items() if values is not None})
    if labels is not None and labels.dtype == object and (len(labels) == len(table) or table.shape[1] == 0):
        table = table.set_axis(labels) if table.shape[1] else pd.DataFrame(index=labels)
    return table


def matrix(thing: RObject) -> tuple[np.ndarray, list[str] | None, list[str] | None] | None:
    """Return a dense or sparse matrix (Matrix package) with its row and column names, else None."""
    slots = attributes(thing)
    kind = classes(thing)
    if SPARSE & set(kind) or "dgeMatrix" in kind:
        return _sparse(kind[0], slots)
    values = vector(thing)
    if values is None or values.dtype == object or "dim" not in slots:
        return None
    shape = np.asarray(slots["dim"].value)
    if len(shape) != 2:
        return None
    return values.reshape(tuple(shape), order="F"), *_dimnames(slots.get("dimnames"))


def _sparse(kind: str, slots: dict[str, RObject]) -> tuple[np.ndarray, list[str] | None, list[str] | None]:
    rows, columns = (int(n) for n in slots["Dim"].value)
    names = _dimnames(slots.get("Dimnames"))
    if kind == "dgeMatrix":
        return np.asarray(slots["x"].value).reshape((rows, columns), order="F"), *names
    stored = len(slots["i" if "i" in slots else "j"].value)
    if rows * columns > max(CELLS, CELLS_PER_VALUE * stored):
        raise ValueError(f"a sparse matrix of {rows:,} x {columns:,} cells has {stored:,} values only")
    dense = np.zeros((rows, columns))
    if kind == "dgTMatrix":
        i, j = np.asarray(slots["i"].value), np.asarray(slots["j"].value)
    else:
        steps = np.diff(np.asarray(slots["p"].value))
        outer = np.repeat(np.arange(len(steps)), steps)
        inner = np.asarray(slots["j" if kind == "dgRMatrix" else "i"].value)
        i, j = (outer, inner) if kind == "dgRMatrix" else (inner, outer)
    np.add.at(dense, (i, j), np.asarray(slots["x"].value, dtype=float) if "x" in slots else 1.0)
    return dense, *names


def _dimnames(thing: RObject | None) -> tuple[list[str] | None, list[str] | None]:
    if thing is None or thing.info.type is not RObjectType.VEC:
        return None, None
    found: list[Any] = [vector(resolve(entry)) for entry in thing.value]
    return tuple(None if names is None else [str(n) for n in names] for names in found)  # type: ignore[return-value]
