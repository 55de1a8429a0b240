"""Opening a file of unknown origin: compression, encoding and kind by content, in bounded memory."""

import bz2
import codecs
import gzip
import lzma
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader, RawIOBase, TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, cast

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.readers._notes import Note

T = TypeVar("T")

#: Longest line that is taken for a line of a table, in characters (10,000 samples need about 0.1 million).
MAX_LINE = 4 * 2**20
HEAD_BYTES = 2**18
HEAD_LINES = 3  # a header and two rows, however wide
MOST_ROWS = 250  # of a head, besides blank lines and comments
BLOCK_CHARACTERS = (
    2**24
)  # of rows that are parsed at once, at most: tables of 10,000 samples have rows of 25,000
BLOCK_ROWS = 2_000  # that are enough for a block: parsing it takes up to twenty times the memory of its text
CHUNK_CHARACTERS = 2**21
ZARR = ("zarr.json", ".zgroup", ".zattrs")
#: A compressed file may unpack to this many bytes, or to this many times its own size. Count tables shrink to a fifth
#: to a hundredth; a file that shrank more holds one thing over and over, and is damaged or made to fill the memory.
UNPACKED_BYTES = 2**26
UNPACKED_TIMES = 200

COMPRESSED: tuple[tuple[bytes, Callable[[Path], Any]], ...] = (
    (b"\x1f\x8b", gzip.open),
    (b"BZh", bz2.open),
    (b"\xfd7zXZ\x00", lzma.open),
)
#: First bytes, kind, and for a kind that no reader takes what to do with it.
KINDS: tuple[tuple[bytes, str, str], ...] = (
    (b"\x89HDF\r\n\x1a\n", "hdf5", ""),
    *((magic, "r", "") for magic in (b"RDX2\n", b"RDX3\n", b"RDA2\n", b"RDA3\n", b"RDB2\n", b"RDB3\n")),
    *((magic, "r", "") for magic in (b"X\n\0\0\0\2", b"X\n\0\0\0\3", b"A\n2\n", b"A\n3\n", b"B\n")),
    (b"PK\x03\x04", "a zip archive or an Excel workbook", "unpack it, or save the sheet as CSV"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", "save the sheet as CSV"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive", "unpack it with 'zstd -d'"),
    (b"PAR1", "a parquet file", "save it as CSV, or pass pandas.read_parquet(...) of it to from_dataframe"),
    (b"BAM\x01", "a BAM file of aligned reads", "give the table that the quantification tool writes from it"),
    (b"%PDF", "a PDF", "give the table as text"),
    (b"SQLite format 3", "an SQLite database", "export the table as TSV"),
)
NO_LAST_END = (
    "{n} file(s) have no line end after the last row: if one was cut off there, its last count is too small"
)
BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
HTML = re.compile(r"\s*<(!doctype|html|head|body|\?xml)", re.IGNORECASE)


@dataclass(frozen=True)
class Head:
    """The beginning of a file: what detection and the readers look at before they read the whole.

    Attributes
    ----------
    path : Path
    kind : str
        ``"text"``, ``"r"`` (R's serialisation), ``"hdf5"`` or ``"zarr"``.
    encoding : str
        Of a text: ``"utf-8"``, ``"utf-8-sig"``, ``"utf-16"`` or ``"latin-1"``.
    lines : tuple of str
        Complete lines of the first 256 KiB (more of a table with wide rows), without line ends, up to the 250th that is
        neither blank nor a comment: of thousands of files all have their heads at once.
    """

    path: Path
    kind: str
    encoding: str = "utf-8"
    lines: tuple[str, ...] = ()

    @property
    def source(self) -> str:
        """What messages call the file."""
        return str(self.path)

    @property
    def first(self) -> str:
        """The first line that is neither blank nor a comment; the first line where all are."""
        return next((line for line in self.lines if line.strip() and not line.startswith("#")), self.lines[0])


def peek(path: Path) -> Head:
    """Read the beginning of a file and say what kind it is.

    Raises
    ------
    InputError
        The file is missing, empty, damaged, binary, a web page, or one endless line.
    """
    if not path.exists():
        raise InputError(f"{path}: no such file. Check the path and the working directory.")
    if not (path.is_file() or path.is_dir()):
        raise InputError(
            f"{path} is a pipe or a device: counts are read more than once. Save them to a file and give its path."
        )
    if is_zarr(path):
        return Head(path, "zarr")
    with open_bytes(path) as stream:
        data = more = stream.read(HEAD_BYTES)
        while more and max(data.count(b"\n"), data.count(b"\r")) < HEAD_LINES and len(data) <= MAX_LINE:
            more = stream.read(HEAD_BYTES)
            data += more
        whole = not more or len(data) < HEAD_BYTES
    if not data:
        raise InputError(f"{path} is empty: the tool that wrote it may have failed. Write or copy it again.")
    for magic, kind, remedy in KINDS:
        if data.startswith(magic):
            if remedy:
                raise InputError(f"{path} is {kind}, not a table of counts: {remedy}.")
            return Head(path, kind)
    encoding = next((name for bom, name in BOMS if data.startswith(bom)), "utf-8")
    if encoding != "utf-16" and b"\0" in data:
        raise InputError(
            f"{path} is a binary file of unknown format (NUL byte at {data.index(0)}): give the table of "
            "counts as text, as .rds/.rda, or as .h5ad."
        )
    if len(data) > MAX_LINE and not (b"\n" in data or b"\r" in data):
        raise _endless(path, 1)
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(data, final=whole)
    except UnicodeDecodeError:
        encoding, text = "latin-1", data.decode("latin-1")
    if HTML.match(text):
        raise InputError(
            f"{path} is a web page (HTML or XML), not a table: the download gave an error or a login page. "
            "Open the file to see what it says, and download it again."
        )
    lines = re.split("\r\n|\r|\n", text)
    if not whole or not lines[-1]:
        lines.pop()
    if not any(line.strip() for line in lines):
        raise InputError(f"{path} holds only blank lines: the tool that wrote it may have failed.")
    rows = (i for i, line in enumerate(lines) if line.strip() and not line.startswith("#"))
    return Head(path, "text", encoding, tuple(lines[: next(islice(rows, MOST_ROWS, None), len(lines))]))


