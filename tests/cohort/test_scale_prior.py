"""The prior of variances: limma's numbers, and the equations that define it."""

import numpy as np
import pytest
from scipy import special

from bayes_mirglmm.cohort.scale_prior import fit_scale_prior, trigamma_inverse

VARIANCES = np.array([0.04, 0.09, 0.012, 0.25, 0.06, 0.11, 0.031, 0.02, 0.17, 0.08])


def test_agrees_with_limma():
    # squeezeVar(VARIANCES, 8) of limma 3.54.1
    found = fit_scale_prior(8 * VARIANCES, 8)
    assert found.df == pytest.approx(4.12874346254, rel=1e-8)
    assert found.variance == pytest.approx(0.052592699091, rel=1e-8)
    theirs = [
        0.0442866785177, 0.0772661871730, 0.0258181536708, 0.1828006148697, 0.0574784819798,
        0.0904579906350, 0.0383503669598, 0.0310948750556, 0.1300334010213, 0.0706702854419,
    ]  # fmt: skip
    np.testing.assert_allclose(found.moderated(8 * VARIANCES, 8), theirs, rtol=1e-9)
    # squeezeVar(c(0.4, 0.001, 0.3, 0.02, 1.7, 0.06), 3)
    sums = 3 * np.array([0.4, 0.001, 0.3, 0.02, 1.7, 0.06])
    wide = fit_scale_prior(sums, 3)
    assert wide.df == pytest.approx(0.88918513325, rel=1e-8)
    np.testing.assert_allclose(
        wide.moderated(sums, 3)[[1, 4]], [0.00687370550125, 1.31743101387522], rtol=1e-9
    )


def test_variances_that_differ_by_chance_alone_become_one():
    # squeezeVar of limma 3.54.1: prior df Inf, all 0.0507142857143
    sums = 5 * np.array([0.05, 0.052, 0.049, 0.051, 0.0505, 0.0495, 0.053])
    found = fit_scale_prior(sums, 5)
    assert found.df == np.inf
    np.testing.assert_allclose(found.moderated(sums, 5), 0.0507142857143, rtol=1e-11)


def test_a_zero_does_not_decide():
    found = fit_scale_prior(8 * np.append(VARIANCES, 0.0), 8)
    assert 0 < found.df < 4
    assert 0 < found.moderated(np.zeros(1), 8)[0] < VARIANCES.min()


def test_degrees_of_freedom_of_each_feature():
    """The prior is found again from sums of squares with different degrees of freedom."""
    rng = np.random.default_rng(5)
    df = rng.integers(2, 30, 40_000).astype(float)
    variance = 0.3 * 6 / rng.chisquare(6, len(df))
    found = fit_scale_prior(variance * rng.chisquare(df), df)
    # the log variances have an SD of at most 1.3, so that the mean of their 40,000 is known to 0.0065
    assert found.df == pytest.approx(6, abs=0.6)
    assert found.variance == pytest.approx(0.3, rel=0.04)


@pytest.mark.parametrize("value", [1e-8, 0.01, 1.0, 40.0, 1e7])
def test_trigamma_inverse(value: float):
    assert special.polygamma(1, trigamma_inverse(value)) == pytest.approx(value, rel=1e-10)
