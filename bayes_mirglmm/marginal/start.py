"""Where the search starts: moments of the log counts."""

import math
from typing import NamedTuple

import numpy as np

from bayes_mirglmm.kernels.compilation import summing_kernel
from bayes_mirglmm.kernels.elementary import fast_log
from bayes_mirglmm.marginal.problem import MANY_ENTRIES, Problem, n_side, places

SMALLEST_SD = 0.1  # the gradient in a standard deviation of zero is zero: never start there
SMALLEST_AXIS = 0.05  # the same along every axis of a covariance of many effects


class Projections(NamedTuple):
    """Least squares on a design, ready to be applied to any counts."""

    x: np.ndarray  #: pseudo-inverse of x (p, n)
    z: np.ndarray  #: pseudo-inverse of z (K, n)
    z_noise: np.ndarray  #: variance of the coefficients on z at unit noise (K,)


def make_projections(x: np.ndarray, z: np.ndarray) -> Projections:
    """Prepare :func:`start_values` for the designs ``x`` (n, p) and ``z`` (n, K)."""
    inverse = np.ascontiguousarray(np.linalg.pinv(z))
    return Projections(
        np.ascontiguousarray(np.linalg.pinv(x)), inverse, np.einsum("kn,kn->k", inverse, inverse)
    )


def start_values(problem: Problem, projections: Projections | None = None) -> np.ndarray:
    """Return phi from least squares on log(y + 1/2) less the offset.

    The isomiRs' own regressions on ``z`` give the intercept's and slopes' spread, the samples' mean residuals sigma,
    and what is left, less the Poisson part, 1/theta.
    """
    project = projections or make_projections(problem.x, problem.z)
    k = problem.z.shape[1]
    beta, sd, own = np.empty(problem.x.shape[1]), np.empty(k), np.zeros((k, problem.y.shape[1]))
    sample_sd, theta, noise = moments(
        problem.y, problem.offset, problem.x, problem.z, *project, beta, sd, own
    )
    at = places(problem)
    phi = np.zeros(at.size)
    if not problem.inner:
        phi[: len(beta)] = beta
    if len(problem.rows) > MANY_ENTRIES:
        chol = _joint_root(problem, own, noise * project.z @ project.z.T)
        phi[at.chol : at.terms] = chol[problem.rows, problem.cols]
    else:
        phi[at.chol : at.terms] = np.where(problem.rows == problem.cols, sd[problem.rows], 0.0)
    # The variance between samples, shared out evenly.
    parts = int(problem.has_sample) + len(problem.starts)
    phi[at.terms : at.theta] = max(sample_sd / math.sqrt(max(parts, 1)), SMALLEST_SD)
    if not problem.poisson:
        phi[-1] = math.log(theta)
    return phi


def _joint_root(problem: Problem, own: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Return L (K, K) from the covariance of ``own`` (K, J) over isomiRs, less what their ``noise`` (K, K) adds.

    Effects against one reference level are correlated by it: where they are many, a search that starts from
    uncorrelated ones takes twice the steps.
    """
    block = np.zeros(noise.shape, dtype=bool)
    block[problem.rows, problem.cols] = block[problem.cols, problem.rows] = True
    centred = own - own.mean(axis=1, keepdims=True)
    covariance = np.where(block, centred @ centred.T / own.shape[1] - noise, 0.0)
    values, vectors = np.linalg.eigh(covariance)
    return np.linalg.cholesky((vectors * np.maximum(values, SMALLEST_AXIS**2)) @ vectors.T)


@summing_kernel
def moments(
    y: np.ndarray,
    offset: np.ndarray,
    x: np.ndarray,
    z: np.ndarray,
    project_x: np.ndarray,
    project_z: np.ndarray,
    z_noise: np.ndarray,
    beta: np.ndarray,
    sd: np.ndarray,
    own: np.ndarray,
) -> tuple[float, float, float]:
    """Write fixed effects (p,), SDs of the isomiR effects (K,), and add these to ``own`` (K, J).

    Returns the SD of the samples, theta, and the variance of a cell.
    """
    n, n_isomirs = y.shape
    residual = np.empty((n, n_isomirs))
    poisson_part = 0.0
    beta[:] = 0.0
    for i in range(n):
        total = 0.0
        for j in range(n_isomirs):
            residual[i, j] = fast_log(y[i, j] + 0.5) - offset[i]
            total += residual[i, j]
            poisson_part += 1.0 / (y[i, j] + 1.0)
        for c in range(beta.shape[0]):
            beta[c] += project_x[c, i] * total / n_isomirs
    for i in range(n):
        fitted = 0.0
        for c in range(beta.shape[0]):
            fitted += x[i, c] * beta[c]
        for j in range(n_isomirs):
            residual[i, j] -= fitted
        for a in range(sd.shape[0]):
            for j in range(n_isomirs):
                own[a, j] += project_z[a, i] * residual[i, j]
    samples, squares, noise = 0.0, 0.0, 0.0
    for i in range(n):
        for a in range(sd.shape[0]):
            for j in range(n_isomirs):
                residual[i, j] -= z[i, a] * own[a, j]
        mean = 0.0
        for j in range(n_isomirs):
            mean += residual[i, j]
        mean /= n_isomirs
        samples += mean
        squares += mean * mean
        for j in range(n_isomirs):
            noise += (residual[i, j] - mean) ** 2
    noise /= max(1, (n - 1) * (n_isomirs - 1))
    for a in range(sd.shape[0]):
        mean = 0.0
        for j in range(n_isomirs):
            mean += own[a, j]
        mean /= n_isomirs
        variance = -z_noise[a] * noise
        for j in range(n_isomirs):
            variance += (own[a, j] - mean) ** 2 / n_isomirs
        sd[a] = math.sqrt(max(variance, SMALLEST_SD * SMALLEST_SD))
    theta = 1.0 / max(noise - poisson_part / (n * n_isomirs), 0.01)
    spread = math.sqrt(max(squares / n - (samples / n) ** 2, 0.0))
    return spread, min(max(theta, 0.3), 100.0), noise


def start_effects(problem: Problem, projections: Projections) -> tuple[np.ndarray, np.ndarray]:
    """Return where the search for the modes starts: 0, but for fixed effects that are integrated out."""
    n, n_isomirs = problem.y.shape
    u = np.zeros(n_side(problem))
    if problem.inner:
        response = np.log(problem.y + 0.5) - problem.offset[:, None]
        u[n : n + problem.x.shape[1]] = projections.x @ response.mean(axis=1)
    return np.zeros((problem.z.shape[1], n_isomirs)), u
