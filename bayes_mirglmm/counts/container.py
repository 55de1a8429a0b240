"""The one container of isomiR counts, and its validation.

A container is a plain :class:`xarray.Dataset`:

=====================  ===================  ==========================================================
name                   dims                 meaning
=====================  ===================  ==========================================================
``counts``             (isomir, sample)     int64 read counts, 0 or more; int32 where files have no larger ones
``isomir``             (isomir)             unique isomiR ids, str
``sample``             (sample)             unique sample names, str
``mirna``              (isomir)             the miRNA that each isomiR belongs to, str
``total``              (sample)             total counts of the sample, taken before any filter, int64
``sequence``           (isomir)             read sequence, where the source has it, str
other isomiR columns   (isomir)             annotation that the source gives (``variant``, ...)
sample table columns   (sample)             every column of the sample table, under its own name
``dropped_isomir``     (dropped)            what filters took out: the isomiR id
``dropped_mirna``      (dropped)            its miRNA
``dropped_reason``     (dropped)            ``low_isomir_expression``, ``low_mirna_expression`` or ``not_selected``
``dropped_log_cpm``    (dropped)            log(median CPM) that the filter saw, natural log
=====================  ===================  ==========================================================

A column of the sample table that is a factor with an order of its own (of R, of AnnData, a pandas categorical) is
str like any other text, and has its levels, in order, as the attribute ``levels`` of the coordinate.

Counts that were read from a large store stay there (:mod:`bayes_mirglmm.counts.on_disk`).

Attributes: ``source`` (str: where the counts were read), ``format`` (str), ``notes`` (list of str: what the
reader merged, skipped or repaired, one sentence each); after a filter also ``min_mirna_log_cpm`` and
``min_isomir_log_cpm`` (its limits, or ``none``) and ``sha256_before_filters``.
"""

import hashlib
import re
from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayes_mirglmm.counts.on_disk import OnDisk, blocks_of, is_on_disk, sums_of
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.suggest import spelled_apart

#: Names that a sample table or an isomiR annotation may not use for a column.
RESERVED = frozenset(
    {"counts", "isomir", "sample", "mirna", "total", "sequence", "dropped"}
    | {f"dropped_{part}" for part in ("isomir", "mirna", "reason", "log_cpm")}
)
DROPPED_COLUMNS = ("isomir", "mirna", "reason", "log_cpm")
MAX_COUNT = 2**53  # beyond this a float64 no longer holds every integer
MAX_SUM = 2**62  # sums beyond this are near the end of an int64, where they would wrap to negative numbers


def integer_counts(
    values: Any, *, rows: Sequence[Hashable], columns: Sequence[Hashable], source: str = "the counts"
) -> Any:
    """Return ``values`` as int64 (or int32, which stays), or name the first cell that is not a count.

    Parameters
    ----------
    values : array_like, shape (isomir, sample)
        Numbers, or strings that spell numbers (``"9"``, ``"9.0"``, ``"1e3"``); integers on disk stay there.
    rows, columns : sequence
        Names used in the message: isomiR ids (or file lines) and samples.
    source : str
        What the message calls the origin: usually a file name.

    Raises
    ------
    InputError
        A cell is missing, not a number, negative, not an integer or too large; the message names the cell.
    """
    if is_on_disk(values):
        start = 0
        for block in blocks_of(values):
            stop = start + len(block)
            integer_counts(block, rows=rows[start:stop], columns=columns, source=source)
            start = stop
        return values
    raw = np.asarray(values)
    if raw.shape != (len(rows), len(columns)):
        raise InputError(
            f"{source}: the counts have shape {raw.shape}, where {len(rows)} isomiR(s) and {len(columns)} "
            "sample(s) are named. Give one row for each isomiR and one column for each sample."
        )
    if raw.dtype.kind in "iu" and (raw.size == 0 or (raw.min() >= 0 and raw.max() <= MAX_COUNT)):
        return raw if raw.dtype in (np.int32, np.int64) else raw.astype(np.int64)
    if raw.dtype.kind in "iuf":
        numbers = raw
    else:
        cells = [None if isinstance(cell, bool | np.bool_) else cell for cell in raw.ravel()]
        flat = pd.to_numeric(pd.Series(cells, dtype=object), errors="coerce")
        numbers = flat.to_numpy(dtype=float, na_value=np.nan).reshape(raw.shape)
    with np.errstate(invalid="ignore"):
        bad = ~(np.isfinite(numbers) & (numbers >= 0) & (numbers <= MAX_COUNT))
        if numbers.dtype.kind == "f":
            bad |= numbers != np.floor(numbers)
    if bad.any():
        i, j = np.argwhere(bad)[0]
        cell = raw[i, j].item() if isinstance(raw[i, j], np.generic) else raw[i, j]
        raise InputError(
            f"{source}: {cell!r} at isomiR {rows[i]!s}, sample {columns[j]!s} is not a count "
            f"({int(bad.sum())} such cell{'s' if bad.sum() > 1 else ''} in all). Counts are integers of 0 or "
            "more: give raw read counts, not CPM, RPM or log values, and write 0 for a missing value."
        )
    return numbers.astype(np.int64)


