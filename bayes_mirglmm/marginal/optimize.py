"""Minimise f(phi): quasi-Newton steps from a finite-difference Hessian, then Newton to the end.

The raw, sign-free L and sigma make a variance of zero an ordinary interior minimum, so there are no bounds, and the
end is judged by the Newton decrement: g' H^-1 g / 2, in nats, is how much lower the quadratic model's minimum lies.
"""

from dataclasses import dataclass

import numpy as np

from bayes_mirglmm.interruption import stop_point
from bayes_mirglmm.marginal.hessian import hessian_and_slopes, rough_hessian
from bayes_mirglmm.marginal.objective import marginal
from bayes_mirglmm.marginal.problem import Problem

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


class _Search:
    """The moving parts of one minimisation."""

    def __init__(self, problem: Problem, phi: np.ndarray, v: np.ndarray, u: np.ndarray) -> None:
        self.problem = problem
        self.phi, self.v, self.u = phi.copy(), v.copy(), u.copy()
        d = len(phi)
        self.gradient = np.zeros(d)
        self.hessian = self.inverse = self.covariance = np.zeros((d, d))
        self.exactly = False  # whether the Hessian is from central differences
        self.b_slopes = np.zeros((d, *v.shape))
        self.u_slopes = np.zeros((d, len(u)))
        self.iterations = 0
        self.evaluations = 1
        self.decrement = np.inf
        self.lowest = np.inf  # smallest eigenvalue of the Hessian
        self.lowest_vector = np.zeros(d)
        self.flat = np.zeros((d, 0))
        self.value = marginal(problem, self.phi, self.v, self.u, self.gradient)

    def rough(self) -> None:
        self.hessian = rough_hessian(self.problem, self.phi, self.v, self.u, self.gradient)
        self.invert()
        self.evaluations += len(self.phi)

    def exact(self) -> None:
        found = hessian_and_slopes(self.problem, self.phi, self.v, self.u)
        self.hessian, self.b_slopes, self.u_slopes = found
        self.exactly = True
        self.invert()
        self.evaluations += 2 * len(self.phi)

    def invert(self) -> None:
        """Invert the Hessian with the absolute values of its eigenvalues, flat directions left out."""
        if not np.isfinite(self.hessian).all():
            self.hessian = np.eye(len(self.phi))
        values, vectors = np.linalg.eigh(self.hessian)
        self.lowest, self.lowest_vector = float(values[0]), vectors[:, 0]
        curvature = np.abs(values)
        kept = curvature > FLAT * curvature.max()
        self.inverse = (vectors[:, kept] / curvature[kept]) @ vectors[:, kept].T
        rising = kept & (values > 0.0)
        self.flat = vectors[:, ~rising]
        self.covariance = (
            self.inverse
            if rising.sum() == kept.sum()
            else (vectors[:, rising] / values[rising]) @ vectors[:, rising].T
        )

    def direction(self) -> np.ndarray:
        """Newton direction; sets the decrement."""
        direction = -(self.inverse @ self.gradient)
        self.decrement = -0.5 * float(direction @ self.gradient)
        return direction

    def move(self, direction: np.ndarray, *, update: bool) -> bool:
        """Take the longest acceptable step along ``direction``; ``update`` the Hessian by BFGS."""
        largest = float(np.abs(direction).max())
        step = min(1.0, LARGEST_STEP / max(largest, 1e-300))
        gradient = np.empty_like(self.gradient)
        while step * largest > SMALLEST_STEP:
            stop_point()
            phi, v, u = self.phi + step * direction, self.v.copy(), self.u.copy()
            value = marginal(self.problem, phi, v, u, gradient)
            self.evaluations += 1
            enough = value <= self.value - 2e-4 * step * self.decrement
            # At the end rounding of the value hides the gain: there the gradient has decided the direction.
            level = self.decrement < NEGLIGIBLE and value <= self.value + 1e-9 * (1.0 + abs(self.value))
            if enough or level:
                if update:
                    self._bfgs(phi - self.phi, gradient - self.gradient)
                self.phi, self.v, self.u, self.gradient, self.value = phi, v, u, gradient, value
                self.iterations += 1
                return True
            step *= 0.3
        return False

    def _bfgs(self, s: np.ndarray, y: np.ndarray) -> None:
        """Update the inverse Hessian, where the curvature along the step is positive."""
        sy = float(s @ y)
        if sy > 1e-12:
            hy = self.inverse @ y
            shift = np.multiply.outer(hy, s)
            self.inverse += (1.0 + float(y @ hy) / sy) / sy * np.multiply.outer(s, s) - (shift + shift.T) / sy

    def result(self, *, converged: bool) -> Optimum:
        return Optimum(
            converged=converged,
            phi=self.phi,
            value=float(self.value),
            gradient=self.gradient,
            hessian=self.hessian,
            covariance=self.covariance if self.exactly else np.full_like(self.hessian, np.nan),
            decrement=self.decrement,
            iterations=self.iterations,
            evaluations=self.evaluations,
            v=self.v,
            u=self.u,
            b_slopes=self.b_slopes,
            u_slopes=self.u_slopes,
            flat=self.flat,
        )


def minimize(problem: Problem, phi: np.ndarray, v: np.ndarray, u: np.ndarray) -> Optimum:
    """Minimise f from ``phi``, with the modes' search started at ``v`` (K, J) and ``u`` (n + r,)."""
    search = _Search(problem, phi, v, u)
    if not np.isfinite(search.value):
        return search.result(converged=False)
    search.rough()
    for _ in range(QUASI_NEWTON_ITERATIONS):
        direction = search.direction()
        if search.decrement < HANDOVER or not search.move(direction, update=True):
            break
    near = False
    for iteration in range(NEWTON_ITERATIONS):
        tolerance = TOLERANCE if iteration < PATIENCE else NEGLIGIBLE
        if not near:
            search.exact()
        direction = search.direction()
        if search.decrement < tolerance:
            if search.lowest > -SADDLE or not search.move(0.3 * search.lowest_vector, update=False):
                return search.result(converged=True)
            near = False  # a saddle (two variances that could trade places): left along its own direction
            continue
        # A Hessian from nearby is good enough to finish with; from afar it is made anew.
        near = search.decrement < 1e-6
        if not search.move(direction, update=False):
            return search.result(converged=search.decrement < NEGLIGIBLE)
    return search.result(converged=False)
