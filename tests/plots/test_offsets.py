"""Offsets side by side: those of the package, from the counts of the fit."""

import numpy as np
import pytest

import bayes_mirglmm as bm
from bayes_mirglmm.counts.offsets import METHODS, log_offset
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.plots import plot_offsets
from bayes_mirglmm.plots.offsets import offset_differences
from bayes_mirglmm.results import Fit

LOG_2 = np.log(2.0)


@pytest.fixture(scope="module")
def counts():
    return bm.simulate(3, ("ctrl", "case"), n_mirnas=10, n_isomirs=4, seed=2).counts


@pytest.fixture(scope="module")
def with_tmm(counts) -> Fit:
    return bm.fit(counts, "~ group", reference={"group": "ctrl"}, offset="tmm", progress=False)


def test_they_are_the_offsets_that_fits_use(counts, with_tmm: Fit):
    found, undefined = offset_differences(with_tmm, counts)
    assert undefined == []
    assert list(found) == list(METHODS)
    total = log_offset(counts, "total").values
    for name in METHODS:
        np.testing.assert_allclose(found[name], (log_offset(counts, name).values - total) / LOG_2, atol=1e-12)
    # From what the fit keeps: without the background, a miRNA of one isomiR, but for the fit's own.
    kept, _ = offset_differences(with_tmm)
    bare = counts.isel(isomir=counts["mirna"].values != "background")
    np.testing.assert_allclose(kept["tmm"], (with_tmm.data["offset"].values - total) / LOG_2, atol=1e-12)
    np.testing.assert_allclose(kept["tmm"], found["tmm"], atol=1e-12)
    wanted = (log_offset(bare, "median_ratio").values - total) / LOG_2
    np.testing.assert_allclose(kept["median_ratio"], wanted, atol=1e-12)
    with pytest.raises(InputError, match="other samples"):
        offset_differences(with_tmm, counts.isel(sample=slice(None, None, -1)))


def test_a_column_a_sample_with_group_means(with_tmm: Fit):
    figure = plot_offsets(with_tmm)
    axes = figure.axes[0]
    found, _ = offset_differences(with_tmm)
    points = {line.get_label(): line for line in axes.lines if line.get_marker() not in ("None", "")}
    assert set(points) == {"median_ratio", "tmm (this fit)", "upper_quartile"}
    order = np.argsort(with_tmm.samples["group"].to_numpy() == "case", kind="stable")
    np.testing.assert_allclose(points["tmm (this fit)"].get_ydata(), found["tmm"][order])
    means = [line.get_ydata()[0] for line in axes.lines if line.get_linewidth() == 1.4]
    wanted = [found[name][order][part].mean() for name in METHODS for part in (slice(0, 3), slice(3, 6))]
    np.testing.assert_allclose(means, wanted)
    assert [text.get_text() for text in axes.texts] == ["ctrl", "case"]
    assert [label.get_text() for label in axes.get_xticklabels()] == list(with_tmm.samples.index[order])


def test_an_undefined_offset_is_named_and_a_column_shown(counts):
    sparse = counts.assign(counts=counts["counts"].copy())
    sparse["counts"].values[:, 0] = 0
    sparse["counts"].values[0, 0] = 7
    sparse["counts"].values[0, 1] = 0
    sparse["counts"].values[:4, 1:] = 0
    sparse = sparse.assign_coords(depth=("sample", np.linspace(1.0, 2.0, 6)))
    fit = bm.fit(sparse, "~ group", offset="column:depth", progress=False)
    axes = plot_offsets(fit).axes[0]
    assert "undefined: median_ratio" in axes.get_title(loc="left")
    own = next(line for line in axes.lines if line.get_label() == "column:depth (this fit)")
    total = log_offset(sparse, "total").values
    wanted = (log_offset(sparse, "column:depth").values - total) / LOG_2
    np.testing.assert_allclose(np.sort(own.get_ydata()), np.sort(wanted))
