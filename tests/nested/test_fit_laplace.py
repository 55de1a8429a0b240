"""``bm.fit(method="laplace")``: tables, determinism, saving, the tree for ArviZ."""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayes_mirglmm as bm
from bayes_mirglmm.counts.container import make_counts


@pytest.fixture(scope="module")
def counts(own_numbers) -> xr.Dataset:
    with own_numbers():
        simulation = bm.simulate(n_per_group=4, n_mirnas=6, n_isomirs=5, seed=3)
    counts = simulation.counts
    extra = make_counts(
        # one group without a count, a single isomiR, nothing at all
        np.array([[0] * 4 + [9, 14, 7, 11], [0] * 4 + [3, 5, 2, 4], [5] * 8, [0] * 8, [0] * 8]),
        isomir=["sep1", "sep2", "alone", "none1", "none2"],
        mirna=["separated", "separated", "alone", "nothing", "nothing"],
        sample=list(counts["sample"].values),
        samples=pd.DataFrame({"group": counts["group"].values}, index=counts["sample"].values),
        total=counts["total"].values.tolist(),
    )
    chosen = counts["mirna"].values != "background"
    both = [counts.isel(isomir=chosen), extra]
    return make_counts(
        np.vstack([c["counts"].values for c in both]),
        isomir=np.concatenate([c["isomir"].values for c in both]).tolist(),
        mirna=np.concatenate([c["mirna"].values for c in both]).tolist(),
        sample=list(counts["sample"].values),
        samples=pd.DataFrame({"group": counts["group"].values}, index=counts["sample"].values),
        total=counts["total"].values.tolist(),
    )


@pytest.fixture(scope="module")
def fit(counts: xr.Dataset) -> bm.Fit:
    return bm.fit(counts, "~ group", method="laplace", progress=False)


TERM = "group[T.B]"


def test_a_test_stays_in_the_table_where_the_bayes_factor_is_missing(fit: bm.Fit):
    data = fit.data.copy(deep=True)
    i = list(data["mirna"].values).index(fit.mirnas[1])
    data["log_evidence"].values[0, i] = np.nan
    table = bm.Fit(data, fit.design, ml=fit.ml).usage(prior_odds=1.0).set_index("mirna")
    whole = fit.usage().set_index("mirna")
    assert list(table.index) == list(whole.index)
    assert table["log_bf10"].isna().sum() == table["bayesian_fdr"].isna().sum() == 1
    assert np.isnan(table.loc[fit.mirnas[1], "log_bf10"])
    pd.testing.assert_series_equal(table["lrt"], whole["lrt"])


def test_usage_without_the_fit_by_maximum_likelihood_is_refused(fit: bm.Fit):
    with pytest.raises(bm.InputError, match="give it as ml="):
        bm.Fit(fit.data, fit.design).usage()


def test_results_do_not_depend_on_workers_order_or_company(counts: xr.Dataset, fit: bm.Fit):
    again = bm.fit(counts, "~ group", method="laplace", n_jobs=2, progress=False)
    assert fit.data.drop_vars("seconds").identical(again.data.drop_vars("seconds"))
    mirna = fit.mirnas[2]
    alone = bm.fit(
        counts.isel(isomir=counts["mirna"].values == mirna), "~ group", method="laplace", progress=False
    )
    expected = fit.effects()
    pd.testing.assert_frame_equal(
        alone.effects().drop(columns="s_value"),
        expected[expected["mirna"] == mirna].reset_index(drop=True).drop(columns="s_value"),
    )
    other = bm.fit(
        counts.isel(isomir=counts["mirna"].values == mirna),
        "~ group",
        method="laplace",
        seed=2,
        progress=False,
    )
    moved = other.effects(TERM)["estimate"][0] - alone.effects(TERM)["estimate"][0]
    assert 0 < abs(moved) < 0.15 * alone.effects(TERM)["std_error"][0]


