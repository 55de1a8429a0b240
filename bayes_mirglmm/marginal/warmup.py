"""Compiling the kernels of this room before they are needed."""

from typing import Any

from numba.core import config

from bayes_mirglmm.kernels.compilation import cache_folder

#: The kernel that calls all others, and is compiled last: once it is on disk, nothing is left to do.
TOP_KERNEL = "go_on"
#: LLVM's level: 3, numba's default, takes a third longer to compile and runs no faster here.
OPTIMIZATION = 2


def is_compiled() -> bool:
    """Tell whether the kernels are on disk, so that the next fit starts at once."""
    return any(cache_folder().rglob(f"*.{TOP_KERNEL}-*.nbc"))


def compile_kernels() -> None:
    """Compile all kernels, or load them from disk, by fitting a tiny data set."""
    import numpy as np

    from bayes_mirglmm.marginal.fit import fit_marginal

    y = np.array([[5.0, 7.0, 4.0, 9.0], [1.0, 3.0, 2.0, 2.0]])
    z = np.array([[1.0, 0.0], [1.0, 0.0], [1.0, 1.0], [1.0, 1.0]])
    settings: Any = config
    before = settings.OPT
    settings.OPT = type(before)(OPTIMIZATION)
    try:
        fit_marginal(y, np.zeros(4), z, z)
    finally:
        settings.OPT = before
