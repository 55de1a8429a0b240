"""The forest of isomiRs: effects, types, colours."""

import numpy as np
import pytest

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.plots import plot_isomir_forest
from bayes_mirglmm.plots.canvas import SKY
from bayes_mirglmm.plots.isomir_forest import COLOURS
from bayes_mirglmm.plots.isomir_types import fit_types
from bayes_mirglmm.results import Fit

LOG_2 = np.log(2.0)


def points(axes) -> list:
    return [line for line in axes.lines if len(line.get_xdata()) == 1]


@pytest.mark.parametrize("method", ["two_groups", "laplace", "sampled"])
def test_rows_are_the_isomirs_of_the_table_coloured_by_type(method: str, request: pytest.FixtureRequest):
    fit: Fit = request.getfixturevalue(method)
    mirna, term = fit.mirnas[1], fit.design.slope_terms[1]
    figure = plot_isomir_forest(fit, mirna)
    axes = figure.axes[0]
    table = fit.isomir_effects()
    table = table[table["mirna"] == mirna].sort_values("estimate")
    assert [label.get_text() for label in axes.get_yticklabels()] == table["isomir"].tolist()
    np.testing.assert_allclose([line.get_xdata()[0] for line in points(axes)], table["estimate"] / LOG_2)
    kinds = fit_types(fit, mirna, None)[table["isomir"]]
    assert "most abundant" in set(kinds)
    assert [line.get_color() for line in points(axes)] == [COLOURS[kind] for kind in kinds]
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels[0] == "the miRNA"
    assert set(labels[1:]) == {f"{kind}: {(kinds == kind).sum()}" for kind in set(kinds)}
    own = fit.effects(term).set_index("mirna").loc[mirna]
    line = next(line for line in axes.lines if line.get_color() == SKY)
    assert line.get_xdata()[0] == pytest.approx(own["estimate"] / LOG_2)


def test_given_types_and_contrasts_are_used(two_groups: Fit):
    mirna = two_groups.mirnas[0]
    own = two_groups.isomir_effects()
    own = own[own["mirna"] == mirna].sort_values("estimate", ascending=False)
    types = dict.fromkeys(own["isomir"].iloc[:2], "tail") | {own["isomir"].iloc[2]: "a type of my own"}
    axes = plot_isomir_forest(two_groups, mirna, contrast={"group": ("ctrl", "case")}, types=types).axes[0]
    np.testing.assert_allclose([p.get_xdata()[0] for p in points(axes)], -own["estimate"] / LOG_2)
    colours = [p.get_color() for p in points(axes)]
    assert colours == [COLOURS["tail"]] * 2 + [COLOURS["unknown"]] * 4


def test_what_has_no_isomir_effects_is_refused(two_groups: Fit, dose_and_batch: Fit):
    with pytest.raises(InputError, match="no miRNA 'nobody'"):
        plot_isomir_forest(two_groups, "nobody")
    with pytest.raises(InputError, match="isomiRs have no effect of their own"):
        plot_isomir_forest(dose_and_batch, dose_and_batch.mirnas[0], "batch[T.q]")
