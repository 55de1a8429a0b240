"""Files as the upstream tools wrote them, and damaged copies of them."""

import gzip
import re
from collections import defaultdict
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.readers import read_counts

FORMATS, MIR = "native_formats", "mirdata/native"
MIRTOP, SYNTHETIC = (
    f"{FORMATS}/mirtop/native/data__examples__",
    f"{FORMATS}/synthetic_100/native/synthetic__tools__",
)
#: file, format, isomiRs, reads of each sample, column of the counts (from 0), damage that is seen
READABLE = [
    (f"{FORMATS}/mirge3_mapped/mapped.csv", "mirge", 4987, None, 11),
    (f"{MIR}/mirtop__mirtop_rawData.tsv", "mirtop", 164, [2064, 6091], 6),
    (f"{MIR}/run__mirtop__mirtop.gff", "mirgff3", 164, [2064, 6091], None),
    (f"{MIR}/run__mirtop__sample1.gff", "mirgff3", 79, [2064], None),
    (f"{MIR}/sample1.mirna", "seqbuster", 99, [2551], 2),
    (f"{MIR}/sample2.mirna", "seqbuster", 99, [6435], 2),
    (f"{MIRTOP}annotate__SQL_sample.gff", "mirgff3", 106, [698], None),
    (f"{MIRTOP}gff__2samples.gff", "mirgff3", 2, [70, 35], None),
    (f"{MIRTOP}gff__correct_file.gff", "mirgff3", 12, [12], None),
    (f"{MIRTOP}isomir-sea__tagMir-all.gff", "mirgff3", 5, [773], None),
    (f"{MIRTOP}optimir__synthetic_100_full.gff3", "mirgff3", 30, [2693], None),
    (f"{MIRTOP}seqbuster__reads.mirna", "seqbuster", 56, [8982], 2),
    (f"{MIRTOP}srnabench__microRNAannotation.txt", "srnabench", 5, [284], 5),
    (f"{MIRTOP}srnabench__reads.annotation", "srnabench", 5, [284], 1),
    (f"{MIRTOP}synthetic__let7a-5p.gff", "mirgff3", 12, [12], None),
    (f"{MIRTOP}versions__version1.0.gff", "mirgff3", 4, [4], None),
    (f"{SYNTHETIC}bcbio__synthetic-mirbase-ready.gff", "mirgff3", 40, [6610], None),
    (f"{SYNTHETIC}isomirsea__tagMir-all.gff", "mirgff3", 29, [2324], None),
    (f"{SYNTHETIC}mirge__synthetic_100_full_isomiRs_march.gff", "mirgff3", 44, [6567], None),
    (f"{SYNTHETIC}sRNAbench__microRNAannotation.txt", "srnabench", 42, [5817], 5),
    (f"{SYNTHETIC}sRNAbench__reads.annotation", "srnabench", 42, [5817], 1),
    (
        "tcga_hnsc/native/21db45f1-f0fe-4701-b750-017fd39a6809.mirbase21.isoforms.quantification.txt",
        "gdc",
        4130,
        [6393376],
        2,
    ),
]
IDS = [re.sub(r".*__|.*/", "", entry[0])[:30] + f"-{i}" for i, entry in enumerate(READABLE)]
EACH = pytest.mark.parametrize(("name", "format", "isomirs", "totals", "column"), READABLE, ids=IDS)


@pytest.fixture
def data(shared: Path) -> Path:
    return shared / "data"


def body_line(text: str) -> int:
    """Index of a line in the middle of the body."""
    lines = text.splitlines()
    start = next(i for i, line in enumerate(lines) if not line.startswith("#")) + 1
    return (start + len(lines)) // 2


@EACH
def test_native_file(data, name, format, isomirs, totals, column):
    counts = read_counts(data / name)
    assert counts.attrs["format"] == format
    assert counts.sizes["isomir"] == isomirs
    if totals is not None:
        assert counts["total"].values.tolist() == totals


@EACH
def test_native_file_with_other_line_ends_compression_and_mark(
    data, tmp_path, name, format, isomirs, totals, column
):
    whole = read_counts(data / name)
    text = (data / name).read_text().replace("\r\n", "\n")
    folder = tmp_path / (data / name).parent.name  # names the sample where the file does not
    folder.mkdir()
    path = folder / Path(name).name
    for copy in (text.replace("\n", "\r\n").encode(), gzip.compress(text.encode()), text.encode("utf-8-sig")):
        path.write_bytes(copy)
        assert read_counts(path).drop_attrs().identical(whole.drop_attrs())


@EACH
def test_native_file_cut_off_in_a_line(data, tmp_path, name, format, isomirs, totals, column):
    lines = (data / name).read_text().splitlines()
    path = tmp_path / Path(name).name
    path.write_text("\n".join([*lines[:-1], lines[-1][:6]]))
    with pytest.raises(InputError, match=rf"{re.escape(str(path))}, line {len(lines)}: \d+ column\(s\)"):
        read_counts(path)
    packed = gzip.compress("\n".join(lines).encode() * 3)
    path.write_bytes(packed[: len(packed) - 20])
    with pytest.raises(InputError, match="cut off or damaged"):
        read_counts(path)


