from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import xarray as xr

import bayes_mirglmm as bm
from bayes_mirglmm.evidence.outlying_cells import expected_counts
from bayes_mirglmm.methods import maximum_likelihood
from bayes_mirglmm.report.diagnostics import diagnostics
from bayes_mirglmm.report.verdict import verdict
from bayes_mirglmm.results import outliers
from bayes_mirglmm.results.outliers import calls_by_outliers, outliers_sentence


@pytest.fixture(scope="module")
def counts() -> xr.Dataset:
    return bm.simulate(4, n_mirnas=12, n_isomirs=8, usage=0.0, theta=20.0, seed=3).counts


def times_a_hundred(counts: xr.Dataset, mirna: str, sample: int) -> tuple[xr.Dataset, str]:
    """Multiply the most abundant isomiR of a miRNA in one sample."""
    rows = np.flatnonzero(counts["mirna"].values == mirna)
    row = int(rows[counts["counts"].values[rows].sum(axis=1).argmax()])
    values = counts["counts"].values.copy()
    values[row, sample] *= 100
    made = counts.assign(counts=(("isomir", "sample"), values))
    made = made.assign_coords(
        total=counts["total"] + made["counts"].sum("isomir") - counts["counts"].sum("isomir")
    )
    return made, str(counts["isomir"].values[row])


def test_one_wrong_count_makes_no_call_without_a_flag(counts: xr.Dataset) -> None:
    clean = bm.fit(counts, "~ group", progress=False)
    assert clean.outlying_cells().empty
    assert clean.usage()["outlying_cells"].eq(0).all()
    assert clean.usage()["p_value_without"].isna().all()
    assert outliers_sentence(clean) == ""
    assert calls_by_outliers(clean) == []
    mirna = "sim-miR-2"
    wrong, isomir = times_a_hundred(counts, mirna, 1)
    assert calls_by_outliers(bm.fit(wrong, "~ group", progress=False)) == []  # the shared test clips it
    fit = bm.fit(wrong, "~ group", usage_test="lrt", progress=False)
    cells = fit.outlying_cells()
    assert cells[["mirna", "isomir", "sample"]].to_numpy().tolist() == [
        [mirna, isomir, str(counts["sample"].values[1])]
    ]
    before, after = (f.usage().set_index("mirna").loc[mirna] for f in (clean, fit))
    assert after["p_value"] < 1e-3 < before["p_value"]
    assert after["outlying_cells"] == 1
    assert before["p_value"] / 5.0 < after["p_value_without"] < before["p_value"] * 5.0
    truth = float(counts["counts"].sel(isomir=isomir).values[1])
    assert truth / 2.5 < cells["expected"].iloc[0] < truth * 2.5  # theta 20: an SD of a quarter
    flags = fit.isomir_effects().set_index("isomir")["outlying_cells"]
    assert flags[isomir] == 1
    assert flags.sum() == 1
    assert calls_by_outliers(fit) == [mirna]
    sentence = outliers_sentence(fit)
    assert f"of {isomir}, {mirna}, in {counts['sample'].values[1]}" in sentence
    assert f"Without these the isomiR usage of {mirna} has a p-value above 0.05" in sentence
    assert sentence in verdict(fit, [], fit.usage())
    told = [(f.level, f.what) for f in diagnostics(fit, fit.effects())]
    assert ("warning", sentence) in told
    harmless = bm.fit(
        wrong, "~ group", progress=False
    )  # the shared test clips it, and it is told all the same
    (note,) = [f for f in diagnostics(harmless, harmless.effects()) if "single counts" in f.what]
    assert note.level == "note"
    assert f"of {isomir}, {mirna}, in {counts['sample'].values[1]}" in note.what


