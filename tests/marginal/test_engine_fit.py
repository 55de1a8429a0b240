"""Fits of the engine: limits, symmetries, standard errors, edge cases."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayes_mirglmm.marginal import fit_marginal, make_problem
from bayes_mirglmm.marginal.fit import MarginalFit
from bayes_mirglmm.marginal.optimize import minimize
from bayes_mirglmm.marginal.start import start_values
from tests.marginal.conftest import simulate


def fitted(data, **options) -> MarginalFit:
    return fit_marginal(data["y"], data["offset"], data["x"], data["z"], **options)


@pytest.mark.parametrize("curvature", ["observed", "expected"])
@pytest.mark.parametrize("k", [1, 2, 3])
def test_the_end_is_a_minimum(simulated, k, curvature):
    data = simulated(24, 10, k, seed=k)
    fit = fitted(data, curvature=curvature)
    assert fit.outcome == "ok"
    assert fit.decrement < 1e-9
    assert (np.linalg.eigvalsh(fit.beta_cov) > 0).all()


def test_underdispersed_counts_are_reported_as_the_poisson_limit(simulated):
    data = simulated(16, 6, 2, seed=3, theta=np.inf)
    data["y"] = np.round(np.exp(data["offset"] + 3.0 + np.arange(6)[:, None] / 3.0))
    fit, poisson = fitted(data), fitted(data, family="poisson")
    assert fit.outcome == "poisson_limit"
    assert np.isinf(fit.theta)
    assert fit.log_likelihood == pytest.approx(poisson.log_likelihood, abs=1e-8)
    np.testing.assert_allclose(fit.beta, poisson.beta, atol=1e-6)


def test_no_variation_between_samples_is_the_model_without_it():
    """Without sample effects half of all data sets have their optimum at a variance of zero: take the first."""
    for seed in range(20):
        data = simulate(20, 8, 2, seed, sample_sd=0.0)
        fit = fitted(data)
        if fit.zero_sample_sd:
            break
    without = fitted(data, sample_effect=False)
    assert fit.zero_sample_sd
    assert fit.outcome == "boundary"
    assert fit.log_likelihood == pytest.approx(without.log_likelihood, abs=1e-6)
    np.testing.assert_allclose(fit.beta, without.beta, atol=1e-5)
    np.testing.assert_allclose(fit.beta_cov, without.beta_cov, rtol=1e-3)


def test_no_differential_usage_is_the_reduced_model(simulated):
    """Every isomiR has the same counts up to a factor: the slopes' variance is zero."""
    data = simulated(14, 5, 2, seed=6)
    one = np.random.default_rng(1).poisson(200 * np.exp(0.3 * data["z"][:, 1]))
    data["y"] = np.outer([1, 3, 9, 2, 5], one)
    fit, reduced = fitted(data), fit_marginal(data["y"], data["offset"], data["x"], data["z"][:, :1])
    assert fit.zero_isomir_sd.tolist() == [False, True]
    assert fit.log_likelihood == pytest.approx(reduced.log_likelihood, abs=1e-6)


def test_two_isomirs_are_enough(simulated):
    fit = fitted(simulated(20, 2, 2, seed=7))
    assert fit.converged
    assert fit.b.shape == (2, 2)
    assert np.isfinite(fit.beta_cov).all()


@pytest.mark.parametrize("theta", [0.5, 50.0])
def test_counts_of_a_billion(simulated, theta):
    """Scaling means by 1e6 moves the intercept by log 1e6 and little else, up to the Poisson part of the noise."""
    data = simulated(12, 6, 2, seed=9)
    rng = np.random.default_rng(0)
    mu = np.exp(data["offset"] + 20.5 + rng.normal(size=(6, 1)) + 0.3 * rng.normal(size=12))
    data["y"] = rng.poisson(rng.gamma(theta, mu / theta))
    assert data["y"].max() > 1e9
    fit = fitted(data)
    shifted = fit_marginal(data["y"], data["offset"] + 10.0, data["x"], data["z"])
    assert fit.converged
    assert shifted.beta[0] == pytest.approx(fit.beta[0] - 10.0, abs=1e-5)
    assert shifted.log_likelihood == pytest.approx(fit.log_likelihood, abs=1e-6)
    assert fit.theta == pytest.approx(theta, rel=0.5)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 1000))
