import pandas as pd
import pytest

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.readers import read_counts

HEADER = "miRNA_ID\tisoform_coords\tread_count\treads_per_million_miRNA_mapped\tcross-mapped\tmiRNA_region\n"
ENDING = ".mirbase21.isoforms.quantification.txt"
LET7A, LET7A_STAR, MIR24_2 = "MIMAT0000062", "MIMAT0004481", "MIMAT0004497"


def row(precursor, place, count, region):
    return f"{precursor}\thg38:{place}\t{count}\t1.5\tN\t{region}\n"


def let7a(factor=1):
    """let-7a at two loci: + strand, end exclusive; on the - strand the 5' end is the end of the interval."""
    return (
        row("hsa-let-7a-1", "chr9:1000-1022:+", 100 * factor, f"mature,{LET7A}")
        + row("hsa-let-7a-1", "chr9:999-1022:+", 10 * factor, f"mature,{LET7A}")
        + row("hsa-let-7a-1", "chr9:1000-1020:+", 4 * factor, f"mature,{LET7A}")
        + row("hsa-let-7a-1", "chr9:1051-1072:+", 6 * factor, f"mature,{LET7A_STAR}")
        + row("hsa-let-7a-2", "chr11:5000-5022:-", 50 * factor, f"mature,{LET7A}")
        + row("hsa-let-7a-2", "chr11:5000-5023:-", 5 * factor, f"mature,{LET7A}")
        + row("hsa-let-7a-2", "chr11:5002-5022:-", 2 * factor, f"mature,{LET7A}")
    )


ONE = (
    HEADER
    + let7a()
    + row("hsa-mir-24-2", "chr19:300-322:-", 30, f"mature,{MIR24_2}")
    + row("hsa-mir-24-2", "chr19:100-122:-", 90, "mature,MIMAT0000080")
    + row("hsa-mir-24-1", "chr9:700-722:+", 40, "mature,MIMAT0000080")
    + row("hsa-mir-8", "chr1:1-9:+", 3, "precursor")
    + row("hsa-mir-8", "chr1:1-9:+", 2, "unannotated")
)
GFF3 = "##gff-version 3\n# comment\n" + "".join(
    f"{chrom}\t.\t{kind}\t{start}\t{end}\t.\t{strand}\t.\tID={acc};Alias={acc};Name={name};Derives_from=MI1\n"
    for chrom, kind, start, end, strand, acc, name in [
        ("chr9", "miRNA_primary_transcript", 990, 1080, "+", "MI0000060", "hsa-let-7a-1"),
        ("chr9", "miRNA", 1000, 1023, "+", LET7A, "hsa-let-7a-5p"),
        ("chr11", "miRNA", 4998, 5021, "-", LET7A, "hsa-let-7a-5p"),
        ("chr9", "miRNA", 1052, 1071, "+", LET7A_STAR, "hsa-let-7a-3p"),
        ("chr19", "miRNA", 900, 921, "-", MIR24_2, "hsa-miR-24-2-5p"),
    ]
)


def by_offset(counts, accession):
    here = counts.isel(isomir=counts["accession"].values == accession)
    ends = zip(here["offset_5p"].values.tolist(), here["offset_3p"].values.tolist(), strict=True)
    return dict(zip(ends, here["counts"].values.tolist(), strict=True))


def test_loci_are_aligned_along_the_strand_and_summed(put):
    counts = read_counts(put("abc" + ENDING, ONE))
    assert counts.attrs["format"] == "gdc"
    assert counts["sample"].values.tolist() == ["abc"]
    assert by_offset(counts, LET7A) == {(0, 0): [150], (-1, 0): [15], (0, -2): [6]}
    assert f"{LET7A}|-1|0" in counts["isomir"].values
    assert counts["total"].values.tolist() == [150 + 15 + 6 + 6 + 30 + 90 + 40]
    notes = counts.attrs["notes"]
    assert notes[0] == "2 row(s) outside mature miRNAs (precursor, stemloop, unannotated) were left out."
    assert "4 row(s) of one isomiR at another locus of its miRNA" in notes[2]


