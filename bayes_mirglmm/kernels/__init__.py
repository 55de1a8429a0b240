"""What compiled code is made of: the numba decorator with its cache, special functions, small dense algebra.

Knows numbers and arrays, and no model. :func:`~bayes_mirglmm.kernels.compilation.kernel` compiles a function and keeps
the machine code on disk; the rooms with kernels of their own are :mod:`bayes_mirglmm.marginal`,
:mod:`bayes_mirglmm.nested` and :mod:`bayes_mirglmm.nuts`.
"""

from bayes_mirglmm.interruption import noted, passed_on

with noted() as _signals:  # half imported, numba cannot be imported again in the same session
    import numba  # noqa: F401
passed_on(_signals)
