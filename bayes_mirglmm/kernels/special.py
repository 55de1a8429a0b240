"""Scalar functions in which nothing cancels: Stirling and digamma remainders, log1p(x) - x, the deviance."""

import math

from bayes_mirglmm.kernels.compilation import inlined_kernel, kernel
from bayes_mirglmm.kernels.elementary import log_ratio, log_ratio_minus

HALF_LOG_2PI = 0.9189385332046727
ASYMPTOTIC = 15.0  # from here on five terms of the asymptotic series are exact to rounding


@kernel
def stirling_error(x: float) -> float:
    """Return log Gamma(x) - [(x - 1/2) log x - x + log(2 pi)/2] for x > 0."""
    if x < ASYMPTOTIC:
        return math.lgamma(x) - (x - 0.5) * math.log(x) + x - HALF_LOG_2PI
    return stirling_error_series(x)


@inlined_kernel
def stirling_error_series(x: float) -> float:
    """Asymptotic series of :func:`stirling_error`, for large x."""
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


@inlined_kernel
def digamma_error_series(x: float) -> float:
    """Asymptotic series of :func:`digamma_error`, for large x."""
    r = 1.0 / (x * x)
    return r * (1 / 12 - r * (1 / 120 - r * (1 / 252 - r * (1 / 240 - r / 132))))


@inlined_kernel
def log1p_minus(x: float) -> float:
    """Return log(1 + x) - x for x > -1, without cancellation near 0."""
    return log_ratio_minus(1.0 + x, x)


@kernel
def half_deviance(y: float, mu: float, theta: float) -> float:
    """Half the unit deviance of a count y with mean mu and size theta (inf: Poisson)."""
    if math.isfinite(theta):
        return negative_binomial_half_deviance(y, mu, theta)
    return poisson_half_deviance(y, mu)


@inlined_kernel
def negative_binomial_half_deviance(y: float, mu: float, theta: float) -> float:
    """Half the unit deviance at a finite size theta.

    Written with d = mu - y in place of differences of large logarithms, so that neither mu far from y nor theta far
    from y costs digits.
    """
    d = mu - y
    over_total = 1.0 / (y + theta)
    over_mu = 1.0 / mu
    ratio = (mu + theta) * over_total
    own = y * log_ratio(y * over_mu * ratio, -theta * d * over_total * over_mu)
    return (own if y > 0.0 else 0.0) + theta * log_ratio(ratio, d * over_total)


@inlined_kernel
def poisson_half_deviance(y: float, mu: float) -> float:
    """Half the unit deviance of the Poisson: bd0 of Loader (2000)."""
    over_y = 1.0 / y
    value = -y * log_ratio_minus(mu * over_y, (mu - y) * over_y)
    return value if y > 0.0 else mu
