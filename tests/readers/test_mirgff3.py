import pytest

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.readers import read_counts

HEAD = "## mirGFF3. VERSION 1.2\n## source-ontology: miRBasev22 doi:x\n## COLDATA: A,B\n"
LINE = "hsa-let-7a-1\tmiRBase\tisomiR\t3\t26\t0\t+\t.\t"
REF, LONG = "TGAGGTAGTAGGTTGTATAGTT", "ATGAGGTAGTAGGTTGTATAGTT"


def entry(
    read, counts, *, parent="hsa-let-7a-1", passed="Pass", name="hsa-let-7a-5p", uid="iso-22-A", join="="
):
    pairs = {"Read": read, "UID": uid, "Name": name, "Parent": parent, "Variant": "iso_5p:-1", "Cigar": "22M"}
    pairs |= {"Expression": counts, "Filter": passed, "Hits": "1"}
    return LINE + "; ".join(f"{key}{join}{value}" for key, value in pairs.items()) + "\n"


@pytest.mark.parametrize("join", ["=", " "])
@pytest.mark.parametrize(
    "coldata", ["## COLDATA: A,B", "## COLDATA A, B\t\t\t", "#COLDATA:A,B", '"## COLDATA: A,B"']
)
def test_spellings_of_header_and_attributes(put, rows, join, coldata):
    text = (
        HEAD.replace("## COLDATA: A,B", coldata)
        + entry(REF, "156,3", join=join)
        + entry(LONG, "4,0", join=join)
    )
    counts = read_counts(put("x.gff", text.replace('\n"##', "\n##").replace('B"', "B")))
    assert counts.attrs["format"] == "mirgff3"
    assert counts["sample"].values.tolist() == ["A", "B"]
    assert rows(counts) == {(REF, "hsa-let-7a-5p"): [156, 3], (LONG, "hsa-let-7a-5p"): [4, 0]}
    assert counts["variant"].values.tolist() == ["iso_5p:-1"] * 2


def test_quoted_attributes_padding_and_windows_line_ends(put, rows):
    quoted = LINE + f'"Read {REF}; Name hsa-let-7a-5p; Expression 156,3; Filter Pass"\n'
    text = (HEAD.replace("\n", "\t\t\t\t\n") + quoted + entry(LONG, "4,0")).replace("\n", "\r\n")
    assert rows(read_counts(put("x.gff", text))) == {
        (REF, "hsa-let-7a-5p"): [156, 3],
        (LONG, "hsa-let-7a-5p"): [4, 0],
    }


def test_optimir_writes_floats_and_rejected_lines(put, rows):
    text = (
        HEAD.replace("A,B", "A")
        + entry(REF, "156.0", passed="PASS")
        + entry(LONG, "4.0", passed="REJECT,DISCARDED")
    )
    path = put("x.gff3", text)
    counts = read_counts(path)
    assert rows(counts) == {(REF, "hsa-let-7a-5p"): [156]}
    assert counts.attrs["notes"] == [
        "1 line(s) whose Filter is not Pass were left out (filter='all' takes them)."
    ]
    assert len(rows(read_counts(path, filter="all"))) == 2
    with pytest.raises(InputError, match="filter='none' is not one of 'pass', 'all'"):
        read_counts(path, filter="none")


def test_lines_for_several_precursors_are_the_same_reads(put, rows):
    text = HEAD + "".join(entry(REF, "156,3", parent=f"hsa-let-7a-{i}") for i in (1, 2, 3))
    counts = read_counts(put("x.gff", text))
    assert rows(counts) == {(REF, "hsa-let-7a-5p"): [156, 3]}
    assert "2 row(s) repeat" in counts.attrs["notes"][0]
    with pytest.raises(InputError, match=r"line 4 and line 5 have different counts"):
        read_counts(put("y.gff", HEAD + entry(REF, "156,3") + entry(REF, "156,4")))


def test_isomirsea(put, rows):
    line = (
        "chr15\tmiRBase21\tisomiR\t1\t22\t19\t+\t.\tTI=6;TS={};TC={};PIN=hsa-let-7a-{} MI1 stem-loop;CI=22M;"
    )
    line += "MIN=hsa-let-7a-5p MIMAT0000062 Homo sapiens let-7a-5p;ISO=FF1;INT=F;FILTER={}\n"
    text = (
        line.format("UGAGGUAGUAGGUUGUAUAGUU", 11, 1, "Pass")
        + line.format("TGAGGTAGTAGGTTGTATAGTT", 11, 2, "Pass")
        + line.format("UGAGGUAGUAGGUUGUAUAG", 5, 1, "NotPass")
    )
    counts = read_counts(put("sample7.gff", text))
    assert counts["sample"].values.tolist() == ["sample7"]
    assert rows(counts) == {(REF, "hsa-let-7a-5p"): [11]}
    assert counts["variant"].values.tolist() == ["FF1"]


def test_reads_that_are_names_have_the_uid(put):
    counts = read_counts(put("x.gff", HEAD + entry("seq_38_x6", "6,0", uid="7Awh%QL2")))
    assert counts["isomir"].values.tolist() == ["7Awh%QL2"]
    assert "sequence" not in counts.coords


def test_files_of_several_samples_are_joined(put, rows):
    one = put("1.gff", HEAD.replace("A,B", "A") + entry(REF, "156"))
    two = put("2.gff", HEAD.replace("A,B", "B") + entry(REF, "3") + entry(LONG, "4"))
    assert rows(read_counts([one, two])) == {
        (REF, "hsa-let-7a-5p"): [156, 3],
        (LONG, "hsa-let-7a-5p"): [0, 4],
    }
    with pytest.raises(InputError, match=r"sample 'A' is both in .*1\.gff and in .*3\.gff"):
        read_counts([one, put("3.gff", HEAD.replace("A,B", "A") + entry(REF, "156"))])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            HEAD + entry(REF, "156"),
            r"line 4: 1 value\(s\) in Expression '156', where COLDATA names 2 sample\(s\)",
        ),
        (HEAD + entry(REF, "156,x"), "line 4: Expression '156,x' is not a count"),
        (HEAD + entry(REF, "156,1.5"), "line 4: Expression '156,1.5' is not a count"),
        (HEAD + entry(REF, "156,-1"), "line 4: Expression '156,-1' is not a count"),
        (HEAD + entry(REF, "156,inf"), "line 4: Expression '156,inf' is not a count"),
        (HEAD + entry(REF, "1,2") + entry(LONG, "1,2")[:30], r"line 5: 5 column\(s\), where GFF has 9"),
        (HEAD + entry(REF, "1,2") + entry("", "1,2", uid=""), r"line 5: the attributes have no Read or UID"),
        (HEAD + entry(REF, "1,2") + entry(REF, "1,2", name=""), r"line 5: the attributes have no Name"),
        (HEAD.replace("A,B", "A,A") + entry(REF, "1,2"), "COLDATA names a sample twice"),
        (HEAD + entry(REF, "1,2", passed="REJECT"), "no line of an isomiR is left"),
        (HEAD, "no line of an isomiR is left"),
    ],
)
def test_damage_is_named(put, text, message):
    with pytest.raises(InputError, match=message):
        read_counts(put("x.gff", text))
