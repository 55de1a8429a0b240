"""``bm.fit``: every miRNA has a status, options are checked, results do not depend on workers."""

import logging
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.stats import false_discovery_control

import bayes_mirglmm as bm
from bayes_mirglmm.counts.container import attach_samples, make_counts
from bayes_mirglmm.methods import maximum_likelihood
from bayes_mirglmm.outcomes import from_metadata


class Data(NamedTuple):
    counts: xr.Dataset
    truth: Any


@pytest.fixture(scope="module")
def simulation(own_numbers):
    """Truth, and counts without the miRNA that fills the libraries up."""
    with own_numbers():
        found = bm.simulate(n_per_group=5, n_mirnas=12, seed=3)
    return Data(found.counts.isel(isomir=found.counts["mirna"].values != "background"), found.truth)


@pytest.fixture(scope="module")
def fitted(simulation):
    return bm.fit(simulation.counts, "~ group", progress=False)


def counts_of(table: dict[str, list[list[int]]], groups: str) -> xr.Dataset:
    """Counts from rows per miRNA, with totals of a million."""
    names = [f"s{i}" for i in range(len(groups))]
    rows = [(mirna, row) for mirna, isomirs in table.items() for row in isomirs]
    return make_counts(
        np.array([row for _, row in rows]),
        isomir=[f"i{k}" for k in range(len(rows))],
        mirna=[mirna for mirna, _ in rows],
        sample=names,
        samples=pd.DataFrame({"group": list(groups)}, index=names),
        total=[10**6] * len(groups),
    )


GOOD = [[30, 41, 25, 50, 66, 48], [5, 9, 4, 20, 11, 14], [110, 150, 90, 160, 240, 170]]


def test_estimates_are_near_the_truth(simulation, fitted):
    truth = simulation.truth.effects.query("term == 'group[T.B]'").set_index("mirna")["value"]
    effects = fitted.effects(terms="group[T.B]").set_index("mirna")
    true = truth.loc[effects.index]
    z = (effects["estimate"] - true) / effects["std_error"]
    assert np.abs(z).max() < 4.5
    assert np.sqrt(np.mean(z**2)) == pytest.approx(1.0, abs=0.6)


def test_results_do_not_depend_on_workers_or_company(simulation, fitted):
    two = bm.fit(simulation.counts, "~ group", n_jobs=2, progress=False)
    pd.testing.assert_frame_equal(two.effects(), fitted.effects(), check_exact=True)
    pd.testing.assert_frame_equal(two.isomir_effects(), fitted.isomir_effects(), check_exact=True)
    mirna = fitted.mirnas[4]
    alone = simulation.counts.isel(isomir=simulation.counts["mirna"].values == mirna)
    single = bm.fit(alone, "~ group", progress=False)
    columns = ["estimate", "std_error", "p_value"]
    both = [f.effects().set_index(["mirna", "term"]).loc[mirna][columns] for f in (fitted, single)]
    pd.testing.assert_frame_equal(*both, check_exact=True)


def test_every_mirna_of_the_input_has_a_status():
    counts = counts_of(
        {
            "good": GOOD,
            "one": [[3, 5, 2, 8, 1, 4]],
            "empty group": [[3, 5, 2, 0, 0, 0], [8, 2, 4, 0, 0, 0]],
            "nothing": [[0] * 6, [0] * 6],
            "faint": [[0, 0, 1, 0, 0, 0], [0, 1, 0, 0, 0, 0]],
        },
        "aaabbb",
    )
    kept = bm.filter_counts(counts, min_mirna_log_cpm=1, min_isomir_log_cpm=None)
    assert "faint" not in kept["mirna"].values
    status = bm.fit(counts, "~ group", progress=False).status().set_index("mirna")
    assert status.loc["good", "status"] in ("ok", "boundary", "poisson_limit")
    assert status.loc["one", "status"] == "too_few_isomirs"
    assert status.loc["empty group", "status"] == "separated"
    assert "group[T.b]" in status.loc["empty group", "reason"]
    assert status.loc["nothing", "status"] == "separated"
    assert status.loc["nothing", "reason"] == "All counts are zero."
    filtered = bm.fit(kept, "~ group", progress=False).status().set_index("mirna")
    assert set(filtered.index) == set(status.index)
    assert filtered.loc["faint", "status"] == "low_expression"
    assert filtered["reason"].loc["faint"]


