"""Priors learned over miRNAs: from a fit's draws, in one step, in parts of a fit, on the command line."""

import logging
from dataclasses import replace

import numpy as np
import pytest
from scipy import special, stats
from typer.testing import CliRunner

import bayes_mirglmm as bm
from bayes_mirglmm.cli.app import app
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.fitting import fit as fitting
from bayes_mirglmm.fitting import learning
from bayes_mirglmm.model import HalfNormal, LogNormal, Normal
from bayes_mirglmm.nested import pareto_k
from bayes_mirglmm.results.learned_priors import drawn_parameters, learn

MIRNAS = 24
OPTIONS = {"reference": {"group": "ctrl"}, "method": "laplace", "progress": False}


@pytest.fixture(scope="module")
def counts():
    return bm.simulate(
        4, ("ctrl", "case"), n_mirnas=MIRNAS, n_isomirs=2, theta=6.0, sd_sample=0.3, seed=8
    ).counts


@pytest.fixture(scope="module")
def default(counts):
    return bm.fit(counts, "~ group", **OPTIONS)


@pytest.fixture(scope="module")
def learned(counts):
    return bm.fit(counts, "~ group", priors="learned", **OPTIONS)


def test_they_stand_in_for_the_priors_of_theta_and_of_two_sds(default):
    found, own = default.learned_priors(), default.spec.priors
    assert isinstance(found.log_theta, Normal)
    assert isinstance(found.sd_sample, LogNormal)
    assert isinstance(found.sd_isomir_slope, LogNormal)
    assert found.sd_sample.why == f"learned over {MIRNAS} miRNAs"
    assert found.compared_slope == own.sd_isomir_slope == HalfNormal(1.0)
    same = ("intercept", "beta", "sd_isomir_intercept", "sd_isomir_nuisance", "correlation", "sd_term")
    assert all(getattr(found, name) == getattr(own, name) for name in same)
    # Every miRNA was drawn with theta 6 and a sample SD of 0.3.
    assert found.log_theta.mean == pytest.approx(np.log(6.0), abs=0.5)
    assert found.log_theta.sd < 0.7
    assert found.sd_sample.mean == pytest.approx(np.log(0.3), abs=0.6)


def reweighted(fit, mirna, mean, sd):
    """Weights of a miRNA's draws under normals of log theta, log sample SD and log slope SD, by hand."""
    data = fit.data
    i = list(data["drawn"].values).index(mirna)
    theta, sd_sample, omega, weight = (
        data[name].values[i].astype(float)
        for name in (
            "weighted_draw_log_theta",
            "weighted_draw_sigma_sample",
            "weighted_draw_omega",
            "draw_weight",
        )
    )
    log_ratio = stats.norm(mean[0], sd[0]).logpdf(theta) - stats.norm(1.0, 1.5).logpdf(theta)
    for k, value in ((1, sd_sample), (2, np.sqrt(omega[:, 1, 1]))):
        log_ratio += stats.lognorm(s=sd[k], scale=np.exp(mean[k])).logpdf(value)
        log_ratio -= stats.halfnorm(scale=1.0).logpdf(value)
    with np.errstate(divide="ignore"):
        return theta, special.softmax(np.log(weight) + log_ratio)


def test_draws_are_reweighted_by_the_ratio_of_the_priors(default):
    found = learn([drawn_parameters(default)], default.spec.priors)
    population = found.population
    for i in (0, 3, 17):
        _, by_hand = reweighted(default, found.mirnas[i], population.mean, population.sd)
        np.testing.assert_allclose(population.weights[i], by_hand, rtol=1e-6, atol=1e-12)


