"""f(phi), its gradient and the modes at one point or at several, in one call that holds no lock of the interpreter."""

from typing import NamedTuple

import numpy as np

from bayes_mirglmm.kernels.compilation import kernel
from bayes_mirglmm.marginal.objective import evaluate
from bayes_mirglmm.marginal.problem import Problem, parameter_layout
from bayes_mirglmm.marginal.side import term_effects


class Points(NamedTuple):
    """What is known at each of N parameter vectors."""

    value: np.ndarray  #: f; inf where the mode cannot be found or the value overflows (N,)
    gradient: np.ndarray  #: of f in phi; 0 there (N, q)
    v: np.ndarray  #: modes of the isomiR effects, spherical (N, K, J)
    u: np.ndarray  #: and of the sample side (N, n + r)
    b: np.ndarray  #: modes of b_j = L v_j (N, K, J)
    effects: (
        np.ndarray
    )  #: and of sigma w_i, of fixed effects that are integrated out, and of L_t w_t (N, n + r)


def marginals(problem: Problem, phi: np.ndarray, v: np.ndarray, u: np.ndarray) -> Points:
    """Return f, its gradient and the modes at every row of ``phi`` (N, q).

    Parameters
    ----------
    problem : Problem
    phi : array, shape (N, q)
    v, u : arrays, shapes (K, J) and (n + r,)
        Where the search for each mode starts.
    """
    count = len(phi)
    points = Points(
        np.empty(count),
        np.zeros(phi.shape),
        np.tile(v, (count, 1, 1)),
        np.tile(u, (count, 1)),
        np.zeros((count, *v.shape)),
        np.empty((count, len(u))),
    )
    _evaluate_all(problem, phi, points)
    return points


def marginal(problem: Problem, phi: np.ndarray, v: np.ndarray, u: np.ndarray, gradient: np.ndarray) -> float:
    """Return f(phi) and write its gradient; ``v`` and ``u`` are the start and become the mode.

    Returns ``inf`` where the mode cannot be found or the value overflows.
    """
    points = marginals(problem, phi[None], v, u)
    v[:], u[:], gradient[:] = points.v[0], points.u[0], points.gradient[0]
    return float(points.value[0])


@kernel
def _evaluate_all(problem: Problem, phi: np.ndarray, points: Points) -> None:
    """Write what is known at every row of ``phi``; the modes start at ``v`` and ``u`` as they are."""
    n = problem.y.shape[0]
    at = parameter_layout(problem)
    for s in range(phi.shape[0]):
        own, v, b, effects = phi[s], points.v[s], points.b[s], points.effects[s]
        points.value[s] = evaluate(problem, own, v, points.u[s], points.gradient[s])
        for e in range(problem.rows.shape[0]):
            for j in range(v.shape[1]):
                b[problem.rows[e], j] += own[at.chol + e] * v[problem.cols[e], j]
        effects[:] = points.u[s]
        for i in range(n):
            effects[i] *= own[at.sigma] if problem.has_sample else 0.0
        term_effects(problem, own, effects)
