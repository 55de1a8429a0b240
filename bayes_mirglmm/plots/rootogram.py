"""Hanging rootogram: whether counts of every size occur as often as the model expects."""

import math
from typing import TYPE_CHECKING

import numpy as np

from bayes_mirglmm.plots.canvas import (
    BLUE,
    ORANGE,
    canvas,
    label_axes,
    legend_below,
    picture,
    root_figure,
    short_number,
)
from bayes_mirglmm.plots.frequencies import frequencies
from bayes_mirglmm.results.selection import check_prob

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bayes_mirglmm.results import Fit

LABEL_WIDTH = 0.36  # inches


@picture
def plot_rootogram(
    fit: "Fit",
    mirna: str,
    *,
    prob: float = 0.95,
    ax: "Axes | None" = None,
    figsize: tuple[float, float] = (4.8, 3.6),
) -> "Figure":
    """Draw how often counts of each size occur in one miRNA, hung from how often the model expects them.

    The line is the square root of the expected number of cells (isomiR x sample) with such a count, and a bar as long
    as the root of the observed number hangs from it. A bar that ends above 0 says fewer such counts than expected, one
    that ends below says more; within the shaded band chance explains it. Too many zeros show as a first bar below the
    band, too little dispersion in the model as bars below it on both ends. (Kleiber & Zeileis 2016, The American
    Statistician 70:296; here with classes 0, 1, 2-3, 4-7, ... because counts of isomiRs span orders of magnitude.)

    Parameters
    ----------
    fit : Fit
        Of any method: :mod:`bayes_mirglmm.plots.frequencies` says what is expected under each.
    mirna : str
        A fitted miRNA.
    prob : float
        Level of the band.
    ax, figsize

    Raises
    ------
    InputError
        The miRNA has no estimates or no finite fitted means, or ``prob`` is not between 0 and 1.
    """
    found = frequencies(fit, mirna, check_prob(prob))
    position = np.arange(len(found.first))
    top, length = np.sqrt(found.expected), np.sqrt(found.observed)

    figure, axes = canvas(ax, figsize)
    axes.fill_between(
        position,
        top - np.sqrt(found.upper),
        top - np.sqrt(found.lower),
        color="0.85",
        lw=0,
        zorder=0,
        label=f"{100 * prob:g} % band",
    )
    axes.bar(position, length, 0.75, bottom=top - length, color=BLUE, alpha=0.75, lw=0, label="observed")
    axes.plot(position, top, "o-", color=ORANGE, ms=3, lw=1.4, label="expected")
    axes.axhline(0, color="0.35", lw=0.8, zorder=1)
    room = axes.get_window_extent().width / root_figure(axes).dpi
    shown = position[:: max(math.ceil(len(position) * LABEL_WIDTH / room), 1)]
    axes.set_xticks(shown, [short_number(found.first[k]) for k in shown])
    axes.use_sticky_edges = False
    axes.set_xlim(-0.6, len(position) - 0.4)
    legend_below(axes, own=ax is None)
    cells = int(found.observed.sum())
    label_axes(
        axes,
        ("count", "from here to the next class"),
        "root of the number of cells",
        (mirna, f"{cells} cells"),
    )
    return figure
