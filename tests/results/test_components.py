import numpy as np
import pandas as pd
import pytest

import bayes_mirglmm as bm
from bayes_mirglmm.design.build import build_design
from bayes_mirglmm.errors import InputError


def test_two_groups_by_hand(rng, make, two_groups):
    omega = np.array([[4.0, -1.5], [-1.5, 1.0]])
    numbers = make.numbers(rng, two_groups, 2, omega=omega, sigma_sample=0.3, theta=4.0)
    table = make.fit(two_groups, [make.record(rng, two_groups, "a", 2, full=numbers)]).variance_components()
    assert list(table.columns) == ["mirna", "group", "term", "term2", "sd", "variance", "correlation"]
    assert table[["group", "term", "term2"]].to_numpy().tolist() == [
        ["isomir", "Intercept", ""],
        ["isomir", "group[T.B]", "Intercept"],
        ["sample", "Intercept", ""],
        ["dispersion", "1/theta", ""],
    ]
    np.testing.assert_allclose(table["sd"], [2.0, 1.0, 0.3, 0.5], rtol=1e-14)
    np.testing.assert_allclose(table["variance"], [4.0, 1.0, 0.09, 0.25], rtol=1e-14)
    np.testing.assert_array_equal(table["correlation"], [np.nan, -0.75, np.nan, np.nan])


def test_three_groups_have_the_correlation_between_their_slopes(rng, make, three_groups):
    record = make.record(rng, three_groups, "a", 2)
    table = make.fit(three_groups, [record]).variance_components()
    pair = table.query("term == 'group[T.C]' and term2 == 'group[T.B]'").iloc[0]
    omega = record.full.omega
    assert pair["correlation"] == pytest.approx(omega[1, 2] / np.sqrt(omega[1, 1] * omega[2, 2]), rel=1e-12)
    assert np.isnan(pair["sd"])
    assert len(table.dropna(subset="sd")) == 5


def test_independent_blocks_have_no_correlation(rng, make, samples):
    design = build_design(samples, "~ group + age", slope="group", nuisance="age")
    omega = np.diag([1.0, 1.0, 1.0, 0.25])
    record = make.record(rng, design, "a", 2, full=make.numbers(rng, design, 2, omega=omega))
    row = make.fit(design, [record]).variance_components().query("group == 'isomir' and term == 'age'")
    assert row["sd"].tolist() == [0.5]
    assert row["term2"].tolist() == [""]
    assert row["correlation"].isna().all()


def test_limits(fit):
    table = fit.variance_components()
    assert table.query("mirna == 'mir-poisson' and group == 'dispersion'")["sd"].tolist() == [0.0]
    boundary = table.query("mirna == 'mir-boundary' and term == 'group[T.B]'")
    assert boundary["sd"].tolist() == [0.0]
    assert boundary["correlation"].isna().all()
    assert "mir-separated" not in set(table["mirna"])


def test_reduced_model(fit):
    table = fit.variance_components("reduced")
    slopes = table.query("group == 'isomir' and term == 'group[T.B]'")
    assert (slopes["sd"] == 0).all()
    with pytest.raises(InputError, match="choose from full, reduced"):
        fit.variance_components("null")


def test_a_fit_of_the_reduced_model_alone(rng, make, two_groups):
    record = make.record(rng, two_groups, "a", 2, full=None, coefficients_from="reduced")
    fit = make.fit(two_groups, [record])
    assert fit.variance_components()["sd"].notna().all()
    assert len(fit.usage()) == 0
    assert fit.status()["reason"].tolist() == [""]
    assert len(fit.isomir_effects()) == 2


def crossed(formula: str) -> bm.Fit:
    samples = pd.DataFrame(
        {
            "group": ["a", "b"] * 9,
            "p": [f"p{i // 3}" for i in range(18)],
            "t": [0.0, 1.0, 2.0, 2.0, 0.0, 1.0] * 3,
            "v": [1.0, -1.0, 0.5, 0.0, 2.0, -2.0] * 3,
        },
        index=[f"s{i}" for i in range(18)],
    )
    drawn = bm.simulate(samples=samples, formula="~ group", n_mirnas=2, n_isomirs=4, seed=5)
    return bm.fit(drawn.counts, formula, progress=False)


def test_effects_of_separate_terms_have_no_correlation_and_those_of_one_term_have_all():
    apart = crossed("~ group + (1 | p) + (0 + t | p)").variance_components().query("group == 'p'")
    assert apart["term"].tolist()[:2] == ["Intercept", "t"]
    assert apart["term2"].tolist() == [""] * 4
    assert apart["correlation"].isna().all()

    fit = crossed("~ group + (t + v | p)")
    together = fit.variance_components().query("group == 'p'").head(4)
    assert list(zip(together["term"], together["term2"], strict=True)) == [
        ("Intercept", ""), ("t", "Intercept"), ("v", "Intercept"), ("v", "t")
    ]  # fmt: skip
    cov = fit.data["random_cov"].values[0, 0]
    np.testing.assert_allclose(together["variance"].iloc[:3], np.diag(cov), rtol=1e-12)
    sd = np.sqrt(np.diag(cov))
    wanted = [cov[1, 0] / (sd[1] * sd[0]), cov[2, 0] / (sd[2] * sd[0]), cov[2, 1] / (sd[2] * sd[1])]
    known = np.where(sd.min() > 0, np.clip(wanted, -1, 1), together["correlation"].iloc[1:])
    np.testing.assert_allclose(together["correlation"].iloc[1:], known, rtol=1e-9)
    assert np.isnan(together["variance"].iloc[3])


def test_a_random_term_of_samples_has_its_name_in_pictures_shares_and_the_report():
    from bayes_mirglmm.plots import plot_variance_components
    from bayes_mirglmm.plots.variance_shares import variance_shares
    from bayes_mirglmm.report.content import _components

    fit = crossed("~ group + (1 | p)")
    names = [label.get_text() for label in plot_variance_components(fit).axes[0].get_yticklabels()]
    assert names == ["isomiR level", "isomiR usage\ngroup[T.b]", "sample", "p", "noise\n1/sqrt(theta)"]
    shares = variance_shares(fit)
    assert list(shares) == ["isomiR", "usage", "sample", "p", "noise"]
    variances = fit.variance_components().pivot_table("variance", "mirna", "group", aggfunc="last")
    np.testing.assert_allclose(
        shares["p"] * variances["sample"], shares["sample"] * variances["p"], rtol=1e-9, atol=1e-15
    )
    labels = [row["label"] for row in _components(fit, list(fit.mirnas))]
    assert "SD of p" in labels
    assert "SD of isomiR level" in labels
    assert labels[-1] == "SD of counts (biological CV)"
