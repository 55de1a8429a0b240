"""Values of the Laplace log-likelihood at many parameter vectors near each other.

What importance sampling needs: no gradient, and the mode to a few digits only. The modes start at a linear prediction
from a central point, where b_j and u_i (not their spherical coordinates) are almost linear in the parameters; from
there Newton's method takes one or two steps, for many points side by side (:mod:`~bayes_mirglmm.marginal.lanes`). What
is left of the mode's error, ``decrement`` < TOLERANCE nats, enters the joint density in second order and the log
determinant by some 1e-4 nats.
"""

import math
from typing import NamedTuple

import numpy as np

from bayes_mirglmm.kernels.compilation import kernel, spliced_kernel
from bayes_mirglmm.kernels.elementary import log_ratio
from bayes_mirglmm.kernels.special import negative_binomial_half_deviance, poisson_half_deviance
from bayes_mirglmm.marginal.lane_factor import LaneFactor, factor_lanes
from bayes_mirglmm.marginal.lane_solving import solve_lanes
from bayes_mirglmm.marginal.lanes import (
    Lanes,
    along_groups,
    from_groups,
    gather_lanes,
    make_lanes,
    n_lanes,
    spread_lanes,
)
from bayes_mirglmm.marginal.likelihood import exponentiate, saturated
from bayes_mirglmm.marginal.objective import find_mode, prior_constant, unpack
from bayes_mirglmm.marginal.problem import Problem
from bayes_mirglmm.marginal.side import spherical_terms

TOLERANCE = 1e-7  # nats
CONTRACTION = 0.5  # a Newton decrement that shrinks by less than this asks for the guarded search


class Centre(NamedTuple):
    """Modes at one point, and their slopes in the coordinates of the shifts."""

    b: np.ndarray  #: modes of b_j = L v_j (K, J)
    u: np.ndarray  #: modes of sigma w_i, of fixed effects that are integrated out, and of L_t w_t (n + r,)
    b_slopes: np.ndarray  #: (d, K, J)
    u_slopes: np.ndarray  #: (d, n + r)


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
    # Points that are as far take as many steps, so that few lanes wait for others.
    order = np.argsort(np.einsum("nd,nd->n", shift, shift), kind="stable")
    constant = _near_modes(problem, phi, shift, centre, order, values, v, u, fixed_root)
    for s in np.isnan(values).nonzero()[0]:
        v[s] = 0.0
        u[s] = 0.0
        mode = find_mode(problem, unpack(problem, phi[s]), v[s], u[s])
        value = mode.joint - 0.5 * mode.observed.log_determinant - constant
        values[s] = value if mode.ok and math.isfinite(value) else -math.inf
        if problem.inner:
            _fixed_roots(mode.observed.schur[:, :, None], np.array([s]), fixed_root)


@kernel
def _near_modes(
    problem: Problem,
    phi: np.ndarray,
    shift: np.ndarray,
    centre: Centre,
    order: np.ndarray,
    values: np.ndarray,
    v: np.ndarray,
    u: np.ndarray,
    fixed_root: np.ndarray,
) -> float:
    """Do what :func:`log_likelihoods` does, in this order; nan is the value where Newton's steps do not contract.

    Returns what the prior of the fixed effects adds to f.
    """
    constant = prior_constant(problem)
    total = phi.shape[0]
    width = n_lanes(problem)
    k, n_isomirs = v.shape[1], v.shape[2]
    for first in range(0, total, width):
        chosen = order[first : min(first + width, total)]
        count = chosen.shape[0]
        own = np.empty((count, phi.shape[1]))
        far = np.empty((count, shift.shape[1]))
        for s in range(count):
            own[s] = phi[chosen[s]]
            far[s] = shift[chosen[s]]
        lanes = make_lanes(problem, own)
        lane_v = np.empty((k, n_isomirs, count))
        lane_u = np.empty((u.shape[1], count))
        _predict(problem, own, centre, far, lanes, lane_v, lane_u)
        value = np.empty(count)
        f = _newton(problem, lanes, lane_v, lane_u, value)
        if problem.inner:
            _fixed_roots(f.schur, chosen, fixed_root)
        for s in range(count):
            at = chosen[s]
            values[at] = value[s] - constant
            for a in range(k):
                for j in range(n_isomirs):
                    v[at, a, j] = lane_v[a, j, s]
            for i in range(u.shape[1]):
                u[at, i] = lane_u[i, s]
    return constant


