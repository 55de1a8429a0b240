"""Standard deviations in coordinates in which their half-normal prior is N(0, 1), for code that numba compiles."""

import math

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
