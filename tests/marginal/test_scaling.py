"""Scaling of designs is undone exactly."""

import numpy as np

from bayes_mirglmm.marginal.scaling import scale_design


def test_scaled_designs_give_the_same_linear_predictor():
    rng = np.random.default_rng(0)
    x = np.column_stack([np.ones(9), rng.normal(2000, 5, size=9), np.arange(9) % 2])
    z = x[:, :2]
    scaled = scale_design(x, z)
    beta, b = rng.normal(size=3), rng.normal(size=2)
    np.testing.assert_allclose(scaled.x @ beta, x @ (scaled.beta @ beta), atol=1e-10)
    np.testing.assert_allclose(scaled.z @ b, z @ (scaled.b @ b), atol=1e-10)
    np.testing.assert_allclose(scaled.x.T @ scaled.x, 9 * np.eye(3), atol=1e-10)
    np.testing.assert_allclose(scaled.z[:, 1].std(), 1.0)


def test_dummies_and_the_intercept_of_z_stay_as_they_are():
    z = np.column_stack([np.ones(6), [0, 0, 0, 1, 1, 1]])
    np.testing.assert_array_equal(scale_design(z, z).z, z)


def test_a_column_of_another_block_is_scaled_but_not_centred():
    z = np.column_stack([np.ones(4), [3.0, 4.0, 5.0, 8.0]])
    scaled = scale_design(z, z, blocks=[0, 1])
    np.testing.assert_allclose(scaled.z[:, 1], z[:, 1] / np.sqrt(np.mean(z[:, 1] ** 2)))
    assert scaled.b[0, 1] == 0.0


def test_without_an_intercept_nothing_is_centred():
    z = np.column_stack([[1.0, 2.0, 3.0, 6.0], [0.0, 1.0, 0.0, 1.0]])
    scaled = scale_design(np.ones((4, 1)), z)
    assert np.count_nonzero(scaled.b - np.diag(np.diag(scaled.b))) == 0


def test_nearly_collinear_columns_become_orthogonal_and_come_back():
    day = np.array([-11.0, -6.0, -1.0, 9.0, 15.0, 2.0, 8.0, 12.0])
    group = np.repeat([0.0, 1.0], 4)
    x = np.column_stack([np.ones(8), group, 20230615 + day, group * (20230615 + day)])
    scaled = scale_design(x, np.ones((8, 1)))
    np.testing.assert_allclose(scaled.x.T @ scaled.x, 8 * np.eye(4), atol=1e-6)
    np.testing.assert_allclose(scaled.x, x @ scaled.beta, atol=1e-6)
