"""Draws of what is integrated out, given parameters: normal around the mode, or with the skewness of the true density.

Around its mode the log density of x = (v, w, g) is -x'Hx/2 + sum_c k_c (a_c'x)^3 / 6 + ..., over cells c with the
third derivatives k_c of their log-likelihood. To first order in k a normal draw e ~ N(0, H^-1) becomes a draw of that
density by

    x = e + H^-1 sum_c a_c k_c ((a_c'e)^2 / 6 + h_c / 3),        h_c = a_c' H^-1 a_c

(its log density, less the divergence of the added term, has just that cubic): mean and skewness of every linear
combination are corrected, as the simplified Laplace approximation does for one effect at a time (Rue, Martino & Chopin
2009, JRSS B 71:319), and the draws stay joint.
"""

import numpy as np

from bayes_mirglmm.kernels.compilation import kernel, spliced_kernel
from bayes_mirglmm.marginal.lane_factor import LaneFactor, backward_lanes, factor_lanes
from bayes_mirglmm.marginal.lane_leverage import leverages
from bayes_mirglmm.marginal.lane_solving import settle_isomirs, settle_samples, solve_lanes, stacked, unstack
from bayes_mirglmm.marginal.lanes import (
    Lanes,
    along_groups,
    from_groups,
    gather_lanes,
    make_lanes,
    n_lanes,
    spread_lanes,
)
from bayes_mirglmm.marginal.likelihood import exponentiate
from bayes_mirglmm.marginal.problem import Problem
from bayes_mirglmm.marginal.side import term_effects


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
    n_isomirs = problem.y.shape[1]
    k, side = problem.z.shape[1], u.shape[1]
    total = normals.shape[0]
    point = np.empty(total, dtype=np.int64)
    row = 0
    for at in range(counts.shape[0]):
        for _ in range(counts[at]):
            point[row] = at
            row += 1
    width = n_lanes(problem)
    for first in range(0, total, width):
        count = min(width, total - first)
        own = np.empty((count, phi.shape[1]))
        mode_v = np.empty((k, n_isomirs, count))
        mode_u = np.empty((side, count))
        dv = np.empty((k, n_isomirs, count))
        du = np.empty((side, count))
        for s in range(count):
            at = point[first + s]
            own[s] = phi[at]
            for a in range(k):
                for j in range(n_isomirs):
                    mode_v[a, j, s] = v[at, a, j]
                    dv[a, j, s] = normals[first + s, a * n_isomirs + j]
            for i in range(side):
                mode_u[i, s] = u[at, i]
                du[i, s] = normals[first + s, k * n_isomirs + i]
        lanes = make_lanes(problem, own)
        w, third = _curvatures(problem, lanes, _predictor(lanes, mode_v, mode_u, True))
        f = factor_lanes(problem, lanes, w)
        _draw(f, lanes, w, dv, du)
        if skewed:
            _add_skewness(f, lanes, w, third, dv, du)
        _add(dv, mode_v, du, mode_u)
        _write_effects(problem, lanes, own, dv, du, b[first : first + count], out[first : first + count])


@kernel
def _predictor(lanes: Lanes, v: np.ndarray, u: np.ndarray, with_fixed: bool) -> np.ndarray:
    """Return the linear predictor (n, J, B) of effects, with or without offset and fixed effects."""
    zv = along_groups(lanes, v)
    e = spread_lanes(lanes, u)
    if with_fixed:
        for i in range(e.shape[0]):
            for s in range(e.shape[1]):
                e[i, s] += lanes.fixed[i, s]
    n_groups, n_isomirs, count = zv.shape
    eta = np.empty((e.shape[0], n_isomirs, count))
    for g in range(n_groups):
        for i in range(lanes.group[g], lanes.group[g + 1]):
            for j in range(n_isomirs):
                for s in range(count):
                    eta[i, j, s] = e[i, s] + zv[g, j, s]
    return eta


@kernel
def _add(v: np.ndarray, more_v: np.ndarray, u: np.ndarray, more_u: np.ndarray) -> None:
    """Add effects to effects."""
    k, n_isomirs, count = v.shape
    for a in range(k):
        for j in range(n_isomirs):
            for s in range(count):
                v[a, j, s] += more_v[a, j, s]
    for i in range(u.shape[0]):
        for s in range(count):
            u[i, s] += more_u[i, s]


