"""The Laplace value against dense linear algebra, its gradient against finite differences."""

import numpy as np
import pytest
from scipy.stats import nbinom, poisson

from bayes_mirglmm.marginal import make_problem, marginal
from bayes_mirglmm.marginal.objective import unpack
from bayes_mirglmm.marginal.problem import Terms, n_parameters, n_side, parameter_layout

# n, J, K, continuous: with K J <= n the samples are eliminated, else the isomiRs.
SIZES = [
    (14, 20, 2, False),
    (40, 6, 2, False),
    (40, 6, 2, True),
    (14, 8, 3, False),
    (60, 5, 3, False),
    (12, 9, 2, True),
    (30, 5, 1, False),
]
FLAVOURS = [
    {},
    {"expected": True},
    {"poisson": True},
    {"poisson": True, "expected": True},
    {"has_sample": False},
    {"flat": True},
    {"flat": True, "expected": True},
    {"normal": True, "poisson": True},
    {"terms": 1},
    {"terms": 2, "flat": True},
    {"terms": 2, "has_sample": False},
    {"correlated": True},
    {"correlated": True, "flat": True, "terms": 2},
]


def problem_at(simulated, n, n_isomirs, k, continuous, **flavour):
    data = simulated(n, n_isomirs, k, seed=n + n_isomirs, continuous=continuous)
    p = data["x"].shape[1]
    if flavour.pop("flat", False):
        flavour["precision"] = np.zeros(p)
    if flavour.pop("normal", False):
        flavour["precision"] = np.linspace(0.5, 2.0, p)
    if flavour.pop("correlated", False):
        flavour["sample_covariance"] = 0.7 ** np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
    columns = flavour.pop("terms", 0)
    if (
        columns
    ):  # an intercept (and a slope) of each of n / 2 subjects, and an intercept of each of three batches
        x = np.column_stack([np.ones(n), np.linspace(-1.0, 1.0, n)])[:, :columns]
        flavour["terms"] = Terms((x, np.ones((n, 1))), (np.arange(n) // 2, np.arange(n) % 3))
    problem, order = make_problem(data["y"].T, data["offset"], data["x"], data["z"], **flavour)
    rng = np.random.default_rng(k)
    phi = rng.normal(scale=0.3, size=n_parameters(problem))
    if not problem.inner:
        phi[0] += 3.0
    if not problem.poisson:
        phi[-1] = 1.2
    return data, problem, order, phi


def evaluate(problem, phi):
    k, (_, n_isomirs) = problem.z.shape[1], problem.y.shape
    v, u, gradient = np.zeros((k, n_isomirs)), np.zeros(n_side(problem)), np.empty(len(phi))
    return marginal(problem, phi, v, u, gradient), gradient, v, u


def dense_side(problem, phi):
    """T and the prior precision of its effects, written out from the definitions."""
    n, at = len(problem.y), parameter_layout(problem)
    sigma = phi[at.sigma] if problem.has_sample else 0.0
    parts = [sigma * (problem.root if len(problem.root) else np.eye(n))]
    precision = [np.ones(n)]
    if problem.inner:
        parts.append(problem.x)
        precision.append(problem.precision)
    random = np.zeros((n, problem.width))
    for e, value in enumerate(phi[at.terms : at.sigma]):
        for i in range(n):
            random[i, problem.starts[e] + problem.levels[e, i]] += value * problem.entries[e, i]
    return np.hstack([*parts, random]), np.concatenate([*precision, np.ones(problem.width)])


def dense_value(problem, phi):
    """The same number by the plainest means: A written out, Newton's method, slogdet."""
    point = unpack(problem, phi)
    n, n_isomirs = problem.y.shape
    k = problem.z.shape[1]
    side, side_precision = dense_side(problem, phi)
    a = np.zeros((n * n_isomirs, k * n_isomirs + side.shape[1]))
    for i in range(n):
        for j in range(n_isomirs):
            a[i * n_isomirs + j, j * k : (j + 1) * k] = point.chol.T @ problem.z[i]
            a[i * n_isomirs + j, k * n_isomirs :] = side[i]
    prior = np.concatenate([np.ones(k * n_isomirs), side_precision])
    y = problem.y.ravel()
    fixed = np.repeat(problem.offset + problem.x @ point.beta, n_isomirs)
    theta = point.theta

    def curvature(mu, expected):
        t = 1 / (1 + mu / theta)
        return mu * t if expected else (1 + y / theta) * mu * t**2

    def joint(effects):
        mu = np.exp(fixed + a @ effects)
        log_p = poisson.logpmf(y, mu) if problem.poisson else nbinom.logpmf(y, theta, theta / (theta + mu))
        return log_p.sum() - 0.5 * effects @ (prior * effects)

    effects = np.zeros(a.shape[1])
    if problem.inner:
        effects[k * n_isomirs + n] = 3.0
    for _ in range(200):
        mu = np.exp(fixed + a @ effects)
        gradient = a.T @ ((y - mu) / (1 + mu / theta)) - prior * effects
        hessian = np.diag(prior) + a.T @ (curvature(mu, False)[:, None] * a)
        step = np.linalg.solve(hessian, gradient)
        size = 1.0
        while joint(effects + size * step) < joint(effects) - 1e-9:
            size /= 2
        effects = effects + size * step
        if np.abs(step).max() < 1e-12:
            break
    mu = np.exp(fixed + a @ effects)
    hessian = np.diag(prior) + a.T @ (curvature(mu, problem.expected)[:, None] * a)
    integrated = problem.precision if problem.inner else np.empty(0)
    constant = np.where(
        integrated > 0, -0.5 * np.log(np.maximum(integrated, 1e-300)), -0.5 * np.log(2 * np.pi)
    )
    return -joint(effects) + 0.5 * np.linalg.slogdet(hessian)[1] + constant.sum()


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize(("n", "n_isomirs", "k", "continuous"), SIZES)
def test_value_is_that_of_dense_linear_algebra(simulated, n, n_isomirs, k, continuous, flavour):
    _, problem, _, phi = problem_at(simulated, n, n_isomirs, k, continuous, **flavour)
    value = evaluate(problem, phi)[0]
    assert value == pytest.approx(dense_value(problem, phi), abs=1e-8)


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize(("n", "n_isomirs", "k", "continuous"), SIZES)
def test_gradient_is_that_of_finite_differences(simulated, n, n_isomirs, k, continuous, flavour):
    _, problem, _, phi = problem_at(simulated, n, n_isomirs, k, continuous, **flavour)
    gradient = evaluate(problem, phi)[1]
    h = 1e-5
    numeric = [
        (evaluate(problem, phi + h * e)[0] - evaluate(problem, phi - h * e)[0]) / (2 * h)
        for e in np.eye(len(phi))
    ]
    np.testing.assert_allclose(gradient, numeric, atol=1e-6 * np.abs(gradient).max())


@pytest.mark.parametrize("flavour", FLAVOURS[:3])
@pytest.mark.parametrize("n", [12, 40])
def test_block_diagonal_covariance(simulated, n, flavour):
    """Two blocks: the entries of L between them are not parameters, and the rest agrees with dense algebra."""
    data = simulated(n, 6, 3, seed=8, continuous=True)
    blocks = np.array([0, 0, 1])
    problem, _ = make_problem(data["y"].T, data["offset"], data["x"], data["z"], blocks, **flavour)
    assert list(zip(problem.rows, problem.cols, strict=True)) == [(0, 0), (1, 0), (1, 1), (2, 2)]
    phi = np.full(n_parameters(problem), 0.4)
    phi[0] = 3.0
    value, gradient, _, _ = evaluate(problem, phi)
    assert value == pytest.approx(dense_value(problem, phi), abs=1e-8)
    h = 1e-5
    numeric = [
        (evaluate(problem, phi + h * e)[0] - evaluate(problem, phi - h * e)[0]) / (2 * h)
        for e in np.eye(len(phi))
    ]
    np.testing.assert_allclose(gradient, numeric, atol=1e-6 * np.abs(gradient).max())


def test_a_hopeless_point_is_infinite_not_an_error(simulated):
    data = simulated(10, 4, 2, seed=2)
    problem, _ = make_problem(data["y"].T, data["offset"], data["x"], data["z"])
    phi = np.full(n_parameters(problem), 800.0)
    assert evaluate(problem, phi)[0] == np.inf
