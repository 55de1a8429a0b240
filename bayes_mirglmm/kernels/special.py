"""Scalar functions in which nothing cancels: Stirling and digamma remainders, log1p(x) - x, the deviance."""

import math

from bayes_mirglmm.kernels.compilation import kernel

HALF_LOG_2PI = 0.9189385332046727
ASYMPTOTIC = 15.0  # from here on five terms of the asymptotic series are exact to rounding


@kernel
def stirling_error(x: float) -> float:
    """Return log Gamma(x) - [(x - 1/2) log x - x + log(2 pi)/2] for x > 0."""
    if x < ASYMPTOTIC:
        return math.lgamma(x) - (x - 0.5) * math.log(x) + x - HALF_LOG_2PI
    r = 1.0 / (x * x)
    return (1 / 12 - r * (1 / 360 - r * (1 / 1260 - r * (1 / 1680 - r / 1188)))) / x


@kernel
def digamma_error(x: float) -> float:
    """Return log x - 1/(2x) - digamma(x) for x > 0: about 1/(12 x^2)."""
    if x < ASYMPTOTIC:
        shift = 0.0
        top = x
        while top < ASYMPTOTIC:
            shift += 1.0 / top
            top += 1.0
        return math.log(x) - 0.5 / x + shift - (math.log(top) - 0.5 / top - digamma_error_series(top))
    return digamma_error_series(x)


@kernel
def digamma_error_series(x: float) -> float:
    """Asymptotic series of :func:`digamma_error`, for large x."""
    r = 1.0 / (x * x)
    return r * (1 / 12 - r * (1 / 120 - r * (1 / 252 - r * (1 / 240 - r / 132))))


@kernel
def log1p_minus(x: float) -> float:
    """Return log(1 + x) - x for x > -1, without cancellation near 0."""
    if abs(x) > 0.1:
        return math.log1p(x) - x
    # With s = x / (2 + x): log(1 + x) = 2 atanh(s) and 2 s - x = -x s.
    s = x / (2.0 + x)
    q = s * s
    odd = q * (1 / 3 + q * (1 / 5 + q * (1 / 7 + q * (1 / 9 + q * (1 / 11 + q / 13)))))
    return s * (2.0 * odd - x)


@kernel
def half_deviance(y: float, mu: float, theta: float) -> float:
    """Half the unit deviance of a count y with mean mu and size theta (inf: Poisson).

    Written with d = mu - y in place of differences of large logarithms, so that neither mu far from y nor theta far
    from y costs digits; for the Poisson it is bd0 of Loader (2000).
    """
    if y == 0.0:
        return theta * math.log1p(mu / theta) if math.isfinite(theta) else mu
    d = mu - y
    if math.isfinite(theta):
        return y * math.log1p(-theta * d / ((y + theta) * mu)) + theta * math.log1p(d / (y + theta))
    if abs(d) < 0.1 * y:
        return -y * log1p_minus(d / y)
    return y * math.log(y / mu) + d
