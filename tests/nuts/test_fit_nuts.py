"""``bm.fit(method="nuts")``: tables, determinism, interruption, saving, the tree for ArviZ."""

import signal
import sys
import time

import arviz as az
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from arviz_stats.base import array_stats

import bayes_mirglmm as bm
from bayes_mirglmm.interruption import stop_point
from bayes_mirglmm.methods import loop
from bayes_mirglmm.methods import nuts as fitting_nuts
from bayes_mirglmm.nuts import sampling
from bayes_mirglmm.results import arrays

TERM = "group[T.B]"
OPTIONS = {"method": "nuts", "draws": 300, "tune": 200, "chains": 4, "progress": False}


@pytest.fixture(scope="module")
def counts(own_numbers):
    with own_numbers():
        made = bm.simulate(n_per_group=4, n_mirnas=4, n_isomirs=5, seed=3).counts
    return made.isel(isomir=made["mirna"].values != "background")


@pytest.fixture(scope="module")
def fit(counts):
    return bm.fit(counts, "~ group", **OPTIONS)


def test_tables(fit):
    effects = fit.effects(TERM)
    last = ["lfsr", "s_value", "r_hat", "ess_bulk", "divergences", "isomir_slope"]
    assert list(effects.columns[-6:]) == last
    assert len(effects) == 4
    ml = fit.ml.effects(TERM)
    assert (np.abs(effects["estimate"] - ml["estimate"]) < ml["std_error"]).all()
    assert (effects["lower"] < effects["estimate"]).all()
    assert (effects["upper"] > effects["estimate"]).all()
    isomirs = fit.isomir_effects().groupby("mirna")["divergences"].unique().explode()
    assert isomirs.to_dict() == fit.diagnostics().set_index("mirna")["divergences"].to_dict()
    usage = fit.usage(prior_odds=1.0)
    assert {"lrt", "p_value", "log_bf10", "log_bf10_error", "slope_prior_scale", "r_hat"} <= set(usage)
    assert np.isfinite(usage["log_bf10"]).all()
    diagnostics = fit.diagnostics()
    assert list(diagnostics["mirna"]) == list(fit.mirnas)
    assert (diagnostics["r_hat"] > 0.99).all()
    assert diagnostics["worst"].str.contains(r"\[|theta|sd_sample", regex=True).all()
    status = fit.status()
    assert (status["iterations"] == 1200).all()
    assert status["log_likelihood"].isna().all()
    assert {"r_hat", "ess_bulk", "divergences"} <= set(status)
    assert fit.variance_components()["sd_lower"].notna().all()
    assert "1200 draws" in repr(fit)


def test_agrees_with_the_nested_posterior(counts, fit, chance):
    """Quartiles, because five isomiRs give the intercept heavy tails, whose SD differs by a fifth between seeds."""
    other = bm.fit(counts, "~ group", method="laplace", progress=False)
    deviations = []
    for table in ("effects", "isomir_effects"):
        half = getattr(other, table)(prob=0.5)
        for mirna in fit.mirnas:
            posterior = fit[mirna]["posterior"]
            draws = posterior["beta" if table == "effects" else "effect"].values
            draws = draws.reshape(*draws.shape[:2], -1)
            if table == "isomir_effects":
                draws = draws[..., 1::2]  # intercept and slope in turn
            theirs = half[half["mirna"] == mirna]
            assert len(theirs) == draws.shape[-1]
            for column, prob in (("lower", 0.25), ("upper", 0.75)):
                for own, value in zip(np.moveaxis(draws, -1, 0), theirs[column], strict=True):
                    deviations.append((np.quantile(own, prob) - value) / chance.quantile_error(own, prob))
    assert len(deviations) == 2 * (2 * 4 + 5 * 4)
    assert np.abs(deviations).max() < chance.z(len(deviations))
    ours, theirs = fit.usage(), other.usage()
    error = np.hypot(ours["log_bf10_error"], theirs["log_bf10_error"])
    # Errors of bridge sampling are estimates: 6 of them where 5 would do for exact ones.
    assert (np.abs(ours["log_bf10"] - theirs["log_bf10"]) < 6 * error).all()
    assert (error < 0.25).all()