def unique_isomir_ids(ids: Sequence[str], mirnas: Sequence[str]) -> np.ndarray:
    """Make isomiR ids unique, from content alone, so that the order of the rows does not matter.

    An id that stands under more than one miRNA becomes ``id|miRNA`` in each of its rows; the others stay as
    they are. (id, miRNA) pairs must be distinct already.
    """
    names = np.array(ids, dtype=object)
    for _ in range(3):  # a made id may meet a given one: then both get longer
        repeated = pd.Series(names, dtype=object).duplicated(keep=False).to_numpy()
        if not repeated.any():
            break
        of = np.asarray(mirnas, dtype=object)[repeated]
        names[repeated] = [f"{name}|{mirna}" for name, mirna in zip(names[repeated], of, strict=True)]
    return names


def make_counts(
    values: Any,
    *,
    isomir: Sequence[str] | np.ndarray,
    mirna: Sequence[str] | np.ndarray,
    sample: Sequence[str] | np.ndarray,
    sequence: Sequence[str] | np.ndarray | None = None,
    annotation: pd.DataFrame | None = None,
    samples: pd.DataFrame | None = None,
    total: Sequence[int] | np.ndarray | None = None,
    source: str = "the counts",
    format: str = "memory",
    notes: Sequence[str] = (),
) -> xr.Dataset:
    """Build and validate a counts container from arrays.

    Parameters
    ----------
    values : array_like, shape (isomir, sample)
        Counts; checked by :func:`integer_counts`.
    isomir, mirna : sequence of str, length isomir
        Ids (made unique by :func:`unique_isomir_ids`) and miRNA names.
    sample : sequence of str, length sample
        Sample names.
    sequence : sequence of str, optional
        Read sequences.
    annotation : pandas.DataFrame, optional
        Further isomiR columns, in the order of ``isomir``.
    samples : pandas.DataFrame, optional
        Sample table whose index holds exactly the sample names, in any order.
    total : sequence of int, optional
        Totals per sample; the column sums when omitted.
    source, format, notes
        Recorded as attributes; see the module's docstring.

    Returns
    -------
    xarray.Dataset

    Raises
    ------
    InputError
        The counts, ids or sample table cannot be used.
    """
    rows = [str(i) for i in isomir]
    names = [str(s) for s in sample]
    matrix = integer_counts(values, rows=rows, columns=names, source=source)
    sums = _summed(matrix, names, source)
    ids = unique_isomir_ids(rows, [str(m) for m in mirna])
    coords: dict[str, Any] = {
        "isomir": ids,
        "sample": np.asarray(names, dtype=object),
        "mirna": ("isomir", np.asarray([str(m) for m in mirna], dtype=object)),
        "total": ("sample", sums if total is None else np.asarray(total, dtype=np.int64)),
    }
    if sequence is not None:
        coords["sequence"] = ("isomir", np.asarray([str(s) for s in sequence], dtype=object))
    if annotation is not None:
        coords |= _columns(annotation, "isomir", f"{source}: isomiR annotation")
    dataset = xr.Dataset(
        {"counts": matrix.variable() if isinstance(matrix, OnDisk) else (("isomir", "sample"), matrix)},
        coords=coords,
        attrs={"source": source, "format": format, "notes": list(notes)},
    )
    if samples is not None:
        dataset = attach_samples(dataset, samples)
    return validate_counts(dataset)


def attach_samples(dataset: xr.Dataset, samples: pd.DataFrame) -> xr.Dataset:
    """Put the columns of a sample table (indexed by sample name) on the ``sample`` dimension."""
    index = samples.index.astype(str)
    present = set(dataset["sample"].values)
    duplicated = [s for s in index[index.duplicated()] if s in present]
    if duplicated:
        raise InputError(f"the sample table has more than one row for sample {duplicated[0]!r}: keep one.")
    known = set(index)
    missing = [s for s in dataset["sample"].values if s not in known]
    if missing:
        raise InputError(
            f"{len(missing)} sample(s) of the counts are not in the sample table: {some(missing)}. "
            f"The sample table has {some(list(index))}.{spelling_hint(missing, index)} Add the rows, correct the "
            "names, or leave the samples out with samples_only=True (--samples-only)."
        )
    clash = [
        str(c) for c in samples.columns if str(c) in dataset.variables and dataset[str(c)].dims != ("sample",)
    ]
    if clash and clash[0] not in RESERVED:
        raise InputError(
            f"{clash[0]!r} is a column of the sample table and an annotation of the isomiRs: rename it in "
            "the sample table."
        )
    extra = list(dict.fromkeys(s for s in index if s not in present))
    if extra:
        note = f"{len(extra)} sample(s) of the sample table have no counts and were left out: {some(extra)}."
        dataset = dataset.assign_attrs(notes=[*dataset.attrs.get("notes", []), note])
    table = samples.set_axis(index)
    table = table[table.index.isin(present)].loc[dataset["sample"].values]
    return dataset.assign_coords(_columns(table, "sample", "the sample table"))


