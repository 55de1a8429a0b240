"""Bars of posterior probability: their lengths are the table's, and add up to 1."""

import numpy as np
import pytest

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.plots import plot_probability
from bayes_mirglmm.results import Fit
from bayes_mirglmm.results.probability import probability


def bars(figure) -> dict[str, np.ndarray]:
    axes = figure.axes[0]
    return {c.get_label(): np.array([bar.get_width() for bar in c]) for c in axes.containers}


def test_bars_are_the_probabilities_of_the_table(laplace: Fit):
    d, rope = 0.5, (-0.1, 0.2)
    term = laplace.design.slope_terms[1]
    figure = plot_probability(laplace, beyond=d, rope=rope)
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    table = probability(laplace, term, beyond=d, rope=rope).set_index("mirna").loc[names]
    found = bars(figure)
    down, less_down, nothing, _less_up, up = found.values()
    np.testing.assert_allclose(down, table["p_down_beyond"])
    np.testing.assert_allclose(up, table["p_up_beyond"])
    np.testing.assert_allclose(nothing, table["p_rope"])
    inner = probability(laplace, term, rope=(rope[0], 0.0)).set_index("mirna").loc[names, "p_rope"]
    np.testing.assert_allclose(less_down, table["p_down"] - table["p_down_beyond"] - inner, atol=1e-9)
    np.testing.assert_allclose(sum(found.values()), 1.0, atol=1e-9)
    assert table["p_beyond"].is_monotonic_increasing  # the surest on top


def test_some_mirnas_and_bounds_that_cannot_be_drawn(laplace: Fit):
    chosen = list(laplace.mirnas[:2])
    figure = plot_probability(laplace, mirnas=chosen)
    assert sorted(t.get_text() for t in figure.axes[0].get_yticklabels()) == sorted(chosen)
    assert next(iter(bars(figure))) == "down more than 2 times"
    with pytest.raises(InputError, match="within beyond"):
        plot_probability(laplace, beyond=0.05, rope=(-0.1, 0.1))