@kernel
def _fixed_roots(schur: np.ndarray, chosen: np.ndarray, out: np.ndarray) -> None:
    """Write the first rows of the inverses of the upper Cholesky factors' last block, which is that of g (p, r)."""
    p, r = out.shape[1], out.shape[2]
    first = schur.shape[0] - r
    for s in range(chosen.shape[0]):
        own = out[chosen[s]]
        for c in range(p):
            for m in range(r):
                total = 1.0 if m == c else 0.0
                for e in range(c, m):
                    total -= own[c, e] * schur[first + e, first + m, s]
                own[c, m] = total / schur[first + m, first + m, s] if m >= c else 0.0


@spliced_kernel
def _predict(
    problem: Problem,
    phi: np.ndarray,
    centre: Centre,
    shift: np.ndarray,
    lanes: Lanes,
    v: np.ndarray,
    u: np.ndarray,
) -> None:
    """Write the predicted modes, in spherical coordinates."""
    k, n_isomirs, count = v.shape
    n = problem.y.shape[0]
    one = np.empty(u.shape[0])
    for s in range(count):
        for i in range(u.shape[0]):
            one[i] = centre.u[i]
        for e in range(shift.shape[1]):
            for i in range(u.shape[0]):
                one[i] += shift[s, e] * centre.u_slopes[e, i]
        sigma = lanes.sigma[s]
        for i in range(n):
            one[i] = one[i] / sigma if sigma != 0.0 else 0.0
        spherical_terms(problem, phi[s], one)
        for i in range(u.shape[0]):
            u[i, s] = one[i]
    for a in range(k):
        for j in range(n_isomirs):
            for s in range(count):
                v[a, j, s] = centre.b[a, j]
            for e in range(shift.shape[1]):
                slope = centre.b_slopes[e, a, j]
                for s in range(count):
                    v[a, j, s] += shift[s, e] * slope
            for c in range(a):
                for s in range(count):
                    v[a, j, s] -= lanes.chol[a, c, s] * v[c, j, s]
            for s in range(count):
                v[a, j, s] /= lanes.chol[a, a, s]


@spliced_kernel
def _newton(problem: Problem, lanes: Lanes, v: np.ndarray, u: np.ndarray, value: np.ndarray) -> LaneFactor:
    """Take full Newton steps from ``v`` (K, J, B) and ``u`` (n + r, B); write values, nan where they do not contract.

    A lane that has arrived stays where it is while others go on, so that its numbers do not depend on its company.
    """
    n, n_isomirs = problem.y.shape
    k, count = v.shape[0], v.shape[2]
    mu = np.empty((n, n_isomirs, count))
    w = np.empty((n, n_isomirs, count))
    rv, ru = np.empty(v.shape), np.empty(u.shape)
    before = np.full(count, np.inf)
    left = np.full(count, np.nan)  # decrement of those that have arrived
    going = np.ones(count)
    while True:
        _linearise(problem, lanes, v, u, mu, w, rv, ru)
        f = factor_lanes(problem, lanes, w)
        dv = rv.copy()
        du = ru.copy()
        solve_lanes(f, lanes, w, dv, du)
        decrement = _along(rv, ru, dv, du)
        n_going = 0
        for s in range(count):
            if going[s] == 1.0:
                contracts = f.ok[s] == 1.0 and decrement[s] < CONTRACTION * before[s]
                if contracts and decrement[s] >= TOLERANCE:
                    n_going += 1
                else:
                    going[s] = 0.0
                    left[s] = decrement[s] if contracts else np.nan
                before[s] = decrement[s]
        if n_going == 0:
            break
        for a in range(k):
            for j in range(n_isomirs):
                for s in range(count):
                    v[a, j, s] += dv[a, j, s] if going[s] == 1.0 else 0.0
        for i in range(u.shape[0]):
            for s in range(count):
                u[i, s] += du[i, s] if going[s] == 1.0 else 0.0
    _joint(problem, lanes, mu, v, u, value)
    for s in range(count):
        value[s] += 0.5 * left[s] - 0.5 * f.log_determinant[s]
        if not math.isfinite(value[s]):
            value[s] = np.nan
    return f


