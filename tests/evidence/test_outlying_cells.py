import numpy as np
import pytest
from scipy import stats

from bayes_mirglmm.evidence.outlying_cells import candidates, expected_counts, tail_probability

GROUPS = np.repeat([0, 1], 4)


def drawn(rng: np.random.Generator, slope: float = 0.0) -> np.ndarray:
    level = rng.gamma(2.0, 300.0, size=(9, 1)) * np.exp(slope * rng.normal(size=(9, 1)) * GROUPS)
    return rng.negative_binomial(20.0, 20.0 / (20.0 + level * rng.gamma(20.0, 0.05, size=8)))


def test_one_cell_is_found_whatever_it_does_to_its_sample() -> None:
    counts = drawn(np.random.default_rng(1))
    clean = expected_counts(counts, np.zeros(8), GROUPS)
    cell = (int(counts.mean(axis=1).argmax()), 6)
    assert cell not in candidates(counts, clean)
    changed = counts.copy()
    changed[cell] *= 100
    expected = expected_counts(changed, np.zeros(8), GROUPS)
    assert candidates(changed, expected)[0] == cell
    np.testing.assert_allclose(expected, clean, rtol=0.4)


def test_groups_that_differ_are_no_outliers() -> None:
    counts = drawn(np.random.default_rng(2), slope=3.0)
    expected = expected_counts(counts, np.zeros(8), GROUPS)
    assert np.abs(np.log(expected[:, 4:].mean(axis=1) / expected[:, :4].mean(axis=1))).max() > 2.0
    np.testing.assert_allclose(expected, counts, rtol=1.5)  # theta 20: an SD of a quarter
    assert candidates(counts, expected) == []


def test_two_samples_of_a_group_do_not_tell_which_of_them_is_out() -> None:
    counts = drawn(np.random.default_rng(3))
    few = np.array([0, 0, 0, 0, 0, 0, 1, 1])
    np.testing.assert_array_equal(
        expected_counts(counts, np.zeros(8), few), expected_counts(counts, np.zeros(8), 0 * few)
    )


@pytest.mark.parametrize("theta", [0.7, 30.0, np.inf])
@pytest.mark.parametrize("count", [0, 3, 60, 900])
def test_tail_probability(count: int, theta: float) -> None:
    mean = 40.0
    law = stats.poisson(mean) if np.isinf(theta) else stats.nbinom(theta, theta / (theta + mean))
    expected = min(1.0, 2.0 * min(law.cdf(count), law.sf(count - 1)))
    np.testing.assert_allclose(tail_probability(count, mean, theta), expected, rtol=1e-8)
