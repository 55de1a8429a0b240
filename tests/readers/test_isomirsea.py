import pytest

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.readers import read_counts

LET7, LONG, MIR21 = "UGAGGUAGUAGGUUGUAUAGUU", "UGAGGUAGUAGGUUGUAUAGUUA", "UAGCUUAUCAGACUGAUGUUGA"
TAB = "TI\tTS\tTQ\tTC\tORG\tAM\tMIN\tMIM\tPIN\t\n"
UNIQUE = "tag_index\ttag_sequence\ttag_quality\t#count_tags\tmirna_id\tmirna_name\tmirna_seq\tbegin_ungapped_mirna\n"


def tag(index, sequence, count, mirna, score="?", precursor="?"):
    return f"{index}\t{sequence}\tIIII\t{count}\thsa\t{score}\t{mirna}\tMIMAT1\t{precursor}\t\n"


def test_tag_mir_tab(put, rows):
    text = (
        TAB
        + tag(0, LET7, 11, "hsa-let-7a-5p MIMAT0000062 Homo sapiens let-7a-5p")
        + tag(1, MIR21, 44, "hsa-miR-21-5p")
    )
    counts = read_counts(
        [put("A/tagMir-all.tab", text), put("B/tagMir-all.tab", TAB + tag(7, LET7, 5, "hsa-let-7a-5p"))]
    )
    assert counts.attrs["format"] == "isomirsea"
    assert counts["sample"].values.tolist() == ["A", "B"]
    assert rows(counts) == {
        ("TGAGGTAGTAGGTTGTATAGTT", "hsa-let-7a-5p"): [11, 5],
        ("TAGCTTATCAGACTGATGTTGA", "hsa-miR-21-5p"): [44, 0],
    }


def test_the_best_alignments_of_a_tag_count_and_precursors_do_not(put, rows):
    text = TAB + "".join(
        [
            tag(0, LET7, 11, "hsa-let-7a-5p", 22, "let-7a-1"),
            tag(0, LET7, 11, "hsa-let-7a-5p", 22, "let-7a-2"),
            tag(0, LET7, 11, "hsa-let-7c-5p", 21),
            tag(1, LONG, 3, "hsa-let-7a-5p", 20),
            tag(1, LONG, 3, "hsa-let-7c-5p", 20),
            tag(2, MIR21, 9, "?", 5),
        ]
    )
    counts = read_counts(put("x_tagMir-all.tab", text))
    assert counts["sample"].values.tolist() == ["x"]
    assert rows(counts) == {
        ("TGAGGTAGTAGGTTGTATAGTT", "hsa-let-7a-5p"): [11],
        ("TGAGGTAGTAGGTTGTATAGTTA", "hsa-let-7a-5p"): [3],
        ("TGAGGTAGTAGGTTGTATAGTTA", "hsa-let-7c-5p"): [3],
    }
    assert (
        "2 alignment(s) were left out that name no miRNA or are worse than another of their tag."
        in counts.attrs["notes"]
    )


def test_the_table_of_unique_tags(put, rows):
    text = UNIQUE + f"0\t{LET7}\tII\t12\t5\t>hsa-let-7a-5p MIMAT0000062 Homo sapiens let-7a-5p\t{LET7}\t0\n"
    counts = read_counts(put("A/out_result_mature_tag_unique.txt", text))
    assert counts["sample"].values.tolist() == ["A"]
    assert rows(counts) == {("TGAGGTAGTAGGTTGTATAGTT", "hsa-let-7a-5p"): [12]}


def test_what_isomirsea_writes_besides_is_refused_by_name(put):
    with pytest.raises(InputError, match=r"list of ambiguous tags.*Give out_result_mature_tag_unique\.txt"):
        read_counts(put("a.txt", UNIQUE + f"0\t{LET7}\tII\t12\t5\tm\tA\t0\t|\t6\tn\tA\t0\n"))
    with pytest.raises(InputError, match=r"no line names a miRNA \(column MIN\).*not tagPrxMir-all\.tab"):
        read_counts(put("tagPrxMir-all.tab", TAB + tag(0, LET7, 11, "?")))
    with pytest.raises(InputError, match=r"no table of isomiR-SEA.*format 'mirgff3'"):
        read_counts(put("x.tsv", "isomir\tmirna\tA\ni\tm\t1\n"), format="isomirsea")


def test_a_folder_with_both_gives_the_gff(put, tmp_path):
    put("A/tagMir-all.tab", TAB + tag(0, LET7, 11, "hsa-let-7a-5p"))
    put(
        "A/tagMir-all.gff",
        f"chr9\tmiRBase\tisomiR\t1\t2\t.\t+\t.\tTI=0;TS={LET7};TC=11;MIN=hsa-let-7a-5p;FILTER=Pass\n",
    )
    assert read_counts(tmp_path).attrs["format"] == "mirgff3"
