"""MA plot: log fold changes of all miRNAs against their mean expression."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bayes_mirglmm.plots.canvas import BLUE, GREY, ORANGE, canvas, label_axes, legend_below, log_axis
from bayes_mirglmm.plots.changes import changes
from bayes_mirglmm.plots.volcano import RATE
from bayes_mirglmm.results.selection import mean_cpm

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bayes_mirglmm.results import Fit


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
        As for :func:`plot_volcano`.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InputError
        The term, contrast, measure or a name in ``labels`` does not exist, or a contrast is not a single one.
    """
    from bayes_mirglmm.plots.labels import label_points, rows_to_name

    found = changes(fit, term, contrast, measure=measure, fdr=fdr)
    table = found.table.assign(cpm=found.table["mirna"].map(mean_cpm(fit.data)))
    shown = table[np.isfinite(table["estimate"]) & (table["cpm"] > 0)]
    x, y, hit = (shown[name].to_numpy() for name in ("cpm", "estimate", "hit"))

    figure, axes = canvas(ax, figsize)
    size = 14 if len(x) <= 400 else 7
    for mask, colour, text in (
        (~hit, GREY, f"{RATE[found.measure]} > {fdr:g}: {int((~hit).sum())}"),
        (hit & (y < 0), BLUE, f"down: {int((hit & (y < 0)).sum())}"),
        (hit & (y >= 0), ORANGE, f"up: {int((hit & (y >= 0)).sum())}"),
    ):
        axes.scatter(x[mask], y[mask], s=size, c=colour, lw=0, alpha=0.85, label=text)
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
    hits_first = np.argsort(~hit, kind="stable")
    names = shown["mirna"].to_numpy()
    named = hits_first[rows_to_name(labels, names[hits_first], candidates=int(hit.sum()))]
    ink = ["black" if significant else "0.45" for significant in hit[named]]
    label_points(axes, x[named], y[named], names[named], colours=ink, avoid=np.column_stack([x, y]))
    return figure
