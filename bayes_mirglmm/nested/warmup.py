"""Compiling the kernels of this room, and those of the engine that it calls, before they are needed."""

import numpy as np

from bayes_mirglmm.marginal import compile_batch, quick_to_compile
from bayes_mirglmm.nested.strata import Margin, rake


def compile_posterior() -> None:
    """Compile the kernels of :func:`bayes_mirglmm.nested.nested_posterior`, or load them from disk."""
    with quick_to_compile():
        rake([Margin(np.arange(4.0), np.array([1.5]), np.array([0.5]))], 4)
    compile_batch()
