"""Values as bytes: a tree of records, mappings, lists, numbers, texts and arrays, every bit of a number kept.

A JSON text that names the arrays, and after it their bytes. Nothing is pickled: what is read may have been written by
anybody.
"""

import json
import struct
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from bayes_mirglmm.records import Draws, MirnaRecord, ModelNumbers

CLASSES: dict[str, type] = {one.__name__: one for one in (Draws, MirnaRecord, ModelNumbers)}
KINDS = "fiub"  # of arrays
LENGTH = struct.Struct("<Q")


def encode(value: Any) -> bytes:
    """Return ``value`` as bytes.

    Parameters
    ----------
    value : tree
        Of records (:mod:`bayes_mirglmm.records`), mappings with texts as keys, lists, tuples, numbers, texts, None and
        arrays of numbers.
    """
    arrays: list[np.ndarray] = []
    tree = _packed(value, arrays)
    described = [(array.dtype.str, array.shape) for array in arrays]
    # ASCII: a name may hold half of a surrogate pair, which UTF-8 has no bytes for.
    text = json.dumps([tree, described], separators=(",", ":")).encode()
    return b"".join([LENGTH.pack(len(text)), text, *(array.tobytes() for array in arrays)])


def decode(data: bytes) -> Any:
    """Return what :func:`encode` wrote; tuples come back as lists.

    Raises
    ------
    ValueError, KeyError, TypeError
        The bytes are no such value.
    """
    (length,) = LENGTH.unpack_from(data)
    start = LENGTH.size
    tree, described = json.loads(data[start : start + length])
    at, arrays = start + length, []
    for kind, shape in described:
        dtype = np.dtype(kind)
        if dtype.kind not in KINDS:
            raise ValueError(f"an array of {dtype}")
        count = int(np.prod(shape, dtype=np.int64))
        arrays.append(np.frombuffer(data, dtype, count, at).reshape(shape))
        at += count * dtype.itemsize
    return _unpacked(tree, arrays)


def _packed(value: Any, arrays: list[np.ndarray]) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, np.ndarray) and value.dtype.kind in KINDS:
        arrays.append(value)
        return {"array": len(arrays) - 1}
    if is_dataclass(value):
        inside = {field.name: _packed(getattr(value, field.name), arrays) for field in fields(value)}
        return {"record": type(value).__name__, "of": inside}
    if isinstance(value, Mapping):
        return {"mapping": {str(key): _packed(item, arrays) for key, item in value.items()}}
    return [_packed(item, arrays) for item in value]


def _unpacked(value: Any, arrays: list[np.ndarray]) -> Any:
    if isinstance(value, list):
        return [_unpacked(item, arrays) for item in value]
    if not isinstance(value, dict):
        return value
    if "array" in value:
        return arrays[value["array"]]
    if "record" in value:
        inside = {name: _unpacked(item, arrays) for name, item in value["of"].items()}
        return CLASSES[value["record"]](**inside)
    return {key: _unpacked(item, arrays) for key, item in value["mapping"].items()}
