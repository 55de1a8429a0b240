"""Samples in a plane: the numbers, and how a column colours them."""

import numpy as np
import pytest

import bayes_mirglmm as bm
from bayes_mirglmm.counts.normalized import log_cpm
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.plots import plot_samples
from bayes_mirglmm.plots.grouping import MISSING, grouping
from bayes_mirglmm.plots.ordination import classical_scaling, leading_distances, principal_components
from bayes_mirglmm.results import Fit


def test_log_cpm_is_edgers():
    # edgeR's rule by hand: prior 2 in proportion to the library, twice of it in the library.
    counts, size = np.array([[0.0, 10.0]]), np.array([1e6, 3e6])
    wanted = [np.log2(1 / (1e6 + 2) * 1e6), np.log2(13 / (3e6 + 6) * 1e6)]
    np.testing.assert_allclose(log_cpm(counts, size)[0], wanted, rtol=1e-12)


def test_principal_components_of_a_plane_are_the_plane():
    rng = np.random.default_rng(2)
    scores = np.linalg.qr(rng.normal(size=(9, 2)) - 0.0)[0]
    scores = scores - scores.mean(axis=0)
    values = rng.normal(size=(40, 2)) @ scores.T
    plane, share = principal_components(values, 40)
    assert share.sum() == pytest.approx(1.0)
    apart = np.linalg.norm(plane[:, None] - plane[None], axis=2)
    wanted = np.linalg.norm(values.T[:, None] - values.T[None], axis=2)
    np.testing.assert_allclose(apart, wanted, atol=1e-9)


def test_scaling_gives_distances_in_a_plane_back():
    rng = np.random.default_rng(3)
    points = rng.normal(size=(8, 2))
    distance = np.linalg.norm(points[:, None] - points[None], axis=2)
    plane, share = classical_scaling(distance)
    np.testing.assert_allclose(np.linalg.norm(plane[:, None] - plane[None], axis=2), distance, atol=1e-9)
    assert share.sum() == pytest.approx(1.0)


def test_leading_distance_is_the_root_mean_square_of_the_largest_differences():
    values = np.array([[0.0, 3.0], [0.0, -4.0], [0.0, 1.0], [0.0, 0.0]])
    assert leading_distances(values, 2)[0, 1] == pytest.approx(np.sqrt((9 + 16) / 2))
    assert leading_distances(values, 100)[1, 0] == pytest.approx(np.sqrt(26 / 4))


def test_two_samples_and_identical_samples_have_a_place():
    for values in (np.array([[0.0, 3.0], [1.0, 1.0]]), np.ones((3, 2))):
        for plane, share in (
            principal_components(values, 10),
            classical_scaling(leading_distances(values, 10)),
        ):
            assert plane.shape == (2, 2)
            assert np.isfinite(plane).all()
            assert np.isfinite(share).all()


@pytest.mark.parametrize("kind", ["pca", "mds"])
def test_points_are_the_samples_coloured_by_group(two_groups: Fit, kind: str):
    figure = plot_samples(two_groups, kind=kind, top=30)
    axes = figure.axes[0]
    data = two_groups.data
    values = log_cpm(data["counts"].values, data["total"].values)
    plane = (
        principal_components(values, 30)[0]
        if kind == "pca"
        else classical_scaling(leading_distances(values, 30))[0]
    )
    case = two_groups.samples["group"].to_numpy() == "case"
    for points, mine in zip(axes.collections, (~case, case), strict=True):
        np.testing.assert_allclose(points.get_offsets(), plane[mine], rtol=1e-9, atol=1e-9)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["ctrl: 5", "case: 5"]
    assert {text.get_text() for text in axes.texts} <= set(two_groups.samples.index)
    assert len(axes.texts) > 3


def test_numbers_get_a_colour_bar_and_gaps_their_own_mark(two_groups: Fit):
    samples = two_groups.samples.assign(age=np.linspace(30, 80, 10), site=[None, "x"] * 5)
    samples.loc[samples.index[0], "age"] = np.nan
    fit = Fit(two_groups.data, two_groups.design, samples=samples)
    figure = plot_samples(fit, "age")
    assert figure.axes[1].get_ylabel() == "age"
    hollow, coloured = figure.axes[0].collections[:2]
    assert len(hollow.get_offsets()) == 1
    np.testing.assert_allclose(coloured.get_array(), np.linspace(30, 80, 10)[1:])
    groups = grouping(fit, "site")
    assert groups.levels == ("x", MISSING)
    np.testing.assert_array_equal(groups.code, [1, 0] * 5)


def test_many_levels_have_distinct_marks_and_a_short_legend():
    drawn = bm.simulate([1] * 20, [f"g{k}" for k in range(20)], n_mirnas=2, n_isomirs=4, seed=3)
    fit = bm.fit(drawn.counts, "~ 1", progress=False)
    groups = grouping(fit, "group")
    assert len({(groups.colour(k), groups.marker(k)) for k in range(20)}) == 20
    labels = [text.get_text() for text in plot_samples(fit, "group").legends[0].get_texts()]
    assert len(labels) == 17
    assert labels[-1] == "4 more levels"
    assert grouping(fit, None).levels == ("all samples",)


def test_what_cannot_be_drawn_is_refused(two_groups: Fit):
    for options, message in (
        ({"kind": "umap"}, "'pca' or 'mds'"),
        ({"top": 0}, "top=0"),
        ({"by": "sex"}, "no column"),
    ):
        with pytest.raises(InputError, match=message):
            plot_samples(two_groups, **options)


def test_of_many_samples_the_outermost_are_named():
    counts = bm.simulate(20, ("a", "b"), n_mirnas=12, seed=3).counts
    fit = bm.fit(counts, "~ group", progress=False)
    figure = plot_samples(fit, labels=5)
    axes = figure.axes[0]
    points = np.vstack([np.asarray(found.get_offsets()) for found in axes.collections])
    away = np.hypot(*((points - np.median(points, axis=0)) / np.ptp(points, axis=0)).T)
    named = [text.xy for text in axes.texts]
    assert len(named) == 5
    order = points[np.argsort(-away)][:5]
    np.testing.assert_allclose(sorted(map(tuple, named)), sorted(map(tuple, order)))
