"""The log posterior of the outer parameters in the coordinates of their prior: value, gradient, many values at once."""

import numpy as np

from bayes_mirglmm.interruption import stop_point
from bayes_mirglmm.marginal import Centre, Problem, log_likelihoods, marginal
from bayes_mirglmm.marginal.objective import unpack
from bayes_mirglmm.nested.coordinates import PriorCoordinates

STEP = 1e-5  # of the differences that make the Jacobian of phi(x), which is smooth and cheap
LOG_2PI = float(np.log(2.0 * np.pi))


class Target:
    """log p(y | phi(x)) - |x|^2 / 2 - d log(2 pi) / 2, the random effects integrated out by Laplace.

    Its integral over x is the evidence. The modes of the random effects are carried from one value to the next.
    """

    def __init__(self, problem: Problem, prior: PriorCoordinates) -> None:
        self.problem, self.prior = problem, prior
        self.evaluations = 0
        n, n_isomirs = problem.y.shape
        self.v, self.u = np.zeros((problem.z.shape[1], n_isomirs)), np.zeros(n)

    def value_and_gradient(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the value at ``x`` (d,) and its gradient; -inf where there is no finite one."""
        stop_point()
        phi = self.prior.parameters(x[None])[0]
        by_phi = np.zeros(len(phi))
        v, u = self.v.copy(), self.u.copy()
        value = -marginal(self.problem, phi, v, u, by_phi)
        self.evaluations += 1
        if not (np.isfinite(value) and np.isfinite(by_phi).all()):
            return -np.inf, np.zeros(len(x))
        self.v, self.u = v, u
        return value + self._log_prior(x[None])[0], -(self._jacobian(x).T @ by_phi) - x

    def modes(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return b_j (K, J) and u_i (n,) of the last value, which was at ``x``."""
        point = unpack(self.problem, self.prior.parameters(x[None])[0])
        return point.chol @ self.v, point.sigma * self.u

    def log_densities(
        self, x: np.ndarray, location: np.ndarray, centre: Centre, normals: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the values (N,) at ``x`` (N, d), and draws of b (N, J, K) and u (N, n) given each.

        Parameters
        ----------
        x : array, shape (N, d)
        location : array, shape (d,)
            Where ``centre`` is.
        centre : Centre
        normals : array, shape (N, K J + n), or with no columns for no draws
        """
        stop_point()
        n, n_isomirs = self.problem.y.shape
        count = len(x)
        values = np.empty(count)
        drawn = count if normals.shape[1] else 0
        b, u = np.empty((drawn, n_isomirs, self.problem.z.shape[1])), np.empty((drawn, n))
        phi = np.ascontiguousarray(self.prior.parameters(x))
        log_likelihoods(self.problem, phi, x - location, centre, normals, values, b, u)
        self.evaluations += count
        return values + self._log_prior(x), b, u

    def _log_prior(self, x: np.ndarray) -> np.ndarray:
        return -0.5 * (np.einsum("nd,nd->n", x, x) + x.shape[1] * LOG_2PI)

    def _jacobian(self, x: np.ndarray) -> np.ndarray:
        """Derivatives of phi (rows) in x (columns)."""
        moves = STEP * np.eye(len(x))
        phi = self.prior.parameters(np.vstack([x + moves, x - moves]))
        return (phi[: len(x)] - phi[len(x) :]).T / (2.0 * STEP)
