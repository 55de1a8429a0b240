from dataclasses import replace

import numpy as np

from bayes_mirglmm.cohort.covariance_folds import SharedCovariance
from bayes_mirglmm.cohort.relabelled_null import RelabelledNull, relabelled_null
from bayes_mirglmm.cohort.rotation_test import rotation_p_values
from bayes_mirglmm.cohort.shared_shift import relabelled
from bayes_mirglmm.cohort.usage_profiles import UsageProfiles
from bayes_mirglmm.cohort.usage_test import shared_usage_test

LABELS = np.tile([0, 1], 6)
COLUMNS = (LABELS[:, None] == [0, 1]) / np.sqrt(2.0)


def flat(profiles: UsageProfiles) -> SharedCovariance:
    r = profiles.values.shape[1]
    return SharedCovariance(np.zeros(len(profiles.dispersion), dtype=int), np.eye(r)[None], np.ones((1, r)))


def others(profiles: UsageProfiles, count: int = 30) -> np.ndarray:
    draws = relabelled(COLUMNS, np.zeros(12, dtype=int), profiles.basis, 1, count, 3)
    return np.concatenate(list(draws), axis=1)


def test_where_the_covariance_is_right_p_values_stay_nearly_as_they_are(draw_profiles) -> None:
    profiles = draw_profiles(np.random.default_rng(1), 12, mirnas=400)
    null = relabelled_null(profiles, flat(profiles), profiles.basis.T @ COLUMNS, others(profiles))
    # 400 miRNAs in ten dimensions: at least 4000 independent p-values, SD of the share 0.0034, of the rate 7 %
    assert 0.033 < null.share < 0.067
    caution = 1.0 - 1.0 / np.sqrt(400 * 0.05 * 10)
    assert 0.65 * caution < null.tail <= caution


def test_usage_along_the_variable_does_not_enter(draw_profiles) -> None:
    rng = np.random.default_rng(2)
    profiles = draw_profiles(rng, 12)
    inside = profiles.basis.T @ COLUMNS
    usage = np.outer(rng.normal(scale=9.0, size=len(profiles.values)), inside[:, 1])
    strong = replace(profiles, values=profiles.values + usage)
    found = [relabelled_null(p, flat(p), inside, others(p)) for p in (profiles, strong)]
    np.testing.assert_allclose([found[0].share, found[0].tail], [found[1].share, found[1].tail], rtol=1e-6)


def test_mirnas_that_differ_in_the_quiet_samples_have_a_heavier_tail(draw_profiles) -> None:
    """Half of the libraries are ten times as precise, of some miRNAs much less so: whitened labels point at those."""
    rng = np.random.default_rng(4)
    raw, calibrated = [], []
    for _ in range(6):
        own = np.repeat(np.exp(rng.normal(scale=1.0, size=150)), 6)[:, None]
        noise = np.where(np.arange(12) < 4, 0.1 * own, 1.0)
        planted = noise * rng.normal(size=(900, 12))
        profiles = draw_profiles(rng, 12, 150, shared=1e-12 * np.eye(12), planted=planted)
        found = shared_usage_test(profiles, COLUMNS, np.zeros(12, dtype=int))
        raw.append(rotation_p_values(profiles, found.covariance, profiles.basis.T @ COLUMNS))
        calibrated.append(found.p_value)
    before, after = ((np.concatenate(p) <= 0.002).mean() for p in (raw, calibrated))
    assert before > 0.01
    assert after < 0.4 * before


def test_calibration_keeps_the_order_and_does_nothing_by_default() -> None:
    p = np.array([0.0, 1e-12, 1e-3, 0.05, 0.2, 1.0, np.nan])
    np.testing.assert_allclose(RelabelledNull().calibrated(p), p)
    found = RelabelledNull(0.08, 0.8).calibrated(p)
    assert np.all(np.diff(found[:-1]) > 0.0)
    np.testing.assert_allclose(found[[0, 3, 5]], [0.0, 0.08, 1.0])
    assert np.isnan(found[-1])


def test_without_directions_beside_the_variable_nothing_is_done(draw_profiles) -> None:
    profiles = draw_profiles(np.random.default_rng(5), 12, mirnas=12)
    inside = profiles.basis.T @ COLUMNS
    assert relabelled_null(profiles, flat(profiles), inside, np.empty((11, 0))) == RelabelledNull()