@EACH
def test_native_file_without_a_column_in_one_line(data, tmp_path, name, format, isomirs, totals, column):
    text = (data / name).read_text().replace("\r\n", "\n")
    lines, at = text.splitlines(), body_line(text)
    delimiter = "," if name.endswith(".csv") else "\t"
    lines[at] = delimiter.join(lines[at].split(delimiter)[:-2])
    path = tmp_path / Path(name).name
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(InputError, match=rf"line {at + 1}: \d+ column\(s\)"):
        read_counts(path)


@EACH
def test_native_file_with_a_corrupt_count(data, tmp_path, name, format, isomirs, totals, column):
    text = (data / name).read_text().replace("\r\n", "\n")
    lines, at = text.splitlines(), body_line(text)
    if column is None:
        for i, line in enumerate(lines):  # Filter Pass is looked at before the count
            if i >= at and re.search(r"(?i)filter[= ]pass", line):
                lines[i] = re.sub(r"((Expression|TC)[= ])[^;\"]*", r"\1oops", line, count=1)
                at = i
                break
    else:
        delimiter = "," if name.endswith(".csv") else "\t"
        cells = lines[at].split(delimiter)
        cells[column] = "oops"
        lines[at] = delimiter.join(cells)
    path = tmp_path / Path(name).name
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(InputError, match=rf"line {at + 1}\b.*oops"):
        read_counts(path)


@EACH
def test_native_file_with_latin1_bytes(data, tmp_path, name, format, isomirs, totals, column):
    text = (data / name).read_text().replace("\r\n", "\n")
    lines, at = text.splitlines(), body_line(text)
    lines[at] = lines[at].replace("hsa-", "hsä-")
    path = tmp_path / Path(name).name
    path.write_bytes(("\n".join(lines) + "\n").encode("latin-1"))
    counts = read_counts(path)
    assert "1 file(s) are not UTF-8: their bytes were read as Latin-1." in counts.attrs["notes"]
    assert any("hsä" in mirna for mirna in counts["mirna"].values)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (f"{FORMATS}/mirge3/native/data__raw__miR.Counts.csv", r"per miRNA.*mapped\.csv"),
        (f"{FORMATS}/mirge3/native/data__raw__annotation.report.csv", r"annotation report.*mapped\.csv"),
        (f"{FORMATS}/mirge3/native/Transplantation__data__phenotable.tsv", "every column holds text"),
        (f"{MIRTOP}plot__example_count.tsv", r"draws plots from.*mirtop\.tsv"),
        (f"{MIRTOP}prost__prost.example.txt", "PROST!"),
        (f"{MIRTOP}seqbuster__seqbuster_nofreq.mirna", "no column 'freq'"),
        ("tcga_hnsc/native/sample_sheet.tsv", "GDC sample sheet"),
    ],
)
def test_native_file_that_holds_no_isomir_counts(data, name, message):
    with pytest.raises(InputError, match=message):
        read_counts(data / name)


def test_uncollapsed_seqbuster_counts_rows(data):
    counts = read_counts(data / f"{MIRTOP}seqbuster__seqbuster_nofreq.mirna", one_read_per_row=True)
    assert counts["counts"].values.tolist() == [[9]]


def test_isomirdataseq_equals_the_table(data, long_form):
    table = read_counts(data / "mirdata/counts.tsv.gz", data / "mirdata/samples.tsv")
    native = read_counts(data / "mirdata/native/mirData.rda")
    pd.testing.assert_frame_equal(long_form(native), long_form(table))
    assert native["isomir"].values.tolist() == table["isomir"].values.tolist()
    for name in ("mism", "add", "t5", "t3"):
        assert native[name].values.tolist() == table[name].values.tolist()
    assert native["condition"].values.tolist() == table["group"].values.tolist()


def test_the_table_equals_a_plain_reading(data, real_counts):
    counts = read_counts(data / "mirdata/counts.tsv.gz", data / "mirdata/samples.tsv")
    plain = real_counts("mirdata")
    assert np.array_equal(counts["counts"], plain["counts"])
    assert counts["isomir"].values.tolist() == plain["isomir"].values.tolist()
    assert counts["group3"].values.tolist() == plain["group3"].values.tolist()
    assert counts["covariate"].dtype == float


def test_summarized_experiment_equals_the_table(data, long_form):
    table = read_counts(data / "monocyte_example/counts.tsv.gz", data / "monocyte_example/samples.tsv")
    native = read_counts(data / "monocyte_example/se_example.rda", data / "monocyte_example/samples.tsv")
    pd.testing.assert_frame_equal(long_form(native), long_form(table))
    assert native["group"].values.tolist() == table["group"].values.tolist() == list("AAABBB")
    assert native["match"].values.tolist() == table["match"].values.tolist()


