"""The compiled density in the hands of nutpie: the one file that knows nutpie.

nutpie takes the address of a C function and calls it without Python, so that threads run side by side. It makes such
functions from PyMC models; here one is handed to it ready-made. Where a version of nutpie does not take it, the
documented way (:func:`nutpie.compiled_pyfunc.from_pyfunc`) gives the same draws through Python, more slowly.
"""

import functools
import logging
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numba import types

from bayes_mirglmm.kernels.compilation import cache_folder, compiled_for_c
from bayes_mirglmm.nuts.density import log_densities, log_density
from bayes_mirglmm.nuts.form import HEADER

logger = logging.getLogger(__name__)

DOUBLES = types.CPointer(types.double)
NOT_FINITE = 4  # nutpie: a point of density 0, where a trajectory diverges


def compiled_model(pack: np.ndarray, size: int, initial_point: Callable[[int], np.ndarray]) -> Any:
    """Return what :func:`nutpie.sample` takes; its one variable is ``point`` (d,).

    Parameters
    ----------
    pack : array
        What the density reads of a miRNA.
    size : int
        Length d of a point.
    initial_point : callable
        From a seed to a point (d,).
    """
    try:
        return _in_c(pack, size, initial_point)
    except (ImportError, TypeError, AttributeError) as error:
        logger.warning(
            "this nutpie does not take a compiled density (%s): sampling through Python, slower.", error
        )
        return through_python(pack, size, initial_point)


def _in_c(pack: np.ndarray, size: int, initial_point: Callable[[int], np.ndarray]) -> Any:
    from nutpie.compile_pymc import CompiledPyMCModel

    density, expand = _c_functions()
    address = np.array([pack.ctypes.data, len(pack)], dtype=np.int64)
    return CompiledPyMCModel(
        dims={},
        compiled_logp_func=density,
        compiled_expand_func=expand,
        initial_point_func=initial_point,
        shared_data={"pack": pack},  # kept alive: the C function reads it at its address
        shared_var_keys={},
        user_data=address,
        n_expanded=size,
        shape_info=(["point"], [slice(0, size)], [(size,)]),
        logp_func=None,
        expand_func=None,
        _n_dim=size,
        _shapes={"point": (size,)},
        _coords={},
        reparameterized_names=[],
    )


def through_python(pack: np.ndarray, size: int, initial_point: Callable[[int], np.ndarray]) -> Any:
    """Return the same as :func:`compiled_model`, by nutpie's documented interface."""
    from nutpie.compiled_pyfunc import from_pyfunc

    def make_density() -> Callable[[np.ndarray], tuple[float, np.ndarray]]:
        def density(point: np.ndarray) -> tuple[float, np.ndarray]:
            gradient = np.empty(size)
            return log_density(point, pack, gradient), gradient

        return density

    def make_expand(*_: int) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
        return lambda point: {"point": point}

    return from_pyfunc(
        size,
        make_density,
        make_expand,
        [np.dtype("float64")],
        [(size,)],
        ["point"],
        make_initial_point_fn=initial_point,
    )


def is_density_compiled() -> bool:
    """Tell whether the density is on disk, so that sampling starts at once."""
    return any(cache_folder().rglob("*.log_densities-*.nbc"))


def compile_density() -> None:
    """Compile the density and what nutpie calls, or load them from disk."""
    _c_functions()
    log_densities(np.empty((0, 1)), np.zeros(HEADER), np.empty(0))


@functools.cache
def _c_functions() -> tuple[Any, Any]:
    density = types.int64(types.uint64, DOUBLES, DOUBLES, DOUBLES, types.CPointer(types.int64))
    expand = types.int64(types.uint64, types.uint64, DOUBLES, DOUBLES, types.CPointer(types.int64))
    return compiled_for_c(density, _density), compiled_for_c(expand, _expand)


def _density(dim, point_, gradient_, value_, address_):
    address = numba.carray(address_, (2,))
    pack = numba.carray(as_pointer(address[0]), (address[1],), np.float64)
    gradient = numba.carray(gradient_, (dim,))
    value = log_density(numba.carray(point_, (dim,)), pack, gradient)
    numba.carray(value_, (1,))[0] = value
    if not np.isfinite(value):
        return NOT_FINITE
    for i in range(dim):
        if not np.isfinite(gradient[i]):
            return NOT_FINITE
    return 0


def _expand(dim, expanded, point_, out_, address_):
    point, out = numba.carray(point_, (dim,)), numba.carray(out_, (dim,))
    for i in range(dim):
        out[i] = point[i]
    return 0


def _as_pointer(context, address):
    """Return the pointer that an integer is."""

    def code(target, builder, signature, arguments):
        return builder.inttoptr(arguments[0], target.get_value_type(signature.return_type))

    return types.voidptr(address), code


as_pointer: Any = numba.extending.intrinsic(_as_pointer)
