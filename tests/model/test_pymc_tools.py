"""The readable model in the hands of PyMC's own tools, nested in an outer model, and as it prints."""

from importlib.util import find_spec

import numpy as np
import pymc as pm
import pytest
from scipy.special import logit

import bayes_mirglmm as bm

MODE = "FAST_COMPILE"  # the graphs are small: compiling faster pays
FAST = {"mode": MODE}


@pytest.fixture(scope="module")
def counts():
    return bm.simulate(3, n_mirnas=2, n_isomirs=3, seed=1).counts


@pytest.fixture(scope="module")
def model(counts):
    return bm.build_model(counts, "sim-miR-1", "~ group")


def moved(model, seed=3):
    """A point away from the start, of the model's value variables."""
    rng = np.random.default_rng(seed)
    return {name: value + 0.3 * rng.normal(size=value.shape) for name, value in model.initial_point().items()}


def test_a_copy_has_the_same_density(model):
    copy, point = model.copy(), moved(model)
    assert set(copy.named_vars) == set(model.named_vars)
    assert copy.coords == model.coords
    expected = model.compile_logp(mode=MODE)(point)
    assert copy.compile_logp(mode=MODE)(point) == pytest.approx(expected, rel=1e-12)


def test_do_sets_a_coefficient(model):
    done = pm.do(model, {"beta": np.array([3.0, 1.0]), "sd_sample": 0.2})
    assert {variable.name for variable in done.free_RVs} == {v.name for v in model.free_RVs} - {
        "beta",
        "sd_sample",
    }
    assert np.isfinite(done.compile_logp(mode=MODE)(done.initial_point()))


def test_observe_takes_a_value_as_data(model):
    seen = pm.observe(model, {"log_theta": 1.3})
    point = moved(model) | {"log_theta": np.asarray(1.3)}
    without = {name: value for name, value in point.items() if name != "log_theta"}
    expected = model.compile_logp(mode=MODE)(point)
    assert seen.compile_logp(mode=MODE)(without) == pytest.approx(expected, rel=1e-12)


def test_prior_predictive_and_log_likelihood(model):
    prior = pm.sample_prior_predictive(5, model=model, random_seed=1, compile_kwargs=FAST)
    assert prior["prior_predictive"]["counts"].shape == (1, 5, 3, 6)
    assert list(prior["prior"]["beta"]["term"].values) == ["Intercept", "group[T.B]"]
    tree = type(prior).from_dict({"posterior": prior["prior"].to_dataset()})
    found = pm.compute_log_likelihood(tree, model=model, progressbar=False, compile_kwargs=FAST)
    draws = prior["prior"].to_dataset().isel(chain=0, draw=2)
    theta, mu = float(draws["theta"]), draws["mu"].values
    observed = model.rvs_to_values[model["counts"]].data
    expected = pm.logp(pm.NegativeBinomial.dist(mu=mu, alpha=theta), observed).eval(mode=MODE)
    np.testing.assert_allclose(found["log_likelihood"]["counts"].values[0, 2], expected, rtol=1e-8)


@pytest.mark.filterwarnings("ignore:`find_MAP` will:FutureWarning")
def test_the_mode_is_found(model):
    found = pm.find_MAP(model=model, progressbar=False, compile_kwargs=FAST)
    point = {}
    for name, start in model.initial_point().items():
        own = name.removesuffix("_log__").removesuffix("_logodds__")
        value = np.asarray(found[own])
        moved = np.log(value) if name.endswith("_log__") else logit(value) if own != name else value
        point[name] = moved.reshape(start.shape)
    density = model.compile_logp(mode=MODE)
    assert density(point) > density(model.initial_point()) + 1


@pytest.mark.slow
@pytest.mark.parametrize("sampler", ["pymc", "nutpie", "numpyro", "blackjax"])
def test_samplers_take_it(model, sampler):
    if find_spec(sampler) is None:
        pytest.skip(f"{sampler} is not installed")
    trace = pm.sample(
        30,
        tune=30,
        chains=1,
        model=model,
        random_seed=1,
        progressbar=False,
        nuts_sampler=sampler,
        compute_convergence_checks=False,
    )
    assert trace["posterior"]["beta"].dims == ("chain", "draw", "term")
    assert np.isfinite(trace["posterior"]["mu"].values).all()


def test_two_models_nest_in_one(counts, model):
    with pm.Model() as outer:
        first = bm.build_model(counts, "sim-miR-1", "~ group", prefix="a")
        second = bm.build_model(counts, "sim-miR-2", "~ group", prefix="b")
    alone = bm.build_model(counts, "sim-miR-2", "~ group")
    assert "a::beta" in outer.named_vars
    assert second["beta"] is outer["b::beta"]
    assert outer.named_vars_to_dims["a::counts"] == ("a::isomir", "a::sample_id")
    assert list(outer.coords["b::isomir"]) == list(alone.coords["isomir"])
    assert first.description == model.description
    one, two = moved(model, 1), moved(alone, 2)
    both = {f"a::{name}": value for name, value in one.items()} | {
        f"b::{n}": value for n, value in two.items()
    }
    expected = model.compile_logp(mode=MODE)(one) + alone.compile_logp(mode=MODE)(two)
    assert outer.compile_logp(mode=MODE)(both) == pytest.approx(expected, rel=1e-12)
    assert set(outer.copy().named_vars) == set(outer.named_vars)


def test_it_prints_as_the_model_that_it_is(counts, model):
    text = str(model)
    assert text == repr(model)
    assert text.startswith("Model mirglmm of sim-miR-1: 3 isomiRs in 6 samples, ~ group")
    lines = [line.strip() for line in text.splitlines()]
    for line in (
        "counts[isomir, sample_id] ~ NegativeBinomial(mu, theta)",
        "log mu = offset + x beta + b z' + u",
        "beta[Intercept] ~ Normal(4, 5)",
        "beta[group[T.B]] ~ Normal(0, 2.5)",
        "sd_isomir[group[T.B]] ~ HalfNormal(1)",
        "correlation[Intercept, group[T.B]] ~ LKJ(2)",
        "log theta ~ Normal(1, 1.5)",
    ):
        assert line in lines
    assert "partial_block0 ~ Beta(2, 2)" in model.str_repr()
    assert "group[T.B]" in model._repr_html_()
    poisson = str(bm.build_model(counts, "sim-miR-1", "~ group", model="poisson"))
    assert "Poisson(mu)" in poisson
    assert "theta" not in poisson
