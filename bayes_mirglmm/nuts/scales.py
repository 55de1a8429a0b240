"""SDs in coordinates in which their prior (half- or log-normal) is N(0, 1), and covariances, for compiled code."""

import math

import numpy as np

from bayes_mirglmm.kernels.compilation import kernel

SQRT_HALF = math.sqrt(0.5)
SQRT_2PI = math.sqrt(2.0 * math.pi)


@kernel
def half_normal(x: float) -> float:
    """Return the half-normal s (unit scale) with as much probability below as ``x`` has under N(0, 1).

    :func:`bayes_mirglmm.nested.coordinates.half_normal` by Newton's method; Phi(-s) = Phi(-x) / 2. Its slope is
    exp((s^2 - x^2) / 2) / 2, the ratio of the densities.
    """
    if x < -1.0:
        p = 0.5 * math.erfc(-x * SQRT_HALF)  # erf(s / sqrt 2) = Phi(x), small
        s = 0.5 * SQRT_2PI * p
        for _ in range(6):
            s += (p - math.erf(s * SQRT_HALF)) * 0.5 * SQRT_2PI * math.exp(0.5 * s * s)
        return s
    log_q = math.log(0.25 * math.erfc(x * SQRT_HALF))
    s = max(x, 0.0) + 0.5
    for _ in range(40):  # on the logarithm, which is nearly a parabola far out
        tail = 0.5 * math.erfc(s * SQRT_HALF)
        step = (math.log(tail) - log_q) * tail * SQRT_2PI * math.exp(0.5 * s * s)
        s += step
        if abs(step) < 1e-15 * s:
            break
    return s


@kernel
def half_normal_slope(s: float, x: float) -> float:
    """Return the slope of :func:`half_normal` at ``x``, where it is ``s``."""
    return 0.5 * math.exp(0.5 * (s * s - x * x))


@kernel
def sd_at(x: float, scale: float, spread: float) -> float:
    """Return the SD at coordinate ``x``: half-normal of this scale, or, with a ``spread`` of its log, log-normal."""
    if spread > 0.0:
        return scale * math.exp(spread * x)
    return scale * half_normal(x)


@kernel
def sd_slope(sd: float, x: float, scale: float, spread: float) -> float:
    """Return the slope of :func:`sd_at` at ``x``, where it is ``sd``."""
    if spread > 0.0:
        return spread * sd
    return scale * half_normal_slope(sd / scale, x)


@kernel
def covariance_factor(
    normal: np.ndarray,
    partial: np.ndarray,
    scales: np.ndarray,
    spreads: np.ndarray,
    shapes: np.ndarray,
    blocks: np.ndarray,
    sd: np.ndarray,
    chol: np.ndarray,
) -> float:
    """Write the SDs (k,) and the Cholesky factor (k, k) of a covariance; return the log prior less constants.

    Partial correlations are tanh(``partial``), row by row, within the ``blocks`` (k,).
    """
    value = 0.0
    pair = 0
    for a in range(normal.shape[0]):
        sd[a] = sd_at(normal[a], scales[a], spreads[a])
        value -= 0.5 * normal[a] * normal[a]
        left = sd[a]
        for b in range(a):
            if blocks[a] == blocks[b]:
                chol[a, b] = left * math.tanh(partial[pair])
                rest = 1.0 / math.cosh(partial[pair])
                left *= rest
                value += 2.0 * shapes[pair] * math.log(rest)
                pair += 1
        chol[a, a] = left
    return value


@kernel
def covariance_factor_back(
    normal: np.ndarray,
    partial: np.ndarray,
    scales: np.ndarray,
    spreads: np.ndarray,
    shapes: np.ndarray,
    blocks: np.ndarray,
    sd: np.ndarray,
    chol: np.ndarray,
    by_chol: np.ndarray,
    by_normal: np.ndarray,
    by_partial: np.ndarray,
) -> None:
    """Write the derivatives of the prior, and of what has ``by_chol`` (k, k), in ``normal`` and ``partial``."""
    pair = partial.shape[0]
    for a in range(normal.shape[0] - 1, -1, -1):
        by_left = by_chol[a, a]
        left = chol[a, a]
        for b in range(a - 1, -1, -1):
            if blocks[a] == blocks[b]:
                pair -= 1
                r = math.tanh(partial[pair])
                rest = 1.0 / math.cosh(partial[pair])
                left /= rest
                by_partial[pair] = rest * left * (by_chol[a, b] * rest - by_left * r) - 2.0 * shapes[pair] * r
                by_left = by_chol[a, b] * r + by_left * rest
        by_normal[a] = by_left * sd_slope(sd[a], normal[a], scales[a], spreads[a]) - normal[a]
