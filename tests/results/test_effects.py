import numpy as np
import pandas as pd
import pytest
from scipy import stats

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
COLUMNS = ["mirna", "term", *TESTS]
FITTED = ["mir-ok", "mir-boundary", "mir-lost", "mir-poisson"]


def test_columns_and_rows(fit):
    table = fit.effects()
    assert list(table.columns) == [*COLUMNS, "isomir_slope"]
    assert list(table["mirna"]) == [name for name in FITTED for _ in range(2)]
    assert list(table["term"]) == ["Intercept", "group[T.B]"] * 4


def test_t_tests_by_hand(fit):
    row = fit.effects(terms="group[T.B]").set_index("mirna").loc["mir-ok"]
    beta = float(fit.data["beta"].sel(model="full", mirna="mir-ok", term="group[T.B]"))
    se = (
        float(fit.data["beta_cov"].sel(model="full", mirna="mir-ok", term="group[T.B]", term2="group[T.B]"))
        ** 0.5
    )
    t = stats.t(6)  # 8 samples, 2 coefficients
    expected = [
        beta,
        se,
        beta - t.ppf(0.975) * se,
        beta + t.ppf(0.975) * se,
        beta / np.log(2),
        (beta - t.ppf(0.975) * se) / np.log(2),
        (beta + t.ppf(0.975) * se) / np.log(2),
        beta / se,
        6.0,
    ]
    np.testing.assert_allclose(row.iloc[1:10].astype(float), expected, rtol=1e-12)
    assert row["p_value"] == pytest.approx(2 * t.sf(abs(beta / se)), rel=1e-10)


def test_wald_z_by_hand(rng, make, two_groups):
    record = make.record(rng, two_groups, "a", 2)
    row = make.fit(two_groups, [record], df="z").effects("group[T.B]", prob=0.9).iloc[0]
    beta, se = record.full.beta[1], record.full.beta_cov[1, 1] ** 0.5
    assert row["df"] == np.inf
    assert row["upper"] == pytest.approx(beta + stats.norm.ppf(0.95) * se, rel=1e-12)
    assert row["p_value"] == pytest.approx(2 * stats.norm.sf(abs(beta) / se), rel=1e-10)


def test_tiny_p_values_do_not_become_zero(rng, make, two_groups):
    numbers = make.numbers(rng, two_groups, 2, beta=np.array([4.0, 30.0]), beta_cov=np.eye(2))
    row = make.fit(two_groups, [make.record(rng, two_groups, "a", 2, full=numbers)], df="z").effects(
        "group[T.B]"
    )
    assert row["p_value"][0] == pytest.approx(2 * stats.norm.sf(30), rel=1e-8)
    assert row["p_value"][0] > 0


def test_probability_changes_the_interval_only(fit):
    wide, narrow = fit.effects(prob=0.99), fit.effects(prob=0.5)
    same = [c for c in COLUMNS if c not in ("lower", "upper", "lower_log2", "upper_log2")]
    pd.testing.assert_frame_equal(wide[same], narrow[same], check_exact=True)
    assert (wide["lower"].dropna() < narrow["lower"].dropna()).all()
    with pytest.raises(InputError, match="between 0 and 1"):
        fit.effects(prob=95)


def test_intercept_has_no_fold_change(fit):
    table = fit.effects()
    assert table.loc[table["term"] == "Intercept", "log2_fc"].isna().all()
    assert table.loc[table["term"] != "Intercept", "log2_fc"].notna().all()


def test_not_converged_shows_its_estimate_and_nothing_else(fit):
    rows = fit.effects().query("mirna == 'mir-lost'")
    assert rows["estimate"].notna().all()
    assert rows[["std_error", "lower", "upper", "z", "p_value", "p_adjusted"]].isna().all(axis=None)


def test_adjusted_within_each_coefficient(rng, make, two_groups):
    fit = make.fit(two_groups, [make.record(rng, two_groups, f"m{i}", 2) for i in range(30)])
    for _, rows in fit.effects().groupby("term"):
        np.testing.assert_allclose(
            rows["p_adjusted"], stats.false_discovery_control(rows["p_value"]), rtol=1e-12, atol=1e-300
        )


def test_not_converged_does_not_count_in_the_adjustment(fit):
    rows = fit.effects("group[T.B]").dropna(subset="p_value")
    np.testing.assert_allclose(rows["p_adjusted"], stats.false_discovery_control(rows["p_value"]), rtol=1e-12)


def test_coefficients_of_the_reduced_model_where_asked(rng, make, two_groups):
    record = make.record(rng, two_groups, "a", 2, coefficients_from="reduced")
    row = make.fit(two_groups, [record]).effects("group[T.B]").iloc[0]
    assert row["estimate"] == record.reduced.beta[1]
    assert row["std_error"] == pytest.approx(record.reduced.beta_cov[1, 1] ** 0.5, rel=1e-14)