def test_a_mirna_that_fails_does_not_stop_the_others(simulation, monkeypatch):
    mirna = str(simulation.counts["mirna"].values[0])
    real = maximum_likelihood._fitted

    def breaks(plan, name, isomirs, counts):
        if name == mirna:
            raise FloatingPointError("a number went wrong")
        return real(plan, name, isomirs, counts)

    monkeypatch.setattr(maximum_likelihood, "_fitted", breaks)
    status = bm.fit(simulation.counts, "~ group", progress=False).status().set_index("mirna")
    assert status.loc[mirna, "status"] == "failed"
    assert "a number went wrong" in status.loc[mirna, "reason"]
    assert status["status"].drop(mirna).isin(["ok", "boundary"]).all()


def test_the_poisson_limit_is_named():
    flat = [[100, 101, 99, 100, 100, 101], [51, 50, 50, 49, 50, 50], [20, 20, 20, 20, 20, 20]]
    fit = bm.fit(counts_of({"flat": flat}, "aaabbb"), "~ group", progress=False)
    row = fit.status().iloc[0]
    assert row["status"] == "poisson_limit"
    assert "theta is infinite" in row["reason"]
    assert np.isinf(fit.data["theta"].sel(mirna="flat", model="full"))
    assert np.isfinite(fit.effects()["p_value"]).all()


def test_a_boundary_says_which_variance(fitted):
    status = fitted.status()
    rows = status[status["status"] == "boundary"]
    assert len(rows)
    assert rows["reason"].str.startswith("On the boundary: ").all()


def test_full_model_is_never_worse_than_the_reduced_one(fitted):
    likelihood = fitted.data["log_likelihood"]
    assert (likelihood.sel(model="full") - likelihood.sel(model="reduced") > -1e-6).all()
    assert (fitted.usage()["lrt"] >= 0).all()


def test_the_full_model_is_searched_again_from_the_reduced_one(simulation, fitted, monkeypatch):
    """A search of the full model that stops early is noticed, and repaired."""
    real = maximum_likelihood._fit

    def stops_early(plan, counts, frame, start=None):
        found = real(plan, counts, frame, start)
        if frame is plan.full_frame and start is None:
            object.__setattr__(found, "log_likelihood", found.log_likelihood - 500.0)
        return found

    monkeypatch.setattr(maximum_likelihood, "_fit", stops_early)
    again = bm.fit(simulation.counts, "~ group", progress=False)
    np.testing.assert_allclose(again.usage()["lrt"], fitted.usage()["lrt"], atol=1e-5)


def test_preset_mirglmm_is_what_the_r_pipeline_does(simulation):
    fit = bm.fit(simulation.counts, "~ group", preset="mirglmm", progress=False)
    attrs = fit.data.attrs
    assert (attrs["curvature"], attrs["df"], attrs["offset_method"]) == ("expected", "z", "total")
    singular = fit.data["status"].values == "boundary"
    assert singular.any()
    assert (fit.data["coefficients_from"].values[singular] == "reduced").all()
    assert (fit.data["coefficients_from"].values[~singular] == "full").all()
    explicit = bm.fit(simulation.counts, "~ group", curvature="expected", df="z", progress=False)
    effects = [f.effects(terms="group[T.B]").set_index("mirna") for f in (fit, explicit)]
    regular = fit.data["mirna"].values[~singular]
    np.testing.assert_array_equal(effects[0]["estimate"][regular], effects[1]["estimate"][regular])
    held = explicit.data["beta_cov_theta_fixed"].sel(model="full", term="group[T.B]", term2="group[T.B]")
    np.testing.assert_allclose(effects[0]["std_error"][regular], np.sqrt(held.sel(mirna=regular)))
    usage = fit.usage()
    adjusted = false_discovery_control(usage["p_value_chi2"])
    np.testing.assert_allclose(usage["p_adjusted"], adjusted)


