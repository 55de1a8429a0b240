import numpy as np
import pytest
from scipy import stats

from bayes_mirglmm.cohort.usage_profiles import (
    CLIP,
    complement_basis,
    deviance_residuals,
    mirna_scores,
    usage_profiles,
)


@pytest.fixture
def cells() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    mean = rng.gamma(2.0, 40.0, size=(5, 8))
    columns = np.column_stack([np.ones(8), np.arange(8) % 2, rng.normal(size=8)])
    return rng.negative_binomial(6.0, 6.0 / (6.0 + mean)), mean, columns


def test_scores_hold_nothing_of_the_level_of_a_sample_or_of_the_columns(
    cells: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    counts, mean, columns = cells
    scores, weights = mirna_scores(counts, mean, 6.0, columns)
    raw = scores * np.sqrt(weights)
    size = np.abs(raw).max()
    np.testing.assert_allclose(raw @ columns, 0.0, atol=1e-9 * size)  # the last thing that was taken out
    assert np.abs(raw.sum(axis=0)).max() < 0.02 * size  # by turns: nearly


@pytest.mark.parametrize("theta", [0.5, 8.0, np.inf])
def test_deviance_is_twice_the_distance_of_log_likelihoods(theta: float) -> None:
    counts = np.array([0.0, 1.0, 7.0, 30.0, 2000.0])
    mean = np.array([3.0, 1.0, 20.0, 4.0, 1500.0])

    def log_likelihood(at: np.ndarray) -> np.ndarray:
        if np.isinf(theta):
            return stats.poisson.logpmf(counts, at)
        return stats.nbinom.logpmf(counts, theta, theta / (theta + at))

    expected = 2.0 * (log_likelihood(np.maximum(counts, 1e-300)) - log_likelihood(mean))
    found = deviance_residuals(counts, mean, theta)
    np.testing.assert_allclose(found**2, expected, rtol=1e-7, atol=1e-9)
    np.testing.assert_array_equal(np.sign(found), [-1, 0, -1, 1, 1])


def test_scores_are_residuals_of_counting_and_of_what_multiplies() -> None:
    mean = np.full((2, 6), 50.0)
    counts = mean.copy()
    counts[0, 0], counts[1, 0] = 60, 40  # equal and opposite: neither level nor intercept change
    counts[0, 1], counts[1, 1] = 40, 60
    scores, weights = mirna_scores(counts, mean, 25.0, np.ones((6, 1)))
    np.testing.assert_allclose(weights, 50.0 / 3.0)
    pearson = 10.0 / np.sqrt(50.0 + 50.0**2 / 25.0)
    up, down = deviance_residuals(np.array([60.0, 40.0]), np.full(2, 50.0), 25.0)
    # a third of the variance is of counting; the level of the sample takes half of the difference
    expected = pearson / 3.0 + 2.0 / 3.0 * (up - down) / 2.0
    np.testing.assert_allclose(scores[0], [expected, -expected, 0, 0, 0, 0], atol=1e-12)
    poisson, weights = mirna_scores(counts, mean, np.inf, np.ones((6, 1)))
    np.testing.assert_allclose(poisson[0, 0], 10.0 / np.sqrt(50.0))
    np.testing.assert_allclose(weights, 50.0)


def test_twice_and_half_are_as_far_out_where_counting_tells_little() -> None:
    up, down = deviance_residuals(np.array([2e6, 0.5e6]), np.full(2, 1e6), 3.0)
    assert abs(up + down) < 0.3 * up  # Pearson's are 1.7 and -0.9
    np.testing.assert_allclose(
        [1e6 / np.sqrt(1e6 + 1e12 / 3.0), -0.5e6 / np.sqrt(1e6 + 1e12 / 3.0)], [1.73, -0.87], atol=0.01
    )


def test_one_outlying_count_is_clipped() -> None:
    mean = np.full((2, 6), 50.0)
    counts = mean.copy()
    counts[0, 0] = 5e6
    scores, _ = mirna_scores(counts, mean, np.inf, np.ones((6, 1)))
    assert scores.max() < CLIP


def test_coding_of_the_columns_does_not_matter(cells: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    counts, mean, columns = cells
    other = columns @ np.array([[1.0, 0.3, 0.0], [0.0, 2.0, 1.0], [0.0, 0.0, -5.0]])
    first, _ = mirna_scores(counts, mean, 6.0, columns)
    second, _ = mirna_scores(counts, mean, 6.0, other)
    np.testing.assert_allclose(first, second, atol=1e-9)
    a, b = (usage_profiles([s], [np.ones_like(s)], c) for s, c in ((first, columns), (second, other)))
    np.testing.assert_allclose(a.values @ a.values.T, b.values @ b.values.T, atol=1e-9)


def test_basis_is_the_orthogonal_complement() -> None:
    columns = np.column_stack([np.ones(7), np.arange(7.0), np.ones(7)])  # one column twice
    basis = complement_basis(columns)
    assert basis.shape == (7, 5)
    np.testing.assert_allclose(basis.T @ basis, np.eye(5), atol=1e-12)
    np.testing.assert_allclose(basis.T @ columns, 0.0, atol=1e-12)


def test_rows_weights_and_dispersion_are_of_their_mirna() -> None:
    rng = np.random.default_rng(1)
    scores = [rng.normal(size=(2, 6)), 3.0 * rng.normal(size=(4, 6))]
    weights = [np.full((2, 6), 5.0), np.arange(24.0).reshape(4, 6)]
    profiles = usage_profiles(scores, weights, np.ones((6, 1)))
    np.testing.assert_array_equal(profiles.start, [0, 2, 6])
    np.testing.assert_array_equal(profiles.mirna, [0, 0, 1, 1, 1, 1])
    np.testing.assert_allclose(profiles.weight, [5.0, 5.0, 2.5, 8.5, 14.5, 20.5])
    inside = scores[1] - scores[1].mean(axis=1, keepdims=True)
    np.testing.assert_allclose(profiles.dispersion[1], (inside**2).sum() / (3 * 5))


def test_too_few_directions_are_refused() -> None:
    with pytest.raises(ValueError, match="4 samples less 2 columns leave 2 directions"):
        usage_profiles([np.zeros((2, 4))], [np.ones((2, 4))], np.column_stack([np.ones(4), [0, 0, 1, 1]]))
