"""Moderated variances: limma's numbers, the defining equations, calibration in a simulation with known truth."""

import numpy as np
import pytest
from scipy import special, stats

from bayes_mirglmm.evidence.moderation import moderate, trigamma_inverse

VARIANCES = np.array([0.04, 0.09, 0.012, 0.25, 0.06, 0.11, 0.031, 0.02, 0.17, 0.08])


def test_agrees_with_limma():
    # squeezeVar(VARIANCES, 8) of limma 3.54.1
    found = moderate(VARIANCES, 8)
    assert found.prior_df == pytest.approx(4.12874346254, rel=1e-8)
    assert found.prior_variance == pytest.approx(0.052592699091, rel=1e-8)
    theirs = [
        0.0442866785177, 0.0772661871730, 0.0258181536708, 0.1828006148697, 0.0574784819798,
        0.0904579906350, 0.0383503669598, 0.0310948750556, 0.1300334010213, 0.0706702854419,
    ]  # fmt: skip
    np.testing.assert_allclose(found.variance, theirs, rtol=1e-9)
    # squeezeVar(c(0.4, 0.001, 0.3, 0.02, 1.7, 0.06), 3)
    wide = moderate([0.4, 0.001, 0.3, 0.02, 1.7, 0.06], 3)
    assert wide.prior_df == pytest.approx(0.88918513325, rel=1e-8)
    np.testing.assert_allclose(wide.variance[[1, 4]], [0.00687370550125, 1.31743101387522], rtol=1e-9)


def test_variances_that_differ_by_chance_alone_become_one():
    # squeezeVar of limma 3.54.1: prior df Inf, all 0.0507142857143
    close = np.array([0.05, 0.052, 0.049, 0.051, 0.0505, 0.0495, 0.053])
    found = moderate(close, 5)
    assert found.prior_df == np.inf
    assert found.df == 35
    np.testing.assert_allclose(found.variance, 0.0507142857143, rtol=1e-11)


def test_a_missing_variance_takes_no_part_and_a_zero_does_not_decide():
    with_gap = moderate(np.append(VARIANCES, np.nan), 8)
    np.testing.assert_allclose(with_gap.variance[:-1], moderate(VARIANCES, 8).variance, rtol=1e-14)
    assert np.isnan(with_gap.variance[-1])
    with_zero = moderate(np.append(VARIANCES, 0.0), 8)
    assert 0 < with_zero.variance[-1] < VARIANCES.min()
    assert 0 < with_zero.prior_df < 4


def test_two_variances_teach_nothing():
    found = moderate([0.1, 0.4], 6)
    np.testing.assert_array_equal(found.variance, [0.1, 0.4])
    assert (found.df, found.prior_df) == (6, 0)


@pytest.mark.parametrize("value", [1e-8, 0.01, 1.0, 40.0, 1e7])
def test_trigamma_inverse(value: float):
    assert special.polygamma(1, trigamma_inverse(value)) == pytest.approx(value, rel=1e-10)


def test_moderated_t_is_calibrated_and_finds_more(chance):
    """20,000 features in the model that the method assumes: prior df 4, variance 0.1, 5 df of their own."""
    rng = np.random.default_rng(3)
    n, d0, s0, df = 20_000, 4.0, 0.1, 5
    true = d0 * s0 / rng.chisquare(d0, n)
    own = true * rng.chisquare(df, n) / df
    found = moderate(own, df)
    # Their standard deviations over 60 seeds: 1.7 % and 0.9 %.
    assert found.prior_df == pytest.approx(d0, rel=0.017 * chance.z(2))
    assert found.prior_variance == pytest.approx(s0, rel=0.009 * chance.z(2))
    noise = rng.normal(0, np.sqrt(true))
    p = {
        level: 2 * stats.t.sf(np.abs(noise) / np.sqrt(found.variance), found.df) <= level
        for level in (0.05, 0.001)
    }
    for level, rejected in p.items():
        low, high = chance.share(level, n, 2)
        assert low <= rejected.mean() <= high
    moved = noise + 1.5
    power = {
        "own": (2 * stats.t.sf(np.abs(moved) / np.sqrt(own), df) <= 0.001).mean(),
        "moderated": (2 * stats.t.sf(np.abs(moved) / np.sqrt(found.variance), found.df) <= 0.001).mean(),
    }
    assert power["moderated"] > 1.3 * power["own"]


@pytest.mark.parametrize(
    ("variance", "df"), [([[0.1]], 3), ([0.1, -0.1], 3), ([0.1, np.inf], 3), ([0.1], 0), ([0.1], np.inf)]
)
def test_refuses(variance, df):
    with pytest.raises(ValueError, match=r"variance needs|df is"):
        moderate(variance, df)
