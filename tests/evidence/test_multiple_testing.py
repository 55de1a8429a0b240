"""Benjamini-Hochberg within coefficients, with gaps."""

import numpy as np
import pytest

from bayes_mirglmm.evidence.multiple_testing import benjamini_hochberg


def test_by_hand():
    # R: p.adjust(c(0.01, 0.02, 0.03, 0.5), "BH")
    np.testing.assert_allclose(
        benjamini_hochberg([0.03, 0.01, 0.5, 0.02]), [0.04, 0.04, 0.5, 0.04], rtol=1e-14
    )


def test_as_scipy_with_ties():
    from scipy.stats import false_discovery_control

    p = np.round(np.random.default_rng(1).uniform(size=500) ** 3, 2)
    np.testing.assert_allclose(benjamini_hochberg(p), false_discovery_control(p, method="bh"), rtol=1e-14)


def test_nan_does_not_count():
    adjusted = benjamini_hochberg([0.01, np.nan, 0.04, np.nan])
    np.testing.assert_allclose(adjusted, [0.02, np.nan, 0.04, np.nan])
    assert np.isnan(benjamini_hochberg([np.nan, np.nan])).all()
    assert benjamini_hochberg([]).shape == (0,)


def test_groups_are_adjusted_apart():
    p = np.array([0.01, 0.02, 0.01, np.nan, 0.04, 0.9])
    groups = np.array(["a", "b", "b", "a", "a", "b"], dtype=object)
    adjusted = benjamini_hochberg(p, groups)
    for label in "ab":
        np.testing.assert_array_equal(adjusted[groups == label], benjamini_hochberg(p[groups == label]))
    assert adjusted[0] == pytest.approx(0.02)
    assert adjusted[1] == pytest.approx(0.03)


def test_shapes():
    p = np.array([[0.01, 0.02], [0.03, 0.04]])
    together = benjamini_hochberg(p)
    np.testing.assert_allclose(together, np.full((2, 2), 0.04))
    by_column = benjamini_hochberg(p, np.broadcast_to([0, 1], p.shape))
    np.testing.assert_allclose(by_column, [[0.02, 0.04], [0.03, 0.04]])
    with pytest.raises(ValueError, match="shape"):
        benjamini_hochberg(p, np.zeros(4))


def test_values_outside_the_unit_interval_are_refused():
    with pytest.raises(ValueError, match=r"between 0 and 1; these are from 0\.5 to 1\.5"):
        benjamini_hochberg([0.5, 1.5])