def test_only_flagged_cells_ask_for_the_reduced_model_too(
    counts: xr.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong, _ = times_a_hundred(counts, "sim-miR-2", 1)
    fit = bm.fit(wrong, "~ group", progress=False)
    fit_mirna, seen = maximum_likelihood.fit_mirna, []

    def noted(plan: maximum_likelihood.Plan, *given: Any) -> Any:
        record = fit_mirna(plan, *given)
        seen.append((plan, given, record))
        return record

    monkeypatch.setattr(maximum_likelihood, "fit_mirna", noted)
    cells = fit.outlying_cells()
    assert cells["p_value_without"].notna().all()
    both = [given[0] for _, given, record in seen if record.reduced is not None]
    assert both == cells["mirna"].tolist() == ["sim-miR-2"]
    assert len(seen) > len(both)
    for plan, given, record in seen:
        assert record.full is not None
        whole = fit_mirna(replace(plan, fullest_alone=False), *given)
        np.testing.assert_array_equal(record.full.beta, whole.full.beta)
        assert record.full.theta == whole.full.theta


def test_cells_are_judged_by_the_criterion_of_the_fit(counts: xr.Dataset) -> None:
    """What is expected is the mean of the fit with the medians' count in the place, by restricted likelihood too."""
    wrong, isomir = times_a_hundred(counts, "sim-miR-2", 1)
    of_it = wrong.isel(isomir=np.flatnonzero(wrong["mirna"].values == "sim-miR-2"))
    place, values = of_it["isomir"].values.tolist().index(isomir), of_it["counts"].values.copy()
    found = {}
    for criterion in ("ml", "reml"):
        options = {"criterion": criterion, "usage_test": "lrt", "progress": False}
        fit = bm.fit(of_it, "~ group", **options)
        offset, groups = fit.data["offset"].values, np.repeat([0, 1], 4)
        values[place, 1] = round(
            expected_counts(of_it["counts"].values.astype(float), offset, groups)[place, 1]
        )
        mended = bm.fit(of_it.assign(counts=(("isomir", "sample"), values)), "~ group", **options).data
        beta = mended["beta"].sel(model="full").values[0, 0]
        found[criterion] = np.exp(offset[1] + beta + mended["b"].values[place, 0] + mended["u"].values[0, 1])
        assert fit.outlying_cells()["isomir"].tolist() == [isomir]
        assert fit.outlying_cells()["expected"].iloc[0] == pytest.approx(found[criterion], rel=1e-6)
    assert abs(found["reml"] / found["ml"] - 1.0) > 1e-4  # they are not the same


def test_a_cell_is_flagged_within_a_called_mirna_though_the_call_stands(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In a data set of many cells, where the level of all of them is out of reach."""
    drawn = bm.simulate(4, n_mirnas=6, n_isomirs=8, usage=1.0, sd_isomir_slope=1.5, theta=20.0, seed=4).counts
    wrong, isomir = times_a_hundred(drawn, "sim-miR-2", 1)
    monkeypatch.setattr(outliers, "LEVEL", 0.0)
    cells = bm.fit(wrong, "~ group", usage_test="lrt", progress=False).outlying_cells()
    assert cells["isomir"].tolist() == [isomir]
    assert cells["p_value_usage"].iloc[0] < 0.05
    assert cells["p_value_without"].iloc[0] < 0.05
    assert cells["p_value"].iloc[0] * (drawn["mirna"].values == "sim-miR-2").sum() * 8 < 0.001


def test_strong_usage_is_not_flagged() -> None:
    drawn = bm.simulate(4, n_mirnas=12, n_isomirs=8, usage=1.0, sd_isomir_slope=2.0, theta=20.0, seed=4)
    fit = bm.fit(drawn.counts, "~ group", progress=False)
    assert (fit.usage()["p_adjusted"] <= 0.05).mean() > 0.9
    assert fit.outlying_cells().empty


def test_covariates_and_no_variable_at_all(counts: xr.Dataset) -> None:
    wrong, isomir = times_a_hundred(counts, "sim-miR-5", 2)
    wrong = wrong.assign_coords(age=("sample", np.linspace(-1.0, 1.0, 8)[[3, 6, 1, 0, 7, 2, 5, 4]]))
    for formula in ("~ age", "~ group + age", "~ 1"):
        cells = bm.fit(wrong, formula, progress=False).outlying_cells()
        assert cells["isomir"].tolist() == [isomir]
        assert cells["p_value_without"].isna().all() == (formula == "~ 1")


@pytest.mark.own_seed
def test_few_samples_make_no_false_flags() -> None:
    """Three samples a group tell little of means and dispersions: of 15,000 cells here one in a hundred data sets."""
    for seed in (0, 1, 2):
        drawn = bm.filter_counts(bm.simulate(3, n_mirnas=60, seed=seed).counts)
        assert bm.fit(drawn, "~ group", progress=False).outlying_cells().empty


@pytest.mark.own_seed
def test_no_call_of_usage_rests_on_one_count_without_a_flag() -> None:
    kept = bm.filter_counts(bm.simulate(3, n_mirnas=60, seed=1).counts)
    values, owner, rng = kept["counts"].values.copy(), kept["mirna"].values, np.random.default_rng(1)
    for name in dict.fromkeys(owner):
        values[rng.choice(np.flatnonzero(owner == name)), rng.integers(6)] *= 100
    library = kept["total"].values
    wrong = kept.assign(counts=(("isomir", "sample"), values)).assign_coords(
        library=("sample", library), total=("sample", library + values.sum(axis=0))
    )
    clean = bm.fit(kept, "~ group", progress=False).usage().set_index("mirna")["p_value"]
    found = bm.fit(wrong, "~ group", offset="column:library", progress=False).usage().set_index("mirna")
    by_it = (found["p_value"] <= 0.05) & (clean.reindex(found.index) > 0.05)
    assert by_it.sum() > 10
    assert (found.loc[by_it, "outlying_cells"] > 0).all()
