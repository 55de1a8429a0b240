"""TCGA/GDC: ``*.isoforms.quantification.txt`` (BCGSC pipeline), one file a sample, one row an isoform at a locus.

TCGAbiolinks' ``GDCprepare`` puts the files under each other, with the sample of each row in a column ``barcode``.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from bayes_mirglmm.counts.rare import Rows, narrow
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.readers._delimited import RARE_APART, inspect, read_cells, require_columns
from bayes_mirglmm.readers._files import PathLike, sample_names
from bayes_mirglmm.readers._layout import header_keys, normalised
from bayes_mirglmm.readers._loci import offsets
from bayes_mirglmm.readers._mature import mature_names
from bayes_mirglmm.readers._notes import Note
from bayes_mirglmm.readers._open import Head
from bayes_mirglmm.readers._part import Part

NAME = "gdc"
POLICY = "sum"

NEEDED = ("mirnaid", "isoformcoords", "readcount", "mirnaregion")
TEXT = ("mirnaid", "isoformcoords", "mirnaregion")
BARCODE = "barcode"
COORDINATES = (
    r"^(?:[^:]+:)?(?P<chromosome>[^:]+):(?P<start>[0-9]{1,12})-(?P<end>[0-9]{1,12}):(?P<strand>[+-])$"
)


def detect(head: Head) -> bool:
    """Whether the header is that of an isoform quantification."""
    return head.kind == "text" and set(NEEDED) <= set(header_keys(head.first))


def read(
    heads: Sequence[Head],
    samples: pd.DataFrame | None = None,
    *,
    names: PathLike | pd.DataFrame | Mapping[str, str] | None = None,
) -> list[Part]:
    """Read GDC isoform files: an isomiR is a 5' and a 3' end of a mature miRNA, summed over its loci.

    The files hold coordinates and miRBase accessions, no sequences and no mature names. An isomiR is called
    ``accession|5' offset|3' offset`` (nt along the strand: a negative 5' offset or a positive 3' offset is longer).
    Offsets count from miRBase's mature sequence when ``names`` is a miRBase GFF3, else from the most abundant
    isoform of the miRNA in these files (see :mod:`~bayes_mirglmm.readers._loci`). Rows of precursor, stem-loop and
    unannotated regions are left out and noted.

    Parameters
    ----------
    names : path, pandas.DataFrame or mapping, optional
        Accession to mature name: miRBase's ``hsa.gff3`` or ``mature.fa``, a table of two columns, or a dict. Without
        it the name is derived from the precursor's (see :mod:`~bayes_mirglmm.readers._mature`) and noted.
    """
    single = [head for head in heads if BARCODE not in header_keys(head.first)]
    names_of = dict(zip(single, sample_names([head.path for head in single], samples), strict=True))
    notes: list[Note] = []
    loci = _Loci()
    columns: list[tuple[str, str]] = []  # sample and file of each column of the counts
    found_in = [_rows(head, names_of.get(head), columns, notes, loci) for head in heads]
    locus, column, count = (np.concatenate([file[k] for file in found_in]) for k in range(3))
    del found_in
    # Names and offsets depend on sums over the files, so that no row of a file is described by itself.
    summed = loci.described(np.bincount(locus, weights=count, minlength=len(loci.number)))
    found = mature_names(summed, names)
    notes += found.notes
    summed = offsets(summed, found.loci)
    keys = ["accession", "offset_5p", "offset_3p"]
    number = summed.groupby(keys, sort=True).ngroup().to_numpy()
    described = summed[keys].assign(isomir=number).drop_duplicates("isomir").sort_values("isomir")[keys]
    from scipy.sparse import coo_array  # takes its time to import

    isomir, shape = number.astype(np.int32)[locus], (len(described), len(columns))
    cells = coo_array((count.astype(np.int64), (isomir, column)), shape=shape).tocsr()  # which adds up
    merged = len(locus) - cells.nnz
    cells.data = narrow(cells.data)
    counts = Rows.of_sparse(cells) if RARE_APART.get() else cells.toarray()
    if merged:
        notes.append(
            Note(
                "{n} row(s) of one isomiR at another locus of its miRNA (such as let-7a-1, -2, -3) were "
                "summed",
                merged,
            )
        )
    origin = (
        "the most abundant isoform of each miRNA here" if found.loci is None else "miRBase's mature sequences"
    )
    notes.append(Note(f"5' and 3' offsets count from {origin}"))
    ends = zip(described["accession"], described["offset_5p"], described["offset_3p"], strict=True)
    return [
        Part(
            heads[0].source if len(heads) == 1 else f"{len(heads)} files: {heads[0].source}, ...",
            np.array([f"{a}|{_signed(p)}|{_signed(q)}" for a, p, q in ends], dtype=object),
            described["accession"].map(found.names).to_numpy(dtype=object),
            [sample for sample, _ in columns],
            counts,
            annotation=described.reset_index(drop=True),
            notes=notes,
            origins=[source for _, source in columns],
        )
    ]


def _rows(
    head: Head, sample: str | None, columns: list[tuple[str, str]], notes: list[Note], loci: "_Loci"
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the mature rows of a file: locus (a number of ``loci``), place of the sample in ``columns``, count.

    The samples of the file are added to ``columns``.
    """
    table = require_columns(inspect(head))
    at = {normalised(name): i for i, name in enumerate(table.columns)}
    absent = [name for name in NEEDED if name not in at]
    if absent:
        raise InputError(
            f"{head.source} is no isoforms.quantification.txt: it has no column {absent[0]!r}, only "
            f"{', '.join(table.columns[:8])}."
        )
    text = [at[name] for name in (*TEXT, *([BARCODE] if sample is None else []))]
    cells = read_cells(table, text, [at["readcount"]], notes)
    frame = cells.text.set_axis(["precursor", "coordinates", "region", *text[3:]], axis=1)
    frame["count"] = cells.counts[:, 0]
    codes, names = (np.zeros(len(frame)), [sample]) if sample is not None else pd.factorize(frame[text[3]])
    frame["sample"] = len(columns) + codes.astype(np.int64)
    columns += [(str(name), head.source) for name in names]
    frame["line"] = cells.lines
    mature = frame["region"].str.startswith("mature,").to_numpy()
    if not mature.any():
        raise InputError(
            f"{head.source}: no row has a region 'mature,MIMAT...'. Give GDC's isoform quantification."
        )
    if not mature.all():
        notes.append(
            Note(
                "{n} row(s) outside mature miRNAs (precursor, stemloop, unannotated) were left out",
                int((~mature).sum()),
            )
        )
    frame = frame[mature].reset_index(drop=True)
    number, place = loci.numbers(frame, head), frame["sample"].to_numpy(dtype=np.int32)
    return number.astype(np.int32), place, frame["count"].to_numpy()


