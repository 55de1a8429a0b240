"""Files of known tools that hold no isomiR counts: what they are, and which file to give instead."""

import re
from dataclasses import dataclass

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.readers._combined import MIRNA
from bayes_mirglmm.readers._layout import header_keys
from bayes_mirglmm.readers._open import Head


@dataclass(frozen=True)
class Refused:
    """A kind of file, known by columns that its header has (all of ``columns``) or starts with (``first``).

    ``below`` is what the first row starts with, where the header alone says little.
    """

    what: str
    instead: str
    columns: frozenset[str] = frozenset()
    first: tuple[str, ...] = ()
    below: re.Pattern[str] = re.compile("")


MIRGE = "mapped.csv of the same miRge run (or its mirGFF3 file, option -gff)"
REFUSED = (
    Refused(
        "miRge's annotation report (reads per class of RNA)",
        MIRGE,
        frozenset({"totalinputreads", "allmirnareads"}),
    ),
    Refused("miRge's list of unmapped or trimmed reads", MIRGE, first=("sequence", "annotflag")),
    Refused(
        "a table that mirtop draws plots from (isomiR classes per sample)",
        "mirtop.tsv (mirtop counts) or the mirGFF3 file",
        frozenset({"category", "sample", "counts"}),
    ),
    Refused(
        "a table of PROST!",
        "mirGFF3, made with 'mirtop gff --format prost', or a table of its columns Sequence, miRNA and "
        "samples",
        frozenset({"sequence", "locidx", "binstarter"}),
    ),
    Refused(
        "GDC's quantification per miRNA (mirnas.quantification.txt)",
        "isoforms.quantification.txt of the same case (data type 'Isoform Expression Quantification')",
        frozenset({"mirnaid", "readcount", "readspermillionmirnamapped"}),
    ),
    Refused(
        "sRNAbench's summary per miRNA (*.grouped, mature_sense)",
        "reads.annotation or microRNAannotation.txt of the same folder",
        frozenset({"name", "uniquereads", "readcount"}),
    ),
    Refused(
        "miRDeep2's counts per miRNA",
        "isomiR counts: run miraligner, miRge3.0, sRNAbench or mirtop on the reads",
        frozenset({"mirna", "readcount", "precursor", "total"}),
    ),
    Refused(
        "QuagmiR's summary per miRNA (*.isomir.tsv)",
        "*.isomir.sequence_info.tsv of the same run (display_sequence_info in config.yaml)",
        frozenset({"mirna", "motif", "consensus", "totalreads"}),
    ),
    Refused(
        "QuagmiR's table of nucleotides by position (*.isomir.nucleotide_dist.tsv)",
        "*.isomir.sequence_info.tsv of the same run (display_sequence_info in config.yaml)",
        frozenset({"mirna", "ntposition", "reads"}),
    ),
    Refused(
        "IsoMiRmap's summary of a run (*.countsmeta.txt)",
        "*-exclusive-isomiRs.expression.txt of the same run",
        first=("totalreadsinfinputfile",),
    ),
    Refused(
        "Chimira's table of plain counts, which are per miRNA",
        "isomiR counts: run miraligner, miRge3.0, sRNAbench or mirtop on the reads. Chimira's tables of modifications "
        "count positions of miRNAs, not sequences, and cannot be turned into them",
        first=("files",),
        below=MIRNA,
    ),
    Refused(
        "Chimira's table of modifications",
        "isomiR counts: run miraligner, miRge3.0, sRNAbench or mirtop on the reads. A read with two modifications has "
        "two rows there, so that isomiRs cannot be put together again",
        frozenset({"modificationtype", "modificationposition", "modificationpattern"}),
    ),
    Refused(
        "a GDC sample sheet",
        "the isoforms.quantification.txt files; the sheet goes to samples=...",
        frozenset({"fileid", "filename"}),
    ),
    Refused(
        "featureCounts' table of genes",
        "isomiR counts",
        frozenset({"geneid", "chr", "start", "end", "strand", "length"}),
    ),
)


def refuse(head: Head) -> None:
    """Raise an error when the file is one that a user may take for counts of isomiRs.

    Raises
    ------
    InputError
        It says what the file is and which one to give.
    """
    lines = [line for line in head.lines if line.strip()]
    first = head.first
    if first.startswith(">") or (
        first.startswith("@") and len(lines) > 2 and lines[2].startswith(("+", "@"))
    ):
        raise InputError(
            f"{head.source} holds sequences (FASTA, FASTQ or SAM), not counts: give the table that the "
            "isomiR tool makes of them."
        )
    cells = header_keys(first)
    row = lines[1] if len(lines) > 1 else ""
    for kind in REFUSED:
        by_columns = kind.columns and kind.columns <= set(cells)
        by_start = kind.first and tuple(cells[: len(kind.first)]) == kind.first
        if (by_columns or by_start) and kind.below.match(row):
            raise InputError(
                f"{head.source} is {kind.what}: it has no counts per isomiR. Give {kind.instead}."
            )
