"""From the weighted mean to the mean over isomiRs: closed forms, and the truth in draws from the model."""

import numpy as np
import pytest
from scipy import stats

from bayes_mirglmm.cohort.isomir_deviations import (
    _difference,
    _log_marginal,
    learn_deviation_covariance,
    mean_minus_weighted,
)
from bayes_mirglmm.cohort.responses import Responses
from bayes_mirglmm.cohort.usage_profiles import complement_basis

OWNER = np.array([0, 0, 0, 1, 1])
EFFECT, NOISE = np.array([0.4, -0.1, 0.9, 1.2, 0.3]), np.array([0.1, 0.3, 0.05, 0.2, 0.15])


def test_likelihood_is_that_of_the_contrasts_of_isomirs():
    """With a flat prior of the common effect it is the density of deviations, up to a constant."""
    tau = 0.5
    found = _log_marginal(EFFECT, NOISE, tau, OWNER) - _log_marginal(EFFECT, NOISE, 0.0, OWNER)
    for m in (0, 1):
        rows = m == OWNER
        helmert = complement_basis(np.ones((rows.sum(), 1)))
        values = EFFECT[rows] @ helmert
        densities = [
            stats.multivariate_normal.logpdf(
                values, np.zeros(len(values)), helmert.T @ np.diag(t**2 + NOISE[rows]) @ helmert
            )
            for t in (tau, 0.0)
        ]
        assert found[m] == pytest.approx(densities[0] - densities[1], rel=1e-10)


def test_posterior_of_the_difference_is_that_of_the_linear_model():
    """Bayes' rule for b ~ N(0, tau^2 I) and a common effect with a very wide prior."""
    tau, weights = 0.5, np.array([0.2, 0.1, -0.3, 0.25, -0.25])
    mean, variance = _difference(EFFECT, NOISE, tau, OWNER, weights)
    for m in (0, 1):
        rows = m == OWNER
        size = rows.sum()
        prior = np.diag(np.r_[1e7, np.full(size, tau**2)])
        design = np.column_stack([np.ones(size), np.eye(size)])
        gain = prior @ design.T @ np.linalg.inv(design @ prior @ design.T + np.diag(NOISE[rows]))
        f = np.r_[0.0, weights[rows]]
        assert mean[m] == pytest.approx(f @ gain @ EFFECT[rows], abs=1e-6)
        assert variance[m] == pytest.approx(f @ (prior - gain @ design @ prior) @ f, abs=1e-6)


def draw(seed: int, slope_sd: float, n: int = 6, mirnas: int = 80) -> tuple[list[Responses], np.ndarray]:
    """Return responses of two groups of n, and the true differences of the two means of the effect."""
    rng = np.random.default_rng(seed)
    group = np.repeat([0.0, 1.0], n)
    factor = rng.normal(size=2 * n)
    responses, truth = [], []
    for m in range(mirnas):
        size = 5 + m % 4
        slopes = slope_sd * rng.normal(size=size) * (m % 2)
        precision = rng.uniform(10, 100, size)
        noise = rng.normal(size=(size, 2 * n)) + rng.normal(size=(size, 1)) * factor
        isomirs = slopes[:, None] * group + noise / np.sqrt(precision)[:, None]
        weights = rng.uniform(1, 10, size)
        weights /= weights.sum()
        responses.append(Responses(weights @ isomirs, isomirs, weights, precision))
        truth.append(slopes.mean() - weights @ slopes)
    return responses, np.array(truth)


def differences(responses: list[Responses], null: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    n = responses[0].isomirs.shape[1]
    group = np.repeat([0.0, 1.0], n // 2)
    basis = complement_basis(np.column_stack([np.ones(n), group]))
    direction = (group - 0.5) / np.linalg.norm(group - 0.5)
    length = 1 / np.linalg.norm(group - 0.5)
    shared = learn_deviation_covariance(responses, basis)
    null = np.full(len(responses), 0.5) if null is None else null
    mean, variance = mean_minus_weighted(responses, shared, direction, basis, null)
    return mean * length, variance * length**2


def test_isomirs_that_move_together_keep_the_pooled_estimate():
    mean, variance = differences(draw(1, 0.0)[0])
    assert np.abs(mean).max() < 0.02
    assert variance.max() < 0.02**2


def test_finds_the_difference_where_isomirs_differ():
    errors, plain, standardised = [], [], []
    for seed in range(10):
        responses, truth = draw(100 + seed, 0.6)
        mean, variance = differences(responses)
        of = np.arange(len(truth)) % 2 == 1
        errors.append(((mean - truth)[of] ** 2).mean())
        plain.append((truth[of] ** 2).mean())
        standardised.append(((mean - truth)[of] ** 2 / variance[of]).mean())
    assert np.mean(errors) < 0.25 * np.mean(plain)
    # ten means of 40 squares, which share what is learned from their set
    assert 0.5 < np.mean(standardised) < 2.2


def test_which_mirnas_change_tells_which_isomirs_may_differ():
    """Slopes small beside the noise, in the changed miRNAs alone: a common prior leaves many of them at a SD of 0."""
    misses, covered = {"known": [], "unknown": []}, []
    for seed in range(10):
        responses, truth = draw(300 + seed, 0.15)
        of = np.arange(len(truth)) % 2 == 1
        for name, null in (("known", 1.0 - of), ("unknown", np.full(len(truth), 0.5))):
            mean, variance = differences(responses, null)
            misses[name].append(((mean - truth)[of] ** 2 / variance[of]).mean())
            if name == "known":
                covered.append((np.abs(mean - truth)[of] < 1.96 * np.sqrt(variance[of])).mean())
                assert np.median(variance[~of]) < np.median(variance[of])
    assert np.mean(misses["known"]) < 1.4 < np.mean(misses["unknown"])
    # 400 intervals: 0.95 less 5 standard errors, for what they share
    assert np.mean(covered) > 0.89
