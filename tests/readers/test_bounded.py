"""Small files that ask for much memory, and numbers that no integer of 64 bits holds."""

import bz2
import gzip
import lzma
import re

import numpy as np
import pytest

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.readers import _open, _robject, _rparse, read_counts
from bayes_mirglmm.readers._cells import as_count
from bayes_mirglmm.readers._open import NO_LAST_END

NO_END = NO_LAST_END.format(n=1) + "."
HUGE = "9" * 30


def refused(path, message, **options):
    with pytest.raises(InputError, match=message) as caught:
        read_counts(path, **options)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
@pytest.mark.parametrize("start", [b"RDX3\nX\n", b"isomir\tmirna\tA\tB\n"])
def test_what_unpacks_to_far_more_than_a_table_is_refused(put, monkeypatch, compress, start):
    monkeypatch.setattr(_open, "UNPACKED_BYTES", 2**20)
    row = b"i\tm\t1\t1\n" if start.startswith(b"i") else b"\0" * 8
    path = put("x.gz", compress(start + row * 2**19))  # 4 MB
    refused(path, r"bytes unpack to more than 1,\d{3},\d{3}, which no table of counts does")


def test_tables_of_a_usual_size_and_shrinkage_are_read(put, monkeypatch):
    monkeypatch.setattr(_open, "UNPACKED_BYTES", 1000)
    rows = "".join(f"i{i}\tm\t{i * 7 % 13}\t0\t0\t0\t0\n" for i in range(5000))
    counts = read_counts(put("x.tsv.gz", "isomir\tmirna\tA\tB\tC\tD\tE\n" + rows, gz=True))
    assert counts.sizes["isomir"] == 5000


def test_a_text_file_of_r_that_declares_a_vector_it_does_not_hold(put):
    path = put("x.rds", b"A\n3\n262657\n197888\n5\nUTF-8\n13\n2147483647\n1\n")
    refused(path, r"a vector of 2,147,483,647 values, which a file of its size does not hold")


def test_a_compact_sequence_is_not_longer_than_its_file():
    class State:
        value = np.array([2e9, 1, 1])

    for name in (b"compact_intseq", b"compact_realseq"):
        with pytest.raises(ValueError, match="a sequence of 2000000000 numbers in 49 bytes"):
            _rparse._altrep(49)[name](State)
    State.value = np.array([1000.0, 1, 1])
    assert len(_rparse._altrep(49)[b"compact_intseq"](State)[1]) == 1000


def test_a_sparse_matrix_is_not_far_larger_than_its_values():
    class Slot:
        def __init__(self, *values):
            self.value = np.array(values)

    slots = {"Dim": Slot(2 * 10**9, 2 * 10**9), "i": Slot(0), "p": Slot(0, 1), "x": Slot(1.0)}
    with pytest.raises(ValueError, match=r"2,000,000,000 x 2,000,000,000 cells has 1 values only"):
        _robject._sparse("dgCMatrix", slots)


def test_an_array_that_hdf5_only_declares(tmp_path):
    h5py = pytest.importorskip("h5py")
    pytest.importorskip("anndata")
    path = tmp_path / "x.h5ad"
    with h5py.File(path, "w") as file:
        file.create_dataset("X", shape=(10**6, 10**6), dtype="f8", chunks=(100, 100))
    refused(path, "bytes unpack to more than 67,108,864")


@pytest.mark.parametrize(
    ("text", "count"), [("9", 9), ("9.0", 9), ("1e3", 1000), (" 7 ", 7), (str(2**53), 2**53), ("0", 0)]
)
def test_cells_that_are_counts(text, count):
    assert as_count(text) == count


@pytest.mark.parametrize(
    "text", ["²", "1²", HUGE, str(2**53 + 1), "1e400", "inf", "nan", "-1", "1.5", "", "x"]
)
def test_cells_that_are_not(text):
    assert as_count(text) is None


GFF = (
    "## COLDATA: A\nhsa-let-7a-1\tm\tisomiR\t3\t26\t0\t+\t.\t"
    "Read TGAGGTAGTAGGTTGTATAGTT; Name hsa-let-7a-5p; Expression {}; Filter Pass\n"
)
ANNOTATION = (
    "TGAGGTAGTAGGTTGTATAG\t1\t1.0\tmature#sense\tmature#hsa-let-7a-5p#x\n"
    "TGAGGTAGTAGGTTGTATAGTT\t{}\t1.0\tmature#sense\tmature#hsa-let-7a-5p#x\n"
)
MIRNA = "seq\tname\tmir\tmism\tadd\tt5\tt3\nTGAGGTAGTAGGTTGTATAGTT\ts_x{}\thsa-let-7a-5p\t0\t0\t0\t0\n"
GDC = (
    "miRNA_ID\tisoform_coords\tread_count\treads_per_million_miRNA_mapped\tcross-mapped\tmiRNA_region\n"
    "hsa-let-7a-1\thg38:chr9:{1}-94175979:+\t{0}\t1.5\tN\tmature,MIMAT0000062\n"
)
TABLE = "isomir\tmirna\tA\nh\thsa-let-7a-5p\t1\ni\thsa-let-7a-5p\t{}\n"


@pytest.mark.parametrize(
    ("name", "text"),
    [("x.gff", GFF), ("reads.annotation", ANNOTATION), ("x.mirna", MIRNA), ("x.tsv", TABLE)],
)
@pytest.mark.parametrize("number", [HUGE, "18446744073709551616", "²", "1²"])
def test_numbers_that_no_count_is_are_refused_with_their_line(put, name, text, number):
    refused(put(name, text.format(number)), rf"line [23].*{re.escape(number)}")


def test_numbers_of_gdc_beyond_64_bits(put):
    refused(put("x.isoforms.quantification.txt", GDC.format(HUGE, "94175957")), "line 2.*is too large")
    refused(put("y.isoforms.quantification.txt", GDC.format("5", HUGE)), r"line 2: .*is not build:chromosome")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x.gff", GFF.format(12)),
        ("reads.annotation", ANNOTATION.format(12)),
        ("x.mirna", MIRNA.format(12)),
        ("x.tsv", TABLE.format(12)),
    ],
)
def test_a_file_without_its_last_line_end_is_noted(put, name, text):
    whole, cut = put(f"whole/{name}", text), put(f"cut/{name}", text[:-1])
    assert NO_END not in read_counts(whole).attrs["notes"]
    assert NO_END in read_counts(cut).attrs["notes"]
