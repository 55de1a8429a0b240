import bz2
import gzip
import lzma
import os
import tracemalloc

import pytest

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.readers import _open, read_counts
from bayes_mirglmm.readers._open import blocks, numbered_lines, peek

TABLE = "isomir\tmirna\ts1\ts2\niso1\thsa-miR-1-3p\t9\t0\niso2\thsa-miR-1-3p\t4\t7\n"

TAKEN = "no sample table tells the samples: 2 column(s) were taken for them (s1, s2)."


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress, bytes])
@pytest.mark.parametrize("name", ["counts.tsv", "counts.tsv.gz", "counts"])
def test_compression_is_seen_from_the_content(put, compress, name):
    counts = read_counts(put(name, compress(TABLE.encode())))
    assert counts["counts"].values.tolist() == [[9, 0], [4, 7]]


@pytest.mark.parametrize(
    "content",
    [
        TABLE.replace("\n", "\r\n").encode(),
        TABLE.replace("\n", "\r").encode(),
        TABLE.encode("utf-8-sig"),
        TABLE.encode("utf-16"),
        TABLE.rstrip("\n").encode(),
        ("\n\n" + TABLE.replace("iso2", "\n   \niso2") + "\n\n").encode(),
    ],
    ids=["crlf", "cr", "bom", "utf16", "no-last-newline", "blank-lines"],
)
def test_line_ends_and_marks_do_not_matter(put, content):
    counts = read_counts(put("counts.tsv", content))
    assert counts["counts"].values.tolist() == [[9, 0], [4, 7]]
    assert counts["isomir"].values.tolist() == ["iso1", "iso2"]
    assert counts["sample"].values.tolist() == ["s1", "s2"]


@pytest.mark.parametrize("at", ["head", "later"])
def test_bytes_that_are_not_utf8_are_latin1_and_noted(put, at, monkeypatch):
    if at == "later":
        monkeypatch.setattr(_open, "HEAD_BYTES", 40)
    counts = read_counts(put("counts.tsv", TABLE.replace("iso2", "isö2"), encoding="latin-1"))
    assert counts["isomir"].values.tolist() == ["iso1", "isö2"]
    assert counts.attrs["notes"] == [TAKEN, "1 file(s) are not UTF-8: their bytes were read as Latin-1."]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (gzip.compress(b""), "is empty"),
        (b"\n \n\t\n", "only blank lines"),
        (b"# a comment\n# another\n", "only comment lines"),
        (gzip.compress(TABLE.encode() * 500)[:-40], "cut off or damaged"),
        (bz2.compress(TABLE.encode() * 500)[:-40], "cut off or damaged"),
        (lzma.compress(TABLE.encode() * 500)[:-40], "cut off or damaged"),
        (gzip.compress(TABLE.encode())[:-8] + b"12345678", "cut off or damaged"),
        (bytes(range(256)), "binary file of unknown format"),
        (b"PK\x03\x04rest", "zip archive or an Excel workbook"),
        (b"PAR1rest", r"pandas\.read_parquet"),
        (b"BAM\x01rest", "BAM file"),
        (b"  <!DOCTYPE html><html><body>404</body></html>", "web page"),
        (b"<?xml version='1.0'?><Error>denied</Error>", "web page"),
        (b">read1\nACGT\n", "holds sequences"),
        (b"@read1\nACGT\n+\nIIII\n", "holds sequences"),
        (b"just a sentence\nand another\n", "no tab, comma or semicolon|no column holds"),
    ],
)
def test_what_is_no_table_is_refused_by_name(put, content, message):
    path = put("counts.csv", content)
    with pytest.raises(InputError, match=message) as error:
        read_counts(path)
    assert str(path) in str(error.value)


def test_missing_and_unreadable_files_are_named(tmp_path):
    with pytest.raises(InputError, match=r"nothing\.tsv: no such file"):
        read_counts(tmp_path / "nothing.tsv")
    with pytest.raises(InputError, match="no file matches"):
        read_counts(str(tmp_path / "*.mirna"))
    with pytest.raises(InputError, match="no file was given"):
        read_counts([])
    closed = tmp_path / "closed.tsv"
    closed.write_text(TABLE)
    closed.chmod(0)
    if not os.access(closed, os.R_OK):
        with pytest.raises(InputError, match="cannot be read"):
            read_counts(closed)


@pytest.mark.parametrize("where", ["first", "later"])
def test_a_line_without_end_is_refused_in_bounded_memory(tmp_path, where):
    path = tmp_path / "long.tsv"
    with path.open("wb") as file:
        if where == "later":
            file.write(TABLE.encode())
        for _ in range(100):
            file.write(b"A" * 2**20)
    tracemalloc.start()
    with pytest.raises(InputError, match="no line end in 4 million characters"):
        read_counts(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40e6  # of a file of 105 MB


def test_a_bomb_of_zeros_is_refused_in_bounded_memory(put):
    path = put("counts.tsv.gz", gzip.compress(bytes(20 * 2**20)))
    tracemalloc.start()
    with pytest.raises(InputError, match="binary file"):
        read_counts(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10e6


def test_blocks_join_lines_across_chunks(put, monkeypatch):
    text = TABLE + "\n" + TABLE
    path = put("counts.tsv", text)
    for size in (1, 7, 30, 50, 64, 1000):
        monkeypatch.setattr(_open, "BLOCK_CHARACTERS", size)
        read = list(blocks(path, "utf-8"))
        assert "".join(block for _, block in read) == text
        assert all(block.endswith("\n") for _, block in read)
        assert [number for number, _ in numbered_lines(path, "utf-8")] == [1, 2, 3, 5, 6, 7]


def test_the_head_of_a_long_file_has_a_few_hundred_rows(put):
    """Of thousands of files all have theirs at once."""
    text = "# a comment\n" * 300 + "\n" + "".join(f"a\t{i}\n" for i in range(1000))
    lines = peek(put("counts.tsv", text)).lines
    assert lines[:301] == ("# a comment",) * 300 + ("",)
    assert lines[301:] == tuple(f"a\t{i}" for i in range(250))


def test_the_head_is_bounded_and_ends_with_a_whole_line(put, monkeypatch):
    path = put("counts.tsv", TABLE * 100)
    monkeypatch.setattr(_open, "HEAD_BYTES", 100)
    assert peek(path).lines == tuple(TABLE.splitlines() + TABLE.splitlines()[:1])
    monkeypatch.setattr(_open, "HEAD_BYTES", 4)  # a header and two rows, even where they are wide
    assert peek(path).lines == tuple(TABLE.splitlines())
