"""The negative Laplace log-likelihood f(phi) and its gradient.

    f(phi) = -log p(y | beta, theta, v^, w^) + (|v^|^2 + |w^|^2)/2 + logdet(H)/2     at the mode (v^, w^)

The mode always uses the observed curvature; the log determinant uses the observed or the expected one. The gradient
is exact: the envelope theorem for the first two terms, leverages for the third, and one adjoint solve for how the
mode moves (Skaug & Fournier 2006).
"""

from typing import NamedTuple

import numpy as np

from bayes_mirglmm.kernels.compilation import kernel
from bayes_mirglmm.kernels.dense import row_sums, times, times_vector, transposed_times
from bayes_mirglmm.marginal.likelihood import (
    by_log_theta,
    curvature_slopes,
    log_likelihood,
    saturated,
    score_and_curvature,
    score_by_log_theta,
)
from bayes_mirglmm.marginal.precision import Factor, factor, leverage, predictor, solve_precision
from bayes_mirglmm.marginal.problem import Problem

MODE_ITERATIONS = 100
SAFE_DECREMENT = 1e-3  # nats: from here on full Newton steps converge
MODE_TOLERANCE = 1e-16  # Newton decrement of the mode, in nats
MAX_LOG_THETA = 30.0


class Point(NamedTuple):
    """The parameters, taken apart."""

    beta: np.ndarray
    chol: np.ndarray  #: L (K, K)
    sigma: float
    theta: float


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
    m = problem.rows.shape[0]
    chol = np.zeros((k, k))
    for e in range(m):
        chol[problem.rows[e], problem.cols[e]] = phi[p + e]
    sigma = phi[p + m] if problem.has_sample else 0.0
    theta = np.inf if problem.poisson else np.exp(min(phi[phi.shape[0] - 1], MAX_LOG_THETA))
    beta = np.empty(p)
    for c in range(p):
        beta[c] = phi[c]
    return Point(beta, chol, sigma, theta)


@kernel
def find_mode(problem: Problem, point: Point, v: np.ndarray, u: np.ndarray) -> Mode:
    """Newton's method from ``v`` (K, J) and ``u`` (n,), which are overwritten with the mode."""
    n, n_isomirs = problem.y.shape
    k = v.shape[0]
    sigma = point.sigma
    fixed = times_vector(problem.x, point.beta)
    for i in range(n):
        fixed[i] += problem.offset[i]
    zl = times(problem.z, point.chol)
    constant = saturated(problem.distinct, problem.multiplicity, point.theta)
    score = np.empty((n, n_isomirs))
    w = np.empty((n, n_isomirs))
    dv = np.empty((k, n_isomirs))
    du = np.empty(n)

    mu = means(fixed, zl, sigma, v, u)
    value = constant + log_likelihood(problem.y, mu, point.theta) - half_square(v, u)
    if not np.isfinite(value):
        step_from(v, u, v, u, -1.0)
        mu = means(fixed, zl, sigma, v, u)
        value = constant + log_likelihood(problem.y, mu, point.theta)
    known = True  # whether value belongs to the current v and u
    iteration = 0
    while True:
        score_and_curvature(problem.y, mu, point.theta, False, score, w)
        observed = factor(problem, point.chol, sigma, w)
        if not (observed.ok and np.isfinite(value)) or iteration == MODE_ITERATIONS:
            return Mode(False, iteration, value, mu, score, w, observed)
        rv = transposed_times(zl, score)
        ru = row_sums(score)
        for a in range(k):
            for j in range(n_isomirs):
                rv[a, j] -= v[a, j]
                dv[a, j] = rv[a, j]
        for i in range(n):
            ru[i] = sigma * ru[i] - u[i]
            du[i] = ru[i]
        solve_precision(observed, sigma, w, dv, du)
        decrement = 0.0
        for a in range(k):
            for j in range(n_isomirs):
                decrement += rv[a, j] * dv[a, j]
        for i in range(n):
            decrement += ru[i] * du[i]
        if not np.isfinite(decrement):
            return Mode(False, iteration, value, mu, score, w, observed)
        if decrement < MODE_TOLERANCE:
            # The last step is taken with H as it stands: the score must be that of the mode to many more digits than
            # H, since differences of the gradient make the Hessian.
            step_from(v, u, dv, du, 1.0)
            mu = means(fixed, zl, sigma, v, u)
            score_and_curvature(problem.y, mu, point.theta, False, score, w)
            value = constant + log_likelihood(problem.y, mu, point.theta) - half_square(v, u)
            return Mode(True, iteration, value, mu, score, w, observed)
        if not known and decrement >= SAFE_DECREMENT:
            value = constant + log_likelihood(problem.y, mu, point.theta) - half_square(v, u)
            known = True
        iteration += 1
        step = 1.0
        step_from(v, u, dv, du, step)
        mu = means(fixed, zl, sigma, v, u)
        if decrement < SAFE_DECREMENT:
            known = False  # so close to the mode a full step needs no check, and its value is not needed
            continue
        # The objective is concave and the direction ascends, so halving ends.
        while True:
            new = constant + log_likelihood(problem.y, mu, point.theta) - half_square(v, u)
            if new >= value + 1e-4 * step * decrement or step < 1e-10:
                break
            step *= 0.5
            step_from(v, u, dv, du, -step)
            mu = means(fixed, zl, sigma, v, u)
        value = new


