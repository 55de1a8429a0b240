"""Minimise f(phi): quasi-Newton steps from a rough Hessian, then Newton to the end.

The raw, sign-free L and sigma make a variance of zero an ordinary interior minimum, so there are no bounds, and the
end is judged by the Newton decrement: g' H^-1 g / 2, in nats, is how much lower the quadratic model's minimum lies.

The search is a kernel that can stop between two steps and go on later: small fits take one call, so that threads do not
wait for each other, and large ones return now and then, to be asked whether they should end.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from bayes_mirglmm.interruption import stop_point
from bayes_mirglmm.kernels.compilation import kernel
from bayes_mirglmm.kernels.dense import cholesky, eigen, frobenius, inverse, largest, overwrite
from bayes_mirglmm.marginal.hessian import (
    ONE_SIDED_STEP,
    STEP,
    covariance_information,
    exact_hessian,
    fixed_information,
    mode_slopes,
    one_sided_hessian,
)
from bayes_mirglmm.marginal.leverage import leverage
from bayes_mirglmm.marginal.objective import approach, evaluate, find_mode, unpack
from bayes_mirglmm.marginal.problem import MANY_ENTRIES, Problem, parameter_layout

TOLERANCE = 1e-9  # nats
#: Where several variances are zero at once the valley is curved and Newton's steps are short: after this many, what is
#: left to gain need only be negligible.
PATIENCE, NEGLIGIBLE = 6, 1e-6
HANDOVER = 1e-7  # nats: below this Newton's method takes over from the quasi-Newton steps
QUASI_NEWTON_ITERATIONS = 40
NEWTON_ITERATIONS = 40
LARGEST_STEP = 2.0
SMALLEST_STEP = 1e-12
SADDLE = 1e-3  # nats per unit squared: more negative curvature than this is no minimum
FLAT = 1e-7  # relative curvature below which a direction is not moved along
#: More parameters than this have their Hessian from one-sided differences: half the evaluations, and standard errors to
#: five digits.
CENTRAL = 12
#: More fixed effects than this start from the curvature of the joint density, and many free entries of L from their
#: information in normal samples; otherwise the rough Hessian is one of differences.
FEW_FIXED = 5
CALL = 2e7  # multiplications, about, after which a call of the kernel returns

#: What the next evaluation is for: the start, a step along a direction, or differences for a Hessian.
BEGIN, TRY, ROUGH, EXACT, CONVERGED, GIVEN_UP = range(6)
#: What a step is for: down by the quasi-Newton matrix, by Newton's, or away from a saddle.
QUASI_NEWTON, NEWTON, ASIDE = range(3)


@dataclass(frozen=True, slots=True)
class Optimum:
    """Where the search ended, and how it went."""

    converged: bool
    phi: np.ndarray  #: (d,)
    value: float  #: f
    gradient: np.ndarray  #: (d,)
    hessian: np.ndarray  #: (d, d)
    covariance: (
        np.ndarray
    )  #: its inverse, without flat directions (at a boundary) or those that curve down (d, d)
    decrement: float  #: nats still to gain, by the quadratic model
    iterations: int
    evaluations: int
    v: np.ndarray  #: modes in spherical coordinates (K, J)
    u: np.ndarray  #: (n + r,)
    b_slopes: np.ndarray  #: derivative of the modes b_j = L v_j in phi (d, K, J)
    u_slopes: np.ndarray  #: derivative of the modes u_i = sigma (S w)_i, and of g, in phi (d, n + r)
    flat: np.ndarray  #: directions that the covariance leaves out, of length 1 (d, m)
    b_cov: np.ndarray  #: conditional covariance of b_j, the parameters given (J, K, K)
    u_var: np.ndarray  #: conditional variance of u_i (n,)
    g_cov: np.ndarray  #: conditional covariance of g (r, r)
    gb_cov: np.ndarray  #: conditional covariance of g and b_j (J, r, K)


class _Search(NamedTuple):
    """The moving parts of one minimisation, written in place."""

    phi: np.ndarray  #: (d,)
    v: np.ndarray  #: modes there (K, J)
    u: np.ndarray  #: (n + r,)
    gradient: np.ndarray  #: (d,)
    hessian: np.ndarray  #: (d, d)
    inverse: np.ndarray  #: with the absolute values of its eigenvalues, flat directions left out (d, d)
    covariance: np.ndarray  #: and without those that curve down (d, d)
    lowest: np.ndarray  #: direction of the lowest curvature (d,)
    left_out: (
        np.ndarray
    )  #: directions that the covariance leaves out, in rows, those of index < n_left_out (d, d)
    b_slopes: np.ndarray  #: (d, K, J)
    u_slopes: np.ndarray  #: (d, n + r)
    b_cov: np.ndarray  #: (J, K, K)
    u_var: np.ndarray  #: (n,)
    g_cov: np.ndarray  #: (r, r)
    gb_cov: np.ndarray  #: (J, r, K)
    direction: np.ndarray  #: of the step that is tried (d,)
    numbers: np.ndarray  #: value, decrement, lowest curvature, length of the step that is tried
    counts: np.ndarray  #: the names below


VALUE, DECREMENT, CURVATURE, LENGTH = range(4)
PHASE, PURPOSE, STEPS, ITERATIONS, EVALUATIONS, NEAR, IS_EXACT, N_LEFT_OUT = range(8)


def minimize(problem: Problem, phi: np.ndarray, v: np.ndarray, u: np.ndarray) -> Optimum:
    """Minimise f from ``phi``, with the modes' search started at ``v`` (K, J) and ``u`` (n + r,)."""
    d = len(phi)
    k, n_isomirs = v.shape
    n = len(problem.y)
    r = len(u) - n
    search = _Search(
        phi=phi.copy(),
        v=v.copy(),
        u=u.copy(),
        gradient=np.zeros(d),
        hessian=np.zeros((d, d)),
        inverse=np.zeros((d, d)),
        covariance=np.zeros((d, d)),
        lowest=np.zeros(d),
        left_out=np.zeros((d, d)),
        b_slopes=np.zeros((d, k, n_isomirs)),
        u_slopes=np.zeros((d, len(u))),
        b_cov=np.zeros((n_isomirs, k, k)),
        u_var=np.zeros(n),
        g_cov=np.zeros((r, r)),
        gb_cov=np.zeros((n_isomirs, r, k)),
        direction=np.zeros(d),
        numbers=np.full(4, np.inf),
        counts=np.zeros(8, dtype=np.int64),
    )
    most = int(CALL / (n * n_isomirs * (k + min(n, k * n_isomirs)))) + 1
    while go_on(problem, search, most):
        stop_point()
    return Optimum(
        converged=bool(search.counts[PHASE] == CONVERGED),
        phi=search.phi,
        value=float(search.numbers[VALUE]),
        gradient=search.gradient,
        hessian=search.hessian,
        covariance=search.covariance if search.counts[IS_EXACT] else np.full((d, d), np.nan),
        decrement=float(search.numbers[DECREMENT]),
        iterations=int(search.counts[ITERATIONS]),
        evaluations=int(search.counts[EVALUATIONS]),
        v=search.v,
        u=search.u,
        b_slopes=search.b_slopes,
        u_slopes=search.u_slopes,
        flat=search.left_out[: search.counts[N_LEFT_OUT]].T,
        b_cov=search.b_cov,
        u_var=search.u_var,
        g_cov=search.g_cov,
        gb_cov=search.gb_cov,
    )


