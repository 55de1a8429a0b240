"""Compiling kernels with numba, and keeping the machine code on disk (see ``cache_folder`` and ``cache``)."""

from collections.abc import Callable
from typing import Any, cast

from numba.core import config
from numba.core.ccallback import CFunc
from numba.core.registry import CPUDispatcher
from numba.core.sigutils import normalize_signature

from bayes_mirglmm.kernels.cache import cache_of
from bayes_mirglmm.kernels.cache_folder import cache_folder
from bayes_mirglmm.kernels.ingredient import Kernel, is_known

__all__ = [
    "cache_folder",
    "compiled_for_c",
    "inlined_kernel",
    "interpreted",
    "kernel",
    "spliced_kernel",
    "summing_kernel",
]


def kernel[F: Callable[..., Any]](function: F) -> F:
    """Compile ``function`` on first call, without the GIL, and cache the machine code on disk."""
    return _compiled(function, {"contract"})


def summing_kernel[F: Callable[..., Any]](function: F) -> F:
    """Compile ``function`` as :func:`kernel` does, and let the terms of its sums be added in any order, many at once.

    Not for arithmetic that relies on the order, as compensated sums do; what it calls keeps its own rules.
    """
    return _compiled(function, {"contract", "reassoc"})


def inlined_kernel[F: Callable[..., Any]](function: F) -> F:
    """Compile ``function`` as :func:`kernel` does, always into its callers: a loop with a call is not vectorised."""
    return _compiled(function, {"contract"}, forceinline=True)


def spliced_kernel[F: Callable[..., Any]](function: F) -> F:
    """Make ``function`` a part of the kernels that call it, before these are compiled: for one that is called once."""
    return _compiled(function, {"contract"}, inline="always")


def _compiled[F: Callable[..., Any]](function: F, freedoms: set[str], **options: Any) -> F:
    options |= {"nopython": True, "nogil": True, "error_model": "numpy", "fastmath": freedoms}
    settings: Any = config
    if settings.DISABLE_JIT:
        return function
    compiled: Any = (Kernel if is_known() else CPUDispatcher)(function, targetoptions=options)
    compiled._cache = cache_of(function)
    return cast(F, compiled)


def interpreted[F: Callable[..., Any]](compiled: F) -> F:
    """Return the Python function of a kernel: unpacking a large tuple for machine code costs more than a few lines."""
    function: Any = compiled
    return cast(F, getattr(function, "py_func", function))


def compiled_for_c(signature: Any, function: Callable[..., Any]) -> Any:
    """Compile ``function`` for callers in C, and cache the machine code on disk; the result has an ``address``."""
    compiled: Any = CFunc(function, normalize_signature(signature), locals={}, options={})
    compiled._cache = cache_of(function)
    compiled.compile()
    return compiled
