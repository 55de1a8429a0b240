"""The sample side of the model: what all isomiRs of a sample share, e = T (w, g) with T = [sigma S, columns].

``w`` (n,) are the sample effects before sigma, independent or, with S S' = Sigma, correlated. ``g`` (r,) are the
coefficients of further columns: the fixed effects where they are integrated out, and the levels of random terms such
as ``(1 | patient)``. Everything but the fixed effects is N(0, I), so that no standard deviation is ever divided by.
"""

from typing import NamedTuple

import numpy as np

from bayes_mirglmm.kernels.compilation import kernel
from bayes_mirglmm.marginal.problem import Problem, parameter_layout


class Side(NamedTuple):
    """T at one point of the parameters."""

    sigma: float
    root: np.ndarray  #: S (n, n), or no rows where samples are independent
    columns: np.ndarray  #: (n, r): the fixed design where it is integrated out, then the random terms
    precision: np.ndarray  #: prior precision of g (r,)


@kernel
def make_side(problem: Problem, phi: np.ndarray) -> Side:
    """Return T of the parameters ``phi``."""
    n, p = problem.x.shape
    at = parameter_layout(problem)
    inner = p if problem.inner else 0
    columns = np.zeros((n, inner + problem.width))
    precision = np.ones(inner + problem.width)
    for c in range(inner):
        precision[c] = problem.precision[c]
        for i in range(n):
            columns[i, c] = problem.x[i, c]
    for e in range(problem.starts.shape[0]):
        value = phi[at.terms + e]
        for i in range(n):
            columns[i, inner + problem.starts[e] + problem.levels[e, i]] += value * problem.entries[e, i]
    sigma = phi[at.sigma] if problem.has_sample else 0.0
    return Side(sigma, problem.root, columns, precision)


@kernel
def spread(side: Side, u: np.ndarray) -> np.ndarray:
    """Return e = T u (n,)."""
    n, r = side.columns.shape
    out = np.empty(n)
    dense = side.root.shape[0] > 0
    for i in range(n):
        total = 0.0
        if dense:
            for m in range(n):
                total += side.root[i, m] * u[m]
            total *= side.sigma
        else:
            total = side.sigma * u[i]
        for c in range(r):
            total += side.columns[i, c] * u[n + c]
        out[i] = total
    return out


@kernel
def gather(side: Side, e: np.ndarray) -> np.ndarray:
    """Return T' e (n + r,)."""
    n, r = side.columns.shape
    out = np.zeros(n + r)
    dense = side.root.shape[0] > 0
    for i in range(n):
        value = side.sigma * e[i]
        if dense:
            for m in range(n):
                out[m] += side.root[i, m] * value
        else:
            out[i] = value
        for c in range(r):
            out[n + c] += side.columns[i, c] * e[i]
    return out


@kernel
def prior_pull(side: Side, u: np.ndarray, out: np.ndarray) -> None:
    """Subtract the prior precision times ``u`` from ``out``, both (n + r,)."""
    n = side.columns.shape[0]
    for i in range(n):
        out[i] -= u[i]
    for c in range(side.precision.shape[0]):
        out[n + c] -= side.precision[c] * u[n + c]


@kernel
def half_square(v: np.ndarray, u: np.ndarray, precision: np.ndarray) -> float:
    """Half the squared length of (v, u) in the metric of the prior."""
    total = 0.0
    for a in range(v.shape[0]):
        for j in range(v.shape[1]):
            total += v[a, j] * v[a, j]
    n = u.shape[0] - precision.shape[0]
    for i in range(n):
        total += u[i] * u[i]
    for c in range(precision.shape[0]):
        total += precision[c] * u[n + c] * u[n + c]
    return 0.5 * total


@kernel
def term_effects(problem: Problem, phi: np.ndarray, u: np.ndarray) -> None:
    """Overwrite the random terms' w_t in ``u`` (n + r,) with their effects L_t w_t."""
    first = u.shape[0] - problem.width
    at = parameter_layout(problem)
    w = u[first:].copy()
    u[first:] = 0.0
    for e in range(problem.starts.shape[0]):
        for m in range(_n_levels(problem, e)):
            u[first + problem.targets[e] + m] += phi[at.terms + e] * w[problem.starts[e] + m]


@kernel
def spherical_terms(problem: Problem, phi: np.ndarray, u: np.ndarray) -> None:
    """Undo :func:`term_effects`; an SD of 0 gives 0."""
    first = u.shape[0] - problem.width
    at = parameter_layout(problem)
    for e in range(problem.starts.shape[0]):  # row by row of L_t, the diagonal last
        value = phi[at.terms + e]
        start, target = first + problem.starts[e], first + problem.targets[e]
        for m in range(_n_levels(problem, e)):
            if start != target:
                u[target + m] -= value * u[start + m]
            else:
                u[target + m] = u[target + m] / value if value != 0.0 else 0.0


@kernel
def _n_levels(problem: Problem, entry: int) -> int:
    most = 0
    for i in range(problem.levels.shape[1]):
        most = max(most, problem.levels[entry, i])
    return most + 1
