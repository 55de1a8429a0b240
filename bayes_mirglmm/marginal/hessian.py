"""The Hessian of f(phi), and how the modes move with phi, from differences of the analytic gradient."""

import numpy as np

from bayes_mirglmm.kernels.compilation import kernel
from bayes_mirglmm.kernels.dense import (
    cholesky,
    inverse,
    overwrite,
    times,
    times_transposed,
    transposed_times,
)
from bayes_mirglmm.marginal.objective import Mode, along, unpack
from bayes_mirglmm.marginal.problem import Problem, parameter_layout
from bayes_mirglmm.marginal.side import Side, gather
from bayes_mirglmm.marginal.solving import solve_precision

STEP = 1e-4
ONE_SIDED_STEP = 1e-5


@kernel
def one_sided_hessian(gradients: np.ndarray, gradient: np.ndarray, hessian: np.ndarray, first: int) -> None:
    """Write the Hessian (d, d) from one-sided differences, but for the first ``first`` rows and columns.

    Parameters
    ----------
    gradients : array, shape (d, 2, d)
        At [c, 0] the gradient ``ONE_SIDED_STEP`` along coordinate c, from ``first`` on.
    gradient : array, shape (d,)
    hessian : array, shape (d, d)
    first : int
    """
    d = gradient.shape[0]
    for a in range(first, d):
        for b in range(d):
            change = gradients[a, 0, b] - gradient[b]
            if b >= first:
                change = 0.5 * (change + gradients[b, 0, a] - gradient[a])
            hessian[a, b] = change / ONE_SIDED_STEP
            hessian[b, a] = hessian[a, b]


@kernel
def fixed_information(problem: Problem, mode: Mode, side: Side, hessian: np.ndarray) -> None:
    """Write X'WX - X'WA H^-1 A'WX, the curvature of the joint density in the fixed effects, into their block.

    It lacks what the log determinant adds, so it is good enough to start from, at a solution for each column of x in
    place of an evaluation of f.
    """
    x, w, zl, totals = problem.x, mode.w, mode.observed.zl, mode.observed.totals
    n, p = x.shape
    n_isomirs = w.shape[1]
    k = zl.shape[1]
    all_v = np.zeros((p, k, n_isomirs))
    all_u = np.empty((p, n + side.columns.shape[1]))
    for c in range(p):
        for i in range(n):
            for a in range(k):
                weight = x[i, c] * zl[i, a]
                for j in range(n_isomirs):
                    all_v[c, a, j] += weight * w[i, j]
        overwrite(all_u[c], gather(side, x[:, c] * totals))
    for c in range(p):
        v = all_v[c].copy()
        u = all_u[c].copy()
        solve_precision(mode.observed, side, w, v, u)
        for b in range(p):
            total = 0.0
            for i in range(n):
                total += x[i, b] * x[i, c] * totals[i]
            hessian[b, c] = total - along(all_v[b], all_u[b], v, u)


@kernel
def covariance_information(problem: Problem, mode: Mode, chol: np.ndarray, hessian: np.ndarray) -> None:
    """Write the Fisher information of the entries of L, as if each isomiR's own effects were seen with noise.

    M_j is the precision that the counts of isomiR j give to its effects; what is seen of them has the covariance
    L L' + M_j^-1, of inverse P_j, and the information is that of normal samples, sum_j trace(P_j dS P_j dS') / 2 with
    dS the change of L L'. It never curves down, and does not know that effects share samples and fixed effects.
    """
    rows, cols = problem.rows, problem.cols
    feature, sums = problem.feature, mode.observed.sums
    k = chol.shape[0]
    first = parameter_layout(problem).chol
    n_entries = rows.shape[0]
    m = np.empty((k, k))
    block = np.empty((k, k))
    hessian[first : first + n_entries, first : first + n_entries] = 0.0
    for j in range(sums.shape[1]):
        m[:] = 0.0
        for r in range(feature.shape[0]):
            for a in range(k):
                for b in range(k):
                    m[a, b] += sums[r, j] * feature[r, a, b]
        ml = times(m, chol)
        overwrite(block, transposed_times(chol, ml))
        for a in range(k):
            block[a, a] += 1.0
        if not cholesky(block):
            continue
        p = m - times_transposed(times(ml, inverse(block)), ml)
        pl = times(p, chol)
        lpl = transposed_times(chol, pl)
        for e in range(n_entries):
            for f in range(n_entries):
                hessian[first + e, first + f] += (
                    pl[rows[f], cols[e]] * pl[rows[e], cols[f]] + lpl[cols[e], cols[f]] * p[rows[e], rows[f]]
                )


@kernel
def exact_hessian(gradients: np.ndarray, hessian: np.ndarray) -> None:
    """Write the Hessian (d, d) from the gradients ``STEP`` either way along every coordinate, (d, 2, d)."""
    d = hessian.shape[0]
    for a in range(d):
        for b in range(d):
            change = gradients[a, 0, b] - gradients[a, 1, b] + gradients[b, 0, a] - gradients[b, 1, a]
            hessian[a, b] = change / (4.0 * STEP)


@kernel
def mode_slopes(
    problem: Problem,
    phi: np.ndarray,
    v: np.ndarray,
    u: np.ndarray,
    all_v: np.ndarray,
    all_u: np.ndarray,
    apart: float,
    b_slopes: np.ndarray,
    u_slopes: np.ndarray,
) -> None:
    """Write the derivatives of the modes in phi.

    Parameters
    ----------
    problem : Problem
    phi : array, shape (d,)
    v, u : arrays, shapes (K, J) and (n + r,)
        The modes at ``phi``, in spherical coordinates.
    all_v, all_u : arrays, shapes (d, 2, K, J) and (d, 2, n + r)
        The modes at two places along every coordinate.
    apart : float
        How far these are from each other.
    b_slopes : array, shape (d, K, J)
        Derivatives of b_j = L v_j.
    u_slopes : array, shape (d, n + r)
        Derivatives of the sample effects u_i = sigma (S w)_i, and of the coefficients g.
    """
    k, n_isomirs = v.shape
    n = problem.y.shape[0]
    point = unpack(problem, phi)
    at = parameter_layout(problem)
    over = 1.0 / apart
    for c in range(phi.shape[0]):
        for a in range(k):
            for j in range(n_isomirs):
                total = 0.0
                for b in range(a + 1):
                    total += point.chol[a, b] * (all_v[c, 0, b, j] - all_v[c, 1, b, j])
                b_slopes[c, a, j] = total * over
        for i in range(u.shape[0]):
            u_slopes[c, i] = (all_u[c, 0, i] - all_u[c, 1, i]) * over
        _spread_samples(problem.root, point.sigma, n, u_slopes[c])
    # b = L v moves with v and with L itself, and so do the samples.
    for e in range(problem.rows.shape[0]):
        for j in range(n_isomirs):
            b_slopes[at.chol + e, problem.rows[e], j] += v[problem.cols[e], j]
    if problem.has_sample:
        own = u.copy()
        _spread_samples(problem.root, 1.0, n, own)
        for i in range(n):
            u_slopes[at.sigma, i] += own[i]


@kernel
def _spread_samples(root: np.ndarray, sigma: float, n: int, u: np.ndarray) -> None:
    """Overwrite the w (n,) at the front of ``u`` with sigma S w."""
    if root.shape[0]:
        w = u[:n].copy()
        for i in range(n):
            total = 0.0
            for m in range(n):
                total += root[i, m] * w[m]
            u[i] = total
    for i in range(n):
        u[i] *= sigma