@kernel
def go_on(problem: Problem, search: _Search, most: int) -> bool:
    """Search on for about ``most`` evaluations; tell whether there is more to do."""
    counts, numbers = search.counts, search.numbers
    end = counts[EVALUATIONS] + most
    d = search.phi.shape[0]
    k, n_isomirs = search.v.shape
    phi, v, u = search.phi.copy(), search.v.copy(), search.u.copy()
    gradient = np.empty(d)
    gradients = np.empty((d, 2, d))
    all_v = np.empty((d, 2, k, n_isomirs))
    all_u = np.empty((d, 2, u.shape[0]))
    given = _given(problem)  # columns that a rough Hessian has otherwise
    central = d <= CENTRAL
    column, opposite = 0, 0  # where the differences stand
    centre = unpack(problem, phi)
    base = find_mode(problem, centre, v, u)
    known = True  # whether the last two are those of search.phi
    while counts[PHASE] < CONVERGED:
        phase = counts[PHASE]
        if counts[EVALUATIONS] >= end and column == 0 and opposite == 0:
            return True
        if phase == TRY and not numbers[LENGTH] * largest(search.direction) > SMALLEST_STEP:
            _failed(search)
            continue
        overwrite(phi, search.phi)
        if phase >= ROUGH:
            if not known:
                overwrite(v, search.v)
                overwrite(u, search.u)
                centre = unpack(problem, phi)
                base = find_mode(problem, centre, v, u)
                known = True
            if phase == ROUGH and column == 0 and given > 0:
                if not problem.inner:
                    fixed_information(problem, base, centre.side, search.hessian)
                if problem.rows.shape[0] > MANY_ENTRIES:
                    covariance_information(problem, base, centre.chol, search.hessian)
                column = given
            step = STEP if phase == EXACT and central else ONE_SIDED_STEP
            phi[column] += step if opposite == 0 else -step
            for a in range(k):
                for j in range(n_isomirs):
                    v[a, j] = search.v[a, j] if opposite == 0 else 2.0 * search.v[a, j] - v[a, j]
            for i in range(u.shape[0]):
                u[i] = search.u[i] if opposite == 0 else 2.0 * search.u[i] - u[i]
            approach(problem, unpack(problem, phi), base, centre.side, v, u)
        elif phase == TRY:
            for e in range(d):
                phi[e] += numbers[LENGTH] * search.direction[e]
            overwrite(v, search.v)
            overwrite(u, search.u)
        value = evaluate(problem, phi, v, u, gradient)
        counts[EVALUATIONS] += 1
        if phase == TRY:
            if not _is_lower(search, value):
                numbers[LENGTH] *= 0.3
                continue
            known = False
            if counts[PURPOSE] == QUASI_NEWTON:
                _update(search.inverse, phi - search.phi, gradient - search.gradient)
            counts[ITERATIONS] += 1
        if phase < ROUGH:
            overwrite(search.phi, phi)
            overwrite(search.v, v)
            overwrite(search.u, u)
            overwrite(search.gradient, gradient)
            numbers[VALUE] = value
            if phase == TRY:
                _arrived(search)
            else:
                counts[PHASE] = ROUGH if np.isfinite(value) else GIVEN_UP
            continue
        overwrite(gradients[column, opposite], gradient)
        overwrite(all_v[column, opposite], v)
        overwrite(all_u[column, opposite], u)
        if phase == EXACT and opposite == 0:
            if central:
                opposite = 1
                continue
            overwrite(all_v[column, 1], search.v)
            overwrite(all_u[column, 1], search.u)
        opposite = 0
        column += 1
        if column == d:
            column = 0
            if phase == EXACT and central:
                exact_hessian(gradients, search.hessian)
            else:
                first = given if phase == ROUGH else 0
                one_sided_hessian(gradients, search.gradient, search.hessian, first)
            if phase == EXACT:
                apart = 2.0 * STEP if central else ONE_SIDED_STEP
                mode_slopes(
                    problem,
                    search.phi,
                    search.v,
                    search.u,
                    all_v,
                    all_u,
                    apart,
                    search.b_slopes,
                    search.u_slopes,
                )
                counts[IS_EXACT] = 1
            _invert(search)
            if phase == ROUGH:
                _next_quasi_newton(search)
            else:
                _next_newton(search)
    centre = unpack(problem, search.phi)
    overwrite(v, search.v)
    overwrite(u, search.u)
    base = find_mode(problem, centre, v, u)
    if base.observed.ok:
        there = leverage(problem, base.observed, centre.chol, centre.side, base.w, True)
        overwrite(search.b_cov, there.b_cov)
        overwrite(search.u_var, there.u_var)
        overwrite(search.g_cov, there.g_cov)
        overwrite(search.gb_cov, there.gb_cov)
    return False


