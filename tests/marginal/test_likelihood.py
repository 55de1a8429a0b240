"""The likelihood of the cells against scipy.stats, its derivatives against finite differences."""

import numpy as np
import pytest
from scipy.stats import nbinom, poisson

from bayes_mirglmm.marginal import likelihood

Y = np.array([[0.0, 1.0, 5.0], [40.0, 300.0, 2.0]])
ETA = np.array([[-2.0, 0.3, 2.0], [3.5, 6.5, -1.0]])
THETAS = [0.2, 4.0, 500.0]


def total(eta, theta):
    distinct, times = np.unique(Y[Y > 0], return_counts=True)
    constant = likelihood.saturated(distinct, times.astype(float), theta)
    return constant + likelihood.log_likelihood(Y, np.exp(eta), theta)


def cells(function, theta, *, expected):
    first, second = np.empty_like(Y), np.empty_like(Y)
    function(Y, np.exp(ETA), theta, expected, first, second)
    return first, second


@pytest.mark.parametrize("theta", THETAS)
def test_log_likelihood_is_scipys(theta):
    exact = nbinom.logpmf(Y, theta, theta / (theta + np.exp(ETA))).sum()
    assert total(ETA, theta) == pytest.approx(exact, abs=1e-11)
    assert total(ETA, np.inf) == pytest.approx(poisson.logpmf(Y, np.exp(ETA)).sum(), abs=1e-11)


@pytest.mark.parametrize("theta", [*THETAS, np.inf])
def test_score_and_observed_curvature_are_derivatives(theta):
    score, curvature = cells(likelihood.score_and_curvature, theta, expected=False)
    h = 1e-4
    for i, j in np.ndindex(Y.shape):
        step = np.zeros_like(Y)
        step[i, j] = h
        up, middle, down = total(ETA + step, theta), total(ETA, theta), total(ETA - step, theta)
        assert score[i, j] == pytest.approx((up - down) / (2 * h), rel=1e-6, abs=1e-6)
        assert curvature[i, j] == pytest.approx(-(up - 2 * middle + down) / h**2, rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("theta", THETAS)
def test_expected_curvature_is_the_mean_of_the_observed_one(theta):
    _, curvature = cells(likelihood.score_and_curvature, theta, expected=True)
    mu = np.exp(ETA)
    t = 1 / (1 + mu / theta)
    mean_of_observed = (1 + mu / theta) * mu * t**2  # linear in y, whose mean is mu
    np.testing.assert_allclose(curvature, mean_of_observed, rtol=1e-13)


@pytest.mark.parametrize("expected", [False, True])
@pytest.mark.parametrize("theta", THETAS)
def test_slopes_of_the_curvature_are_derivatives(theta, expected):
    by_eta, by_log_theta = cells(likelihood.curvature_slopes, theta, expected=expected)
    h = 1e-5

    def curvature(eta, size):
        score, w = np.empty_like(Y), np.empty_like(Y)
        likelihood.score_and_curvature(Y, np.exp(eta), size, expected, score, w)
        return w

    np.testing.assert_allclose(
        by_eta, (curvature(ETA + h, theta) - curvature(ETA - h, theta)) / (2 * h), rtol=1e-7, atol=1e-9
    )
    high, low = theta * np.exp(h), theta * np.exp(-h)
    np.testing.assert_allclose(
        by_log_theta, (curvature(ETA, high) - curvature(ETA, low)) / (2 * h), rtol=1e-6, atol=1e-8
    )


@pytest.mark.parametrize("theta", THETAS)
def test_derivatives_in_log_theta(theta):
    distinct, times = np.unique(Y[Y > 0], return_counts=True)
    mu, h = np.exp(ETA), 1e-5
    found = likelihood.by_log_theta(Y, distinct, times.astype(float), mu, theta)
    high, low = theta * np.exp(h), theta * np.exp(-h)
    assert found == pytest.approx((total(ETA, high) - total(ETA, low)) / (2 * h), rel=1e-7, abs=1e-7)
    change = np.empty_like(Y)
    likelihood.score_by_log_theta(Y, mu, theta, change)
    t_high, t_low = 1 / (1 + mu / high), 1 / (1 + mu / low)
    np.testing.assert_allclose(change, (Y - mu) * (t_high - t_low) / (2 * h), rtol=1e-6, atol=1e-9)


def test_an_overflowing_mean_has_no_likelihood():
    assert likelihood.log_likelihood(Y, np.full_like(Y, np.inf), 3.0) == -np.inf
