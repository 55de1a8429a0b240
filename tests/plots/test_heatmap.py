"""Heat map, counts of one miRNA, UpSet and thresholds: what is drawn is what the tables say."""

import numpy as np
import pytest

import bayes_mirglmm as bm
from bayes_mirglmm.counts.normalized import log_cpm
from bayes_mirglmm.errors import InputError, UnknownMirnaError
from bayes_mirglmm.plots.upset import calls_of
from bayes_mirglmm.results import Fit


def names(axis) -> list[str]:
    return [label.get_text() for label in axis.get_ticklabels()]


def scaled(fit: Fit, mirna: str) -> np.ndarray:
    data = fit.data
    sums = data["counts"].values[data["isomir_mirna"].values == mirna].sum(axis=0, keepdims=True)
    row = log_cpm(sums, 1e6 * np.exp(data["offset"].values))[0]
    return (row - row.mean()) / row.std()


def test_cells_are_scaled_log_cpm_of_the_named_rows_and_samples(two_groups: Fit):
    axes = bm.plot_heatmap(two_groups, top=5).axes[0]
    rows = names(axes.yaxis)
    assert rows[0] == "group"
    samples = list(two_groups.data["sample"].values)
    shown = [samples.index(name) for name in names(axes.xaxis)]
    assert sorted(shown) == list(range(len(samples)))
    matrix = axes.images[0].get_array()
    for k, mirna in enumerate(rows[1:]):
        np.testing.assert_allclose(matrix[k], scaled(two_groups, mirna)[shown])
    # the strip above has the colour of each sample's group, in the same order
    strip = axes.images[1].get_array()[0]
    case = (two_groups.samples["group"].to_numpy() == "case")[shown]
    assert len(np.unique(strip[case], axis=0)) == len(np.unique(strip[~case], axis=0)) == 1
    assert not np.allclose(strip[case][0], strip[~case][0])


def test_rows_as_given_without_clusters_and_isomirs_of_one_mirna(two_groups: Fit):
    chosen = list(two_groups.mirnas[:3])
    axes = bm.plot_heatmap(two_groups, mirnas=chosen, cluster=False).axes[0]
    assert names(axes.yaxis)[1:] == chosen
    groups = two_groups.samples["group"].loc[names(axes.xaxis)]
    assert list(groups) == sorted(groups, reverse=True)  # ctrl, the reference, first
    isomirs = bm.plot_heatmap(two_groups, mirnas=[chosen[0]], level="isomir", top=4).axes[0]
    assert len(names(isomirs.yaxis)) == 5
    for options, message in (({"level": "gene"}, "'mirna' or 'isomir'"), ({"top": 0}, "1 row or more")):
        with pytest.raises(InputError, match=message):
            bm.plot_heatmap(two_groups, **options)
    with pytest.raises(UnknownMirnaError):
        bm.plot_heatmap(two_groups, mirnas=["none"])


def test_points_are_cpm_and_lines_join_pairs(two_groups: Fit):
    mirna = two_groups.mirnas[0]
    samples = two_groups.samples.assign(patient=[f"p{i % 5}" for i in range(10)])
    paired = Fit(two_groups.data, two_groups.design, samples=samples)
    axes = bm.plot_counts(paired, mirna, pairs="patient").axes[0]
    data = paired.data
    y = data["counts"].values[data["isomir_mirna"].values == mirna].sum(axis=0) / np.exp(
        data["offset"].values
    )
    drawn = np.vstack([c.get_offsets() for c in axes.collections if len(c.get_offsets()) == 5])
    np.testing.assert_allclose(np.sort(drawn[:, 1]), np.sort(y))
    joined = [line for line in axes.lines if len(line.get_xdata()) == 2 and line.get_color() == "0.75"]
    assert len(joined) == 5
    for line, patient in zip(joined, dict.fromkeys(samples["patient"]), strict=True):
        np.testing.assert_allclose(
            sorted(line.get_ydata()), np.sort(y[(samples["patient"] == patient).to_numpy()])
        )
    assert "joined by patient" in axes.get_title(loc="left")
    isomir = str(data["isomir"].values[0])
    assert isomir in bm.plot_counts(paired, str(data["isomir_mirna"].values[0]), isomir=isomir).axes[
        0
    ].get_title(loc="left")
    with pytest.raises(InputError, match="no fitted isomiR"):
        bm.plot_counts(paired, mirna, isomir="nothing")
    with pytest.raises(InputError, match=r"no column .patiend"):
        bm.plot_counts(paired, mirna, pairs="patiend")


def test_bars_count_the_combinations_of_findings(two_groups: Fit):
    calls = calls_of(two_groups, fdr=0.2)
    effects = two_groups.effects("group[T.case]").set_index("mirna")
    up = (effects["p_adjusted"] <= 0.2) & (effects["estimate"] > 0)
    assert list(calls["group[T.case], up"]) == list(up.loc[calls.index])
    usage = two_groups.usage().set_index("mirna")["p_shared_adjusted"] <= 0.2
    assert calls["isomiR usage"].sum() == usage.sum()
    axes = bm.plot_upset(two_groups, fdr=0.2).axes[0]
    sizes = calls[calls.any(axis=1)].value_counts()
    written = sorted(int(text.get_text()) for text in axes.texts)
    assert written == sorted(sizes)
    heights = [bar.get_height() for bar in axes.patches]
    np.testing.assert_allclose(heights, 4.0 * np.sort(sizes)[::-1] / sizes.max())


def test_the_volcano_draws_where_calls_begin(two_groups: Fit):
    fdr = float(two_groups.effects("group[T.case]")["p_adjusted"].median())
    axes = bm.plot_volcano(two_groups, fdr=fdr).axes[0]
    table = two_groups.effects("group[T.case]")
    y = -np.log10(table["p_value"])
    hit = table["p_adjusted"] <= fdr
    level = next(line.get_ydata()[0] for line in axes.lines if line.get_linestyle() == "--")
    assert y[~hit].max() < level < y[hit].min()


def test_numbers_stand_where_they_are_measured(dose_and_batch: Fit):
    axes = bm.plot_counts(dose_and_batch, dose_and_batch.mirnas[0]).axes[0]
    assert names(axes.xaxis) == ["0\n(2)", "1\n(2)", "2\n(2)", "4\n(2)"]
    assert isinstance(bm.plot_upset(dose_and_batch), type(axes.figure))
    assert names(bm.plot_heatmap(dose_and_batch, by=["dose", "batch"]).axes[0].yaxis)[:2] == ["dose", "batch"]


def test_no_two_levels_have_one_colour(two_groups: Fit):
    samples = two_groups.samples.assign(patient=[f"p{i}" for i in range(10)], lab=["x", "y"] * 5)
    fit = Fit(two_groups.data, two_groups.design, samples=samples)
    for by, number in (
        (["group", "patient"], 12),
        (["group", "lab", "patient"], 14),
        (["patient", "group"], 12),
    ):
        figure = bm.plot_heatmap(fit, by=by)
        handles = figure.legends[0].legend_handles
        colours = {handle.get_facecolor() for handle in handles}
        assert len(handles) == len(colours) == number
    shown = [samples.index.get_loc(name) for name in names(figure.axes[0].xaxis)]
    strip = figure.axes[0].images[1].get_array()[0]  # of the patients
    first = [handle.get_facecolor()[:3] for handle in handles[:10]]
    np.testing.assert_allclose(strip, np.array(first)[shown])