def test_effects_have_posterior_columns_and_stand_near_the_estimates(fit: bm.Fit):
    table, ml = fit.effects(TERM), fit.ml.effects(TERM)
    assert list(table.columns) == [
        "mirna",
        "term",
        "estimate",
        "std_error",
        "lower",
        "upper",
        "log2_fc",
        "lower_log2",
        "upper_log2",
        "lfsr",
        "s_value",
        "pareto_k",
        "isomir_slope",
    ]
    both = table.merge(ml, on="mirna", suffixes=("", "_ml"))
    assert (np.abs(both["estimate"] - both["estimate_ml"]) < both["std_error"]).all()
    assert both["std_error"].gt(0.8 * both["std_error_ml"]).all()
    assert ((table["lower"] < table["estimate"]) & (table["estimate"] < table["upper"])).all()
    assert table["lfsr"].between(0, 0.5).all()
    narrow = fit.effects(TERM, prob=0.5)
    assert (narrow["upper"] - narrow["lower"] < table["upper"] - table["lower"]).all()
    np.testing.assert_allclose(table["log2_fc"], table["estimate"] / np.log(2))


def test_a_contrast_is_made_of_draws(fit: bm.Fit):
    contrast, term = fit.contrast({"group": ("B", "A")}), fit.effects(TERM)
    for name in ("estimate", "std_error", "lower", "upper", "lfsr"):
        np.testing.assert_allclose(contrast[name], term[name], rtol=1e-6)
    back = fit.contrast({"group": ("A", "B")})
    np.testing.assert_allclose(back["lower"], -term["upper"], rtol=1e-4)


def test_isomir_effects_mix_the_inner_uncertainty(fit: bm.Fit):
    table = fit.isomir_effects()
    rows = fit.data["isomir_mirna"].isin(list(fit.mirnas)).values
    sd = np.sqrt(fit.data["effect_cov"].values[rows, 1, 1])
    # Of a miRNA that needed more points the dataset has moments of them all, the tables those of the draws it keeps.
    assert (np.abs(table["estimate"] - fit.data["effect"].values[rows, 1]) < 0.03 * sd).all()
    np.testing.assert_allclose(table["std_error"], sd, rtol=0.03)
    assert (np.abs(table["deviation"] - fit.data["b"].values[rows, 1]) < 0.03 * sd).all()
    mirna = fit.effects(TERM).set_index("mirna")["estimate"]
    np.testing.assert_allclose(table["estimate"] - table["deviation"], mirna.loc[table["mirna"]], atol=1e-5)
    ml = fit.ml.isomir_effects().merge(table, on="isomir")
    assert (np.abs(ml["estimate_x"] - ml["estimate_y"]) < 1.5 * ml["std_error_y"]).all()


def test_usage_has_the_lrt_and_the_bayes_factor(fit: bm.Fit):
    table = fit.usage()
    lrt = fit.ml.usage()
    shared = table.merge(lrt, on="mirna", suffixes=("", "_ml"))
    np.testing.assert_array_equal(shared["p_value"], shared["p_value_ml"])
    assert set(table["mirna"]) - set(lrt["mirna"]) == {"separated"}
    assert (table["slope_prior_scale"] == 1.0).all()
    assert table["log_bf10_error"].between(0, 0.1).all()
    assert shared[["lrt", "log_bf10"]].corr(method="spearman").iloc[0, 1] > 0.7
    chosen = fit.usage(prior_odds=0.25)
    np.testing.assert_allclose(chosen["probability"], 1 / (1 + 4 * np.exp(-table["log_bf10"])), rtol=1e-9)
    assert (chosen["bayesian_fdr"] <= 1 - chosen["probability"].min() + 1e-12).all()
    with pytest.raises(bm.InputError, match="prior_odds"):
        fit.ml.usage(prior_odds=1.0)
    with pytest.raises(bm.InputError, match="odds above 0"):
        fit.usage(prior_odds=-1.0)


