"""``bm.fit(method="nuts")`` with random terms and a covariance of the samples."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayes_mirglmm as bm
from bayes_mirglmm.counts.container import make_counts
from bayes_mirglmm.model import ModelSpec

TERM = "tissue[T.t]"
OPTIONS = {"method": "nuts", "draws": 500, "tune": 300, "chains": 4, "progress": False, "throw": True}
K, J = 6, 5


@pytest.fixture(scope="module")
def counts(own_numbers):
    """Six pairs, patients very different and replicates not, one miRNA."""
    with own_numbers():
        rng = np.random.default_rng(21)
    samples = pd.DataFrame(
        {
            "tissue": ["n", "t"] * K,
            "patient": np.repeat([f"p{i}" for i in range(K)], 2),
            "time": np.tile([0.0, 30.0], K) + rng.uniform(0, 10, 2 * K),
        },
        index=[f"s{i}" for i in range(2 * K)],
    )
    shared = np.repeat(rng.normal(0, 1.0, K), 2) + rng.normal(0, 0.1, 2 * K)
    tissue = (samples["tissue"] == "t").to_numpy(float)
    mu = np.exp(4.5 + rng.normal(0, 1, (J, 1)) + (0.5 + rng.normal(0, 0.3, (J, 1))) * tissue + shared)
    return make_counts(
        rng.poisson(mu * rng.gamma(8, 1 / 8, mu.shape)),
        isomir=[f"i{j}" for j in range(J)],
        mirna=["m"] * J,
        sample=list(samples.index),
        samples=samples,
        total=rng.integers(900_000, 1_100_000, 2 * K),
    )


@pytest.fixture(scope="module")
def fit(counts):
    return bm.fit(counts, "~ tissue + (time | patient)", reference={"tissue": "n"}, **OPTIONS)


def test_chains_mix(fit):
    row = fit.diagnostics().iloc[0]
    # Over twelve seeds r-hat is 1.006 to 1.016 and the smallest effective size 290 to 510: the program's own limits are
    # crossed by chance, these lie more than seven SDs (of the logarithms) away.
    assert row["r_hat"] < 1.1
    assert row["divergences"] <= 4
    assert row["ess_bulk"] > 100
    assert np.isfinite(fit.usage()["log_bf10"]).all()


@pytest.fixture(scope="module")
def nested(counts):
    return bm.fit(
        counts,
        "~ tissue + (time | patient)",
        reference={"tissue": "n"},
        method="laplace",
        progress=False,
        throw=True,
    )


def test_agrees_with_the_nested_posterior(fit, nested, chance):
    """Quartiles of coefficients, SDs, patients' effects; log evidence ratios."""
    ours, theirs = fit["m"]["posterior"], nested.data.isel(drawn=0)
    weight = theirs["draw_weight"].values
    sds = np.sqrt(np.einsum("dcc->dc", theirs["weighted_draw_random_cov"].values.astype(float)))
    effect = theirs["weighted_draw_random_effect"].values.astype(float)
    pairs = [(ours["beta"].values[..., k], theirs["weighted_draw_beta"].values[:, k]) for k in range(2)]
    pairs += [(ours["sd_effect_patient"].values[..., k], sds[:, k]) for k in range(2)]
    pairs += [
        (ours["effect_patient"].values[..., i, k], effect[:, k * K + i]) for i in range(K) for k in range(2)
    ]
    deviations = []
    for draws, other in pairs:
        order = np.argsort(other)
        for q in (0.25, 0.5, 0.75):
            value = np.interp(q, np.cumsum(weight[order]), other[order])
            # Draws of importance sampling have errors of their own, of 1536 independent ones at most.
            own = np.sqrt(q * (1 - q) / 1536) * np.ptp(np.quantile(draws, [q - 0.1, q + 0.1])) / 0.2
            error = np.hypot(chance.quantile_error(draws, q), own)
            deviations.append((np.quantile(draws, q) - value) / error)
    assert np.abs(deviations).max() < chance.z(len(deviations))
    both = [one.usage().iloc[0] for one in (fit, nested)]
    assert abs(both[0]["log_bf10"] - both[1]["log_bf10"]) < 6 * max(
        0.05, np.hypot(both[0]["log_bf10_error"], both[1]["log_bf10_error"])
    )


def test_tables_and_runs_of_the_nested_posterior_have_the_terms(fit, nested, tmp_path):
    table = nested.variance_components().set_index(["group", "term"])
    for term in ("Intercept", "time"):
        row = table.loc[("patient", term)]
        assert row["sd_lower"] < row["sd"] < row["sd_upper"]
    tree = nested["m"]["posterior"]
    assert tree["effect_patient"].dims == fit["m"]["posterior"]["effect_patient"].dims
    nested.save(tmp_path / "run")
    loaded = bm.load(tmp_path / "run")
    pd.testing.assert_frame_equal(loaded.variance_components(), nested.variance_components())
    assert loaded.data.identical(nested.data)
    curve = nested.bayes_factor_curve("m", [1.0, 1e-4])
    assert list(curve["how"]) == ["reused", "refitted"]
    assert curve["log_bf10"][1] == pytest.approx(0.0, abs=0.1)


