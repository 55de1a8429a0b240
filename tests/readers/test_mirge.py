import pytest

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.readers import read_counts

MIRGE3 = """\
Sequence,annotFlag,exact miRNA,hairpin miRNA,mature tRNA,primary tRNA,snoRNA,rRNA,ncrna others,mRNA,isomiR miRNA,A,B
TGAGGTAGTAGGTTGTATAGTT,1,hsa-let-7a-5p,,,,,,,,,10,20
TGAGGTAGTAGGTTGTATAG,1,,,,,,,,,hsa-let-7a-5p,3,0
CTGACCTATGAATTGACAGCC,1,hsa-miR-192-5p/215-5p,,,,,,,,,7,8
GGGTTTCCAAGGCCTTAA,1,,hsa-mir-10,,,,,,,,100,100
AAGGTTCCAATTGGCC,1,,,tRNA-Gly,,,,,,,50,50
"""
#: As R writes the table of miRge2 back: dots for blanks, row names without a header.
MIRGE2_R = (
    '"uniqueSequence","annotFlag","exact.miRNA","hairpin.miRNA","tRNA","snoRNA","rRNA","ncrna.others","mRNA",'
    '"isomiR.miRNA","spike.in","A","B"\n'
    '"1","TGAGGTAGTAGGTTGTATAGTT","1","hsa-let-7a-5p","","","","","","","","",10,20\n'
    '"2","TGAGGTAGTAGGTTGTATAG","1","","","","","","","","hsa-let-7a-5p","",3,0\n'
)


def test_mapped_csv_of_mirge3(put, rows):
    counts = read_counts(put("mapped.csv", MIRGE3))
    assert counts.attrs["format"] == "mirge"
    assert rows(counts) == {
        ("TGAGGTAGTAGGTTGTATAGTT", "hsa-let-7a-5p"): [10, 20],
        ("TGAGGTAGTAGGTTGTATAG", "hsa-let-7a-5p"): [3, 0],
        ("CTGACCTATGAATTGACAGCC", "hsa-miR-192-5p/215-5p"): [7, 8],
    }
    assert counts["match"].values.tolist() == ["exact", "isomiR", "exact"]
    assert counts["total"].values.tolist() == [20, 28]
    assert counts.attrs["notes"] == [
        "2 row(s) map to no mature miRNA (hairpin, tRNA, ...) and were left out."
    ]


def test_mapped_csv_of_mirge2_written_by_r(put, rows):
    counts = read_counts(put("counts.csv", MIRGE2_R))
    assert counts["sample"].values.tolist() == ["A", "B"]
    assert rows(counts) == {
        ("TGAGGTAGTAGGTTGTATAGTT", "hsa-let-7a-5p"): [10, 20],
        ("TGAGGTAGTAGGTTGTATAG", "hsa-let-7a-5p"): [3, 0],
    }


def test_a_spike_in_column_is_no_sample(put):
    text = "\n".join(
        line.replace("isomiR miRNA,", "isomiR miRNA,spike-in,")
        if not i
        else ",".join([*line.split(",")[:11], "", *line.split(",")[11:]])
        for i, line in enumerate(MIRGE3.splitlines())
    )
    assert read_counts(put("mapped.csv", text))["sample"].values.tolist() == ["A", "B"]


def test_a_sequence_that_stands_twice_is_refused(put):
    with pytest.raises(InputError, match="line 2 and line 7 have the same isomiR"):
        read_counts(put("mapped.csv", MIRGE3 + MIRGE3.splitlines()[1] + "\n"))


def test_files_without_isomirs_are_refused(put):
    header, *body = MIRGE3.splitlines()
    with pytest.raises(
        InputError, match=r"none of its 2 rows maps to a mature miRNA\. Give mapped\.csv, not unmapped\.csv"
    ):
        read_counts(put("unmapped.csv", "\n".join([header, *body[3:]])))
    with pytest.raises(InputError, match="no column after miRge's classes"):
        read_counts(put("mapped.csv", "\n".join(line.rsplit(",", 2)[0] for line in MIRGE3.splitlines())))
    with pytest.raises(InputError, match=r"is no mapped\.csv of miRge"):
        read_counts(put("table.csv", "a,mirna,s\nx,y,1\n"), format="mirge3")


def test_a_cell_that_is_no_count_is_named(put):
    with pytest.raises(InputError, match=r"mapped\.csv, line 3, column 'A': '3\.7' is not a whole number"):
        read_counts(put("mapped.csv", MIRGE3.replace("let-7a-5p,3,0", "let-7a-5p,3.7,0")))


def test_alleles_of_a_snp_are_one_mirna(put, rows):
    cells = ",,,,,,,,"
    text = (
        MIRGE3.splitlines()[0]
        + "\n"
        + "".join(
            [
                f"TTTGAGGCTACAGTGAGATGTG,1,hsa-miR-1304-5p.SNPC{cells},50,60\n",
                f"TTTGAGGCTACAGTGAGATGT,1,hsa-miR-1304-5p.SNPA{cells},5,6\n",
                f"TTTGAGGCTACAGTGAGATG,1{cells},,hsa-miR-1304-5p,15,16\n".replace(",,hsa", ",hsa"),
                f"TTTGAGGCTACAGTGAGAT,1{cells},hsa-miR-1304-5p.SNPC/1305,3,4\n",
            ]
        )
    )
    counts = read_counts(put("mapped.csv", text))
    assert rows(counts) == {
        ("TTTGAGGCTACAGTGAGATGTG", "hsa-miR-1304-5p"): [50, 60],
        ("TTTGAGGCTACAGTGAGATGT", "hsa-miR-1304-5p"): [5, 6],
        ("TTTGAGGCTACAGTGAGATG", "hsa-miR-1304-5p"): [15, 16],
        ("TTTGAGGCTACAGTGAGAT", "hsa-miR-1304-5p/1305"): [3, 4],
    }
    assert counts.attrs["notes"] == [
        "3 row(s) of SNP alleles (hsa-miR-1304-5p.SNPA, hsa-miR-1304-5p.SNPC, hsa-miR-1304-5p.SNPC/1305) stand under "
        "their miRNA."
    ]
