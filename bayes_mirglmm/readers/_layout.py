"""Which column of a table is the isomiR, the miRNA, the sequence, an annotation or a sample."""

import re
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass

from bayes_mirglmm.counts.container import some, spelling_hint
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.readers._cells import MISSING
from bayes_mirglmm.readers._combined import MIRNA, are_combined
from bayes_mirglmm.readers._notes import Note
from bayes_mirglmm.readers._suspects import suspicion

MIRNA_NAMES = ("mirna", "mirnaname", "mirnaid", "mir", "maturemirna", "maturename", "mature")
SEQUENCE_NAMES = ("sequence", "seq", "read", "uniquesequence", "readsequence", "isomirsequence")
ISOMIR_NAMES = ("isomir", "isomirid", "isomirname", "uid", "id", "licenseplate")
#: Columns that upstream tools write beside the samples, some of them numbers.
ANNOTATION_NAMES = frozenset(
    (
        *(
            "variant",
            "mism",
            "add",
            "t5",
            "t3",
            "iso5p",
            "iso3p",
            "isoadd",
            "isoadd3p",
            "isoadd5p",
            "isosnp",
            "isosnv",
        ),
        *("iso5pnt", "iso3pnt", "isoaddnt", "isoadd3pnt", "isoadd5pnt", "isosnpnt", "isosnvnt"),
        *("off5", "off3", "offset5p", "offset3p", "start", "end", "chr", "chrom", "strand", "length"),
        *("hits", "ambiguity", "annotflag", "match", "cigar", "parent", "precursor", "hairpin"),
        *("accession", "mimat", "uid", "db", "description"),
    )
)
ROW_NUMBER_NAMES = frozenset({"row_name", "Unnamed: 0", "index", "rownames"})
SEQUENCE = re.compile(r"[ACGTUN]{10,}", re.IGNORECASE)
NUMBER = re.compile(r"[-+]?(\d+([.,]\d*)?|[.,]\d+)([eE][-+]?\d+)?")


@dataclass(frozen=True)
class Layout:
    """Columns of a table by position; ``sequence`` and ``isomir`` may be the same column.

    Where ``isomir`` and ``mirna`` are one column (and it is no sequence), its ids hold both: see
    :mod:`~bayes_mirglmm.readers._combined`.
    """

    isomir: int
    mirna: int
    sequence: int | None
    annotation: tuple[int, ...]
    samples: tuple[int, ...]
    notes: tuple[Note, ...] = ()

    @property
    def combined(self) -> bool:
        """Whether one column holds the miRNA and the isomiR."""
        return self.isomir == self.mirna != self.sequence

    @property
    def text(self) -> tuple[int, ...]:
        """Every column that is read as text."""
        extra = () if self.sequence is None else (self.sequence,)
        return tuple(dict.fromkeys((self.isomir, self.mirna, *extra, *self.annotation)))


def normalised(name: object) -> str:
    """Return letters and digits of a column name, in lower case (R turns blanks into dots)."""
    return re.sub("[^a-z0-9]", "", str(name).lower())


def header_keys(line: str) -> list[str]:
    """Return the normalised cells of a header line, whichever of the usual delimiters it has."""
    return [normalised(cell) for cell in re.split("[\t,;]", line)]


