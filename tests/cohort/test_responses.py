"""Responses on the log scale: their definition, their limits, and the truth in draws from the model."""

import numpy as np
import pytest

from bayes_mirglmm.cohort.responses import log_scale_responses


def test_at_the_mean_a_response_is_the_log_rate():
    log_mean = np.log(np.array([[3.0, 40.0], [500.0, 2.0]]))
    offset = np.array([0.2, -0.4])
    for theta in (2.5, np.inf):
        found = log_scale_responses(np.exp(log_mean), log_mean, theta, offset)
        np.testing.assert_allclose(found.isomirs, log_mean - offset, rtol=1e-12)


def test_large_counts_have_the_log_of_their_rate():
    """With mu and theta large the stabilised difference is the difference of logs."""
    log_mean = np.full((1, 3), np.log(1e7))
    found = log_scale_responses(np.array([[0.99e7, 1e7, 1.01e7]]), log_mean, 1e9, np.zeros(3))
    np.testing.assert_allclose(found.isomirs[0], np.log([0.99e7, 1e7, 1.01e7]), atol=6e-5)


def test_poisson_is_the_limit_of_a_large_theta():
    y = np.array([[0.0, 4.0, 11.0, 30.0]])
    log_mean = np.log([[2.0, 5.0, 9.0, 33.0]])
    limit = log_scale_responses(y, log_mean, np.inf, np.zeros(4))
    near = log_scale_responses(y, log_mean, 1e10, np.zeros(4))
    np.testing.assert_allclose(near.isomirs, limit.isomirs, atol=1e-6)
    assert np.isfinite(limit.isomirs).all()


def test_weights_and_precision():
    y = np.array([[100.0, 100.0], [4.0, 4.0], [0.0, 2.0]])
    found = log_scale_responses(y, np.log(np.array([[100.0] * 2, [4.0] * 2, [1.0] * 2])), 2.0, np.zeros(2))
    np.testing.assert_allclose(found.weights, np.array([10.0, 2.0, 1.0]) / 13.0)
    np.testing.assert_allclose(found.precision, 1 / (np.array([0.01, 0.25, 1.0]) + 0.5))
    np.testing.assert_allclose(found.pooled, found.weights @ found.isomirs)


@pytest.mark.parametrize("theta", [10.0, 40.0, np.inf])
def test_noise_has_the_variance_that_is_said(theta: float):
    rng = np.random.default_rng(11)
    mu, draws = 60.0, 200_000
    rate = mu if np.isinf(theta) else rng.gamma(theta, mu / theta, draws)
    y = rng.poisson(rate, draws).astype(float)[None, :]
    found = log_scale_responses(y, np.full(y.shape, np.log(mu)), theta, np.zeros(draws))
    # the stabiliser is exact to some per cent; a variance of 200,000 draws to 0.3 %
    assert found.isomirs.var() * found.precision[0] == pytest.approx(1.0, abs=0.06)
