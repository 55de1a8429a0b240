"""The Hessian of f(phi), and how the modes move with phi, by central differences of the analytic gradient."""

import numpy as np

from bayes_mirglmm.laplace.compilation import kernel
from bayes_mirglmm.laplace.objective import marginal, unpack
from bayes_mirglmm.laplace.problem import Problem

STEP = 1e-4
ONE_SIDED_STEP = 1e-5


@kernel
def difference_gradients(
    problem: Problem,
    phi: np.ndarray,
    v: np.ndarray,
    u: np.ndarray,
    g: np.ndarray,
    central: bool,
    hessian: np.ndarray,
    b_slopes: np.ndarray,
    u_slopes: np.ndarray,
) -> None:
    """Fill the Hessian (d, d) at ``phi``, whose modes are ``v`` and ``u`` and whose gradient is ``g``.

    Central differences (2 d evaluations) also fill the derivatives in phi of the modes b_j (d, K, J) and u_i (d, n);
    one-sided ones (d evaluations) give a rough Hessian to start from.
    """
    d = phi.shape[0]
    k, n_isomirs = v.shape
    n = u.shape[0]
    gradient = np.empty(d)
    moved = np.empty(d)
    new_v = np.empty((k, n_isomirs))
    new_u = np.empty(n)
    for c in range(d):
        for e in range(d):
            moved[e] = phi[e]
            hessian[c, e] = 0.0 if central else -g[e] / ONE_SIDED_STEP
        for a in range(k):
            for j in range(n_isomirs):
                b_slopes[c, a, j] = 0.0
                new_v[a, j] = v[a, j]
        for i in range(n):
            u_slopes[c, i] = 0.0
            new_u[i] = u[i]
        for side in range(2 if central else 1):
            h = (STEP if central else ONE_SIDED_STEP) * (1.0 - 2.0 * side)
            span = 2.0 * h if central else h
            moved[c] = phi[c] + h
            if side == 1:  # the modes move almost linearly: the upper ones tell where the lower ones are
                for a in range(k):
                    for j in range(n_isomirs):
                        new_v[a, j] = 2.0 * v[a, j] - new_v[a, j]
                for i in range(n):
                    new_u[i] = 2.0 * u[i] - new_u[i]
            marginal(problem, moved, new_v, new_u, gradient)
            point = unpack(problem, moved)
            for e in range(d):
                hessian[c, e] += gradient[e] / span
            for a in range(k):
                for b in range(k):
                    for j in range(n_isomirs):
                        b_slopes[c, a, j] += point.chol[a, b] * new_v[b, j] / span
            for i in range(n):
                u_slopes[c, i] += point.sigma * new_u[i] / span
    for c in range(d):
        for e in range(c):
            hessian[c, e] = 0.5 * (hessian[c, e] + hessian[e, c])
            hessian[e, c] = hessian[c, e]