def test_curve_of_bayes_factors(fit):
    own = fit.usage().set_index("mirna")["log_bf10"]
    mirna = fit.mirnas[0]
    curve = fit.bayes_factor_curve(mirna, [1.0, 0.7, 0.01])
    assert list(curve["how"][:2]) == ["reused", "reused"]
    assert curve["log_bf10"][0] == pytest.approx(own[mirna], abs=1e-6)
    # A prior that allows next to no slopes is next to the model without them.
    assert curve["log_bf10"][2] == pytest.approx(0.0, abs=6 * max(curve["log_bf10_error"][2], 0.05))


def test_results_do_not_depend_on_workers_order_or_company(counts, fit):
    names = list(fit.mirnas)
    chosen = counts.isel(isomir=np.flatnonzero(np.isin(counts["mirna"].values, names[2:]))[::-1])
    again = bm.fit(chosen, "~ group", n_jobs=2, **OPTIONS)
    ours, theirs = (one.effects().set_index(["mirna", "term"])["estimate"] for one in (fit, again))
    # The order of isomiRs is part of the counts: their effects are drawn in that order.
    assert set(theirs.index.get_level_values(0)) == set(names[2:])
    same = bm.fit(
        counts.isel(isomir=np.isin(counts["mirna"].values, names[2:])), "~ group", n_jobs=2, **OPTIONS
    )
    pd.testing.assert_series_equal(
        same.effects().set_index(["mirna", "term"])["estimate"], ours.loc[names[2:]], check_exact=True
    )
    other = bm.fit(counts, "~ group", seed=2, **OPTIONS)
    assert not np.allclose(other.effects()["estimate"], fit.effects()["estimate"], rtol=1e-6)


def test_saving_and_lazy_loading(fit, tmp_path, monkeypatch):
    fit.save(tmp_path / "run")
    monkeypatch.setattr(arrays, "ON_DEMAND_FROM", 0)
    loaded = bm.load(tmp_path / "run")
    lazy = [name for name in loaded.data if not loaded.data[name].variable._in_memory]
    assert "draw_b" in lazy
    assert "draw_energy" in lazy
    tree, ours = loaded[fit.mirnas[1]], fit[fit.mirnas[1]]
    assert not loaded.data["draw_b"].variable._in_memory  # only the rows of one miRNA were read
    xr.testing.assert_identical(tree["posterior"].to_dataset(), ours["posterior"].to_dataset())
    pd.testing.assert_frame_equal(loaded.diagnostics(), fit.diagnostics())
    pd.testing.assert_frame_equal(loaded.effects(), fit.effects())
    assert loaded.data.attrs["chains"] == 4


@pytest.mark.filterwarnings("ignore:Estimated shape parameter of Pareto", "ignore:Variables counts in")
def test_tree_is_what_arviz_takes(fit):
    tree = fit[fit.mirnas[0]]
    assert dict(tree["posterior"].sizes)["chain"] == 4
    assert dict(tree["posterior"].sizes)["draw"] == 300
    stats = tree["sample_stats"]
    assert stats["diverging"].dtype == bool
    assert {"energy", "lp", "n_steps", "tree_depth", "acceptance_rate"} <= set(stats.data_vars)
    assert stats.attrs["r_hat"] == fit.diagnostics()["r_hat"][0]
    summary = az.summary(tree, var_names=["beta", "sd_isomir", "sd_sample", "theta"], round_to="none")
    assert summary.loc[f"beta[{TERM}]", "mean"] == pytest.approx(fit.effects(TERM)["estimate"][0], rel=1e-5)
    assert az.loo(tree).elpd < 0
    sensitivity = az.psense_summary(tree, var_names=["beta", "sd_isomir"])
    assert sensitivity.loc[f"beta[{TERM}]", "likelihood"] > 0
    for draw in (
        lambda: az.plot_trace_dist(tree, var_names=["beta"]),
        lambda: az.plot_rank(tree, var_names=["beta"]),
        lambda: az.plot_forest(tree, var_names=["effect"]),
        lambda: az.plot_ppc_dist(tree),
        lambda: az.plot_energy(tree),
    ):
        assert draw() is not None
    plt.close("all")


