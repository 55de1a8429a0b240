"""The sampler on densities whose integral is known."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy import special, stats

from bayes_mirglmm.nested import importance_sample
from bayes_mirglmm.nested.importance import FEWEST_EFFECTIVE, REFINEMENT, log_student, student_points

D = 6


@pytest.fixture(scope="module")
def gaussian(own_numbers) -> Callable[[int], tuple[np.ndarray, np.ndarray]]:
    """Means and covariances that are chosen: among random ones are some that are nearly singular."""

    def make(seed: int) -> tuple[np.ndarray, np.ndarray]:
        with own_numbers():
            rng = np.random.default_rng(seed)
        root = rng.normal(size=(D, D)) + 2.0 * np.eye(D)
        return rng.normal(size=D), root @ root.T

    return make


def test_gaussian_evidence_mean_and_covariance_from_a_poor_start(gaussian, chance):
    """Of 20 samples: their errors on average and their size are those of independent points, or smaller."""
    mean, cov = gaussian(0)
    target = stats.multivariate_normal(mean, cov)
    sd = np.sqrt(np.diag(cov))
    evidence, location, spread = [], [], []
    for seed in range(20):
        found = importance_sample(
            lambda x: target.logpdf(x) + 3.7, mean + 1.0, 0.5 * cov, np.random.default_rng(seed)
        )
        assert found.reliable
        assert found.effective_size >= FEWEST_EFFECTIVE
        assert found.log_evidence_error < 1 / np.sqrt(FEWEST_EFFECTIVE)
        evidence.append((found.log_evidence - 3.7) / found.log_evidence_error)
        average = found.weights @ found.x
        own = np.sqrt(found.weights @ (found.x - average) ** 2)
        location.append((average - mean) / sd * np.sqrt(found.effective_size))
        # A standard deviation of n normal variables varies by 1 / sqrt(2 n) of itself.
        spread.append((own / sd - 1) * np.sqrt(2 * found.effective_size))
    for errors in (np.array(evidence)[:, None], np.array(location), np.array(spread)):
        comparisons = 2 * errors.shape[1]
        assert (np.abs(errors.mean(axis=0)) < chance.z(comparisons) / np.sqrt(20)).all()
        assert (np.sqrt(np.mean(errors**2, axis=0)) < chance.ratio(20, comparisons)[1]).all()


def test_skewed_density_and_its_error(chance):
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
    assert abs(np.mean(errors)) < chance.z(2) / np.sqrt(10)
    assert np.sqrt(np.mean(np.square(errors))) < chance.ratio(10, 2)[1]


def test_a_heavy_tail_asks_for_more_points_and_is_named(own_numbers):
    def log_density(
        x: np.ndarray,
    ) -> np.ndarray:  # Cauchy in every direction: no proposal with 5 df covers it
        return -np.log1p(x**2).sum(axis=1)

    with own_numbers():  # weights without a variance have no standard error
        rng = np.random.default_rng(2)
    found = importance_sample(
        log_density, np.zeros(4), 0.01 * np.eye(4), rng, stages=(64, 64, 128), refinements=2
    )
    assert len(found.x) == 256 + 2 * REFINEMENT
    assert found.log_evidence == pytest.approx(4 * np.log(np.pi), abs=1.0)


def test_same_generator_same_result_and_zero_density_is_refused(gaussian):
    mean, cov = gaussian(3)
    target = stats.multivariate_normal(mean, cov)
    one, two = (importance_sample(target.logpdf, mean, cov, np.random.default_rng(7)) for _ in range(2))
    np.testing.assert_array_equal(one.x, two.x)
    np.testing.assert_array_equal(one.weights, two.weights)
    assert one.weights.sum() == pytest.approx(1.0)
    with pytest.raises(FloatingPointError, match="density is 0"):
        importance_sample(lambda x: np.full(len(x), -np.inf), mean, cov, np.random.default_rng(7))


def test_proposals_have_the_density_that_weights_them(gaussian):
    mean, cov = gaussian(4)
    root = np.linalg.cholesky(cov)
    x = student_points(4096, mean, root, np.random.default_rng(5))
    expected = stats.multivariate_t(mean, cov, df=5).logpdf(x)
    np.testing.assert_allclose(log_student(x, mean, root), expected, rtol=1e-9)
    z = (x - mean) @ np.linalg.inv(root).T
    for column in z.T:
        assert stats.kstest(column, stats.t(5).cdf).statistic < 0.02
