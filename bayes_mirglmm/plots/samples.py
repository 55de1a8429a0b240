"""Samples by their isomiR expression, in a plane."""

from typing import TYPE_CHECKING

import numpy as np

from bayes_mirglmm.counts.normalized import log_cpm
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.plots.canvas import SMALL, canvas, label_axes, legend_below
from bayes_mirglmm.plots.grouping import grouping
from bayes_mirglmm.plots.ordination import (
    classical_scaling,
    leading_distances,
    principal_components,
)
from bayes_mirglmm.plots.sample_points import draw_samples

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bayes_mirglmm.results import Fit

KINDS = ("pca", "mds")


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
    draw_samples(figure, axes, groups, x, y)
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