@pytest.mark.filterwarnings("ignore:Estimated shape parameter of Pareto")
def test_loo_compares_full_and_reduced(counts, fit):
    null = bm.fit(counts, "~ group", model="reduced", **OPTIONS)
    assert null.usage().empty
    name = fit.mirnas[0]
    table = az.compare({"full": fit[name], "reduced": null[name]})
    assert set(table.index) == {"full", "reduced"}


def test_prior_groups(fit, chance):
    tree = fit[fit.mirnas[0]]
    prior = tree["prior"].to_dataset()
    assert dict(prior.sizes) == dict(prior.sizes) | {"chain": 1, "draw": 500}
    beta = prior["beta"].sel(term=TERM).values.ravel()
    # 500 draws: the SD has a relative error of 1 / sqrt(1000), the median of a half-normal one of 0.0352.
    assert beta.std() == pytest.approx(2.5, rel=chance.z(2) / np.sqrt(1000))
    median = np.median(prior["sd_isomir"].sel(slope_term=TERM))
    assert median == pytest.approx(0.674, abs=0.0352 * chance.z(2))
    assert (np.abs(prior["correlation"]) < 1).all()
    assert dict(tree["prior_predictive"].sizes)["draw"] == 500
    log_prior, posterior = tree["log_prior"], tree["posterior"]
    expected = -0.5 * (posterior["beta"].sel(term=TERM) / 2.5) ** 2
    np.testing.assert_allclose(log_prior["beta"].sel(term=TERM), expected, rtol=1e-6)
    half_normal = 0.5 * np.log(2.0 / np.pi) - 0.5 * posterior["sd_sample"] ** 2
    np.testing.assert_allclose(log_prior["sd_sample"], half_normal, rtol=1e-6)
    rho = posterior["correlation"].sel(slope_pair=f"Intercept, {TERM}")
    np.testing.assert_allclose(log_prior["correlation"], np.log1p(-(rho**2)), rtol=1e-4, atol=1e-5)


def test_chains_that_do_not_mix_are_named(counts, monkeypatch):
    original = sampling.diagnose

    def diagnose(*args, **kwargs):
        return original(*args, **kwargs)._replace(r_hat=1.2, divergences=4, worst="b[0,0]")

    monkeypatch.setattr(sampling, "diagnose", diagnose)
    one = counts.isel(isomir=counts["mirna"].values == counts["mirna"].values[0])
    fit = bm.fit(one, "~ group", **OPTIONS | {"draws": 12})
    row = fit.status().iloc[0]
    assert row["status"] == "not_converged"
    assert "4 divergences" in row["reason"]
    assert "r-hat 1.200 of b[0, Intercept] (limit 1.01)" in row["reason"]
    assert fit.diagnostics()["worst"][0] == "b[0, Intercept]"
    assert fit.diagnostics()["attempts"][0] == 2
    assert "No Bayes factor" in row["reason"]  # 48 draws are too few for some 25 dimensions
    assert len(fit.effects()) == 2


def test_one_failure_does_not_stop_the_others(counts, monkeypatch):
    original = fitting_nuts.sample
    seen = []

    def fail_first(*args):
        seen.append(1)
        if len(seen) == 1:
            raise RuntimeError("All initialization points failed")
        return original(*args)

    monkeypatch.setattr(fitting_nuts, "sample", fail_first)
    two = counts.isel(isomir=np.isin(counts["mirna"].values, ["sim-miR-1", "sim-miR-2"]))
    status = bm.fit(two, "~ group", **OPTIONS | {"draws": 50}).status().set_index("mirna")
    assert (status["status"] == "failed").sum() == 1
    assert "All initialization points failed" in " ".join(status["reason"])


