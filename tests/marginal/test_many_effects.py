"""Covariances of many isomiR effects: where the search starts, its first curvature, and where it ends."""

import numpy as np
import pytest

from bayes_mirglmm.marginal import fit_marginal, make_problem
from bayes_mirglmm.marginal.hessian import covariance_information
from bayes_mirglmm.marginal.objective import find_mode, unpack
from bayes_mirglmm.marginal.problem import parameter_layout
from bayes_mirglmm.marginal.start import start_values

BLOCKS = np.array([0, 0, 1, 1, 1])


def chol_of(problem, phi):
    at = parameter_layout(problem)
    chol = np.zeros((problem.z.shape[1],) * 2)
    chol[problem.rows, problem.cols] = phi[at.chol : at.terms]
    return chol


def labs(n, n_isomirs, seed):
    """Counts (J, n) of two groups in four labs, in each of which every isomiR has a level of its own."""
    rng = np.random.default_rng(seed)
    lab = np.arange(n) % 4
    z = np.column_stack([np.ones(n), np.arange(n) >= n // 2, *[lab == m for m in range(1, 4)]]).astype(float)
    own = rng.normal(scale=0.5, size=(n_isomirs, 4))
    level = rng.normal(loc=5.0, size=(n_isomirs, 1))
    slope = rng.normal(loc=0.4, scale=0.3, size=(n_isomirs, 1))
    eta = level + slope * z[:, 1] + own[:, lab] + rng.normal(scale=0.2, size=n)
    y = rng.negative_binomial(10.0, 10.0 / (10.0 + np.exp(eta)))
    return {"y": y, "offset": np.zeros(n), "x": z, "z": z}


def test_the_search_starts_from_the_covariance_of_the_isomirs_own_effects():
    """Without noise the start is that covariance, but for what differs between blocks."""
    rng = np.random.default_rng(2)
    n, n_isomirs = 16, 12
    lab = np.arange(n) % 4
    z = np.column_stack([np.ones(n), np.arange(n) >= n // 2, *[lab == m for m in range(1, 4)]]).astype(float)
    b = rng.normal(size=(n_isomirs, 5)) + 0.5 * rng.normal(size=(n_isomirs, 1))
    y = np.exp(20.0 + b @ z.T) - 0.5
    problem, _ = make_problem(y.T, np.zeros(n), z, z, BLOCKS)
    chol = chol_of(problem, start_values(problem))
    expected = np.where(np.equal.outer(BLOCKS, BLOCKS), np.cov(b.T, bias=True), 0.0)
    np.testing.assert_allclose(chol @ chol.T, expected, atol=1e-8)


def test_effects_without_variance_start_off_zero():
    """Fewer isomiRs than effects: the gradient is zero where an axis has no variance."""
    data = labs(24, 2, seed=3)
    problem, _ = make_problem(data["y"].T, data["offset"], data["x"], data["z"], BLOCKS)
    chol = chol_of(problem, start_values(problem))
    axes = np.linalg.eigvalsh(chol @ chol.T)
    np.testing.assert_allclose(axes[0], 0.05**2, rtol=1e-6)


@pytest.mark.parametrize("n", [24, 80])
def test_first_curvature_is_the_information_of_normal_samples(n):
    """Half the trace of S^-1 dS S^-1 dS', summed over isomiRs, with S = L L' + M^-1 by dense algebra."""
    data = labs(n, 4, seed=4)
    problem, _ = make_problem(data["y"].T, data["offset"], data["x"], data["z"], BLOCKS)
    phi = start_values(problem)
    at = parameter_layout(problem)
    hessian = np.zeros((len(phi), len(phi)))
    v, u = np.zeros((5, 4)), np.zeros(n)
    point = unpack(problem, phi)
    covariance_information(problem, find_mode(problem, point, v, u), point.chol, hessian)
    chol, theta = chol_of(problem, phi), np.exp(phi[at.theta])
    eta = (problem.x @ phi[:5] + phi[at.sigma] * u)[:, None] + problem.z @ chol @ v
    share = theta / (theta + np.exp(eta))
    weight = np.exp(eta) * share * share * (1.0 + problem.y / theta)
    expected = np.zeros_like(hessian)
    for j in range(4):
        precision = np.linalg.inv(chol @ chol.T + np.linalg.inv(problem.z.T * weight[:, j] @ problem.z))
        changes = []
        for a, b in zip(problem.rows, problem.cols, strict=True):
            entry = np.zeros((5, 5))
            entry[a, b] = 1.0
            changes.append(precision @ (entry @ chol.T + chol @ entry.T))
        for e, one in enumerate(changes):
            for f, two in enumerate(changes):
                expected[at.chol + e, at.chol + f] += 0.5 * np.trace(one @ two)
    np.testing.assert_allclose(hessian, expected, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"criterion": "reml"},
        {"family": "poisson", "sample_effect": False},
        {"family": "poisson", "sample_effect": False, "criterion": "reml"},
    ],
)
def test_the_end_does_not_depend_on_the_start(options):
    """From moments, and from independent effects with the same standard deviation."""
    data = labs(48, 10, seed=5)
    fit = fit_marginal(**data, blocks=BLOCKS, **options)
    problem, _ = make_problem(
        data["y"].T,
        data["offset"],
        data["x"],
        data["z"],
        BLOCKS,
        has_sample=options.get("sample_effect", True),
        poisson=options.get("family") == "poisson",
        precision=np.zeros(5) if options.get("criterion") == "reml" else None,
    )
    at = parameter_layout(problem)
    start = start_values(problem)
    start[at.chol : at.terms] = np.where(problem.rows == problem.cols, 0.5, 0.0)
    again = fit_marginal(**data, blocks=BLOCKS, start=start, **options)
    assert fit.converged
    assert again.converged
    assert fit.log_likelihood == pytest.approx(again.log_likelihood, abs=1e-7)
    np.testing.assert_allclose(fit.beta, again.beta, atol=1e-4)
    np.testing.assert_allclose(fit.omega, again.omega, atol=1e-3)