def test_order_of_samples_and_isomirs_does_not_matter(seed):
    data = simulate(10, 5, 2, seed)
    rng = np.random.default_rng(seed)
    samples, isomirs = rng.permutation(10), rng.permutation(5)
    fit = fitted(data)
    mixed = fit_marginal(
        data["y"][isomirs][:, samples], data["offset"][samples], data["x"][samples], data["z"][samples]
    )
    assert mixed.log_likelihood == pytest.approx(fit.log_likelihood, abs=1e-7)
    np.testing.assert_allclose(mixed.beta, fit.beta, atol=2e-4)
    np.testing.assert_allclose(mixed.effect, fit.effect[isomirs], atol=2e-3)
    np.testing.assert_allclose(mixed.u, fit.u[samples], atol=2e-3)
    np.testing.assert_allclose(mixed.u_se, fit.u_se[samples], rtol=2e-2)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 1000))
def test_doubling_all_totals_moves_only_the_intercept(seed):
    data = simulate(10, 5, 2, seed)
    fit = fitted(data)
    doubled = fit_marginal(data["y"], data["offset"] + np.log(2.0), data["x"], data["z"])
    assert doubled.log_likelihood == pytest.approx(fit.log_likelihood, abs=1e-7)
    assert doubled.beta[0] == pytest.approx(fit.beta[0] - np.log(2.0), abs=2e-4)
    assert doubled.beta[1] == pytest.approx(fit.beta[1], abs=2e-4)
    np.testing.assert_allclose(doubled.omega, fit.omega, atol=2e-3)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 1000))
def test_relabelling_the_groups_flips_the_sign(seed):
    data = simulate(10, 5, 2, seed)
    other = np.column_stack([np.ones(10), 1.0 - data["x"][:, 1]])
    fit, flipped = fitted(data), fit_marginal(data["y"], data["offset"], other, other)
    assert flipped.log_likelihood == pytest.approx(fit.log_likelihood, abs=1e-6)
    assert flipped.beta[1] == pytest.approx(-fit.beta[1], abs=5e-4)
    assert flipped.beta[0] == pytest.approx(fit.beta.sum(), abs=5e-4)
    assert flipped.beta_cov[1, 1] == pytest.approx(fit.beta_cov[1, 1], rel=2e-3)


def test_units_of_a_covariate_do_not_matter(simulated):
    """A year around 2000, not centred, gives the same fit as its deviation from the mean."""
    data = simulated(24, 8, 2, seed=11, continuous=True)
    year = 2000.0 + 5.0 * data["z"][:, 1]
    design = np.column_stack([np.ones(24), year])
    fit, raw = fitted(data), fit_marginal(data["y"], data["offset"], design, design)
    assert raw.log_likelihood == pytest.approx(fit.log_likelihood, abs=1e-7)
    assert raw.beta[1] * 5.0 == pytest.approx(fit.beta[1], abs=1e-5)
    np.testing.assert_allclose(raw.effect[:, 1] * 5.0, fit.effect[:, 1], atol=1e-4)
    assert raw.effect_cov[:, 1, 1] * 25.0 == pytest.approx(fit.effect_cov[:, 1, 1], rel=1e-3)


def test_independent_blocks_have_no_correlation(simulated):
    fit = fitted(simulated(40, 12, 3, seed=12, continuous=True), blocks=[0, 0, 1])
    assert fit.converged
    assert fit.omega[2, 0] == 0.0
    assert fit.omega[2, 1] == 0.0
    assert fit.omega[1, 0] != 0.0


