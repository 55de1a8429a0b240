"""Random terms and a covariance of the samples in the readable model: scipy's density, reports, PyMC's own tools."""

import numpy as np
import pymc as pm
import pytest
from scipy import special, stats

import bayes_mirglmm as bm
from bayes_mirglmm.errors import InputError

N, J = 8, 3
MODE = "FAST_COMPILE"
FORMULA = "~ tissue + (time | patient) + (1 | hospital/ward)"


@pytest.fixture(scope="module")
def counts(counts_of_patients):
    return counts_of_patients


@pytest.fixture(scope="module")
def covariance():
    root = np.random.default_rng(6).normal(size=(N, N + 2))
    return root @ root.T / N


@pytest.fixture(scope="module")
def model(counts, covariance):
    spec = bm.load_model("mirglmm").with_prior("sd_term", scale=0.8)
    return bm.build_model(counts, "m", FORMULA, model=spec, sample_covariance=covariance)


def moved(model, seed):
    rng = np.random.default_rng(seed)
    return {name: value + 0.5 * rng.normal(size=value.shape) for name, value in model.initial_point().items()}


def test_log_density_is_that_of_scipy(counts, covariance, model):
    """Density of the counts given the effects, and of these: normal with the covariances that the terms say."""
    logp = model.compile_logp(jacobian=False, mode=MODE)
    names = ["mu", "beta", "b", "u", "theta"]
    names += ["effect_patient", "effect_hospital", "effect_hospital_ward"]
    names += ["sd_effect_patient", "correlation_effect_patient"]
    report = model.compile_fn(
        model.replace_rvs_by_values([model[name] for name in names]), inputs=model.value_vars, mode=MODE
    )
    time = counts["time"].values
    patient, hospital = counts["patient"].values, counts["hospital"].values
    ward = np.array([f"{h}:{w}" for h, w in zip(hospital, counts["ward"].values, strict=True)])
    offset = np.log(counts["total"].values / 1e6)
    tissue = (counts["tissue"].values == "t").astype(float)
    x = np.column_stack([np.ones(N), tissue])
    for seed in range(4):
        point = moved(model, seed)
        found = dict(zip(names, report(point), strict=True))
        levels = {
            key: np.array(model.coords[f"level_{key}"]) for key in ("patient", "hospital", "hospital_ward")
        }
        at = {
            key: (values[:, None] == levels[key]).argmax(axis=1)
            for key, values in (("patient", patient), ("hospital", hospital), ("hospital_ward", ward))
        }
        effect = found["effect_patient"][at["patient"]]
        log_mu = (
            offset + x @ found["beta"] + found["b"] @ x.T + found["u"] + effect[:, 0] + effect[:, 1] * time
        )
        log_mu = log_mu + found["effect_hospital"][at["hospital"], 0]
        log_mu = log_mu + found["effect_hospital_ward"][at["hospital_ward"], 0]
        np.testing.assert_allclose(found["mu"], np.exp(log_mu), rtol=1e-10)

        # Priors on the natural scale; slopes per SD of time.
        sd_patient = np.exp(point["sd_block_patient_log__"])
        r = 2 * special.expit(point["partial_block_patient_logodds__"][0]) - 1
        units = np.array([[1.0, -time.mean() / time.std(ddof=1)], [0.0, 1 / time.std(ddof=1)]])
        omega = units @ (np.outer(sd_patient, sd_patient) * np.array([[1, r], [r, 1]])) @ units.T
        np.testing.assert_allclose(found["sd_effect_patient"], np.sqrt(np.diag(omega)), rtol=1e-10)
        expected_r = omega[0, 1] / np.sqrt(omega[0, 0] * omega[1, 1])
        np.testing.assert_allclose(found["correlation_effect_patient"], [expected_r], rtol=1e-9)
        sd_sample = np.exp(point["sd_sample_log__"])
        size = stats.nbinom.logpmf(
            counts["counts"].values, found["theta"], found["theta"] / (found["theta"] + found["mu"])
        ).sum()
        total = size + stats.halfnorm(scale=0.8).logpdf(sd_patient).sum()
        total += stats.beta(2, 2).logpdf((1 + r) / 2)
        total += stats.multivariate_normal(np.zeros(2), omega).logpdf(found["effect_patient"]).sum()
        total += stats.multivariate_normal(np.zeros(N), sd_sample**2 * covariance).logpdf(found["u"])
        for key in ("hospital", "hospital_ward"):
            sd = np.exp(point[f"sd_block_{key}_log__"])
            total += stats.halfnorm(scale=0.8).logpdf(sd)[0]
            total += stats.norm(0, sd).logpdf(found[f"effect_{key}"][:, 0]).sum()
        total += stats.norm([4, 0], [5, 2.5]).logpdf(found["beta"]).sum()
        total += stats.halfnorm(scale=1.0).logpdf(sd_sample)
        total += stats.norm(1, 1.5).logpdf(point["log_theta"])
        sd_isomir = np.exp(point["sd_block0_log__"])
        rho = 2 * special.expit(point["partial_block0_logodds__"][0]) - 1
        total += stats.halfnorm(scale=[2.5, 1.0]).logpdf(sd_isomir).sum() + stats.beta(2, 2).logpdf(
            (1 + rho) / 2
        )
        block = np.outer(sd_isomir, sd_isomir) * np.array([[1, rho], [rho, 1]])
        total += stats.multivariate_normal(np.zeros(2), block).logpdf(found["b"]).sum()

        # From the standard normals that PyMC has to the effects that they make.
        jacobian = J * 0.5 * np.linalg.slogdet(block)[1] + 3 * 0.5 * np.linalg.slogdet(omega)[1]
        jacobian += 0.5 * np.linalg.slogdet(covariance)[1] + N * np.log(sd_sample)
        jacobian += 2 * point["sd_block_hospital_log__"][0] + 4 * point["sd_block_hospital_ward_log__"][0]
        assert logp(point) == pytest.approx(float(total + jacobian), rel=1e-10, abs=1e-8)


