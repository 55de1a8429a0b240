"""A store: counts of any format as a zarr folder, chunked along isomiRs, to be read again quickly.

Made by :func:`bayes_mirglmm.convert`. A group with ``counts`` (isomiR, sample), a chunk of whole rows at a time, and
``about``: JSON in UTF-8 bytes, with the names, annotation and sample table of a part as its reader gave them.
"""

import json
import os
import secrets
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bayes_mirglmm.counts import on_disk
from bayes_mirglmm.counts.on_disk import OnDisk, blocks_of
from bayes_mirglmm.counts.rare import Rows, narrow
from bayes_mirglmm.errors import InputError, SaveError
from bayes_mirglmm.readers._delimited import RARE_APART
from bayes_mirglmm.readers._notes import Note
from bayes_mirglmm.readers._open import Head, check_unpacked
from bayes_mirglmm.readers._part import Part

NAME = "store"
POLICY = "refuse"
PROGRAM, VERSION = "bayes_mirglmm counts", 1
CHUNK_CELLS = 2**20
COUNTS, ABOUT = "counts", "about"


def detect(head: Head) -> bool:
    """Whether a zarr folder is a store of this program."""
    return head.kind == "zarr" and (head.path / COUNTS).is_dir() and (head.path / ABOUT).is_dir()


def read(heads: Sequence[Head], samples: pd.DataFrame | None = None) -> list[Part]:
    """Read stores; a sample table that was given to ``convert`` comes with them."""
    return [_part(head) for head in heads]