def test_names_are_derived_from_the_precursors(put):
    counts = read_counts(put("abc" + ENDING, ONE))
    names = dict(zip(counts["accession"].values, counts["mirna"].values, strict=True))
    assert names == {
        LET7A: "hsa-let-7a-5p",
        LET7A_STAR: "hsa-let-7a-1-3p",
        MIR24_2: "hsa-miR-24-2-5p",
        "MIMAT0000080": "hsa-miR-24-3p",
    }
    assert "names of 4 miRNAs were derived" in counts.attrs["notes"][1]


def test_two_accessions_with_one_derived_name_keep_apart(put):
    text = HEADER + "".join(
        row("hsa-mir-9", f"chr1:{p}-{p + 20}:+", 5, f"mature,MIMAT{i}") for i, p in enumerate((1, 50, 90))
    )
    names = set(read_counts(put("abc" + ENDING, text))["mirna"].values)
    assert names == {"hsa-miR-9_MIMAT0", "hsa-miR-9_MIMAT1", "hsa-miR-9_MIMAT2"}


@pytest.mark.parametrize(
    "names",
    [
        {LET7A: "hsa-let-7a-5p", LET7A_STAR: "star"},
        pd.DataFrame({"name": ["hsa-let-7a-5p"], "acc": [LET7A]}),
        f">hsa-let-7a-5p {LET7A} Homo sapiens let-7a-5p\nUGAGGUAGUAGGUUGUAUAGUU\n",
        f"mature_name\taccession\nhsa-let-7a-5p\t{LET7A}\n",
        f'"hsa-let-7a-5p","{LET7A}"\n"hsa-miR-x","MIMAT1"\n',
    ],
    ids=["dict", "frame", "fasta", "tsv", "csv"],
)
def test_names_from_mirbase(put, names):
    if isinstance(names, str):
        names = put("names.txt", names)
    counts = read_counts(put("abc" + ENDING, ONE), names=names)
    assert "hsa-let-7a-5p" in counts["mirna"].values
    assert "are not in names and got a derived name" in counts.attrs["notes"][1]


def test_mirbase_coordinates_are_the_origin_of_offsets(put):
    counts = read_counts(put("abc" + ENDING, ONE), names=put("hsa.gff3", GFF3))
    # miRBase's let-7a is [1000, 1024) and [4998, 5022) here: two nt longer at its 3' end than the reads
    assert by_offset(counts, LET7A) == {(0, -2): [150], (-1, -2): [15], (0, -4): [6]}
    assert by_offset(counts, LET7A_STAR) == {(-1, 0): [6]}
    assert by_offset(counts, MIR24_2) == {
        (0, 0): [30]
    }  # 600 nt away in the GFF3: its own most abundant isoform
    assert "5' and 3' offsets count from miRBase's mature sequences." in counts.attrs["notes"]


def test_names_that_do_not_fit_are_refused(put):
    path = put("abc" + ENDING, ONE)
    with pytest.raises(InputError, match="none of the accessions of the counts"):
        read_counts(path, names={"MIMAT9999999": "x"})
    with pytest.raises(InputError, match="no row has a miRBase accession"):
        read_counts(path, names=put("names.tsv", "a\tb\nc\td\n"))