@kernel
def _given(problem: Problem) -> int:
    """Count the first parameters whose curvature a rough Hessian has without differences."""
    at = parameter_layout(problem)
    if problem.rows.shape[0] > MANY_ENTRIES:
        return min(at.terms, at.size - 1)
    return at.chol if at.chol > FEW_FIXED else 0


@kernel
def _is_lower(search: _Search, value: float) -> bool:
    """Tell whether a step that led to ``value`` is to be taken."""
    before, decrement = search.numbers[VALUE], search.numbers[DECREMENT]
    enough = value <= before - 2e-4 * search.numbers[LENGTH] * decrement
    # At the end rounding of the value hides the gain: there the gradient has decided the direction.
    level = decrement < NEGLIGIBLE and value <= before + 1e-9 * (1.0 + abs(before))
    return enough or level


@kernel
def _arrived(search: _Search) -> None:
    """Decide what comes after a step."""
    counts = search.counts
    counts[STEPS] += 1
    if counts[PURPOSE] == QUASI_NEWTON:
        if counts[STEPS] < QUASI_NEWTON_ITERATIONS:
            _next_quasi_newton(search)
        else:
            counts[PHASE] = EXACT
            counts[STEPS] = 0
    elif counts[STEPS] == NEWTON_ITERATIONS:
        counts[PHASE] = GIVEN_UP
    elif counts[PURPOSE] == NEWTON and counts[NEAR]:
        _next_newton(search)
    else:
        counts[PHASE] = EXACT