def test_dims_and_names(model):
    assert list(model.coords["level_patient"]) == ["p1", "p2", "p3"]
    assert list(model.coords["level_hospital_ward"]) == ["a:1", "a:2", "b:1", "b:2"]
    assert model.named_vars_to_dims["effect_patient"] == ("level_patient", "term_patient")
    assert list(model.coords["term_patient"]) == ["Intercept", "time"]
    assert model.named_vars_to_dims["correlation_effect_patient"] == ("pair_patient",)
    assert list(model.coords["pair_patient"]) == ["Intercept, time"]
    assert model.named_vars_to_dims["root_of_samples"] == ("sample_id", "sample_id2")


def test_it_prints_its_terms(model, counts):
    lines = [line.strip() for line in str(model).splitlines()]
    for line in (
        "log mu = offset + x beta + b z' + u + effect_patient[patient] (Intercept, time)' + effect_hospital[hospital]"
        " + effect_hospital_ward[hospital:ward]",
        "u[sample_id] ~ MvNormal(0, sd_sample^2 sample_covariance)",
        "effect_patient[3 levels] ~ MvNormal(0, sd and correlation)",
        "sd_effect_patient[time] ~ HalfNormal(0.8)",
        "correlation_effect_patient[Intercept, time] ~ LKJ(2)",
        "effect_hospital[2 levels] ~ Normal(0, sd_effect_hospital)",
    ):
        assert line in lines
    twice = bm.build_model(counts, "m", "~ tissue + (1 | patient) + (0 + time | patient)")
    assert {"effect_patient_Intercept", "effect_patient_time"} <= set(twice.named_vars)


