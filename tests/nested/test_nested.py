"""The nested posterior: its density is build_model's, its integral that of a fine grid, its draws right."""

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

import bayes_mirglmm as bm
from bayes_mirglmm.counts.container import make_counts, sample_table
from bayes_mirglmm.counts.offsets import log_offset
from bayes_mirglmm.design.build import build_design
from bayes_mirglmm.marginal import Centre, compile_batch, fit_marginal, make_problem
from bayes_mirglmm.marginal.problem import n_side
from bayes_mirglmm.model import ModelSpec
from bayes_mirglmm.model.scaling import fixed_effect_priors, to_user
from bayes_mirglmm.nested import NestedPosterior, PriorCoordinates, nested_posterior
from bayes_mirglmm.nested.importance import ImportanceSample
from bayes_mirglmm.nested.maximum import maximise
from bayes_mirglmm.nested.nested import _finite_draws
from bayes_mirglmm.nested.target import Target

LOG_2PI = np.log(2 * np.pi)
SIGNS = ((1, 1), (1, -1), (-1, 1), (-1, -1))


def small_counts(n: int = 8, j: int = 3):
    rng = np.random.default_rng(0)
    samples = pd.DataFrame(
        {"group": list("aabbaabb")[:n], "age": rng.normal(40.0, 9.0, n)}, index=[f"s{i}" for i in range(n)]
    )
    return make_counts(
        rng.negative_binomial(2, 0.02, size=(j, n)),
        isomir=[f"i{k}" for k in range(j)],
        mirna=["m"] * j,
        sample=list(samples.index),
        samples=samples,
        total=np.full(n, 10**6) + rng.integers(0, 10**5, size=n),
    )


def without_sample_effect(name: str) -> ModelSpec:
    table = bm.load_model(name).to_dict()
    table["random_effects"]["sample_intercept"] = False
    del table["priors"]["sd_sample"]
    return ModelSpec.from_dict(table)


def flat(target: Target, x: np.ndarray) -> np.ndarray:
    """Values at many points, without a useful centre."""
    n_isomirs = target.problem.y.shape[1]
    k, d, q = target.problem.z.shape[1], target.prior.size, n_side(target.problem)
    centre = Centre(np.zeros((k, n_isomirs)), np.zeros(q), np.zeros((d, k, n_isomirs)), np.zeros((d, q)))
    return target.log_densities(x, np.zeros(d), centre)[0]


@pytest.mark.parametrize("inner", [False, True])
def test_density_is_that_of_build_model_with_its_effects_integrated_out(scale_coordinates, inner: bool):
    """By the model's own log density, its own gradient's differences for the Hessian, and the change of variables.

    Random effects alone, or fixed effects too.
    """
    counts = small_counts()
    formula = "~ group + age"
    model = bm.build_model(counts, "m", formula)
    design = build_design(sample_table(counts), formula)
    to_beta, to_b = to_user(design.x), to_user(design.z)
    y = counts["counts"].values
    spec = bm.load_model("mirglmm")
    fixed = fixed_effect_priors(spec.priors, 3)
    scaled = design.x @ to_beta
    problem, order = make_problem(
        y.T,
        log_offset(counts).values + (scaled @ fixed.mean if inner else 0.0),
        scaled,
        design.z @ to_b,
        np.zeros(2, dtype=int),
        precision=fixed.sd**-2.0 if inner else None,
    )
    prior = PriorCoordinates.of(spec, 0 if inner else 3, (0, 0))
    target = Target(problem, prior)
    density = model.compile_fn([model.logp(), model.dlogp()], mode="FAST_COMPILE")
    names = [value.name for value in model.value_vars]
    k, (j, n) = 2, y.shape
    means = fixed.mean

    def outer(x: np.ndarray) -> dict[str, np.ndarray]:
        phi = prior.parameters(x[None])[0]
        beta, phi = ({}, phi) if inner else ({"beta_scaled": phi[:3]}, phi[3:])
        factor = np.array([[phi[0], 0.0], [phi[1], phi[2]]])
        return {
            **beta,
            **scale_coordinates(factor),
            "sd_sample_log__": np.log(phi[3:4])[0],
            "log_theta": phi[4:5][0],
        }

    def vector(x: np.ndarray) -> np.ndarray:
        return np.concatenate([np.atleast_1d(value) for value in outer(x).values()])

    rng = np.random.default_rng(1)
    for _ in range(4):
        x = 0.7 * rng.normal(size=prior.size)
        found = target.values_and_gradients(x[None])
        value = found.value[0]
        fixed = {name: np.asarray(part) for name, part in outer(x).items()}
        v, u, w = found.points.v[0].T.copy(), found.points.u[0], np.empty(n)
        w[order] = u[:n]

        def at(effects: np.ndarray, fixed=fixed) -> tuple[float, np.ndarray]:
            point = fixed | {"v": effects[: j * k].reshape(j, k), "w": effects[j * k : j * k + n]}
            point |= {"beta_scaled": effects[j * k + n :]} if inner else {}
            log_density, gradient = density(point)
            sizes = [np.size(point[name]) for name in names]
            pieces = dict(zip(names, np.split(gradient, np.cumsum(sizes)[:-1]), strict=True))
            own = ["v", "w", "beta_scaled"] if inner else ["v", "w"]
            return float(log_density), np.concatenate([pieces[name] for name in own])

        effects = np.concatenate([v.ravel(), w, (means + u[n:]) if inner else []])
        joint, gradient = at(effects)
        assert np.abs(gradient).max() < 1e-5  # it is the mode
        steps = 1e-5 * np.eye(len(effects))
        hessian = np.array([(at(effects + s)[1] - at(effects - s)[1]) / 2e-5 for s in steps])
        laplace = joint + 0.5 * len(effects) * LOG_2PI - 0.5 * np.linalg.slogdet(-hessian)[1]
        moves = 1e-5 * np.eye(prior.size)
        jacobian = np.array([(vector(x + m) - vector(x - m)) / 2e-5 for m in moves])
        assert value == pytest.approx(laplace + np.linalg.slogdet(jacobian)[1], abs=1e-5)


