"""Small dense algebra against numpy's."""

import numpy as np
import pytest

from bayes_mirglmm.kernels.dense import cholesky, inverse, largest, overwrite, solve


def positive_definite(size: int) -> np.ndarray:
    root = np.random.default_rng(size).normal(size=(size, size + 2))
    return root @ root.T


@pytest.mark.parametrize("size", [0, 1, 2, 3, 8, 57])
def test_factor_inverse_and_solution(size):
    a = positive_definite(size)
    u = a.copy()
    assert cholesky(u)
    np.testing.assert_allclose(np.triu(u), np.linalg.cholesky(a).T, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(inverse(u) @ a, np.eye(size), atol=1e-8)
    b = np.arange(size, dtype=float)
    x = b.copy()
    solve(u, x)
    np.testing.assert_allclose(a @ x, b, atol=1e-8)


@pytest.mark.parametrize("wrong", range(5))
@pytest.mark.parametrize("value", [-1.0, 0.0, np.nan])
def test_what_is_not_positive_definite_has_no_factor(wrong, value):
    a = np.eye(5)
    a[wrong, wrong] = value
    assert not cholesky(a)


def test_an_array_is_written_whole_also_into_a_part_of_another():
    target = np.zeros((2, 3, 4))
    overwrite(target[1], np.arange(12.0).reshape(3, 4))
    assert target[0].sum() == 0.0
    np.testing.assert_array_equal(target[1].ravel(), np.arange(12.0))


def test_largest_knows_sign_and_nan():
    assert largest(np.array([1.0, -3.0, 2.0])) == 3.0
    assert largest(np.empty(0)) == 0.0
    assert np.isnan(largest(np.array([1.0, np.nan, 2.0])))