@kernel
def _failed(search: _Search) -> None:
    """Decide what comes where no step is short enough."""
    counts = search.counts
    if counts[PURPOSE] == QUASI_NEWTON:
        counts[PHASE] = EXACT
        counts[STEPS] = 0
    elif counts[PURPOSE] == ASIDE or search.numbers[DECREMENT] < NEGLIGIBLE:
        counts[PHASE] = CONVERGED
    else:
        counts[PHASE] = GIVEN_UP


@kernel
def _next_quasi_newton(search: _Search) -> None:
    """Try the next step, or hand over to Newton's method."""
    _aim(search)
    if search.numbers[DECREMENT] < HANDOVER:
        search.counts[PHASE] = EXACT
        search.counts[STEPS] = 0
    else:
        _try(search, QUASI_NEWTON)


@kernel
def _next_newton(search: _Search) -> None:
    """Try the next step of Newton's method, or end."""
    counts, numbers = search.counts, search.numbers
    _aim(search)
    if numbers[DECREMENT] >= (TOLERANCE if counts[STEPS] < PATIENCE else NEGLIGIBLE):
        # A Hessian from nearby is good enough to finish with; from afar it is made anew.
        counts[NEAR] = 1 if numbers[DECREMENT] < 1e-6 else 0
        _try(search, NEWTON)
    elif numbers[CURVATURE] > -SADDLE:
        counts[PHASE] = CONVERGED
    else:  # a saddle (two variances that could trade places): left along its own direction
        for a in range(search.phi.shape[0]):
            search.direction[a] = 0.3 * search.lowest[a]
        _try(search, ASIDE)


@kernel
def _aim(search: _Search) -> None:
    """Set the Newton direction and its decrement."""
    d = search.phi.shape[0]
    total = 0.0
    for a in range(d):
        along = 0.0
        for b in range(d):
            along -= search.inverse[a, b] * search.gradient[b]
        search.direction[a] = along
        total += along * search.gradient[a]
    search.numbers[DECREMENT] = -0.5 * total


@kernel
def _try(search: _Search, purpose: int) -> None:
    """Try a step along the direction, of the full length unless that is far."""
    search.numbers[LENGTH] = min(1.0, LARGEST_STEP / max(largest(search.direction), 1e-300))
    search.counts[PURPOSE] = purpose
    search.counts[PHASE] = TRY


@kernel
def _update(inverse_hessian: np.ndarray, s: np.ndarray, y: np.ndarray) -> None:
    """Update the inverse Hessian by BFGS, where the curvature along the step is positive."""
    d = s.shape[0]
    hy = np.zeros(d)
    sy = 0.0
    yhy = 0.0
    for a in range(d):
        sy += s[a] * y[a]
        for b in range(d):
            hy[a] += inverse_hessian[a, b] * y[b]
        yhy += y[a] * hy[a]
    if sy > 1e-12:
        c = (1.0 + yhy / sy) / sy
        for a in range(d):
            for b in range(d):
                inverse_hessian[a, b] += c * s[a] * s[b] - (hy[a] * s[b] + hy[b] * s[a]) / sy


@kernel
def _invert(search: _Search) -> None:
    """Invert the Hessian with the absolute values of its eigenvalues, flat directions left out."""
    d = search.phi.shape[0]
    if not np.isfinite(frobenius(search.hessian)):
        for a in range(d):
            for b in range(d):
                search.hessian[a, b] = 1.0 if a == b else 0.0
    search.counts[N_LEFT_OUT] = 0
    root = search.hessian.copy()
    if cholesky(root):
        inverted = inverse(root)
        # Eigenvalues are at least 1 / its norm, and at most the norm of the Hessian: is none of them flat?
        size = frobenius(inverted)
        if size * frobenius(search.hessian) * FLAT < 1.0:
            overwrite(search.inverse, inverted)
            overwrite(search.covariance, inverted)
            search.numbers[CURVATURE] = 1.0 / size
            return
    values, vectors = eigen(search.hessian)
    search.numbers[CURVATURE] = values[0]
    overwrite(search.lowest, vectors[0])
    search.inverse[:] = 0.0
    search.covariance[:] = 0.0
    flat = FLAT * largest(values)
    for e in range(d):
        if abs(values[e]) > flat:
            for a in range(d):
                for b in range(d):
                    one = vectors[e, a] * vectors[e, b] / abs(values[e])
                    search.inverse[a, b] += one
                    if values[e] > 0.0:
                        search.covariance[a, b] += one
        if not values[e] > flat:
            overwrite(search.left_out[search.counts[N_LEFT_OUT]], vectors[e])
            search.counts[N_LEFT_OUT] += 1