def test_nuisance_slopes_are_independent(simulation):
    counts = simulation.counts.assign_coords(quality=("sample", np.linspace(-1, 1, 10)))
    fit = bm.fit(counts, "~ group", nuisance="quality", progress=False)
    omega = fit.data["omega"].sel(model="full", slope_term="quality")
    assert (omega.sel(slope_term2=["Intercept", "group[T.B]"]) == 0).all()
    assert (omega.sel(slope_term2="quality") >= 0).all()
    assert np.isfinite(fit.usage()["lrt"]).all()


def test_a_formula_without_variables_has_one_model(simulation):
    fit = bm.fit(simulation.counts, "~ 1", progress=False)
    assert list(fit.data["model"].values) == ["full"]
    assert list(fit.effects()["term"].unique()) == ["Intercept"]


@pytest.mark.parametrize("name", ["poisson", "reduced"])
def test_the_other_shipped_models_fit(simulation, fitted, name):
    fit = bm.fit(simulation.counts, "~ group", model=name, progress=False)
    assert fit.status()["status"].isin(["ok", "boundary"]).all()
    if name == "poisson":
        assert np.isinf(fit.data["theta"]).all()
    else:
        reduced = fitted.data["beta"].sel(model="reduced")
        np.testing.assert_allclose(fit.data["beta"].sel(model="reduced"), reduced)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"method": "magic"}, "method='magic'"),
        ({"curvature": "some"}, "'observed', 'expected'"),
        ({"df": "satterthwaite"}, "df="),
        ({"preset": "deseq2"}, "'mirglmm'"),
        ({"preset": "mirglmm", "curvature": "observed"}, "leave one"),
        ({"preset": "mirglmm", "offset": "tmm"}, "offset='total'"),
        ({"preset": "mirglmm", "df": "t"}, "df='z'"),
        ({"seed": "a"}, "seed='a'"),
        ({"prob": 1.5}, "prob"),
        ({"n_jobs": -1}, "n_jobs"),
        ({"offset": "rpkm"}, "rpkm"),
        ({"model": "no_such_model"}, "no_such_model"),
        ({"slope": "batch"}, "batch"),
        ({"reference": {"group": "C"}}, "C"),
    ],
)
def test_what_cannot_be_used_is_refused_before_anything_is_fitted(simulation, options, words, monkeypatch):
    monkeypatch.setattr("bayes_mirglmm.fitting.fit.fit_every_mirna", lambda *_, **__: pytest.fail("fitted"))
    with pytest.raises(bm.InputError, match=words):
        bm.fit(simulation.counts, "~ group", progress=False, **options)


def test_offsets_that_disagree_are_said_once(caplog):
    """One dominant miRNA that changes moves the totals of a group, and with them every other miRNA."""
    counts = bm.simulate(3, n_mirnas=24, n_isomirs=2, seed=1).counts
    boost = np.where(counts["group"].values == "B", 3.0, 1.0)
    counts["total"] = ("sample", np.round(counts["total"].values * boost).astype(np.int64))
    with caplog.at_level(logging.WARNING):
        fit = bm.fit(counts, "~ group", progress=False)
    assert len(caplog.records) == 1
    assert "offsets disagree" in caplog.text
    assert fit.metadata["cautions"]


def test_a_singular_poisson_limit_takes_the_reduced_model_under_the_preset():
    """``glmer.nb`` calls it singular whatever theta is."""
    flat = [[100, 101, 99, 100, 100, 101], [51, 50, 50, 49, 50, 50], [20, 20, 20, 20, 20, 20]]
    fit = bm.fit(counts_of({"flat": flat}, "aaabbb"), "~ group", preset="mirglmm", progress=False)
    assert fit.status()["status"].tolist() == ["poisson_limit"]
    assert fit.data["coefficients_from"].values.tolist() == ["reduced"]


def test_a_level_of_one_sample_is_said_of_every_mirna():
    fit = bm.fit(counts_of({"good": GOOD}, "aaaaab"), "~ group", progress=False)
    assert "Only one sample has group[b]" in fit.status()["reason"].iloc[0]


