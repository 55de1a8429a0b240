"""Compiling kernels with numba, and keeping the machine code on disk (see ``cache_folder`` and ``cache``)."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import numba
from numba.core import config
from numba.core.ccallback import CFunc
from numba.core.sigutils import normalize_signature

from bayes_mirglmm.kernels.cache import KernelCache
from bayes_mirglmm.kernels.cache_folder import cache_folder

__all__ = ["cache_folder", "compiled_for_c", "kernel"]


def kernel[F: Callable[..., Any]](function: F) -> F:
    """Compile ``function`` on first call, without the GIL, and cache the machine code on disk."""
    compiler: Any = numba.njit(nogil=True, error_model="numpy", fastmath={"contract"})
    compiled = compiler(function)
    compiled._cache = _cache_of(function)
    return cast(F, compiled)


def compiled_for_c(signature: Any, function: Callable[..., Any]) -> Any:
    """Compile ``function`` for callers in C, and cache the machine code on disk; the result has an ``address``."""
    compiled: Any = CFunc(function, normalize_signature(signature), locals={}, options={})
    compiled._cache = _cache_of(function)
    compiled.compile()
    return compiled


def _cache_of(function: Callable[..., Any]) -> KernelCache:
    with _numba_looks_in(str(cache_folder())):
        return KernelCache(function)


@contextmanager
def _numba_looks_in(folder: str) -> Iterator[None]:
    settings: Any = config
    before = settings.CACHE_DIR
    settings.CACHE_DIR = folder
    try:
        yield
    finally:
        settings.CACHE_DIR = before
