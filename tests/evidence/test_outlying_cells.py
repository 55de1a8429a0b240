import numpy as np
import pytest
from scipy import stats

from bayes_mirglmm.evidence.outlying_cells import (
    candidates,
    expected_counts,
    log_mean_variance,
    tail_probability,
)

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
    assert len(candidates(changed, expected, 0.0)) == 3
    assert candidates(changed, expected, 0.0, 6)[:3] == candidates(changed, expected, 0.0)
    assert len(candidates(changed, expected, 0.0, 6)) == 6
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


@pytest.mark.parametrize("count", [0, 3, 900])
def test_what_is_not_known_of_mean_and_dispersion_makes_tails_wider(count: int) -> None:
    wide = tail_probability(count, 40.0, 10.0, variance=0.1)
    assert wide > tail_probability(count, 40.0, 10.0)
    tail = tail_probability(count, 40.0, 10.0) / 2.0
    by_t = 2.0 * stats.t.sf(stats.norm.isf(tail), 2.0 / 0.5**2)
    np.testing.assert_allclose(tail_probability(count, 40.0, 10.0, log_theta_se=0.5), by_t, rtol=1e-8)
    assert 2.0 * tail < by_t


def test_what_the_other_cells_tell_of_a_mean() -> None:
    one = 1 / 40.0 + 1 / 10.0
    found = log_mean_variance(40.0, 10.0, leverage=0.25, isomirs=6, prior=np.inf)  # one of four in its group
    np.testing.assert_allclose(found, one / 3 + one / 5, rtol=1e-12)
    alike = log_mean_variance(40.0, 10.0, leverage=0.25, isomirs=6, prior=0.0)  # isomiRs that do not differ
    np.testing.assert_allclose(alike, one / 5, rtol=1e-12)


def test_of_large_counts_the_tail_is_that_of_f() -> None:
    mean, theta, variance = 1e8, 1.5, 0.4
    law = stats.f(2 * theta, 2 / variance)
    for ratio in (1e-3, 0.1, 3.0, 40.0, 1000.0):
        expected = 2.0 * min(law.cdf(ratio), law.sf(ratio))
        found = tail_probability(ratio * mean, mean, theta, variance=variance)
        np.testing.assert_allclose(found, min(1.0, expected), rtol=2e-5)
    drawn = np.random.default_rng(1).gamma(2.5, 1 / 2.5, 100_000)
    exact = stats.nbinom.cdf(3, theta, theta / (theta + 40.0 / drawn))
    error = 5 * exact.std() / np.sqrt(len(drawn))
    assert abs(tail_probability(3, 40.0, theta, variance=variance) / 2 - exact.mean()) < error