def test_sample_sheet_names_the_files(put, tmp_path):
    put("gdc/1/abc" + ENDING, ONE)
    put("gdc/2/def" + ENDING, HEADER + let7a(3))
    sheet = "File ID\tFile Name\tCase ID\tSample ID\tSample Type\n" + "".join(
        f"{i}\t{name}{ENDING}\tC{i}\tTCGA-{i}\t{kind}\n"
        for i, name, kind in [
            (1, "abc", "Tumor"),
            (2, "def", "Normal"),
            (3, "ghi", "Normal"),
            (3, "jkl", "Normal"),
        ]
    )
    counts = read_counts(tmp_path / "gdc", samples=put("sheet.tsv", sheet))
    assert counts["sample"].values.tolist() == ["TCGA-1", "TCGA-2"]
    assert counts["Sample Type"].values.tolist() == ["Tumor", "Normal"]
    assert by_offset(counts, LET7A)[0, 0] == [150, 450]
    assert by_offset(counts, MIR24_2) == {(0, 0): [30, 0]}
    one_row = "\n".join(line for line in sheet.splitlines() if "def" not in line) + "\n"
    with pytest.raises(InputError, match=r"def\.mirbase21.*is not there in column 'File Name'"):
        read_counts(tmp_path / "gdc", samples=put("sheet.tsv", one_row))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            ONE.replace("chr9:999-1022:+", "chr9:999"),
            "line 3: 'hg38:chr9:999' is not build:chromosome:start-end:strand",
        ),
        (ONE.replace("\t10\t", "\tten\t"), "line 3, column 'read_count': 'ten' is not a number"),
        (ONE[:-30], r"line 13: \d column\(s\), where the header"),
        (
            HEADER + row("hsa-mir-8", "chr1:1-9:+", 3, "precursor"),
            r"no row has a region 'mature,MIMAT\.\.\.'",
        ),
    ],
)
def test_damage_is_named(put, text, message):
    with pytest.raises(InputError, match=message):
        read_counts(put("abc" + ENDING, text))


def test_counts_per_mirna_are_refused(put):
    text = "miRNA_ID\tread_count\treads_per_million_miRNA_mapped\tcross-mapped\nhsa-let-7a-1\t5\t1.5\tN\n"
    with pytest.raises(InputError, match=r"quantification per miRNA .* Give isoforms\.quantification\.txt"):
        read_counts(put("abc.mirbase21.mirnas.quantification.txt", text))
    with pytest.raises(InputError, match="no column 'isoformcoords'"):
        read_counts(put("abc.txt", text), format="gdc")


LONG_TABLE = (
    '"","miRNA_ID","isoform_coords","read_count","reads_per_million_miRNA_mapped","cross.mapped",'
    '"miRNA_region","barcode"\n'
)


def long_row(i, coords, count, barcode):
    return f'"{i}","hsa-let-7a-1","hg38:chr9:{coords}:+",{count},1.5,"N","mature,MIMAT0000062","{barcode}"\n'


def test_the_long_table_of_tcgabiolinks_is_the_files_it_was_made_of(put):
    a, b = "TCGA-AA-0001-01A", "TCGA-AA-0002-11A"
    one, two = "94175957-94175979", "94175958-94175979"
    text = LONG_TABLE + long_row(1, one, 5, a) + long_row(2, two, 9, a) + long_row(3, one, 4, b)
    counts = read_counts(put("isoforms.csv", text))
    assert counts.attrs["format"] == "gdc"
    assert counts["sample"].values.tolist() == [a, b]
    assert counts["counts"].values.tolist() == [[5, 4], [9, 0]]
    with pytest.raises(InputError, match=f"sample '{b}' is both in .*isoforms.csv and in .*more.csv"):
        read_counts([put("isoforms.csv", text), put("more.csv", LONG_TABLE + long_row(1, one, 4, b))])


def test_reads_of_two_loci_may_be_more_than_an_int32_holds(put):
    text = (
        HEADER
        + row("hsa-let-7a-1", "chr9:1000-1022:+", 2_000_000_000, f"mature,{LET7A}")
        + row("hsa-let-7a-2", "chr11:5000-5022:-", 1_900_000_000, f"mature,{LET7A}")
    )
    for apart in (False, True):
        counts = read_counts(put("abc" + ENDING, text), drop_rare=apart)
        assert counts["counts"].values.tolist() == [[3_900_000_000]]
        assert counts["total"].values.tolist() == [3_900_000_000]
