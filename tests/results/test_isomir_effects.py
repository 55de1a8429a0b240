import numpy as np
import pandas as pd
import pytest
from scipy import stats

import bayes_mirglmm as bm
from bayes_mirglmm.design.build import build_design
from bayes_mirglmm.errors import InputError

TESTS = [
    "estimate",
    "std_error",
    "lower",
    "upper",
    "log2_fc",
    "lower_log2",
    "upper_log2",
    "z",
    "df",
    "p_value",
    "p_adjusted",
]
COLUMNS = ["mirna", "isomir", "term", *TESTS, "deviation", "deviation_std_error", "outlying_cells"]


def test_columns_and_rows(fit):
    table = fit.isomir_effects()
    assert list(table.columns) == COLUMNS
    assert set(table["term"]) == {"group[T.B]"}
    assert list(table["mirna"].value_counts(sort=False).items()) == [
        ("mir-ok", 3), ("mir-boundary", 2), ("mir-lost", 4), ("mir-poisson", 2),
    ]  # fmt: skip


def test_numbers_by_hand(rng, make, two_groups):
    record = make.record(rng, two_groups, "a", 3)
    table = make.fit(two_groups, [record]).isomir_effects()
    full = record.full
    se = np.sqrt(full.effect_cov[:, 1, 1])
    np.testing.assert_array_equal(table["isomir"], record.isomirs)
    np.testing.assert_array_equal(table["estimate"], full.effect[:, 1])
    np.testing.assert_allclose(table["std_error"], se, rtol=1e-14)
    np.testing.assert_allclose(table["lower"], full.effect[:, 1] - stats.t(6).ppf(0.975) * se, rtol=1e-12)
    np.testing.assert_allclose(table["log2_fc"], full.effect[:, 1] / np.log(2), rtol=1e-14)
    np.testing.assert_array_equal(table["deviation"], full.b[:, 1])
    np.testing.assert_array_equal(table["deviation_std_error"], full.b_se[:, 1])
    p = 2 * stats.t(6).sf(np.abs(full.effect[:, 1] / se))
    np.testing.assert_allclose(table["p_value"], p, rtol=1e-10)
    np.testing.assert_allclose(table["p_adjusted"], stats.false_discovery_control(p), rtol=1e-10)


def test_each_slope_term_has_its_rows_and_its_own_adjustment(rng, make, three_groups):
    fit = make.fit(three_groups, [make.record(rng, three_groups, f"m{i}", 3) for i in range(5)])
    table = fit.isomir_effects()
    assert list(table["term"][:3]) == ["group[T.B]", "group[T.C]", "group[T.B]"]
    for _, rows in table.groupby("term"):
        np.testing.assert_allclose(
            rows["p_adjusted"], stats.false_discovery_control(rows["p_value"]), rtol=1e-10
        )


def test_intercept_when_asked_or_when_there_is_nothing_else(rng, make, two_groups, samples):
    fit = make.fit(two_groups, [make.record(rng, two_groups, "a", 2)])
    assert fit.isomir_effects("Intercept")["log2_fc"].isna().all()
    design = build_design(samples, "~ 1")
    alone = make.fit(design, [make.record(rng, design, "a", 2)]).isomir_effects()
    assert list(alone["term"]) == ["Intercept"] * 2


def test_contrasts_of_slope_levels(rng, make, three_groups):
    record = make.record(rng, three_groups, "a", 3)
    table = make.fit(three_groups, [record]).isomir_effects(contrasts={"group": ("C", "B")})
    w = np.array([0.0, -1.0, 1.0])
    assert "deviation_std_error" not in table
    np.testing.assert_allclose(table["estimate"], record.full.effect @ w, rtol=1e-12)
    variance = np.einsum("k,jkl,l->j", w, record.full.effect_cov, w)
    np.testing.assert_allclose(table["std_error"], np.sqrt(variance), rtol=1e-12)
    np.testing.assert_allclose(table["deviation"], record.full.b @ w, rtol=1e-12)


def test_terms_without_isomir_effects_are_refused(rng, make, three_groups):
    fit = make.fit(three_groups, [make.record(rng, three_groups, "a", 3)])
    with pytest.raises(InputError, match="no effect of their own for age"):
        fit.isomir_effects("age")


def test_nuisance_slopes_are_left_out_unless_asked_for(rng, make, samples):
    design = build_design(samples, "~ group + age", slope="group", nuisance="age")
    fit = make.fit(design, [make.record(rng, design, "a", 3)])
    assert set(fit.isomir_effects()["term"]) == {"group[T.B]", "group[T.C]"}
    assert len(fit.isomir_effects("age")) == 3


def test_not_converged_has_no_standard_errors(fit):
    rows = fit.isomir_effects().query("mirna == 'mir-lost'")
    assert rows[["estimate", "deviation"]].notna().all(axis=None)
    assert rows[["std_error", "p_value", "deviation_std_error"]].isna().all(axis=None)


def test_reduced_model_gives_one_effect_to_all(rng, make, two_groups):
    record = make.record(rng, two_groups, "a", 3, coefficients_from="reduced")
    table = make.fit(two_groups, [record]).isomir_effects()
    np.testing.assert_array_equal(table["estimate"], record.reduced.beta[1])
    np.testing.assert_allclose(table["std_error"], record.reduced.beta_cov[1, 1] ** 0.5, rtol=1e-14)
    assert (table["deviation"] == 0).all()


@pytest.mark.parametrize("method", ["ml", "laplace"])
def test_the_intercept_of_an_isomir_is_at_the_mean_of_a_covariate_in_all_its_parts(method: str):
    table = pd.DataFrame(
        {"dose": [101.0, 102.0, 105.0, 107.0, 110.0, 99.0, 103.0, 104.0]}, index=[f"s{i}" for i in range(8)]
    )
    drawn = bm.simulate(
        samples=table.assign(d=table["dose"] - 104.0), formula="~ d", n_mirnas=1, n_isomirs=4, seed=8
    )
    counts = drawn.counts.isel(isomir=drawn.counts["mirna"].values == "sim-miR-1")
    mean = table["dose"].mean()
    counts = counts.assign_coords(dose=("sample", table["dose"]), centred=("sample", table["dose"] - mean))
    fits = [bm.fit(counts, f"~ {name}", method=method, progress=False) for name in ("dose", "centred")]
    here, there = (fit.isomir_effects("Intercept") for fit in fits)
    # With the covariate measured from its mean the question does not arise.
    columns = ["estimate", "std_error", "deviation", "deviation_std_error"]
    np.testing.assert_allclose(here[columns], there[columns], rtol=1e-4, atol=1e-6)
    fit = fits[0]
    beta = fit.effects(["Intercept", "dose"]).set_index("term")["estimate"]
    level = beta["Intercept"] + mean * beta["dose"]
    np.testing.assert_allclose(here["estimate"] - here["deviation"], level, rtol=1e-5)
    slopes = fit.isomir_effects("dose")
    np.testing.assert_allclose(slopes["estimate"] - slopes["deviation"], beta["dose"], rtol=1e-5)
    if method == "laplace":
        posterior = fit["sim-miR-1"]["posterior"]
        tree = posterior["effect"].sel(slope_term="Intercept").mean(["chain", "draw"])
        np.testing.assert_allclose(tree, here["estimate"], atol=0.1)