def write(part: Part, samples: pd.DataFrame | None, target: Path, *, force: bool) -> None:
    """Write a part to a new store: complete, or not at all.

    Parameters
    ----------
    part : Part
        Without duplicates.
    samples : pandas.DataFrame, optional
        Its sample table.
    target : Path
    force : bool
        Replace a store that is there.

    Raises
    ------
    InputError
        Something is there already, or zarr is not installed.
    SaveError
        The disk does not take it.
    """
    zarr = _zarr(target)
    if target.exists() and not (force and detect(Head(target, "zarr"))):
        what = "is there already" if detect(Head(target, "zarr")) else "is there, and is no store of counts"
        raise InputError(f"{target} {what}: give another name, or replace a store with force=True (--force).")
    rows = part.counts
    step = max(1, CHUNK_CELLS // max(1, rows.shape[1]))
    stage = target.parent / f".{target.name}.{secrets.token_hex(4)}.partial"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        zarr.open_group(str(stage), mode="w")
        counts = zarr.open_array(
            store=str(stage),
            path=COUNTS,
            mode="w",
            shape=rows.shape,
            chunks=(step, rows.shape[1]),
            dtype=rows.dtype,
        )
        at = 0
        cells = step * max(1, rows.shape[1])
        for block in rows.blocks(cells) if isinstance(rows, Rows) else blocks_of(rows, cells):
            counts[at : at + len(block)] = block
            at += len(block)
        text = np.frombuffer(json.dumps(_about(part, samples)).encode(), dtype=np.uint8)
        about = zarr.open_array(
            store=str(stage), path=ABOUT, mode="w", shape=text.shape, chunks=text.shape, dtype="u1"
        )
        about[:] = text
        if target.exists():
            shutil.rmtree(target)
        os.replace(stage, target)
    except OSError as error:
        raise SaveError(
            f"{target}: the store could not be written ({error.strerror or error}). Make room, or give another place."
        ) from error
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _part(head: Head) -> Part:
    zarr = _zarr(head.path)
    try:
        raw = zarr.open_array(store=str(head.path), path=ABOUT, mode="r")
        size = sum(path.stat().st_size for path in head.path.rglob("*") if path.is_file())
        check_unpacked(head.path, int(raw.nbytes), size)
        about = json.loads(np.asarray(raw[:]).tobytes())
        if about["program"] != PROGRAM:
            raise ValueError("another program wrote it")
        if about["version"] > VERSION:
            raise ValueError(
                f"its version is {about['version']}, and this program reads up to {VERSION}: upgrade it"
            )
        counts = zarr.open_array(store=str(head.path), path=COUNTS, mode="r")
        names = {name: np.array(about[name], dtype=object) for name in ("isomir", "mirna")}
        if (
            counts.shape != (len(names["isomir"]), len(about["samples"]))
            or len(names["mirna"]) != counts.shape[0]
        ):
            raise ValueError("names and counts do not fit together")
        return Part(
            head.source,
            names["isomir"],
            names["mirna"],
            [str(name) for name in about["samples"]],
            _rows(counts, head, size),
            None if about["sequence"] is None else np.array(about["sequence"], dtype=object),
            _frame(about["annotation"], None),
            notes=[Note(text) for text in about["notes"]],
            sample_table=_frame(about["table"], about["samples"]),
        )
    except InputError:
        raise
    except Exception as error:  # of a folder that anybody may have written, anything
        raise InputError(
            f"{head.source} is damaged ({type(error).__name__}: {error}): make it again with bayes-mirglmm convert."
        ) from None


def _rows(counts: Any, head: Head, size: int) -> Any:
    """Return the counts: on disk where they are large, else read some chunks at a time."""
    if not RARE_APART.get():
        check_unpacked(head.path, int(counts.nbytes) // 10, size)  # rows of zeros shrink well
    if counts.dtype.kind not in "iu":
        raise ValueError(f"counts of type {counts.dtype}")
    if counts.nbytes > on_disk.HELD_BYTES:
        return StoredRows(head.path, counts)
    step = max(1, int(counts.chunks[0]))
    blocks = (np.asarray(counts[start : start + step]) for start in range(0, counts.shape[0], step))
    if RARE_APART.get():
        return Rows.stacked([Rows.of(block) for block in blocks], counts.shape[1])
    out = np.empty(counts.shape, dtype=counts.dtype)
    for start, block in zip(range(0, counts.shape[0], step), blocks, strict=True):
        out[start : start + step] = block
    return narrow(out)


class StoredRows(OnDisk):
    """The counts of a store, read when they are used."""

    def __init__(self, path: Path, counts: Any) -> None:
        self.path, self.counts = path.absolute(), counts
        self.shape, self.dtype, self.step = counts.shape, counts.dtype, max(1, int(counts.chunks[0]))
        self.identity = self._identity()

    def block(self, start: int, stop: int) -> np.ndarray:
        """Read consecutive rows.

        Raises
        ------
        InputError
            The store is not there any more, is damaged, or was replaced.
        """
        try:
            if self._identity() == self.identity:
                return np.asarray(self.counts[start:stop])
        except Exception as error:  # zarr's are of many kinds
            raise InputError(
                f"{self.path} cannot be read any more ({type(error).__name__}: {error}), and the counts are in it: put "
                "it back, or read again."
            ) from error
        raise InputError(f"{self.path} was replaced after counts were read from it: read them again.")

    def _identity(self) -> tuple[int, int]:
        found = (self.path / ABOUT / "zarr.json").stat()
        return found.st_ino, found.st_mtime_ns


def _about(part: Part, samples: pd.DataFrame | None) -> dict[str, Any]:
    table = part.sample_table if samples is None else samples.loc[part.samples]
    return {
        "program": PROGRAM,
        "version": VERSION,
        "isomir": [str(name) for name in part.isomir],
        "mirna": [str(name) for name in part.mirna],
        "sequence": None if part.sequence is None else [str(text) for text in part.sequence],
        "samples": list(part.samples),
        "annotation": _columns(part.annotation),
        "table": _columns(table),
        "notes": [
            note.text if note.n is None else note.text.replace("{n}", str(note.n)) for note in part.notes
        ],
    }


def _columns(frame: pd.DataFrame | None) -> list[dict[str, Any]] | None:
    """Return a table as JSON values: each column with its kind, and the levels of a factor."""
    if frame is None:
        return None
    found = []
    for name in frame.columns:
        column = frame[name]
        kind = "str"
        values: list[Any] = [None if pd.isna(value) else str(value) for value in column]
        if pd.api.types.is_bool_dtype(column):
            kind, values = "bool", [bool(value) for value in column]
        elif pd.api.types.is_integer_dtype(column):
            kind, values = "int", [int(value) for value in column]
        elif pd.api.types.is_float_dtype(column):
            kind, values = "float", [None if pd.isna(value) else float(value) for value in column]
        record: dict[str, Any] = {"name": str(name), "kind": kind, "values": values}
        if isinstance(column.dtype, pd.CategoricalDtype):
            record["levels"] = [str(level) for level in column.cat.categories]
        found.append(record)
    return found


def _frame(columns: list[dict[str, Any]] | None, index: Sequence[str] | None) -> pd.DataFrame | None:
    """Return the table that :func:`_columns` described."""
    if not columns:
        return None
    made: dict[str, Any] = {}
    for column in columns:
        values: Any = column["values"]
        if "levels" in column:
            values = pd.Categorical(values, categories=column["levels"])
        elif column["kind"] == "str":
            values = np.array([np.nan if value is None else value for value in values], dtype=object)
        elif column["kind"] == "float":
            values = np.array([np.nan if value is None else value for value in values], dtype=float)
        else:
            values = np.array(values, dtype=bool if column["kind"] == "bool" else np.int64)
        made[column["name"]] = values
    frame = pd.DataFrame(made)
    return frame if index is None else frame.set_axis(pd.Index(list(index), dtype=object))


def _zarr(path: Path) -> Any:
    try:
        import zarr
    except ImportError:
        raise InputError(
            f"{path}: a store needs the package zarr: pip install 'bayes-mirglmm[zarr]'."
        ) from None
    return zarr
