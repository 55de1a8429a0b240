"""MA plot: log fold changes of all miRNAs against their mean expression."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bayes_mirglmm.plots.canvas import canvas, label_axes, legend_below, log_axis, picture
from bayes_mirglmm.plots.changes import changes
from bayes_mirglmm.plots.hit_points import draw_hits, name_hits
from bayes_mirglmm.results.selection import mean_cpm

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bayes_mirglmm.results import Fit


@picture
def plot_ma(
    fit: "Fit",
    term: str | None = None,
    *,
    contrast: Any = None,
    measure: str | None = None,
    fdr: float = 0.05,
    labels: int | Sequence[str] = 8,
    ax: "Axes | None" = None,
    figsize: tuple[float, float] = (5.2, 4.0),
) -> "Figure":
    """Draw log2 fold change against mean expression, a point a miRNA.

    Expression: mean over the samples of the CPM of the summed isomiRs (of the total counts). The cloud lies
    around 0 where most miRNAs do not change; a cloud that is shifted or bent speaks of the offset. Colours as in the
    volcano.

    Parameters
    ----------
    fit : Fit
    term, contrast, measure, fdr
        As for :func:`plot_volcano`.
    labels : int or sequence of str
        How many miRNAs to name, the surest hits first, where there is room; or the names of those to name.
    ax, figsize

    Raises
    ------
    InputError
        The term, contrast, measure or a name in ``labels`` does not exist, or a contrast is not a single one.
    """
    found = changes(fit, term, contrast, measure=measure, fdr=fdr)
    table = found.table.assign(cpm=found.table["mirna"].map(mean_cpm(fit.data)))
    shown = table[np.isfinite(table["estimate"]) & (table["cpm"] > 0)]
    x, y = (shown[name].to_numpy() for name in ("cpm", "estimate"))

    figure, axes = canvas(ax, figsize)
    draw_hits(axes, found, shown, x, y, np.zeros(len(x), dtype=bool))
    axes.axhline(0, color="0.8", lw=0.8, zorder=0)
    middle = float(np.median(y)) if len(y) else 0.0
    axes.axhline(middle, color="0.35", lw=0.8, ls="--", zorder=0, label=f"median: {middle:+.2f}")
    log_axis(axes.xaxis)
    reach = 1.12 * max(np.abs(y).max(initial=0.0), 0.5)
    axes.set_ylim(-reach, reach)
    missing = len(table) - len(shown)
    heading = (f"{len(shown)} miRNAs", f"{missing} more without a finite estimate" if missing else "")
    legend_below(axes, own=ax is None)
    label_axes(axes, "mean CPM of the summed isomiRs", ("log2 fold change", found.name), heading)
    name_hits(axes, shown, x, y, labels, hits_only=True)
    return figure