def test_curve_of_bayes_factors_reuses_draws_or_refits(fit: bm.Fit):
    mirna = fit.mirnas[0]
    curve = fit.bayes_factor_curve(mirna, [1.0, 0.5, 1e-4])
    own = fit.usage().set_index("mirna").loc[mirna]
    assert curve["log_bf10"][0] == pytest.approx(own["log_bf10"], abs=1e-9)
    assert list(curve["how"][:2]) == ["reused", "reused"]
    # A slope SD that the prior holds at 0 is no slope.
    assert curve["how"][2] == "refitted"
    assert curve["log_bf10"][2] == pytest.approx(0.0, abs=0.1)
    spec = bm.load_model("mirglmm").with_prior("sd_isomir_slope", scale=0.5)
    i = list(fit.data["mirna"].values).index(mirna)
    rows = fit.data["isomir_mirna"].values == mirna
    refit = bm.fit(
        make_counts(
            fit.data["counts"].values[rows],
            isomir=fit.data["isomir"].values[rows].tolist(),
            mirna=[mirna] * int(rows.sum()),
            sample=list(fit.data["sample"].values),
            samples=fit.samples,
            total=fit.data["total"].values.tolist(),
        ),
        "~ group",
        method="laplace",
        model=spec,
        progress=False,
    )
    assert i == 0
    assert refit.usage()["log_bf10"][0] == pytest.approx(curve["log_bf10"][1], abs=0.12)
    assert refit.usage()["slope_prior_scale"][0] == 0.5
    with pytest.raises(bm.InputError, match="positive"):
        fit.bayes_factor_curve(mirna, [0.0])
    with pytest.raises(bm.InputError, match="method='laplace'"):
        fit.ml.bayes_factor_curve(mirna)


def test_variance_components_have_intervals(fit: bm.Fit):
    table = fit.variance_components()
    assert (table["sd_lower"] < table["sd"]).all()
    assert (table["sd"] < table["sd_upper"]).all()
    slopes = table[table["term"] == TERM]
    assert slopes["correlation"].between(slopes["correlation_lower"], slopes["correlation_upper"]).all()
    wide = fit.variance_components(prob=0.99)
    assert (wide["sd_upper"] > table["sd_upper"]).all()
    reduced = fit.variance_components("reduced")
    assert (reduced.loc[reduced["term"] == TERM, "sd"] == 0).all()


def test_status_explains_every_mirna_and_a_separated_one_is_fitted(fit: bm.Fit):
    status = fit.status().set_index("mirna")
    assert status.loc["alone", "status"] == "too_few_isomirs"
    assert status.loc["nothing", "status"] == "separated"
    assert status.loc["separated", "status"] == "ok"
    assert fit.ml.status().set_index("mirna").loc["separated", "status"] == "separated"
    effect = fit.effects(TERM).set_index("mirna").loc["separated"]
    assert effect["lower"] > 0
    assert status.loc[list(fit.mirnas), "pareto_k"].lt(0.7).all()


def test_trouble_with_the_weights_is_a_status(counts: xr.Dataset, monkeypatch: pytest.MonkeyPatch):
    from bayes_mirglmm.nested import importance

    monkeypatch.setattr(importance, "pareto_k", lambda log_weights: 0.9)
    one = counts.isel(isomir=counts["mirna"].values == counts["mirna"].values[0])
    fit = bm.fit(one, "~ group", method="laplace", progress=False)
    status = fit.status().iloc[0]
    assert status["status"] == "not_converged"
    assert "Pareto k-hat 0.90" in status["reason"]
    assert fit.effects()["estimate"].notna().all()
    assert (fit.data["points"] > 1536).all()
    assert fit.data.sizes["draw"] == 1536


def test_saved_and_loaded_with_its_ml_fit(fit: bm.Fit, tmp_path: Path):
    fit.save(tmp_path / "run")
    back = bm.load(tmp_path / "run")
    assert back.data.identical(fit.data)
    pd.testing.assert_frame_equal(back.usage(1.0), fit.usage(1.0))
    pd.testing.assert_frame_equal(back.isomir_effects(), fit.isomir_effects())
    pd.testing.assert_frame_equal(back.ml.effects(), fit.ml.effects())
    pd.testing.assert_frame_equal(back.ml.status(), fit.ml.status())
    (tmp_path / "run" / "ml.nc").unlink()
    with pytest.raises(bm.InputError, match=r"ml\.nc is missing"):
        bm.load(tmp_path / "run")


