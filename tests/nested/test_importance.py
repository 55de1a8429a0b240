"""The sampler on densities whose integral is known."""

import numpy as np
import pytest
from scipy import special, stats

from bayes_mirglmm.nested import importance_sample
from bayes_mirglmm.nested.importance import REFINEMENT, log_student, student_points

D = 6


def gaussian(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(D, D)) + 2.0 * np.eye(D)
    return rng.normal(size=D), root @ root.T


def test_gaussian_evidence_mean_and_covariance_from_a_poor_start():
    mean, cov = gaussian()
    target = stats.multivariate_normal(mean, cov)
    found = importance_sample(
        lambda x: target.logpdf(x) + 3.7, mean + 1.0, 0.5 * cov, np.random.default_rng(1)
    )
    assert found.log_evidence == pytest.approx(3.7, abs=0.03)
    assert found.log_evidence_error < 0.04
    assert found.reliable
    assert found.effective_size > 500
    sd = np.sqrt(np.diag(cov))
    average = found.weights @ found.x
    assert np.abs((average - mean) / sd).max() < 0.06
    spread = np.sqrt(found.weights @ (found.x - average) ** 2)
    np.testing.assert_allclose(spread, sd, rtol=0.08)


def test_skewed_density_and_its_error():
    """Independent log-gamma variables: skewed, with one tail like a normal's and one exponential."""
    shape = np.array([0.8, 1.5, 3.0, 6.0, 10.0])
    location = np.log(shape)

    def log_density(x: np.ndarray) -> np.ndarray:
        return (shape * x - np.exp(x)).sum(axis=1)

    truth = special.gammaln(shape).sum()
    errors = []
    for seed in range(10):
        found = importance_sample(log_density, location, np.diag(1 / shape), np.random.default_rng(seed))
        errors.append((found.log_evidence - truth) / found.log_evidence_error)
    assert np.abs(errors).max() < 3.5
    assert np.sqrt(np.mean(np.square(errors))) < 1.6


def test_a_heavy_tail_asks_for_more_points_and_is_named():
    def log_density(
        x: np.ndarray,
    ) -> np.ndarray:  # Cauchy in every direction: no proposal with 5 df covers it
        return -np.log1p(x**2).sum(axis=1)

    rng = np.random.default_rng(2)
    found = importance_sample(
        log_density, np.zeros(4), 0.01 * np.eye(4), rng, stages=(64, 64, 128), refinements=2
    )
    assert len(found.x) == 256 + 2 * REFINEMENT
    assert found.log_evidence == pytest.approx(4 * np.log(np.pi), abs=1.0)


def test_same_generator_same_result_and_zero_density_is_refused():
    mean, cov = gaussian(3)
    target = stats.multivariate_normal(mean, cov)
    one, two = (importance_sample(target.logpdf, mean, cov, np.random.default_rng(7)) for _ in range(2))
    np.testing.assert_array_equal(one.x, two.x)
    np.testing.assert_array_equal(one.weights, two.weights)
    assert one.weights.sum() == pytest.approx(1.0)
    with pytest.raises(FloatingPointError, match="density is 0"):
        importance_sample(lambda x: np.full(len(x), -np.inf), mean, cov, np.random.default_rng(7))


def test_proposals_have_the_density_that_weights_them():
    mean, cov = gaussian(4)
    root = np.linalg.cholesky(cov)
    x = student_points(4096, mean, root, np.random.default_rng(5))
    expected = stats.multivariate_t(mean, cov, df=5).logpdf(x)
    np.testing.assert_allclose(log_student(x, mean, root), expected, rtol=1e-9)
    z = (x - mean) @ np.linalg.inv(root).T
    for column in z.T:
        assert stats.kstest(column, stats.t(5).cdf).statistic < 0.02
