import numpy as np
import pytest
from scipy import stats

from bayes_mirglmm.design.build import build_design

COLUMNS = ["mirna", "lrt", "df", "p_value", "p_value_chi2", "p_adjusted", "outlying_cells", "p_value_without"]


def with_lrt(rng, make, design, values, **attributes):
    records = [
        make.record(
            rng,
            design,
            f"m{i}",
            2,
            full=make.numbers(rng, design, 2, log_likelihood=-100.0 + value / 2),
            reduced=make.narrow(rng, design, 2, log_likelihood=-100.0),
        )
        for i, value in enumerate(values)
    ]
    return make.fit(design, records, **attributes).usage()


def test_two_groups_by_hand(rng, make, two_groups):
    lrt = np.array([0.5, 3.0, 9.0, 20.0])
    table = with_lrt(rng, make, two_groups, lrt)
    assert list(table.columns) == COLUMNS
    np.testing.assert_allclose(table["lrt"], lrt, rtol=1e-10)
    assert (table["df"] == 2).all()
    mixture = 0.5 * stats.chi2(1).sf(lrt) + 0.5 * stats.chi2(2).sf(lrt)
    np.testing.assert_allclose(table["p_value"], mixture, rtol=1e-9)
    np.testing.assert_allclose(table["p_value_chi2"], stats.chi2(2).sf(lrt), rtol=1e-9)
    np.testing.assert_allclose(table["p_adjusted"], stats.false_discovery_control(mixture), rtol=1e-9)


def test_preset_of_the_r_package_adjusts_the_chi2_p_value(rng, make, two_groups):
    lrt = np.array([0.5, 3.0, 9.0, 20.0])
    table = with_lrt(rng, make, two_groups, lrt, preset="mirglmm")
    np.testing.assert_allclose(
        table["p_adjusted"], stats.false_discovery_control(stats.chi2(2).sf(lrt)), rtol=1e-9
    )


def test_rounding_below_zero_is_zero(rng, make, two_groups):
    table = with_lrt(rng, make, two_groups, [-1e-9, 4.0])
    assert table["lrt"][0] == 0.0
    assert table["p_value"][0] == pytest.approx(1.0)


def test_a_full_model_that_fits_worse_has_no_p_value(rng, make, two_groups):
    table = with_lrt(rng, make, two_groups, [-2.0, 4.0])
    assert table["lrt"][0] == pytest.approx(-2.0)
    assert table.loc[0, ["p_value", "p_value_chi2", "p_adjusted"]].isna().all()


def test_three_groups_drop_five_parameters(rng, make, three_groups):
    table = with_lrt(rng, make, three_groups, [1.0, 12.0])
    assert (table["df"] == 5).all()
    np.testing.assert_allclose(table["p_value_chi2"], stats.chi2(5).sf([1.0, 12.0]), rtol=1e-9)
    assert (table["p_value"] <= table["p_value_chi2"]).all()


def test_nuisance_slopes_are_in_both_models(rng, make, samples):
    design = build_design(samples, "~ group + age", slope="age", nuisance="group")
    assert (with_lrt(rng, make, design, [5.0])["df"] == 2).all()


def test_models_that_did_not_converge_have_no_p_value(fit):
    table = fit.usage().set_index("mirna")
    assert list(table.index) == ["mir-ok", "mir-boundary", "mir-lost", "mir-poisson"]
    assert table["lrt"].notna().all()
    assert table.loc["mir-lost", ["p_value", "p_value_chi2", "p_adjusted"]].isna().all()
    rest = table.drop(index="mir-lost")
    np.testing.assert_allclose(rest["p_adjusted"], stats.false_discovery_control(rest["p_value"]), rtol=1e-10)


def test_no_slope_no_test(rng, make, samples):
    design = build_design(samples, "~ 1")
    table = make.fit(design, [make.record(rng, design, "a", 2)]).usage()
    assert list(table.columns) == COLUMNS
    assert len(table) == 0
