from dataclasses import replace

import numpy as np

from bayes_mirglmm.cohort.covariance_folds import (
    CAP_FROM,
    deal_folds,
    fold_moments,
    shared_covariance,
    standardised_moments,
)
from bayes_mirglmm.cohort.shared_shift import orthonormal
from bayes_mirglmm.cohort.usage_profiles import UsageProfiles


def test_linked_mirnas_share_a_fold_and_folds_are_of_like_size() -> None:
    rng = np.random.default_rng(2)
    size = rng.integers(2, 30, size=80)
    linked = np.array([[0, 1], [1, 2], [40, 41], [7, 7]])
    fold = deal_folds(size, linked)
    assert fold[0] == fold[1] == fold[2]
    assert fold[40] == fold[41]
    load = np.bincount(fold, weights=size)
    assert len(load) == 10
    assert load.max() - load.min() <= size.max()


def test_no_more_folds_than_independent_sets() -> None:
    assert set(deal_folds(np.full(4, 5), np.array([[0, 1]]))) == {0, 1, 2}


def test_shared_covariance_is_learned_from_the_other_folds(draw_profiles) -> None:
    rng = np.random.default_rng(5)
    profiles = draw_profiles(rng, 10, mirnas=20)
    moments = fold_moments(profiles, deal_folds(profiles.sizes))
    direction = np.eye(9)[:, :1]
    before = shared_covariance(moments, direction)
    changed = profiles.values.copy()
    own = profiles.mirna == 3
    changed[own] *= 50.0
    other = UsageProfiles(changed, profiles.weight, profiles.start, profiles.dispersion, profiles.basis)
    after = shared_covariance(fold_moments(other, moments.fold), direction)
    fold = moments.fold[3]
    vectors = np.abs((before.vectors[fold] * after.vectors[fold]).sum(axis=0))
    np.testing.assert_allclose(
        vectors, 1.0, atol=1e-9
    )  # the same directions for the fold of the changed miRNA
    assert np.abs((before.vectors[fold - 1] * after.vectors[fold - 1]).sum(axis=0)).min() < 0.9


def test_known_eigenvalues_are_found_without_the_spread_of_sample_eigenvalues(draw_profiles) -> None:
    rng = np.random.default_rng(6)
    n = 13
    factor = np.linalg.qr(np.column_stack([np.ones(n), rng.normal(size=n)]))[0][:, 1]
    profiles = draw_profiles(rng, n, mirnas=100, isomirs=5, shared=np.eye(n) + 5.0 * np.outer(factor, factor))
    moments = fold_moments(profiles, deal_folds(profiles.sizes))
    found = shared_covariance(moments, orthonormal(rng.normal(size=(12, 1)), 1))
    values = found.values[0]
    assert np.all(np.diff(values) <= 1e-12)
    np.testing.assert_allclose(values.mean(), 1.0, rtol=1e-9)
    # truth: 6 / 1.417 and eleven times 1 / 1.417; the relative error of each is about sqrt(2 / 400) = 7 %
    np.testing.assert_allclose(values[0], 6.0 / (17.0 / 12.0), rtol=0.35)
    np.testing.assert_allclose(values[1:], 1.0 / (17.0 / 12.0), rtol=0.35)
    naive = np.linalg.eigvalsh(moments.moments.sum(axis=0))
    assert values[1] / values[-1] < naive[-2] / naive[0]


