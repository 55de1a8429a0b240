"""Compiling the kernels of this room before they are needed."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np
from numba.core import config

from bayes_mirglmm.kernels.compilation import cache_folder

#: The kernels that call all others, and are compiled last: once they are on disk, nothing is left to do.
TOP_KERNEL, TOP_BATCH_KERNEL = "go_on", "draw_effects"
#: LLVM's level: 3, numba's default, takes a third longer to compile and runs no faster here.
OPTIMIZATION = 2


def is_compiled() -> bool:
    """Tell whether the kernels of a fit are on disk, so that the next one starts at once."""
    return any(cache_folder().rglob(f"*.{TOP_KERNEL}-*.nbc"))


def is_batch_compiled() -> bool:
    """Tell whether the kernels of many points are on disk."""
    return any(cache_folder().rglob(f"*.{TOP_BATCH_KERNEL}-*.nbc"))


@cache  # what was loaded stays for the life of the process
def compile_kernels() -> None:
    """Compile the kernels of a fit, or load them from disk, by fitting a tiny data set; once in a process."""
    from bayes_mirglmm.marginal.fit import fit_marginal

    y = np.array([[5.0, 7.0, 4.0, 9.0], [1.0, 3.0, 2.0, 2.0]])
    z = np.array([[1.0, 0.0], [1.0, 0.0], [1.0, 1.0], [1.0, 1.0]])
    with quick_to_compile():
        fit_marginal(y, np.zeros(4), z, z)


def compile_batch() -> None:
    """Compile the kernels of a posterior, or load them from disk: of many points, of gradients, of draws."""
    from bayes_mirglmm.marginal.batch import Centre, log_likelihoods
    from bayes_mirglmm.marginal.draws import draw_effects
    from bayes_mirglmm.marginal.gradients import marginals
    from bayes_mirglmm.marginal.problem import make_problem, n_parameters

    y = np.array([[5.0, 7.0, 4.0], [1.0, 3.0, 2.0]])
    one = np.ones((2, 1))
    problem, _ = make_problem(y, np.zeros(2), one, one)
    centre = Centre(np.zeros((1, 3)), np.zeros(2), np.zeros((1, 1, 3)), np.zeros((1, 2)))
    phi = np.ones((1, n_parameters(problem)))
    v, u = np.zeros((1, 1, 3)), np.zeros((1, 2))
    once, normals, b = np.ones(1, dtype=np.int64), np.zeros((1, 5)), np.empty((1, 3, 1))
    with quick_to_compile():
        marginals(problem, phi, v[0], u[0])
        log_likelihoods(problem, phi, np.zeros((1, 1)), centre, np.empty(1), v, u, np.empty((1, 0, 0)))
        draw_effects(problem, phi, v, u, once, normals, True, b, u.copy())


@contextmanager
def quick_to_compile() -> Iterator[None]:
    """Let what is compiled in this block be optimised a little less."""
    settings: Any = config
    before = settings.OPT
    settings.OPT = type(before)(OPTIMIZATION)
    try:
        yield
    finally:
        settings.OPT = before
