"""The marginal-likelihood engine: the mixed model with its random effects integrated out by Laplace.

This room knows arrays: numpy in, numpy out, numba inside. No labels, no tables, no IO, no PyMC. From outside call
:func:`fit_laplace` (one miRNA, one model), :func:`make_problem` with :func:`marginal` (the objective and its
gradient at any point), :func:`separated_coefficients`, and read the :class:`LaplaceFit` that comes back.

Symbols, as everywhere in the package: counts ``y`` of ``n`` samples and ``J`` isomiRs, fixed design ``x`` (n, p),
random design ``z`` (n, K), isomiR effects ``b_j = L v_j``, sample effects ``u_i = sigma w_i``, negative binomial
size ``theta``.
"""

from bayes_mirglmm.laplace.compilation import compile_kernels, is_compiled
from bayes_mirglmm.laplace.fit import LaplaceFit, fit_laplace
from bayes_mirglmm.laplace.objective import marginal
from bayes_mirglmm.laplace.problem import Problem, make_problem
from bayes_mirglmm.laplace.separation import separated_coefficients

__all__ = [
    "LaplaceFit",
    "Problem",
    "compile_kernels",
    "fit_laplace",
    "is_compiled",
    "make_problem",
    "marginal",
    "separated_coefficients",
]