def validate_counts(dataset: xr.Dataset) -> xr.Dataset:
    """Check that ``dataset`` follows the schema of this module and return it.

    Raises
    ------
    InputError
        A name is missing, has the wrong dims or dtype, ids repeat, counts are negative, or totals are smaller
        than the counts that they are said to contain.
    """
    if not isinstance(dataset, xr.Dataset):
        raise InputError(
            f"the counts are a {type(dataset).__name__}, not a counts container: make one with read_counts (files) "
            "or from_dataframe (tables)."
        )
    for name, dims in (
        ("counts", ("isomir", "sample")),
        ("isomir", ("isomir",)),
        ("sample", ("sample",)),
        ("mirna", ("isomir",)),
        ("total", ("sample",)),
    ):
        if name not in dataset.variables:
            raise InputError(f"the counts have no {name!r}: build them with read_counts or from_dataframe.")
        found = dataset.variables[name].dims
        if found != dims:
            raise InputError(f"{name!r} has dims {found}, not {dims}: transpose or rename them.")
    counts = dataset["counts"]
    for dim in ("isomir", "sample"):
        if dataset.sizes[dim] == 0:
            raise InputError(
                f"the counts hold no {dim}: nothing was read, or a selection removed everything."
            )
        repeated = dataset.indexes[dim][dataset.indexes[dim].duplicated()]
        if len(repeated):
            raise InputError(f"{dim} id {repeated[0]!r} occurs more than once: ids must be unique.")
    checked = integer_counts(
        counts if is_on_disk(counts) else counts.values,
        rows=list(dataset["isomir"].values),
        columns=list(dataset["sample"].values),
        source="the counts",
    )
    if counts.dtype != checked.dtype:
        dataset = dataset.assign(counts=(counts.dims, checked))
    if not all(str(s).strip() for s in dataset["sample"].values):
        raise InputError("a sample has no name: give every column of counts a name.")
    blank = np.array([not str(m).strip() for m in dataset["mirna"].values])
    if blank.any():
        raise InputError(f"isomiR {dataset['isomir'].values[blank][0]!r} has no miRNA name.")
    short = _summed(checked, list(dataset["sample"].values), "the counts") > dataset["total"].values
    if short.any():
        raise InputError(
            f"total of sample {dataset['sample'].values[short][0]!r} is smaller than the sum of its counts: "
            "totals are taken before any filter."
        )
    return dataset


def counts_sha256(counts: xr.Dataset, blocks: Iterable[np.ndarray] | None = None) -> str:
    """Return the sha256 of a container: isomiR ids, miRNAs, samples, totals and counts, in their order.

    Names as UTF-8 joined by newlines, numbers as little-endian int64 in C order. ``blocks`` are rows of counts, in
    their order, where the container does not hold them.
    """
    digest = hashlib.sha256()
    for name in ("isomir", "mirna", "sample"):
        digest.update("\n".join(str(v) for v in counts[name].values).encode("utf-8", "surrogatepass"))
        digest.update(b"\0")
    digest.update(np.ascontiguousarray(counts["total"].values, dtype="<i8").tobytes())
    for block in blocks_of(counts["counts"]) if blocks is None else blocks:
        digest.update(np.ascontiguousarray(block, dtype="<i8").tobytes())
    return digest.hexdigest()


def dropped(dataset: xr.Dataset) -> pd.DataFrame:
    """Return what filters have taken out: columns isomir, mirna, reason, log_cpm (natural log)."""
    there = "dropped_isomir" in dataset.variables
    # Names as objects: Python goes through pandas' own strings fifteen times as slowly.
    return pd.DataFrame(
        {
            name: pd.Series(
                dataset[f"dropped_{name}"].values if there else [],
                dtype=float if name == "log_cpm" else object,
            )
            for name in DROPPED_COLUMNS
        }
    )


