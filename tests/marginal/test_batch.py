"""Many values at once: against the exact objective, and normal draws against the dense inverse of the precision."""

from typing import Any

import numpy as np
import pytest

from bayes_mirglmm.marginal.batch import Centre, log_likelihoods
from bayes_mirglmm.marginal.draws import draw_effects
from bayes_mirglmm.marginal.gradients import marginal
from bayes_mirglmm.marginal.objective import unpack
from bayes_mirglmm.marginal.problem import Problem, Terms, make_problem, n_side

CASES = [(20, 4, 2, 5.0), (6, 9, 2, 5.0), (12, 5, 3, np.inf), (9, 4, 1, 2.0)]


#: Options of make_problem whose sample side has more than independent samples.
SIDES = ["flat", "normal", "terms", "correlated", "all"]


def extended(data: dict[str, Any], what: str) -> tuple[Problem, np.ndarray]:
    """A problem with more on its sample side, and parameters."""
    n, p = data["x"].shape
    options: dict[str, Any] = {}
    if what in ("flat", "normal", "all"):
        options["precision"] = np.full(p, 0.0 if what == "flat" else 0.5)
    if what in ("terms", "all"):
        slopes = np.column_stack([np.ones(n), np.linspace(-1.0, 1.0, n)])
        options["terms"] = Terms((slopes, np.ones((n, 1))), (np.arange(n) // 2, np.arange(n) % 3))
    if what in ("correlated", "all"):
        options["sample_covariance"] = 0.6 ** np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
    problem, _ = make_problem(data["y"].T, data["offset"], data["x"], data["z"], **options)
    beta = [] if problem.inner else [3.0, *np.zeros(p - 1)]
    lower = np.where(problem.rows == problem.cols, 0.7, 0.2)
    terms = [0.5, 0.2, 0.3, 0.4] if "terms" in options else []
    return problem, np.array([*beta, *lower, *terms, 0.4, np.log(5.0)])


def setting(data: dict[str, Any], theta: float) -> tuple[Problem, np.ndarray]:
    k = data["z"].shape[1]
    problem, _ = make_problem(
        data["y"].T, data["offset"], data["x"], data["z"], np.zeros(k, dtype=int), poisson=np.isinf(theta)
    )
    lower = np.where(problem.rows == problem.cols, 0.7, 0.2)
    phi = np.concatenate([data["x"][:1].ravel() * 3.0 * (np.arange(k) == 0), lower, [0.4]])
    return problem, phi if np.isinf(theta) else np.append(phi, np.log(theta))


def values_around(problem: Problem, phi: np.ndarray, shift: np.ndarray, centre: Centre) -> np.ndarray:
    return _evaluated(problem, phi, shift, centre)[0]


def _evaluated(
    problem: Problem, phi: np.ndarray, shift: np.ndarray, centre: Centre
) -> tuple[np.ndarray, ...]:
    count, p = len(phi), problem.x.shape[1] if problem.inner else 0
    values, v, u = np.empty(count), np.empty((count, *centre.b.shape)), np.empty((count, len(centre.u)))
    root = np.empty((count, p, p + problem.width if p else 0))
    log_likelihoods(problem, phi, shift, centre, values, v, u, root)
    return values, v, u, root


def drawn(
    problem: Problem, phi: np.ndarray, centre: Centre, normals: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Normal draws of b and the sample side at one point."""
    _, v, u, _ = _evaluated(problem, phi[None], np.zeros((1, len(phi))), centre)
    count = len(normals)
    b, out = np.empty((count, problem.y.shape[1], problem.z.shape[1])), np.empty((count, len(centre.u)))
    draw_effects(problem, phi[None], v, u, np.array([count]), normals, False, b, out)
    return b, out


def centre_without_slopes(problem: Problem, phi: np.ndarray) -> Centre:
    n, n_isomirs = problem.y.shape
    k, d = problem.z.shape[1], len(phi)
    v, u = np.zeros((k, n_isomirs)), np.zeros(n)
    marginal(problem, phi, v, u, np.empty(d))
    point = unpack(problem, phi)
    return Centre(point.chol @ v, point.sigma * u, np.zeros((d, k, n_isomirs)), np.zeros((d, n)))


@pytest.mark.parametrize(("n", "n_isomirs", "k", "theta"), CASES)
def test_values_are_those_of_the_objective(
    simulated: Any, n: int, n_isomirs: int, k: int, theta: float
) -> None:
    problem, phi = setting(simulated(n, n_isomirs, k, 1, theta=theta), theta)
    centre = centre_without_slopes(problem, phi)
    shift = np.random.default_rng(2).normal(scale=0.3, size=(20, len(phi)))
    shift[0] = 0.0
    # Slopes of 0, and far ones: a bad prediction of the mode must not change the value.
    for slope in (0.0, 1.0):
        guess = centre._replace(b_slopes=centre.b_slopes + slope, u_slopes=centre.u_slopes - slope)
        values = values_around(problem, phi + shift, shift, guess)
        exact = [
            -marginal(problem, phi + s, np.zeros((k, n_isomirs)), np.zeros(n), np.empty(len(phi)))
            for s in shift
        ]
        np.testing.assert_allclose(values, exact, rtol=0, atol=1e-3)


@pytest.mark.parametrize(("n", "n_isomirs", "k", "theta"), CASES)
def test_draws_have_the_covariance_of_the_dense_inverse(
    simulated: Any, n: int, n_isomirs: int, k: int, theta: float
) -> None:
    problem, phi = setting(simulated(n, n_isomirs, k, 1, theta=theta), theta)
    centre = centre_without_slopes(problem, phi)
    size = k * n_isomirs + n
    # A draw is linear in its normals: unit vectors give the columns of the map, zeros the mode.
    normals = np.vstack([np.zeros(size), np.eye(size)])
    b, u = drawn(problem, phi, centre, normals)
    np.testing.assert_allclose(b[0], centre.b.T, atol=1e-4)
    draws = np.hstack([b.reshape(size + 1, -1), u])
    root = (draws[1:] - draws[0]).T

    point = unpack(problem, phi)
    mu = np.exp(problem.offset[:, None] + (problem.x @ point.beta + centre.u)[:, None] + problem.z @ centre.b)
    t = 1 / (1 + mu / point.theta)
    weight = ((1 + problem.y / point.theta) * mu * t**2).ravel()
    # Cells in order (sample, isomiR), effects in order (isomiR, column of z), then samples.
    z_cells = np.einsum("ik,jm->ijmk", problem.z, np.eye(n_isomirs)).reshape(n * n_isomirs, -1)
    a = np.hstack([z_cells, np.repeat(np.eye(n), n_isomirs, axis=0)])
    prior = np.zeros((size, size))
    prior[: n_isomirs * k, : n_isomirs * k] = np.kron(
        np.eye(n_isomirs), np.linalg.inv(point.chol @ point.chol.T)
    )
    prior[n_isomirs * k :, n_isomirs * k :] = np.eye(n) / point.sigma**2
    covariance = np.linalg.inv(prior + a.T @ (weight[:, None] * a))
    np.testing.assert_allclose(root @ root.T, covariance, atol=2e-3 * np.abs(covariance).max())


@pytest.mark.parametrize("what", SIDES)
@pytest.mark.parametrize(("n", "n_isomirs"), [(20, 4), (6, 9)])
def test_values_with_more_on_the_sample_side(simulated: Any, n: int, n_isomirs: int, what: str) -> None:
    problem, phi = extended(simulated(n, n_isomirs, 2, 1), what)
    q, d = n_side(problem), len(phi)
    v, u = np.zeros((2, n_isomirs)), np.zeros(q)
    marginal(problem, phi, v, u, np.empty(d))
    centre = Centre(np.zeros((2, n_isomirs)), np.zeros(q), np.zeros((d, 2, n_isomirs)), np.zeros((d, q)))
    shift = np.random.default_rng(2).normal(scale=0.2, size=(5, d))
    values = values_around(problem, phi + shift, shift, centre)
    exact = [-marginal(problem, phi + s, v.copy(), u.copy(), np.empty(d)) for s in shift]
    np.testing.assert_allclose(values, exact, rtol=0, atol=1e-3)


def cells_and_inverse(
    problem: Problem, phi: np.ndarray, v: np.ndarray, u: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Dense design of all cells in (v by isomiR, sample side), dW/d eta, and the inverse precision; theta is 5."""
    n, n_isomirs = problem.y.shape
    point = unpack(problem, phi)
    side = np.hstack([0.4 * (problem.root if len(problem.root) else np.eye(n)), point.side.columns])
    eta = (problem.x @ point.beta + side @ u)[:, None] + problem.z @ point.chol @ v
    mu = np.exp(problem.offset[:, None] + eta)
    t = 1 / (1 + mu / 5.0)
    weight = (1 + problem.y / 5.0) * mu * t**2
    v_cells = np.einsum("ik,jm->ijmk", problem.z @ point.chol, np.eye(n_isomirs)).reshape(n * n_isomirs, -1)
    a = np.hstack([v_cells, np.repeat(side, n_isomirs, axis=0)])
    prior = np.concatenate([np.ones(2 * n_isomirs + n), point.side.precision])
    inverse = np.linalg.inv(np.diag(prior) + a.T @ (weight.ravel()[:, None] * a))
    return a, (weight * (2 * t - 1)).ravel(), inverse


@pytest.mark.parametrize("what", SIDES)
@pytest.mark.parametrize(("n", "n_isomirs"), [(20, 4), (6, 9)])
def test_draws_with_more_on_the_sample_side(simulated: Any, n: int, n_isomirs: int, what: str) -> None:
    """Against the dense inverse in spherical coordinates, taken to effects by the definitions."""
    problem, phi = extended(simulated(n, n_isomirs, 2, 1), what)
    q, d = n_side(problem), len(phi)
    size = 2 * n_isomirs + q
    v, u = np.zeros((2, n_isomirs)), np.zeros(q)
    marginal(problem, phi, v, u, np.empty(d))
    centre = Centre(np.zeros((2, n_isomirs)), np.zeros(q), np.zeros((d, 2, n_isomirs)), np.zeros((d, q)))
    normals = np.vstack([np.zeros(size), np.eye(size)])
    b, effects = drawn(problem, phi, centre, normals)
    draws = np.hstack([b.reshape(size + 1, -1), effects])
    root = (draws[1:] - draws[0]).T

    inverse = cells_and_inverse(problem, phi, v, u)[2]
    to_effects = np.eye(q)
    to_effects[:n, :n] = 0.4 * (problem.root if len(problem.root) else np.eye(n))
    if problem.width:
        first, subjects = q - problem.width, n // 2
        lower = np.kron(np.array([[0.5, 0.0], [0.2, 0.3]]), np.eye(subjects))
        to_effects[first : first + 2 * subjects, first : first + 2 * subjects] = lower
        to_effects[first + 2 * subjects :, first + 2 * subjects :] *= 0.4
    whole = np.zeros((size, size))
    whole[: 2 * n_isomirs, : 2 * n_isomirs] = np.kron(np.eye(n_isomirs), unpack(problem, phi).chol)
    whole[2 * n_isomirs :, 2 * n_isomirs :] = to_effects
    covariance = whole @ inverse @ whole.T
    np.testing.assert_allclose(root @ root.T, covariance, atol=2e-3 * np.abs(covariance).max())


def test_a_value_that_overflows_is_minus_infinity(simulated: Any) -> None:
    problem, phi = setting(simulated(9, 4, 1, 1), 5.0)
    centre = centre_without_slopes(problem, phi)
    phis = np.tile(phi, (2, 1))
    phis[1, 0] = 1e4
    values = values_around(problem, phis, np.zeros_like(phis), centre)
    assert np.isfinite(values[0])
    assert values[1] == -np.inf


@pytest.mark.parametrize("what", ["normal", "all"])
@pytest.mark.parametrize(("n", "n_isomirs"), [(20, 4), (6, 9)])
def test_root_of_the_fixed_effects_makes_their_draws(
    simulated: Any, n: int, n_isomirs: int, what: str
) -> None:
    problem, phi = extended(simulated(n, n_isomirs, 2, 1), what)
    p, q, d = problem.x.shape[1], n_side(problem), len(phi)
    centre = Centre(np.zeros((2, n_isomirs)), np.zeros(q), np.zeros((d, 2, n_isomirs)), np.zeros((d, q)))
    _, _, u, root = _evaluated(problem, phi[None], np.zeros((1, d)), centre)
    normals = np.random.default_rng(1).standard_normal((5, 2 * n_isomirs + q))
    _, effects = drawn(problem, phi, centre, normals)
    expected = u[0, n : n + p] + normals[:, -root.shape[2] :] @ root[0].T
    np.testing.assert_allclose(effects[:, n : n + p], expected, atol=1e-9)


@pytest.mark.parametrize("dose", [False, True], ids=["groups", "dose"])
@pytest.mark.parametrize("what", SIDES)
@pytest.mark.parametrize(("n", "n_isomirs"), [(20, 4), (6, 9)])
def test_skewed_draws_move_the_mean_as_the_third_derivatives_say(
    simulated: Any, n: int, n_isomirs: int, what: str, dose: bool
) -> None:
    """A draw is quadratic in its normals, and its mean is H^-1 A' k h / 2 off the mode: dense, from the definitions."""
    data = simulated(n, n_isomirs, 2, 1)
    if dose:
        data["z"] = np.column_stack([np.ones(n), np.linspace(-1.0, 1.0, n) ** 3])
    problem, phi = extended(data, what)
    q, d = n_side(problem), len(phi)
    v, u = np.zeros((2, n_isomirs)), np.zeros(q)
    marginal(problem, phi, v, u, np.empty(d))
    unit = np.eye(2 * n_isomirs + q)
    normals = np.vstack([0.0 * unit[:1], unit, -unit])
    b, out = np.empty((len(normals), n_isomirs, 2)), np.empty((len(normals), q))
    draw_effects(problem, phi[None], v[None], u[None], np.array([len(normals)]), normals, True, b, out)
    effects = np.hstack([b.reshape(len(normals), -1), out])
    mean = effects[0] + 0.5 * (effects[1:] - effects[0]).sum(axis=0)

    a, slope, inverse = cells_and_inverse(problem, phi, v, u)
    h = np.einsum("ca,ab,cb->c", a, inverse, a)
    shift = -0.5 * inverse @ a.T @ (slope * h)
    chol = unpack(problem, phi).chol
    np.testing.assert_allclose(
        mean[: 2 * n_isomirs].reshape(n_isomirs, 2),
        (v.T + shift[: 2 * n_isomirs].reshape(n_isomirs, 2)) @ chol.T,
        atol=1e-6,
    )
    inner = problem.x.shape[1] if problem.inner else 0
    moved = u + shift[2 * n_isomirs :]
    np.testing.assert_allclose(mean[2 * n_isomirs + n :][:inner], moved[n : n + inner], atol=1e-6)
    samples = 0.4 * (problem.root @ moved[:n] if len(problem.root) else moved[:n])
    np.testing.assert_allclose(mean[2 * n_isomirs : 2 * n_isomirs + n], samples, atol=1e-6)


@pytest.mark.parametrize(("n", "n_isomirs"), [(20, 4), (6, 9)])
def test_a_point_has_the_same_value_in_any_company(simulated: Any, n: int, n_isomirs: int) -> None:
    problem, phi = extended(simulated(n, n_isomirs, 2, 1), "all")
    q, d = n_side(problem), len(phi)
    centre = Centre(np.zeros((2, n_isomirs)), np.zeros(q), np.zeros((d, 2, n_isomirs)), np.zeros((d, q)))
    shift = np.random.default_rng(3).normal(scale=0.5, size=(150, d))
    values, v, u, root = _evaluated(problem, phi + shift, shift, centre)
    for s in (0, 77, 149):
        alone = _evaluated(problem, phi + shift[s : s + 1], shift[s : s + 1], centre)
        for many, one in zip((values, v, u, root), alone, strict=True):
            np.testing.assert_allclose(many[s], one[0], rtol=1e-12, atol=1e-12)
