"""Where the search starts: moments of the log counts."""

import math
from typing import NamedTuple

import numpy as np

from bayes_mirglmm.marginal.problem import Problem, n_parameters, n_side, parameter_layout

SMALLEST_SD = 0.1  # the gradient in a standard deviation of zero is zero: never start there


class Projections(NamedTuple):
    """Least squares on a design, ready to be applied to any counts."""

    x: np.ndarray  #: pseudo-inverse of x (p, n)
    z: np.ndarray  #: pseudo-inverse of z (K, n)
    z_noise: np.ndarray  #: variance of the coefficients on z at unit noise (K,)


def make_projections(x: np.ndarray, z: np.ndarray) -> Projections:
    """Prepare :func:`start_values` for the designs ``x`` (n, p) and ``z`` (n, K)."""
    inverse = np.linalg.pinv(z)
    return Projections(np.linalg.pinv(x), inverse, np.einsum("kn,kn->k", inverse, inverse))


def start_values(problem: Problem, projections: Projections | None = None) -> np.ndarray:
    """Return phi from least squares on log(y + 1/2) less the offset.

    The isomiRs' own regressions on ``z`` give the intercept's and slopes' spread, the samples' mean residuals sigma,
    and what is left, less the Poisson part, 1/theta.
    """
    n, n_isomirs = problem.y.shape
    project = projections or make_projections(problem.x, problem.z)
    response = np.log(problem.y + 0.5) - problem.offset[:, None]
    beta = project.x @ response.mean(axis=1)
    residual = response - (problem.x @ beta)[:, None]
    own = project.z @ residual
    rest = residual - problem.z @ own
    sample = rest.mean(axis=1)
    noise = rest - sample[:, None]
    noise_variance = float(np.vdot(noise, noise)) / max(1, (n - 1) * (n_isomirs - 1))
    own_variance = own.var(axis=1) - project.z_noise * noise_variance
    sd = np.sqrt(np.maximum(own_variance, SMALLEST_SD**2))
    phi = np.zeros(n_parameters(problem))
    at = parameter_layout(problem)
    if not problem.inner:
        phi[: len(beta)] = beta
    phi[at.chol : at.terms] = np.where(problem.rows == problem.cols, sd[problem.rows], 0.0)
    # The variance between samples, shared out evenly.
    parts = int(problem.has_sample) + len(problem.starts)
    phi[at.terms : at.theta] = max(float(sample.std()) / np.sqrt(max(parts, 1)), SMALLEST_SD)
    if not problem.poisson:
        poisson_part = float((1.0 / (problem.y + 1.0)).mean())
        theta = 1.0 / max(noise_variance - poisson_part, 0.01)
        phi[-1] = math.log(min(max(theta, 0.3), 100.0))
    return phi


def start_effects(problem: Problem, projections: Projections) -> tuple[np.ndarray, np.ndarray]:
    """Return where the search for the modes starts: 0, but for fixed effects that are integrated out."""
    n, n_isomirs = problem.y.shape
    u = np.zeros(n_side(problem))
    if problem.inner:
        response = np.log(problem.y + 0.5) - problem.offset[:, None]
        u[n : n + problem.x.shape[1]] = projections.x @ response.mean(axis=1)
    return np.zeros((problem.z.shape[1], n_isomirs)), u
