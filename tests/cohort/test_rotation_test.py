import numpy as np
import pytest
from scipy import stats

from bayes_mirglmm.cohort.covariance_folds import (
    SharedCovariance,
    deal_folds,
    fold_moments,
    shared_covariance,
)
from bayes_mirglmm.cohort.rotation_test import rotation_p_values
from bayes_mirglmm.cohort.shared_shift import orthonormal
from bayes_mirglmm.cohort.usage_profiles import UsageProfiles


def groups(labels: np.ndarray) -> np.ndarray:
    return (labels[:, None] == np.unique(labels)).astype(float) / np.sqrt(2.0)


def p_values(profiles: UsageProfiles, columns: np.ndarray) -> np.ndarray:
    inside = profiles.basis.T @ columns
    rank = np.linalg.matrix_rank(inside)
    moments = fold_moments(profiles, deal_folds(profiles.sizes))
    return rotation_p_values(profiles, shared_covariance(moments, orthonormal(inside, rank)), inside)


def test_p_value_is_the_share_of_random_rotations(draw_profiles) -> None:
    rng = np.random.default_rng(10)
    profiles = draw_profiles(rng, 8, mirnas=12)
    inside = profiles.basis.T @ groups(np.repeat([0, 1], 4))
    moments = fold_moments(profiles, deal_folds(profiles.sizes))
    covariance = shared_covariance(moments, orthonormal(inside, 1))
    p = rotation_p_values(profiles, covariance, inside)
    mirna, draws = 5, 100_000
    rows = profiles.of(mirna)
    x = profiles.values[rows] @ covariance.whitener(covariance.fold[mirna])
    v = orthonormal(covariance.whitener(covariance.fold[mirna]).T @ inside, 1)[:, 0]
    gain = 0.01 * profiles.weight[rows] * (inside**2).sum() / profiles.dispersion[mirna]
    omega = gain / (1.0 + gain)
    directions = rng.normal(size=(7, draws))
    directions /= np.linalg.norm(directions, axis=0)
    seen = int((omega @ (x @ directions) ** 2 >= omega @ (x @ v) ** 2).sum())
    assert min(stats.binom.cdf(seen, draws, p[mirna]), stats.binom.sf(seen - 1, draws, p[mirna])) > 5e-7


@pytest.mark.parametrize("labels", [np.repeat([0, 1], [4, 6]), np.repeat([0, 1, 2], [3, 3, 4])])
def test_names_and_order_of_the_groups_do_not_matter(draw_profiles, labels: np.ndarray) -> None:
    profiles = draw_profiles(np.random.default_rng(11), 10)
    first = p_values(profiles, groups(labels))
    np.testing.assert_allclose(p_values(profiles, groups(-labels)), first, rtol=1e-7)
    turned = np.linalg.qr(np.random.default_rng(1).normal(size=(9, 9)))[0]
    other = UsageProfiles(
        profiles.values @ turned,
        profiles.weight,
        profiles.start,
        profiles.dispersion,
        profiles.basis @ turned,
    )
    np.testing.assert_allclose(p_values(other, groups(labels)), first, rtol=1e-7)


def test_order_of_samples_and_scale_of_profiles_do_not_matter(draw_profiles) -> None:
    profiles = draw_profiles(np.random.default_rng(12), 10)
    labels = np.repeat([0, 1], 5)
    first = p_values(profiles, groups(labels))
    order = np.random.default_rng(2).permutation(10)
    moved = UsageProfiles(
        profiles.values, profiles.weight, profiles.start, profiles.dispersion, profiles.basis[order]
    )
    np.testing.assert_allclose(p_values(moved, groups(labels[order])), first, rtol=1e-7)
    scaled = UsageProfiles(
        3.0 * profiles.values,
        9.0 * profiles.weight,
        profiles.start,
        9.0 * profiles.dispersion,
        profiles.basis,
    )
    np.testing.assert_allclose(p_values(scaled, groups(labels)), first, rtol=1e-7)


def test_shared_factor_does_not_become_usage_and_usage_is_found_beside_it(draw_profiles) -> None:
    """A factor along the groups in every miRNA rejects nearly all of them unless the covariance knows it."""
    rng = np.random.default_rng(13)
    n, mirnas, isomirs = 12, 120, 6
    labels = np.repeat([0, 1], 6)
    factor = np.where(labels == 0, 1.0, -1.0) + 0.7 * rng.normal(size=n)
    shared = np.eye(n) + 1.5 * np.outer(factor, factor)
    truth = np.zeros(mirnas, dtype=bool)
    truth[:20] = True
    slopes = np.where(np.repeat(truth, isomirs), 2.5, 0.0) * rng.normal(size=mirnas * isomirs)
    clean = np.linalg.svd(np.column_stack([np.ones(n), factor]), full_matrices=True)[0][:, 2:]
    along = clean @ clean.T @ np.where(labels == 0, -0.5, 0.5)
    profiles = draw_profiles(rng, n, mirnas, isomirs, shared, np.outer(slopes, along / np.abs(along).max()))
    p = p_values(profiles, groups(labels))
    alone = SharedCovariance(np.zeros(mirnas, dtype=int), np.eye(n - 1)[None], np.ones((1, n - 1)))
    naive = rotation_p_values(profiles, alone, profiles.basis.T @ groups(labels))
    assert (naive[~truth] <= 0.05).mean() > 0.5
    false = int((p[~truth] <= 0.05).sum())
    # the direction is one draw of a random split; were the test level 0.1, as many would have probability > 1e-6
    assert stats.binom.sf(false - 1, int((~truth).sum()), 0.10) > 1e-6
    power = (p[truth] <= 0.05).mean()
    assert power > 0.8


@pytest.mark.parametrize("levels", [2, 3, 4])
@pytest.mark.parametrize("n", [6, 12])
def test_p_values_are_uniform_without_usage(draw_profiles, levels: int, n: int) -> None:
    if n - levels < 2:
        pytest.skip("nothing to compare with")
    rng = np.random.default_rng(100 * levels + n)
    p = np.concatenate(
        [p_values(draw_profiles(rng, n, 80, 5), groups(np.arange(n) % levels)) for _ in range(5)]
    )
    assert stats.kstest(p, "uniform").pvalue > 1e-6
    assert stats.kstest(p[p <= 0.1] / 0.1, "uniform").pvalue > 1e-6


def test_continuous_variable(draw_profiles) -> None:
    rng = np.random.default_rng(14)
    age = np.sort(rng.normal(size=12))
    planted = np.zeros((60 * 6, 12))
    planted[: 10 * 6] = np.outer(rng.normal(size=60), 1.5 * age)
    p = p_values(draw_profiles(rng, 12, planted=planted), age[:, None] / (2 * age.std()))
    assert (p[:10] <= 0.05).mean() >= 0.8
    assert stats.binom.sf(int((p[10:] <= 0.05).sum()) - 1, 50, 0.05) > 1e-6
