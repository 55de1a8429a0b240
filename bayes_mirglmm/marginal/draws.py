"""Draws of what is integrated out, given parameters: normal around the mode, or with the skewness of the true density.

Around its mode the log density of x = (v, w, g) is -x'Hx/2 + sum_c k_c (a_c'x)^3 / 6 + ..., over cells c with the
third derivatives k_c of their log-likelihood. To first order in k a normal draw e ~ N(0, H^-1) becomes a draw of that
density by

    x = e + H^-1 sum_c a_c k_c ((a_c'e)^2 / 6 + h_c / 3),        h_c = a_c' H^-1 a_c

(its log density, less the divergence of the added term, has just that cubic): mean and skewness of every linear
combination are corrected, as the simplified Laplace approximation does for one effect at a time (Rue, Martino & Chopin
2009, JRSS B 71:319), and the draws stay joint.
"""

import math

import numpy as np

from bayes_mirglmm.kernels.compilation import kernel
from bayes_mirglmm.kernels.dense import row_sums, times, times_vector, transposed_times
from bayes_mirglmm.marginal.leverage import leverage
from bayes_mirglmm.marginal.likelihood import curvature_slopes, score_and_curvature
from bayes_mirglmm.marginal.objective import means, unpack
from bayes_mirglmm.marginal.precision import Factor, factor
from bayes_mirglmm.marginal.problem import Problem
from bayes_mirglmm.marginal.side import Side, gather, spread, term_effects
from bayes_mirglmm.marginal.solving import predictor, solve_precision


@kernel
def draw_effects(
    problem: Problem,
    phi: np.ndarray,
    v: np.ndarray,
    u: np.ndarray,
    counts: np.ndarray,
    normals: np.ndarray,
    skewed: bool,
    b: np.ndarray,
    out: np.ndarray,
) -> None:
    """Draw what is integrated out, given every row of ``phi``.

    Parameters
    ----------
    problem : Problem
    phi : array, shape (N, q)
        Parameter vectors.
    v, u : arrays, shapes (N, K, J) and (N, n + r)
        The modes there, as :func:`bayes_mirglmm.marginal.log_likelihoods` leaves them.
    counts : int array, shape (N,)
        How many draws each gets.
    normals : array, shape (sum of counts, K J + n + r)
        Standard normals that become the draws. The last r alone make g, and of them the last ones the last entries.
    skewed : bool
        Whether to correct the normal draws for the skewness of the density.
    b, out : arrays, shapes (sum of counts, J, K) and (sum of counts, n + r)
        Overwritten with the draws, natural log: isomiR effects; sample effects sigma (S w)_i, fixed effects that are
        integrated out, and the random terms' effects.
    """
    n, n_isomirs = problem.y.shape
    k = problem.z.shape[1]
    score = np.empty((n, n_isomirs))
    w = np.empty((n, n_isomirs))
    third = np.empty((n, n_isomirs))
    unused = np.empty((n, n_isomirs))
    h = np.empty((n, n_isomirs))
    row = 0
    for s in range(phi.shape[0]):
        if counts[s] == 0:
            continue
        point = unpack(problem, phi[s])
        side = point.side
        fixed = times_vector(problem.x, point.beta)
        for i in range(n):
            fixed[i] += problem.offset[i]
        zl = times(problem.z, point.chol)
        mu = means(fixed, zl, side, v[s], u[s])
        score_and_curvature(problem.y, mu, point.theta, False, score, w)
        f = factor(problem, point.chol, side, w)
        if skewed:
            curvature_slopes(problem.y, mu, point.theta, False, third, unused)
            h = leverage(problem, f, point.chol, side, w).h
        for _ in range(counts[s]):
            dv = np.zeros((k, n_isomirs))
            du = np.zeros(u.shape[1])
            _draw(f, w, side, normals[row], dv, du)
            if skewed:
                _add_skewness(f, side, w, third, h, dv, du)
            for a in range(k):
                for j in range(n_isomirs):
                    dv[a, j] += v[s, a, j]
            for i in range(du.shape[0]):
                du[i] += u[s, i]
            _user_effects(problem, phi[s], side, du, out[row])
            for j in range(n_isomirs):
                for a in range(k):
                    total = 0.0
                    for c in range(a + 1):
                        total += point.chol[a, c] * dv[c, j]
                    b[row, j, a] = total
            row += 1


