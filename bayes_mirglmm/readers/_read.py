"""The two entries: files, and a pandas table."""

import inspect
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import xarray as xr

from bayes_mirglmm.counts.container import RESERVED, some
from bayes_mirglmm.counts.replicates import one_row_each
from bayes_mirglmm.counts.replicates import sum_replicates as add_up
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.readers import anndata, r, store
from bayes_mirglmm.readers import table as table_reader
from bayes_mirglmm.readers._delimited import RARE_APART
from bayes_mirglmm.readers._files import PathLike, find_files, listed_files
from bayes_mirglmm.readers._formats import choose
from bayes_mirglmm.readers._notes import Note
from bayes_mirglmm.readers._open import peek
from bayes_mirglmm.readers._part import Part, join, only_listed, to_counts, without_duplicates
from bayes_mirglmm.readers.sampletable import only, sample_frame
from bayes_mirglmm.readers.table import part_from_frame


def read_counts(
    path_or_paths: PathLike | Sequence[PathLike] | pd.DataFrame | Any,
    samples: PathLike | pd.DataFrame | None = None,
    format: str = "auto",
    *,
    samples_only: bool = False,
    sum_replicates: str | None = None,
    duplicates: str | None = None,
    drop_rare: bool = False,
    **options: Any,
) -> xr.Dataset:
    """Read isomiR counts from the output of an upstream tool.

    Parameters
    ----------
    path_or_paths : path, list of paths, pandas.DataFrame or anndata.AnnData
        A file; for tools that write one file a sample a folder (searched with its subfolders), a pattern such as
        ``"run/*.mirna"``, or a list. Compression (gzip, bzip2, xz) is seen from the content. A pandas table goes to
        :func:`from_dataframe`.
    samples : path or pandas.DataFrame, optional
        Sample table: TSV or CSV (see :func:`read_samples`), or a table indexed by sample name. It must have every
        sample of the counts; rows of other samples are left out and noted. A column ``file`` (or ``File Name``, as in
        GDC's sample sheets) says which file is which sample. Without a table, samples have their names only, and the
        columns that the source itself keeps (``colData`` of R, ``obs`` of AnnData).
    format : str
        ``"auto"`` looks at the content. Else ``table``, ``mirge``, ``srnabench``, ``mirgff3``, ``mirtop``,
        ``seqbuster``, ``gdc``, ``r`` or ``anndata``.
    samples_only : bool
        Read the samples that the sample table lists and leave out the others, which is noted. Without it a sample that
        the table lacks is an error.
    sum_replicates : str, optional
        Column of the sample table that names the libraries, where they were sequenced in several runs or lanes: samples
        of one library are added up (:func:`bayes_mirglmm.sum_replicates`). The column of the sample names itself where
        several files belong to one sample.
    duplicates : {"refuse", "identical", "sum", "max", "first"}, optional
        What to do with rows of one isomiR and one miRNA in a file, where the format's own rule (see the page on
        formats) is not wanted. ``identical`` keeps one of several rows with the same counts and refuses others.
    drop_rare : bool
        Leave out isomiRs that are zero in more than half of the samples as soon as totals, sums of miRNAs and the
        fingerprint are taken: :func:`bayes_mirglmm.filter_counts` drops them at any limit, and does the same with these
        counts. In a large cohort they are nearly all isomiRs; memory is then needed for the others. Not with
        ``sum_replicates``.
    **options
        Options of the format, such as ``isomir=``, ``mirna=`` and ``annotation=`` for a table.

    Returns
    -------
    xarray.Dataset
        The container of :mod:`bayes_mirglmm.counts`. ``attrs["notes"]`` says what was merged, skipped or repaired.

    Raises
    ------
    InputError
        A file cannot be used; the message names the file, the line or column, and the remedy.
    """
    if isinstance(path_or_paths, pd.DataFrame):
        return from_dataframe(
            path_or_paths,
            samples,
            samples_only=samples_only,
            sum_replicates=sum_replicates,
            duplicates=duplicates or "refuse",
            **options,
        )
    part, table, name = _gathered(
        path_or_paths,
        samples,
        format,
        samples_only=samples_only,
        sum_replicates=sum_replicates,
        duplicates=duplicates,
        apart=drop_rare and sum_replicates is None,
        options=options,
    )
    return _counts(part, table, name, sum_replicates)


