"""The negative Laplace log-likelihood f(phi) and its gradient.

    f(phi) = -log p(y | beta, theta, v^, w^) + (|v^|^2 + |w^|^2)/2 + logdet(H)/2     at the mode (v^, w^)

Where the fixed effects are integrated out too, they are part of w (the sample side) and of H; a flat prior adds
-log(2 pi)/2 for each, a normal prior minus half the log of its precision.

The mode always uses the observed curvature; the log determinant uses the observed or the expected one. The gradient
is exact: the envelope theorem for the first two terms, leverages for the third, and one adjoint solve for how the
mode moves (Skaug & Fournier 2006).
"""

from typing import NamedTuple

import numpy as np

from bayes_mirglmm.kernels.compilation import kernel, spliced_kernel, summing_kernel
from bayes_mirglmm.kernels.dense import overwrite, row_sums, times_vector, transposed_times_rows
from bayes_mirglmm.kernels.special import HALF_LOG_2PI
from bayes_mirglmm.marginal.leverage import leverage
from bayes_mirglmm.marginal.likelihood import (
    by_log_theta,
    curvature_slopes,
    exponentiate,
    log_likelihood,
    saturated,
    score_and_curvature,
    score_by_log_theta,
)
from bayes_mirglmm.marginal.precision import Factor, factor, times_lower
from bayes_mirglmm.marginal.problem import Problem, parameter_layout
from bayes_mirglmm.marginal.side import Side, gather, half_square, make_side, prior_pull
from bayes_mirglmm.marginal.solving import predictor, solve_precision

MODE_ITERATIONS = 100
SAFE_DECREMENT = 1e-3  # nats: from here on full Newton steps converge
MODE_TOLERANCE = 1e-16  # Newton decrement of the mode, in nats
APPROACHES = 3  # steps with the factor of another point
NEAR_ENOUGH = 1e-9  # decrement, in nats, of the last of them
MAX_LOG_THETA = 30.0


class Point(NamedTuple):
    """The parameters, taken apart."""

    beta: np.ndarray  #: 0 where it is integrated out
    chol: np.ndarray  #: L (K, K)
    sigma: float
    theta: float
    side: Side


class Mode(NamedTuple):
    """The conditional mode of the random effects, and everything there."""

    ok: bool
    iterations: int
    joint: float  #: log p(y | v, w) - (|v|^2 + |w|^2)/2, with all constants
    mu: np.ndarray  #: means (n, J)
    score: np.ndarray  #: D1 (n, J)
    w: np.ndarray  #: observed curvature (n, J)
    observed: Factor


@kernel
def unpack(problem: Problem, phi: np.ndarray) -> Point:
    """Take the parameter vector apart; see :class:`~bayes_mirglmm.marginal.problem.Problem` for its order."""
    p = problem.x.shape[1]
    k = problem.z.shape[1]
    at = parameter_layout(problem)
    chol = np.zeros((k, k))
    for e in range(problem.rows.shape[0]):
        chol[problem.rows[e], problem.cols[e]] = phi[at.chol + e]
    theta = np.inf if problem.poisson else np.exp(min(phi[at.theta], MAX_LOG_THETA))
    beta = np.zeros(p)
    if not problem.inner:
        for c in range(p):
            beta[c] = phi[at.beta + c]
    side = make_side(problem, phi)
    return Point(beta, chol, side.sigma, theta, side)


@spliced_kernel
def prior_constant(problem: Problem) -> float:
    """What the prior of the fixed effects adds to f where they are integrated out."""
    value = 0.0
    if problem.inner:
        for c in range(problem.precision.shape[0]):
            weight = problem.precision[c]
            value -= 0.5 * np.log(weight) if weight > 0.0 else HALF_LOG_2PI
    return value