@kernel
def _add_skewness(
    f: Factor, side: Side, w: np.ndarray, third: np.ndarray, h: np.ndarray, v: np.ndarray, u: np.ndarray
) -> None:
    """Add the quadratic term to a normal draw; ``third`` is dW/d eta, minus the third derivative."""
    eta = predictor(f.zl, side, v, u)
    for i in range(eta.shape[0]):
        for j in range(eta.shape[1]):
            eta[i, j] = -third[i, j] * (eta[i, j] * eta[i, j] / 6.0 + h[i, j] / 3.0)
    qv = transposed_times(f.zl, eta)
    qu = gather(side, row_sums(eta))
    solve_precision(f, side, w, qv, qu)
    for a in range(v.shape[0]):
        for j in range(v.shape[1]):
            v[a, j] += qv[a, j]
    for i in range(u.shape[0]):
        u[i] += qu[i]


@kernel
def _user_effects(problem: Problem, phi: np.ndarray, side: Side, w: np.ndarray, out: np.ndarray) -> None:
    """Write the sample side's effects of ``w`` (n + r,), no longer spherical, into ``out``."""
    n = side.columns.shape[0]
    for i in range(w.shape[0]):
        out[i] = w[i]
    for i in range(n):
        if side.root.shape[0]:
            out[i] = 0.0
            for m in range(n):
                out[i] += side.root[i, m] * w[m]
        out[i] *= side.sigma
    term_effects(problem, phi, out)


@kernel
def _draw(f: Factor, w: np.ndarray, side: Side, normals: np.ndarray, v: np.ndarray, u: np.ndarray) -> None:
    """Move ``v``, ``u`` by a draw from N(0, H^-1): the side that was factored first, then the other."""
    k, n_isomirs = v.shape
    n, more = side.columns.shape
    size = k * n_isomirs
    if f.over_isomirs:
        zv = np.empty(size + more)
        for m in range(size):
            zv[m] = normals[m]
        for c in range(more):
            zv[size + c] = normals[size + n + c]
        _back_substitute(f.schur, zv)
        for i in range(n):
            total = 0.0
            for a in range(k):
                part = 0.0
                for j in range(n_isomirs):
                    part += w[i, j] * zv[a * n_isomirs + j]
                total += part * f.zl[i, a]
            for c in range(more):
                total += f.totals[i] * side.columns[i, c] * zv[size + c]
            u[i] += normals[size + i] / math.sqrt(f.diagonal[i]) - side.sigma * total / f.diagonal[i]
        for c in range(more):
            u[n + c] += zv[size + c]
        for a in range(k):
            for j in range(n_isomirs):
                v[a, j] += zv[a * n_isomirs + j]
        return
    zv = normals[:size].copy()
    zu = normals[size:].copy()
    _back_substitute(f.schur, zu)
    e = spread(side, zu)
    for i in range(n):
        for a in range(k):
            for j in range(n_isomirs):
                zv[a * n_isomirs + j] -= e[i] * w[i, j] * f.white[i, a * n_isomirs + j]
    for i in range(n + more):
        u[i] += zu[i]
    for j in range(n_isomirs):
        for a in range(k):
            for c in range(a, k):
                v[a, j] += f.root[j, c, a] * zv[c * n_isomirs + j]


@kernel
def _back_substitute(u: np.ndarray, b: np.ndarray) -> None:
    """Overwrite ``b`` with the solution of U x = b."""
    size = u.shape[0]
    for row in range(size - 1, -1, -1):
        value = b[row]
        for col in range(row + 1, size):
            value -= u[row, col] * b[col]
        b[row] = value / u[row, row]