def guess_layout(
    columns: Sequence[str],
    cells: Callable[[int], list[str]],
    *,
    source: str,
    isomir: str | None = None,
    mirna: str | None = None,
    sequence: str | None = None,
    annotation: Sequence[str] = (),
    sample_columns: Sequence[str] | None = None,
    known_samples: Sequence[str] | None = None,
    samples_only: bool = False,
) -> Layout:
    """Say what each column is: as told, else by its name, else by its content.

    Parameters
    ----------
    columns : sequence of str
        The header; ``""`` is a column without a name.
    cells : callable
        ``cells(i)`` gives some cells of column ``i`` as text.
    isomir, mirna, sequence, annotation, sample_columns
        Names that the caller gives; anything not given is guessed.
    known_samples : sequence of str, optional
        Sample names of the sample table.
    samples_only : bool
        Leave out columns of numbers that are neither samples of the table nor known as annotation.

    Raises
    ------
    InputError
        A named column is absent, there is no miRNA or no isomiR column, or a numeric column cannot be placed.
    """
    find = _Finder(columns, cells, source)
    notes: list[Note] = []
    told = {find.named(name, "annotation") for name in annotation}
    samples = (
        None if sample_columns is None else [find.named(name, "sample_columns") for name in sample_columns]
    )
    if samples is None:
        known = set(known_samples or ())
        samples = [i for i, name in enumerate(columns) if name in known and i not in told]
        if known and not samples:
            find.refuse_samples_in_rows(known)
    ids = {what: find.named(name, what) for what, name in
           (("mirna", mirna), ("isomir", isomir), ("sequence", sequence)) if name is not None}  # fmt: skip
    free = [i for i in range(len(columns)) if i not in told and i not in samples]
    if 0 in free and 0 not in ids.values() and find.is_row_number(0):
        notes.append(Note("the first column holds row numbers and was left out"))
        free.remove(0)
    free = [i for i in free if columns[i] or any(cells(i))]
    numeric = {i for i in free if find.is_numeric(i)}
    text = [i for i in free if i not in numeric and i not in ids.values()]
    if "mirna" not in ids:
        ids["mirna"] = find.mirna(text)
    text = [i for i in text if i != ids["mirna"]]
    if "sequence" not in ids and (at := find.sequence(text)) is not None:
        ids["sequence"] = at
    if "isomir" not in ids:
        ids["isomir"] = find.isomir(free, text, ids)
    if ids["isomir"] == ids["mirna"] != ids.get("sequence"):
        name = columns[ids["mirna"]]
        notes.append(
            Note(
                f"column {name!r} holds the miRNA and the isomiR: the miRNA is what stands before the changes"
            )
        )
    left = [i for i in free if i not in ids.values()]
    extra = [i for i in left if i not in numeric or find.keys[i] in ANNOTATION_NAMES]
    counted = [i for i in left if i not in extra]
    if samples_only and sample_columns is None and samples and counted:
        stray = some([columns[i] for i in counted])
        notes.append(
            Note(f"{{n}} column(s) are not in the sample table and were left out: {stray}", len(counted))
        )
    elif sample_columns is not None or (samples and not counted):
        extra += counted
    elif samples:
        raise find.strangers(counted, known)
    else:
        samples = find.some_counts(counted)
        taken = some([columns[i] for i in samples], 12)
        notes.append(
            Note(
                f"no sample table tells the samples: {{n}} column(s) were taken for them ({taken})",
                len(samples),
            )
        )
    unknown = [columns[i] for i in extra if find.keys[i] not in ANNOTATION_NAMES]
    if unknown:
        notes.append(Note(f"column(s) kept as annotation of the isomiRs, not as samples: {some(unknown)}"))
    kept = sorted({i for i in (*told, *extra) if columns[i]} - set(ids.values()))
    return Layout(ids["isomir"], ids["mirna"], ids.get("sequence"), tuple(kept), tuple(samples), tuple(notes))