def test_a_fit_with_them_is_the_fit_of_that_model(counts, default, learned):
    priors = learned.spec.priors
    about = learned.metadata["learned_priors"]
    assert about["mirnas"] == MIRNAS
    assert about["far"] == 0
    mean = [prior.mean for prior in (priors.log_theta, priors.sd_sample, priors.sd_isomir_slope)]
    sd = [prior.sd for prior in (priors.log_theta, priors.sd_sample, priors.sd_isomir_slope)]
    drawn, checked = drawn_parameters(learned), 0
    for i, name in enumerate(drawn.mirnas):
        theta, weights = reweighted(default, name, mean, sd)
        if not pareto_k(np.log(np.maximum(weights, 1e-300))) <= 0.7:
            continue  # the old draws say too little of the new posterior
        wanted = weights @ theta
        spread = np.sqrt(weights @ (theta - wanted) ** 2)
        error = spread * np.sqrt((weights**2).sum() + (drawn.weights[i] ** 2).sum())
        assert abs(drawn.weights[i] @ drawn.values[i, :, 0] - wanted) < 6 * error
        checked += 1
    assert checked > 15
    given = bm.fit(counts, "~ group", priors=priors, mirnas="sim-miR-1", **OPTIONS)
    assert given.effects()["estimate"][0] == learned.effects()["estimate"][0]
    assert given.spec == learned.spec


def test_bayes_factors_keep_the_slab(default, learned):
    """They move with theta and the sample SD alone, by far less than a population of small slope SDs would move."""
    assert (learned.usage()["slope_prior_scale"] == 1.0).all()
    apart = learned.usage()["log_bf10"] - default.usage()["log_bf10"]
    assert apart.abs().median() < 0.3
    curve = learned.bayes_factor_curve("sim-miR-1", [1.0, 0.25])
    assert (curve["how"] == "refitted").all()
    error = 6 * np.hypot(curve["log_bf10_error"][0], learned.usage()["log_bf10_error"][0])
    assert curve["log_bf10"][0] == pytest.approx(learned.usage()["log_bf10"][0], abs=error)
    assert curve["log_bf10"][1] > curve["log_bf10"][0]  # the isomiRs of this miRNA do not differ


def test_nuts_takes_them_and_keeps_the_slab(counts, learned):
    options = OPTIONS | {"method": "nuts", "mirnas": "sim-miR-1", "draws": 60, "tune": 60, "chains": 2}
    fit = bm.fit(counts, "~ group", priors=learned.spec.priors, **options)
    assert fit.spec == learned.spec
    slab = bm.fit(counts, "~ group", model=learned.spec.compared(), **options)
    evidence = [one.data["log_evidence"].sel(mirna="sim-miR-1", model="full").item() for one in (fit, slab)]
    assert np.isfinite(evidence[0])
    assert evidence[0] == evidence[1]  # the same draws: those of the model that Bayes factors compare
    posterior = [one["sim-miR-1"]["posterior"]["sd_isomir"].values[..., 1] for one in (fit, slab)]
    assert (posterior[0] != posterior[1]).all()
    assert (fit.usage()["slope_prior_scale"] == 1.0).all()


def test_too_few_mirnas_and_methods_without_priors_are_refused(counts, default):
    few = counts.isel(isomir=np.flatnonzero(np.isin(counts["mirna"].values, default.mirnas[:19])))
    with pytest.raises(
        InputError,
        match="priors='learned' learns over miRNAs, and 19 of these have 2 isomiRs or more: from 20",
    ):
        bm.fit(few, "~ group", priors="learned", **OPTIONS)
    with pytest.raises(InputError, match="there are 0 with a sound posterior; from 20"):
        learn([drawn_parameters(default).without(default.mirnas)], default.spec.priors)
    with pytest.raises(InputError, match="method='ml' has no priors: leave priors= out"):
        bm.fit(counts, "~ group", priors="learned")
    with pytest.raises(InputError, match="learned from draws, which method='ml' has none of"):
        default.ml.learned_priors()
    with pytest.raises(InputError, match=r"priors='learnt': give 'learned', or Priors"):
        bm.fit(counts, "~ group", priors="learnt", **OPTIONS)


