"""Technical replicates: libraries that were sequenced in several runs or lanes are one sample each.

Counts of runs of one library differ by sequencing alone, so as samples of their own they make every standard error
too small. Sums of Poisson counts are Poisson counts: adding them up loses nothing (DESeq2's ``collapseReplicates``).
"""

import re
from collections.abc import Iterable

import numpy as np
import pandas as pd
import xarray as xr

from bayes_mirglmm.counts.container import (
    MAX_SUM,
    attach_samples,
    dropped,
    make_counts,
    sample_table,
    some,
    validate_counts,
)
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.suggest import did_you_mean

#: Columns that name what was sequenced; more than one sample of one value of them is more than one run of it.
LIBRARY_COLUMNS = frozenset(
    {
        *("library", "libraryname", "libraryid", "lib", "biosample", "biosampleid", "specimen", "specimenid"),
        *(
            "aliquot",
            "aliquotid",
            "experiment",
            "samplename",
            "sampleid",
            "geoaccession",
            "techrep",
            "techrepgroup",
        ),
        *(
            "biologicalreplicate",
            "biorep",
            "biologicalsample",
            "sampleaccession",
            "experimentaccession",
            "srx",
            "gsm",
        ),
    }
)
#: Columns that number runs of a library.
RUN_COLUMNS = frozenset(
    {"lane", "lanes", "run", "runs", "flowcell", "flowcellid", "technicalreplicate", "techreplicate"}
)
#: What ends the names of runs of one library: ``A_L001``, ``A.lane2``, ``A-run1``.
RUN_ENDING = re.compile(r"[-_. ](L0{0,2}\d|lane[-_ ]?\d+|run[-_ ]?\d+|techrep[-_ ]?\d+)$", re.IGNORECASE)
REMEDY = "add them up with sum_replicates={column!r} (--sum-by {quoted})"


def sum_replicates(counts: xr.Dataset, by: str) -> xr.Dataset:
    """Add up the samples that have the same value in a column of the sample table.

    Parameters
    ----------
    counts : xarray.Dataset
        A counts container, before any filter.
    by : str
        The column that names the libraries (or specimens): its values are the names of the sums.

    Returns
    -------
    xarray.Dataset
        Counts and ``total`` added up, samples in the order in which they first occur. Columns of the sample table that
        differ between the runs of a library (lane, file) are left out; ``attrs["notes"]`` names them.

    Raises
    ------
    InputError
        There is no such column, a value is missing, the counts are filtered already, or a sum is beyond 2^62.
    """
    validate_counts(counts)
    if len(dropped(counts)):
        raise InputError(
            "the counts are filtered already: add replicates up first, then filter, since filters are per sample."
        )
    table = sample_table(counts)
    asked = f"sum_replicates={by!r} (--sum-by {_quoted(by)})"
    if by not in table.columns:
        columns = [str(name) for name in table.columns]
        raise InputError(
            f"{asked}: the sample table has no column {by!r}.{did_you_mean(by, columns)} Its columns are: "
            f"{', '.join(columns) or 'none (the counts have no sample table)'}."
        )
    missing = table.index[table[by].isna()]
    if len(missing):
        raise InputError(
            f"{asked}: no value for sample {some(list(missing))}. Fill in the name of its library."
        )
    keys = np.array([_name(value) for value in table[by]], dtype=object)
    codes, unique = pd.factorize(keys)
    names = [str(name) for name in unique]
    if len(names) == len(keys):
        note = f"Every sample has a {by} of its own: nothing was added up, and samples were renamed after it."
    else:
        sizes = np.bincount(codes)
        each = f"{sizes.max()} each" if sizes.min() == sizes.max() else f"{sizes.min()} to {sizes.max()} each"
        note = f"{len(keys)} samples were added up to {len(names)} by {by} ({each})."
    merged, left_out = one_row_each(table.set_axis(pd.Index(keys, name="sample", dtype=object)))
    notes = [*counts.attrs.get("notes", []), note]
    if left_out:
        notes.append(
            f"Column(s) left out, because they differ between samples that were added up: {some(left_out)}."
        )
    summed = make_counts(
        sum_columns(counts["counts"].values, codes, len(names), names),
        isomir=counts["isomir"].values,
        mirna=counts["mirna"].values,
        sample=names,
        total=sum_columns(counts["total"].values[None, :], codes, len(names), names)[0],
        source=counts.attrs.get("source", "the counts"),
        format=counts.attrs.get("format", "memory"),
    )
    own = {n: c for n, c in counts.coords.items() if c.dims == ("isomir",) and n not in ("isomir", "mirna")}
    summed = attach_samples(summed.assign_coords(own), merged)
    return summed.assign_attrs(counts.attrs | {"notes": notes})


