"""Findings: against the tables that they gather, pooled ratios of counts, and the draws."""

import numpy as np
import pandas as pd
import pytest

import bayes_mirglmm as bm
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.results.sums import poisson_regression

TERM = "group[T.B]"
LOG_2 = np.log(2)


@pytest.fixture(scope="module")
def drawn():
    return bm.simulate(5, ("A", "B", "C"), n_mirnas=6, n_isomirs=5, changed=0.6, theta=20.0, seed=8)


@pytest.fixture(scope="module")
def ml(drawn):
    return bm.fit(drawn.counts, "~ group", progress=False)


@pytest.fixture(scope="module")
def laplace(drawn):
    return bm.fit(drawn.counts, "~ group", method="laplace", progress=False)


def test_both_logarithms_are_those_of_the_effects(ml):
    found = ml.findings(TERM).set_index("mirna")
    effects = ml.effects(TERM).set_index("mirna").loc[found.index]
    np.testing.assert_allclose(found["ln_fold_change"], effects["estimate"])
    np.testing.assert_allclose(found["log2_lower"], effects["lower"] / LOG_2)
    np.testing.assert_allclose(found["fold_change"], np.exp(effects["estimate"]))
    np.testing.assert_array_equal(found["p_adjusted"], effects["p_adjusted"])
    assert found["p_value"].is_monotonic_increasing
    up = (effects["p_adjusted"] <= 0.05) & (effects["estimate"] > 0)
    assert list(found["change"] == "up") == list(up)


def test_the_change_of_the_sums_is_the_ratio_of_pooled_counts(ml):
    found = ml.findings(contrasts={"group": ("C", "B")}).set_index("mirna")
    data, group = ml.data, ml.samples["group"].to_numpy()
    exposure = np.exp(data["offset"].values)
    for mirna, row in found.iterrows():
        y = data["counts"].values[data["isomir_mirna"].values == mirna].sum(axis=0)
        rate = {g: y[group == g].sum() / exposure[group == g].sum() for g in "BC"}
        assert row["log2_change_of_sums"] == pytest.approx(np.log2(rate["C"] / rate["B"]), abs=1e-8)
        cpm = 1e6 * y / data["total"].values
        assert row["mean_cpm_B"] == pytest.approx(cpm[group == "B"].mean())


def test_a_poisson_regression_solves_its_score_equations_and_names_a_group_without_reads():
    rng = np.random.default_rng(1)
    x = np.column_stack([np.ones(12), np.repeat([0.0, 1.0], 6), rng.normal(size=12)])
    offset = rng.normal(size=12)
    y = rng.poisson(np.exp(offset + 2.0 + 0.5 * x[:, 2])).astype(float)
    beta = poisson_regression(y, x, offset)
    np.testing.assert_allclose(x.T @ (y - np.exp(offset + x @ beta)), 0.0, atol=1e-6)
    y[:6] = 0.0
    assert not (np.abs(poisson_regression(y, x[:, :2], offset)) < 30).all()


def test_the_top_isomir_stands_beside_the_mean(ml):
    data = ml.data
    row = ml.findings(TERM).iloc[0]
    own = data["isomir_mirna"].values == row["mirna"]
    reads = (data["counts"].values / data["total"].values)[own].mean(axis=1)
    assert row["top_isomir"] == data["isomir"].values[own][reads.argmax()]
    assert row["top_isomir_share"] == pytest.approx(reads.max() / reads.sum())
    effects = ml.isomir_effects(TERM).set_index("isomir")["log2_fc"]
    assert row["top_isomir_log2_fold_change"] == pytest.approx(effects[row["top_isomir"]])
    types = pd.Series("tail", index=data["isomir"].values)
    assert set(ml.findings(TERM, types=types)["top_isomir_type"]) == {"tail"}


def test_deviating_isomirs_by_maximum_likelihood(ml):
    table = ml.isomir_findings(TERM, lfsr=1.0, usage_fdr=1.0).set_index("isomir")
    effects = ml.isomir_effects(TERM).set_index("isomir").loc[table.index]
    np.testing.assert_allclose(table["ln_deviation"], effects["deviation"])
    np.testing.assert_allclose(
        table["log2_of_mirna"], (effects["estimate"] - effects["deviation"]) / LOG_2, atol=1e-12
    )
    from scipy import stats

    z = effects["deviation"] / effects["deviation_std_error"]
    some = effects["deviation"] != 0
    np.testing.assert_allclose(table["lfsr"][some], stats.norm.cdf(-z.abs())[some])
    assert (table["lfsr"][~some] == 1.0).all()
    assert table.groupby("mirna")["share"].sum().to_numpy() == pytest.approx(1.0)
    # a contrast that is a coefficient has its numbers; one of two coefficients has no standard error of b
    same = ml.isomir_findings(contrasts={"group": ("B", "A")}, lfsr=1.0, usage_fdr=1.0).set_index("isomir")
    np.testing.assert_allclose(same["lfsr"], table.loc[same.index, "lfsr"])
    assert (
        ml.isomir_findings(contrasts={"group": ("C", "B")}, lfsr=1.0, usage_fdr=1.0)["lfsr"]
        .dropna()
        .eq(1.0)
        .all()
    )


