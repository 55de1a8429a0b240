"""Samples by their isomiR expression, in a plane."""

from typing import TYPE_CHECKING

import numpy as np

from bayes_mirglmm.counts.normalized import log_cpm
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.plots.canvas import picture
from bayes_mirglmm.plots.ordination import (
    classical_scaling,
    leading_distances,
    principal_components,
)
from bayes_mirglmm.plots.sample_plane import draw_plane

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bayes_mirglmm.results import Fit

KINDS = ("pca", "mds")


@picture
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
        How many samples to name, the outermost first, where there is room.
    ax, figsize

    Raises
    ------
    InputError
        The sample table has no column ``by``, or ``kind`` or ``top`` is not usable.
    """
    if kind not in KINDS:
        raise InputError(f"kind={kind!r} is not known: choose 'pca' or 'mds'.")
    if top < 1:
        raise InputError(f"top={top!r}: give 1 isomiR or more.")
    counts = fit.data["counts"].values
    if not len(counts):
        raise InputError("this fit has no counts: nothing was left after the filters; fit.status() says why.")
    values = log_cpm(counts, 1e6 * np.exp(fit.data["offset"].values))
    if kind == "pca":
        plane, share = principal_components(values, top)
    else:
        plane, share = classical_scaling(leading_distances(values, top))
    name = "PC" if kind == "pca" else "leading log2 FC dim"
    used = min(top, len(values))
    return draw_plane(
        fit,
        by,
        plane,
        axis=(f"{name} 1 ({100 * share[0]:.0f} %)", f"{name} 2 ({100 * share[1]:.0f} %)"),
        heading=f"{used} most variable isomiRs" if kind == "pca" else f"{used} isomiRs a pair",
        labels=labels,
        ax=ax,
        figsize=figsize,
    )