def test_tree_for_arviz(fit: bm.Fit):
    mirna = fit.mirnas[1]
    tree = fit[mirna]
    assert isinstance(tree, xr.DataTree)
    posterior = tree["posterior"]
    assert dict(posterior.sizes)["chain"] == 4
    assert posterior["beta"].dims == ("chain", "draw", "term")
    assert posterior["effect"].dims == ("chain", "draw", "isomir", "slope_term")
    row = fit.effects(TERM).set_index("mirna").loc[mirna]
    draws = posterior["beta"].sel(term=TERM)
    assert float(draws.mean()) == pytest.approx(row["estimate"], abs=0.02 * row["std_error"])
    assert float(draws.std()) == pytest.approx(row["std_error"], rel=0.03)
    np.testing.assert_array_equal(fit[mirna]["posterior"]["b"], posterior["b"])  # the same every time
    log_likelihood = tree["log_likelihood"]["counts"]
    assert log_likelihood.dims == ("chain", "draw", "cell")
    assert (log_likelihood < 0).all()
    observed, predicted = tree["observed_data"]["counts"], tree["posterior_predictive"]["counts"]
    assert float(predicted.mean()) == pytest.approx(float(observed.mean()), rel=0.5)
    assert tree["sample_stats"].attrs["pareto_k"] == pytest.approx(row["pareto_k"])

    import arviz as az

    summary = az.summary(tree, var_names=["beta", "sd_isomir", "sd_sample", "theta"])
    assert summary.loc[f"beta[{TERM}]", "r_hat"] is not None
    assert az.plot_forest(tree, var_names=["beta"]) is not None
    plt.close("all")


def test_shrinkage_and_display(fit: bm.Fit):
    table = fit.shrink()
    assert (np.abs(table["shrunk"]) <= np.abs(table["estimate"]) + 1e-9).all()
    assert list(table.columns).count("lfsr") == 1
    with pytest.raises(bm.InputError, match=r"take fit\.ml\.effects\(samples='shared'\)"):
        fit.effects(samples="shared")
    assert "smallest s-values" in repr(fit)
    assert "1536 draws" in repr(fit)
    assert "<table>" in fit._repr_html_()


def test_other_designs_and_models(counts: xr.Dataset):
    two = counts.isel(isomir=np.isin(counts["mirna"].values, counts["mirna"].values[:1]))
    samples = pd.DataFrame({"g": list("AAABBBCC"), "dose": np.linspace(0, 30, 8)}, index=two["sample"].values)
    two = two.assign_coords(g=("sample", samples["g"]), dose=("sample", samples["dose"]))
    three = bm.fit(two, "~ g", method="laplace", progress=False)
    assert three.effects().shape[0] == 3
    assert np.isfinite(three.variance_components()["correlation"]).sum() == 3
    dose = bm.fit(two, "~ dose", method="laplace", progress=False, model="poisson")
    assert np.isfinite(dose.usage()["log_bf10"]).all()
    assert "theta" not in dose[dose.mirnas[0]]["posterior"]
    # The prior is about the slope per SD of the dose (10), whatever the unit in which effects are reported.
    curve = dose.bayes_factor_curve(dose.mirnas[0], [1.0, 0.4])
    assert curve["log_bf10"][0] == pytest.approx(dose.usage()["log_bf10"][0], abs=1e-9)
    narrow = bm.load_model("poisson").with_prior("sd_isomir_slope", scale=0.4)
    refit = bm.fit(two, "~ dose", method="laplace", progress=False, model=narrow)
    assert list(curve["how"]) == ["reused", "reused"]
    assert curve["log_bf10"][1] == pytest.approx(refit.usage()["log_bf10"][0], abs=0.12)
    assert abs(curve["log_bf10"][1] - curve["log_bf10"][0]) > 0.3
    mean = bm.fit(two, "~ 1", method="laplace", progress=False)
    assert mean.usage().empty
    reduced = bm.fit(two, "~ g", method="laplace", model="reduced", progress=False)
    assert reduced.effects().shape[0] == 3
    isomirs = reduced.isomir_effects()
    assert (isomirs["deviation"] == 0).all()
    nuisance = bm.fit(two, "~ g", method="laplace", nuisance="dose", progress=False)
    assert np.isfinite(nuisance.usage()["log_bf10"]).all()