def test_unknown_terms_are_answered_with_the_known(fit):
    with pytest.raises(InputError, match=r"no coefficient 'group'.*Intercept, group\[T\.B\]"):
        fit.effects(terms="group")
    with pytest.raises(InputError, match="not both"):
        fit.effects(terms="Intercept", contrasts={"group": ("B", "A")})
    with pytest.raises(InputError, match="twice"):
        fit.effects(terms=["Intercept", "Intercept"])


def test_terms_come_in_the_order_asked(fit):
    assert list(fit.effects(["group[T.B]", "Intercept"])["term"][:2]) == ["group[T.B]", "Intercept"]


def test_contrast_of_two_levels_by_hand(rng, make, three_groups):
    record = make.record(rng, three_groups, "a", 2)
    table = make.fit(three_groups, [record]).contrast({"group": ("C", "B")})
    assert list(table.columns) == ["mirna", "contrast", *TESTS, "isomir_slope"]
    assert list(table["contrast"]) == ["group: C - B"]
    weights = np.array([0.0, -1.0, 1.0, 0.0])
    assert list(three_groups.terms) == ["Intercept", "group[T.B]", "group[T.C]", "age"]
    estimate = weights @ record.full.beta
    se = (weights @ record.full.beta_cov @ weights) ** 0.5
    np.testing.assert_allclose(table[["estimate", "std_error"]].to_numpy()[0], [estimate, se], rtol=1e-12)
    assert table["log2_fc"][0] == pytest.approx(estimate / np.log(2), rel=1e-12)
    assert table["p_value"][0] == pytest.approx(2 * stats.t(6).sf(abs(estimate / se)), rel=1e-10)


def test_contrast_against_the_reference_is_the_coefficient(rng, make, three_groups):
    fit = make.fit(three_groups, [make.record(rng, three_groups, f"m{i}", 2) for i in range(4)])
    contrast = fit.contrast({"group": ("B", "A")}).drop(columns="contrast")
    np.testing.assert_allclose(
        contrast.iloc[:, 1:].astype(float), fit.effects("group[T.B]").iloc[:, 2:].astype(float), rtol=1e-12
    )


def test_a_contrast_with_the_intercept_is_a_level(rng, make, two_groups):
    fit = make.fit(two_groups, [make.record(rng, two_groups, "a", 2)])
    assert fit.contrast({"Intercept": 1, "group[T.B]": 1})["log2_fc"].isna().all()


def test_a_coefficient_that_is_not_finite_spoils_only_its_own_contrasts(rng, make, three_groups):
    beta = np.array([4.0, np.nan, 1.0, 0.1])
    record = make.record(rng, three_groups, "a", 2, full=make.numbers(rng, three_groups, 2, beta=beta))
    fit = make.fit(three_groups, [record])
    assert fit.contrast({"group": ("C", "A")})["estimate"][0] == 1.0
    assert np.isnan(fit.contrast({"group": ("C", "B")})["estimate"][0])


def test_saturated_design_warns_once_and_says_why(rng, make, samples):
    design = build_design(samples.iloc[[0, 3]], "~ group")
    fit = make.fit(design, [make.record(rng, design, "a", 2)])
    with pytest.warns(UserWarning, match="saturated"):
        table = fit.effects()
    assert fit.isomir_effects()["p_value"].isna().all()  # a second warning would be an error here
    assert table["std_error"].notna().all()
    assert table[["lower", "upper", "p_value", "p_adjusted"]].isna().all(axis=None)
    assert "saturated (2 samples, 2 coefficients)" in fit.status()["reason"][0]
    # The normal has intervals, as if the samples' variance were known; a test it is not.
    normal = make.fit(design, [make.record(rng, design, "a", 2)], df="z")
    assert normal.effects()[["p_value", "p_adjusted"]].isna().all(axis=None)
    assert normal.effects()["lower"].notna().all()
    assert normal.isomir_effects()["p_value"].isna().all()
    assert normal.usage()[["p_value", "p_value_chi2", "p_adjusted"]].isna().all(axis=None)


def test_effects_say_whether_isomirs_have_slopes_of_them(rng, make, three_groups):
    """``~ group + age`` has slopes of the group; the coefficients of the reduced model have none at all."""
    fit = make.fit(three_groups, [make.record(rng, three_groups, "a", 2)])
    table = fit.effects().set_index("term")["isomir_slope"]
    assert table.to_dict() == {"Intercept": True, "group[T.B]": True, "group[T.C]": True, "age": False}
    assert fit.contrast("pairs:group")["isomir_slope"].tolist() == [True] * 3
    assert fit.contrast({"group[T.B]": 1, "age": 10})["isomir_slope"].tolist() == [False]
    data = fit.data.copy(deep=True)
    data["coefficients_from"][:] = "reduced"
    reduced = type(fit)(data, three_groups).effects().set_index("term")["isomir_slope"]
    assert reduced.to_dict() == {"Intercept": True, "group[T.B]": False, "group[T.C]": False, "age": False}


def test_tables_are_copies(fit):
    table = fit.effects()
    table["estimate"] = 0.0
    assert (fit.effects()["estimate"] != 0.0).all()