def test_deviating_isomirs_of_a_posterior_are_counted_and_spelled_out(laplace, chance):
    contrast = {"group": ("C", "B")}
    table = laplace.isomir_findings(contrasts=contrast, lfsr=1.0, usage_fdr=1.0).set_index("isomir")
    data = laplace.data
    for isomir, row in table.head(5).iterrows():
        i = list(data["isomir"].values).index(isomir)
        weight = data["draw_weight"].sel(drawn=row["mirna"]).values
        b = data["weighted_draw_b"].values[i].astype(float)
        rate = weight[(b[:, 2] - b[:, 1]) * np.sign(row["ln_deviation"]) <= 0].sum()
        assert abs(row["lfsr"] - rate) < chance.z(5) * np.sqrt(0.25 * (weight**2).sum())
    found = laplace.findings(contrasts=contrast)
    few = laplace.isomir_findings(contrasts=contrast).set_index("isomir")
    called = laplace.usage().query("p_adjusted <= 0.05")["mirna"]
    assert list(few.index) == list(table.index[(table["lfsr"] <= 0.05) & table["mirna"].isin(called)])
    assert found.set_index("mirna")["n_deviating"].sum() == len(few) > 0
    said = found.set_index("mirna").loc[few.iloc[0]["mirna"], "deviating"]
    assert few.index[0] in said
    assert f"log2 {few.iloc[0]['log2_fold_change']:+.2f} beside" in said


def test_isomirs_deviate_where_the_usage_of_their_mirna_is_called():
    counts = bm.filter_counts(bm.simulate(4, n_mirnas=40, changed=0, usage=0, seed=0).counts)
    null = bm.fit(counts, "~ group", progress=False)
    assert len(null.isomir_findings(usage_fdr=1.0)) > 20  # at an lfsr of 5 %, each miRNA alone
    assert null.usage()["p_shared_adjusted"].min() > 0.5
    assert null.isomir_findings().empty
    assert null.isomir_findings(lfsr=1.0).empty
    found = null.findings()
    assert found["n_deviating"].eq(0).all()
    assert found["deviating"].eq("").all()
    with_usage = bm.simulate(
        5, n_mirnas=40, n_isomirs=8, usage=0.1, theta=20.0, sd_isomir_slope=1.0, seed=2
    ).counts
    for test, column in (("shared", "p_shared_adjusted"), ("lrt", "p_adjusted")):
        fit = bm.fit(with_usage, "~ group", usage_test=test, progress=False)
        called = fit.usage().set_index("mirna").query(f"{column} <= 0.05")[column]
        table, every = fit.isomir_findings(), fit.isomir_findings(usage_fdr=1.0)
        assert 0 < len(table) == every["mirna"].isin(called.index).sum()
        np.testing.assert_array_equal(table["usage_p_adjusted"], called[table["mirna"]])
        assert fit.findings()["n_deviating"].sum() == len(table)


def test_findings_count_the_single_counts_that_stand_far_out():
    counts = bm.simulate(4, n_mirnas=12, n_isomirs=8, usage=0.0, theta=20.0, seed=3).counts
    values = counts["counts"].values.copy()
    own = np.flatnonzero(counts["mirna"].values == "sim-miR-2")
    row = int(own[values[own].sum(axis=1).argmax()])
    values[row, 1] *= 100
    wrong = counts.assign(counts=(("isomir", "sample"), values)).assign_coords(
        total=counts["total"] + values.sum(axis=0) - counts["counts"].sum("isomir")
    )
    fit = bm.fit(wrong, "~ group", progress=False)
    assert fit.findings().set_index("mirna")["outlying_cells"].to_dict() == {
        name: int(name == "sim-miR-2") for name in fit.mirnas
    }
    isomirs = fit.isomir_findings(lfsr=1.0, usage_fdr=1.0).set_index("isomir")["outlying_cells"]
    assert isomirs.sum() == isomirs[str(counts["isomir"].values[row])] == 1


def test_what_the_run_was_made_with_comes_first(ml, laplace):
    asked = bm.results.Fit(
        laplace.data,
        laplace.design,
        metadata={
            "contrasts": [{"group": ("C", "B")}],
            "probability": {"beyond": LOG_2, "rope": [-0.1, 0.1]},
        },
        samples=laplace.samples,
        ml=laplace.ml,
    )
    found = asked.findings()
    assert list(found["term"].unique()) == ["group: C - B", TERM, "group[T.C]"]
    one = asked.probability(contrasts={"group": ("C", "B")}, beyond=LOG_2, rope=(-0.1, 0.1)).set_index(
        "mirna"
    )
    rows = found[found["term"] == "group: C - B"].set_index("mirna")
    for name in ("p_beyond", "p_rope"):
        np.testing.assert_allclose(rows[name], one.loc[rows.index, name])
    assert "p_beyond" not in ml.findings()
    assert list(ml.findings()["term"].unique()) == [TERM, "group[T.C]"]


def test_rates_and_formulas_that_find_nothing_are_refused(ml, drawn):
    with pytest.raises(InputError, match="fdr=0"):
        ml.findings(fdr=0)
    with pytest.raises(InputError, match="lfsr=2"):
        ml.isomir_findings(lfsr=2)
    with pytest.raises(InputError, match="usage_fdr=0"):
        ml.isomir_findings(usage_fdr=0)
    empty = bm.fit(drawn.counts, "~ 1", progress=False)
    with pytest.raises(InputError, match="intercept only"):
        empty.findings()
