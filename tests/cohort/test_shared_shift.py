import numpy as np

from bayes_mirglmm.cohort.covariance_folds import FoldMoments, deal_folds, fold_moments, shared_covariance
from bayes_mirglmm.cohort.rotation_test import rotation_p_values
from bayes_mirglmm.cohort.shared_shift import orthonormal, shared_shift, variance_along, without_shift
from bayes_mirglmm.cohort.usage_profiles import UsageProfiles


def indicators(labels: np.ndarray) -> np.ndarray:
    return (labels[:, None] == np.unique(labels)).astype(float) / np.sqrt(2.0)


def moments_of(profiles: UsageProfiles) -> FoldMoments:
    return fold_moments(profiles, deal_folds(profiles.sizes))


def shifted(draw_profiles, rng: np.random.Generator, n: int, mirnas: int, size: float) -> UsageProfiles:
    """Every isomiR has a slope: usage of all miRNAs, or a batch along the groups."""
    labels = np.repeat([-0.5, 0.5], n // 2)
    return draw_profiles(rng, n, mirnas, planted=np.outer(rng.normal(scale=size, size=6 * mirnas), labels))


def test_shift_that_all_mirnas_share_is_seen_and_taken_out_on_request(draw_profiles) -> None:
    rng = np.random.default_rng(20)
    profiles = shifted(draw_profiles, rng, 12, 80, 5.0)
    columns = indicators(np.repeat([0, 1], 6))
    moments = moments_of(profiles)
    shift = shared_shift(moments, columns, 1, np.zeros(12, dtype=int))
    assert shift.ratio > 5.0
    assert shift.p_value == 0.01  # of 99 relabellings none, the observed one included
    inside = profiles.basis.T @ columns
    u = orthonormal(inside, 1)
    covariance = shared_covariance(moments, u)
    within = without_shift(covariance, u, shift.median)
    np.testing.assert_allclose(
        [1.0 / within.precision_along(u)[f, 0, 0] for f in range(len(within.vectors))],
        shift.median,
        rtol=1e-9,
    )
    beyond = rotation_p_values(profiles, covariance, inside)
    assert (beyond <= 0.05).mean() < 0.15
    assert (rotation_p_values(profiles, within, inside) <= 0.05).mean() > 0.9


def test_directions_beside_the_shift_keep_their_covariance(draw_profiles) -> None:
    profiles = shifted(draw_profiles, np.random.default_rng(21), 10, 60, 4.0)
    moments = moments_of(profiles)
    u = orthonormal(profiles.basis.T @ indicators(np.repeat([0, 1], 5)), 1)
    covariance = shared_covariance(moments, u)
    within = without_shift(covariance, u, 0.1 * variance_along(covariance, u))
    for f in range(len(within.vectors)):
        full, less = ((s.vectors[f] * s.values[f]) @ s.vectors[f].T for s in (covariance, within))
        rest = np.eye(9) - u @ u.T
        np.testing.assert_allclose(rest @ (full - less), 0.0, atol=1e-10)


def test_a_shift_below_the_median_stays(draw_profiles) -> None:
    profiles = draw_profiles(np.random.default_rng(22), 10)
    u = np.eye(9)[:, :1]
    covariance = shared_covariance(moments_of(profiles), u)
    within = without_shift(covariance, u, 100.0)
    full, same = ((s.vectors[0] * s.values[0]) @ s.vectors[0].T for s in (covariance, within))
    np.testing.assert_allclose(full, same, atol=1e-10)


def test_ratio_is_about_one_without_a_shift(draw_profiles) -> None:
    rng = np.random.default_rng(23)
    found = [
        shared_shift(
            moments_of(draw_profiles(rng, 10, 60)),
            indicators(np.repeat([0, 1], 5)),
            1,
            np.zeros(10, dtype=int),
            relabellings=39,
        )
        for _ in range(8)
    ]
    assert 0.8 < np.median([s.ratio for s in found]) < 1.25
    assert max(s.p_value for s in found) > 0.1


def test_too_few_relabellings_give_no_p_value(draw_profiles) -> None:
    profiles = shifted(draw_profiles, np.random.default_rng(24), 6, 60, 5.0)
    shift = shared_shift(moments_of(profiles), indicators(np.repeat([0, 1], 3)), 1, np.zeros(6, dtype=int))
    assert shift.distinct == 10  # 20 ways to take 3 of 6, and the other 3 are the same contrast
    assert np.isnan(shift.p_value)
    assert shift.ratio > 1.5


def test_samples_are_relabelled_within_strata(draw_profiles) -> None:
    pairs = np.repeat(np.arange(5), 2)
    columns = (pairs[:, None] == np.arange(5)).astype(float)
    profiles = draw_profiles(np.random.default_rng(25), 10, columns=columns)
    shift = shared_shift(moments_of(profiles), indicators(np.tile([0, 1], 5)), 1, pairs)
    assert shift.distinct == 2**4  # each pair turned or not, all turned is the same contrast


def test_same_seed_same_answer_and_several_groups(draw_profiles) -> None:
    profiles = draw_profiles(np.random.default_rng(26), 9)
    arguments = moments_of(profiles), indicators(np.repeat([0, 1, 2], 3)), 2, np.zeros(9, dtype=int)
    assert shared_shift(*arguments, seed=3) == shared_shift(*arguments, seed=3)
    u = orthonormal(profiles.basis.T @ arguments[1], 2)
    covariance = shared_covariance(arguments[0], u)
    median = 0.3 * variance_along(covariance, u)
    within = without_shift(covariance, u, median)
    inverse = np.linalg.inv(within.precision_along(u)[0])
    np.testing.assert_allclose(np.trace(inverse) / 2, median, rtol=1e-9)
