"""Scalar functions against 50-digit arithmetic."""

from decimal import Decimal, getcontext

import numpy as np
import pytest
from scipy.special import digamma, gammaln
from scipy.stats import nbinom, poisson

from bayes_mirglmm.kernels.special import digamma_error, half_deviance, log1p_minus, stirling_error

getcontext().prec = 60


@pytest.mark.parametrize("x", [1e-3, 0.4, 1.0, 7.3, 14.999, 15.0, 33.3, 200.0])
def test_stirling_error_and_digamma_error_against_scipy(x):
    expected = gammaln(x) - ((x - 0.5) * np.log(x) - x + 0.5 * np.log(2 * np.pi))
    assert stirling_error(x) == pytest.approx(expected, abs=4e-14 * max(1, abs(gammaln(x))))
    assert digamma_error(x) == pytest.approx(np.log(x) - 0.5 / x - digamma(x), abs=1e-13 / x)


def test_errors_are_continuous_where_the_series_takes_over():
    for function in (stirling_error, digamma_error):
        below, above = function(15.0 - 1e-9), function(15.0)
        assert below == pytest.approx(above, rel=1e-8)


@pytest.mark.parametrize("x", [-0.9, -0.1, -1e-3, -1e-9, 0.0, 1e-12, 1e-5, 0.0999, 0.1001, 3.0])
def test_log1p_minus_keeps_its_digits_near_zero(x):
    exact = float((1 + Decimal(x)).ln() - Decimal(x))
    assert log1p_minus(x) == pytest.approx(exact, rel=1e-14, abs=1e-300)


def exact_half_deviance(y, mu, theta):
    y, mu = Decimal(y), Decimal(mu)
    saturated = y * y.ln() if y else Decimal(0)
    if theta == np.inf:
        return saturated - y - ((y * mu.ln() if y else Decimal(0)) - mu)
    theta = Decimal(theta)
    at_y = saturated - (y + theta) * (y + theta).ln()
    at_mu = (y * mu.ln() if y else Decimal(0)) - (y + theta) * (mu + theta).ln()
    return at_y - at_mu


@pytest.mark.parametrize("theta", [1e-3, 0.7, 30.0, 1e6, 1e10, np.inf])
@pytest.mark.parametrize(
    ("y", "mu"), [(0, 3.0), (4, 4.5), (7, 1e-6), (1, 1e9), (10**9, 1.3e9), (10**9, 1e9 + 20.0)]
)
def test_half_deviance_loses_no_digits(y, mu, theta):
    exact = float(exact_half_deviance(y, mu, theta))
    assert half_deviance(float(y), mu, theta) == pytest.approx(
        exact, rel=1e-12, abs=1e-7 if y >= 1e9 else 1e-13
    )


@pytest.mark.parametrize("theta", [0.3, 5.0, 800.0])
def test_half_deviance_is_a_difference_of_scipy_log_probabilities(theta):
    y, mu = 12.0, 20.0
    expected = nbinom.logpmf(y, theta, theta / (theta + y)) - nbinom.logpmf(y, theta, theta / (theta + mu))
    assert half_deviance(y, mu, theta) == pytest.approx(expected, abs=1e-11)
    assert half_deviance(y, mu, np.inf) == pytest.approx(
        poisson.logpmf(y, y) - poisson.logpmf(y, mu), abs=1e-13
    )