def test_cap_scales_the_loud_mirnas_along_the_direction_alone(draw_profiles) -> None:
    rng = np.random.default_rng(7)
    n, mirnas, isomirs = 8, CAP_FROM, 4
    planted = np.zeros((mirnas * isomirs, n))
    planted[:isomirs] = np.outer([9.0, -9.0, 9.0, -9.0], np.repeat([1.0, -1.0], 4))
    profiles = draw_profiles(rng, n, mirnas, isomirs, planted=planted)
    direction = orthonormal(profiles.basis.T @ np.repeat([1.0, -1.0], 4)[:, None], 1)
    fold = deal_folds(profiles.sizes)
    found = shared_covariance(fold_moments(profiles, fold), direction)
    # the same by brute force: shrink the profiles, then take moments
    energy = np.array([((profiles.values[profiles.of(m)] @ direction) ** 2).mean() for m in range(mirnas)])
    factor = np.sqrt(np.minimum(1.0, 2.0 * np.median(energy) / energy))
    assert factor[0] < 0.2
    shrink = np.eye(7) + (factor[profiles.mirna] - 1.0)[:, None, None] * (direction @ direction.T)
    values = np.einsum("na,nab->nb", profiles.values, shrink)
    plain = UsageProfiles(values, profiles.weight, profiles.start, profiles.dispersion, profiles.basis)
    expected = shared_covariance(fold_moments(plain, fold), direction, cap=np.inf)
    np.testing.assert_allclose(found.values, expected.values, rtol=1e-9)


def test_no_cap_with_few_mirnas(draw_profiles) -> None:
    profiles = draw_profiles(np.random.default_rng(8), 8, CAP_FROM - 1)
    moments = fold_moments(profiles, deal_folds(profiles.sizes))
    direction = np.eye(7)[:, :1]
    capped, free = (shared_covariance(moments, direction, cap=cap) for cap in (1e-6, np.inf))
    np.testing.assert_array_equal(capped.values, free.values)


def test_whitener_inverts_the_covariance(draw_profiles) -> None:
    profiles = draw_profiles(np.random.default_rng(9), 9)
    moments = fold_moments(profiles, deal_folds(profiles.sizes))
    found = shared_covariance(moments, np.eye(8)[:, :1])
    full = (found.vectors[2] * found.values[2]) @ found.vectors[2].T
    np.testing.assert_allclose(found.whitener(2).T @ full @ found.whitener(2), np.eye(8), atol=1e-10)
    directions = np.linalg.qr(np.random.default_rng(1).normal(size=(8, 2)))[0]
    expected = directions.T @ np.linalg.inv(full) @ directions
    np.testing.assert_allclose(found.precision_along(directions)[2], expected, rtol=1e-9)


def test_no_mirna_weighs_more_for_being_loud(draw_profiles) -> None:
    rng = np.random.default_rng(10)
    profiles = draw_profiles(rng, 9)
    fold = deal_folds(profiles.sizes)
    u, others = orthonormal(rng.normal(size=(8, 1)), 1), rng.normal(size=(8, 20))
    weights = rng.uniform(0.1, 0.9, size=len(profiles.values))
    loud = replace(profiles, values=np.where(profiles.mirna[:, None] == 3, 50.0, 1.0) * profiles.values)
    quiet, found = (standardised_moments(p, fold, weights, u, others) for p in (profiles, loud))
    np.testing.assert_allclose(found.moments, quiet.moments, rtol=1e-9)
    np.testing.assert_allclose(
        shared_covariance(found, u).values, shared_covariance(quiet, u).values, rtol=1e-9
    )


def test_what_a_cap_takes_without_usage_is_given_back_and_usage_is_not(draw_profiles) -> None:
    rng = np.random.default_rng(11)
    n, mirnas = 12, 200
    labels = np.repeat([1.0, -1.0], 6)
    planted = np.zeros((mirnas * 6, n))
    planted[: 40 * 6] = np.outer(rng.normal(scale=4.0, size=240), labels)
    for some, least, most in ((np.zeros_like(planted), 0.85, 1.0), (planted, 0.0, 0.6)):
        profiles = draw_profiles(rng, n, mirnas, planted=some)
        u = orthonormal(profiles.basis.T @ labels[:, None], 1)
        others = profiles.basis.T @ np.column_stack([rng.permutation(labels) for _ in range(30)])
        moments = standardised_moments(profiles, deal_folds(profiles.sizes), np.ones(len(planted)), u, others)
        assert moments.given_back > 1.03
        free, capped = (
            1.0 / shared_covariance(moments, u, cap=cap).precision_along(u).mean() for cap in (np.inf, 2.0)
        )
        assert least < capped / free <= most + 1e-9
        bare = shared_covariance(replace(moments, given_back=1.0), u)
        assert 1.0 / bare.precision_along(u).mean() < capped
