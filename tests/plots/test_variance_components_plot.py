"""Variance components: SDs as in the table, shares that add up."""

import numpy as np
import pandas as pd
import pytest

import bayes_mirglmm as bm
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.plots import plot_variance_components
from bayes_mirglmm.plots.variance_shares import SHARES, variance_shares
from bayes_mirglmm.results import Fit


def test_a_point_a_mirna_in_each_row(two_groups: Fit):
    axes = plot_variance_components(two_groups).axes[0]
    table = two_groups.variance_components()
    right = axes.get_xlim()[1]
    parts = [
        ("isomir", "Intercept"),
        ("isomir", "group[T.case]"),
        ("sample", "Intercept"),
        ("dispersion", "1/theta"),
    ]
    drawn = np.vstack([c.get_offsets() for c in axes.collections if len(c.get_offsets())])
    for row, (group, term) in enumerate(parts):
        sd = table[(table["group"] == group) & (table["term"] == term)]["sd"]
        here = drawn[np.abs(drawn[:, 1] - row) < 0.3, 0]
        np.testing.assert_allclose(np.sort(here), np.sort(np.minimum(sd, right)))
    assert [label.get_text().split("\n")[0] for label in axes.get_yticklabels()] == [
        "isomiR level",
        "isomiR usage",
        "sample",
        "noise",
    ]


def test_infinite_and_missing_sds_have_a_place_or_none(two_groups: Fit):
    class Edited:
        design = two_groups.design

        def variance_components(self):
            table = two_groups.variance_components()
            sample = table.index[table["group"] == "sample"]
            table.loc[sample[0], "sd"] = np.inf
            table.loc[sample[1], "sd"] = 1e6
            return table.drop(index=sample[2])

    axes = plot_variance_components(Edited()).axes[0]  # type: ignore[arg-type]
    right = axes.get_xlim()[1]
    assert right < 100
    rim = [
        c.get_offsets()
        for c in axes.collections
        if len(c.get_offsets()) and (c.get_offsets()[:, 0] == right).all()
    ]
    assert sum(len(points) for points in rim) == 2


def test_a_nuisance_slope_is_not_usage_though_its_name_begins_like_the_slope_variable():
    samples = pd.DataFrame(
        {"dose": [0.0, 0.0, 1.0, 1.0, 2.0, 2.0, 4.0, 4.0], "dose_date": [0.0, 1.0] * 4},
        index=[f"s{i}" for i in range(8)],
    )
    drawn = bm.simulate(samples=samples, formula="~ dose + dose_date", n_mirnas=3, n_isomirs=5, seed=6)
    fit = bm.fit(drawn.counts, "~ dose + dose_date", slope="dose", nuisance="dose_date", progress=False)
    names = [label.get_text() for label in plot_variance_components(fit).axes[0].get_yticklabels()]
    assert names == [
        "isomiR level",
        "isomiR usage\ndose",
        "isomiR, dose_date",
        "sample",
        "noise\n1/sqrt(theta)",
    ]


@pytest.mark.parametrize("method", ["two_groups", "dose_and_batch", "laplace"])
def test_shares_are_those_of_the_linear_predictor(method: str, request: pytest.FixtureRequest):
    fit: Fit = request.getfixturevalue(method)
    shares = variance_shares(fit)
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)
    assert list(shares.index) == list(fit.mirnas)
    data, mirna = fit.data, fit.mirnas[1]
    i = list(data["mirna"].values).index(mirna)
    omega, z = data["omega"].values[0, i], data["z"].values
    both = np.mean([row @ omega @ row for row in z])
    level = z.mean(axis=0) @ omega @ z.mean(axis=0)
    sample = data["sigma_sample"].values[0, i] ** 2
    mu = np.exp((data["x"].values @ data["beta"].values[0, i] + data["offset"].values).mean())
    noise = np.log1p(1 / mu + 1 / data["theta"].values[0, i])
    wanted = np.array([level, both - level, sample, noise])
    np.testing.assert_allclose(shares.loc[mirna, list(SHARES)], wanted / wanted.sum(), rtol=1e-9, atol=1e-12)


def test_bars_of_shares_reach_one_and_are_sorted(two_groups: Fit):
    axes = plot_variance_components(two_groups, "share").axes[0]
    usage, sample, noise = (np.array([bar.get_height() for bar in part]) for part in axes.containers)
    assert len(usage) == len(two_groups)
    assert (np.diff(usage) <= 0).all()
    np.testing.assert_allclose(usage + sample + noise, 1.0)
    between = 100 * variance_shares(two_groups)["isomiR"].mean()
    assert f"{between:.0f} % between isomiRs" in axes.get_title(loc="left").replace("\n", " ")
    with pytest.raises(InputError, match="'sd' or 'share'"):
        plot_variance_components(two_groups, "variance")