def test_gradient_is_that_of_the_value():
    counts = small_counts()
    design = build_design(sample_table(counts), "~ group")
    problem, _ = make_problem(
        counts["counts"].values.T, np.zeros(8), design.x, design.z, np.zeros(2, dtype=int)
    )
    target = Target(problem, PriorCoordinates.of(bm.load_model("mirglmm"), 2, (0, 0)))
    x = np.random.default_rng(2).normal(size=target.prior.size)
    steps = 1e-3 * np.eye(len(x))  # the mode is found to 1e-8, which a shorter step would show
    found = target.values_and_gradients(np.concatenate([x[None], x + steps, x - steps]))
    up, down = np.split(found.value[1:], 2)
    np.testing.assert_allclose(found.gradient[0], (up - down) / 2e-3, atol=1e-4)


def test_climb_ends_at_the_mode_with_its_curvature_and_how_the_effects_move():
    """By differences of values alone, and by modes that were searched for from zero."""
    counts = small_counts()
    design = build_design(sample_table(counts), "~ group")
    problem, _ = make_problem(
        counts["counts"].values.T,
        np.full(8, 4.0),
        design.x,
        design.z,
        np.zeros(2, dtype=int),
        precision=np.full(2, 0.2),
    )
    prior = PriorCoordinates.of(bm.load_model("mirglmm"), 0, (0, 0))
    top = maximise(Target(problem, prior), [np.zeros(prior.size), np.full(prior.size, 0.3)])
    target = Target(problem, prior)
    d, h = prior.size, 1e-2
    corners = np.array([[a, b] for a in range(d) for b in range(d)])
    one = np.eye(d)
    shifts = [h * (s * one[corners[:, 0]] + t * one[corners[:, 1]]) for s, t in SIGNS]
    values = [target.values_and_gradients(top.x + shift).value for shift in shifts]
    curvature = -sum(s * t * value for (s, t), value in zip(SIGNS, values, strict=True)) / (4 * h * h)
    np.testing.assert_allclose(top.covariance @ curvature.reshape(d, d), one, atol=2e-3)
    centre = target.values_and_gradients(top.x[None])
    assert centre.gradient[0] @ top.covariance @ centre.gradient[0] < 2 * 1e-3
    move = 0.01 * np.random.default_rng(1).normal(size=d)
    ends = target.values_and_gradients(np.array([top.x + move, top.x - move])).points
    for ours, slopes in ((ends.b, top.centre.b_slopes), (ends.effects, top.centre.u_slopes)):
        np.testing.assert_allclose(ours[0] - ours[1], 2 * np.tensordot(move, slopes, 1), atol=1e-5)


