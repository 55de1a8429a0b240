"""Log fold changes of two results against each other, with the intervals of both."""

from typing import TYPE_CHECKING

import numpy as np

from bayes_mirglmm.comparison.agreement import NONE, called
from bayes_mirglmm.plots.canvas import BLACK, BLUE, GREY, ORANGE, new_figure
from bayes_mirglmm.results.inference import LOG_2

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from bayes_mirglmm.comparison import Comparison


def plot_estimates(
    comparison: "Comparison",
    a: str,
    b: str,
    *,
    labels: int = 8,
    figsize: tuple[float, float] = (5.4, 5.4),
) -> "Figure":
    """Draw a point per miRNA: log2 fold change by ``a`` across, by ``b`` up, with both intervals as a cross.

    Black: called by both at the false discovery rate of the comparison; blue: by ``a`` alone; orange: by ``b`` alone;
    grey: by neither. The line is equality. Named are the miRNAs that disagree most, where there is room.

    Parameters
    ----------
    comparison : Comparison
    a, b : str
        Names of two sides.
    labels : int
        How many miRNAs to name.
    figsize : tuple of float
        Width and height in inches.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from bayes_mirglmm.plots.labels import label_points

    one, two = comparison.source(a), comparison.source(b)
    shared = one.table.index[one.table.index.isin(two.table.index)]
    left, right = one.table.loc[shared] / LOG_2, two.table.loc[shared] / LOG_2
    finite = (np.isfinite(left["estimate"]) & np.isfinite(right["estimate"])).to_numpy()
    shared, left, right = shared[finite], left[finite], right[finite]
    x, y = left["estimate"].to_numpy(), right["estimate"].to_numpy()
    by_a = (called(one, comparison.fdr).loc[shared] != NONE).to_numpy()
    by_b = (called(two, comparison.fdr).loc[shared] != NONE).to_numpy()

    figure, axes = new_figure(figsize)
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
    axes.set_xlabel(f"log2 fold change, {a}", parse_math=False)
    axes.set_ylabel(f"log2 fold change, {b}", parse_math=False)
    pair = comparison.agreement()
    row = pair[pair["a"].isin([a, b]) & pair["b"].isin([a, b])].iloc[0]
    text = f"{len(x)} miRNAs, correlation {row['pearson']:.3f}; {100 * comparison.prob:g} % intervals"
    axes.set_title(text, loc="left", fontsize=9, color="0.35")
    figure.legend(loc="outside lower center", frameon=False, fontsize=8, handletextpad=0.1, ncols=2)
    worst = [str(m) for m in comparison.disagreements(labels, a, b)["mirna"]] if labels else []
    at = [list(shared).index(name) for name in worst]
    label_points(axes, x[at], y[at], worst, colours=["black"] * len(at), avoid=np.column_stack([x, y]))
    return figure
