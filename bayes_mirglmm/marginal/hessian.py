"""The Hessian of f(phi), and how the modes move with phi, by differences of the analytic gradient.

All evaluations are made in one call of a kernel: threads wait for each other at every return to Python.
"""

import numpy as np

from bayes_mirglmm.kernels.compilation import kernel
from bayes_mirglmm.marginal.objective import approach, find_mode, marginal, unpack
from bayes_mirglmm.marginal.problem import Problem, cholesky_of, parameter_layout, sample_effects, sigma_of

STEP = 1e-4
ONE_SIDED_STEP = 1e-5


@kernel
def gradients_around(
    problem: Problem,
    phi: np.ndarray,
    v: np.ndarray,
    u: np.ndarray,
    steps: np.ndarray,
    gradients: np.ndarray,
    all_v: np.ndarray,
    all_u: np.ndarray,
) -> None:
    """Evaluate at ``phi`` plus every step in every coordinate.

    Fills ``gradients`` (d, s, d) and the modes ``all_v`` (d, s, K, J) and ``all_u`` (d, s, n) for ``steps`` (s,).
    The second step's modes are looked for opposite the first one's.
    """
    d = phi.shape[0]
    k, n_isomirs = v.shape
    n = u.shape[0]  # with the further columns of the sample side
    centre = unpack(problem, phi)
    base = find_mode(problem, centre, v.copy(), u.copy())
    moved = np.empty(d)
    new_v = np.empty((k, n_isomirs))
    new_u = np.empty(n)
    gradient = np.empty(d)
    for c in range(d):
        for s in range(steps.shape[0]):
            for e in range(d):
                moved[e] = phi[e]
            moved[c] += steps[s]
            for a in range(k):
                for j in range(n_isomirs):
                    new_v[a, j] = v[a, j] if s == 0 else 2.0 * v[a, j] - new_v[a, j]
            for i in range(n):
                new_u[i] = u[i] if s == 0 else 2.0 * u[i] - new_u[i]
            if base.ok:
                approach(problem, unpack(problem, moved), base, centre.side, new_v, new_u)
            marginal(problem, moved, new_v, new_u, gradient)
            for e in range(d):
                gradients[c, s, e] = gradient[e]
            for a in range(k):
                for j in range(n_isomirs):
                    all_v[c, s, a, j] = new_v[a, j]
            for i in range(n):
                all_u[c, s, i] = new_u[i]


def rough_hessian(
    problem: Problem, phi: np.ndarray, v: np.ndarray, u: np.ndarray, gradient: np.ndarray
) -> np.ndarray:
    """Return the Hessian (d, d) from one-sided differences: d evaluations, good enough to start from."""
    gradients, _, _ = _around(problem, phi, v, u, np.array([ONE_SIDED_STEP]))
    hessian = (gradients[:, 0] - gradient) / ONE_SIDED_STEP
    return 0.5 * (hessian + hessian.T)


def hessian_and_slopes(
    problem: Problem, phi: np.ndarray, v: np.ndarray, u: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the Hessian and the derivatives of the modes in phi from central differences: 2 d evaluations.

    Parameters
    ----------
    problem : Problem
    phi : array, shape (d,)
    v, u : arrays, shapes (K, J) and (n + r,)
        The modes at ``phi``, in spherical coordinates.

    Returns
    -------
    hessian : array, shape (d, d)
    b_slopes : array, shape (d, K, J)
        Derivatives of b_j = L v_j.
    u_slopes : array, shape (d, n + r)
        Derivatives of the sample effects u_i = sigma (S w)_i, and of the coefficients g.
    """
    gradients, all_v, all_u = _around(problem, phi, v, u, np.array([STEP, -STEP]))
    hessian = (gradients[:, 0] - gradients[:, 1]) / (2.0 * STEP)
    # b = L v moves with v and with L itself.
    chol, sigma = cholesky_of(problem, phi), sigma_of(problem, phi)
    b_slopes = chol @ ((all_v[:, 0] - all_v[:, 1]) / (2.0 * STEP))
    at = parameter_layout(problem)
    for entry, (row, col) in enumerate(zip(problem.rows, problem.cols, strict=True)):
        b_slopes[at.chol + entry, row] += v[col]
    n = len(problem.y)
    u_slopes = (all_u[:, 0] - all_u[:, 1]) / (2.0 * STEP)
    u_slopes[:, :n] = sigma * sample_effects(problem, u_slopes[:, :n])
    if problem.has_sample:
        u_slopes[at.sigma, :n] += sample_effects(problem, u[:n])
    return 0.5 * (hessian + hessian.T), b_slopes, u_slopes


def _around(
    problem: Problem, phi: np.ndarray, v: np.ndarray, u: np.ndarray, steps: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    d, s = len(phi), len(steps)
    gradients = np.empty((d, s, d))
    all_v, all_u = np.empty((d, s, *v.shape)), np.empty((d, s, len(u)))
    gradients_around(problem, phi, v, u, steps, gradients, all_v, all_u)
    return gradients, all_v, all_u
