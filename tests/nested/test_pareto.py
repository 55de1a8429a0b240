"""Pareto k-hat against distributions with a known tail, and against ArviZ."""

import numpy as np
import pytest
from scipy import stats

from bayes_mirglmm.nested.pareto import generalised_pareto_shape, pareto_k


@pytest.mark.parametrize("shape", [-0.3, 0.2, 0.7, 1.2])
def test_shape_of_a_generalised_pareto_sample(shape: float):
    sample = np.sort(stats.genpareto(shape, scale=3.0).rvs(5000, random_state=1))
    assert generalised_pareto_shape(sample) == pytest.approx(shape, abs=0.06)


@pytest.mark.parametrize("shape", [0.3, 0.9])
def test_agrees_with_arviz(shape: float):
    array_stats = pytest.importorskip("arviz_stats.base").array_stats
    log_weights = stats.genpareto(shape).logpdf(0) + np.log1p(
        stats.genpareto(shape).rvs(1024, random_state=2)
    )
    _, expected = array_stats.psislw(-log_weights)
    assert pareto_k(log_weights) == pytest.approx(float(expected), abs=0.01)


def test_scale_of_the_weights_does_not_matter_and_zeros_are_no_tail():
    log_weights = np.random.default_rng(3).normal(size=1000)
    k = pareto_k(log_weights)
    assert pareto_k(log_weights - 5000.0) == pytest.approx(k, abs=1e-9)
    assert pareto_k(np.zeros(1000)) == -np.inf
    assert pareto_k(np.append(np.full(990, -np.inf), np.zeros(10))) == np.inf


@pytest.mark.parametrize("step", [1.0, 20.0, 500.0])
def test_weights_of_hundreds_of_orders_of_magnitude_have_a_heavy_tail(step: float):
    """A start far from the posterior: the weights of the tail underflow, down to the smallest number there is."""
    k = pareto_k(-step * np.arange(1000.0))
    assert 1 < k < np.inf
