"""From what one or more files held to one container: duplicate rows, and the outer join over samples."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayes_mirglmm.counts.container import MAX_SUM, counts_sha256, make_counts, some, unique_isomir_ids
from bayes_mirglmm.counts.on_disk import OnDisk, is_on_disk, sums_of
from bayes_mirglmm.counts.rare import RARE_SAMPLES, Rows, narrow, rare_record
from bayes_mirglmm.counts.replicates import sum_columns
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.readers._notes import Note, sentences

POLICIES = ("refuse", "identical", "sum", "max", "first")


def _row(i: int) -> str:
    return f"row {i + 1}"


@dataclass
class Part:
    """Counts of one source: isomiRs x samples, and where each row was.

    Attributes
    ----------
    isomir, mirna, sequence : ndarray of str, length rows
        ``sequence`` is None, or has ``""`` where it is not known.
    counts : ndarray of int32 or int64, shape (rows, samples); or Rows
        :class:`bayes_mirglmm.counts.rare.Rows` where rare isomiRs are to be left out of the container,
        :class:`bayes_mirglmm.counts.on_disk.OnDisk` of a large store.
    annotation : pandas.DataFrame or None
        Further columns, one row an isomiR.
    where : callable
        Name of row ``i`` in a message (``"line 7"``).
    sample_table : pandas.DataFrame or None
        What the source itself says about its samples, indexed by sample.
    origins : list of str or None
        The file of each sample, where one source stands for several.
    """

    source: str
    isomir: np.ndarray
    mirna: np.ndarray
    samples: list[str]
    counts: Any
    sequence: np.ndarray | None = None
    annotation: pd.DataFrame | None = None
    where: Callable[[int], str] = _row
    notes: list[Note] = field(default_factory=list)
    sample_table: pd.DataFrame | None = None
    origins: list[str] | None = None
    summed: bool = False  #: whether files of one sample were added up


def pooled(part: Part, pool: dict[str, str]) -> Part:
    """Return the part with one object for each text, over all parts of a ``pool``: files name the same isomiRs."""

    def one_each(values: np.ndarray) -> np.ndarray:
        return np.array([pool.setdefault(text, text) for text in values], dtype=object)

    annotation = part.annotation
    if annotation is not None:
        annotation = annotation.apply(lambda column: one_each(column) if column.dtype == object else column)
    return replace(
        part,
        isomir=one_each(part.isomir),
        mirna=one_each(part.mirna),
        sequence=None if part.sequence is None else one_each(part.sequence),
        annotation=annotation,
    )


def at_lines(lines: np.ndarray) -> Callable[[int], str]:
    """Return a ``where`` for rows that came from these lines of a file."""
    return lambda i: f"line {lines[i]}"


def taken(counts: Any, rows: np.ndarray) -> Any:
    """Return some rows of the counts of a part, by number or by a mask."""
    if isinstance(counts, OnDisk):
        return counts.some(np.flatnonzero(rows) if rows.dtype == bool else rows)
    return counts.take(rows) if isinstance(counts, Rows) else counts[rows]


def with_all_cells(part: Part) -> Part:
    """Return the part with its counts as one matrix."""
    if isinstance(part.counts, OnDisk):
        return replace(part, counts=part.counts.rows(np.arange(len(part.counts))))
    return replace(part, counts=part.counts.dense()) if isinstance(part.counts, Rows) else part


def without_duplicates(part: Part, policy: str) -> Part:
    """Leave one row for each (isomiR, miRNA).

    Parameters
    ----------
    policy : {"refuse", "identical", "sum", "max", "first"}
        ``identical`` keeps one of several rows with the same counts (the same reads, listed once for each
        precursor) and refuses rows that differ.

    Raises
    ------
    InputError
        Rows repeat and the policy does not allow it, or a name is blank; the message names both rows.
    """
    if policy not in POLICIES:
        raise InputError(f"duplicates={policy!r} is not one of {', '.join(map(repr, POLICIES))}.")
    _named(part)
    codes, first = _keys(part.isomir, part.mirna)
    repeated = len(codes) - len(first)
    if not repeated:
        return part
    part = with_all_cells(part)
    counts = part.counts[first]
    if policy in {"refuse", "identical"}:
        later = np.ones(len(codes), dtype=bool)
        later[first] = False
        differ = later if policy == "refuse" else later & (part.counts != counts[codes]).any(axis=1)
        if differ.any():
            i = int(np.flatnonzero(differ)[0])
            kind = "the same" if policy == "refuse" else "different counts for one and the same"
            raise InputError(
                f"{part.source}: {part.where(int(first[codes[i]]))} and {part.where(i)} have {kind} isomiR "
                f"{part.isomir[i]!r} and miRNA {part.mirna[i]!r} ({int(differ.sum())} such rows in all). "
                f"{_which_policy(part.counts, codes, len(first))}"
            )
        verb = "repeat an isomiR and miRNA with the same counts (one row for each precursor): kept once"
    else:
        if policy == "sum":
            counts = _added(part, codes, len(first))
        elif policy == "max":
            np.maximum.at(counts, codes, part.counts)
        verb = f"repeat an isomiR and miRNA: merged by {policy}"
    note = Note(f"{{n}} row(s) {verb}", repeated)
    where = part.where
    return replace(
        part,
        isomir=part.isomir[first],
        mirna=part.mirna[first],
        counts=counts,
        sequence=None if part.sequence is None else part.sequence[first],
        annotation=None if part.annotation is None else part.annotation.iloc[first].reset_index(drop=True),
        where=lambda i: where(int(first[i])),
        notes=[*part.notes, note],
    )


def _which_policy(counts: np.ndarray, codes: np.ndarray, n: int) -> str:
    """Say which policy fits rows that repeat, by whether they have reads in the same samples."""
    several = np.bincount(codes, minlength=n) > 1
    seen = np.zeros((n, counts.shape[1]), dtype=np.int64)
    np.add.at(seen, codes, counts > 0)
    overlap = several & (seen > 1).any(axis=1)
    apart = int((several & ~overlap).sum())
    if not overlap.any():
        return (
            f"No two rows of one isomiR have reads in the same sample ({apart} isomiR(s)): its reads were split over "
            "rows. Pass duplicates='sum', which puts them together."
        )
    split = (
        f"; of {apart} isomiR(s) the reads were split over rows, which 'max' puts together too"
        if apart
        else ""
    )
    return (
        f"The rows of {int(overlap.sum())} isomiR(s) have reads in the same samples{split}. Pass duplicates='max' "
        "where they are the same reads, listed once for each precursor ('sum' would count them twice); "
        "duplicates='sum' where they are different reads."
    )


def _added(part: Part, codes: np.ndarray, n: int) -> np.ndarray:
    """Return the rows added up by ``codes``, shape (n, samples), or refuse sums that an int64 may not hold."""
    size = np.zeros((n, part.counts.shape[1]))
    np.add.at(size, codes, part.counts.astype(np.float64))
    if (size > MAX_SUM).any():
        i, j = np.argwhere(size > MAX_SUM)[0]
        row = int(np.flatnonzero(codes == i)[0])
        raise InputError(
            f"{part.source}: rows of isomiR {part.isomir[row]!r} add up to {size[i, j]:.3g} in sample "
            f"{part.samples[j]!r}, more than 2^62. Give raw read counts."
        )
    counts = np.zeros((n, part.counts.shape[1]), dtype=np.int64)
    np.add.at(counts, codes, part.counts)
    return counts


def join(
    parts: Sequence[Part],
    *,
    sum_samples: bool = False,
    table: pd.DataFrame | None = None,
    apart: bool = False,
) -> Part:
    """Join sources over isomiRs; an isomiR that a source does not have has 0 in its samples.

    Rows keep the order in which they first occur; annotation is the first that a source gives. A sample that occurs
    more than once is refused, or added up with ``sum_samples``; ``table`` is the sample table, for the message. With
    ``apart`` the counts are :class:`~bayes_mirglmm.counts.rare.Rows`.
    """
    if not sum_samples:
        _distinct_samples(parts, table)
    joined = parts[0] if len(parts) == 1 else _joined([with_all_cells(part) for part in parts], apart=apart)
    return _summed_samples(with_all_cells(joined)) if sum_samples else joined


def only_listed(part: Part, table: pd.DataFrame) -> Part:
    """Leave out the samples that a sample table does not list, and note it."""
    listed = set(table.index)
    keep = [i for i, name in enumerate(part.samples) if name in listed]
    if len(keep) == len(part.samples):
        return part
    if not keep:
        raise InputError(
            f"{part.source}: none of its samples is in the sample table. The counts have {some(part.samples)}; the "
            f"table has {some(list(table.index))}. Correct the names."
        )
    left = [name for name in part.samples if name not in listed]
    note = Note(f"{{n}} sample(s) are not in the sample table and were left out: {some(left)}", len(left))
    own = part.sample_table
    return replace(
        part,
        samples=[part.samples[i] for i in keep],
        counts=_columns(part.counts, keep),
        notes=[*part.notes, note],
        sample_table=None if own is None else own[own.index.astype(str).isin(listed)],
    )


def _columns(counts: Any, keep: list[int]) -> Any:
    if isinstance(counts, OnDisk):
        return counts.some(columns=np.array(keep))
    return counts.columns(keep) if isinstance(counts, Rows) else counts[:, keep]


def _joined(parts: Sequence[Part], *, apart: bool) -> Part:
    isomir, mirna = (np.concatenate([getattr(p, name) for p in parts]) for name in ("isomir", "mirna"))
    codes, first = _keys(isomir, mirna)
    isomir, mirna = isomir[first], mirna[first]
    counts = (_cells_apart if apart else _cells)(parts, codes, len(first))
    sequence = None
    if any(p.sequence is not None for p in parts):
        every = [
            np.full(len(p.isomir), "", dtype=object) if p.sequence is None else p.sequence for p in parts
        ]
        sequence = np.concatenate(every)[first]
    annotation = None
    frames = [
        pd.DataFrame(index=range(len(p.isomir))) if p.annotation is None else p.annotation for p in parts
    ]
    if any(frame.shape[1] for frame in frames):
        annotation = pd.concat(frames, ignore_index=True).groupby(codes, sort=True).first()
    return Part(
        f"{len(parts)} files: {some([p.source for p in parts], 3)}",
        isomir,
        mirna,
        [s for p in parts for s in p.samples],
        counts,
        sequence,
        annotation,
        notes=[note for p in parts for note in p.notes],
        sample_table=_stacked([p.sample_table for p in parts if p.sample_table is not None]),
    )


def _cells(parts: Sequence[Part], codes: np.ndarray, n: int) -> np.ndarray:
    """Return the counts of all parts beside each other, their rows at ``codes``."""
    kind = np.result_type(np.int32, *(p.counts.dtype for p in parts))
    counts = np.zeros((n, sum(len(p.samples) for p in parts)), dtype=kind)
    row = column = 0
    for part in parts:
        height, width = part.counts.shape
        counts[codes[row : row + height], column : column + width] = part.counts
        row, column = row + height, column + width
    return counts


def _cells_apart(parts: Sequence[Part], codes: np.ndarray, n: int) -> Rows:
    """Return the same without the zeros of rare rows."""
    from scipy.sparse import coo_array  # takes its time to import

    values, rows, columns = [], [], []
    row = column = 0
    for part in parts:
        height, width = part.counts.shape
        i, j = np.nonzero(part.counts)
        values.append(part.counts[i, j])
        rows.append(codes[row : row + height][i].astype(np.int32))
        columns.append((j + column).astype(np.int32))
        row, column = row + height, column + width
    cells = (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
    return Rows.of_sparse(coo_array(cells, shape=(n, column)))


def _stacked(tables: Sequence[pd.DataFrame]) -> pd.DataFrame | None:
    """Return sample tables under each other; a factor in all of them has the levels of each, in order of occurrence."""
    if not tables:
        return None
    joined = pd.concat(tables)
    for name in joined.columns:
        columns = [table[name] for table in tables if name in table.columns]
        if all(isinstance(column.dtype, pd.CategoricalDtype) for column in columns):
            levels = dict.fromkeys(level for column in columns for level in column.cat.categories)
            joined[name] = pd.Categorical(joined[name], categories=list(levels))
    return joined


def to_counts(part: Part, samples: pd.DataFrame | None, format: str) -> xr.Dataset:
    """Build the container, with notes on what a user should know about the isomiRs."""
    notes = list(part.notes)
    rows, part = _own_rows(part)
    keys = part.sequence if part.sequence is not None and all(part.sequence) else part.isomir
    shared = pd.Series(keys, dtype=object).duplicated(keep=False).to_numpy()
    sums, exact, totals = sums_of(part.counts) if rows is None else rows.sums()
    if shared.any():
        share = sums[shared].sum() / max(sums.sum(), 1)
        text = f"{{n}} isomiR(s) stand under more than one miRNA, with their count under each ({share:.1%} of all)"
        notes.append(Note(text, len(set(keys[shared]))))
    if part.sequence is not None:
        uncalled = sum("N" in sequence.upper() for sequence in part.sequence)
        if uncalled:
            notes.append(Note("N (an uncalled base) is in the sequence of {n} isomiR(s); kept", uncalled))
    silent = [s for s, seen in zip(part.samples, totals > 0, strict=True) if not seen]
    if silent:
        notes.append(Note(f"{{n}} sample(s) have no counts at all: {some(silent)}", len(silent)))
    if rows is not None:
        return _without_rare(part, rows, exact, samples, format, notes)
    return make_counts(
        part.counts if is_on_disk(part.counts) else narrow(part.counts),
        isomir=part.isomir,
        mirna=part.mirna,
        sample=part.samples,
        sequence=part.sequence,
        annotation=part.annotation,
        samples=samples,
        source=part.source,
        format=format,
        notes=sentences(notes),
    )


def _own_rows(part: Part) -> tuple[Rows | None, Part]:
    """Return the rows of a part whose rare ones are left out; None, and the part whole, where that cannot be."""
    if not isinstance(part.counts, Rows):
        return None, part
    rows = part.counts
    if not rows.rare.shape[0]:
        return None, replace(part, counts=rows.full)
    if not len(rows.full) or (rows.sums()[2] > MAX_SUM).any():
        return None, with_all_cells(part)
    return rows, part


def _without_rare(
    part: Part, rows: Rows, total: np.ndarray, samples: pd.DataFrame | None, format: str, notes: list[Note]
) -> xr.Dataset:
    """Build the container of the isomiRs that are not rare, with totals and fingerprint of all."""
    ids = unique_isomir_ids([str(i) for i in part.isomir], [str(m) for m in part.mirna])
    mirna = np.asarray([str(m) for m in part.mirna], dtype=object)
    held = np.flatnonzero(rows.place >= 0)
    counts = make_counts(
        rows.full,
        isomir=ids[held],
        mirna=mirna[held],
        sample=part.samples,
        sequence=None if part.sequence is None else part.sequence[held],
        annotation=None if part.annotation is None else part.annotation.iloc[held].reset_index(drop=True),
        samples=samples,
        total=total,
        source=part.source,
        format=format,
        notes=sentences(notes),
    )
    everything = xr.Dataset(coords={"isomir": ids, "mirna": ("isomir", mirna)}).assign_coords(
        sample=counts["sample"].values, total=("sample", counts["total"].values)
    )
    attributes = {
        RARE_SAMPLES: len(part.samples),
        "sha256_before_filters": counts_sha256(everything, rows.blocks()),
    }
    return counts.assign(rare_record(rows, ids, mirna)).assign_attrs(attributes)


def _keys(isomir: np.ndarray, mirna: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the number of each (isomiR, miRNA) in order of first occurrence, and its first row."""
    key, _ = pd.factorize(isomir)
    b, names = pd.factorize(mirna)
    key *= max(len(names), 1)
    key += b
    del b
    codes, unique = pd.factorize(key)
    first = np.full(len(unique), -1, dtype=np.int64)
    first[codes[::-1]] = np.arange(len(codes) - 1, -1, -1)
    return codes, first


