"""``arrays.nc``: the dataset of a fit as netCDF4, which R, Python and the netCDF tools can open."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from xarray.backends import BackendArray, H5NetCDFStore
from xarray.backends.locks import HDF5_LOCK
from xarray.core import indexing

from bayes_mirglmm.counts import on_disk
from bayes_mirglmm.counts.on_disk import OnDisk, blocks_of, is_on_disk
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.results.schema import VARIABLES

if TYPE_CHECKING:
    import h5py

_TEXT_DIMS = ("mirna", "drawn", "model", "term", "term2", "slope_term", "slope_term2", "isomir", "sample")
ON_DEMAND_FROM = 4_000_000  # bytes
_CHUNK_CELLS = 2**18
_COMPRESS_FROM = 16_384  # bytes; below this HDF5's chunks cost more than they save


def write_arrays(data: xr.Dataset, path: Path) -> None:
    """Write every variable of ``data``, and the attributes that it carries, to a new file.

    Draws (float32) are not compressed: it would take many seconds to save a tenth.
    """
    compressed = {"zlib": True, "complevel": 4, "shuffle": True}
    encoding: dict[str, dict[str, Any]] = {
        str(name): compressed
        for name, variable in data.variables.items()
        if variable.dtype.kind in "fiu" and variable.dtype != np.float32 and variable.nbytes >= _COMPRESS_FROM
    }
    counts = data["counts"].variable
    if not is_on_disk(counts):
        _dump(data, path, encoding)
        return
    encoding.pop("counts", None)
    _dump(data.drop_vars("counts"), path, encoding)
    _append(path, "counts", counts)


def _dump(data: xr.Dataset, path: Path, encoding: dict[str, dict[str, Any]]) -> None:
    """Write what ``Dataset.to_netcdf`` writes, which first imports dask's cluster, where it is installed, to ask it."""
    if data.chunks:
        data.to_netcdf(path, engine="h5netcdf", encoding=encoding)
        return
    store = H5NetCDFStore.open(str(path.absolute()), mode="w", lock=HDF5_LOCK)
    try:
        data.dump_to_store(store, encoding=encoding)
    finally:
        store.close()


def _append(path: Path, name: str, values: xr.Variable) -> None:
    """Write a matrix that is on disk to a file, some rows at a time."""
    import h5netcdf

    n, width = values.shape
    with h5netcdf.File(path, "a") as file:
        target = file.create_variable(
            name,
            values.dims,
            dtype=values.dtype,
            chunks=(min(n, max(1, _CHUNK_CELLS // width)), width),
            compression="gzip",
            compression_opts=1,
            shuffle=True,
        )
        target.attrs.update(values.attrs)
        at = 0
        for block in blocks_of(values):
            target[at : at + len(block)] = block
            at += len(block)


def read_arrays(path: Path) -> xr.Dataset:
    """Read what :func:`write_arrays` wrote.

    The file is read through h5py and not by ``xarray.open_dataset``, which takes three times as long for some forty
    variables (0.32 against 0.11 s: it looks every dimension up many times) and would read draws of a file that has
    been replaced meanwhile.

    Raises
    ------
    OSError, KeyError, IndexError
        The file is not such a file.
    """
    import h5py

    with h5py.File(path, "r") as file:
        variables = {
            name: xr.Variable(_dims(item), _on_demand(name, item, path), _long_name(item))
            for name, item in file.items()
        }
    coordinates = {name for name, variable in variables.items() if variable.dims == (name,)}
    return xr.Dataset(variables).set_coords([*coordinates, "isomir_mirna"])


class _OnDisk(BackendArray):
    """Draws that are read when they are used, and only the part that is."""

    def __init__(self, path: Path, name: str, shape: tuple[int, ...], dtype: np.dtype) -> None:
        self.path, self.name, self.shape, self.dtype = path, name, shape, dtype
        self.identity = _identity(path)

    def __getitem__(self, key: indexing.ExplicitIndexer) -> np.ndarray:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.BASIC, self._read)

    def _read(self, key: tuple[int | slice, ...]) -> np.ndarray:
        return _part_of(self.path, self.identity, self.name, key, "draws")


class _CountsOnDisk(OnDisk):
    """Counts that are read when they are used."""

    def __init__(self, path: Path, item: "h5py.Dataset") -> None:
        self.path, self.identity = path, _identity(path)
        self.shape, self.dtype = item.shape, item.dtype
        self.step = max(1, _CHUNK_CELLS // max(1, item.shape[1])) if item.chunks is None else item.chunks[0]

    def block(self, start: int, stop: int) -> np.ndarray:
        return _part_of(self.path, self.identity, "counts", slice(start, stop), "counts")


def _part_of(path: Path, identity: tuple[int, int, int], name: str, key: Any, what: str) -> np.ndarray:
    import h5py

    try:
        if _identity(path) == identity:
            with h5py.File(path, "r") as file:
                return np.asarray(file[name][key])
    except OSError as error:
        raise InputError(
            f"{path} cannot be read any more ({error}), but the {what} of the loaded fit are in it: put it back, or "
            "load another copy of the run."
        ) from error
    raise InputError(
        f"{path} was replaced after the fit was loaded from it: load the run again, its {what} are others now."
    )


def _identity(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


def _on_demand(name: str, item: "h5py.Dataset", path: Path) -> Any:
    """Return the values, of large arrays of draws and of counts a stand-in that reads them when they are used."""
    if (
        name.startswith(("draw_", "weighted_draw_"))
        and item.dtype.kind == "f"
        and item.nbytes >= ON_DEMAND_FROM
    ):
        return indexing.LazilyIndexedArray(_OnDisk(path.resolve(), name, item.shape, item.dtype))
    if name == "counts" and item.ndim == 2 and item.dtype.kind in "iu" and item.nbytes > on_disk.HELD_BYTES:
        return indexing.LazilyIndexedArray(_CountsOnDisk(path.resolve(), item))
    return _values(name, item)


def _dims(item: "h5py.Dataset") -> tuple[str, ...]:
    if item.is_scale:
        return (item.name.lstrip("/"),)
    return tuple(item.dims[axis][0].name.lstrip("/") for axis in range(item.ndim))


def _values(name: str, item: "h5py.Dataset") -> np.ndarray:
    if item.dtype.kind == "O":
        return np.asarray(item.asstr()[()], dtype=object)
    # xarray cannot tell that an object array without elements would hold strings, and writes floats.
    text = VARIABLES[name].kind == "s" if name in VARIABLES else name in _TEXT_DIMS
    return item[()].astype(object) if text and item.size == 0 else item[()]


def _long_name(item: "h5py.Dataset") -> dict[str, str]:
    name = item.attrs.get("long_name")
    return {} if name is None else {"long_name": str(name)}