def test_interruption_before_anything_is_finished(counts, monkeypatch):
    def interrupt(*args):
        signal.raise_signal(signal.SIGINT)
        while True:
            stop_point()
            time.sleep(0.01)

    monkeypatch.setattr(fitting_nuts, "sample", interrupt)
    monkeypatch.setattr(loop, "GRACE", 0.05)
    with pytest.raises(KeyboardInterrupt):
        bm.fit(counts, "~ group", **OPTIONS)


def test_one_chain_is_split_for_r_hat(counts):
    one = counts.isel(isomir=counts["mirna"].values == "sim-miR-1")
    fit = bm.fit(one, "~ group", **OPTIONS | {"chains": 1, "draws": 1500})
    row = fit.diagnostics().iloc[0]
    beta = fit["sim-miR-1"]["posterior"]["beta"].values[0]
    halves = [array_stats.rhat(x.reshape(2, -1), chain_axis=0, draw_axis=1) for x in beta.T]
    assert row["r_hat"] > max(halves) - 0.005  # the worst of all quantities
    assert row["r_hat"] < 1.1


def test_few_draws_are_called_few(counts):
    one = counts.isel(isomir=counts["mirna"].values == "sim-miR-1")
    fit = bm.fit(one, "~ group", **OPTIONS | {"draws": 60})
    row, diagnostics = fit.status().iloc[0], fit.diagnostics().iloc[0]
    assert row["status"] == "not_converged"
    if diagnostics["r_hat"] <= 1.01 and not diagnostics["divergences"]:
        assert "gave too few effective draws after 1 attempt:" in row["reason"]
    assert "bulk ESS" in row["reason"]


def test_draws_of_a_run_that_was_replaced_are_refused(fit, tmp_path, monkeypatch):
    monkeypatch.setattr(arrays, "ON_DEMAND_FROM", 0)
    fit.save(tmp_path / "run")
    loaded = bm.load(tmp_path / "run")
    fit.save(tmp_path / "run", force=True)
    with pytest.raises(bm.InputError, match="was replaced after the fit was loaded"):
        loaded.effects()
    loaded = bm.load(tmp_path / "run")
    (tmp_path / "run" / "arrays.nc").unlink()
    with pytest.raises(bm.InputError, match="cannot be read any more"):
        loaded.effects()


def test_interruption_keeps_what_is_finished(counts, monkeypatch, caplog):
    original = fitting_nuts.sample
    seen = []

    def interrupt_third(*args):
        seen.append(1)
        if len(seen) == 5:  # two models a miRNA
            signal.raise_signal(signal.SIGTERM)
            while True:
                stop_point()
                time.sleep(0.01)
        return original(*args)

    monkeypatch.setattr(fitting_nuts, "sample", interrupt_third)
    fit = bm.fit(counts, "~ group", **OPTIONS | {"draws": 50})
    status = fit.status()
    assert (status["status"] == "interrupted").sum() == 2
    assert "interrupted before" in status.query("status == 'interrupted'")["reason"].iloc[0]
    assert len(fit.mirnas) == 2
    assert "2 of 4 miRNAs" in caplog.text
    assert fit.metadata["interrupted"] == "SIGTERM"
    assert "interrupted: 2 of 4 miRNAs were not finished" in fit.metadata["cautions"][-1]