def check_unpacked(path: Path, unpacked: int, size: int | None = None) -> None:
    """Refuse a compressed file (of ``size`` bytes, a folder's) of which ``unpacked`` are more than a table can be.

    Raises
    ------
    InputError
        They are more than :data:`UNPACKED_BYTES` and :data:`UNPACKED_TIMES` times the file.
    """
    size = path.stat().st_size if size is None else size
    most = max(UNPACKED_BYTES, UNPACKED_TIMES * size)
    if unpacked > most:
        raise InputError(
            f"{path}: its {size:,} bytes unpack to more than {most:,}, which no table of counts does: the file is "
            "damaged, or holds one thing over and over. Unpack it, look at it, and give it unpacked if it is right."
        )


def is_zarr(path: Path) -> bool:
    """Whether a folder is a zarr store, of version 2 or 3."""
    return path.is_dir() and any((path / name).is_file() for name in ZARR)


class _Bounded(RawIOBase):
    """A stream of unpacked bytes that ends in an error where there are more of them than a table can be."""

    def __init__(self, stream: BinaryIO, path: Path) -> None:
        self.stream = stream
        self.path = path
        self.read_already = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self.stream.read(len(buffer))
        self.read_already += len(data)
        check_unpacked(self.path, self.read_already)
        buffer[: len(data)] = data
        return len(data)


@contextmanager
def open_bytes(path: Path) -> Iterator[BinaryIO]:
    """Open a file for reading, decompressed by its first bytes (gzip, bzip2, xz), whatever its name."""
    try:
        with open(path, "rb") as raw:
            magic = raw.read(8)
        opener = next((opener for start, opener in COMPRESSED if magic.startswith(start)), None)
        with cast(BinaryIO, opener(path) if opener else open(path, "rb")) as stream:
            yield cast(BinaryIO, BufferedReader(_Bounded(stream, path))) if opener else stream
    except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile) as error:
        raise InputError(
            f"{path}: the compressed file is cut off or damaged ({error}). Check it with 'gzip -t' (or "
            "bzip2, xz), and download or copy it again."
        ) from error
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error}): check the path, its rights and the disk."
        ) from error


def decoding(head: Head, read: Callable[[str], T], notes: list[Note]) -> T:
    """Call ``read(encoding)``; where bytes turn out not to be UTF-8, again with Latin-1, and note it."""
    if head.encoding != "latin-1":
        try:
            return read(head.encoding)
        except UnicodeDecodeError:
            pass
    notes.append(Note("{n} file(s) are not UTF-8: their bytes were read as Latin-1", 1))
    return read("latin-1")


def blocks(path: Path, encoding: str, notes: list[Note] | None = None) -> Iterator[tuple[int, str]]:
    r"""Yield ``(number of the first line, text)``: whole lines, each ended by ``\n``, some 2 to 16 MB at a time.

    A last line without an end is noted: in a file that was cut inside its last number nothing else tells.

    Raises
    ------
    InputError
        A line is longer than :data:`MAX_LINE`.
    UnicodeDecodeError
        The encoding does not fit.
    """
    number, pieces, size, since = 1, [""], 0, 0
    with open_bytes(path) as stream:
        text = TextIOWrapper(stream, encoding=encoding, newline=None)
        while chunk := text.read(CHUNK_CHARACTERS):
            pieces.append(chunk)
            size += len(chunk)
            cut = chunk.rfind("\n") + 1
            since = len(chunk) - cut if cut else since + len(chunk)
            if since > MAX_LINE:
                raise _endless(path, number + sum(piece.count("\n") for piece in pieces))
            enough = BLOCK_ROWS * len(chunk) // (chunk.count("\n") + 1)
            if size >= min(BLOCK_CHARACTERS, enough) and cut:
                pieces[-1] = chunk[:cut]
                block, pieces, size = "".join(pieces), [chunk[cut:]], len(chunk) - cut
                yield number, block
                number += block.count("\n")
    block = "".join(pieces)
    cut = block.rfind("\n") + 1
    if cut:
        yield number, block[:cut]
        number += block.count("\n")
    rest = block[cut:]
    if rest:
        yield number, rest + "\n"
        if notes is not None and not rest.isspace():
            notes.append(Note(NO_LAST_END, 1))


def numbered_lines(path: Path, encoding: str, notes: list[Note] | None = None) -> Iterator[tuple[int, str]]:
    """Yield ``(line number, line)`` of every line that is not blank, without line ends."""
    for first, block in blocks(path, encoding, notes):
        for number, line in enumerate(block.split("\n"), first):
            if line and not line.isspace():
                yield number, line


def _endless(path: Path, number: int) -> InputError:
    return InputError(
        f"{path}, line {number}: no line end in {MAX_LINE / 1e6:.0f} million characters, so this is not a "
        "table of rows. Give the table as its tool writes it, one isomiR a line."
    )
