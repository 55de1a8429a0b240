"""The posterior mode in prior coordinates, and the normal approximation there: where sampling starts.

It need not be exact. In these coordinates the prior alone gives every direction a curvature of 1, so that a floor
under the eigenvalues of the Hessian costs nothing and keeps flat or concave directions from running away.
"""

from dataclasses import dataclass

import numpy as np

from bayes_mirglmm.marginal import Centre
from bayes_mirglmm.nested.target import Target

ITERATIONS = 60
TOLERANCE = 1e-3  # nats that are still to gain
LARGEST_STEP = 2.0
FLOOR = 0.3  # least curvature: no direction is taken for wider than 1.8 prior SDs
ROUGH_STEP, STEP = 1e-4, 1e-3


@dataclass(frozen=True, slots=True)
class Maximum:
    """Mode, curvature there, and how the random effects move with the coordinates."""

    x: np.ndarray  #: (d,)
    value: float
    covariance: np.ndarray  #: inverse of the floored Hessian (d, d)
    centre: Centre
    iterations: int


def maximise(target: Target, starts: list[np.ndarray]) -> Maximum:
    """Climb from the best of ``starts``.

    Raises
    ------
    FloatingPointError
        The density is not finite at any start.
    """
    found = target.values_and_gradients(np.array(starts))
    best = int(np.argmax(found.value))
    x, value, gradient = found.x[best], found.value[best], found.gradient[best]
    if not np.isfinite(value):  # an infinite value has a gradient of 0: it would pass for a mode
        raise FloatingPointError("the posterior density is not finite at any starting point.")
    target.go_on_from(found, best)
    hessian = _rough_hessian(target, x, gradient)
    iterations = 0
    while iterations < ITERATIONS:
        iterations += 1
        curvature, vectors = _eigen(hessian)
        direction = vectors @ (vectors.T @ gradient / curvature)
        if 0.5 * float(gradient @ direction) < TOLERANCE:
            break
        direction *= min(1.0, LARGEST_STEP / float(np.linalg.norm(direction)))
        step = 1.0
        while step > 1e-4:
            tried = target.values_and_gradients((x + step * direction)[None])
            if tried.value[0] >= value + 1e-4 * step * float(gradient @ direction):
                break
            step *= 0.3
        else:
            break
        found, best = tried, 0
        target.go_on_from(found, best)
        hessian = _bfgs(hessian, step * direction, gradient - found.gradient[0])
        x, value, gradient = found.x[0], found.value[0], found.gradient[0]
    covariance, b_slopes, u_slopes = _differences(target, x)
    centre = Centre(found.points.b[best], found.points.effects[best], b_slopes, u_slopes)
    return Maximum(x, float(value), covariance, centre, iterations)


def _differences(target: Target, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the inverse of the floored Hessian, and the slopes of the modes, from central differences."""
    d = len(x)
    moves = STEP * np.eye(d)
    found = target.values_and_gradients(np.concatenate([x + moves, x - moves]))
    known = np.isfinite(found.value[:d]) & np.isfinite(found.value[d:])

    def slopes(values: np.ndarray) -> np.ndarray:
        with np.errstate(invalid="ignore"):  # of a point without a mode
            change = (values[:d] - values[d:]) / (2.0 * STEP)
        return np.where(known.reshape(-1, *[1] * (values.ndim - 1)), change, 0.0)

    hessian = np.where(known[:, None], -slopes(found.gradient), np.eye(d))
    curvature, vectors = _eigen(0.5 * (hessian + hessian.T))
    return (vectors / curvature) @ vectors.T, slopes(found.points.b), slopes(found.points.effects)


def _rough_hessian(target: Target, x: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    d = len(x)
    found = target.values_and_gradients(x + ROUGH_STEP * np.eye(d))
    known = np.isfinite(found.value)[:, None]
    hessian = np.where(known, (gradient - found.gradient) / ROUGH_STEP, np.eye(d))
    return 0.5 * (hessian + hessian.T)


def _eigen(hessian: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    values, vectors = np.linalg.eigh(hessian)
    return np.maximum(np.abs(values), FLOOR), vectors


def _bfgs(hessian: np.ndarray, s: np.ndarray, y: np.ndarray) -> np.ndarray:
    hs = hessian @ s
    sy, shs = float(s @ y), float(s @ hs)
    if sy <= 1e-12 or shs <= 0.0:
        return hessian
    return hessian + np.multiply.outer(y, y) / sy - np.multiply.outer(hs, hs) / shs
