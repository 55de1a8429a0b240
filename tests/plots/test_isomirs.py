"""The isomiR slope plot: its numbers, and what is drawn of them."""

from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pytest

import bayes_mirglmm as bm
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.plots import plot_isomirs
from bayes_mirglmm.plots.isomir_lines import isomir_lines
from bayes_mirglmm.results import Fit


def test_lines_of_two_groups_are_the_tables_numbers(two_groups: Fit):
    for mirna in two_groups.mirnas[:4]:
        lines = isomir_lines(two_groups, mirna)
        effects = two_groups.effects().set_index(["mirna", "term"])["estimate"][mirna]
        own = two_groups.isomir_effects().set_index("mirna").loc[mirna].set_index("isomir")["estimate"]
        assert lines.levels == ("ctrl", "case")
        np.testing.assert_allclose(np.log(lines.mirna[0]), effects["Intercept"], rtol=1e-10)
        np.testing.assert_allclose(
            np.log(lines.mirna[1] / lines.mirna[0]), effects["group[T.case]"], rtol=1e-10
        )
        change = np.log(lines.isomirs[:, 1] / lines.isomirs[:, 0])
        np.testing.assert_allclose(change, own[list(lines.names)], rtol=1e-10)


def test_dots_are_pooled_counts_per_million(two_groups: Fit):
    mirna = two_groups.mirnas[0]
    lines = isomir_lines(two_groups, mirna)
    view = two_groups[mirna]
    case = two_groups.samples["group"].to_numpy() == "case"
    counts, total = view["counts"].values[:, case], view["total"].values[case]
    expected = 1e6 * counts.sum(axis=1) / total.sum()
    np.testing.assert_allclose(lines.observed[:, 1], np.where(expected > 0, expected, np.nan), rtol=1e-10)


def test_a_continuous_slope_is_drawn_over_its_values(dose_and_batch: Fit):
    mirna = dose_and_batch.mirnas[0]
    lines = isomir_lines(dose_and_batch, mirna)
    effects = dose_and_batch.effects().set_index(["mirna", "term"])["estimate"][mirna]
    assert lines.levels == (0.0, 1.0, 2.0, 4.0)
    # The other covariate is held at its mean: half of the samples are of batch q.
    base = effects["Intercept"] + 0.5 * effects["batch[T.q]"]
    np.testing.assert_allclose(
        np.log(lines.mirna), base + effects["dose"] * np.array(lines.levels), rtol=1e-10
    )
    figure = plot_isomirs(dose_and_batch, mirna)
    assert figure.axes[0].get_xlabel() == "dose"


def test_isomirs_told_apart_are_those_whose_interval_leaves_zero_out(two_groups: Fit):
    table = two_groups.isomir_effects()
    apart = 0
    for mirna in two_groups.mirnas:
        lines = isomir_lines(two_groups, mirna)
        rows = table[table["mirna"] == mirna].set_index("isomir").loc[list(lines.names)]
        z = (rows["deviation"] / rows["deviation_std_error"]).fillna(0).to_numpy()
        wanted = np.where(z > 1.959964, "larger", np.where(z < -1.959964, "smaller", "alike"))
        np.testing.assert_array_equal(lines.kind, wanted)
        apart += int((lines.kind != "alike").sum())
    assert apart > 0


def test_a_line_an_isomir_and_the_fixed_effect_on_top(two_groups: Fit):
    mirna = two_groups.mirnas[0]
    figure = plot_isomirs(two_groups, mirna)
    axes = figure.axes[0]
    lines = isomir_lines(two_groups, mirna)
    drawn = [line for line in axes.lines if len(line.get_xdata())]
    assert len(drawn) == len(lines.names) + 1
    np.testing.assert_allclose(drawn[-1].get_ydata(), lines.mirna)
    assert drawn[-1].get_linewidth() > 2 * drawn[0].get_linewidth()
    assert [label.get_text() for label in axes.get_xticklabels()] == ["ctrl", "case"]
    assert axes.get_yscale() == "log"
    assert mirna in axes.get_title(loc="left")
    effect = two_groups.effects("group[T.case]").set_index("mirna").loc[mirna, "log2_fc"]
    assert f"log2 FC {effect:+.2f}" in axes.get_title(loc="left")
    assert plt.get_fignums() == []


def test_a_mirna_without_estimates_and_a_fit_without_slope_are_refused(two_groups: Fit):
    with pytest.raises(InputError, match="no miRNA"):
        plot_isomirs(two_groups, "sim-miR-nowhere")
    drawn = bm.simulate(3, n_mirnas=1, n_isomirs=4, seed=1)
    flat = bm.fit(drawn.counts, "~ 1", progress=False)
    with pytest.raises(InputError, match="slope variable"):
        plot_isomirs(flat, flat.mirnas[0])


def test_long_level_names_make_room_for_each_other():
    names = ("control", "case", "rescue with a very long name indeed")
    drawn = bm.simulate(3, names, n_mirnas=1, n_isomirs=4, seed=2)
    fit = bm.fit(drawn.counts, "~ group", reference={"group": "control"}, progress=False)
    labels = plot_isomirs(fit, fit.mirnas[0], figsize=(3.35, 3)).axes[0].get_xticklabels()
    boxes = [label.get_window_extent() for label in labels]
    assert not any(a.overlaps(b) for a, b in pairwise(boxes))
    assert [label.get_text() for label in labels][:2] == ["control", "case"]
    assert "…" in labels[2].get_text()


def test_the_legend_says_what_lines_and_dots_are(two_groups: Fit):
    said = [text.get_text() for text in plot_isomirs(two_groups, two_groups.mirnas[0]).legends[0].get_texts()]
    assert said[-2:] == ["miRNA, fixed effect", "counts, pooled over samples"]
