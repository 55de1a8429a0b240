"""Samples as points in a plane, coloured by a column of the sample table, with their names."""

from typing import TYPE_CHECKING

import numpy as np

from bayes_mirglmm.plots.canvas import SMALL, canvas, label_axes, legend_below
from bayes_mirglmm.plots.grouping import Grouping, grouping

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bayes_mirglmm.results import Fit

LISTED = 16  # levels in the legend


def draw_plane(
    fit: "Fit",
    by: str | None,
    plane: np.ndarray,
    *,
    axis: tuple[str, str],
    heading: str,
    labels: int,
    ax: "Axes | None",
    figsize: tuple[float, float],
) -> "Figure":
    """Draw the samples of a fit at ``plane`` (n, 2).

    Parameters
    ----------
    fit : Fit
    by : str, optional
        Column of the sample table that colours the points; the slope variable when None.
    plane : array, shape (n, 2)
    axis : tuple of str, length 2
        What the axes are.
    heading : str
        Stands behind the number of samples.
    labels : int
        How many samples to name, the outermost first.
    ax, figsize
        As for every picture.

    Raises
    ------
    InputError
        The sample table has no column ``by``.
    """
    from bayes_mirglmm.plots.labels import label_points

    groups = grouping(fit, by)
    x, y = plane.T
    figure, axes = canvas(ax, figsize)
    _draw_points(figure, axes, groups, x, y)
    axes.margins(0.12)
    if groups.numbers is None and groups.name:
        legend_below(axes, own=ax is None, heading=groups.name)
    label_axes(axes, axis[0], axis[1], (f"{len(x)} samples", heading))
    named = _outermost_first(plane)[:labels]
    names = [str(sample) for sample in fit.data["sample"].values[named]]
    label_points(axes, x[named], y[named], names, colours=["0.35"] * len(named), avoid=plane, size=SMALL - 1)
    return figure


def _outermost_first(plane: np.ndarray) -> np.ndarray:
    """Return the order of points (n, 2) by their distance from the middle, in widths of the picture."""
    width = np.ptp(plane, axis=0)
    away = (plane - np.median(plane, axis=0)) / np.where(width > 0, width, 1.0)
    return np.argsort(-np.hypot(*away.T), kind="stable")


def _draw_points(figure: "Figure", axes: "Axes", groups: Grouping, x: np.ndarray, y: np.ndarray) -> None:
    """Draw the points, with a colour bar for a continuous column and labels for a legend otherwise."""
    size = 26 if len(x) <= 200 else 9
    if groups.numbers is not None:
        known = np.isfinite(groups.numbers)
        axes.scatter(x[~known], y[~known], s=size, c="white", ec="0.5", lw=0.6)
        points = axes.scatter(x[known], y[known], s=size, c=groups.numbers[known], cmap="viridis", lw=0)
        bar = figure.colorbar(points, ax=axes, shrink=0.8)
        bar.set_label(groups.name, fontsize=SMALL, parse_math=False)
        bar.ax.tick_params(labelsize=SMALL)
        return
    for k, level in enumerate(groups.levels):
        mine = groups.code == k
        axes.scatter(
            x[mine],
            y[mine],
            s=size,
            c=groups.colour(k),
            marker=groups.marker(k),
            lw=0,
            alpha=0.9,
            label=f"{level}: {int(mine.sum())}" if k < LISTED else "_more",
        )
    if len(groups.levels) > LISTED:
        axes.plot([], [], " ", label=f"{len(groups.levels) - LISTED} more levels")
