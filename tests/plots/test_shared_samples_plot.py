"""The plane of what samples share."""

import numpy as np
import pytest

from bayes_mirglmm.cohort.sample_directions import sample_directions
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.plots import plot_shared_samples
from bayes_mirglmm.results import Fit


def test_points_are_the_directions(two_groups: Fit):
    figure = plot_shared_samples(two_groups)
    axes = figure.axes[0]
    points = np.vstack([np.asarray(c.get_offsets()) for c in axes.collections])
    scores = sample_directions(two_groups.what_samples_share.cohort).scores[:, :2]
    order = np.argsort(two_groups.samples["group"].to_numpy() == "case", kind="stable")
    np.testing.assert_allclose(points, scores[order])
    assert axes.get_xlabel().startswith("direction 1 (")


def test_an_axis_names_what_explains_it(two_groups: Fit):
    """With clear effects in half of the miRNAs the group is the leading direction."""
    table = two_groups.sample_directions()
    best = table.iloc[0]
    assert best["column"] == "group"
    label = plot_shared_samples(two_groups).axes[0].get_xlabel()
    assert label.endswith(f"group explains {100 * best['r_squared']:.0f} %")


def test_of_a_posterior_its_fit_by_maximum_likelihood_is_shown(laplace: Fit):
    with pytest.raises(InputError, match="5 miRNAs were fitted: what samples share cannot be learned"):
        plot_shared_samples(laplace)