@kernel
def find_mode(problem: Problem, point: Point, v: np.ndarray, u: np.ndarray) -> Mode:
    """Newton's method from ``v`` (K, J) and ``u`` (n + r,), which are overwritten with the mode."""
    n, n_isomirs = problem.y.shape
    side = point.side
    fixed = fixed_predictor(problem, point)
    zl = times_lower(problem.z, point.chol)
    constant = saturated(problem.distinct, problem.multiplicity, point.theta)
    score = np.empty((n, n_isomirs))
    w = np.empty((n, n_isomirs))
    rv = np.empty(v.shape)
    ru = np.empty(u.shape[0])
    dv = np.empty(v.shape)
    du = np.empty(u.shape[0])

    mu = means(fixed, zl, side, v, u)
    value = -np.inf
    known = False  # whether value belongs to the current v and u
    afresh = False  # whether the search began a second time, from 0
    iteration = 0
    while True:
        score_and_curvature(problem.y, mu, point.theta, False, score, w)
        observed = factor(problem, point.chol, side, w)
        decrement = np.nan
        if observed.ok:
            ascent(zl, side, score, v, u, rv, ru)
            overwrite(dv, rv)
            overwrite(du, ru)
            solve_precision(observed, side, w, dv, du)
            decrement = along(rv, ru, dv, du)
        if not np.isfinite(decrement) or iteration == MODE_ITERATIONS:
            if afresh or iteration > 0:
                return Mode(False, iteration, value, mu, score, w, observed)
            afresh = True
            v[:] = 0.0
            u[:] = 0.0
            mu = means(fixed, zl, side, v, u)
            continue
        if decrement < MODE_TOLERANCE:
            # The last step is taken with H as it stands: the score must be that of the mode to many more digits than
            # H, since differences of the gradient make the Hessian.
            step_from(v, u, dv, du, 1.0)
            mu = means(fixed, zl, side, v, u)
            score_and_curvature(problem.y, mu, point.theta, False, score, w)
            value = constant + log_likelihood(problem.y, mu, point.theta) - half_square(v, u, side.precision)
            return Mode(True, iteration, value, mu, score, w, observed)
        if not known and decrement >= SAFE_DECREMENT:
            value = constant + log_likelihood(problem.y, mu, point.theta) - half_square(v, u, side.precision)
            known = True
        iteration += 1
        step = 1.0
        step_from(v, u, dv, du, step)
        mu = means(fixed, zl, side, v, u)
        if decrement < SAFE_DECREMENT:
            known = False  # so close to the mode a full step needs no check, and its value is not needed
            continue
        # The objective is concave and the direction ascends, so halving ends.
        while True:
            new = constant + log_likelihood(problem.y, mu, point.theta) - half_square(v, u, side.precision)
            if new >= value + 1e-4 * step * decrement or step < 1e-10:
                break
            step *= 0.5
            step_from(v, u, dv, du, -step)
            mu = means(fixed, zl, side, v, u)
        value = new


@kernel
def approach(problem: Problem, point: Point, base: Mode, side: Side, v: np.ndarray, u: np.ndarray) -> None:
    """Move ``v`` and ``u`` towards the mode at ``point`` with the factor of the mode of a point close by.

    A step costs a third of Newton's, and so near is as good: of the distance it leaves what the points differ by.
    """
    n, n_isomirs = problem.y.shape
    fixed = fixed_predictor(problem, point)
    zl = times_lower(problem.z, point.chol)
    score = np.empty((n, n_isomirs))
    w = np.empty((n, n_isomirs))
    rv = np.empty(v.shape)
    ru = np.empty(u.shape[0])
    dv = np.empty(v.shape)
    du = np.empty(u.shape[0])
    for _ in range(APPROACHES):
        mu = means(fixed, zl, point.side, v, u)
        score_and_curvature(problem.y, mu, point.theta, False, score, w)
        ascent(zl, point.side, score, v, u, rv, ru)
        overwrite(dv, rv)
        overwrite(du, ru)
        solve_precision(base.observed, side, base.w, dv, du)
        decrement = along(rv, ru, dv, du)
        if not decrement < SAFE_DECREMENT:
            return
        step_from(v, u, dv, du, 1.0)
        if decrement < NEAR_ENOUGH:
            return


@spliced_kernel
def fixed_predictor(problem: Problem, point: Point) -> np.ndarray:
    """Offset plus what the fixed effects that are parameters predict (n,)."""
    fixed = times_vector(problem.x, point.beta)
    for i in range(fixed.shape[0]):
        fixed[i] += problem.offset[i]
    return fixed


@spliced_kernel
def ascent(
    zl: np.ndarray,
    side: Side,
    score: np.ndarray,
    v: np.ndarray,
    u: np.ndarray,
    rv: np.ndarray,
    ru: np.ndarray,
) -> None:
    """Write the gradient of the joint log density in (v, u) into ``rv`` and ``ru``."""
    n, n_isomirs = score.shape
    k = v.shape[0]
    for a in range(k):
        for j in range(n_isomirs):
            rv[a, j] = -v[a, j]
        for i in range(n):
            c = zl[i, a]
            for j in range(n_isomirs):
                rv[a, j] += c * score[i, j]
    overwrite(ru, gather(side, row_sums(score)))
    prior_pull(side, u, ru)


@summing_kernel
def along(rv: np.ndarray, ru: np.ndarray, dv: np.ndarray, du: np.ndarray) -> float:
    """Return r'd, the Newton decrement where d solves H d = r."""
    total = 0.0
    for a in range(rv.shape[0]):
        for j in range(rv.shape[1]):
            total += rv[a, j] * dv[a, j]
    for i in range(ru.shape[0]):
        total += ru[i] * du[i]
    return total


