"""Summaries of weighted draws: what is undefined and weighs nothing spoils nothing."""

import numpy as np

from bayes_mirglmm.results.summaries import defined, equal_tailed, mean_and_sd


def test_undefined_draws_of_no_weight_are_left_out():
    rng = np.random.default_rng(3)
    draws, weight = rng.normal(size=(1, 400)), np.full((1, 400), 1 / 400)
    mean, (lower, upper) = mean_and_sd(draws, weight)[0], equal_tailed(draws, weight, 0.9)
    more, heavier = np.append(draws, [[np.nan]], axis=1), np.append(weight, [[1e-51]], axis=1)
    clean = defined(more, heavier)
    np.testing.assert_allclose(mean_and_sd(*clean)[0], mean, rtol=1e-12)
    np.testing.assert_allclose(equal_tailed(*clean, 0.9), (lower, upper), rtol=1e-12)


def test_undefined_draws_that_weigh_something_are_told():
    draws, weight = np.array([[1.0, np.nan, 2.0]]), np.array([[0.4, 0.1, 0.5]])
    assert np.isnan(mean_and_sd(*defined(draws, weight))[0]).all()
