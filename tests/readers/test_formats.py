import subprocess
import sys

import pytest

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.readers import read_counts
from bayes_mirglmm.readers._formats import ALIASES, FORMATS

TABLE = "isomir\tmirna\ts1\niso1\thsa-miR-1-3p\t9\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "Sample name(s),Total Input Reads,Trimmed Reads (all),All miRNA Reads\na,1,2,3\n",
            r"annotation report.*Give mapped\.csv",
        ),
        ("Sequence,annotFlag,A\nACGTACGTACGT,0,5\n", r"unmapped or trimmed reads.*Give mapped\.csv"),
        (
            "miRNA,A,B\nhsa-let-7a-5p/7c-5p,9.0,1.0\n",
            r"counts are per miRNA.*mapped\.csv in place of miRge's miR\.Counts\.csv",
        ),
        ("\tcategory\tsample\tcounts\ttool\n0\tiso_3p\tA\t3\tx\n", r"draws plots.*Give mirtop\.tsv"),
        ("Sequence\tSeed\tLoc_idx\tBinStarter\tA\nACGT\tA\tb\tc\t1\n", r"PROST!.*mirtop gff --format prost"),
        ("#miRNA\tread_count\tprecursor\ttotal\nhsa-let-7a\t1\tx\t1\n", r"miRDeep2|counts are per miRNA"),
        ("files\t1/\t2/\nmmu-mir-16-5p\t5\t6\n", r"Chimira's table of plain counts.*run miraligner"),
        ("File ID\tFile Name\tSample ID\na\tb\tc\n", r"GDC sample sheet.*samples=\.\.\."),
        ("Geneid\tChr\tStart\tEnd\tStrand\tLength\ta.bam\nENSG1\t1\t1\t2\t+\t1\t5\n", "featureCounts"),
    ],
)
def test_files_without_isomirs_are_named_with_the_one_to_give(put, text, message):
    with pytest.raises(InputError, match=message):
        read_counts(put("x.txt", text))


def test_unknown_formats_and_options_are_answered_with_the_known_ones(put):
    path = put("x.tsv", TABLE)
    with pytest.raises(
        InputError, match=r"format='excel' is unknown\. Formats: auto, r, store, anndata, mirgff3, .*, table"
    ):
        read_counts(path, format="excel")
    with pytest.raises(
        InputError, match=r"format 'table' has no option 'filter'\. Its options: annotation, isomir"
    ):
        read_counts(path, filter="all")
    for format in ("r", "h5ad"):
        with pytest.raises(InputError, match="is not of format"):
            read_counts(path, format=format)


def test_files_of_two_formats_are_refused(put):
    seqbuster = put("x.mirna", "seq\tname\tfreq\tmir\tmism\tadd\tt5\tt3\nACGT\tn\t1\tm\t0\t0\t0\t0\n")
    with pytest.raises(InputError, match=r"is of format 'table' and .*x\.mirna of 'seqbuster'"):
        read_counts([put("x.tsv", TABLE), seqbuster])


@pytest.mark.parametrize("name", [name for name, module in ALIASES.items() if module is ALIASES["table"]])
def test_names_of_a_format(put, name):
    assert read_counts(put("x.tsv", TABLE), format=name.upper()).attrs["format"] == "table"


def test_every_format_has_what_the_reader_needs():
    for module in FORMATS:
        assert module.NAME in ALIASES
        assert module.POLICY in {"refuse", "identical", "sum"}
        assert callable(module.detect)
        assert callable(module.read)


def test_importing_the_readers_is_cheap():
    heavy = ("rdata", "anndata", "pymc", "scipy", "numba")
    code = f"import sys, bayes_mirglmm.readers; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
