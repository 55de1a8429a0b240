"""AnnData: samples x isomiRs, ``var['mirna']``, and the sample table in ``obs``."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.readers._cells import count_matrix
from bayes_mirglmm.readers._layout import MIRNA_NAMES, SEQUENCE_NAMES, normalised
from bayes_mirglmm.readers._open import Head, check_unpacked
from bayes_mirglmm.readers._part import Part
from bayes_mirglmm.readers.table import strings

NAME = "anndata"
POLICY = "refuse"
KINDS = {"hdf5": "HDF5", "zarr": "a zarr store"}


def detect(head: Head) -> bool:
    """HDF5 files and zarr stores; whether they are AnnData shows when they are opened."""
    return head.kind in ("hdf5", "zarr")


def is_anndata(thing: object) -> bool:
    """Whether an object is an AnnData, without importing anndata."""
    return type(thing).__name__ == "AnnData" and type(thing).__module__.split(".")[0] == "anndata"


def read(
    heads: Sequence[Head],
    samples: pd.DataFrame | None = None,
    *,
    layer: str | None = None,
    mirna: str | None = None,
) -> list[Part]:
    """Read ``.h5ad`` files and ``.zarr`` stores.

    Parameters
    ----------
    layer : str, optional
        Layer that holds the raw counts; ``X`` when not given.
    mirna : str, optional
        Column of ``var`` with the miRNA; ``mirna``, ``miRNA``, ``mir``, ... when not given.
    """
    try:
        import anndata
    except ImportError:
        raise InputError(
            f"{heads[0].source}: reading AnnData needs the package anndata: pip install "
            "'bayes-mirglmm[anndata]'."
        ) from None
    parts = []
    for head in heads:
        _bounded(head)
        try:
            with warnings.catch_warnings():  # of anndata about its own use of pandas
                warnings.simplefilter("ignore")
                opened = anndata.read_h5ad if head.kind == "hdf5" else anndata.io.read_zarr
                data = opened(head.path)
        except Exception as error:  # whatever h5py and anndata make of a file that is no AnnData
            raise InputError(
                f"{head.source} is {KINDS[head.kind]} but cannot be read as AnnData ({type(error).__name__}: {error}). "
                "Write it again with AnnData.write_h5ad, or pass a table."
            ) from error
        parts.append(from_anndata(data, source=head.source, layer=layer, mirna=mirna))
    return parts


def _bounded(head: Head) -> None:
    """Refuse a file whose arrays are far larger than what it stores of them, which costs nothing to declare."""
    try:
        if head.kind == "hdf5":
            declared, size = _declared_by_hdf5(head), None
        else:
            declared = _declared_by_zarr(head)
            size = sum(path.stat().st_size for path in head.path.rglob("*") if path.is_file())
    except Exception:  # damaged: AnnData says how
        return
    check_unpacked(head.path, declared, size)


def _declared_by_hdf5(head: Head) -> int:
    import h5py

    sizes: list[int] = []

    def add(_: str, thing: Any) -> None:
        if isinstance(thing, h5py.Dataset):
            sizes.append(thing.size * thing.dtype.itemsize)

    with h5py.File(head.path, "r") as file:
        file.visititems(add)
    return sum(sizes)


def _declared_by_zarr(head: Head) -> int:
    import zarr

    group = zarr.open_group(head.path, mode="r")
    return sum(int(thing.nbytes) for _, thing in group.members(max_depth=None) if hasattr(thing, "nbytes"))


def from_anndata(
    data: Any, *, source: str = "the AnnData", layer: str | None = None, mirna: str | None = None
) -> Part:
    """Take counts from an AnnData object: ``obs_names`` are samples, ``var_names`` isomiRs.

    Raises
    ------
    InputError
        There is no miRNA column or no such layer, or a value is not a count.
    """
    if layer is not None and layer not in data.layers:
        layers = [name for name in data.layers if name]  # anndata 0.13 lists X there too, as None
        raise InputError(f"{source} has no layer {layer!r}, only {', '.join(layers) or 'X'}.")
    matrix = data.X if layer is None else data.layers[layer]
    if matrix is None:
        raise InputError(
            f"{source} has no X: name the layer that holds the raw counts.{_elsewhere(data, layer)}"
        )
    keys = {normalised(name): name for name in data.var.columns}
    column = mirna if mirna is not None else next((keys[name] for name in MIRNA_NAMES if name in keys), None)
    if column not in data.var.columns:
        raise InputError(
            f"{source}: var has no column {'mirna' if mirna is None else mirna!r}, only "
            f"{list(data.var.columns)}. Put the miRNA of each isomiR into var['mirna'], or name the column "
            "with mirna=..."
        )
    sequence = next((keys[name] for name in SEQUENCE_NAMES if name in keys), None)
    dense = matrix.toarray() if hasattr(matrix, "toarray") else np.asarray(matrix)
    names = [str(name) for name in data.obs_names]
    isomirs = strings(pd.Series(data.var_names))
    try:
        counts, _ = count_matrix(
            pd.DataFrame(dense.T, columns=names), where=lambda i: f"isomiR {isomirs[i]}", source=source
        )
    except InputError as error:
        raise InputError(f"{error}{_elsewhere(data, layer)}") from None
    annotation = data.var.drop(columns=[c for c in (column, sequence) if c is not None]).reset_index(
        drop=True
    )
    return Part(
        source,
        isomirs,
        strings(data.var[column]),
        names,
        counts,
        None if sequence is None else strings(data.var[sequence]),
        annotation if annotation.shape[1] else None,
        lambda i: f"isomiR {isomirs[i]}",
        sample_table=data.obs.copy(),
    )


def _elsewhere(data: Any, layer: str | None) -> str:
    """Say where the object holds other matrices, one of which may be the raw counts."""
    others = [f"layer={name!r}" for name in sorted(name for name in data.layers if name) if name != layer]
    if others:
        return f" It has other matrices: {', '.join(others)}."
    if data.raw is not None:
        return " It has a matrix .raw: pass adata.raw.to_adata(), or write that."
    return ""
