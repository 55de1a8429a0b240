"""The log posterior of the outer parameters in the coordinates of their prior: value, gradient, many values at once."""

from typing import NamedTuple

import numpy as np

from bayes_mirglmm.interruption import stop_point
from bayes_mirglmm.marginal import Centre, Points, Problem, log_likelihoods, marginals
from bayes_mirglmm.marginal.problem import n_side
from bayes_mirglmm.nested.coordinates import PriorCoordinates

LOG_2PI = float(np.log(2.0 * np.pi))


class Slopes(NamedTuple):
    """What :meth:`Target.values_and_gradients` found at N points."""

    x: np.ndarray  #: (N, d)
    value: np.ndarray  #: -inf where there is no finite one (N,)
    gradient: np.ndarray  #: 0 there (N, d)
    points: Points  #: and the modes


class Inner(NamedTuple):
    """What is integrated out, at each of N points."""

    phi: np.ndarray  #: parameters there (N, q)
    v: np.ndarray  #: modes of the isomiR effects, spherical (N, K, J)
    u: np.ndarray  #: modes of the sample side, spherical (N, n + r)
    fixed_root: np.ndarray  #: conditional covariance of the fixed effects, as a factor (N, p, r)


class Target:
    """log p(y | phi(x)) - |x|^2 / 2 - d log(2 pi) / 2, random and fixed effects integrated out by Laplace.

    Its integral over x is the evidence.
    """

    def __init__(self, problem: Problem, prior: PriorCoordinates, u: np.ndarray | None = None) -> None:
        self.problem, self.prior = problem, prior
        self.evaluations = 0
        #: Modes from which the next ones are looked for: isomiR effects (K, J), sample side (n + r,).
        self.v = np.zeros((problem.z.shape[1], problem.y.shape[1]))
        self.u = np.zeros(n_side(problem)) if u is None else u

    def values_and_gradients(self, x: np.ndarray) -> Slopes:
        """Return values and gradients at ``x`` (N, d), each from the same modes."""
        stop_point()
        phi, slopes = self.prior.parameters_and_slopes(x)
        points = marginals(self.problem, phi, self.v, self.u)
        self.evaluations += len(x)
        with np.errstate(invalid="ignore"):  # where an SD overflows
            gradient = -(slopes @ points.gradient[:, :, None])[:, :, 0] - x
        value = self._log_prior(x) - points.value
        finite = np.isfinite(value) & np.isfinite(gradient).all(axis=1)
        return Slopes(x, np.where(finite, value, -np.inf), np.where(finite[:, None], gradient, 0.0), points)

    def go_on_from(self, found: Slopes, i: int) -> None:
        """Look for the next modes from those of a point that was evaluated."""
        self.v, self.u = found.points.v[i], found.points.u[i]

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
        root = np.empty((count, p, p + self.problem.width if p else 0))
        phi = np.ascontiguousarray(self.prior.parameters(x))
        log_likelihoods(self.problem, phi, x - location, centre, values, v, u, root)
        self.evaluations += count
        return values + self._log_prior(x), Inner(phi, v, u, root)

    def _log_prior(self, x: np.ndarray) -> np.ndarray:
        return -0.5 * (np.einsum("nd,nd->n", x, x) + x.shape[1] * LOG_2PI)
