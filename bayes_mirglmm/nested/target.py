"""The log posterior of the outer parameters in the coordinates of their prior: value, gradient, many values at once."""

from typing import NamedTuple

import numpy as np

from bayes_mirglmm.interruption import stop_point
from bayes_mirglmm.marginal import Centre, Problem, log_likelihoods, marginal
from bayes_mirglmm.marginal.objective import unpack
from bayes_mirglmm.marginal.problem import n_side
from bayes_mirglmm.marginal.side import term_effects
from bayes_mirglmm.nested.coordinates import PriorCoordinates

STEP = 1e-5  # of the differences that make the Jacobian of phi(x), which is smooth and cheap
LOG_2PI = float(np.log(2.0 * np.pi))


class Inner(NamedTuple):
    """What is integrated out, at each of N points."""

    v: np.ndarray  #: modes of the isomiR effects, spherical (N, K, J)
    u: np.ndarray  #: modes of the sample side, spherical (N, n + r)
    fixed_root: np.ndarray  #: conditional covariance of the fixed effects, as a factor (N, p, r)


class Target:
    """log p(y | phi(x)) - |x|^2 / 2 - d log(2 pi) / 2, random and fixed effects integrated out by Laplace.

    Its integral over x is the evidence. The modes of the effects are carried from one value to the next.
    """

    def __init__(self, problem: Problem, prior: PriorCoordinates) -> None:
        self.problem, self.prior = problem, prior
        self.evaluations = 0
        self.phi = np.empty(0)
        self.v, self.u = np.zeros((problem.z.shape[1], problem.y.shape[1])), np.zeros(n_side(problem))

    def begin_at(self, u: np.ndarray) -> None:
        """Look for the first mode from the effects ``u`` (n + r,) of the sample side."""
        self.u = u

    def value_and_gradient(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the value at ``x`` (d,) and its gradient; -inf where there is no finite one."""
        stop_point()
        d = len(x)
        moves = STEP * np.eye(d)
        every = self.prior.parameters(
            np.vstack([x, x + moves, x - moves])
        )  # one call: each costs as much as many
        self.phi = phi = every[0]
        jacobian = (every[1 : d + 1] - every[d + 1 :]) / (2.0 * STEP)  # row c: of phi in x_c
        by_phi = np.zeros(len(phi))
        v, u = self.v.copy(), self.u.copy()
        value = -marginal(self.problem, phi, v, u, by_phi)
        self.evaluations += 1
        if not (np.isfinite(value) and np.isfinite(by_phi).all()):
            return -np.inf, np.zeros(d)
        self.v, self.u = v, u
        return value + self._log_prior(x[None])[0], -(jacobian @ by_phi) - x

    def modes(self) -> tuple[np.ndarray, np.ndarray]:
        """Return b_j (K, J) and the effects of the sample side (n + r,) of the last value."""
        point = unpack(self.problem, self.phi)
        n = len(self.problem.y)
        u = self.u.copy()
        u[:n] = point.sigma * u[:n]
        term_effects(self.problem, self.phi, u)
        return point.chol @ self.v, u

    def log_densities(self, x: np.ndarray, location: np.ndarray, centre: Centre) -> tuple[np.ndarray, Inner]:
        """Return the values (N,) at ``x`` (N, d), and what is integrated out at each.

        Parameters
        ----------
        x : array, shape (N, d)
        location : array, shape (d,)
            Where ``centre`` is.
        centre : Centre
        """
        stop_point()
        count = len(x)
        values = np.empty(count)
        v, u = np.empty((count, *centre.b.shape)), np.empty((count, len(centre.u)))
        p = self.problem.x.shape[1] if self.problem.inner else 0
        inner = Inner(v, u, np.empty((count, p, p + self.problem.width if p else 0)))
        phi = np.ascontiguousarray(self.prior.parameters(x))
        log_likelihoods(self.problem, phi, x - location, centre, values, *inner)
        self.evaluations += count
        return values + self._log_prior(x), inner

    def _log_prior(self, x: np.ndarray) -> np.ndarray:
        return -0.5 * (np.einsum("nd,nd->n", x, x) + x.shape[1] * LOG_2PI)
