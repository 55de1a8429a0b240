"""Values of the Laplace log-likelihood at many parameter vectors near each other.

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
from bayes_mirglmm.marginal.draws import draw_effects
from bayes_mirglmm.marginal.likelihood import exponentiate, log_likelihood, saturated
from bayes_mirglmm.marginal.objective import Point, find_mode, prior_constant, step_from, unpack
from bayes_mirglmm.marginal.precision import Factor, factor
from bayes_mirglmm.marginal.problem import Problem
from bayes_mirglmm.marginal.side import (
    Side,
    gather,
    half_square,
    prior_pull,
    spherical_terms,
    spread,
)
from bayes_mirglmm.marginal.solving import solve_precision

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
    observed: Factor


@kernel
def log_likelihoods(
    problem: Problem,
    phi: np.ndarray,
    shift: np.ndarray,
    centre: Centre,
    values: np.ndarray,
    v: np.ndarray,
    u: np.ndarray,
    fixed_root: np.ndarray,
) -> None:
    """Write the Laplace log-likelihood -f(phi) of every row of ``phi``, and the modes of what is integrated out.

    Parameters
    ----------
    problem : Problem
        Observed curvature is used, whatever it says.
    phi : array, shape (N, q)
        Parameter vectors.
    shift : array, shape (N, d)
        How far each is from the centre, in the coordinates of the centre's slopes.
    centre : Centre
    values : array, shape (N,)
        Overwritten; -inf where there is no mode or the value overflows.
    v, u : arrays, shapes (N, K, J) and (N, n + r)
        Overwritten with the modes in spherical coordinates, from where :func:`draw_effects` goes on.
    fixed_root : array, shape (N, p, r)
        Overwritten where the fixed effects are integrated out: their conditional covariance is this times its
        transpose, and this times the normals of g is what :func:`draw_effects` adds to their modes.
    """
    constant = prior_constant(problem)
    for s in range(phi.shape[0]):
        point = unpack(problem, phi[s])
        _predict(problem, phi[s], centre, shift[s], point, v[s], u[s])
        near = _near_mode(problem, point, v[s], u[s])
        if not near.ok:
            v[s] = 0.0
            u[s] = 0.0
            mode = find_mode(problem, point, v[s], u[s])
            near = _Near(mode.ok, mode.joint, mode.observed)
        value = near.joint - 0.5 * near.observed.log_determinant - constant
        values[s] = value if near.ok and math.isfinite(value) else -math.inf
        if problem.inner:
            _fixed_root(near.observed.schur, fixed_root[s])


@kernel
def _fixed_root(schur: np.ndarray, out: np.ndarray) -> None:
    """Write the first rows of the inverse of the upper Cholesky factor's last block, which is that of g (p, r)."""
    p, r = out.shape
    first = schur.shape[0] - r
    for c in range(p):
        for m in range(r):
            total = 1.0 if m == c else 0.0
            for e in range(c, m):
                total -= out[c, e] * schur[first + e, first + m]
            out[c, m] = total / schur[first + m, first + m] if m >= c else 0.0


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
            return _Near(False, -math.inf, observed)
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
            return _Near(False, -math.inf, observed)
        if decrement < TOLERANCE:
            value = saturated(problem.distinct, problem.multiplicity, point.theta)
            value += log_likelihood(problem.y, mu, point.theta) - half_square(v, u, side.precision)
            return _Near(True, value + 0.5 * decrement, observed)
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
            mu[i, j] = w[i, j]
    exponentiate(mu)
    for i in range(n):
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
    v, u = np.zeros((1, 1, 3)), np.zeros((1, 2))
    log_likelihoods(problem, phi, np.zeros((1, 1)), centre, np.empty(1), v, u, np.empty((1, 0, 0)))
    draw_effects(
        problem, phi, v, u, np.ones(1, dtype=np.int64), np.zeros((1, 5)), True, np.empty((1, 3, 1)), u.copy()
    )
