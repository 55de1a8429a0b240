import numpy as np
import pytest
from scipy import stats

from bayes_mirglmm.cohort.quadratic_tail import direction_tail

PROBABILITIES = np.array([0.999, 0.9, 0.5, 0.2, 0.05, 0.01, 1e-4])


@pytest.mark.parametrize("dimension", [3, 4, 8, 18, 100])
@pytest.mark.parametrize("equal", [1, 2])
def test_equal_eigenvalues_give_a_beta_distribution(dimension: int, equal: int) -> None:
    at = stats.beta(equal / 2, (dimension - equal) / 2).isf(PROBABILITIES)
    found = direction_tail(np.full((len(at), equal), 3.0), 3.0 * at, dimension)
    np.testing.assert_allclose(found, PROBABILITIES, rtol=2e-6)


def test_relative_precision_holds_far_out() -> None:
    probabilities = np.array([1e-8, 1e-16, 1e-30])
    at = stats.beta(0.5, 8.5).isf(probabilities)
    np.testing.assert_allclose(direction_tail(np.ones((3, 1)), at, 18), probabilities, rtol=1e-6)


def test_far_tail_in_few_directions_is_exact_where_the_saddlepoint_formula_is_not() -> None:
    # s_1^2 of a random direction in space: |s_1| is uniform, so P(s_1^2 >= t) = 1 - sqrt(t)
    found = direction_tail(np.array([[1.0]]), np.array([0.998001]), 3)
    np.testing.assert_allclose(found, 1.0 - np.sqrt(0.998001), rtol=1e-6)  # Lugannani-Rice: 15 % more


def test_unequal_eigenvalues_agree_with_random_directions() -> None:
    rng = np.random.default_rng(4)
    eigenvalues, dimension, draws = np.array([2.0, 0.7, 0.3, 0.1]), 6, 200_000
    directions = rng.normal(size=(draws, dimension))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    values = directions[:, :4] ** 2 @ eigenvalues
    for at in (0.1, 0.5, 1.0, 1.5):
        p = float(direction_tail(eigenvalues[None], np.array([at]), dimension)[0])
        seen = int((values >= at).sum())
        assert min(stats.binom.cdf(seen, draws, p), stats.binom.sf(seen - 1, draws, p)) > 5e-7


def test_values_at_and_beyond_the_ends() -> None:
    eigenvalues = np.tile([1.0, 0.5], (4, 1))
    found = direction_tail(eigenvalues, np.array([0.0, 1.0, 1.5, np.nan]), 5)
    np.testing.assert_array_equal(found, [1.0, 0.0, 0.0, np.nan])


def test_scale_does_not_matter() -> None:
    eigenvalues = np.array([[4.0, 1.0, 0.2]])
    one = direction_tail(eigenvalues, np.array([2.0]), 7)
    np.testing.assert_allclose(direction_tail(1e9 * eigenvalues, np.array([2e9]), 7), one, rtol=1e-12)
