"""Degrees of freedom where they are known: the normal limit of large Poisson counts."""

import numpy as np
import pytest

from bayes_mirglmm.marginal import Terms, fit_marginal
from bayes_mirglmm.marginal.satterthwaite import degrees_of_freedom


def counts(sample_effects: np.ndarray) -> np.ndarray:
    """Three isomiRs of a million reads, without any difference between them but their level."""
    return np.round(1e6 * np.outer([1.0, 2.0, 3.0], np.exp(sample_effects)))


@pytest.mark.parametrize("per_group", [3, 8])
def test_two_groups_have_those_of_the_t_test(per_group):
    n = 2 * per_group
    group = np.arange(n) % 2
    x = np.column_stack([np.ones(n), group])
    y = counts(0.3 * np.random.default_rng(per_group).normal(size=n))
    fit = fit_marginal(y, np.zeros(n), x, np.ones((n, 1)), family="poisson", criterion="reml")
    assert fit.beta_df[1] == pytest.approx(n - 2, rel=0.01)


def test_pairs_have_those_of_the_paired_t_test():
    pairs = 7
    patient, group = np.repeat(np.arange(pairs), 2), np.tile([0.0, 1.0], pairs)
    rng = np.random.default_rng(4)
    y = counts(0.5 * rng.normal(size=pairs)[patient] + 0.2 * rng.normal(size=2 * pairs))
    one = np.ones((2 * pairs, 1))
    x = np.hstack([one, group[:, None]])
    terms = Terms((one,), (patient,))
    offset = np.zeros(2 * pairs)
    fit = fit_marginal(y, offset, x, one, family="poisson", criterion="reml", terms=terms)
    assert fit.term_covs[0][0, 0] > 0.01
    assert fit.beta_df[1] == pytest.approx(pairs - 1, rel=0.01)


def test_a_variance_that_is_known_is_that_of_a_normal():
    weights, cov = np.eye(2), np.eye(2)
    slopes = np.zeros((1, 2, 2))
    slopes[0, 1, 1] = 2.0
    df = degrees_of_freedom(weights, cov, slopes, np.array([[0.1]]))
    assert df.tolist() == [np.inf, pytest.approx(2.0 / (4.0 * 0.1))]
