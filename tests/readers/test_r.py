"""The R files are made by r_objects/make.R (R 4.2.2); their counts are those of COUNTS."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.readers import read_counts

FOLDER = Path(__file__).parent / "r_objects"
COUNTS = {
    ("TGAGGTAGTAGGTTGTATAGTT", "hsa-let-7a-5p"): [5, 1, 0],
    ("TGAGGTAGTAGGTTGTATAG", "hsa-let-7a-5p"): [0, 2, 9],
    ("TACAGTACTGTGATAACTGAA", "hsa-miR-101-3p"): [7, 3, 4],
}


def test_the_encoding_that_r_notes_is_believed():
    from bayes_mirglmm.readers._rparse import LATIN1, _decoded

    assert _decoded(b"\xc3\xa9", LATIN1) == "\u00c3\u00a9"  # also valid as UTF-8, where it is another letter
    assert _decoded(b"\xc3\xa9", 0) == "\u00e9"


@pytest.mark.parametrize("name", ["frame", "frame_ascii", "frame_native", "frame_uncompressed"])
def test_data_frames_in_every_layout_of_r(rows, name):
    counts = read_counts(FOLDER / f"{name}.rds")
    assert counts.attrs["format"] == "r"
    assert rows(counts) == COUNTS
    assert counts["note"].values.tolist()[0] == "café"
    assert pd.isna(counts["note"].values[1])
    assert counts["sample"].values.tolist() == ["S1", "S2", "S3"]


def test_a_tibble_beside_other_objects(rows):
    assert rows(read_counts(FOLDER / "tibble_xz.rda")) == COUNTS


def test_several_objects_need_a_name(rows):
    path = FOLDER / "two_frames_bz2.rda"
    with pytest.raises(InputError, match=r"several objects \(first, second\): name one with object='first'"):
        read_counts(path)
    assert rows(read_counts(path, object="second")) == COUNTS
    with pytest.raises(InputError, match="has no object 'third', only first, second"):
        read_counts(path, object="third")


def test_row_names_are_isomirs_where_no_column_is():
    assert read_counts(FOLDER / "frame_rownames.rds")["isomir"].values.tolist() == ["iso1", "iso2", "iso3"]


@pytest.mark.parametrize("kind", ["dense", "CsparseMatrix", "TsparseMatrix", "RsparseMatrix", "ranged"])
def test_summarized_experiments_with_all_their_baggage(rows, kind):
    counts = read_counts(FOLDER / f"se_{kind}.rds")
    assert rows(counts) == COUNTS
    assert counts["sample"].values.tolist() == ["S1", "S2", "S3"]
    assert counts["group"].values.tolist() == ["a", "b", "a"]
    assert counts["match"].values.tolist() == ["exact miRNA", "isomiR", "exact miRNA"]
    assert counts["age"].values[0] == 50


def test_a_sample_table_replaces_col_data():
    samples = pd.DataFrame({"batch": [1, 2, 3]}, index=["S3", "S2", "S1"])
    counts = read_counts(FOLDER / "se_dense.rds", samples)
    assert counts["batch"].values.tolist() == [3, 2, 1]
    assert "group" not in counts.coords


def test_an_assay_by_name():
    path = FOLDER / "se_dense.rds"
    with pytest.raises(InputError, match=r"column 'S1': .*5\.5.* is not a whole number"):
        read_counts(path, assay="logcpm")
    with pytest.raises(InputError, match="has no assay 'x', only logcpm, counts"):
        read_counts(path, assay="x")


def test_isomirdataseq_gives_its_raw_table(rows):
    counts = read_counts(FOLDER / "isomirdataseq.rda")
    assert rows(counts) == COUNTS
    assert counts["group"].values.tolist() == ["a", "b", "a"]
    assert "t5" in counts.coords


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("model", r"its object is of class lm, .*Export it in R: x <- readRDS\(\"model\.rds\"\)"),
        ("se_hdf5", r"assay 'counts' \(HDF5ArraySeed\) is not kept in the file itself\. Export it in R"),
        ("se_without_rowdata", r"rowData of its object is empty.*rowData\(x\)\$miRNA <- "),
    ],
)
def test_what_cannot_be_read_gets_the_line_of_r(name, message):
    with pytest.raises(InputError, match=message):
        read_counts(FOLDER / f"{name}.rds")


@pytest.mark.parametrize("keep", [0.2, 0.5, 0.9, 0.99])
@pytest.mark.parametrize(
    "name", ["frame_uncompressed.rds", "se_dense.rds", "isomirdataseq.rda", "frame_ascii.rds"]
)
def test_a_file_that_was_cut_off_is_refused(tmp_path, name, keep):
    data = (FOLDER / name).read_bytes()
    path = tmp_path / name
    path.write_bytes(data[: int(len(data) * keep)])
    with pytest.raises(InputError, match=r"cut off or damaged|cannot be read without R .*Export it in R"):
        read_counts(path)


def test_the_name_of_the_file_does_not_matter(tmp_path, rows):
    path = shutil.copy(FOLDER / "frame.rds", tmp_path / "counts.tsv")
    assert rows(read_counts(path)) == COUNTS
