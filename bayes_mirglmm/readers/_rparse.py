"""rdata's parser, with the types of R that it lacks and a fast path for text.

A SummarizedExperiment drags along whatever its environments held: raw vectors, weak references, packages, promises.
:mod:`rdata` stops at some of them, and parses text one element at a time, which takes seconds for a few thousand
isomiRs. This class adds what R's ``serialize.c`` (R 4.2) writes:

======  ==================  ==================================================================
 type   name                content
======  ==================  ==================================================================
   23   WEAKREFSXP          nothing; it can be referred to later
   24   RAWSXP              length, bytes
  247   PERSISTSXP          a text vector; it can be referred to later
  248   PACKAGESXP          the same
  250   BASENAMESPACE       nothing
  252   UNBOUNDVALUE        nothing
  255   REFSXP, index 0     the index follows as an integer (files with very many references)
======  ==================  ==================================================================
"""

import struct
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from rdata.parser import DEFAULT_ALTREP_MAP, RObject, RObjectInfo, RObjectType
from rdata.parser._ascii import ParserASCII
from rdata.parser._binary import ParserBinary
from rdata.parser._xdr import ParserXDR

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.readers._open import open_bytes

CHAR, STR, WEAKREF, RAW, REF = 9, 16, 23, 24, 255
STRING_VECTORS = (247, 248)
EMPTY = (250, 252)
LATIN1 = 1 << 2
#: A compact sequence (row names 1:n) takes a few bytes whatever its length. It is as long as a table of the file, so
#: longer ones than the file has bytes, and than this, are damage.
LONGEST_SEQUENCE = 10**5
HAS_ATTRIBUTES = 1 << 9


class _More:
    """Mixin for rdata's binary parsers: missing types, and text vectors in one go."""

    file: Any
    order = ">"

    def parse_int(self) -> int:
        data = self.file.read(4)
        if len(data) < 4:
            raise EOFError("the file ends in the middle of an object")
        return int(struct.unpack(f"{self.order}i", data)[0])

    def parse_R_object(
        self, reference_list: Any = None, bytecode_rep_list: Any = None, info_int: int | None = None
    ) -> RObject:
        references = [] if reference_list is None else reference_list
        if info_int is None:
            flags = self.parse_int()
            kind = flags & 0xFF
            if kind == STR:
                return self._text(flags, references, bytecode_rep_list)
            if kind == RAW:
                value: Any = self.file.read(self.parse_int())
                return self._object(RObjectType.RAW, flags, value, references, bytecode_rep_list)
            if kind == WEAKREF or kind in STRING_VECTORS:
                if kind in STRING_VECTORS:
                    self.parse_int()
                    for _ in range(self.parse_int()):
                        self.parse_R_object(references, bytecode_rep_list)
                result = _plain(RObjectType.NIL, None)
                references.append(result)
                if kind == WEAKREF and flags & HAS_ATTRIBUTES:
                    self.parse_R_object(references, bytecode_rep_list)
                return result
            if kind in EMPTY:
                return _plain(RObjectType.NIL, None)
            if kind == REF and flags >> 8 == 0:
                return references[self.parse_int() - 1]
            self.file.seek(-4, 1)
        return super().parse_R_object(references, bytecode_rep_list, info_int)  # type: ignore[misc]

    def _text(self, flags: int, references: Any, bytecode: Any) -> RObject:
        """Parse a character vector: its value is a list of str, None for NA."""
        length = self.parse_int()
        buffer, position = self.file.getbuffer(), self.file.tell()
        unpack = struct.Struct(f"{self.order}ii").unpack_from
        values: list[str | None] = []
        try:
            for _ in range(length):
                char, size = unpack(buffer, position)
                if char & 0xFF != CHAR:
                    raise ValueError("a character vector holds something else than text")
                position += 8
                if size < 0:
                    values.append(None)
                    continue
                if position + size > len(buffer):
                    raise EOFError("the file ends in the middle of a character vector")
                values.append(_decoded(bytes(buffer[position : position + size]), char >> 12))
                position += size
        except struct.error:
            raise EOFError("the file ends in the middle of a character vector") from None
        finally:
            buffer.release()
        self.file.seek(position)
        return self._object(RObjectType.STR, flags, values, references, bytecode)

    def _object(self, kind: RObjectType, flags: int, value: Any, references: Any, bytecode: Any) -> RObject:
        result = _plain(kind, value)
        if flags & HAS_ATTRIBUTES:
            result.attributes = self.parse_R_object(references, bytecode)
        return result


class _XDR(_More, ParserXDR):
    pass


class _ASCII(ParserASCII):
    def __init__(self, data: memoryview, **options: Any) -> None:
        super().__init__(data, **options)
        self.most = len(data) // 2  # a value is a character and the end of its line, at least

    def _parse_array_values(self, dtype: Any, length: int) -> Any:
        if not 0 <= length <= self.most:
            raise EOFError(f"it has a vector of {length:,} values, which a file of its size does not hold")
        return super()._parse_array_values(dtype, length)


class _Native(_More, ParserBinary):
    def __init__(self, data: memoryview, **options: Any) -> None:
        super().__init__(data, **options)
        self.order = self.byteorder


def parse_r_file(path: Path) -> RObject:
    """Parse an ``.rds`` or ``.rda`` file; of an ``.rda`` the result is the pairlist of its objects.

    Raises
    ------
    InputError
        The compressed file is damaged.
    Exception
        Whatever stops the parser: the caller says what to do about it.
    """
    with open_bytes(path) as stream:
        data = stream.read()
    if data[:2] == b"RD" and data[4:5] == b"\n":
        data = data[5:]
    options: dict[str, Any] = {"expand_altrep": True, "altrep_constructor_dict": _altrep(len(data))}
    layout, view = data[:2], memoryview(data)[2:]
    if layout == b"X\n":
        parser: Any = _XDR(view, **options)
    elif layout == b"B\n":
        parser = _Native(view, **options)
    elif layout == b"A\n":
        parser = _ASCII(view, **options)
    else:
        raise InputError(f"{path} is no file of R's save() or saveRDS(): it starts with {data[:8]!r}.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return parser.parse_all().object


def _altrep(size: int) -> dict[bytes, Any]:
    """Return the constructors of ALTREP objects for a file of ``size`` bytes."""
    longest = max(LONGEST_SEQUENCE, size)

    def bounded(expand: Any) -> Any:
        def constructor(state: RObject) -> Any:
            if not 0 <= float(state.value[0]) <= longest:
                raise ValueError(f"it has a sequence of {state.value[0]:.0f} numbers in {size:,} bytes")
            return expand(state)

        return constructor

    return {
        name: bounded(expand) if name.startswith(b"compact") else expand
        for name, expand in DEFAULT_ALTREP_MAP.items()
    }


def _plain(kind: RObjectType, value: Any) -> RObject:
    return RObject(RObjectInfo(kind, False, False, False, 0, 0), value, None)


def _decoded(text: bytes, encoding: int) -> str:
    if encoding & LATIN1:
        return text.decode("latin-1")
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text.decode("latin-1")


def as_text(value: Any) -> np.ndarray:
    """Return a character vector as str objects, whether parsed here or by rdata (ASCII files, ALTREP)."""
    texts = [item.value if isinstance(item, RObject) else item for item in value]
    return np.array([_decoded(t, 0) if isinstance(t, bytes) else t for t in texts], dtype=object)
