from dataclasses import replace

import numpy as np

from bayes_mirglmm.cohort.covariance_folds import deal_folds
from bayes_mirglmm.cohort.global_shift import beyond_global_shift, global_shift, usable_features
from bayes_mirglmm.cohort.shared_shift import orthonormal

LABELS = np.repeat([0.0, 1.0], 6)
COLUMNS = (LABELS[:, None] == [0, 1]) / np.sqrt(2.0)
STRATA = np.zeros(12, dtype=int)


def tails(rng: np.random.Generator, mirnas: int = 60, isomirs: int = 6) -> np.ndarray:
    return rng.integers(0, 2, size=(mirnas * isomirs, 1)).astype(float)


def test_shift_of_tailed_isomirs_is_one_finding_with_its_size(draw_profiles) -> None:
    rng = np.random.default_rng(40)
    tail = tails(rng)
    # a log fold change of -0.7 in units of the profiles: sqrt(w) times the deviation
    planted = 10.0 * np.outer(-0.7 * tail[:, 0], LABELS)
    profiles = draw_profiles(rng, 12, planted=planted, weight=100.0)
    features = usable_features(tail, profiles)
    found = global_shift(profiles, features, LABELS[:, None], 1, STRATA)
    # the standard error of the slope: 1 / (|features| |g|), g the centred labels of length sqrt(3)
    error = 1.0 / (np.linalg.norm(features) * np.sqrt(3.0))
    assert abs(found.slopes[0, 0] + 0.7) < 5.5 * error
    assert found.p_value == 0.01
    assert found.explained > 0.5
    u = orthonormal(profiles.basis.T @ COLUMNS, 1)
    beyond = beyond_global_shift(profiles, features, u, deal_folds(profiles.sizes))
    left = global_shift(beyond, features, COLUMNS, 1, STRATA)
    assert left.explained < 0.05 * found.explained
    other = np.linalg.svd(u, full_matrices=True)[0][:, 1:]
    np.testing.assert_allclose(beyond.values @ other, profiles.values @ other, atol=1e-9)


def test_without_a_shift_relabellings_do_as_well(draw_profiles) -> None:
    rng = np.random.default_rng(41)
    p = []
    for _ in range(6):
        profiles = draw_profiles(rng, 12)
        p.append(global_shift(profiles, usable_features(tails(rng), profiles), COLUMNS, 1, STRATA).p_value)
    assert max(p) > 0.2  # six uniform p-values all below 0.2: probability 6e-5; below 0.1: 1e-6
    assert min(p) >= 0.01


def test_prediction_comes_from_the_other_folds(draw_profiles) -> None:
    rng = np.random.default_rng(42)
    profiles = draw_profiles(rng, 12)
    features = usable_features(tails(rng), profiles)
    fold = deal_folds(profiles.sizes)
    u = orthonormal(profiles.basis.T @ COLUMNS, 1)
    own = fold[profiles.mirna] == 3
    loud = replace(profiles, values=np.where(own[:, None], 30.0 * profiles.values, profiles.values))
    a, b = (beyond_global_shift(p, features, u, fold).values[own] for p in (profiles, loud))
    np.testing.assert_allclose(b - 30.0 * profiles.values[own], a - profiles.values[own], atol=1e-9)


def test_features_are_centred_in_each_mirna_and_unknown_ones_say_nothing(draw_profiles) -> None:
    rng = np.random.default_rng(43)
    profiles = draw_profiles(rng, 12, mirnas=3, isomirs=4)
    profiles = replace(profiles, weight=rng.gamma(2.0, 20.0, size=12))
    tail = tails(rng, 3, 4)
    tail[5] = np.nan
    found = usable_features(tail, profiles)[:, 0]
    assert found[5] == 0.0
    np.testing.assert_allclose(
        np.add.reduceat(np.sqrt(profiles.weight) * found, profiles.start[:-1]), 0, atol=1e-9
    )
    np.testing.assert_allclose(usable_features(tail + 3.0, profiles)[:, 0], found, atol=1e-12)