@kernel
def _curvatures(problem: Problem, lanes: Lanes, mu: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return W and dW/d eta, minus the third derivative (n, J, B); predictors become means."""
    exponentiate(mu)
    n, n_isomirs, count = mu.shape
    w, third = np.empty(mu.shape), np.empty(mu.shape)
    for i in range(n):
        for j in range(n_isomirs):
            c = problem.y[i, j]
            if problem.poisson:
                for s in range(count):
                    w[i, j, s] = mu[i, j, s]
                    third[i, j, s] = mu[i, j, s]
            else:
                for s in range(count):
                    r = 1.0 / (lanes.theta[s] + mu[i, j, s])
                    t = lanes.theta[s] * r
                    curvature = mu[i, j, s] * t * ((lanes.theta[s] + c) * r)
                    w[i, j, s] = curvature
                    third[i, j, s] = curvature * (t - mu[i, j, s] * r)
    return w, third


@spliced_kernel
def _draw(f: LaneFactor, lanes: Lanes, w: np.ndarray, v: np.ndarray, u: np.ndarray) -> None:
    """Overwrite normals ``v``, ``u`` with a draw from N(0, H^-1): the side that was factored first, then the other."""
    n = lanes.fixed.shape[0]
    if f.over_isomirs:
        flat = stacked(n, v, u)
        backward_lanes(f.schur, flat)
        unstack(flat, n, v, u)
        for i in range(n):
            for s in range(u.shape[1]):
                u[i, s] /= np.sqrt(f.diagonal[i, s])
        settle_samples(f, lanes, w, v, u)
    else:
        backward_lanes(f.schur, u)
        settle_isomirs(f, lanes, w, u, v.copy(), v)


@spliced_kernel
def _add_skewness(
    f: LaneFactor, lanes: Lanes, w: np.ndarray, third: np.ndarray, v: np.ndarray, u: np.ndarray
) -> None:
    """Add the quadratic term to normal draws."""
    n, n_isomirs, count = w.shape
    h = leverages(f, lanes, w)
    eta = _predictor(lanes, v, u, False)
    n_groups = lanes.zl.shape[0]
    pulls = np.zeros((n_groups, n_isomirs, count))
    sums = np.zeros((n, count))
    for g in range(n_groups):
        for i in range(lanes.group[g], lanes.group[g + 1]):
            for j in range(n_isomirs):
                for s in range(count):
                    x = eta[i, j, s]
                    eta[i, j, s] = -third[i, j, s] * (x * x / 6.0 + h[i, j, s] / 3.0)
                for s in range(count):
                    sums[i, s] += eta[i, j, s]
                for s in range(count):
                    pulls[g, j, s] += eta[i, j, s]
    qv = np.empty(v.shape)
    from_groups(lanes, pulls, qv)
    qu = gather_lanes(lanes, sums)
    solve_lanes(f, lanes, w, qv, qu)
    _add(v, qv, u, qu)


@spliced_kernel
def _write_effects(
    problem: Problem,
    lanes: Lanes,
    phi: np.ndarray,
    v: np.ndarray,
    u: np.ndarray,
    b: np.ndarray,
    out: np.ndarray,
) -> None:
    """Write the effects of ``v`` and ``u``, no longer spherical, into ``b`` and ``out``."""
    n = lanes.fixed.shape[0]
    k, n_isomirs, count = v.shape
    for s in range(count):
        for j in range(n_isomirs):
            for a in range(k):
                total = 0.0
                for c in range(a + 1):
                    total += lanes.chol[a, c, s] * v[c, j, s]
                b[s, j, a] = total
        for i in range(u.shape[0]):
            out[s, i] = u[i, s]
        for i in range(n):
            if lanes.root.shape[0]:
                out[s, i] = 0.0
                for m in range(n):
                    out[s, i] += lanes.root[i, m] * u[m, s]
            out[s, i] *= lanes.sigma[s]
        term_effects(problem, phi[s], out[s])
