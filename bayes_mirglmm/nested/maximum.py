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
    values = [target.value_and_gradient(start)[0] for start in starts]
    x = starts[int(np.argmax(values))]
    value, gradient = target.value_and_gradient(x)
    if not np.isfinite(value):  # an infinite value has a gradient of 0: it would pass for a mode
        raise FloatingPointError("the posterior density is not finite at any starting point.")
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
            new_value, new_gradient = target.value_and_gradient(x + step * direction)
            if new_value >= value + 1e-4 * step * float(gradient @ direction):
                break
            step *= 0.3
        else:
            break
        hessian = _bfgs(hessian, step * direction, gradient - new_gradient)
        x, value, gradient = x + step * direction, new_value, new_gradient
    return _describe(target, x, value, iterations)


def _describe(target: Target, x: np.ndarray, value: float, iterations: int) -> Maximum:
    """Central differences of the gradient and of the modes."""
    d = len(x)
    target.value_and_gradient(x)
    b, u = target.modes()
    v, w = target.v, target.u
    hessian = np.empty((d, d))
    b_slopes, u_slopes = np.zeros((d, *b.shape)), np.zeros((d, len(u)))
    for c in range(d):
        ends = []
        for sign in (1.0, -1.0):
            moved = x.copy()
            moved[c] += sign * STEP
            target.v, target.u = v, w
            end, gradient = target.value_and_gradient(moved)
            ends.append((np.isfinite(end), gradient, *target.modes()))
        (ok, up, b_up, u_up), (ok_too, down, b_down, u_down) = ends
        if ok and ok_too:
            hessian[c] = (down - up) / (2.0 * STEP)
            b_slopes[c], u_slopes[c] = (b_up - b_down) / (2.0 * STEP), (u_up - u_down) / (2.0 * STEP)
        else:
            hessian[c] = np.eye(d)[c]
    target.v, target.u = v, w
    curvature, vectors = _eigen(0.5 * (hessian + hessian.T))
    return Maximum(x, value, (vectors / curvature) @ vectors.T, Centre(b, u, b_slopes, u_slopes), iterations)


def _rough_hessian(target: Target, x: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    d = len(x)
    hessian = np.empty((d, d))
    for c in range(d):
        moved = x.copy()
        moved[c] += ROUGH_STEP
        value, there = target.value_and_gradient(moved)
        hessian[c] = (gradient - there) / ROUGH_STEP if np.isfinite(value) else np.eye(d)[c]
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
