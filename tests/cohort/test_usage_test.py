import numpy as np
import pytest

from bayes_mirglmm.cohort.usage_profiles import UsageProfiles
from bayes_mirglmm.cohort.usage_test import explained_share, shared_usage_test

LABELS = np.repeat([0, 1], 6)
COLUMNS = (LABELS[:, None] == [0, 1]) / np.sqrt(2.0)
STRATA = np.zeros(12, dtype=int)


def test_every_mirna_has_its_numbers(draw_profiles) -> None:
    rng = np.random.default_rng(30)
    planted = np.zeros((60 * 6, 12))
    planted[:6] = np.outer(rng.normal(scale=6.0, size=6), LABELS)
    found = shared_usage_test(draw_profiles(rng, 12, planted=planted), COLUMNS, STRATA)
    assert found.p_value[0] < 1e-4
    assert found.log_bayes_factor[0] > 3.0
    assert np.argmin(found.p_value) == 0
    for values in (found.p_value, found.p_within, found.log_bayes_factor, found.share):
        assert values.shape == (60,)
        assert np.isfinite(values).all()


def test_share_is_of_what_lies_along_shared_directions(draw_profiles) -> None:
    rng = np.random.default_rng(31)
    factor = rng.normal(size=12)
    profiles = draw_profiles(rng, 12, shared=np.eye(12) + 4.0 * np.outer(factor, factor))
    values = profiles.values.copy()
    own = profiles.of(0)
    values[own] = rng.normal(size=(6, 11))  # one miRNA that does not go along
    other = UsageProfiles(values, profiles.weight, profiles.start, profiles.dispersion, profiles.basis)
    found = shared_usage_test(other, COLUMNS, STRATA)
    assert found.share[0] < 0.3 < np.median(found.share)
    np.testing.assert_array_equal(found.share, explained_share(other, found.covariance))


def test_too_few_mirnas_and_explained_columns_are_refused(draw_profiles) -> None:
    rng = np.random.default_rng(32)
    with pytest.raises(ValueError, match="9 miRNAs are too few"):
        shared_usage_test(draw_profiles(rng, 12, mirnas=9), COLUMNS, STRATA)
    with pytest.raises(ValueError, match="explained by the others"):
        shared_usage_test(
            draw_profiles(rng, 12, columns=np.column_stack([np.ones(12), LABELS])), COLUMNS, STRATA
        )