@kernel
def means(fixed: np.ndarray, zl: np.ndarray, sigma: float, v: np.ndarray, u: np.ndarray) -> np.ndarray:
    """Means of all cells (n, J)."""
    mu = predictor(zl, sigma, v, u)
    for i in range(mu.shape[0]):
        for j in range(mu.shape[1]):
            mu[i, j] = np.exp(mu[i, j] + fixed[i])
    return mu


@kernel
def half_square(v: np.ndarray, u: np.ndarray) -> float:
    """Half the squared length of (v, u)."""
    total = 0.0
    for a in range(v.shape[0]):
        for j in range(v.shape[1]):
            total += v[a, j] * v[a, j]
    for i in range(u.shape[0]):
        total += u[i] * u[i]
    return 0.5 * total


@kernel
def step_from(v: np.ndarray, u: np.ndarray, dv: np.ndarray, du: np.ndarray, step: float) -> None:
    """Move (v, u) by ``step`` times (dv, du)."""
    for a in range(v.shape[0]):
        for j in range(v.shape[1]):
            v[a, j] += step * dv[a, j]
    for i in range(u.shape[0]):
        u[i] += step * du[i]


@kernel
def marginal(problem: Problem, phi: np.ndarray, v: np.ndarray, u: np.ndarray, gradient: np.ndarray) -> float:
    """Return f(phi) and write its gradient; ``v`` and ``u`` are the start and become the mode.

    Returns ``inf`` where the mode cannot be found or the value overflows.
    """
    point = unpack(problem, phi)
    mode = find_mode(problem, point, v, u)
    if not mode.ok:
        return np.inf
    n, n_isomirs = problem.y.shape
    p = problem.x.shape[1]
    n_free = problem.rows.shape[0]
    sigma = point.sigma
    if problem.expected:
        w = np.empty((n, n_isomirs))
        unused = np.empty((n, n_isomirs))
        score_and_curvature(problem.y, mode.mu, point.theta, True, unused, w)
        f = factor(problem, point.chol, sigma, w)
        if not f.ok:
            return np.inf
    else:
        w = mode.w
        f = mode.observed
    value = -mode.joint + 0.5 * f.log_determinant
    inv = leverage(problem, f, point.chol, sigma, w)

    by_eta = np.empty((n, n_isomirs))
    w_by_theta = np.empty((n, n_isomirs))
    curvature_slopes(problem.y, mode.mu, point.theta, problem.expected, by_eta, w_by_theta)
    half = by_eta  # becomes the derivative of the log determinant / 2 in eta
    for i in range(n):
        for j in range(n_isomirs):
            half[i, j] *= 0.5 * inv.h[i, j]
    # The adjoint: how the log determinant feels a shift of the mode.
    zl = mode.observed.zl
    av = transposed_times(zl, half)
    au = row_sums(half)
    for i in range(n):
        au[i] *= sigma
    solve_precision(mode.observed, sigma, mode.w, av, au)
    moved = predictor(zl, sigma, av, au)
    by_predictor = half
    for i in range(n):
        for j in range(n_isomirs):
            by_predictor[i, j] -= mode.score[i, j] + moved[i, j] * mode.w[i, j]

    rows = row_sums(by_predictor)
    for c in range(p):
        total = 0.0
        for i in range(n):
            total += problem.x[i, c] * rows[i]
        gradient[c] = total
    z_predictor = transposed_times(problem.z, by_predictor)
    z_score = transposed_times(problem.z, mode.score)
    for e in range(n_free):
        a = problem.rows[e]
        b = problem.cols[e]
        total = inv.by_chol[a, b]
        for j in range(n_isomirs):
            total += z_predictor[a, j] * v[b, j] + z_score[a, j] * av[b, j]
        gradient[p + e] = total
    if problem.has_sample:
        scores = row_sums(mode.score)
        total = inv.by_sigma
        for i in range(n):
            total += rows[i] * u[i] + scores[i] * au[i]
        gradient[p + n_free] = total
    if not problem.poisson:
        change = np.empty((n, n_isomirs))
        score_by_log_theta(problem.y, mode.mu, point.theta, change)
        total = -by_log_theta(problem.y, problem.distinct, problem.multiplicity, mode.mu, point.theta)
        for i in range(n):
            for j in range(n_isomirs):
                total += 0.5 * inv.h[i, j] * w_by_theta[i, j] + moved[i, j] * change[i, j]
        gradient[phi.shape[0] - 1] = total
    return value
