"""Many points of the parameters side by side: every number of one point stands in a lane, the last axis of its array.

What costs microseconds for one point is calls, short loops and divisions that wait for each other. With points in lanes
every inner loop runs over them, whatever the numbers of samples and isomiRs, and works on several at once.
"""

from typing import NamedTuple

import numpy as np

from bayes_mirglmm.kernels.compilation import kernel
from bayes_mirglmm.marginal.objective import MAX_LOG_THETA
from bayes_mirglmm.marginal.problem import Problem, parameter_layout

FEWEST, MOST = 16, 64  # lanes
CACHE = 1 << 17  # numbers that a processor has close at hand


class Lanes(NamedTuple):
    """The parameters of B points, taken apart."""

    fixed: np.ndarray  #: offset and what fixed effects that are parameters predict (n, B)
    chol: np.ndarray  #: L (K, K, B)
    zl: np.ndarray  #: z L of each group of samples with equal z (G, K, B)
    group: np.ndarray  #: where each group begins, and the end (G + 1,)
    theta: np.ndarray  #: (B,)
    sigma: np.ndarray  #: (B,)
    columns: np.ndarray  #: of the sample side (n, r, B); see :class:`~bayes_mirglmm.marginal.side.Side`
    filled: (
        np.ndarray
    )  #: where these are not 0 in all lanes: a sample has few of the levels of a factor (n, r)
    precision: np.ndarray  #: prior precision of their coefficients g (r,)
    root: np.ndarray  #: S (n, n), or no rows


@kernel
def n_lanes(problem: Problem) -> int:
    """How many points fit in a processor's cache together."""
    n, n_isomirs = problem.y.shape
    k, r = problem.z.shape[1], problem.width
    if problem.inner:
        r += problem.x.shape[1]
    size = k * n_isomirs if k * n_isomirs <= n and problem.root.shape[0] == 0 else 2 * n
    numbers = 3 * n * n_isomirs + size * size + (size + n) * r + r * r
    return max(FEWEST, min(MOST, CACHE // numbers // FEWEST * FEWEST))


@kernel
def make_lanes(problem: Problem, phi: np.ndarray) -> Lanes:
    """Take the parameter vectors ``phi`` (B, q) apart."""
    n, p = problem.x.shape
    k = problem.z.shape[1]
    count = phi.shape[0]
    at = parameter_layout(problem)
    chol = np.zeros((k, k, count))
    for e in range(problem.rows.shape[0]):
        for s in range(count):
            chol[problem.rows[e], problem.cols[e], s] = phi[s, at.chol + e]
    theta = np.full(count, np.inf)
    if not problem.poisson:
        for s in range(count):
            theta[s] = np.exp(min(phi[s, at.theta], MAX_LOG_THETA))
    sigma = np.zeros(count)
    if problem.has_sample:
        for s in range(count):
            sigma[s] = phi[s, at.sigma]
    fixed = np.empty((n, count))
    for i in range(n):
        for s in range(count):
            fixed[i, s] = problem.offset[i]
        if not problem.inner:
            for c in range(p):
                for s in range(count):
                    fixed[i, s] += problem.x[i, c] * phi[s, at.beta + c]
    inner = p if problem.inner else 0
    columns = np.zeros((n, inner + problem.width, count))
    filled = np.zeros((n, inner + problem.width), dtype=np.bool_)
    precision = np.ones(inner + problem.width)
    for c in range(inner):
        precision[c] = problem.precision[c]
        for i in range(n):
            filled[i, c] = problem.x[i, c] != 0.0
            for s in range(count):
                columns[i, c, s] = problem.x[i, c]
    for e in range(problem.starts.shape[0]):
        for i in range(n):
            c = inner + problem.starts[e] + problem.levels[e, i]
            filled[i, c] = filled[i, c] or problem.entries[e, i] != 0.0
            for s in range(count):
                columns[i, c, s] += phi[s, at.terms + e] * problem.entries[e, i]
    group = problem.segment if problem.segment.shape[0] else np.arange(n + 1)
    zl = np.zeros((group.shape[0] - 1, k, count))
    for g in range(zl.shape[0]):
        for c in range(k):
            z = problem.z[group[g], c]
            if z != 0.0:
                for b in range(c + 1):
                    for s in range(count):
                        zl[g, b, s] += z * chol[c, b, s]
    return Lanes(fixed, chol, zl, group, theta, sigma, columns, filled, precision, problem.root)


@kernel
def spread_lanes(lanes: Lanes, u: np.ndarray) -> np.ndarray:
    """Return e = T u (n, B) of ``u`` (n + r, B)."""
    n, r, count = lanes.columns.shape
    out = np.zeros((n, count))
    for i in range(n):
        if lanes.root.shape[0]:
            for m in range(n):
                c = lanes.root[i, m]
                for s in range(count):
                    out[i, s] += c * u[m, s]
        else:
            for s in range(count):
                out[i, s] = u[i, s]
        for s in range(count):
            out[i, s] *= lanes.sigma[s]
        for c in range(r):
            if lanes.filled[i, c]:
                for s in range(count):
                    out[i, s] += lanes.columns[i, c, s] * u[n + c, s]
    return out


@kernel
def gather_lanes(lanes: Lanes, e: np.ndarray) -> np.ndarray:
    """Return T' e (n + r, B) of ``e`` (n, B)."""
    n, r, count = lanes.columns.shape
    out = np.zeros((n + r, count))
    for i in range(n):
        if lanes.root.shape[0]:
            for m in range(n):
                c = lanes.root[m, i]
                for s in range(count):
                    out[i, s] += c * e[m, s]
        else:
            for s in range(count):
                out[i, s] = e[i, s]
        for s in range(count):
            out[i, s] *= lanes.sigma[s]
        for c in range(r):
            if lanes.filled[i, c]:
                for s in range(count):
                    out[n + c, s] += lanes.columns[i, c, s] * e[i, s]
    return out


@kernel
def along_groups(lanes: Lanes, v: np.ndarray) -> np.ndarray:
    """Return what ``v`` (K, J, B) adds to the linear predictor of each group (G, J, B)."""
    n_groups, k, count = lanes.zl.shape
    n_isomirs = v.shape[1]
    out = np.zeros((n_groups, n_isomirs, count))
    for g in range(n_groups):
        for a in range(k):
            for j in range(n_isomirs):
                for s in range(count):
                    out[g, j, s] += lanes.zl[g, a, s] * v[a, j, s]
    return out


@kernel
def from_groups(lanes: Lanes, sums: np.ndarray, out: np.ndarray) -> None:
    """Write (z L)' of what was summed over the samples of each group, ``sums`` (G, J, B), into ``out`` (K, J, B)."""
    n_groups, k, count = lanes.zl.shape
    n_isomirs = sums.shape[1]
    out[:] = 0.0
    for g in range(n_groups):
        for a in range(k):
            for j in range(n_isomirs):
                for s in range(count):
                    out[a, j, s] += lanes.zl[g, a, s] * sums[g, j, s]