def moments(sample: ImportanceSample) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Weighted mean and SD, and their standard errors by the delta method."""
    w = sample.weights
    mean = w @ sample.x
    square = (sample.x - mean) ** 2
    sd = np.sqrt(w @ square)
    return mean, sd, np.sqrt(w**2 @ square), np.sqrt(w**2 @ (square - sd**2) ** 2) / (2 * sd)


@pytest.mark.parametrize(("name", "points"), [("poisson", 121), ("mirglmm", 41)])
def test_evidence_and_moments_are_those_of_a_fine_grid(name: str, points: int, chance, own_numbers):
    """One outer parameter (isomiR SD), or two (theta as well): the trapezoidal rule is exact here."""
    compile_batch()
    spec = without_sample_effect(name).reduced()
    with own_numbers():
        y = np.random.default_rng(3).negative_binomial(4, 0.1, size=(4, 5))
    one = np.ones((5, 1))
    options = {"has_sample": False, "poisson": name == "poisson"}
    intercept = spec.priors.intercept
    problem, _ = make_problem(
        y.T, np.full(5, intercept.mean), one, one, precision=np.array([intercept.sd**-2.0]), **options
    )
    target = Target(problem, PriorCoordinates.of(spec, 0, (0,)))
    d = target.prior.size
    samples = [
        nested_posterior(
            y,
            np.zeros(5),
            one,
            one,
            blocks=(0,),
            spec=spec,
            rng=np.random.default_rng(seed),
            draws=16,
        ).sample
        for seed in range(8)
    ]
    mean, sd, mean_error, sd_error = (np.array(part) for part in zip(*map(moments, samples), strict=True))
    axes = [np.linspace(m - 8 * s, m + 8 * s, points) for m, s in zip(mean[0], sd[0], strict=True)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, d)
    values = flat(target, grid)
    cell = np.prod([axis[1] - axis[0] for axis in axes])
    truth = special.logsumexp(values) + np.log(cell)
    weights = np.exp(values - special.logsumexp(values))
    exact = weights @ grid
    exact_sd = np.sqrt(weights @ (grid - exact) ** 2)
    evidence = np.array([(s.log_evidence - truth) / s.log_evidence_error for s in samples])[:, None]
    for errors in (evidence, (mean - exact) / mean_error, (sd - exact_sd) / sd_error):
        comparisons = 2 * errors.shape[1]
        assert (np.abs(errors.mean(axis=0)) < chance.z(comparisons) / np.sqrt(len(samples))).all()
        assert (np.sqrt(np.mean(errors**2, axis=0)) < chance.ratio(len(samples), comparisons)[1]).all()
    # Most samples are precise; one in ten has a point of large weight in the tail of the smallest SD.
    assert (np.median(mean_error, axis=0) < 0.1 * exact_sd).all()
    assert (np.median(sd_error, axis=0) < 0.25 * exact_sd).all()


def test_without_counts_the_posterior_is_near_the_prior_where_zeros_say_nothing():
    """All counts 0 at an exposure of exp(-60): the likelihood is 1 everywhere that matters.

    Over 24 seeds the evidence varied by 0.007, means and standard deviations by up to 0.011, the mean SDs by 0.5 %:
    the limits are 7 times as wide, or more.
    """
    spec = bm.load_model("mirglmm")
    z = np.column_stack([np.ones(6), np.repeat([0.0, 1.0], 3)])
    found = nested_posterior(
        np.zeros((3, 6)), np.full(6, -60.0), z, z, blocks=(0, 0), spec=spec, rng=np.random.default_rng(5)
    )
    assert found.sample.log_evidence == pytest.approx(0.0, abs=0.05)
    mean = found.sample.weights @ found.sample.x
    np.testing.assert_allclose(mean, 0.0, atol=0.1)
    np.testing.assert_allclose(np.sqrt(found.sample.weights @ found.sample.x**2), 1.0, atol=0.1)
    sd = np.sqrt(np.einsum("skk->sk", found.omega))
    np.testing.assert_allclose(found.weights @ sd, np.array([2.5, 1.0]) * np.sqrt(2 / np.pi), rtol=0.1)


def test_isomir_and_sample_effects_match_a_gaussian_limit():
    """Large counts, Poisson: the effects are known to their least-squares values."""
    spec = bm.load_model("poisson")
    rng = np.random.default_rng(6)
    z = np.column_stack([np.ones(8), np.repeat([0.0, 1.0], 4)])
    b, u = rng.normal(size=(6, 2)) * [1.0, 0.5], 0.3 * rng.normal(size=8)
    y = rng.poisson(np.exp(12.0 + b @ z.T + u))
    found = nested_posterior(y, np.zeros(8), z, z, blocks=(0, 0), spec=spec, rng=np.random.default_rng(7))
    weights = found.weights
    level = np.einsum("sj,s->j", found.beta[:, :1] + found.b[:, :, 0], weights)
    contrast = found.b[:, :, 1] - found.b[:, :, 1].mean(axis=1, keepdims=True)
    own = np.log(y[:, 4:].sum(axis=1)) - np.log(y[:, :4].sum(axis=1))
    np.testing.assert_allclose(weights @ contrast, own - own.mean(), atol=0.02)
    assert np.corrcoef(level, np.log(y[:, :4].sum(axis=1)))[0, 1] > 0.999
    within = found.u - found.u[:, :4].mean(axis=1, keepdims=True)
    expected = u - u[:4].mean()
    np.testing.assert_allclose((weights @ within)[:4], expected[:4], atol=0.02)


@pytest.mark.parametrize(("per_group", "low", "high"), [(3, -2.2, 0.3), (20, -3.5, -1.0)])
def test_null_slopes_give_a_negative_log_bayes_factor_that_grows_with_the_data(
    per_group: int, low: float, high: float, own_numbers
):
    """About -1.2 with 6 samples and -2.3 with 40, on average."""
    spec = bm.load_model("mirglmm")
    with own_numbers():
        simulation = bm.simulate(per_group, n_mirnas=6, usage=0.0, n_isomirs=10, seed=8)
    z = np.column_stack([np.ones(2 * per_group), np.repeat([0.0, 1.0], per_group)])
    offset = log_offset(simulation.counts).values
    factors = []
    for mirna in simulation.truth.mirnas["mirna"]:
        y = simulation.counts["counts"].values[simulation.counts["mirna"].values == mirna]
        evidence = [
            nested_posterior(
                y,
                offset,
                z,
                z[:, :k],
                blocks=(0,) * k,
                spec=model,
                rng=np.random.default_rng(9),
                draws=16,
                stages=(128, 128, 256),
            ).sample.log_evidence
            for k, model in ((2, spec), (1, spec.reduced()))
        ]
        factors.append(evidence[0] - evidence[1])
    assert low < np.mean(factors) < high


def test_a_start_on_a_boundary_or_at_infinity_is_pulled_in(own_numbers, chance):
    from bayes_mirglmm.nested import Start

    spec = bm.load_model("mirglmm")
    with own_numbers():
        rng = np.random.default_rng(10)
    z = np.column_stack([np.ones(8), np.repeat([0.0, 1.0], 4)])
    y = rng.poisson(50.0, size=(5, 8))
    start = Start(np.diag([0.0, 0.0]), 0.0, np.inf)
    with_start, without = (
        nested_posterior(
            y, np.zeros(8), z, z, blocks=(0, 0), spec=spec, rng=np.random.default_rng(11), start=s
        ).sample
        for s in (start, None)
    )
    error = np.hypot(with_start.log_evidence_error, without.log_evidence_error)
    assert with_start.log_evidence == pytest.approx(without.log_evidence, abs=chance.z() * error)
    assert stats.norm.cdf(with_start.weights @ with_start.x[:, -1]) > 0.5  # no overdispersion: theta is large


def test_a_draw_without_finite_values_is_left_out_and_counted():
    weights = np.array([0.25, 0.0, 0.7, 0.05])
    omega, beta = np.ones((4, 2, 2)), np.arange(4.0)[:, None]
    omega[1] = np.inf
    kept, lost, dropped, (clean, coefficients) = _finite_draws(weights, omega, beta)
    assert (dropped, lost) == (1, 0.0)
    assert np.isfinite(np.einsum("n,nab->ab", kept, clean)).all()
    np.testing.assert_array_equal(kept, weights)
    assert coefficients[1, 0] == 2.0  # the heaviest draw stands in its place
    same, lost, dropped, _ = _finite_draws(weights, np.ones((4, 2, 2)))
    assert same is weights
    assert (dropped, lost) == (0, 0.0)
    # Where it has weight, what it stood for is lost, and that is told.
    omega[3] = np.nan
    kept, lost, dropped, _ = _finite_draws(weights, omega)
    assert dropped == 2
    assert lost == pytest.approx(0.05)
    np.testing.assert_allclose(kept, [0.25 / 0.95, 0, 0.7 / 0.95, 0])


def posterior_of(counts: np.ndarray, seed: int, columns: int = 2) -> NestedPosterior:
    z = np.column_stack([np.ones(8), np.repeat([0.0, 1.0], 4)])
    spec = bm.load_model("mirglmm") if columns == 2 else bm.load_model("mirglmm").reduced()
    rng = np.random.default_rng([seed, columns])
    return nested_posterior(counts, np.zeros(8), z, z[:, :columns], blocks=(0,) * columns, spec=spec, rng=rng)


def test_seeds_agree(own_numbers):
    """Eight samples and five isomiRs, the hardest class: log fold change and Bayes factor over seeds.

    Over 39 miRNAs and 5 seeds root mean squares of the errors were 0.002 SD for means, 0.6 % for SDs, 0.015 SD for ends
    and 0.01 for log Bayes factors; the limits are six times as wide, or more.
    """
    with own_numbers():
        rng = np.random.default_rng(3)
        b = rng.normal(size=(5, 2)) * [1.5, 0.5]
        eta = 3.0 + b[:, :1] + b[:, 1:] * np.repeat([0.0, 1.0], 4) + 0.3 * rng.normal(size=8)
        counts = rng.negative_binomial(5.0, 5.0 / (5.0 + np.exp(eta)))
    found = []
    for seed in range(5):
        full = posterior_of(counts, seed)
        values, weights = full.beta[:, 1], full.weights
        mean = weights @ values
        order = np.argsort(values)
        ends = np.interp([0.025, 0.975], np.cumsum(weights[order]), values[order])
        evidence = full.sample.log_evidence - posterior_of(counts, seed, columns=1).sample.log_evidence
        found.append([mean, np.sqrt(weights @ (values - mean) ** 2), *ends, evidence])
    centre = np.mean(found, axis=0)
    error = np.abs(np.array(found) - centre)
    assert (error[:, 0] < 0.02 * centre[1]).all()
    assert (error[:, 1] < 0.04 * centre[1]).all()
    assert (error[:, 2:4] < 0.1 * centre[1]).all()
    assert (error[:, 4] < 0.06).all()


def test_a_group_without_counts_has_the_posterior_of_importance_sampling_over_all_parameters():
    """The conditional of such a coefficient is far from normal: the correction for skewness must carry it.

    The numbers are weighted means and quantiles of 2 x 17,000 points over fixed effects and variances, without any
    normal approximation of the fixed effects. Ends of the interval come out a tenth of an SD too close together.
    """
    counts = np.array([[0] * 4 + [9, 14, 7, 11], [0] * 4 + [3, 5, 2, 4]])
    found = posterior_of(counts, 1)
    values = found.beta[:, 1]
    order = np.argsort(values)
    quantiles = np.interp([0.025, 0.5, 0.975], np.cumsum(found.weights[order]), values[order])
    np.testing.assert_allclose(quantiles, [1.757, 4.109, 6.817], atol=0.15 * 1.266)
    assert found.weights @ values == pytest.approx(4.161, abs=0.06)


def test_log_likelihood_is_that_of_the_best_point_and_its_fixed_effects(own_numbers):
    """Which is not far below the largest one, that of maximum likelihood, and never above it."""
    with own_numbers():
        counts = np.random.default_rng(4).negative_binomial(3, 0.05, size=(4, 8))
    z = np.column_stack([np.ones(8), np.repeat([0.0, 1.0], 4)])
    best = fit_marginal(counts, np.zeros(8), z, z).log_likelihood
    found = posterior_of(counts, 0).log_likelihood
    assert best - 3.0 < found < best + 1e-6