def test_numbers_that_look_like_levels_are_said(simulation, caplog):
    counts = simulation.counts.assign_coords(patient=("sample", [1, 2, 3, 4, 5] * 2))
    fit = bm.fit(counts, "~ group + patient", progress=False)
    assert any("C(patient)" in sentence for sentence in fit.metadata["cautions"])
    as_factor = bm.fit(counts, "~ group + C(patient)", progress=False)
    assert not any("C(patient)" in sentence for sentence in as_factor.metadata["cautions"])


def test_counts_that_are_whole_floats_are_taken_and_others_refused_by_cell(simulation, fitted):
    counts = simulation.counts.assign(counts=simulation.counts["counts"].astype(float))
    again = bm.fit(counts, "~ group", progress=False)
    pd.testing.assert_frame_equal(again.effects(), fitted.effects(), check_exact=True)
    counts["counts"][3, 2] = 0.5
    with pytest.raises(bm.InputError, match=r"0\.5.* at isomiR .*, sample"):
        bm.fit(counts, "~ group", progress=False)
    with pytest.raises(bm.InputError, match="read_counts"):
        bm.fit(pd.DataFrame({"a": [1]}), "~ group", progress=False)


def test_a_selection_by_hand_is_not_called_a_filter(simulation):
    kept = bm.filter_counts(simulation.counts, min_mirna_log_cpm=None, min_isomir_log_cpm=1)
    one = kept.isel(isomir=kept["mirna"].values == kept["mirna"].values[0])
    status = bm.fit(one, "~ group", progress=False).status()
    others = status[status["status"] == "too_few_isomirs"]
    assert others["reason"].str.contains("left out by hand").all()


def test_the_order_of_levels_reaches_the_estimates_and_the_saved_run(simulation, fitted, tmp_path):
    keep = simulation.counts["mirna"].values == simulation.counts["mirna"].values[0]
    counts = simulation.counts.isel(isomir=keep)
    group = pd.Categorical(counts["group"].values, categories=["B", "A"])
    names = pd.Index(counts["sample"].values)
    ordered = attach_samples(counts, pd.DataFrame({"group": group, "unused": group}, index=names))
    fit = bm.fit(ordered, "~ group", progress=False)
    assert fit.design.factors == {"group": ("B", "A")}
    mirna = str(counts["mirna"].values[0])
    alphabetical = fitted.effects("group[T.B]").set_index("mirna").loc[mirna, "estimate"]
    assert fit.effects("group[T.A]")["estimate"].item() == pytest.approx(-alphabetical, abs=1e-4)
    fit.save(tmp_path / "run")
    loaded = bm.load(tmp_path / "run")
    assert loaded.design.factors == {"group": ("B", "A")}
    assert loaded.samples["unused"].cat.categories.tolist() == ["B", "A"]


def test_what_does_not_look_like_counts_is_said(caplog):
    totals = counts_of({"miR-1": GOOD}, "aaabbb")
    fit = bm.fit(totals, "~ group", progress=False)
    assert fit.metadata["caution_kinds"][0] == "not_counts"
    assert "the totals of all 6 samples are alike (1,000,000 to 1,000,000)" in caplog.text


def test_variables_without_isomir_slopes_are_said_unless_the_slope_was_chosen(simulation, caplog):
    """``~ batch + condition`` may be meant for either; ``slope=`` says which."""
    batch = np.tile(["x", "y"], simulation.counts.sizes["sample"])[: simulation.counts.sizes["sample"]]
    counts = simulation.counts.assign_coords(batch=("sample", batch))
    with caplog.at_level(logging.WARNING):
        fit = bm.fit(counts, "~ batch + group", progress=False)
    (caution,) = [c for c in from_metadata(fit.metadata) if c.kind == "slope"]
    assert "only batch has isomiR slopes" in caution
    assert "slope='group' (--slope group); nuisance='batch'" in caution
    assert caution in caplog.text
    table = fit.effects().groupby("term")["isomir_slope"].all()
    assert table.to_dict() == {"Intercept": True, "batch[T.y]": True, "group[T.B]": False}
    for options in ({"slope": "group"}, {"slope": "group", "nuisance": "batch"}):
        chosen = bm.fit(counts, "~ batch + group", progress=False, **options)
        assert not [c for c in from_metadata(chosen.metadata) if c.kind == "slope"]
    assert chosen.effects()["isomir_slope"].all()
