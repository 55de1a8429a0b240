"""Histogram of the likelihood ratio tests, and Bayes factors against them."""

import numpy as np
import pytest

import bayes_mirglmm as bm
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.plots import plot_bayes_factors, plot_lrt_histogram
from bayes_mirglmm.plots.canvas import BLUE, GREY
from bayes_mirglmm.results import Fit


class Edited:
    """A fit with another table of usage."""

    def __init__(self, fit: Fit, **columns) -> None:
        self.ml, self.table = self, fit.usage().assign(**columns)
        self.slope_prior_scale = 1.0

    def usage(self, test=None):
        return self.table


@pytest.mark.parametrize(("reference", "column"), [("mixture", "p_value"), ("chi2", "p_value_chi2")])
def test_bars_are_counts_of_p_values(two_groups: Fit, reference: str, column: str):
    figure = plot_lrt_histogram(two_groups, reference, bins=10)
    table = two_groups.usage()
    wanted = np.histogram(table[column].dropna(), np.linspace(0, 1, 11))[0]
    bars = figure.axes[0].patches
    heights = np.array([sum(b.get_height() for b in bars if b.get_x() == bar.get_x()) for bar in bars[:10]])
    np.testing.assert_array_equal(heights, wanted)
    small = int((table[column] <= 0.05).sum())
    assert f"{small} at p of 0.05 or below" in figure.axes[0].get_title(loc="left")


def test_statistics_of_0_stand_apart_and_gaps_are_counted(two_groups: Fit):
    p = two_groups.usage()["p_value"].to_numpy().copy()
    lrt = two_groups.usage()["lrt"].to_numpy().copy()
    p[:3], lrt[:3] = 1.0, [0.0, 1e-9, 0.0]
    p[3], p[4] = np.nan, 0.0
    figure = plot_lrt_histogram(Edited(two_groups, p_value=p, lrt=lrt), bins=4)  # type: ignore[arg-type]
    axes = figure.axes[0]
    grey = [bar for bar in axes.patches if bar.get_facecolor()[:3] == pytest.approx((0x9A / 255,) * 3)]
    assert [bar.get_height() for bar in grey] == [0, 0, 0, 3]
    assert "1 more without a p-value" in axes.get_title(loc="left")
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "LRT = 0: 3" in labels
    known = len(p) - 1 - 3
    dashed = next(line for line in axes.lines if line.get_linestyle() == "--")
    assert dashed.get_ydata()[0] == pytest.approx(known / 4)


def test_a_fit_without_tests_is_refused():
    flat = bm.fit(bm.simulate(3, n_mirnas=1, n_isomirs=4, seed=1).counts, "~ 1", progress=False)
    with pytest.raises(InputError, match="slope variable"):
        plot_lrt_histogram(flat)


def test_points_are_the_bayes_factors_with_their_errors(laplace: Fit):
    figure = plot_bayes_factors(laplace)
    axes = figure.axes[0]
    table = laplace.usage()
    drawn = np.vstack([c.get_offsets() for c in axes.collections if hasattr(c, "get_offsets")])
    drawn = drawn[np.isfinite(drawn).all(axis=1)]
    wanted = table[["lrt", "log_bf10"]].to_numpy()
    for row in wanted:
        assert np.isclose(drawn, row).all(axis=1).any()
    bars = axes.containers[0][2][0].get_segments()
    lengths = sorted(segment[1, 1] - segment[0, 1] for segment in bars)
    np.testing.assert_allclose(lengths, sorted(2 * table["log_bf10_error"]), rtol=1e-6)
    assert "half-normal(1)" in axes.get_title(loc="left")
    assert {"10:1", "1:1", "1:10"} <= {text.get_text() for text in axes.texts}


def test_mirnas_without_a_test_and_unreliable_ones_are_marked(laplace: Fit):
    n = len(laplace.usage())
    lrt = np.arange(1.0, n + 1)
    lrt[0] = np.nan
    edited = Edited(
        laplace,
        lrt=lrt,
        p_adjusted=[np.nan] + [1.0] * (n - 1),
        log_bf10=np.append(np.arange(n - 1.0), np.inf),
        log_bf10_error=np.full(n, np.nan),
        pareto_k=[0.1, np.inf] + [0.2] * (n - 2),
    )
    figure = plot_bayes_factors(edited)  # type: ignore[arg-type]
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == [f"LRT, FDR > 0.05: {n - 2}", "no LRT: 1", "unreliable draws: 1"]
    axes = figure.axes[0]
    assert "1 more without a Bayes factor" in axes.get_title(loc="left")
    at_rim = next(c for c in axes.collections if c.get_label() == "no LRT: 1")
    assert at_rim.get_offsets()[0][0] < 0
    assert axes.get_xlim()[0] < at_rim.get_offsets()[0][0]
    tested = next(c for c in axes.collections if str(c.get_label()).startswith("LRT"))
    faces = tested.get_facecolors()
    assert (faces[:, :3] == 1).all(axis=1).sum() == 1
    assert {BLUE, GREY} <= {
        "#{:02X}{:02X}{:02X}".format(*(round(255 * v) for v in c.get_edgecolor()[0][:3]))
        for c in (at_rim, tested)
    }