def test_choices_that_belong_to_maximum_likelihood_are_refused(counts: xr.Dataset):
    for options in ({"preset": "mirglmm"}, {"curvature": "expected"}):
        with pytest.raises(bm.InputError, match="maximum likelihood"):
            bm.fit(counts, "~ group", method="laplace", progress=False, **options)
    with pytest.raises(bm.InputError, match="seed"):
        bm.fit(counts, "~ group", seed=-1, progress=False)


def test_pymc_is_not_loaded():
    import subprocess

    code = (
        "import sys, bayes_mirglmm as bm\n"
        "c = bm.simulate(3, n_mirnas=1, n_isomirs=3, seed=1).counts\n"
        "bm.fit(c, '~ group', method='laplace', progress=False)['sim-miR-1']\n"
        "assert not {'pymc', 'pytensor', 'arviz'} & set(sys.modules), 'loaded'\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_few_samples_are_a_caution_of_this_method_only():
    six = bm.simulate(3, n_mirnas=2, n_isomirs=3, seed=1).counts
    five = six.isel(sample=range(5))
    for method, counts, expected in (("laplace", five, True), ("ml", five, False), ("laplace", six, False)):
        one = counts.isel(isomir=counts["mirna"].values == counts["mirna"].values[0])
        found = bm.fit(one, "~ group", method=method, progress=False)
        told = [s for s in found.metadata["cautions"] if s.startswith("With 5 samples method='laplace' is")]
        assert len(told) == expected
        assert ("few_samples" in found.metadata["caution_kinds"]) == expected


def fit_counts(fit: bm.Fit) -> xr.Dataset:
    """The counts of the first miRNA of a fit, as a container."""
    rows = fit.data["isomir_mirna"].values == fit.mirnas[0]
    return make_counts(
        fit.data["counts"].values[rows],
        isomir=list(fit.data["isomir"].values[rows]),
        mirna=[fit.mirnas[0]] * int(rows.sum()),
        sample=list(fit.data["sample"].values),
        samples=fit.samples,
        total=fit.data["total"].values.tolist(),
    )


def test_weighted_draws_are_called_so(fit: bm.Fit):
    assert [name for name in fit.data if str(name).startswith("draw_")] == ["draw_weight"]
    weight = fit.data["draw_weight"].values
    np.testing.assert_allclose(weight.sum(axis=1), 1.0)
    # Tables are weighted sums over all draws: nothing is lost to resampling.
    beta = fit.data["weighted_draw_beta"].sel(term=TERM).values.astype(float)
    mean = (weight * beta).sum(axis=1)
    sd = np.sqrt((weight * (beta - mean[:, None]) ** 2).sum(axis=1))
    table = fit.effects(TERM).set_index("mirna").loc[list(fit.data["drawn"].values)]
    np.testing.assert_allclose(table["estimate"], mean, rtol=1e-6)
    np.testing.assert_allclose(table["std_error"], sd, rtol=1e-6)


def test_s_values_are_those_of_the_shrunken_effects(fit: bm.Fit):
    effects, shrunken = fit.effects(), fit.shrink()
    both = effects.merge(shrunken, on=["mirna", "term"], suffixes=("", "_shrunken"))
    np.testing.assert_array_equal(both["s_value"], both["s_value_shrunken"])
    assert not np.allclose(both["lfsr"], both["lfsr_shrunken"])
    assert effects.loc[effects["term"] == "Intercept", "s_value"].isna().all()
    contrast = fit.contrast({"group": ("A", "B")})
    np.testing.assert_array_equal(contrast["s_value"], fit.shrink(contrasts={"group": ("A", "B")})["s_value"])
    assert "s_value" not in fit.isomir_effects()
