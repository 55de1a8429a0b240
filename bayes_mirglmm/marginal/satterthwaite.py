"""Degrees of freedom of fixed effects that are integrated out (Satterthwaite 1946; Giesbrecht & Burns 1985).

The variance of an effect given the parameters, V(phi), is taken for a scaled chi-squared with the mean and variance
that it has under the normal approximation of the parameters: df = 2 V^2 / (dV' Cov(phi) dV).
"""

import numpy as np

from bayes_mirglmm.kernels.compilation import kernel
from bayes_mirglmm.marginal.leverage import leverage
from bayes_mirglmm.marginal.objective import find_mode, unpack
from bayes_mirglmm.marginal.problem import Problem

STEP = 1e-3


@kernel
def covariances_around(
    problem: Problem, phi: np.ndarray, v: np.ndarray, u: np.ndarray, step: float, out: np.ndarray
) -> None:
    """Write the covariance of the fixed effects at ``phi`` plus and minus ``step`` in every coordinate.

    ``out`` has the shape (d, 2, p, p).
    """
    p = problem.x.shape[1]
    for c in range(phi.shape[0]):
        for s in range(2):
            moved = phi.copy()
            moved[c] += step if s == 0 else -step
            point = unpack(problem, moved)
            mode = find_mode(problem, point, v.copy(), u.copy())
            inverse = leverage(problem, mode.observed, point.chol, point.side, mode.w, True)
            for a in range(p):
                for b in range(p):
                    out[c, s, a, b] = inverse.g_cov[a, b]


def covariance_slopes(problem: Problem, phi: np.ndarray, v: np.ndarray, u: np.ndarray) -> np.ndarray:
    """Return the derivatives in ``phi`` (d,) of the covariance of the fixed effects, (d, p, p)."""
    p = problem.x.shape[1]
    around = np.empty((len(phi), 2, p, p))
    covariances_around(problem, phi, v, u, STEP, around)
    return (around[:, 0] - around[:, 1]) / (2.0 * STEP)


def degrees_of_freedom(
    weights: np.ndarray, cov: np.ndarray, slopes: np.ndarray, parameter_cov: np.ndarray
) -> np.ndarray:
    """Return the degrees of freedom of ``weights`` @ beta (m,); inf where the variance is as good as known.

    Parameters
    ----------
    weights : array, shape (m, p)
    cov : array, shape (p, p)
        Covariance of beta given the parameters.
    slopes : array, shape (d, p, p)
        Its derivatives in the parameters.
    parameter_cov : array, shape (d, d)
    """
    variance = np.einsum("ma,ab,mb->m", weights, cov, weights)
    slope = np.einsum("ma,dab,mb->md", weights, slopes, weights)
    spread = np.einsum("md,de,me->m", slope, parameter_cov, slope)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(spread > 0.0, 2.0 * variance**2 / spread, np.inf)