@kernel
def means(fixed: np.ndarray, zl: np.ndarray, side: Side, v: np.ndarray, u: np.ndarray) -> np.ndarray:
    """Means of all cells (n, J)."""
    mu = predictor(zl, side, v, u)
    for i in range(mu.shape[0]):
        for j in range(mu.shape[1]):
            mu[i, j] += fixed[i]
    exponentiate(mu)
    return mu


@kernel
def step_from(v: np.ndarray, u: np.ndarray, dv: np.ndarray, du: np.ndarray, step: float) -> None:
    """Move (v, u) by ``step`` times (dv, du)."""
    for a in range(v.shape[0]):
        for j in range(v.shape[1]):
            v[a, j] += step * dv[a, j]
    for i in range(u.shape[0]):
        u[i] += step * du[i]


@kernel
def evaluate(problem: Problem, phi: np.ndarray, v: np.ndarray, u: np.ndarray, gradient: np.ndarray) -> float:
    """Return f(phi) and write its gradient; ``v`` and ``u`` are the start and become the mode.

    ``inf`` where the mode cannot be found or the value overflows. For use in one place of a kernel.
    """
    point = unpack(problem, phi)
    mode = find_mode(problem, point, v, u)
    if not mode.ok:
        return np.inf
    n, n_isomirs = problem.y.shape
    p = problem.x.shape[1]
    n_free = problem.rows.shape[0]
    at = parameter_layout(problem)
    side = point.side
    if problem.expected:
        w = np.empty((n, n_isomirs))
        unused = np.empty((n, n_isomirs))
        score_and_curvature(problem.y, mode.mu, point.theta, True, unused, w)
        f = factor(problem, point.chol, side, w)
        if not f.ok:
            return np.inf
    else:
        w = mode.w
        f = mode.observed
    value = -mode.joint + 0.5 * f.log_determinant + prior_constant(problem)
    inv = leverage(problem, f, point.chol, side, w, False)

    by_eta = np.empty((n, n_isomirs))
    w_by_theta = np.empty((n, n_isomirs))
    curvature_slopes(problem.y, mode.mu, point.theta, problem.expected, by_eta, w_by_theta)
    half = by_eta  # becomes the derivative of the log determinant / 2 in eta
    by_theta = 0.0
    for i in range(n):
        for j in range(n_isomirs):
            half[i, j] *= 0.5 * inv.h[i, j]
            by_theta += 0.5 * inv.h[i, j] * w_by_theta[i, j]
    # The adjoint: how the log determinant feels a shift of the mode.
    zl = mode.observed.zl
    av = transposed_times_rows(zl, half)
    au = gather(side, row_sums(half))
    solve_precision(mode.observed, side, mode.w, av, au)
    moved = predictor(zl, side, av, au)
    by_predictor = half
    for i in range(n):
        for j in range(n_isomirs):
            by_predictor[i, j] -= mode.score[i, j] + moved[i, j] * mode.w[i, j]

    rows = row_sums(by_predictor)
    scores = row_sums(mode.score)
    if not problem.inner:
        for c in range(p):
            total = 0.0
            for i in range(n):
                total += problem.x[i, c] * rows[i]
            gradient[at.beta + c] = total
    z_predictor = transposed_times_rows(problem.z, by_predictor)
    z_score = transposed_times_rows(problem.z, mode.score)
    for e in range(n_free):
        a = problem.rows[e]
        b = problem.cols[e]
        total = inv.by_chol[a, b]
        for j in range(n_isomirs):
            total += z_predictor[a, j] * v[b, j] + z_score[a, j] * av[b, j]
        gradient[at.chol + e] = total
    first = u.shape[0] - problem.width
    for e in range(problem.starts.shape[0]):
        total = inv.by_terms[e]
        for i in range(n):
            c = first + problem.starts[e] + problem.levels[e, i]
            total += problem.entries[e, i] * (rows[i] * u[c] + scores[i] * au[c])
        gradient[at.terms + e] = total
    if problem.has_sample:
        gradient[at.sigma] = inv.by_sigma + _along_samples(side, rows, u) + _along_samples(side, scores, au)
    if not problem.poisson:
        change = w_by_theta
        score_by_log_theta(problem.y, mode.mu, point.theta, change)
        for i in range(n):
            for j in range(n_isomirs):
                by_theta += moved[i, j] * change[i, j]
        by_theta -= by_log_theta(problem.y, problem.distinct, problem.multiplicity, mode.mu, point.theta)
        gradient[at.theta] = by_theta
    return value


@spliced_kernel
def _along_samples(side: Side, rows: np.ndarray, u: np.ndarray) -> float:
    """Return sum_i rows_i (S w)_i."""
    n = rows.shape[0]
    total = 0.0
    for i in range(n):
        if side.root.shape[0]:
            for m in range(n):
                total += rows[i] * side.root[i, m] * u[m]
        else:
            total += rows[i] * u[i]
    return total
