import pytest

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.readers import read_counts

COUNTS = """\
UID\tRead\tmiRNA\tVariant\tiso_5p\tiso_3p\tiso_add3p\tiso_add5p\tiso_snv\tS1\tS2
iso-22-A\tTGAGGTAGTAGGTTGTATAGTT\thsa-let-7a-5p\tNA\t0\t0\t0\t0\t0\t156\t3
iso-22-A\tTGAGGTAGTAGGTTGTATAGTT\thsa-let-7a-5p\tNA\t0\t0\t0\t0\t0\t156\t3
iso-23-B\tATGAGGTAGTAGGTTGTATAGTT\thsa-let-7a-5p\tiso_5p:-1\t-1\t0\t0\t0\t0\t4\t0
"""
RAW = """\
seq\tmir\tmism\tadd\tt5\tt3\tS1\tS2
TGAGGTAGTAGGTTGTATAGTT\thsa-let-7a-5p\t0\t0\t0\t0\t156\t3
ATGAGGTAGTAGGTTGTATAGTT\thsa-let-7a-5p\t0\t0\tA\t0\t4\t0
"""


def test_rows_repeated_per_precursor_are_the_same_reads(put, rows):
    counts = read_counts(put("mirtop.tsv", COUNTS))
    assert counts.attrs["format"] == "mirtop"
    assert rows(counts) == {
        ("TGAGGTAGTAGGTTGTATAGTT", "hsa-let-7a-5p"): [156, 3],
        ("ATGAGGTAGTAGGTTGTATAGTT", "hsa-let-7a-5p"): [4, 0],
    }
    assert counts["Variant"].values.tolist() == ["NA", "iso_5p:-1"]
    assert counts["iso_5p"].values.tolist() == ["0", "-1"]
    assert counts["UID"].values.tolist() == ["iso-22-A", "iso-23-B"]
    assert counts.attrs["notes"] == [
        "1 row(s) repeat an isomiR and miRNA with the same counts (one row for each precursor): kept once."
    ]


def test_repeated_rows_that_differ_are_refused(put):
    text = COUNTS.replace("156\t3\niso-23", "157\t3\niso-23")
    with pytest.raises(
        InputError, match="line 2 and line 3 have different counts for one and the same isomiR"
    ):
        read_counts(put("mirtop.tsv", text))
    assert read_counts(put("mirtop.tsv", text), duplicates="max")["counts"].values[0].tolist() == [157, 3]


def test_raw_data(put, rows):
    counts = read_counts(put("mirtop_rawData.tsv", RAW))
    assert counts.attrs["format"] == "mirtop"
    assert rows(counts)["ATGAGGTAGTAGGTTGTATAGTT", "hsa-let-7a-5p"] == [4, 0]
    assert counts["t5"].values.tolist() == ["0", "A"]


def test_old_files_without_sequences_have_the_uid(put):
    text = "\n".join(line.replace("TGAGGTAGTAGGTTGTATAGTT", "seq_1_x156") for line in COUNTS.splitlines())
    counts = read_counts(put("mirtop.tsv", text))
    assert counts["isomir"].values.tolist() == ["iso-22-A", "iso-23-B"]
    assert "sequence" not in counts.coords


def test_other_tables_are_refused(put):
    with pytest.raises(InputError, match="is no table of mirtop: it starts with a, mirna, s"):
        read_counts(put("x.tsv", "a\tmirna\ts\nx\ty\t1\n"), format="mirtop")
    with pytest.raises(InputError, match="no column after mirtop's own"):
        read_counts(put("mirtop.tsv", "\n".join(line.rsplit("\t", 2)[0] for line in COUNTS.splitlines())))


REPEATED = "UID\tRead\tmiRNA\tVariant\tiso_5p\tA\tB\tC\n"
ROW = "iso-22-A\t{}\thsa-miR-7-5p\tNA\t0\t{}\t{}\t{}\n"
LONG, SHORT = "TGGAAGACTAGTGATTTTGTTGTT", "TGGAAGACTAGTGATTTTGTTG"


def test_reads_that_were_split_over_rows_are_told_from_rows_of_several_precursors(put, rows):
    split = REPEATED + ROW.format(LONG, 35, 0, 0) + ROW.format(LONG, 0, 22, 0) + ROW.format(LONG, 0, 0, 42)
    with pytest.raises(
        InputError, match=r"in the same sample \(1 isomiR\(s\)\): .*split.*Pass duplicates='sum'"
    ):
        read_counts(put("split.tsv", split))
    both = split + ROW.format(SHORT, 5, 3, 2) + ROW.format(SHORT, 5, 4, 2)
    with pytest.raises(InputError) as caught:
        read_counts(put("both.tsv", both))
    assert (
        "The rows of 1 isomiR(s) have reads in the same samples; of 1 isomiR(s) the reads were split"
        in str(caught.value)
    )
    assert "Pass duplicates='max'" in str(caught.value)
    assert rows(read_counts(put("both.tsv", both), duplicates="max")) == {
        (LONG, "hsa-miR-7-5p"): [35, 22, 42],
        (SHORT, "hsa-miR-7-5p"): [5, 4, 2],
    }
