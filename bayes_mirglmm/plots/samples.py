"""Samples by their isomiR expression, in a plane."""

from typing import TYPE_CHECKING

import numpy as np

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.plots.canvas import SMALL, canvas, label_axes, legend_below
from bayes_mirglmm.plots.grouping import grouping
from bayes_mirglmm.plots.ordination import (
    classical_scaling,
    leading_distances,
    log_cpm,
    principal_components,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bayes_mirglmm.results import Fit

KINDS = ("pca", "mds")
LISTED = 16  # levels in the legend


def plot_samples(
    fit: "Fit",
    by: str | None = None,
    *,
    kind: str = "pca",
    top: int = 500,
    labels: int = 30,
    ax: "Axes | None" = None,
    figsize: tuple[float, float] = (4.8, 4.2),
) -> "Figure":
    """Draw the samples as points that lie close together where their isomiRs are expressed alike.

    log2 CPM of all isomiRs that the fit was given, with its offsets and two counts added as edgeR does.

    Parameters
    ----------
    fit : Fit
    by : str, optional
        Column of the sample table that colours the points; the slope variable when omitted.
    kind : {"pca", "mds"}
        Principal components of the ``top`` most variable isomiRs, or multidimensional scaling of limma's leading log
        fold changes (of the ``top`` isomiRs that differ most between two samples; its time grows with the square of
        the number of samples).
    top : int
        Number of isomiRs.
    labels : int
        Up to how many samples their names are written, where there is room.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure when omitted.
    figsize : tuple of float
        Width and height of a new figure in inches.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InputError
        The sample table has no column ``by``, or ``kind`` or ``top`` is not usable.
    """
    from bayes_mirglmm.plots.labels import label_points

    if kind not in KINDS:
        raise InputError(f"kind={kind!r} is not known: choose 'pca' or 'mds'.")
    if top < 1:
        raise InputError(f"top={top!r}: give 1 isomiR or more.")
    counts = fit.data["counts"].values
    if not len(counts):
        raise InputError("this fit has no counts: nothing was left after the filters; fit.status() says why.")
    groups = grouping(fit, by)
    values = log_cpm(counts, 1e6 * np.exp(fit.data["offset"].values))
    if kind == "pca":
        plane, share = principal_components(values, top)
    else:
        plane, share = classical_scaling(leading_distances(values, top))
    x, y = plane.T

    figure, axes = canvas(ax, figsize)
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
    axes.margins(0.12)
    name = "PC" if kind == "pca" else "leading log2 FC dim"
    if groups.numbers is None and groups.name:
        legend_below(axes, own=ax is None, heading=groups.name)
    used = min(top, len(values))
    what = f"{used} most variable isomiRs" if kind == "pca" else f"{used} isomiRs a pair"
    x_label, y_label = (f"{name} {k + 1} ({100 * share[k]:.0f} %)" for k in range(2))
    label_axes(axes, x_label, y_label, (f"{len(x)} samples", what))
    if len(x) <= labels:
        names = [str(sample) for sample in fit.data["sample"].values]
        label_points(axes, x, y, names, colours=["0.35"] * len(x), avoid=plane, size=SMALL - 1)
    return figure