def test_draws_that_hardly_reach_them_are_named(default, caplog):
    """All but one miRNA have a theta of 6; that one's draws are moved away."""
    drawn = drawn_parameters(default)
    values = drawn.values.copy()
    values[5, :, 0] += 6.0
    density = drawn.log_prior.copy()
    density[5, :, 0] = stats.norm(1.0, 1.5).logpdf(values[5, :, 0])
    found = learn([drawn._replace(values=values, log_prior=density)], default.spec.priors)
    assert found.pareto_k[5] > 0.7
    assert default.mirnas[5] in found.far


def test_priors_that_draws_never_reach_are_told_of(counts, learned, tmp_path, monkeypatch, caplog):
    assert learned.metadata["learned_priors"]["sampled_again"] > 0
    monkeypatch.setattr(learning, "ROUNDS", 0)
    one = {"shard": (1, MIRNAS), "ledger": tmp_path}  # learns over all, fits one
    fit = bm.fit(counts, "~ group", priors="learned", **one, **OPTIONS)
    assert fit.metadata["learned_priors"]["far"] > 0
    assert fit.metadata["learned_priors"]["sampled_again"] == 0
    assert "hardly reach the learned priors even after sampling them again" in caplog.text


def test_poisson_and_reduced_models_have_fewer(counts):
    fit = bm.fit(counts, "~ group", model="reduced", **OPTIONS)
    found = fit.learned_priors()
    assert found.sd_isomir_slope is None
    assert isinstance(found.sd_sample, LogNormal)
    assert set(drawn_parameters(fit).parameters) == {"log_theta", "sd_sample"}
    spec = replace(fit.spec, priors=found)
    assert "slope_slab" not in spec.to_toml()


def test_parts_learn_over_all_mirnas_and_a_run_goes_on_without_learning_again(
    counts, learned, tmp_path, monkeypatch, caplog
):
    for number in (1, 2):
        bm.fit(
            counts, "~ group", priors="learned", shard=(number, 2), ledger=tmp_path / str(number), **OPTIONS
        )
    whole = bm.merge([tmp_path / "1", tmp_path / "2"])
    assert whole.spec == learned.spec
    np.testing.assert_array_equal(whole.effects()["estimate"], learned.effects()["estimate"])
    np.testing.assert_array_equal(whole.shrink()["s_value"], learned.shrink()["s_value"])
    assert whole.metadata["learned_priors"] == learned.metadata["learned_priors"]

    def never(*args, **options):
        raise AssertionError("the priors were learned before")

    monkeypatch.setattr(fitting, "learn_model", never)
    with caplog.at_level(logging.INFO):
        bm.fit(
            counts, "~ group", priors="learned", shard=(1, 2), ledger=tmp_path / "1", resume=True, **OPTIONS
        )
    assert "of 13 miRNAs are finished already" in caplog.text


def test_on_the_command_line_and_as_a_model_file(counts, learned, tmp_path):
    table = counts["counts"].to_pandas()
    table.insert(0, "miRNA", counts["mirna"].values)
    table.to_csv(tmp_path / "counts.tsv", sep="\t", index_label="isomiR")
    groups = counts["group"].to_pandas().rename("group")
    groups.to_csv(tmp_path / "samples.tsv", sep="\t", index_label="sample")
    arguments = [
        "fit", str(tmp_path / "counts.tsv"), "--samples", str(tmp_path / "samples.tsv"), "--design", "~ group",
        "--method", "laplace", "--priors", "learned", "--mirnas", "sim-miR-1,sim-miR-2", "--out", str(tmp_path / "run"),
    ]  # fmt: skip
    run = CliRunner().invoke(app, arguments)
    assert run.exit_code != 0
    assert "priors='learned' learns over miRNAs, and 1 of these have 2 isomiRs or more" in str(run.exception)
    assert "learn from all of it first: priors=all_of_them.learned_priors()" in str(run.exception)
    path = tmp_path / "mine.toml"
    path.write_text(learned.spec.to_toml(), encoding="utf-8")
    assert bm.load_model(path) == learned.spec
    learned.save(tmp_path / "saved")
    assert bm.load(tmp_path / "saved").spec == learned.spec
