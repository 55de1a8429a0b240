"""Bayes factors: probabilities by hand, and other scales of the prior in closed form."""

import numpy as np
import pytest
from scipy import stats

from bayes_mirglmm.evidence.bayes_factor import bayesian_fdr, posterior_probability, rescale_evidence


def test_probability_by_hand():
    log_bf = np.array([0.0, np.log(3.0), -np.inf, np.inf, np.nan])
    np.testing.assert_allclose(posterior_probability(log_bf), [0.5, 0.75, 0.0, 1.0, np.nan])
    np.testing.assert_allclose(posterior_probability(log_bf[:2], 1 / 3), [0.25, 0.5])
    for odds in (0.0, -1.0, np.inf, np.nan):
        with pytest.raises(ValueError, match="odds"):
            posterior_probability(log_bf, odds)


def test_bayesian_fdr_is_the_mean_error_of_what_is_called():
    probability = np.array([0.7, 0.99, np.nan, 0.9, 0.9, 0.2])
    found = bayesian_fdr(probability)
    called = (0.01 + 0.1 + 0.1) / 3
    np.testing.assert_allclose(found, [(3 * called + 0.3) / 4, 0.01, np.nan, called, called, 1.31 / 5])


def test_bayesian_fdr_holds_when_the_model_is_right(chance):
    """Probabilities that are right: among those called at 10 % a tenth, at most, are false."""
    rng = np.random.default_rng(1)
    probability = rng.beta(0.3, 0.5, size=200_000)
    true = rng.random(200_000) < probability
    called = bayesian_fdr(probability) <= 0.1
    low, high = chance.share(0.1, int(called.sum()))
    assert low <= 1 - true[called].mean() <= high


@pytest.mark.parametrize("q", [1, 2])
def test_evidence_at_other_scales_in_closed_form(q: int):
    """Likelihood exp(-s^2 / (2 t^2)) for each of q SDs: Z(a) = (1 + a^2/t^2)^(-q/2), and s is half-normal."""
    t, a = 0.4, 1.0
    n = 4000
    uniform = stats.qmc.Sobol(q, seed=np.random.default_rng(2)).random(4096)[:n]
    sds = stats.halfnorm(scale=(a**-2 + t**-2) ** -0.5).ppf(uniform)
    scales = np.array([0.3, 1.0, 3.0])
    found = rescale_evidence(sds, np.full(n, 1 / n), a, scales)
    truth = -0.5 * q * np.log((1 + scales**2 / t**2) / (1 + a**2 / t**2))
    np.testing.assert_allclose(found.log_ratio, truth, atol=0.02)
    assert found.log_ratio[1] == pytest.approx(0.0, abs=1e-12)
    assert found.effective_size[1] == pytest.approx(n)
    assert (found.effective_size[[0, 2]] < n).all()
    assert (found.error[[0, 2]] > 0).all()
