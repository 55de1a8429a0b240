"""Random terms and a covariance of the samples in the nested posterior: the readable model's density, and limits."""

import numpy as np
import pandas as pd
import pytest
from scipy import optimize

import bayes_mirglmm as bm
from bayes_mirglmm.counts.container import sample_table
from bayes_mirglmm.counts.offsets import log_offset
from bayes_mirglmm.design.build import build_design
from bayes_mirglmm.marginal import Terms, make_problem
from bayes_mirglmm.model import ModelSpec
from bayes_mirglmm.model.scaling import fixed_effect_priors, to_user
from bayes_mirglmm.model.term_priors import TermPriors
from bayes_mirglmm.nested import PriorCoordinates, nested_posterior
from bayes_mirglmm.nested.target import Target

FORMULA = "~ tissue + (time | patient) + (1 | ward)"
N, J = 8, 3
LOG_2PI = np.log(2 * np.pi)


@pytest.fixture(scope="module")
def counts(counts_of_patients):
    return counts_of_patients


def test_there_and_back(counts):
    spec = bm.load_model("mirglmm")
    terms = TermPriors.of(spec.priors, build_design(sample_table(counts), FORMULA).random)
    prior = PriorCoordinates.of(spec, 0, (0, 0), terms)
    assert prior.size == 3 + 4 + 2
    x = np.random.default_rng(1).normal(size=(20, prior.size))
    for one, phi in zip(x, prior.parameters(x), strict=True):
        np.testing.assert_allclose(prior.coordinates(phi), one, atol=1e-7)


def test_density_is_that_of_build_model_with_everything_else_integrated_out(counts, scale_coordinates):
    """The mode by a search over the model's own log density, its gradient's differences for the Hessian."""
    root = np.random.default_rng(6).normal(size=(N, N + 2))
    covariance = root @ root.T / N
    spec = bm.load_model("mirglmm").with_prior("sd_term", scale=0.8)
    model = bm.build_model(counts, "m", FORMULA, model=spec, sample_covariance=covariance)
    design = build_design(sample_table(counts), FORMULA)
    terms = TermPriors.of(spec.priors, design.random)
    fixed = fixed_effect_priors(spec.priors, 2)
    x = design.x @ to_user(design.x)
    problem, _ = make_problem(
        counts["counts"].values.T,
        log_offset(counts).values + x @ fixed.mean,
        x,
        design.z @ to_user(design.z),
        np.zeros(2, dtype=int),
        precision=fixed.sd**-2.0,
        terms=Terms(terms.columns, terms.levels),
        sample_covariance=covariance,
    )
    prior = PriorCoordinates.of(spec, 0, (0, 0), terms)
    target = Target(problem, prior)
    density = model.compile_fn([model.logp(), model.dlogp()], mode="FAST_COMPILE")
    names = [value.name for value in model.value_vars]
    start = model.initial_point()

    def outer(at: np.ndarray) -> dict[str, np.ndarray]:
        phi = prior.parameters(at[None])[0]
        found = {**scale_coordinates(np.array([[phi[0], 0.0], [phi[1], phi[2]]]))}
        for label, factor in (
            ("_patient", np.array([[phi[3], 0.0], [phi[4], phi[5]]])),
            ("_ward", phi[6:7, None]),
        ):
            found |= scale_coordinates(factor, label)
        found |= {"sd_sample_log__": np.log(phi[7]), "log_theta": phi[8]}
        return {name: np.asarray(value).reshape(start[name].shape) for name, value in found.items()}

    def vector(at: np.ndarray) -> np.ndarray:
        return np.concatenate([value.ravel() for value in outer(at).values()])

    inner = [name for name in names if name not in outer(np.zeros(prior.size))]
    sizes = [start[name].size for name in inner]
    assert sum(sizes) == 2 * J + N + 2 + 3 * 2 + 2
    rng = np.random.default_rng(1)
    for _ in range(3):
        x_outer = 0.6 * rng.normal(size=prior.size)
        known = outer(x_outer)

        def at(values: np.ndarray, known=known) -> tuple[float, np.ndarray]:
            parts = np.split(values, np.cumsum(sizes)[:-1])
            point = {name: part.reshape(start[name].shape) for name, part in zip(inner, parts, strict=True)}
            log_density, gradient = density(known | point)
            every = dict(
                zip(
                    names,
                    np.split(gradient, np.cumsum([start[name].size for name in names])[:-1]),
                    strict=True,
                )
            )
            return -float(log_density), -np.concatenate([every[name] for name in inner])

        mode = optimize.minimize(at, np.zeros(sum(sizes)), jac=True, options={"gtol": 1e-7}).x
        steps = 1e-5 * np.eye(len(mode))
        hessian = np.array([(at(mode + s)[1] - at(mode - s)[1]) / 2e-5 for s in steps])
        laplace = -at(mode)[0] + 0.5 * len(mode) * LOG_2PI - 0.5 * np.linalg.slogdet(hessian)[1]
        moves = 1e-5 * np.eye(prior.size)
        jacobian = np.array([(vector(x_outer + m) - vector(x_outer - m)) / 2e-5 for m in moves])
        found = target.values_and_gradients(x_outer[None])
        value, gradient = found.value[0], found.gradient[0]
        assert value == pytest.approx(laplace + np.linalg.slogdet(jacobian)[1], abs=2e-5)
        steps = 1e-3 * np.eye(prior.size)
        up, down = (target.values_and_gradients(x_outer + s).value for s in (steps, -steps))
        np.testing.assert_allclose(gradient, (up - down) / 2e-3, atol=1e-4)