class _Loci:
    """The loci that files name, each taken apart once: thousands of files name the same ones."""

    def __init__(self) -> None:
        self.number: dict[tuple[str, str, str], int] = {}
        self.parts: list[pd.DataFrame] = []

    def numbers(self, frame: pd.DataFrame, head: Head) -> np.ndarray:
        """Return the number of the locus of each row."""
        known = len(self.number)
        keys = zip(*(frame[name].tolist() for name in ("precursor", "coordinates", "region")), strict=True)
        found = np.array([self.number.setdefault(key, len(self.number)) for key in keys], dtype=np.int64)
        if len(self.number) == known:
            return found
        numbers, first = np.unique(found, return_index=True)
        self._add(frame.iloc[first[numbers >= known]].reset_index(drop=True), head)
        return found

    def described(self, count: np.ndarray) -> pd.DataFrame:
        """Return precursor, accession, chromosome, start, end, strand and count of each, in order of their numbers."""
        return pd.concat(self.parts, ignore_index=True).assign(count=count)

    def _add(self, frame: pd.DataFrame, head: Head) -> None:
        place = frame["coordinates"].str.extract(COORDINATES)
        bad = place["start"].isna().to_numpy()
        if bad.any():
            i = int(np.flatnonzero(bad)[np.argmin(frame["line"].to_numpy()[bad])])
            raise InputError(
                f"{head.source}, line {frame['line'].iloc[i]}: {frame['coordinates'].iloc[i]!r} is not "
                "build:chromosome:start-end:strand. Download the file again."
            )
        place[["start", "end"]] = place[["start", "end"]].astype(np.int64)
        accession = frame["region"].str.slice(len("mature,"))
        part = frame[["precursor"]].assign(accession=accession).join(place)
        texts = ("precursor", "accession", "chromosome", "strand")
        self.parts.append(part.astype(dict.fromkeys(texts, object)))


def _signed(number: int) -> str:
    return f"{number:+d}" if number else "0"
