"""The volcano: what is drawn, checked on the data of its artists."""

import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.plots import plot_ma, plot_volcano
from bayes_mirglmm.plots.canvas import new_figure
from bayes_mirglmm.plots.labels import label_points
from bayes_mirglmm.results import Fit


class Altered:
    """A fit whose table of effects was edited."""

    def __init__(self, fit: Fit, table: pd.DataFrame) -> None:
        self.ml, self.design, self.data, self.table = self, fit.design, fit.data, table
        self.method = fit.method

    def effects(self, term: str, contrasts: None = None, prob: float | None = None) -> pd.DataFrame:
        return self.table[self.table["term"] == term]


def points(figure) -> np.ndarray:
    parts = [c.get_offsets() for c in figure.axes[0].collections]
    return np.vstack([np.asarray(part) for part in parts if len(part)])


def test_every_mirna_with_a_p_value_is_a_point(two_groups: Fit):
    figure = plot_volcano(two_groups)
    table = two_groups.effects("group[T.case]").dropna(subset=["p_value"])
    wanted = np.column_stack([table["log2_fc"], -np.log10(table["p_value"])])
    np.testing.assert_allclose(np.sort(points(figure), axis=0), np.sort(wanted, axis=0), rtol=1e-10)
    assert "case against ctrl" in figure.axes[0].get_xlabel()
    up = int(((table["p_adjusted"] <= 0.05) & (table["estimate"] > 0)).sum())
    assert up > 0
    assert f"up: {up}" in [text.get_text() for text in figure.legends[0].get_texts()]


def test_a_contrast_is_drawn_in_place_of_a_coefficient(two_groups: Fit):
    turned = plot_volcano(two_groups, contrast={"group": ("ctrl", "case")})
    straight = plot_volcano(two_groups)
    np.testing.assert_allclose(np.sort(points(turned)[:, 0]), np.sort(-points(straight)[:, 0]), rtol=1e-10)


def test_missing_and_infinite_values_are_counted_and_capped(two_groups: Fit):
    table = two_groups.effects().copy()
    rows = table.index[table["term"] == "group[T.case]"]
    table.loc[rows[0], ["p_value", "p_adjusted"]] = 0.0
    table.loc[rows[1], ["p_value", "p_adjusted"]] = np.nan
    table.loc[rows[2], ["estimate", "log2_fc"]] = np.inf
    figure = plot_volcano(Altered(two_groups, table))  # type: ignore[arg-type]
    axes = figure.axes[0]
    assert np.isfinite(points(figure)).all()
    assert points(figure)[:, 1].max() == axes.get_ylim()[1]
    assert len(points(figure)) == len(rows) - 2
    assert "2 more without a p-value" in axes.get_title(loc="left")


def test_an_empty_table_and_thousands_of_points_are_drawn(two_groups: Fit):
    table = two_groups.effects()
    assert plot_volcano(Altered(two_groups, table.iloc[:0])).axes  # type: ignore[arg-type]
    many = pd.concat([table] * 200, ignore_index=True)
    assert plot_volcano(Altered(two_groups, many)).axes  # type: ignore[arg-type]


def test_it_is_neither_shown_nor_kept_open(two_groups: Fit):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plot_volcano(two_groups)
    assert plt.get_fignums() == []


def test_unknown_terms_and_several_contrasts_are_refused(two_groups: Fit):
    with pytest.raises(InputError, match="no coefficient 'group'"):
        plot_volcano(two_groups, "group")
    with pytest.raises(InputError, match="one contrast"):
        plot_volcano(two_groups, contrast=[{"a": {"group": ("ctrl", "case")}}, {"group": ("case", "ctrl")}])


def test_labels_do_not_collide_with_each_other_or_with_points():
    rng = np.random.default_rng(1)
    xy = rng.normal(size=(40, 2)) * 0.3
    figure, axes = new_figure((5, 4))
    axes.scatter(*xy.T, s=10)
    axes.set(xlim=(-2, 2), ylim=(-2, 2))
    names = [f"hsa-miR-{i}" for i in range(40)]
    written = label_points(axes, xy[:, 0], xy[:, 1], names, colours=["black"] * 40, avoid=xy)
    assert 3 < len(written) < 40  # some have no room, and are left out rather than put on top of others
    figure.draw_without_rendering()
    boxes = [Text.get_window_extent(text) for text in axes.texts]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    pixels = axes.transData.transform(xy)
    assert not any(box.contains(*pixel) for box in boxes for pixel in pixels)


def test_names_with_dollars_are_no_mathematics():
    figure, axes = new_figure((4, 3))
    axes.set(xlim=(-1, 1), ylim=(-1, 1))
    label_points(axes, [0.0], [0.0], ["miR-$\\frac$"], colours=["black"], avoid=np.zeros((1, 2)))
    figure.canvas.draw()
    assert axes.texts[0].get_text() == "miR-$\\frac$"


def test_named_labels_are_written_and_absent_ones_refused(two_groups: Fit):
    name = two_groups.effects(two_groups.design.terms[1]).sort_values("p_value")["mirna"].iloc[-1]
    written = [text.get_text() for text in plot_volcano(two_groups, labels=[name]).axes[0].texts]
    assert written == [name]
    for plot in (plot_volcano, plot_ma):
        with pytest.raises(InputError, match=r"labels: 'sim-miR-none' is not in this picture"):
            plot(two_groups, labels=[name, "sim-miR-none"])


def test_the_largest_hits_are_named_beside_the_surest(two_groups: Fit):
    table = two_groups.effects().copy()
    rows = table.index[table["term"] == "group[T.case]"]
    p = np.geomspace(1e-9, 0.5, len(rows))
    table.loc[rows, "p_value"] = table.loc[rows, "p_adjusted"] = p
    table.loc[rows, "estimate"] = table.loc[rows, "log2_fc"] = np.linspace(0.1, 0.2, len(rows))
    hits = int((p <= 0.05).sum())
    assert 3 < hits < len(rows)
    largest, uncalled = rows[hits - 1], rows[-1]
    table.loc[largest, ["estimate", "log2_fc"]] = -4.0
    table.loc[uncalled, ["estimate", "log2_fc"]] = 5.0
    figure = plot_volcano(Altered(two_groups, table), labels=2)  # type: ignore[arg-type]
    named = {text.get_text() for text in figure.axes[0].texts}
    assert named == {table.loc[rows[0], "mirna"], table.loc[largest, "mirna"]}
