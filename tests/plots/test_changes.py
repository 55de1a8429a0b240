"""Fold changes and hits behind volcano, MA plot and forest; MA plot and forest themselves."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.evidence.bayes_factor import bayesian_fdr
from bayes_mirglmm.plots import plot_forest, plot_ma, plot_volcano
from bayes_mirglmm.plots.canvas import BLUE, GREY, ORANGE
from bayes_mirglmm.plots.changes import changes
from bayes_mirglmm.plots.rows import draw_rows, limits
from bayes_mirglmm.results import Fit
from bayes_mirglmm.results.probability import probability

LOG_2 = np.log(2.0)


def test_the_default_measure_is_that_of_the_method(two_groups: Fit, laplace: Fit, sampled: Fit):
    assert changes(two_groups).measure == "p_value"
    assert changes(laplace).measure == changes(sampled).measure == "lfsr"


def test_hits_are_those_of_the_tables(two_groups: Fit, laplace: Fit):
    table = two_groups.effects("group[T.case]").set_index("mirna")
    fdr = float(table["p_adjusted"].median())  # next to the values that it has to part
    found = changes(two_groups, fdr=fdr).table.set_index("mirna")
    table = table.loc[found.index]
    np.testing.assert_allclose(found["measure"], table["p_value"])
    np.testing.assert_array_equal(found["hit"], table["p_adjusted"] <= fdr)
    assert found["measure"].is_monotonic_increasing
    for fit in (two_groups, laplace):
        table = fit.shrink(fit.design.slope_terms[1]).set_index("mirna")
        fdr = float(table["s_value"].median())
        found = changes(fit, measure="lfsr", fdr=fdr).table.set_index("mirna")
        table = table.loc[found.index]
        np.testing.assert_allclose(found["measure"], table["lfsr"])
        np.testing.assert_array_equal(found["hit"], table["s_value"] <= fdr)
        np.testing.assert_allclose(found["estimate"], table["estimate"] / LOG_2)


@pytest.mark.parametrize("beyond", [0.0, 0.7])
def test_probabilities_are_those_of_the_table(laplace: Fit, beyond: float):
    found = changes(laplace, measure="probability", beyond=beyond, fdr=0.2).table.set_index("mirna")
    term = laplace.design.slope_terms[1]
    table = probability(laplace, term, beyond=beyond * LOG_2).set_index("mirna").loc[found.index]
    expected = table[["p_up_beyond", "p_down_beyond"]].max(axis=1)
    np.testing.assert_allclose(found["measure"], expected, rtol=1e-12)
    if beyond == 0.0:
        lfsr = laplace.effects(term).set_index("mirna").loc[found.index, "lfsr"]
        np.testing.assert_allclose(found["measure"], 1.0 - lfsr, atol=1e-12)
    np.testing.assert_array_equal(found["hit"], bayesian_fdr(found["measure"].to_numpy()) <= 0.2)


def test_what_cannot_be_drawn_is_refused_with_a_remedy(two_groups: Fit):
    for options, message in (
        ({"measure": "probability"}, "method='laplace' or 'nuts'"),
        ({"measure": "q"}, "choose one of 'p_value'"),
        ({"fdr": 1.5}, "between 0 and 1"),
        ({"contrast": {"group": ("case", "ctrl")}, "term": "group[T.case]"}, "not both"),
    ):
        with pytest.raises(InputError, match=message):
            changes(two_groups, **options)


def test_a_volcano_of_a_posterior_has_its_own_axis(laplace: Fit):
    figure = plot_volcano(laplace)
    assert figure.axes[0].get_ylabel() == "-log10 lfsr of the shrunken effect"
    figure = plot_volcano(laplace, measure="probability", beyond=1.0)
    assert figure.axes[0].get_ylabel() == "posterior probability, of more than 1 log2"
    assert figure.axes[0].get_ylim()[1] == 1.02
    drawn = np.vstack([c.get_offsets() for c in figure.axes[0].collections if len(c.get_offsets())])
    wanted = changes(laplace, measure="probability", beyond=1.0).table["measure"]
    np.testing.assert_allclose(np.sort(drawn[:, 1]), np.sort(wanted))


def test_the_ma_plot_shows_mean_cpm_of_the_sums(two_groups: Fit):
    figure = plot_ma(two_groups)
    axes = figure.axes[0]
    drawn = np.vstack([c.get_offsets() for c in axes.collections if len(c.get_offsets())])
    table = two_groups.effects("group[T.case]")
    data = two_groups.data
    cpm = [
        (
            data["counts"].values[data["isomir_mirna"].values == mirna].sum(axis=0) / data["total"].values
        ).mean()
        for mirna in table["mirna"]
    ]
    wanted = np.column_stack([1e6 * np.array(cpm), table["log2_fc"]])
    np.testing.assert_allclose(drawn[np.argsort(drawn[:, 0])], wanted[np.argsort(wanted[:, 0])], rtol=1e-9)
    assert axes.get_xscale() == "log"
    median = f"median: {table['log2_fc'].median():+.2f}"
    assert median in [text.get_text() for text in figure.legends[0].get_texts()]


def test_the_forest_has_the_surest_mirnas_with_their_intervals(two_groups: Fit):
    axes = plot_forest(two_groups, top=5, prob=0.8).axes[0]
    table = two_groups.effects("group[T.case]", prob=0.8).nsmallest(5, "p_value").sort_values("estimate")
    assert [label.get_text() for label in axes.get_yticklabels()] == table["mirna"].tolist()
    points = [line for line in axes.lines if line.get_marker() == "o" and len(line.get_xdata()) == 1]
    np.testing.assert_allclose([line.get_xdata()[0] for line in points], table["log2_fc"])
    intervals = [line for line in axes.lines if len(line.get_xdata()) == 2 and line.get_marker() == "None"]
    ends = np.array([line.get_xdata() for line in intervals if line.get_ydata()[0] == line.get_ydata()[1]])
    left, right = axes.get_xlim()
    wanted = np.clip(table[["lower", "upper"]].to_numpy() / LOG_2, left, right)
    np.testing.assert_allclose(ends, wanted)
    hit = np.where(table["p_adjusted"] <= 0.05, np.where(table["estimate"] > 0, ORANGE, BLUE), GREY)
    assert [line.get_color() for line in points] == hit.tolist()
    assert "80 % intervals" in axes.get_title(loc="left")


def test_the_forest_takes_a_choice_and_refuses_strangers(two_groups: Fit, of_mirnas: Callable[..., Fit]):
    chosen = list(two_groups.mirnas[2:4])
    labels = plot_forest(two_groups, mirnas=chosen).axes[0].get_yticklabels()
    assert {label.get_text() for label in labels} == set(chosen)
    with pytest.raises(InputError, match=r"'nobody' has no estimate"):
        plot_forest(two_groups, mirnas=["nobody"])
    many = of_mirnas(two_groups, np.resize(np.arange(10), 100).tolist())
    axes = plot_forest(many, top=100).axes[0]
    assert len(axes.get_yticks()) == 0  # too many to be read
    assert sum(len(line.get_xdata()) == 1 for line in axes.lines) == 100


def test_rows_without_interval_are_hollow_and_long_ones_end_in_an_arrow():
    import matplotlib.figure

    table = pd.DataFrame(
        {
            "estimate": [0.0, 1.0, 2.0, 0.5, 0.2],
            "lower": [-1.0, 0.0, -80.0, np.nan, -np.inf],
            "upper": [1.0, 2.0, 90.0, np.nan, np.inf],
        }
    )
    axes = matplotlib.figure.Figure().subplots()
    draw_rows(axes, table, list("abcde"), ["red"] * 5)
    left, right = axes.get_xlim()
    assert left < -1
    assert left > -10
    assert 2 < right < 10
    arrows = [line.get_marker() for line in axes.lines if line.get_marker() in ("<", ">")]
    assert sorted(arrows) == ["<", "<", ">", ">"]
    hollow = [line for line in axes.lines if line.get_markerfacecolor() == "white"]
    assert [line.get_ydata()[0] for line in hollow] == [3]
    assert limits(np.array([np.nan]), np.array([np.nan]), np.array([np.nan])) == (-0.03, 0.03)