def test_a_term_is_a_covariance(counts, chance):
    """Wards alone are the same model as sample effects with the covariance Z Z'."""
    table = bm.load_model("reduced").to_dict()
    table["random_effects"]["sample_intercept"] = False
    del table["priors"]["sd_sample"]
    spec = bm.load_model("reduced")
    design = build_design(sample_table(counts), "~ tissue + (1 | patient)")
    z = design.random[0].indicators
    data = counts["counts"].values, log_offset(counts).values, design.x, np.ones((N, 1))
    by_term = nested_posterior(
        *data,
        blocks=(0,),
        spec=ModelSpec.from_dict(table),
        rng=np.random.default_rng(1),
        terms=TermPriors.of(spec.priors, design.random),
    )
    by_covariance = nested_posterior(
        *data, blocks=(0,), spec=spec, rng=np.random.default_rng(2), sample_covariance=z @ z.T
    )
    # Errors of independent points, which these are more precise than.
    errors = np.hypot(by_term.sample.log_evidence_error, by_covariance.sample.log_evidence_error)
    assert by_term.sample.log_evidence == pytest.approx(by_covariance.sample.log_evidence, abs=5 * errors)
    shared = by_term.random_effect @ z.T
    pairs = [(by_term.beta[:, 1], by_covariance.beta[:, 1])]
    pairs += [(by_term.random_cov[:, 0, 0] ** 0.5, by_covariance.sigma_sample)]
    pairs += [(shared[:, i], by_covariance.u[:, i]) for i in (0, 3, 7)]
    deviations = []
    for one, other in pairs:
        for q in (0.25, 0.5, 0.75):
            ours, low, high = quantiles(one, by_term.weights, [q, q - 0.1, q + 0.1])
            theirs = quantiles(other, by_covariance.weights, [q])[0]
            error = np.sqrt(2 * q * (1 - q) / 1536) * (high - low) / 0.2
            deviations.append((ours - theirs) / error)
    assert np.abs(deviations).max() < chance.z(len(deviations))


def quantiles(values: np.ndarray, weights: np.ndarray, probs: list[float]) -> np.ndarray:
    order = np.argsort(values)
    return np.interp(probs, np.cumsum(weights[order]), values[order])


def test_slopes_come_back_in_the_users_units():
    """Large Poisson counts: each patient's own line in time is known."""
    rng = np.random.default_rng(7)
    patients, per = 6, 4
    time = np.tile([0.0, 10.0, 20.0, 30.0], patients)
    patient = np.repeat(np.arange(patients), per)
    level, slope = rng.normal(size=patients), 0.05 * rng.normal(size=patients)
    y = rng.poisson(np.exp(12.0 + level[patient] + slope[patient] * time), size=(3, len(time)))
    samples = pd.DataFrame({"time": time, "patient": [f"p{i}" for i in patient]})
    design = build_design(samples, "~ time + (time | patient)")
    spec = bm.load_model("poisson").reduced()
    found = nested_posterior(
        y,
        np.zeros(len(time)),
        design.x,
        np.ones((len(time), 1)),
        blocks=(0,),
        spec=spec,
        rng=np.random.default_rng(3),
        terms=TermPriors.of(spec.priors, design.random),
    )
    assert found.random_effect.shape == (1536, 2 * patients)
    effects = found.weights @ found.random_effect
    own = effects[:patients] + found.weights @ found.beta[:, 0]
    np.testing.assert_allclose(own - own.mean(), level - level.mean(), atol=0.02)
    slopes = effects[patients:] + found.weights @ found.beta[:, 1]
    np.testing.assert_allclose(slopes, slope, atol=1e-3)
    sd_slope = found.weights @ np.sqrt(found.random_cov[:, 1, 1])
    assert sd_slope == pytest.approx(slope.std(), rel=0.6)
