"""The shared residual covariance: a fixed point of its equations, and the truth in draws from its model."""

import numpy as np
import pytest

from bayes_mirglmm.cohort.residual_covariance import (
    learn_residual_covariance,
    pseudo_rows,
    quadratic_forms,
)
from bayes_mirglmm.cohort.scale_prior import fit_scale_prior

R = 5
TRUE = np.diag([3.0, 1.0, 0.5, 0.3, 0.2])


def draw(m: int, seed: int, d0: float = 8.0) -> tuple[np.ndarray, np.ndarray]:
    """Return residuals (m, 5) under TRUE, and the miRNAs' variances, which are 0.1 times d0 / chi-squared."""
    rng = np.random.default_rng(seed)
    rotation, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(R, R)))
    variance = 0.1 * d0 / rng.chisquare(d0, m)
    z = rng.normal(size=(m, R)) * np.sqrt(np.diag(TRUE))
    return (z * np.sqrt(variance)[:, None]) @ rotation.T + 0.7, variance


def test_is_a_fixed_point_of_the_em_equations():
    z, _ = draw(120, 2)
    found = learn_residual_covariance(z)
    away = z - found.centre
    sums = quadratic_forms(away, np.linalg.inv(found.matrix))
    weight = 1 / fit_scale_prior(sums, R).moderated(sums, R)
    np.testing.assert_allclose(weight @ z / weight.sum(), found.centre, rtol=1e-6)
    again = (away.T * weight) @ away + found.pseudo_rows * np.eye(R)
    np.testing.assert_allclose(again * R / np.trace(again), found.matrix, atol=1e-7)


def test_pseudo_rows():
    assert pseudo_rows(110, 4) == 4
    assert pseudo_rows(110, 30) == 15
    assert pseudo_rows(100, 200) == 400


def test_finds_a_known_covariance_and_the_variances():
    z, variance = draw(20_000, 3)
    found = learn_residual_covariance(z)
    truth, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(R, R)))
    truth = truth @ TRUE @ truth.T * R / np.trace(TRUE)
    # an entry of a covariance of 20,000 rows, the largest variance 3: SD below 3 sqrt(2 / 20000) = 0.03
    np.testing.assert_allclose(found.matrix, truth, atol=0.16)
    np.testing.assert_allclose(found.centre, 0.7, atol=0.03)
    assert found.prior.df == pytest.approx(8.0, rel=0.15)
    assert found.prior.variance * np.trace(TRUE) / R * R / np.trace(TRUE) == pytest.approx(0.1, rel=0.05)
    assert np.corrcoef(np.log(found.variance), np.log(variance))[0, 1] > 0.6


def test_few_rows_leave_the_matrix_near_the_identity():
    z, _ = draw(12, 4)
    few = np.linalg.eigvalsh(learn_residual_covariance(z).matrix)
    many = np.linalg.eigvalsh(learn_residual_covariance(draw(2000, 4)[0]).matrix)
    assert few[-1] / few[0] < many[-1] / many[0]
    wide = learn_residual_covariance(np.random.default_rng(5).normal(size=(20, 60)))
    assert np.linalg.eigvalsh(wide.matrix)[0] > 0.5


def test_left_out_variances_do_not_know_their_own_row():
    """With few rows a matrix that a row is part of shortens it: left-out ones are not too small."""
    means = []
    for seed in range(60):
        z = np.random.default_rng([7, seed]).normal(size=(40, 8))
        found = learn_residual_covariance(z)
        means.append(np.mean(found.variance) * np.mean(np.linalg.eigvalsh(found.matrix)))
    # 60 means, each with an SD of about sqrt(2 / (40 * 8)) = 0.08: five standard errors are 0.05.
    # A matrix of 39 rows has itself an error, so that distances by it are somewhat long.
    assert 0.95 < np.mean(means) < 1.25