class _Finder:
    """The columns of one table, and the questions asked of them."""

    def __init__(self, columns: Sequence[str], cells: Callable[[int], list[str]], source: str) -> None:
        self.columns = list(columns)
        self.cells = cells
        self.source = source
        self.keys = [normalised(name) for name in columns]

    def named(self, name: str, what: str) -> int:
        if name in self.columns:
            return self.columns.index(name)
        raise InputError(
            f"{self.source} has no column {name!r} ({what}). Its columns: {some(self.columns, 12)}."
        )

    def by_name(self, names: Sequence[str], among: Sequence[int]) -> int | None:
        return next((i for name in names for i in among if self.keys[i] == name), None)

    def share(self, i: int, pattern: re.Pattern[str]) -> float:
        present = [cell for cell in self.cells(i) if cell not in MISSING]
        return sum(bool(pattern.fullmatch(cell)) for cell in present) / len(present) if present else 0.0

    def is_numeric(self, i: int) -> bool:
        """Half of the cells are numbers: one broken cell must not turn a sample into an annotation."""
        return self.share(i, NUMBER) >= 0.5 or all(cell in MISSING for cell in self.cells(i))

    def is_row_number(self, i: int) -> bool:
        cells = self.cells(i)
        if self.columns[i] not in ROW_NUMBER_NAMES or not cells or cells[0] not in {"0", "1"}:
            return False
        return cells == [str(int(cells[0]) + k) for k in range(len(cells))]

    def mirna(self, text: Sequence[int]) -> int:
        at = self.by_name(MIRNA_NAMES, text)
        if at is None:
            at = next((i for i in text if self.share(i, MIRNA) >= 0.5), None)
        if at is None:
            self.refuse_isomirs_in_header()
            at = next((i for i in text[1:] if not self.is_something_else(i)), None)
        if at is None:
            raise InputError(
                f"{self.source}: no column holds miRNA names. Its columns: {some(self.columns, 12)}. The "
                "table needs an isomiR column, a miRNA column and a column of counts for each sample: name "
                "the first two with isomir=... and mirna=..."
            )
        return at

    def is_something_else(self, i: int) -> bool:
        """Whether a column is known as another one than that of the miRNAs: each sequence would be its own miRNA."""
        known = {*SEQUENCE_NAMES, *ISOMIR_NAMES, *ANNOTATION_NAMES}
        return self.keys[i] in known or self.share(i, SEQUENCE) >= 0.5

    def refuse_samples_in_rows(self, known: Container[str]) -> None:
        """Refuse a table one of whose columns holds the samples, each once."""
        for i, name in enumerate(self.columns):
            cells = [cell for cell in self.cells(i) if cell not in MISSING]
            samples = [cell for cell in cells if cell in known]
            if 2 * len(samples) >= len(cells) > 1 and len(set(cells)) == len(cells):
                raise self.transposed(f"column {name!r} has the samples in its rows ({some(samples, 3)})")

    def refuse_isomirs_in_header(self) -> None:
        """Refuse a table with a column for each isomiR or miRNA."""
        names = [name for name in self.columns if SEQUENCE.fullmatch(name) or MIRNA.fullmatch(name)]
        if len(names) > 1 and 2 * len(names) >= len(self.columns):
            raise self.transposed(f"its header names isomiRs or miRNAs ({some(names, 3)})")

    def transposed(self, why: str) -> InputError:
        return InputError(
            f"{self.source} is transposed: {why}. The table needs a row for each isomiR, with columns for the isomiR "
            "and its miRNA, and a column of counts for each sample: turn it (t(x) in R, table.T in pandas), and add "
            "the miRNAs where they are not in it."
        )

    def sequence(self, text: Sequence[int]) -> int | None:
        at = self.by_name(SEQUENCE_NAMES, text)
        return at if at is not None else next((i for i in text if self.share(i, SEQUENCE) >= 0.9), None)

    def isomir(self, free: Sequence[int], text: Sequence[int], ids: dict[str, int]) -> int:
        at = self.by_name(ISOMIR_NAMES, [i for i in free if i not in ids.values()])
        if at is None:
            at = ids.get("sequence")
        if at is None:
            at = next((i for i in text if self.keys[i] not in ANNOTATION_NAMES), None)
        if at is not None:
            return at
        if are_combined([cell for cell in self.cells(ids["mirna"]) if cell not in MISSING]):
            return ids["mirna"]
        raise InputError(
            f"{self.source} has a miRNA column ({self.columns[ids['mirna']]!r}) and no isomiR column: its "
            "counts are per miRNA, and this model needs them per isomiR. Give mapped.csv in place of "
            "miRge's miR.Counts.csv, mirtop.tsv in place of mirna.tsv, or the isomiR-level file of your "
            "tool; where a column holds isomiRs, name it with isomir=..."
        )

    def some_counts(self, counted: list[int]) -> list[int]:
        suspects = {self.columns[i]: suspicion(self.keys[i], self.cells(i)) for i in counted}
        odd = {name: why for name, why in suspects.items() if why}
        if odd:
            name, why = next(iter(odd.items()))
            raise InputError(
                f"{self.source}: column {name!r} {why}, and is no sample"
                f"{f' ({len(odd)} such columns: {some(list(odd))})' if len(odd) > 1 else ''}. Give a sample table with "
                "samples=..., or name the samples with sample_columns=[...], or pass annotation=[...] for what is none."
            )
        if counted:
            return counted
        raise InputError(
            f"{self.source} has no column of counts: every column holds text ({some(self.columns, 12)}). "
            "Give the table of counts; the sample table goes to samples=..."
        )

    def strangers(self, counted: list[int], known: set[str]) -> InputError:
        names = [self.columns[i] for i in counted]
        hint = spelling_hint(names, known - set(self.columns))
        return InputError(
            f"{self.source}: column(s) {some(names)} are not in the sample table.{hint} Add them to it; to leave "
            "samples out on purpose, pass samples_only=True (--samples-only), or sample_columns=[...] with those to "
            "read; pass annotation=[...] for what is no sample."
        )