@spliced_kernel
def _along(rv: np.ndarray, ru: np.ndarray, dv: np.ndarray, du: np.ndarray) -> np.ndarray:
    """Return r'd of every lane, the Newton decrement where d solves H d = r."""
    out = np.zeros(ru.shape[1])
    for a in range(rv.shape[0]):
        for j in range(rv.shape[1]):
            for s in range(out.shape[0]):
                out[s] += rv[a, j, s] * dv[a, j, s]
    for i in range(ru.shape[0]):
        for s in range(out.shape[0]):
            out[s] += ru[i, s] * du[i, s]
    return out


@kernel
def _linearise(
    problem: Problem,
    lanes: Lanes,
    v: np.ndarray,
    u: np.ndarray,
    mu: np.ndarray,
    w: np.ndarray,
    rv: np.ndarray,
    ru: np.ndarray,
) -> None:
    """Write means, observed curvature and the gradient of the joint log density in (v, u)."""
    n, n_isomirs, count = mu.shape
    e = spread_lanes(lanes, u)
    zv = along_groups(lanes, v)
    sums = np.zeros((n, count))
    pulls = np.zeros(zv.shape)
    score = np.empty(count)
    for g in range(zv.shape[0]):
        for i in range(lanes.group[g], lanes.group[g + 1]):
            for s in range(count):
                e[i, s] += lanes.fixed[i, s]
            for j in range(n_isomirs):
                for s in range(count):
                    mu[i, j, s] = e[i, s] + zv[g, j, s]
    exponentiate(mu)
    for g in range(zv.shape[0]):
        for i in range(lanes.group[g], lanes.group[g + 1]):
            for j in range(n_isomirs):
                c = problem.y[i, j]
                if problem.poisson:
                    for s in range(count):
                        w[i, j, s] = mu[i, j, s]
                        score[s] = c - mu[i, j, s]
                else:
                    for s in range(count):
                        r = 1.0 / (lanes.theta[s] + mu[i, j, s])
                        t = lanes.theta[s] * r
                        w[i, j, s] = mu[i, j, s] * t * ((lanes.theta[s] + c) * r)
                        score[s] = (c - mu[i, j, s]) * t
                for s in range(count):
                    sums[i, s] += score[s]
                for s in range(count):
                    pulls[g, j, s] += score[s]
    from_groups(lanes, pulls, rv)
    for a in range(v.shape[0]):
        for j in range(n_isomirs):
            for s in range(count):
                rv[a, j, s] -= v[a, j, s]
    pulled = gather_lanes(lanes, sums)
    for i in range(u.shape[0]):
        for s in range(count):
            ru[i, s] = pulled[i, s] - u[i, s] if i < n else pulled[i, s]
    for c in range(lanes.precision.shape[0]):
        for s in range(count):
            ru[n + c, s] -= lanes.precision[c] * u[n + c, s]


@kernel
def _joint(
    problem: Problem, lanes: Lanes, mu: np.ndarray, v: np.ndarray, u: np.ndarray, value: np.ndarray
) -> None:
    """Write the joint log density of counts and effects, with all constants."""
    n, n_isomirs, count = mu.shape
    for s in range(count):
        value[s] = saturated(problem.distinct, problem.multiplicity, lanes.theta[s])
    square = np.zeros(count)
    for a in range(v.shape[0]):
        for j in range(n_isomirs):
            for s in range(count):
                square[s] += v[a, j, s] * v[a, j, s]
    for i in range(u.shape[0]):
        c = 1.0 if i < n else lanes.precision[i - n]
        for s in range(count):
            square[s] += c * u[i, s] * u[i, s]
    for i in range(n):
        for j in range(n_isomirs):
            c = problem.y[i, j]
            if problem.poisson:
                for s in range(count):
                    value[s] -= poisson_half_deviance(c, mu[i, j, s])
            elif c == 0.0:
                for s in range(count):
                    over = mu[i, j, s] / lanes.theta[s]
                    value[s] -= lanes.theta[s] * log_ratio(1.0 + over, over)
            else:
                for s in range(count):
                    value[s] -= negative_binomial_half_deviance(c, mu[i, j, s], lanes.theta[s])
    for s in range(count):
        value[s] -= 0.5 * square[s]
