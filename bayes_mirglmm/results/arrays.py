"""``arrays.nc``: the dataset of a fit as netCDF4, which R, Python and the netCDF tools can open."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from bayes_mirglmm.results.schema import VARIABLES

if TYPE_CHECKING:
    import h5py

_TEXT_DIMS = ("mirna", "model", "term", "term2", "slope_term", "slope_term2", "isomir", "sample")
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
    data.to_netcdf(path, engine="h5netcdf", encoding=encoding)


def read_arrays(path: Path) -> xr.Dataset:
    """Read what :func:`write_arrays` wrote.

    The file is read through h5py and not by ``xarray.open_dataset``, which takes ten times as long for some
    forty variables (it looks every dimension up many times).

    Raises
    ------
    OSError, KeyError, IndexError
        The file is not such a file.
    """
    import h5py

    with h5py.File(path, "r") as file:
        variables = {
            name: (_dims(item), _values(name, item), _long_name(item)) for name, item in file.items()
        }
    coordinates = {name for name, (dims, _, _) in variables.items() if dims == (name,)}
    return xr.Dataset(variables).set_coords([*coordinates, "isomir_mirna"])


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
