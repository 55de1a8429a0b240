"""What was read, and what the filters would leave of it, as tables."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from bayes_mirglmm.counts.aggregate import mirna_counts
from bayes_mirglmm.counts.belonging import belonging_columns
from bayes_mirglmm.counts.cells import is_date, is_number, spelling_caution
from bayes_mirglmm.counts.container import dropped, sample_table, validate_counts
from bayes_mirglmm.counts.display import html_inspection, text_inspection
from bayes_mirglmm.counts.filtering import LOW_ISOMIR, LOW_MIRNA, filter_counts
from bayes_mirglmm.counts.identical import identical_cautions
from bayes_mirglmm.counts.on_disk import blocks_of, sums_of
from bayes_mirglmm.counts.plausibility import count_cautions
from bayes_mirglmm.counts.replicates import replicate_caution
from bayes_mirglmm.counts.selection import NOT_ASKED, select_mirnas
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.outcomes import FEWEST_ISOMIRS, MIN_ISOMIR_LOG_CPM, MIN_MIRNA_LOG_CPM, TOO_FEW_ISOMIRS

MANY_LEVELS = 12  # a text column with more levels is listed by its number of levels
LARGE_SHARE = 0.05  # of all reads, from which on the one that is left out is named
UNEVEN_TOTALS = 10.0  # ratio of the largest to the smallest total that is worth a remark


@dataclass(frozen=True, repr=False)
class Inspection:
    """What a set of counts holds; it shows itself as text, and as tables in a notebook.

    Attributes
    ----------
    source, format : str
        Where the counts came from and the format found.
    notes : tuple of str
        What the reader merged, skipped or repaired.
    remarks : tuple of str
        What deserves a look before a fit: uneven totals, groups of one sample.
    samples : pandas.DataFrame
        A row per sample: ``sample``, ``total`` (counts before any filter), ``isomirs`` and ``mirnas`` (with a
        count above 0), then the columns of the sample table.
    columns : pandas.DataFrame
        The sample table: ``column``, ``kind`` (``factor``, ``number``, ``date``, ``label``), ``values`` (levels with
        their numbers of samples, the reference first, or the range), ``missing`` and ``order`` (of the levels:
        ``given`` by R, AnnData or pandas, or ``sorted``).
    stages : pandas.DataFrame
        ``stage``, ``mirnas``, ``isomirs``, ``reads`` and ``share`` (of all reads) from the file to the fit.
    drops : pandas.DataFrame
        A row per reason, the filters and at last miRNAs with too few isomiRs for a fit: ``reason``, ``mirnas`` (that
        lost an isomiR for it), ``isomirs``, ``reads``,
        ``meaning`` (a sentence).
    """

    source: str
    format: str
    notes: tuple[str, ...]
    remarks: tuple[str, ...]
    samples: pd.DataFrame
    columns: pd.DataFrame
    stages: pd.DataFrame
    drops: pd.DataFrame

    def __repr__(self) -> str:
        """Return the inspection as plain text."""
        return text_inspection(self)

    def _repr_html_(self) -> str:
        return html_inspection(self)


def inspect_counts(
    counts: xr.Dataset,
    *,
    min_mirna_log_cpm: float = MIN_MIRNA_LOG_CPM,
    min_isomir_log_cpm: float = MIN_ISOMIR_LOG_CPM,
    mirnas: str | Sequence[str] | None = None,
) -> Inspection:
    """Describe ``counts`` as read, before any filter, and try the filters on them.

    Parameters
    ----------
    counts : xarray.Dataset
        A counts container (see :mod:`bayes_mirglmm.counts`).
    min_mirna_log_cpm, min_isomir_log_cpm : float
        Thresholds of :func:`bayes_mirglmm.filter_counts`: natural log of the median CPM.
    mirnas : str or sequence of str, optional
        From the file to the fit, follow these miRNAs alone.

    Returns
    -------
    Inspection
        Prints as text, and as HTML in a notebook.

    Raises
    ------
    InputError
        ``counts`` does not follow the schema, or a miRNA does not exist.
    """
    validate_counts(counts)
    remarks = _remarks(counts)
    asked = select_mirnas(counts, mirnas)
    try:
        kept = filter_counts(asked, min_mirna_log_cpm, min_isomir_log_cpm)
    except InputError as error:
        # A sample without counts, or nothing left: what was read is still worth showing.
        remarks.append(f"The filters cannot be applied: {error}")
        kept = asked
    reads = pd.Series(sums_of(counts["counts"])[0], index=counts["isomir"].values)
    lost = dropped(kept)
    thresholds = {LOW_MIRNA: min_mirna_log_cpm, LOW_ISOMIR: min_isomir_log_cpm}
    return Inspection(
        source=str(counts.attrs.get("source", "memory")),
        format=str(counts.attrs.get("format", "memory")),
        notes=tuple(counts.attrs.get("notes", ())),
        remarks=tuple(remarks),
        samples=_samples(counts),
        columns=_columns(counts),
        stages=_stages(counts, lost, reads),
        drops=_drops(lost, reads, thresholds, kept["mirna"].values),
    )


def _samples(counts: xr.Dataset) -> pd.DataFrame:
    isomirs = sum((part > 0).sum(axis=0) for part in blocks_of(counts["counts"]))
    table = {
        "sample": counts["sample"].values,
        "total": counts["total"].values,
        "isomirs": isomirs,
        "mirnas": (mirna_counts(counts).values > 0).sum(axis=0),
    }
    return pd.concat([pd.DataFrame(table), sample_table(counts).reset_index(drop=True)], axis=1)


def _columns(counts: xr.Dataset) -> pd.DataFrame:
    rows = [_column(str(name), values) for name, values in sample_table(counts).items()]
    return pd.DataFrame(rows, columns=["column", "kind", "values", "missing", "order"])


def _column(name: str, values: pd.Series) -> tuple[str, str, str, int, str]:
    missing = int(values.isna().sum())
    known = values.dropna()
    if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
        text = f"{known.min():g} to {known.max():g}" if len(known) else ""
        return name, "number", text, missing, ""
    given = isinstance(values.dtype, pd.CategoricalDtype)
    order = "given" if given else "sorted"
    counted = (
        known.value_counts(sort=False) if given else known.astype(str).value_counts(sort=False).sort_index()
    )
    sizes = counted[counted > 0]
    kind = "date" if len(known) and all(is_date(str(level)) for level in sizes.index) else "factor"
    if len(sizes) == len(known) > 1 and not given:
        return name, "label" if kind == "factor" else kind, f"{len(sizes)} different values", missing, ""
    if len(sizes) > MANY_LEVELS:
        return name, kind, f"{len(sizes)} levels of {sizes.min()} to {sizes.max()} samples", missing, order
    return name, kind, ", ".join(f"{level} ({size})" for level, size in sizes.items()), missing, order


def _stages(counts: xr.Dataset, lost: pd.DataFrame, reads: pd.Series) -> pd.DataFrame:
    everything = pd.DataFrame({"mirna": counts["mirna"].values, "reads": reads.to_numpy()}, reads.index)
    asked = everything.drop(lost.loc[lost["reason"] == NOT_ASKED, "isomir"])
    after_mirna = asked.drop(lost.loc[lost["reason"] == LOW_MIRNA, "isomir"])
    after_isomir = everything.drop(lost["isomir"])
    sizes = after_isomir.groupby("mirna")["reads"].transform("size")
    stages = {
        "read": everything,
        **({"asked for": asked} if len(asked) < len(everything) else {}),
        "after the miRNA filter": after_mirna,
        "after the isomiR filter": after_isomir,
        f"with {FEWEST_ISOMIRS} isomiRs or more": after_isomir[sizes >= FEWEST_ISOMIRS],
    }
    table = pd.DataFrame(
        [(name, t["mirna"].nunique(), len(t), int(t["reads"].sum())) for name, t in stages.items()],
        columns=["stage", "mirnas", "isomirs", "reads"],
    )
    return table.assign(share=table["reads"] / max(int(reads.sum()), 1))


def _drops(
    lost: pd.DataFrame, reads: pd.Series, thresholds: dict[str, float], owners: np.ndarray
) -> pd.DataFrame:
    rows = []
    for reason, threshold in thresholds.items():
        part = lost[lost["reason"] == reason]
        what = "summed counts of the miRNA" if reason == LOW_MIRNA else "isomiR"
        meaning = f"median CPM of the {what} at most {np.exp(threshold):.3g} (natural log {threshold:g})"
        rows.append((reason, part["mirna"].nunique(), len(part), int(reads[part["isomir"]].sum()), meaning))
    left = pd.DataFrame({"mirna": owners, "reads": reads.drop(lost["isomir"]).to_numpy()})
    alone = left[left.groupby("mirna")["reads"].transform("size") < FEWEST_ISOMIRS]
    if len(alone):
        meaning = f"fewer than {FEWEST_ISOMIRS} isomiRs left: not fitted"
        largest = alone.iloc[int(alone["reads"].to_numpy().argmax())]
        if largest["reads"] > LARGE_SHARE * reads.sum():
            meaning += f"; {largest['mirna']} has {100 * largest['reads'] / reads.sum():.0f} % of all reads"
        rows.append(
            (TOO_FEW_ISOMIRS, alone["mirna"].nunique(), len(alone), int(alone["reads"].sum()), meaning)
        )
    return pd.DataFrame(rows, columns=["reason", "mirnas", "isomirs", "reads", "meaning"])


def _remarks(counts: xr.Dataset) -> list[str]:
    remarks: list[str] = []
    total = pd.Series(counts["total"].values, index=counts["sample"].values)
    if len(total) and total.min() > 0 and total.max() / total.min() > UNEVEN_TOTALS:
        remarks.append(
            f"Totals differ {total.max() / total.min():.0f}-fold, from {total.min():,} ({total.idxmin()}) to "
            f"{total.max():,} ({total.idxmax()})."
        )
    remarks += [f"{_capital(caution)}." for caution in [*count_cautions(counts), *identical_cautions(counts)]]
    replicates = replicate_caution(counts)
    if replicates:
        remarks.append(f"{_capital(replicates)}.")
    table = sample_table(counts)
    remarks += [
        f"{_capital(b.text)}: if samples of a level belong together (a patient, a litter), take it into the formula, "
        f"{b.term}."
        for b in belonging_columns(table)
        if not replicates
    ]
    if table.empty:
        remarks.append("No sample table was given: a fit needs one, with a row per sample.")
    for name, values in table.items():
        if pd.api.types.is_numeric_dtype(values):
            continue
        if odd := _odd_cell(values):
            remarks.append(f"Column {name}: numbers, but {odd}; a design that uses it will refuse that.")
        if spelling := spelling_caution(values, str(name)):
            remarks.append(f"{_capital(spelling)}.")
        sizes = values.astype(str).value_counts()
        if 1 < len(sizes) < len(values) and sizes.min() == 1:
            remarks.append(f"Column {name}: one sample only at {_some(list(sizes.index[sizes == 1]))}.")
    return remarks


def _odd_cell(values: pd.Series) -> str:
    """Return the first cell that is no number in a column where most are; empty where there is none."""
    known = values.dropna()
    if isinstance(values.dtype, pd.CategoricalDtype) or not all(isinstance(v, str) for v in known):
        return ""
    odd = [(cell, sample) for sample, cell in known.items() if not is_number(cell.strip())]
    return f"{odd[0][0]!r} for sample {odd[0][1]}" if 0 < 2 * len(odd) < len(known) else ""


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


def _some(names: Sequence[str], limit: int = 5) -> str:
    shown = ", ".join(str(name) for name in names[:limit])
    return shown if len(names) <= limit else f"{shown}, ... ({len(names)} in all)"
