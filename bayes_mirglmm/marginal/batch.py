"""Values of the Laplace log-likelihood at many parameter vectors near each other, with draws of the random effects.

What importance sampling needs: no gradient, and the mode to a few digits only. The modes start at a linear prediction
from a central point, where b_j and u_i (not their spherical coordinates) are almost linear in the parameters; from
there Newton's method takes one or two steps. What is left of the mode's error, ``decrement`` < TOLERANCE nats, enters
the joint density in second order and the log determinant by some 1e-4 nats.
"""

import math
from typing import NamedTuple

import numpy as np

from bayes_mirglmm.kernels.compilation import cache_folder, kernel
from bayes_mirglmm.kernels.dense import times, times_vector
from bayes_mirglmm.marginal.likelihood import log_likelihood, saturated
from bayes_mirglmm.marginal.objective import Point, find_mode, prior_constant, step_from, unpack
from bayes_mirglmm.marginal.precision import Factor, factor, solve_precision
from bayes_mirglmm.marginal.problem import Problem
from bayes_mirglmm.marginal.side import (
    Side,
    gather,
    half_square,
    prior_pull,
    spherical_terms,
    spread,
    term_effects,
)

TOLERANCE = 1e-7  # nats
CONTRACTION = 0.5  # a Newton decrement that shrinks by less than this asks for the guarded search


class Centre(NamedTuple):
    """Modes at one point, and their slopes in the coordinates of the shifts."""

    b: np.ndarray  #: modes of b_j = L v_j (K, J)
    u: np.ndarray  #: modes of sigma w_i, of fixed effects that are integrated out, and of L_t w_t (n + r,)
    b_slopes: np.ndarray  #: (d, K, J)
    u_slopes: np.ndarray  #: (d, n + r)


class _Near(NamedTuple):
    """A mode as good as importance sampling needs it."""

    ok: bool
    joint: float  #: log p(y | v, w) - (|v|^2 + |w|^2)/2, with all constants
    w: np.ndarray  #: observed curvature (n, J)
    observed: Factor


@kernel
def log_likelihoods(
    problem: Problem,
    phi: np.ndarray,
    shift: np.ndarray,
    centre: Centre,
    normals: np.ndarray,
    values: np.ndarray,
    b: np.ndarray,
    u: np.ndarray,
) -> None:
    """Write the Laplace log-likelihood -f(phi) of every row of ``phi``, and draw the random effects given it.

    Parameters
    ----------
    problem : Problem
        Observed curvature is used, whatever it says.
    phi : array, shape (N, q)
        Parameter vectors.
    shift : array, shape (N, d)
        How far each is from the centre, in the coordinates of the centre's slopes.
    centre : Centre
    normals : array, shape (N, K J + n + r), or with no columns
        Standard normals that become the draws; none are made without columns.
    values : array, shape (N,)
        Overwritten; -inf where there is no mode or the value overflows.
    b, u : arrays, shapes (N, J, K) and (N, n + r)
        Overwritten with draws from N(mode, H^-1), natural log: isomiR effects; sample effects sigma (S w)_i, fixed
        effects that are integrated out, and the random terms' effects. Untouched without ``normals``.
    """
    k, n_isomirs = centre.b.shape
    v = np.empty((k, n_isomirs))
    w = np.empty(centre.u.shape[0])
    constant = prior_constant(problem)
    for s in range(phi.shape[0]):
        point = unpack(problem, phi[s])
        _predict(problem, phi[s], centre, shift[s], point, v, w)
        near = _near_mode(problem, point, v, w)
        if not near.ok:
            v[:] = 0.0
            w[:] = 0.0
            mode = find_mode(problem, point, v, w)
            near = _Near(mode.ok, mode.joint, mode.w, mode.observed)
        value = near.joint - 0.5 * near.observed.log_determinant - constant
        values[s] = value if near.ok and math.isfinite(value) else -math.inf
        if normals.shape[1]:
            if near.ok:
                _draw(near, point.side, normals[s], v, w)
            _user_effects(problem, phi[s], point.side, w, u[s])
            for j in range(n_isomirs):
                for a in range(k):
                    total = 0.0
                    for c in range(a + 1):
                        total += point.chol[a, c] * v[c, j]
                    b[s, j, a] = total


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
def _predict(
    problem: Problem,
    phi: np.ndarray,
    centre: Centre,
    shift: np.ndarray,
    point: Point,
    v: np.ndarray,
    w: np.ndarray,
) -> None:
    """Write the predicted modes, in spherical coordinates."""
    k, n_isomirs = v.shape
    n = problem.y.shape[0]
    for a in range(k):
        for j in range(n_isomirs):
            v[a, j] = centre.b[a, j]
    for i in range(w.shape[0]):
        w[i] = centre.u[i]
    for e in range(shift.shape[0]):
        h = shift[e]
        for a in range(k):
            for j in range(n_isomirs):
                v[a, j] += h * centre.b_slopes[e, a, j]
        for i in range(w.shape[0]):
            w[i] += h * centre.u_slopes[e, i]
    for a in range(k):
        for c in range(a):
            for j in range(n_isomirs):
                v[a, j] -= point.chol[a, c] * v[c, j]
        for j in range(n_isomirs):
            v[a, j] /= point.chol[a, a]
    for i in range(n):
        w[i] = w[i] / point.sigma if point.sigma != 0.0 else 0.0
    spherical_terms(problem, phi, w)