def test_tables_name_the_terms(fit):
    table = fit.variance_components().set_index(["group", "term"])
    tree = fit["m"]["posterior"]
    for term in ("Intercept", "time"):
        draws = tree["sd_effect_patient"].sel(term_patient=term).values.ravel()
        row = table.loc[("patient", term)]
        assert row["sd"] == pytest.approx(draws.mean(), rel=1e-5)
        # Ways to interpolate between draws differ by no more than a draw or two, wherever these lie.
        low, high = np.quantile(draws, [0.025 - 2 / len(draws), 0.025 + 2 / len(draws)])
        assert low <= row["sd_lower"] <= high
    assert table.loc[("patient", "time"), "term2"] == "Intercept"
    rho = tree["correlation_effect_patient"].values.ravel()
    assert table.loc[("patient", "time"), "correlation"] == pytest.approx(rho.mean(), abs=1e-5)
    assert table.loc[("patient", "time"), "correlation_lower"] < rho.mean()
    data = fit.data
    effect = tree["effect_patient"].mean(["chain", "draw"]).values
    np.testing.assert_allclose(data["random_effect"].values[0], effect.T.ravel(), rtol=1e-4, atol=1e-5)
    assert list(data["random_level"].values[:2]) == ["patient[p0]: Intercept", "patient[p1]: Intercept"]


def test_tree_has_the_terms(fit, counts):
    tree = fit["m"]
    posterior = tree["posterior"]
    assert posterior["effect_patient"].dims == ("chain", "draw", "level_patient", "term_patient")
    assert list(posterior["level_patient"].values) == [f"p{i}" for i in range(K)]
    # What the counts' means are made of is what the log-likelihood was computed from.
    draw = posterior.isel(chain=2, draw=7)
    effect = draw["effect_patient"].values[np.repeat(np.arange(K), 2)]
    log_mu = (
        tree["constant_data"]["offset"].values
        + tree["constant_data"]["x"].values @ draw["beta"].values
        + draw["u"].values
        + effect[:, 0]
        + effect[:, 1] * counts["time"].values
        + draw["b"].values @ tree["constant_data"]["z"].values.T
    )
    mu, theta = np.exp(log_mu), float(draw["theta"])
    from scipy import stats

    expected = stats.nbinom.logpmf(counts["counts"].values, theta, theta / (theta + mu))
    found = tree["log_likelihood"]["counts"].isel(chain=2, draw=7).values.reshape(J, 2 * K)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)  # draws are stored in single precision
    prior = tree["prior"]
    assert prior["effect_patient"].shape == (1, 500, K, 2)
    assert {"sd_effect_patient", "correlation_effect_patient"} <= set(tree["log_prior"].data_vars)
    assert np.isfinite(tree["posterior_predictive"]["counts"].values).all()


def test_predictive_checks_know_what_patients_share(fit, counts):
    """Patients differ by a factor of e: replicates without their effects would spread much less."""
    checks = fit.predictive_checks().set_index("statistic")
    spread = checks.loc["sample_spread"]
    assert spread["lower"] < spread["observed"] < spread["upper"]
    residuals = fit.residuals("m").values
    assert np.abs(residuals.mean(axis=0)).max() < 1.5
    shares = fit.summarise(
        lambda draws: draws["effect_patient"].sel(level_patient="p0", term_patient="Intercept")
    )
    assert shares["estimate"][0] == pytest.approx(float(fit.data["random_effect"][0, 0]), rel=1e-4)


def test_a_run_keeps_its_terms(fit, tmp_path):
    fit.save(tmp_path / "run")
    loaded = bm.load(tmp_path / "run")
    pd.testing.assert_frame_equal(loaded.variance_components(), fit.variance_components())
    xr.testing.assert_identical(loaded["m"]["posterior"].to_dataset(), fit["m"]["posterior"].to_dataset())
    assert loaded.build_model("m").description == fit.build_model("m").description


def _without_sample_effects():
    table = bm.load_model("reduced").to_dict()
    table["random_effects"]["sample_intercept"] = False
    del table["priors"]["sd_sample"]
    return ModelSpec.from_dict(table)


def test_a_term_is_a_covariance(counts, chance):
    """Patients alone are the same model as sample effects with the covariance Z Z': two ways through the sampler."""
    patient = (counts["patient"].values[:, None] == np.unique(counts["patient"].values)).astype(float)
    options = OPTIONS | {"reference": {"tissue": "n"}}
    by_term = bm.fit(counts, "~ tissue + (1 | patient)", model=_without_sample_effects(), **options)
    by_covariance = bm.fit(
        counts, "~ tissue", model="reduced", sample_covariance=patient @ patient.T, **options
    )
    ours, theirs = (one["m"]["posterior"] for one in (by_term, by_covariance))
    shared = ours["effect_patient"].values[..., np.repeat(np.arange(K), 2), 0]
    pairs = [(ours["beta"].values[..., k], theirs["beta"].values[..., k]) for k in range(2)]
    pairs += [(ours["sd_effect_patient"].values[..., 0], theirs["sd_sample"].values)]
    pairs += [(shared[..., i], theirs["u"].values[..., i]) for i in range(0, 2 * K, 2)]
    deviations = []
    for one, other in pairs:
        for q in (0.25, 0.5, 0.75):
            error = np.hypot(chance.quantile_error(one, q), chance.quantile_error(other, q))
            deviations.append((np.quantile(one, q) - np.quantile(other, q)) / error)
    assert np.abs(deviations).max() < chance.z(len(deviations))


def test_a_covariance_reaches_the_posterior(counts):
    """Samples that a covariance ties together move together: the effect of pairs leaves the difference within them."""
    patient = (counts["patient"].values[:, None] == np.unique(counts["patient"].values)).astype(float)
    options = OPTIONS | {"reference": {"tissue": "n"}, "model": "reduced"}
    independent = bm.fit(counts, "~ tissue", **options)
    tied = bm.fit(counts, "~ tissue", sample_covariance=patient @ patient.T + 0.05 * np.eye(2 * K), **options)
    sds = [one.effects(TERM)["std_error"][0] for one in (independent, tied)]
    assert sds[1] < 0.5 * sds[0]