def with_dropped(dataset: xr.Dataset, more: pd.DataFrame) -> xr.Dataset:
    """Return ``dataset`` with the rows of ``more`` (as :func:`dropped` gives them) added to its record."""
    parts = [part for part in (dropped(dataset), more[list(DROPPED_COLUMNS)]) if len(part)]
    table = pd.concat(parts, ignore_index=True) if parts else dropped(dataset)
    bare = dataset.drop_vars([f"dropped_{name}" for name in DROPPED_COLUMNS], errors="ignore")
    return bare.assign(
        {
            f"dropped_{name}": ("dropped", table[name].to_numpy(dtype=float if name == "log_cpm" else object))
            for name in DROPPED_COLUMNS
        }
    )


def spelling_hint(missing: Sequence[str], known: Iterable[str]) -> str:
    """Say, where that is so, that samples of the counts are in the sample table under another spelling."""
    known = list(known)
    by_r_name = {_r_name(s): s for s in known}
    renamed = next((s for s in missing if s in by_r_name), None)
    if renamed is not None:
        return f" R has made {renamed!r} of {by_r_name[renamed]!r} (check.names=FALSE)."
    apart = spelled_apart(missing, known)
    if not apart:
        return ""
    name, other, what = apart[0]
    return f" {name!r} of the counts and {other!r} of the sample table differ only in {what} ({len(apart)} such)."


def _r_name(name: str) -> str:
    """Return what R's make.names makes of a column name."""
    name = re.sub(r"[^\w.]", ".", name)
    return name if re.match(r"[A-Za-z]|\.(?!\d)", name) else f"X{name}"


def _summed(matrix: Any, names: Sequence[Hashable], source: str) -> np.ndarray:
    """Return the column sums, int64, or refuse those that an int64 may not hold."""
    _, exact, sums = sums_of(matrix)
    if (sums > MAX_SUM).any():
        i = int(np.argmax(sums > MAX_SUM))
        raise InputError(
            f"{source}: the counts of sample {names[i]!s} add up to {sums[i]:.3g}, more than 2^62: no library has as "
            "many reads. Give raw read counts."
        )
    return exact


def _columns(frame: pd.DataFrame, dim: str, what: str) -> dict[str, Any]:
    names = [str(name) for name in frame.columns]
    for name in names:
        if name in RESERVED:
            raise InputError(f"{what} has a column named {name!r}, a reserved name: rename it.")
        if names.count(name) > 1:
            raise InputError(f"{what} has more than one column named {name!r}: rename all but one.")
    return {
        name: (dim, _plain(frame[column]), _ordered(frame[column]) if dim == "sample" else {})
        for name, column in zip(names, frame.columns, strict=True)
    }


def _ordered(column: pd.Series) -> dict[str, list[str]]:
    """Return the attribute that keeps the order of a factor's levels, unused ones left out."""
    if not isinstance(column.dtype, pd.CategoricalDtype):
        return {}
    return {"levels": [str(level) for level in column.cat.remove_unused_categories().cat.categories]}


def _plain(column: pd.Series) -> np.ndarray:
    """Numbers and booleans as numpy types, everything else as str objects; a missing value stays missing."""
    if pd.api.types.is_bool_dtype(column) or pd.api.types.is_numeric_dtype(column):
        return column.to_numpy()
    values = column.to_numpy(dtype=object, copy=True)
    missing = column.isna().to_numpy()
    if pd.api.types.infer_dtype(values, skipna=True) != "string":
        values = np.array([str(v) for v in values], dtype=object)
    values[missing] = np.nan
    return values


def some(names: Sequence[Any], limit: int = 5) -> str:
    """Return the first names of a list for a message, and how many there are in all."""
    shown = ", ".join(str(n) for n in list(names)[:limit])
    return shown if len(names) <= limit else f"{shown}, ... ({len(names)} in all)"


def sample_table(counts: xr.Dataset) -> pd.DataFrame:
    """Return the sample columns of a counts container: a row per sample, without ``total``.

    Factors whose levels have an order are categoricals.
    """
    columns = {
        str(name): _in_order(coordinate)
        for name, coordinate in counts.coords.items()
        if coordinate.dims == ("sample",) and name not in RESERVED
    }
    index = pd.Index([str(name) for name in counts["sample"].values], name="sample", dtype=object)
    return pd.DataFrame(columns, index=index)


def _in_order(coordinate: xr.DataArray) -> np.ndarray | pd.Categorical:
    """Return a sample column, a categorical where its levels have an order and are all of its values."""
    values, levels = coordinate.values, coordinate.attrs.get("levels")
    if levels is None:
        return values
    levels = [levels] if isinstance(levels, str) else list(levels)  # netCDF makes a string of a list of one
    if not set(pd.Series(values, dtype=object).dropna()) <= set(levels):
        return values  # the column was changed since
    return pd.Categorical(values, categories=levels)