def convert(
    path_or_paths: PathLike | Sequence[PathLike] | Any,
    out: PathLike,
    samples: PathLike | pd.DataFrame | None = None,
    format: str = "auto",
    *,
    samples_only: bool = False,
    duplicates: str | None = None,
    force: bool = False,
    **options: Any,
) -> Path:
    """Write counts of any format to a store: a zarr folder, chunked along isomiRs.

    A store is read again in a small part of the time that the text takes, for example by each of many jobs that fit a
    part of the miRNAs; of a large one the counts stay on disk, and are read some rows at a time wherever they are used.
    It holds all counts, duplicates merged, and the sample table.

    Parameters
    ----------
    path_or_paths, samples, format, samples_only, duplicates, **options
        As in :func:`read_counts`.
    out : path
        The folder, ``cohort.zarr`` say.
    force : bool
        Replace a store that is there.

    Returns
    -------
    pathlib.Path
        ``out``, absolute.

    Raises
    ------
    InputError
        As :func:`read_counts`; or something is there already that is not to be replaced, or zarr is not installed.
    SaveError
        The disk does not take it.
    """
    target = Path(out).expanduser().absolute()
    part, table, _ = _gathered(
        path_or_paths,
        samples,
        format,
        samples_only=samples_only,
        sum_replicates=None,
        duplicates=duplicates,
        apart=True,
        options=options,
    )
    _counts(
        part, table, "store", None
    )  # whatever is wrong with the counts is said before anything is written
    store.write(part, table, target, force=force)
    return target


def _gathered(
    path_or_paths: Any,
    samples: PathLike | pd.DataFrame | None,
    format: str,
    *,
    samples_only: bool,
    sum_replicates: str | None,
    duplicates: str | None,
    apart: bool,
    options: dict[str, Any],
) -> tuple[Part, pd.DataFrame | None, str]:
    """Read files to one part; return it with its sample table and the name of the format."""
    notes: list[Note] = []
    table = _checked(sample_frame(samples, notes), samples_only)
    if anndata.is_anndata(path_or_paths):
        _known(options, anndata, {"layer", "mirna"})
        parts, module = [anndata.from_anndata(path_or_paths, **options)], anndata
    else:
        files = find_files(path_or_paths)
        heads = [peek(path) for path in (listed_files(files, table, notes) if samples_only else files)]
        module = choose(heads, format)
        _known(options, module)
        if samples_only and module in (table_reader, r):
            options["samples_only"] = True
        token = RARE_APART.set(apart)
        try:
            parts = module.read(heads, table, **options)
        finally:
            RARE_APART.reset(token)
    policy = duplicates or module.POLICY
    part, table = _one_part(
        parts,
        table,
        policy,
        notes,
        samples_only=samples_only,
        sum_replicates=sum_replicates,
        apart=apart,
    )
    return part, table, module.NAME


def from_dataframe(
    df: pd.DataFrame,
    samples: PathLike | pd.DataFrame | None = None,
    isomir: str | None = None,
    mirna: str | None = None,
    *,
    sequence: str | None = None,
    annotation: Sequence[str] = (),
    sample_columns: Sequence[str] | None = None,
    samples_only: bool = False,
    sum_replicates: str | None = None,
    duplicates: str = "refuse",
    missing: str = "refuse",
) -> xr.Dataset:
    """Take isomiR counts from a pandas table: a row for each isomiR, a column for each sample.

    Parameters
    ----------
    df : pandas.DataFrame
        A named or textual index counts as leading columns (isomiR, or isomiR and miRNA).
    samples : path or pandas.DataFrame, optional
        Sample table, as in :func:`read_counts`.
    isomir, mirna, sequence : str, optional
        Names of columns; guessed from their names and content when not given.
    annotation : sequence of str
        Columns that describe isomiRs and are no samples. Text columns are annotation anyway.
    sample_columns : sequence of str, optional
        The samples, where neither the sample table nor the content tells.
    samples_only, sum_replicates
        As in :func:`read_counts`.
    duplicates : {"refuse", "identical", "sum", "max", "first"}
        What to do with rows of one isomiR and one miRNA.
    missing : {"refuse", "zero"}
        What a missing count is.

    Returns
    -------
    xarray.Dataset
        The container of :mod:`bayes_mirglmm.counts`.

    Raises
    ------
    InputError
        A column is not found, a cell is not a count, or rows repeat.
    """
    notes: list[Note] = []
    table = _checked(sample_frame(samples, notes), samples_only)
    part = part_from_frame(
        df,
        source="the table",
        samples=table,
        isomir=isomir,
        mirna=mirna,
        sequence=sequence,
        annotation=annotation,
        sample_columns=sample_columns,
        samples_only=samples_only,
        missing=missing,
    )
    part, table = _one_part(
        [part], table, duplicates, notes, samples_only=samples_only, sum_replicates=sum_replicates
    )
    return _counts(part, table, "dataframe", sum_replicates)


