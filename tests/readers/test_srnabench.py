import pandas as pd
import pytest

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.readers import read_counts

REF, LONG, BOTH = "TGAGGTAGTAGGTTGTATAGTT", "ATGAGGTAGTAGGTTGTATAGTT", "GAGGTAGTAGGTTGTATAG"
READS = (
    f"{REF}\t156\t26817.9\tmature#sense\tmature#hsa-let-7a-5p#sense#hsa-let-7a-3,4,25$"
    "mature#hsa-let-7a-5p#sense#hsa-let-7a-1,6,27\t2\n"
    f"{LONG}\t11\t1891.0\tmature#sense\tmature#hsa-let-7a-5p#sense#hsa-let-7a-1,5,26\t1\n"
    f"{BOTH}\t7\t99.0\tmature#sense\tmature#hsa-let-7a-5p#sense#x,1,2$mature#hsa-let-7c-5p#sense#y,1,2\t2\n"
    "GGGTTTCCAAGGCCTT\t40\t9.0\thairpin#sense\thairpin#hsa-mir-8485#sense#hsa-mir-8485,68,84\t1\n"
)
MIRNAS = (
    "sequence\tmatureName\thairpinName\tisoLabel\tsequenceVariant\treadCount\tRPMlib\tRPMtotal\n"
    f"{REF}\thsa-let-7a-5p\thsa-let-7a-1$hsa-let-7a-2\texact\t-\t156\t1.5\t1.5\n"
    f"{LONG}\thsa-let-7a-5p\thsa-let-7a-1\tlv5p|lv5pE|lv5p#1\t-\t11\t1.5\t1.5\n"
    f"{BOTH}\thsa-let-7a-5p$hsa-let-7c-5p\tx$y\tlv5p\t-\t7\t1.5\t1.5\n"
)
EXPECTED = {
    (REF, "hsa-let-7a-5p"): [156],
    (LONG, "hsa-let-7a-5p"): [11],
    (BOTH, "hsa-let-7a-5p"): [7],
    (BOTH, "hsa-let-7c-5p"): [7],
}
MATRIX = (
    f"name\tlib1|ctrl\tlib2|case\n{REF}|hsa-let-7a-5p\t156\t3\n"
    f"{BOTH}|hsa-let-7a-5p\t7\t0\n{BOTH}|hsa-let-7c-5p\t7\t0\n"
)


def test_reads_annotation(put, rows):
    counts = read_counts(put("sampleA/reads.annotation", READS))
    assert counts.attrs["format"] == "srnabench"
    assert counts["sample"].values.tolist() == ["sampleA"]
    assert rows(counts) == EXPECTED
    assert counts.attrs["notes"][0] == "1 read sequence(s) of hairpin were left out."


def test_mirna_annotation(put, rows):
    counts = read_counts(put("sampleA/microRNAannotation.txt", MIRNAS.replace("\n", "\r\n")))
    assert rows(counts) == EXPECTED
    assert counts["variant"].values.tolist() == ["exact", "lv5p|lv5pE|lv5p#1", "lv5p", "lv5p"]


def test_a_folder_of_runs_takes_one_kind_of_file_and_the_names_of_the_folders(put, tmp_path, rows):
    for sample, factor in (("A", ""), ("B", "0")):
        put(f"run/{sample}/reads.annotation", READS)
        put(f"run/{sample}/microRNAannotation.txt", MIRNAS.replace("\t156\t", f"\t156{factor}\t"))
    counts = read_counts(tmp_path / "run")
    assert counts["sample"].values.tolist() == ["A", "B"]
    assert rows(counts)[REF, "hsa-let-7a-5p"] == [156, 1560]


def test_matrix_of_srnade(put, rows):
    counts = read_counts(put("isomirs.mat", MATRIX))
    assert counts.attrs["format"] == "srnabench"
    assert counts["sample"].values.tolist() == ["lib1", "lib2"]
    assert counts["group"].values.tolist() == ["ctrl", "case"]
    assert rows(counts) == {
        (REF, "hsa-let-7a-5p"): [156, 3],
        (BOTH, "hsa-let-7a-5p"): [7, 0],
        (BOTH, "hsa-let-7c-5p"): [7, 0],
    }
    samples = pd.DataFrame({"batch": ["x", "y"]}, index=["lib2", "lib1"])
    counts = read_counts(put("isomirs.mat", MATRIX), samples)
    assert counts["batch"].values.tolist() == ["y", "x"]
    assert "group" not in counts.coords


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "microRNAannotation.txt",
            MIRNAS.replace("\tmatureName", ",matureName"),
            "line 1: no column 'sequence'",
        ),
        ("reads.annotation", READS + "TGAGG\t3\n", r"line 5: 2 column\(s\), where reads.annotation has"),
        (
            "reads.annotation",
            READS + READS.splitlines()[0].replace("156", "x"),
            "line 5: 'x' is not a read count",
        ),
        ("reads.annotation", READS.splitlines()[3] + "\n", "no read matches a mature miRNA"),
        (
            "microRNAannotation.txt",
            MIRNAS.replace("\t11\t", "\t11.5\t"),
            r"line 3, column 'readCount': '11\.5'",
        ),
        ("isomirs.mat", MATRIX.replace("\t3\n", "\t3.2\n"), r"line 2, column 'lib2\|case': '3\.2'"),
    ],
)
def test_damage_is_named(put, name, text, message):
    with pytest.raises(InputError, match=message):
        read_counts(put(name, text))


def test_another_table_is_refused(put):
    with pytest.raises(InputError, match=r"is no reads\.annotation, microRNAannotation\.txt or \.mat"):
        read_counts(put("x.tsv", "a\tmirna\ts\nx\ty\t1\n"), format="srnabench")
    grouped = "name\tunique reads\tread count\tRPM (lib)\thairpin\nhsa-let-7a-5p\t3\t9\t1.1\thsa-let-7a-1\n"
    with pytest.raises(InputError, match=r"sRNAbench's summary per miRNA .* Give reads\.annotation"):
        read_counts(put("mature_sense.grouped", grouped))
