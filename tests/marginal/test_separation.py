"""Separation is found exactly where a coefficient has no finite estimate."""

import numpy as np

from bayes_mirglmm.marginal import separated_coefficients

GROUPS = np.column_stack([np.ones(6), [0, 0, 0, 1, 1, 1]]).astype(float)


def test_a_group_without_counts():
    assert separated_coefficients(np.array([5, 2, 1, 0, 0, 0]), GROUPS).tolist() == [False, True]


def test_the_reference_group_without_counts():
    assert separated_coefficients(np.array([0, 0, 0, 3, 1, 2]), GROUPS).tolist() == [True, True]


def test_some_counts_in_every_group_are_enough():
    assert not separated_coefficients(np.array([5, 0, 0, 0, 0, 1]), GROUPS).any()
    assert not separated_coefficients(np.array([5, 3, 4, 2, 1, 1]), GROUPS).any()


def test_no_counts_at_all():
    assert separated_coefficients(np.zeros(6), GROUPS).all()


def test_a_covariate_that_separates():
    x = np.column_stack([np.ones(5), [0.0, 0.0, 0.0, 1.0, 2.0]])
    assert separated_coefficients(np.array([4, 5, 3, 0, 0]), x).tolist() == [False, True]
    assert not separated_coefficients(np.array([4, 5, 3, 0, 1]), x).any()


def test_an_empty_cell_of_an_additive_design_does_not_separate():
    x = np.array([[1, a, b] for a in (0, 1) for b in (0, 1)], dtype=float)
    assert not separated_coefficients(np.array([3, 2, 4, 0]), x).any()
