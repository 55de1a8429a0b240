"""CPM boxplots: which rows, which numbers, where zeros stand."""

import numpy as np
import pytest

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.plots import plot_cpm
from bayes_mirglmm.results import Fit


def cells(fit: Fit, mirna: str) -> tuple[list[str], np.ndarray]:
    data = fit.data
    rows = data["isomir_mirna"].values == mirna
    return list(data["isomir"].values[rows]), 1e6 * data["counts"].values[rows] / data["total"].values


def test_rows_are_sum_canonical_and_top_isomirs(two_groups: Fit):
    mirna = two_groups.mirnas[0]
    names, cpm = cells(two_groups, mirna)
    by_level = np.argsort(-cpm.mean(axis=1))
    canonical = names[by_level[-1]]
    axes = plot_cpm(
        two_groups, mirna, top=2, types={canonical: "canonical", names[by_level[0]]: "tail"}
    ).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        "sum of 6",
        f"{canonical}\ncanonical",
        f"{names[by_level[0]]}\ntail",
        names[by_level[1]],
    ]
    shown = np.vstack([cpm.sum(axis=0), cpm[by_level[[-1, 0, 1]]]])
    case = two_groups.samples["group"].to_numpy() == "case"
    # Points: for each group in turn a scatter a row.
    drawn = [np.sort(c.get_offsets()[:, 0]) for c in axes.collections]
    assert len(drawn) == 8
    floor = cpm[cpm > 0].min() / 2
    for k, mine in enumerate((~case, case)):
        for row in range(4):
            np.testing.assert_allclose(
                drawn[4 * k + row],
                np.sort(np.where(shown[row, mine] > 0, shown[row, mine], drawn[4 * k + row].min())),
            )
    assert min(values.min() for values in drawn) >= floor
    medians = [line for line in axes.lines if line.get_linewidth() == 1.6]
    np.testing.assert_allclose(medians[0].get_xdata(), np.median(shown[0, ~case]))


def test_samples_without_a_read_stand_at_a_marked_floor(two_groups: Fit):
    fit = Fit(two_groups.data.copy(deep=True), two_groups.design, samples=two_groups.samples)
    mirna = fit.mirnas[0]
    rows = np.flatnonzero(fit.data["isomir_mirna"].values == mirna)
    fit.data["counts"].values[rows, :3] = 0
    axes = plot_cpm(fit, mirna, top=1).axes[0]
    positive = np.concatenate([c.get_offsets()[:, 0] for c in axes.collections])
    floor = positive.min()
    assert (positive == floor).sum() == 3 * 3  # the sum, the most abundant and one more
    assert "0" in [text.get_text() for text in axes.texts]
    assert np.sort(np.unique(positive))[1] == pytest.approx(2 * floor)


def test_samples_are_grouped_by_any_column(dose_and_batch: Fit):
    mirna = dose_and_batch.mirnas[0]
    for by, levels in ((None, ["0: 2", "1: 2", "2: 2", "4: 2"]), ("batch", ["p: 4", "q: 4"])):
        figure = plot_cpm(dose_and_batch, mirna, by=by)
        assert [text.get_text() for text in figure.legends[0].get_texts()] == levels
    with pytest.raises(InputError, match=r"no column 'bacth'.*batch"):
        plot_cpm(dose_and_batch, mirna, by="bacth")
    with pytest.raises(InputError, match="top=-1"):
        plot_cpm(dose_and_batch, mirna, top=-1)
