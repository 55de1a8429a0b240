import pytest

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.readers import read_counts

HEAD = "MIRNA\tSEQUENCE\tLEN_READ\tREADS\tRATIO\tLEN_TRIM\tLEN_TAIL\tSEQ_TAIL\tVAR_5P\tMATCH\tCPM\tRPKM\n"
LET7, TAILED = "TGAGGTAGTAGGTTGTATAGTT", "TGAGGTAGTAGGTTGTATAGTTA"
NOTE = "QuagmiR leaves rare sequences out (min_ratio, min_read): totals are of those it shows."


def row(sequence, reads, tail="-"):
    return (
        f"hsa-let-7a-5p\t{sequence}\t{len(sequence)}\t{reads}\t9.1%\t0\t{len(tail)}\t{tail}\t0\t\t99.5\t1.5\n"
    )


def test_one_file_a_sample(put, rows):
    a = put("A.fastq_ready.isomir.sequence_info.tsv", HEAD + row(LET7, 90) + row(TAILED, 10, "A"))
    b = put("B.fastq_ready.isomir.sequence_info.tsv", HEAD + row(LET7, 7))
    for counts in (read_counts([a, b]), read_counts(a.parent)):
        assert counts.attrs["format"] == "quagmir"
        assert counts["sample"].values.tolist() == ["A", "B"]
        assert rows(counts) == {(LET7, "hsa-let-7a-5p"): [90, 7], (TAILED, "hsa-let-7a-5p"): [10, 0]}
        assert counts["SEQ_TAIL"].values.tolist() == ["-", "A"]
        assert counts.attrs["notes"] == [NOTE]


def test_one_file_of_all_samples(put, rows):
    text = (
        "SAMPLE\t"
        + HEAD
        + "".join(
            f"{sample}\t{line}"
            for sample, line in (
                ("A.fastq_ready", row(LET7, 90)),
                ("A.fastq_ready", row(TAILED, 10, "A")),
                ("B.fastq_ready", row(TAILED, 4, "A")),
            )
        )
    )
    counts = read_counts(put("study.isomir.sequence_info.tsv", text))
    assert counts["sample"].values.tolist() == ["A", "B"]
    assert rows(counts) == {(LET7, "hsa-let-7a-5p"): [90, 0], (TAILED, "hsa-let-7a-5p"): [10, 4]}
    with pytest.raises(
        InputError, match="line 2 and line 5 have different counts for one and the same isomiR"
    ):
        read_counts(put("twice.tsv", text + "A.fastq_ready\t" + row(LET7, 91)))


@pytest.mark.parametrize(
    "header",
    ["MIRNA\tMOTIF\tCONSENSUS\tTOTAL READS\tTOTAL ISOMIRS\n", "MIRNA\tNT_POSITION\tA\tC\tG\tT\tN\tREADS\n"],
)
def test_its_other_tables_are_refused_with_the_one_to_give(put, header):
    with pytest.raises(InputError, match=r"QuagmiR's.*Give \*\.isomir\.sequence_info\.tsv"):
        read_counts(put("x.tsv", header + "\t".join("1" for _ in header.split("\t")) + "\n"))