def test_standard_errors_of_isomir_effects_follow_from_the_whole_hessian(simulated):
    """Covariance of (parameters, effects) by dense algebra: H^-1 of the effects plus D Cov(phi) D'."""
    data = simulated(20, 4, 2, seed=13)
    fit = fitted(data)
    problem, _ = make_problem(data["y"].T, data["offset"], data["x"], data["z"])
    optimum = minimize(problem, start_values(problem), np.zeros((2, 4)), np.zeros(20))
    cov = np.linalg.inv(optimum.hessian)
    chol = np.array([[optimum.phi[2], 0.0], [optimum.phi[3], optimum.phi[4]]])
    a = np.zeros((80, 8 + 20))
    w = np.zeros(80)
    mu = np.exp(
        (problem.offset + problem.x @ optimum.phi[:2])[:, None]
        + problem.z @ (chol @ optimum.v)
        + optimum.phi[5] * optimum.u[:, None]
    )
    theta = np.exp(optimum.phi[6])
    for i in range(20):
        for j in range(4):
            a[i * 4 + j, 2 * j : 2 * j + 2] = chol.T @ problem.z[i]
            a[i * 4 + j, 8 + i] = optimum.phi[5]
            t = 1 / (1 + mu[i, j] / theta)
            w[i * 4 + j] = (1 + problem.y[i, j] / theta) * mu[i, j] * t**2
    inner = np.linalg.inv(np.eye(28) + a.T @ (w[:, None] * a))
    for j in range(4):
        slopes = optimum.b_slopes[:, :, j].copy()
        slopes[0, 0] += 1.0
        slopes[1, 1] += 1.0
        own = chol @ inner[2 * j : 2 * j + 2, 2 * j : 2 * j + 2] @ chol.T
        np.testing.assert_allclose(fit.effect_cov[j], own + slopes.T @ cov @ slopes, rtol=1e-4)


def test_theta_fixed_standard_errors_condition_on_theta(simulated):
    data = simulated(20, 6, 2, seed=14)
    fit = fitted(data)
    problem, _ = make_problem(data["y"].T, data["offset"], data["x"], data["z"])
    optimum = minimize(problem, start_values(problem), np.zeros((2, 6)), np.zeros(20))
    conditional = np.linalg.inv(optimum.hessian[:-1, :-1])[:2, :2]
    np.testing.assert_allclose(fit.beta_cov_theta_fixed, conditional, rtol=1e-4)
    assert (np.diag(fit.beta_cov) >= np.diag(fit.beta_cov_theta_fixed) - 1e-12).all()


def test_a_start_elsewhere_ends_at_the_same_place(simulated):
    data = simulated(18, 7, 2, seed=15)
    fit = fitted(data)
    again = fitted(data, start=fit.phi + 0.3)
    assert again.log_likelihood == pytest.approx(fit.log_likelihood, abs=1e-8)
    np.testing.assert_allclose(again.beta, fit.beta, atol=1e-4)


def test_recovers_the_truth_on_average(chance):
    """Mean of 60 estimates within their standard error of the truth; standard errors of the size of the spread."""
    fits = [fitted(simulate(40, 12, 2, seed)) for seed in range(60)]
    slopes = np.array([f.beta[1] for f in fits])
    errors = np.sqrt([f.beta_cov[1, 1] for f in fits])
    assert abs(slopes.mean() - 0.4) < chance.z() * errors.mean() / np.sqrt(60)
    low, high = chance.ratio(60)
    assert low < np.sqrt(np.mean(((slopes - 0.4) / errors) ** 2)) < high
    assert np.median([f.theta for f in fits]) == pytest.approx(5.0, rel=0.15)


def test_a_coefficient_along_which_the_likelihood_is_flat_is_named(simulated):
    """Samples of a batch without a count: the batch's effect has no standard error, the slope keeps its own.

    The restricted likelihood, an integral over the effect of the batch, does not even exist.
    """
    data = simulated(24, 8, 2, seed=11, continuous=True)
    data["y"][:, :6] = 0
    x = np.column_stack([data["x"], np.arange(24) < 6])
    fit = fit_marginal(data["y"], data["offset"], x, data["z"])
    assert fit.flat.tolist() == [False, False, True]
    assert np.isnan(fit.beta_cov[2]).all()
    kept = fit_marginal(data["y"][:, 6:], data["offset"][6:], x[6:, :2], data["z"][6:])
    assert fit.beta_cov[1, 1] == pytest.approx(kept.beta_cov[1, 1], rel=0.02)
    assert not kept.flat.any()
    assert fit_marginal(data["y"], data["offset"], x, data["z"], criterion="reml").flat[2]