def _named(part: Part) -> None:
    for what, names in (("isomiR", part.isomir), ("miRNA", part.mirna)):
        blank = np.array([not name or name in {"NA", "nan"} for name in names], dtype=bool)
        if blank.any():
            i = int(np.flatnonzero(blank)[0])
            raise InputError(
                f"{part.source}, {part.where(i)}: the {what} is missing ({int(blank.sum())} such row(s)). "
                "Fill it in, or remove the row."
            )


def _summed_samples(part: Part) -> Part:
    """Add up the columns of one sample."""
    codes, names = pd.factorize(np.array(part.samples, dtype=object))
    if len(names) == len(part.samples):
        return part
    text = f"{{n}} files were added up to {len(names)} samples, as asked for"
    return replace(
        part,
        samples=[str(name) for name in names],
        counts=sum_columns(part.counts, codes, len(names), names),
        notes=[*part.notes, Note(text, len(part.samples))],
        origins=None,
    )


def _distinct_samples(parts: Sequence[Part], table: pd.DataFrame | None) -> None:
    seen: dict[str, str] = {}
    for part in parts:
        for sample, origin in zip(
            part.samples, part.origins or [part.source] * len(part.samples), strict=True
        ):
            if sample in seen:
                column = "sample" if table is None else str(table.attrs.get("sample_column", "sample"))
                raise InputError(
                    f"sample {sample!r} is both in {seen[sample]} and in {origin}. Where they are runs of one library, "
                    f"add them up with sum_replicates={column!r} (--sum-by {column!r}). To keep one, take the row of "
                    "the other file out of the sample table and read with samples_only=True (--samples-only). Where "
                    "two files only share their name, put a column 'file' beside 'sample' in the sample table."
                )
            seen[sample] = origin