def sum_columns(values: np.ndarray, codes: np.ndarray, n: int, names: Iterable[object]) -> np.ndarray:
    """Return the columns of ``values`` (rows, samples) added up by ``codes``, shape (rows, n), int64.

    Raises
    ------
    InputError
        A sum is beyond 2^62.
    """
    membership = np.zeros((len(codes), n))
    membership[np.arange(len(codes)), codes] = 1
    large = values.astype(np.float64) @ membership > MAX_SUM
    if large.any():
        name = list(names)[int(np.argmax(large.any(axis=0)))]
        raise InputError(f"sample {name!r}: counts added up are beyond 2^62. Give raw read counts.")
    out = np.zeros((len(values), n), dtype=np.int64)
    for i, code in enumerate(codes):
        out[:, code] += values[:, i]
    return out


def one_row_each(table: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Return a sample table with one row for each name of its index, and the columns left out because they differ."""
    groups = table.groupby(level=0, sort=False)
    differ = [name for name in table.columns if (groups[name].nunique(dropna=False) > 1).any()]
    kept = table.drop(columns=differ)
    return kept[~kept.index.duplicated()], [str(name) for name in differ]


def replicate_caution(counts: xr.Dataset, used: Iterable[str] = ()) -> str:
    """Say in a sentence where samples look like runs of one library; an empty string where they do not.

    Parameters
    ----------
    counts : xarray.Dataset
        A counts container with its sample table.
    used : iterable of str
        Columns that the design uses: a library in the design is accounted for.
    """
    table = sample_table(counts)
    keys = {str(name): re.sub("[^a-z0-9]", "", str(name).lower()) for name in table.columns}
    for name, key in keys.items():
        values = table[name].dropna().map(_name) if key in LIBRARY_COLUMNS else pd.Series(dtype=object)
        sizes = values.value_counts(sort=False)
        if len(sizes) < 2 or sizes.max() < 2 or not _nested(table, name, list(used), keys):
            continue
        if name in set(used):
            return ""
        first = sizes.index[int(np.argmax(sizes.to_numpy() > 1))]
        members = some(list(values.index[values == first]), 4)
        return (
            f"column {name} has one value for several samples ({first}: {members}): runs or lanes of one library "
            f"are no samples of their own; {REMEDY.format(column=name, quoted=_quoted(name))}"
        )
    stems = pd.Series([RUN_ENDING.sub("", str(s)) for s in table.index], index=table.index)
    sizes = stems.value_counts(sort=False)
    if (stems != stems.index).all() and 2 <= len(sizes) < len(table) and sizes.min() > 1:
        runs = [name for name, key in keys.items() if key in RUN_COLUMNS]
        column = f", and there is a column {runs[0]}" if runs else ""
        members = some(list(stems.index[stems == stems.iloc[0]]), 4)
        return (
            f"the names of the samples differ in runs or lanes only ({members})"
            f"{column}: runs of one library are no samples of their own; put a column library with {stems.iloc[0]!r} "
            f"and so on into the sample table and {REMEDY.format(column='library', quoted='library')}"
        )
    return ""


def _nested(table: pd.DataFrame, library: str, used: list[str], keys: dict[str, str]) -> bool:
    """Whether no factor in use changes within a library: one that holds both groups is a batch.

    Where no design is known, one column that does not change within libraries is enough.
    """
    groups = table.dropna(subset=library).groupby(library, sort=False, observed=True)
    known = [name for name in used if name in table.columns]
    names = [n for n in (known or table.columns) if n != library and keys[str(n)] not in RUN_COLUMNS]
    names = [n for n in names if known or 1 < table[n].nunique() < len(table)]
    constant = [(groups[n].nunique(dropna=False) <= 1).all() for n in names]
    return all(constant) if known else (any(constant) or not constant)


def _name(value: object) -> str:
    """Return a value as the name of a sample: whole numbers without a decimal point."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _quoted(name: str) -> str:
    return f"'{name}'" if " " in name else name