def _one_part(
    parts: Sequence[Part],
    samples: pd.DataFrame | None,
    duplicates: str,
    notes: list[Note],
    *,
    samples_only: bool,
    sum_replicates: str | None,
    apart: bool = False,
) -> tuple[Part, pd.DataFrame | None]:
    """Join what was read; return it, and the sample table that belongs to it."""
    by_name = _by_name(samples, sum_replicates)
    part = join(
        [without_duplicates(part, duplicates) for part in parts],
        sum_samples=by_name,
        table=samples,
        apart=apart,
    )
    part.notes = [*part.notes, *notes]
    if part.annotation is not None:
        part.annotation = _renamed(part.annotation, part.notes)
    if samples is not None:
        if samples_only:
            part = only_listed(part, samples)
        if by_name:
            samples = _one_row_each(samples, part.notes)
        samples = only(samples, part.samples, part.notes)
        if part.sample_table is not None:
            samples = _in_order_of(samples, part.sample_table, part.notes)
    elif part.sample_table is not None and part.sample_table.shape[1]:
        table = part.sample_table.set_axis([str(s) for s in part.sample_table.index])
        same = [c for c in table.columns if c == "sample" and list(table[c].astype(str)) == list(table.index)]
        samples = _renamed(table.drop(columns=same), part.notes)
    part.summed = by_name
    return part, samples


def _by_name(samples: pd.DataFrame | None, sum_replicates: str | None) -> bool:
    """Whether several files belong to one sample."""
    return samples is not None and sum_replicates in ("sample", samples.attrs.get("sample_column"))


def _counts(part: Part, samples: pd.DataFrame | None, format: str, sum_replicates: str | None) -> xr.Dataset:
    counts = to_counts(part, samples, format)
    return counts if sum_replicates is None or part.summed else add_up(counts, sum_replicates)


def _checked(samples: pd.DataFrame | None, samples_only: bool) -> pd.DataFrame | None:
    if samples_only and samples is None:
        raise InputError(
            "samples_only=True (--samples-only) needs a sample table: give one with samples= (--samples)."
        )
    return samples


def _one_row_each(samples: pd.DataFrame, notes: list[Note]) -> pd.DataFrame:
    merged, left_out = one_row_each(samples)
    if left_out:
        text = f"column(s) left out, because they differ between files that were added up: {some(left_out)}"
        notes.append(Note(text))
    return merged


def _in_order_of(samples: pd.DataFrame, own: pd.DataFrame, notes: list[Note]) -> pd.DataFrame:
    """Give text columns the order of levels that the source keeps under the same name, where it has all of them."""
    for name in [c for c in samples.columns if c in own.columns]:
        levels, given = own[name].dtype, samples[name]
        if not isinstance(levels, pd.CategoricalDtype) or isinstance(given.dtype, pd.CategoricalDtype):
            continue
        known = [str(level) for level in levels.categories]
        if pd.api.types.is_numeric_dtype(given) or not set(given.dropna()) <= set(known):
            continue
        samples = samples.assign(**{str(name): pd.Categorical(given, categories=known)})
        if known != sorted(known):
            notes.append(Note(f"levels of {name!r} are in the order of the file itself: {', '.join(known)}"))
    return samples


def _renamed(frame: pd.DataFrame, notes: list[Note]) -> pd.DataFrame:
    """Give columns that a source calls by a reserved name an underscore."""
    clash = {name: f"{name}_" for name in frame.columns if str(name) in RESERVED}
    if clash:
        pairs = ", ".join(f"{a} to {b}" for a, b in clash.items())
        notes.append(Note(f"column(s) renamed because the name is taken: {pairs}"))
    return frame.rename(columns=clash)


def _known(options: dict[str, Any], module: ModuleType, names: set[str] | None = None) -> None:
    if names is None:
        names = {n for n, p in inspect.signature(module.read).parameters.items() if p.kind is p.KEYWORD_ONLY}
    unknown = sorted(set(options) - names)
    if unknown:
        allowed = ", ".join(sorted(names)) or "none"
        raise InputError(f"format {module.NAME!r} has no option {unknown[0]!r}. Its options: {allowed}.")
