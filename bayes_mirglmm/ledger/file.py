"""A file that records are appended to, which a kill at any moment leaves readable.

After a first line frames follow: length, checksum, bytes. A frame that is cut off, or has another checksum, ends the
file: what a killed process was just writing. The first frame is the header (what is fitted), each other one a miRNA's
name and its records.
"""

import contextlib
import logging
import os
import struct
import time
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.ledger.encoding import decode, encode
from bayes_mirglmm.records import MirnaRecord

logger = logging.getLogger(__name__)

FIRST_LINE = b"bayes_mirglmm ledger 1\n"
FRAME = struct.Struct("<QI")  # length and CRC-32 of what follows
#: Seconds between two times that the disk itself is waited for. A killed process loses nothing without it; a machine
#: without power loses what was written since.
SYNC_INTERVAL = 5.0

Pair = tuple[MirnaRecord, MirnaRecord]


class Contents(NamedTuple):
    """What a ledger holds."""

    header: dict[str, Any]
    pairs: dict[str, Pair]  #: by miRNA: the fit by maximum likelihood, and the method's own
    end: int  #: bytes of it that are whole


class Ledger:
    """A ledger that is being written. Its file is the caller's to lock.

    Parameters
    ----------
    path : Path
        A file that is there is continued after ``end``; a new one begins with ``header``.
    header : mapping
        What is fitted: a tree for :func:`~bayes_mirglmm.ledger.encoding.encode`.
    end : int, optional
        Where the whole frames of the file end (:class:`Contents`).

    Raises
    ------
    OSError
        The file cannot be written.
    """

    def __init__(self, path: Path, header: Mapping[str, Any], *, end: int | None = None) -> None:
        self.path = path
        self.synced = time.monotonic()
        self.waiting: list[bytes] = []
        self.told = False
        self.count = 0  #: of miRNAs added
        if end is None:
            # Whole under another name first: a ledger without a header is none.
            new = path.with_name(path.name + ".new")
            with new.open("wb") as file:
                file.write(FIRST_LINE + _frame(encode(header)))
                _to_disk(file)
            os.replace(new, path)
            end = path.stat().st_size
        self.end = end
        self.file: IO[bytes] = path.open("r+b", buffering=0)
        self.file.truncate(end)
        self.file.seek(end)

    def add(self, mirna: str, pair: Pair) -> None:
        """Write the records of a finished miRNA; where the disk is full they wait, and a warning says so."""
        ml, own = pair
        self.count += 1
        self.waiting.append(_frame(encode([mirna, [ml] if own is ml else [ml, own]])))
        self._write()

    def _write(self) -> None:
        data = b"".join(self.waiting)
        try:
            view, written = memoryview(data), 0
            while written < len(data):
                written += self.file.write(view[written:]) or 0
            if time.monotonic() - self.synced > SYNC_INTERVAL:
                _to_disk(self.file)
                self.synced = time.monotonic()
        except OSError as error:
            with contextlib.suppress(OSError):
                self.file.truncate(self.end)
                self.file.seek(self.end)
            if not self.told:
                self.told = True
                logger.warning(
                    "%s cannot be written (%s): the fit goes on and tries again, but a run that is killed now loses "
                    "the miRNAs since.", self.path, os.strerror(error.errno) if error.errno else error,
                )  # fmt: skip
        else:
            self.end += len(data)
            self.waiting = []

    def close(self) -> None:
        """Write what is waiting, and let go of the file; a second time does nothing."""
        if self.file.closed:
            return
        if self.waiting:
            self._write()
        with contextlib.suppress(OSError):
            _to_disk(self.file)
        self.file.close()


def read_ledger(path: Path, *, header_only: bool = False) -> Contents:
    """Read a ledger as far as it is whole.

    Raises
    ------
    InputError
        It is not a ledger, or its first part is damaged.
    """
    try:
        with path.open("rb") as file:
            if file.readline(len(FIRST_LINE)) != FIRST_LINE:
                raise ValueError("it does not start as one")
            frames = _frames(file)
            first, end = next(frames, (None, 0))
            if first is None:
                raise ValueError("its first part is cut off")
            header = decode(first)
            pairs: dict[str, Pair] = {}
            if not header_only:
                for data, after in frames:
                    mirna, records = decode(data)
                    pairs[mirna] = (records[0], records[-1])
                    end = after
    except (OSError, ValueError, KeyError, TypeError, IndexError, struct.error) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise InputError(
            f"{path} is no ledger of a fit that can be continued ({why}): remove it, and fit again."
        ) from None
    if not isinstance(header, dict):
        raise InputError(f"{path} is no ledger of a fit: remove it, and fit again.")
    return Contents(header, pairs, end)


def _frames(file: IO[bytes]) -> Iterator[tuple[bytes, int]]:
    """Give the bytes of each whole frame, and where it ends."""
    size = os.fstat(file.fileno()).st_size
    while True:
        head = file.read(FRAME.size)
        if len(head) < FRAME.size:
            return
        length, checksum = FRAME.unpack(head)
        if not 0 < length <= size - file.tell():  # a machine without power may leave zeros
            return
        data = file.read(length)
        if zlib.crc32(data) != checksum:
            return
        yield data, file.tell()


def _frame(data: bytes) -> bytes:
    return FRAME.pack(len(data), zlib.crc32(data)) + data


def _to_disk(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())
