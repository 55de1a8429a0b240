"""Samples as points in a plane, coloured by a column of the sample table."""

from typing import TYPE_CHECKING

import numpy as np

from bayes_mirglmm.plots.canvas import SMALL
from bayes_mirglmm.plots.grouping import Grouping

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LISTED = 16  # levels in the legend


def draw_samples(figure: "Figure", axes: "Axes", groups: Grouping, x: np.ndarray, y: np.ndarray) -> None:
    """Draw the points, with a colour bar for a continuous column and labels for a legend otherwise."""
    size = 26 if len(x) <= 200 else 9
    if groups.numbers is not None:
        known = np.isfinite(groups.numbers)
        axes.scatter(x[~known], y[~known], s=size, c="white", ec="0.5", lw=0.6)
        points = axes.scatter(x[known], y[known], s=size, c=groups.numbers[known], cmap="viridis", lw=0)
        bar = figure.colorbar(points, ax=axes, shrink=0.8)
        bar.set_label(groups.name, fontsize=SMALL, parse_math=False)
        bar.ax.tick_params(labelsize=SMALL)
    else:
        for k, level in enumerate(groups.levels):
            mine = groups.code == k
            text = f"{level}: {int(mine.sum())}" if k < LISTED else "_more"
            axes.scatter(
                x[mine],
                y[mine],
                s=size,
                c=groups.colour(k),
                marker=groups.marker(k),
                lw=0,
                alpha=0.9,
                label=text,
            )
        if len(groups.levels) > LISTED:
            axes.plot([], [], " ", label=f"{len(groups.levels) - LISTED} more levels")