def test_mapped_csv_equals_the_rows_of_the_table(data, long_form):
    table = long_form(read_counts(data / "mirdata/counts.tsv.gz"))
    mapped = long_form(read_counts(data / f"{FORMATS}/mirge3_mapped/mapped.csv"))
    pd.testing.assert_frame_equal(mapped, table.loc[mapped.index])


def test_mirtop_formats_agree(data, long_form):
    joint = long_form(read_counts(data / f"{MIR}/run__mirtop__mirtop.gff"))
    raw = long_form(read_counts(data / f"{MIR}/mirtop__mirtop_rawData.tsv"))
    single = long_form(read_counts([data / f"{MIR}/run__mirtop__sample{i}.gff" for i in (1, 2)]))
    pd.testing.assert_frame_equal(joint, raw)
    pd.testing.assert_frame_equal(joint, single)


def test_srnabench_files_agree(data, long_form):
    reads = long_form(read_counts(data / f"{SYNTHETIC}sRNAbench__reads.annotation"))
    mirnas = long_form(read_counts(data / f"{SYNTHETIC}sRNAbench__microRNAannotation.txt"))
    pd.testing.assert_frame_equal(reads.set_axis(["A"], axis=1), mirnas.set_axis(["A"], axis=1))


def test_gdc_sums_equal_those_of_a_plain_sum(data):
    folder = data / "tcga_hnsc/native"
    counts = read_counts(folder)
    assert counts.sizes["sample"] == 6
    sums: dict[tuple[str, str], int] = defaultdict(int)
    for path in sorted(folder.glob("*.isoforms.quantification.txt")):
        for line in path.read_text().splitlines()[1:]:
            cells = line.split("\t")
            if cells[5].startswith("mature,"):
                sums[path.name.split(".")[0], cells[5].split(",")[1]] += int(cells[2])
    frame = pd.DataFrame(counts["counts"].values, columns=counts["sample"].values)
    totals = frame.groupby(counts["accession"].values).sum()
    assert {(s, a): n for s in totals for a, n in totals[s].items() if n} == sums
    assert len(set(counts["isomir"].values)) == counts.sizes["isomir"]


def test_gdc_offsets_and_names_are_those_of_mirbase_where_reads_are_many(data):
    """Against the same isomiRs of twenty other samples, whose offsets and names come from miRBase 22."""
    counts = read_counts(data / "tcga_hnsc/native")
    ours = (
        counts.drop_vars("sample")
        .to_dataframe()
        .reset_index()[["isomir", "mirna", "accession", "offset_5p", "offset_3p", "counts"]]
    )
    ours = ours.groupby(["accession", "mirna", "offset_5p", "offset_3p"])["counts"].sum().reset_index()
    table = pd.read_csv(data / "tcga_hnsc/counts.tsv.gz", sep="\t")
    table["reads"] = table.iloc[:, 5:].sum(axis=1)
    names = dict(zip(table["MIMAT"], table["miRNA"], strict=True))
    reads = ours.groupby(["accession", "mirna"])["counts"].sum().reset_index()
    same = reads["mirna"] == reads["accession"].map(names)
    assert (
        reads.loc[same, "counts"].sum() / reads["counts"].sum() > 0.97
    )  # 0.977, the rest mostly hsa-miR-375
    for accession in (
        "MIMAT0000062",
        "MIMAT0000244",
        "MIMAT0000076",
        "MIMAT0000100",
    ):  # three, two, one and two loci
        a = ours[ours["accession"] == accession].set_index(["offset_5p", "offset_3p"])["counts"]
        b = table[table["MIMAT"] == accession].set_index(["off5", "off3"])["reads"]
        window = [
            (p, q) for p in (-1, 0, 1) for q in (-2, -1, 0, 1, 2)
        ]  # the most abundant isoform is not miRBase's
        assert max(similarity(a, b, shift) for shift in window) > 0.95


def similarity(a: pd.Series, b: pd.Series, shift: tuple[int, int]) -> float:
    """Bhattacharyya coefficient of two profiles of ends, the first one shifted."""
    moved = a.set_axis(pd.MultiIndex.from_tuples([(p + shift[0], q + shift[1]) for p, q in a.index]))
    both = pd.concat([moved / moved.sum(), b / b.sum()], axis=1).fillna(0).to_numpy()
    return float(np.sqrt(both[:, 0] * both[:, 1]).sum())


def test_gdc_sample_sheet_of_the_whole_project(data):
    counts = read_counts(data / "tcga_hnsc/native", data / "tcga_hnsc/native/sample_sheet.tsv")
    assert all(name.startswith("TCGA-") for name in counts["sample"].values)
    assert set(counts["Sample Type"].values) == {"Primary Tumor", "Solid Tissue Normal"}
