"""Rootogram, posterior predictive check, diagnostics."""

import numpy as np
import pytest
from scipy import stats

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.plots import plot_diagnostics, plot_ppc, plot_rootogram
from bayes_mirglmm.plots.diagnostics import diagnostics_table
from bayes_mirglmm.plots.frequencies import classes, frequencies
from bayes_mirglmm.results import Fit
from bayes_mirglmm.results.residuals import fitted_means


def test_classes_double():
    assert classes(0).tolist() == [0, 1]
    assert classes(9).tolist() == [0, 1, 2, 4, 8, 16]


@pytest.mark.parametrize("poisson", [False, True])
def test_expected_frequencies_are_sums_of_probabilities(two_groups: Fit, poisson: bool):
    fit = Fit(two_groups.data.copy(deep=True), two_groups.design, samples=two_groups.samples)
    mirna = fit.mirnas[0]
    if poisson:
        fit.data["theta"].values[:] = np.inf
    counts, mean, theta = fitted_means(fit.data, mirna)
    found = frequencies(fit, mirna, 0.9)
    law = stats.poisson(mean.values) if poisson else stats.nbinom(theta, theta / (theta + mean.values))
    ends = [*found.first[1:], np.inf]
    p = np.array(
        [law.cdf(last - 1) - law.cdf(first - 1) for first, last in zip(found.first, ends, strict=True)]
    )
    np.testing.assert_allclose(found.expected, p.sum(axis=(1, 2)), atol=1e-8)
    half = stats.norm.ppf(0.95) * np.sqrt((p * (1 - p)).sum(axis=(1, 2)))
    np.testing.assert_allclose(found.upper, found.expected + half, atol=1e-6)
    observed = [
        ((counts.values >= a) & (counts.values < b)).sum() for a, b in zip(found.first, ends, strict=True)
    ]
    np.testing.assert_array_equal(found.observed, observed)
    assert found.expected.sum() == pytest.approx(counts.size)


def test_expected_frequencies_of_a_posterior_come_from_its_replicates(laplace: Fit):
    mirna = laplace.mirnas[1]
    found = frequencies(laplace, mirna)
    drawn = laplace[mirna]["posterior_predictive"]["counts"].values
    zeros = (drawn == 0).sum(axis=2).ravel()  # cells lie on one dimension
    assert found.expected[0] == pytest.approx(zeros.mean())
    assert found.upper[0] == pytest.approx(np.quantile(zeros, 0.975))
    assert found.expected.sum() == pytest.approx(drawn[0, 0].size)


def test_bars_hang_from_the_expected_line(two_groups: Fit):
    mirna = two_groups.mirnas[2]
    figure = plot_rootogram(two_groups, mirna)
    axes = figure.axes[0]
    found = frequencies(two_groups, mirna)
    bars = axes.containers[0]
    np.testing.assert_allclose([bar.get_height() for bar in bars], np.sqrt(found.observed))
    np.testing.assert_allclose([bar.get_y() + bar.get_height() for bar in bars], np.sqrt(found.expected))
    line = next(line for line in axes.lines if line.get_label() == "expected")
    np.testing.assert_allclose(line.get_ydata(), np.sqrt(found.expected))
    assert f"{int(found.observed.sum())} cells" in axes.get_title(loc="left")
    with pytest.raises(InputError, match="prob"):
        plot_rootogram(two_groups, mirna, prob=1.0)


@pytest.mark.parametrize("method", ["laplace", "sampled"])
def test_the_predictive_check_shows_observed_counts_among_replicates(
    method: str, request: pytest.FixtureRequest
):
    fit: Fit = request.getfixturevalue(method)
    mirna = fit.mirnas[1]
    collection = plot_ppc(fit, mirna, num_samples=20)
    axes = collection.viz["figure"].item().axes[0]
    counts = fit[mirna]["observed_data"]["counts"].values
    lines = [line for line in axes.lines if len(line.get_xdata()) > 2]
    assert len(lines) == 21
    observed = lines[-1]
    grid, share = np.asarray(observed.get_xdata()), np.asarray(observed.get_ydata())
    wanted = (np.log1p(counts).ravel() <= grid[:, None] + 1e-9).mean(axis=1)
    np.testing.assert_allclose(share, wanted, atol=1e-9)
    labels = [label.get_text() for label in axes.get_xticklabels()]
    assert labels[:3] == ["0", "1", "10"]
    pit = plot_ppc(fit, mirna, "pit").viz["figure"].item().axes[0]
    assert pit.get_xlabel() == "position among the replicates"


def test_a_fit_without_draws_is_sent_to_the_rootogram(two_groups: Fit, laplace: Fit):
    with pytest.raises(InputError, match="plot_rootogram"):
        plot_ppc(two_groups, two_groups.mirnas[0])
    with pytest.raises(InputError, match="'ecdf' or 'pit'"):
        plot_ppc(laplace, laplace.mirnas[0], "kde")
    with pytest.raises(InputError, match=r"status\(\)"):
        plot_diagnostics(two_groups)


def test_pareto_k_against_effective_size(laplace: Fit):
    axes = plot_diagnostics(laplace).axes[0]
    table = laplace.status().dropna(subset=["pareto_k"])
    drawn = np.vstack([c.get_offsets() for c in axes.collections if len(c.get_offsets())])
    wanted = table[["pareto_k", "effective_size"]].to_numpy()
    np.testing.assert_allclose(drawn[np.argsort(drawn[:, 0])], wanted[np.argsort(wanted[:, 0])])
    assert axes.lines[-1].get_xdata()[0] == 0.7 or 0.7 in [
        line.get_xdata()[0] for line in axes.lines if len(line.get_xdata())
    ]


def test_r_hat_against_effective_size_names_what_is_past_a_limit(sampled: Fit):
    table = diagnostics_table(sampled)
    assert table["ess"].tolist()[:3] == [700.0, 300.0, 0.0]
    figure = plot_diagnostics(sampled)
    axes = figure.axes[0]
    drawn = np.vstack([c.get_offsets() for c in axes.collections if len(c.get_offsets())])
    assert np.isfinite(drawn).all()
    assert len(drawn) == len(sampled) - 1  # one has no diagnostics
    right = axes.get_xlim()[1]
    assert [y for x, y in drawn if x == right] == [700.0]  # r-hat of infinity
    assert drawn[:, 1].min() == 1.0  # an effective size of 0 on a log axis
    labels = {text.get_text() for text in figure.legends[0].get_texts()}
    assert labels == {f"within the limits: {len(sampled) - 4}", "past a limit: 3", "with divergences: 1"}
    assert "1 more without draws" in axes.get_title(loc="left")
    assert {text.get_text() for text in axes.texts} <= set(sampled.mirnas[:3])
    assert len(axes.texts) >= 2