@kernel
def _near_mode(problem: Problem, point: Point, v: np.ndarray, u: np.ndarray) -> _Near:
    """Full Newton steps from ``v`` (K, J) and ``u`` (n + r,), given up (not ok) where they do not contract at once."""
    n, n_isomirs = problem.y.shape
    k = v.shape[0]
    side = point.side
    fixed = times_vector(problem.x, point.beta)
    for i in range(n):
        fixed[i] += problem.offset[i]
    zl = times(problem.z, point.chol)
    mu = np.empty((n, n_isomirs))
    w = np.empty((n, n_isomirs))
    rv = np.empty((k, n_isomirs))
    ru = np.empty(u.shape[0])
    before = math.inf
    while True:
        _linearise(problem, fixed, zl, side, point.theta, v, u, mu, w, rv, ru)
        observed = factor(problem, point.chol, side, w)
        if not observed.ok:
            return _Near(False, -math.inf, w, observed)
        dv = rv.copy()
        du = ru.copy()
        solve_precision(observed, side, w, dv, du)
        decrement = 0.0
        for a in range(k):
            for j in range(n_isomirs):
                decrement += rv[a, j] * dv[a, j]
        for i in range(u.shape[0]):
            decrement += ru[i] * du[i]
        if not (math.isfinite(decrement) and decrement < CONTRACTION * before):
            return _Near(False, -math.inf, w, observed)
        if decrement < TOLERANCE:
            value = saturated(problem.distinct, problem.multiplicity, point.theta)
            value += log_likelihood(problem.y, mu, point.theta) - half_square(v, u, side.precision)
            return _Near(True, value + 0.5 * decrement, w, observed)
        before = decrement
        step_from(v, u, dv, du, 1.0)


@kernel
def _linearise(
    problem: Problem,
    fixed: np.ndarray,
    zl: np.ndarray,
    side: Side,
    theta: float,
    v: np.ndarray,
    u: np.ndarray,
    mu: np.ndarray,
    w: np.ndarray,
    rv: np.ndarray,
    ru: np.ndarray,
) -> None:
    """Write means, observed curvature and the gradient of the joint log density in (v, u), in one pass."""
    n, n_isomirs = mu.shape
    k = v.shape[0]
    for a in range(k):
        for j in range(n_isomirs):
            rv[a, j] = -v[a, j]
    e = spread(side, u)
    sums = np.empty(n)
    for i in range(n):
        level = fixed[i] + e[i]
        for j in range(n_isomirs):
            w[i, j] = level
        for a in range(k):
            for j in range(n_isomirs):
                w[i, j] += zl[i, a] * v[a, j]
        for j in range(n_isomirs):
            mu[i, j] = math.exp(w[i, j])
        total = 0.0
        for j in range(n_isomirs):
            m = mu[i, j]
            c = problem.y[i, j]
            if problem.poisson:
                score = c - m
                w[i, j] = m
            else:
                r = 1.0 / (theta + m)
                score = (c - m) * (theta * r)
                w[i, j] = m * (theta * r) * ((theta + c) * r)
            total += score
            for a in range(k):
                rv[a, j] += zl[i, a] * score
        sums[i] = total
    pulled = gather(side, sums)
    for i in range(ru.shape[0]):
        ru[i] = pulled[i]
    prior_pull(side, u, ru)


@kernel
def _draw(near: _Near, side: Side, normals: np.ndarray, v: np.ndarray, u: np.ndarray) -> None:
    """Move the mode ``v``, ``u`` to a draw from N(mode, H^-1): the side that was factored first, then the other."""
    f = near.observed
    w = near.w
    k, n_isomirs = v.shape
    n, more = side.columns.shape
    size = k * n_isomirs
    if f.over_isomirs:
        zv = normals[: size + more].copy()
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
            u[i] += normals[size + more + i] / math.sqrt(f.diagonal[i]) - side.sigma * total / f.diagonal[i]
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


def is_batch_compiled() -> bool:
    """Tell whether :func:`log_likelihoods` is on disk."""
    return any(cache_folder().rglob("*.log_likelihoods-*.nbc"))


def compile_batch() -> None:
    """Compile :func:`log_likelihoods`, or load it from disk."""
    from bayes_mirglmm.marginal.problem import make_problem, n_parameters

    y = np.array([[5.0, 7.0, 4.0], [1.0, 3.0, 2.0]])
    one = np.ones((2, 1))
    problem, _ = make_problem(y, np.zeros(2), one, one)
    centre = Centre(np.zeros((1, 3)), np.zeros(2), np.zeros((1, 1, 3)), np.zeros((1, 2)))
    phi = np.ones((1, n_parameters(problem)))
    no_draws = np.empty((1, 0)), np.empty(1), np.empty((1, 3, 1)), np.empty((1, 2))
    log_likelihoods(problem, phi, np.zeros((1, 1)), centre, *no_draws)