def test_edge_cases(counts):
    zero = counts.copy(deep=True)
    rows = zero["mirna"].values == "sim-miR-1"
    zero["counts"].values[np.ix_(rows, zero["group"].values == "A")] = 0
    fit = bm.fit(zero, "~ group", **OPTIONS | {"draws": 100})
    row = fit.effects(TERM).set_index("mirna").loc["sim-miR-1"]
    assert row["estimate"] > 2  # the prior makes the answer finite
    assert fit.ml.status().set_index("mirna").loc["sim-miR-1", "status"] == "separated"
    assert np.isfinite(fit.usage().set_index("mirna").loc["sim-miR-1", "log_bf10"])
    one = counts.isel(isomir=counts["mirna"].values == "sim-miR-2")
    poisson = bm.fit(one, "~ group", model="poisson", **OPTIONS | {"draws": 100})
    assert "theta" not in poisson[poisson.mirnas[0]]["posterior"]
    mean = bm.fit(one, "~ 1", **OPTIONS | {"draws": 100})
    assert mean.usage().empty
    assert len(mean.effects()) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"draws": 0}, "draws=0: give"),
        ({"draws": 10.5}, r"draws=10\.5: give"),
        ({"chains": -1}, "chains=-1: give"),
        ({"tune": True}, "tune=True: give"),
        ({"target_accept": 1.0}, r"target_accept=1\.0: give"),
        ({"preset": "mirglmm"}, "maximum likelihood"),
        ({"df": "t"}, "maximum likelihood"),
        ({"seed": True}, "seed=True"),
        ({"n_jobs": 1.5}, r"n_jobs is 1\.5"),
    ],
)
def test_bad_settings_are_refused_before_anything_runs(counts, options, message):
    with pytest.raises(bm.InputError, match=message):
        bm.fit(counts, "~ group", **OPTIONS | options)


def test_settings_of_nuts_are_refused_for_other_methods(counts):
    with pytest.raises(
        bm.InputError, match="draws=10 and chains=2: for method='nuts' only, and not for 'ml'"
    ):
        bm.fit(counts, "~ group", draws=10, chains=2)
    with pytest.raises(bm.InputError, match="no draws to diagnose"):
        bm.fit(counts, "~ group", progress=False).diagnostics()


def test_pymc_is_not_loaded():
    import subprocess

    code = (
        "import sys, bayes_mirglmm as bm\n"
        "c = bm.simulate(3, n_mirnas=1, n_isomirs=3, seed=1).counts\n"
        "bm.fit(c, '~ group', method='nuts', draws=20, tune=20, progress=False)\n"
        "assert 'pymc' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_shortest_intervals_on_request(fit):
    for table in (fit.effects, fit.isomir_effects):
        equal, shortest = table(), table(interval="hdi")
        width = (shortest["upper"] - shortest["lower"]) / (equal["upper"] - equal["lower"])
        assert (width <= 1.02).all()
        assert (width > 0.6).all()  # shorter by as much as the posterior is skewed
    with pytest.raises(bm.InputError, match="'eti'"):
        fit.effects(interval="hpd")
    with pytest.raises(bm.InputError, match="posterior draws"):
        fit.ml.effects(interval="hdi")


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_real_interrupt_ends_the_run(jobs):
    """In a process of its own: Ctrl-C after the first miRNA is finished."""
    import subprocess

    code = (
        "import os, signal, sys, threading, time, bayes_mirglmm as bm\n"
        "from bayes_mirglmm.methods import loop, nuts\n"
        "loop.GRACE = 0.2\n"
        "made = bm.simulate(4, n_mirnas=8, n_isomirs=5, seed=3).counts\n"
        "made = made.isel(isomir=made['mirna'].values != 'background')\n"
        "original, calls = nuts.sample, []\n"
        "def sample(*args):\n"
        "    calls.append(1)\n"
        "    if len(calls) == 5:\n"  # two models a miRNA: one is finished at least
        "        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
        "    return original(*args)\n"
        "nuts.sample = sample\n"
        "start = time.time()\n"
        f"fit = bm.fit(made, '~ group', method='nuts', draws=3000, tune=100, n_jobs={jobs}, progress=False)\n"
        "finished = (fit.status()['status'] != 'interrupted').sum()\n"
        "reasons = set(fit.status().query(\"status == 'interrupted'\")['reason'])\n"
        "assert 1 <= finished < 8, finished\n"
        "assert reasons == {'The run was interrupted before this miRNA was finished.'}, reasons\n"
        "assert (fit.effects()['ess_bulk'] > 0).all()\n"
        "assert fit.data.sizes['draw'] == 12000\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
