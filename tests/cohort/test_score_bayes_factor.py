import numpy as np
import pytest
from scipy import integrate, stats

from bayes_mirglmm.cohort.covariance_folds import SharedCovariance
from bayes_mirglmm.cohort.score_bayes_factor import log_bayes_factor, score_log_bayes_factors


@pytest.mark.parametrize("scale", [0.5, 1.0])
@pytest.mark.parametrize("information", [0.01, 5.0, 1e4])
def test_integral_over_tau(scale: float, information: float) -> None:
    rng = np.random.default_rng(1)
    z2, i = rng.normal(size=6) ** 2 * 3.0, information * rng.gamma(1.0, size=6)

    def integrand(tau: float) -> float:
        variance = 1.0 + tau**2 * i
        ratio = stats.norm.pdf(np.sqrt(z2), scale=np.sqrt(variance)) / stats.norm.pdf(np.sqrt(z2))
        return float(ratio.prod() * stats.halfnorm.pdf(tau, scale=scale))

    expected = sum(
        integrate.quad(integrand, a, b, epsabs=0, epsrel=1e-10, limit=200)[0]
        for a, b in ((0, 0.01), (0.01, 0.1), (0.1, 1), (1, 8))
    )
    np.testing.assert_allclose(log_bayes_factor(z2, i, scale), np.log(expected), atol=1e-4)


def test_nothing_known_is_no_evidence() -> None:
    np.testing.assert_allclose(log_bayes_factor(np.ones(4), np.full(4, 1e-9)), 0.0, atol=2e-5)


def test_profiles_give_standard_scores_and_information(draw_profiles) -> None:
    rng = np.random.default_rng(2)
    profiles = draw_profiles(rng, 8, mirnas=3, isomirs=4)
    v = rng.normal(size=7)
    v /= np.linalg.norm(v)
    vectors = np.linalg.qr(rng.normal(size=(7, 7)))[0]
    values = np.array([3.0, 2.0, 1.0, 0.5, 0.3, 0.1, 0.1])
    covariance = SharedCovariance(np.zeros(3, dtype=int), vectors[None], values[None])
    found = score_log_bayes_factors(profiles, covariance, 1.7 * v[:, None])
    precision = (vectors / values) @ vectors.T
    p = profiles.values[profiles.of(1)]
    psi = np.trace(p @ precision @ p.T) / (3 * 7)
    z2 = (p @ precision @ v) ** 2 / (v @ precision @ v) / psi
    information = 100.0 * 1.7**2 * (v @ precision @ v) * 0.75 / psi
    np.testing.assert_allclose(found[1], log_bayes_factor(z2, np.full(4, information)), rtol=1e-9)


def test_usage_raises_it_and_noise_lowers_it(draw_profiles) -> None:
    rng = np.random.default_rng(3)
    labels = np.repeat([-0.5, 0.5], 6)
    planted = np.zeros((40 * 6, 12))
    planted[: 5 * 6] = np.outer(rng.normal(scale=5.0, size=30), labels)
    profiles = draw_profiles(rng, 12, 40, planted=planted)
    flat = SharedCovariance(np.zeros(40, dtype=int), np.eye(11)[None], np.ones((1, 11)))
    found = score_log_bayes_factors(profiles, flat, profiles.basis.T @ labels[:, None])
    assert np.median(found[:5]) > 3.0
    assert np.median(found[5:]) < 0.0