def test_pymcs_own_tools_take_it(model):
    copy, point = model.copy(), moved(model, 9)
    assert set(copy.named_vars) == set(model.named_vars)
    expected = model.compile_logp(mode=MODE)(point)
    assert copy.compile_logp(mode=MODE)(point) == pytest.approx(expected, rel=1e-12)
    done = pm.do(model, {"sd_block_hospital": np.array([0.3]), "beta": np.array([3.0, 1.0])})
    assert np.isfinite(done.compile_logp(mode=MODE)(done.initial_point()))
    assert {v.name for v in model.free_RVs} - {v.name for v in done.free_RVs} == {"sd_block_hospital", "beta"}
    seen = pm.observe(model, {"sd_block_hospital": np.array([0.3])})
    without = {name: value for name, value in point.items() if name != "sd_block_hospital_log__"}
    there = point | {"sd_block_hospital_log__": np.log([0.3])}
    own = model.compile_logp(jacobian=False, mode=MODE)(there)
    assert seen.compile_logp(jacobian=False, mode=MODE)(without) == pytest.approx(own, rel=1e-12)


def test_prior_predictive_has_the_covariance_of_the_samples(counts, covariance, chance):
    model = bm.build_model(counts, "m", "~ 1 + (1 | patient)", model="poisson", sample_covariance=covariance)
    fixed = pm.do(model, {"sd_sample": 0.7, "sd_block_patient": np.array([1.5])})
    prior = pm.sample_prior_predictive(
        4000, model=fixed, random_seed=1, var_names=["u", "effect_patient"], compile_kwargs={"mode": MODE}
    )["prior"]
    patient = (counts["patient"].values[:, None] == np.array(["p1", "p2", "p3"])).astype(float)
    e = prior["u"].values[0] + prior["effect_patient"].values[0, :, :, 0] @ patient.T
    expected = 0.49 * covariance + 2.25 * patient @ patient.T
    scale = np.sqrt(
        np.outer(np.diag(expected), np.diag(expected)) + expected**2
    )  # SD of a product of normals
    limit = chance.z(N * (N + 1) // 2) * scale / np.sqrt(4000)
    assert (np.abs(e.T @ e / 4000 - expected) < limit).all()


def test_a_prefix_reaches_terms(counts):
    with pm.Model() as outer:
        first = bm.build_model(counts, "m", "~ tissue + (1 | patient)", prefix="a")
        bm.build_model(counts, "m", "~ tissue + (1 | patient)", prefix="b")
    assert outer.named_vars_to_dims["a::effect_patient"] == ("a::level_patient", "a::term_patient")
    alone = bm.build_model(counts, "m", "~ tissue + (1 | patient)")
    one, two = moved(alone, 1), moved(alone, 2)
    both = {f"a::{name}": value for name, value in one.items()} | {
        f"b::{n}": value for n, value in two.items()
    }
    density = alone.compile_logp(mode=MODE)
    assert outer.compile_logp(mode=MODE)(both) == pytest.approx(density(one) + density(two), rel=1e-12)
    assert first.description == alone.description


def test_a_wrong_covariance_is_refused(counts):
    with pytest.raises(
        InputError, match=r"sample_covariance has shape \(3, 3\), but the counts have 8 samples"
    ):
        bm.build_model(counts, "m", "~ tissue", sample_covariance=np.eye(3))


def test_a_fit_builds_its_model_with_terms_and_covariance(counts, covariance):
    fit = bm.fit(
        counts, "~ tissue + (1 | patient)", sample_covariance=covariance, criterion="reml", progress=False
    )
    ours = fit.build_model("m", model="full")
    theirs = bm.build_model(counts, "m", "~ tissue + (1 | patient)", sample_covariance=covariance)
    assert ours.description == theirs.description
    point = moved(theirs, 3)
    expected = theirs.compile_logp(mode=MODE)(point)
    assert ours.compile_logp(mode=MODE)(point) == pytest.approx(expected, rel=1e-12)
