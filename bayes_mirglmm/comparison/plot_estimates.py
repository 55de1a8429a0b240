"""Log fold changes of two results against each other, with the intervals of both."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bayes_mirglmm.comparison.agreement import CALLED, called
from bayes_mirglmm.plots.canvas import BLACK, BLUE, GREY, ORANGE
from bayes_mirglmm.results.inference import LOG_2

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bayes_mirglmm.comparison import Comparison

PANELS_ACROSS = 2


def plot_estimates(
    comparison: "Comparison",
    a: str,
    others: Sequence[str],
    *,
    labels: int = 8,
    figsize: tuple[float, float] | None = None,
) -> "Figure":
    """Draw a panel for each of ``others``: log2 fold change by ``a`` across, by the other up, with both intervals.

    Black: called by both at the false discovery rate of the comparison; blue: by ``a`` alone; orange: by the other
    alone; grey: by neither. The line is equality. Named are the miRNAs that disagree most, where there is room.

    Parameters
    ----------
    comparison : Comparison
    a : str
        The side that every panel has.
    others : sequence of str
        The other sides, one or more.
    labels : int
        How many miRNAs to name in each panel.
    figsize : tuple of float, optional
        Width and height in inches; by the number of panels when omitted.

    Returns
    -------
    matplotlib.figure.Figure
    """
    import matplotlib.pyplot as plt

    across = min(len(others), PANELS_ACROSS)
    down = -(-len(others) // across)
    side = 5.4 if len(others) == 1 else 4.2
    with plt.ioff():
        figure, grid = plt.subplots(
            down, across, figsize=figsize or (side * across, side * down), layout="constrained", squeeze=False
        )
        plt.close(figure)
    for axes in grid.flat[len(others) :]:
        axes.set_visible(False)
    for axes, other in zip(grid.flat, others, strict=False):
        draw_estimates(axes, comparison, a, other)
    for axes, other in zip(grid.flat, others, strict=False):  # labels last: they need the final layout
        name_worst(axes, comparison, a, other, labels)
    return figure


def draw_estimates(axes: "Axes", comparison: "Comparison", a: str, b: str) -> None:
    """Draw one panel of :func:`plot_estimates`."""
    one, two = comparison.source(a), comparison.source(b)
    shared = _shared(comparison, a, b)
    left, right = one.table.loc[shared] / LOG_2, two.table.loc[shared] / LOG_2
    x, y = left["estimate"].to_numpy(), right["estimate"].to_numpy()
    by_a, by_b = (called(s, comparison.fdr).loc[shared].isin(CALLED).to_numpy() for s in (one, two))

    reach = 1.08 * max(np.abs(x).max(initial=0.5), np.abs(y).max(initial=0.5))
    axes.axline((0, 0), slope=1, color="0.6", lw=0.9, zorder=0)
    for through_zero in (axes.axhline, axes.axvline):
        through_zero(0, color="0.88", lw=0.8, zorder=0)
    for mask, colour, text in (
        (~by_a & ~by_b, GREY, "called by neither"),
        (by_a & ~by_b, BLUE, f"by {a} alone"),
        (~by_a & by_b, ORANGE, f"by {b} alone"),
        (by_a & by_b, BLACK, "by both"),
    ):
        alpha = 0.18 if colour == GREY else 0.4
        axes.hlines(y[mask], left["lower"][mask], left["upper"][mask], color=colour, lw=0.7, alpha=alpha)
        axes.vlines(x[mask], right["lower"][mask], right["upper"][mask], color=colour, lw=0.7, alpha=alpha)
        axes.scatter(x[mask], y[mask], s=13, c=colour, lw=0, alpha=0.9, label=f"{text}: {int(mask.sum())}")
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach))
    axes.set_aspect("equal")
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel(f"log2 fold change, {a}", parse_math=False)
    axes.set_ylabel(f"log2 fold change, {b}", parse_math=False)
    pair = comparison.agreement()
    row = pair[pair["a"].isin([a, b]) & pair["b"].isin([a, b])].iloc[0]
    text = f"{len(x)} miRNAs, correlation {row['pearson']:.3f}; {100 * comparison.prob:g} % intervals"
    axes.set_title(text, loc="left", fontsize=9, color="0.35")
    axes.legend(
        loc="upper center",
        bbox_to_anchor=(0.5, -0.12),
        frameon=False,
        fontsize=8,
        handletextpad=0.1,
        ncols=2,
    )


def name_worst(axes: "Axes", comparison: "Comparison", a: str, b: str, labels: int) -> None:
    """Name the miRNAs of a panel that disagree most."""
    from bayes_mirglmm.plots.labels import label_points

    shared = _shared(comparison, a, b)
    x, y = (comparison.source(s).table.loc[shared, "estimate"].to_numpy() / LOG_2 for s in (a, b))
    worst = [str(m) for m in comparison.disagreements(labels, a, b)["mirna"]] if labels else []
    at = [list(shared).index(name) for name in worst]
    label_points(axes, x[at], y[at], worst, colours=["black"] * len(at), avoid=np.column_stack([x, y]))


def _shared(comparison: "Comparison", a: str, b: str) -> pd.Index:
    """Return the miRNAs of which both sides have a finite estimate."""
    one, two = comparison.source(a).table["estimate"], comparison.source(b).table["estimate"]
    shared = one.index[one.index.isin(two.index)]
    return shared[(np.isfinite(one.loc[shared]) & np.isfinite(two.loc[shared])).to_numpy()]
