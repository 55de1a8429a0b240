import pytest

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.readers import read_counts

HEADER = "seq\tname\tfreq\tmir\tstart\tend\tmism\tadd\tt5\tt3\ts5\ts3\tDB\tprecursor\tambiguity\n"
REF, LONG = "TGAGGTAGTAGGTTGTATAGTT", "ATGAGGTAGTAGGTTGTATAGTT"


def row(seq, name, freq, mir="hsa-let-7a-5p", precursor="hsa-let-7a-1", t5="0"):
    return f"{seq}\t{name}\t{freq}\t{mir}\t5\t26\t0\t0\t{t5}\t0\tGGG\tAGT\tmiRNA\t{precursor}\t1\n"


def without_freq(text):
    return "".join(
        "\t".join(c for i, c in enumerate(line.split("\t")) if i != 2) + "\n" for line in text.splitlines()
    )


def test_files_are_joined_and_named_after_themselves(put, rows):
    one = put("a/sample1.mirna", HEADER + row(REF, "seq_1_x66", 66) + row(LONG, "seq_2_x4", 4, t5="A"))
    two = put("a/sample2-mirbase-ready.counts.gz", HEADER + row(REF, "seq_1_x5", 5), gz=True)
    counts = read_counts([one, two])
    assert counts.attrs["format"] == "seqbuster"
    assert counts["sample"].values.tolist() == ["sample1", "sample2"]
    assert rows(counts) == {(REF, "hsa-let-7a-5p"): [66, 5], (LONG, "hsa-let-7a-5p"): [4, 0]}
    assert counts["t5"].values.tolist() == ["0", "A"]


def test_a_read_listed_for_two_precursors_counts_once_and_other_reads_add_up(put, rows):
    text = (
        HEADER
        + row(REF, "seq_1_x66", 66)
        + row(REF, "seq_1_x66", 66, precursor="hsa-let-7a-2")
        + row(REF, "seq_9_x3", 3)
        + row(REF, "seq_1_x66", 66, mir="hsa-let-7f-5p")
    )
    counts = read_counts(put("s.mirna", text))
    assert rows(counts) == {(REF, "hsa-let-7a-5p"): [69], (REF, "hsa-let-7f-5p"): [66]}
    assert counts.attrs["notes"][:2] == [
        "1 row(s) list a read again for another precursor: counted once.",
        "1 row(s) repeat an isomiR and miRNA: merged by sum.",
    ]


def test_counts_in_the_name(put, rows):
    text = without_freq(HEADER + row(REF, "seq_1_x66", 66) + row(LONG, "seq_2_x4", 4))
    assert rows(read_counts(put("s.mirna", text))) == {
        (REF, "hsa-let-7a-5p"): [66],
        (LONG, "hsa-let-7a-5p"): [4],
    }


def test_reads_that_were_never_collapsed(put, rows):
    text = without_freq(HEADER + row(REF, "read_1", 1) + row(REF, "read_2", 1) + row(LONG, "read_3", 1))
    path = put("s.mirna", text)
    with pytest.raises(
        InputError, match=r"line 2: no column 'freq', and the name 'read_1' does not end in _xN"
    ):
        read_counts(path)
    counts = read_counts(path, one_read_per_row=True)
    assert rows(counts) == {(REF, "hsa-let-7a-5p"): [2], (LONG, "hsa-let-7a-5p"): [1]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            HEADER + row(REF, "a_x6", 6) + row(REF, "a_x6", 7),
            "line 3: read 'a_x6' was listed before with another count",
        ),
        (HEADER + row(REF, "a_x6", "6.5"), r"line 2, column 'freq': '6\.5' is not a whole number"),
        (HEADER + row(REF, "a_x6", 6) + row(LONG, "b_x6", 6)[:50], r"line 3: \d+ column\(s\).*cut off here"),
        (HEADER + row(REF, "a_x6", 6, mir=""), "line 2: the miRNA is missing"),
        (HEADER, "has a header but no rows"),
    ],
)
def test_damage_is_named(put, text, message):
    with pytest.raises(InputError, match=message):
        read_counts(put("s.mirna", text))


def test_another_table_is_refused(put):
    with pytest.raises(InputError, match="no output of miraligner: it has no column 'name'"):
        read_counts(put("s.mirna", "seq\tmir\tS\nACGTACGTACGT\tm\t3\n"), format="seqbuster")


ZEROS = "seq\tname\tfreq\tmir\tmism\tadd\tt5\tt3\n{}\tseq_0_x10\t0\tm\t0\t0\t0\t0\n{}\tseq_1{}\t0\tm\t0\t0\t0\tt\n"


def test_counts_in_names_where_freq_holds_zeros_only(put, rows):
    text = ZEROS.format("TGAGGTAGTAGGTTGTATAGTT", "TGAGGTAGTAGGTTGTATAGT", "_x20")
    counts = read_counts(put("a.mirna", text))
    assert rows(counts) == {("TGAGGTAGTAGGTTGTATAGTT", "m"): [10], ("TGAGGTAGTAGGTTGTATAGT", "m"): [20]}
    assert counts.attrs["notes"] == ["column freq holds zeros only: counts are those in the read names."]


def test_zeros_in_freq_and_no_counts_in_names(put):
    text = ZEROS.format("TGAGGTAGTAGGTTGTATAGTT", "TGAGGTAGTAGGTTGTATAGT", "")
    with pytest.raises(
        InputError, match="line 3: column 'freq' holds zeros only, and the name 'seq_1' does not end"
    ):
        read_counts(put("a.mirna", text))
