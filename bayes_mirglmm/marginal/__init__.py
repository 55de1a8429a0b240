"""The marginal-likelihood engine: the mixed model with its random effects integrated out by Laplace.

This room knows arrays: numpy in, numpy out, numba inside. No labels, no tables, no IO, no PyMC. From outside call
:func:`fit_marginal` (one miRNA, one model; with :func:`make_frame` and :func:`fit_frame` the design is prepared once
for many), :func:`make_problem` with :func:`marginals` (the objective, its gradient and the modes at any points) or
:func:`log_likelihoods` (many values near a :class:`Centre`) and :func:`draw_effects` (what was integrated out, there),
:func:`separated_coefficients`, and read the :class:`MarginalFit` that comes back.

Symbols, as everywhere in the package: counts ``y`` of ``n`` samples and ``J`` isomiRs, fixed design ``x`` (n, p),
random design ``z`` (n, K), isomiR effects ``b_j = L v_j``, sample effects ``u_i = sigma w_i``, negative binomial
size ``theta``.
"""

from bayes_mirglmm.marginal.batch import Centre, log_likelihoods
from bayes_mirglmm.marginal.describe import MarginalFit
from bayes_mirglmm.marginal.draws import draw_effects
from bayes_mirglmm.marginal.fit import fit_frame, fit_marginal
from bayes_mirglmm.marginal.frame import Frame, make_frame
from bayes_mirglmm.marginal.gradients import Points, marginal, marginals
from bayes_mirglmm.marginal.problem import Problem, Terms, make_problem
from bayes_mirglmm.marginal.separation import separated_coefficients
from bayes_mirglmm.marginal.warmup import (
    compile_batch,
    compile_kernels,
    is_batch_compiled,
    is_compiled,
    quick_to_compile,
)

__all__ = [
    "Centre",
    "Frame",
    "MarginalFit",
    "Points",
    "Problem",
    "Terms",
    "compile_batch",
    "compile_kernels",
    "draw_effects",
    "fit_frame",
    "fit_marginal",
    "is_batch_compiled",
    "is_compiled",
    "log_likelihoods",
    "make_frame",
    "make_problem",
    "marginal",
    "marginals",
    "quick_to_compile",
    "separated_coefficients",
]
