"""Heat map of miRNAs or isomiRs: rows and samples clustered, samples annotated by the sample table."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bayes_mirglmm.plots.canvas import (
    BLUE,
    MEDIUM,
    NAMED_ROWS,
    ORANGE,
    SMALL,
    canvas,
    label_axes,
    legend_below,
    picture,
    root_figure,
    shortened,
)
from bayes_mirglmm.plots.clusters import clustered
from bayes_mirglmm.plots.grouping import Grouping, told_apart

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bayes_mirglmm.results import Fit

STRIP = 1.0  # rows that an annotation is high
TREE = 3.0  # rows that the tree of the samples is high
NAMED_SAMPLES = 48
LIMIT = 2.5  # standard deviations at which colours end


@picture
def plot_heatmap(
    fit: "Fit",
    term: str | None = None,
    *,
    contrast: Any = None,
    level: str = "mirna",
    mirnas: Sequence[str] | None = None,
    top: int = 30,
    by: str | Sequence[str] | None = None,
    cluster: bool = True,
    ax: "Axes | None" = None,
    figsize: tuple[float, float] | None = None,
) -> "Figure":
    """Draw expression in every sample: a row a miRNA or isomiR, a column a sample, both in the order of their clusters.

    Colours are log2 CPM with the offsets of the fit, each row less its mean and over its standard deviation: orange
    above the mean of the row, blue below. Clusters are of average linkage: of rows by their correlation, of samples
    by their distance over the rows that are shown. Rows that were chosen for a difference between groups part the
    groups by that choice alone: take ``mirnas`` for what the samples look like.

    Parameters
    ----------
    fit : Fit
    term, contrast
        Whose surest miRNAs are shown, as for :func:`plot_volcano`.
    level : {"mirna", "isomir"}
        The summed isomiRs of each miRNA, or single isomiRs, the most abundant ones of the miRNAs.
    mirnas : sequence of str, optional
        The miRNAs to show, or whose isomiRs; the surest ones when omitted.
    top : int
        How many rows.
    by : str or sequence of str, optional
        Columns of the sample table that are drawn above the samples, no two levels in one colour; the slope variable
        when omitted.
    cluster : bool
        Order rows and samples by their clusters; else rows as given and samples by the first column of ``by``.
    ax, figsize

    Raises
    ------
    InputError
        A term, contrast, column or miRNA does not exist, or ``level`` or ``top`` is not usable.
    """
    found = clustered(fit, term, contrast, level=level, mirnas=mirnas, top=top, by=by, cluster=cluster)
    names, shown, column_order = found.names, found.values, found.samples
    groups = told_apart(found.groups)

    height = 1.5 + 0.13 * (len(names) if len(names) <= NAMED_ROWS else NAMED_ROWS)
    figure, axes = canvas(ax, figsize or (5.2, height))
    image = axes.imshow(
        shown, aspect="auto", cmap=_colours(), vmin=-LIMIT, vmax=LIMIT, interpolation="nearest"
    )
    base = -0.5
    for group in groups:
        base -= 1.25 * STRIP
        _draw_strip(axes, group, column_order, base)
    if found.tree is not None:
        base = _draw_tree(axes, found.tree, base - 0.3 * STRIP)
    axes.set(xlim=(-0.5, shown.shape[1] - 0.5), ylim=(len(names) - 0.5, base - 0.2))
    axes.spines[:].set_visible(False)
    ticks = [(-0.5 - 1.25 * STRIP * (k + 1) + 0.5 * STRIP, group.name) for k, group in enumerate(groups)]
    if len(names) <= NAMED_ROWS:
        ticks += [(float(k), shortened(name)) for k, name in enumerate(names)]
    axes.set_yticks(
        [at for at, _ in ticks], [text for _, text in ticks], parse_math=False, fontsize=SMALL - 1
    )
    samples = [str(fit.data["sample"].values[i]) for i in column_order]
    if len(samples) <= NAMED_SAMPLES:
        axes.set_xticks(
            range(len(samples)), [shortened(s, 16) for s in samples], parse_math=False, rotation=90
        )
        axes.tick_params(axis="x", labelsize=SMALL - 1)
    else:
        axes.set_xticks([])
    axes.tick_params(length=0)
    bar = root_figure(axes).colorbar(image, ax=axes, shrink=0.5, aspect=14, pad=0.02, extend="both")
    bar.ax.tick_params(labelsize=SMALL - 1, length=2)
    bar.set_label("standard deviations", fontsize=SMALL - 1)
    bar.outline.set_visible(False)
    handles = [
        (mark, f"{group.name}: {level_name}")
        for group in groups
        if group.numbers is None
        for mark, level_name in _marks(group)
    ]
    if handles:
        legend_below(axes, own=ax is None, handles=[h for h, _ in handles], labels=[t for _, t in handles])
    what = "miRNAs" if level == "mirna" else "isomiRs"
    count = f"{len(names)} of {found.of} {what}" if len(names) < found.of else f"{len(names)} {what}"
    label_axes(axes, title=(count, f"{len(samples)} samples", "log2 CPM by row"))
    axes.title.set_fontsize(MEDIUM)
    return figure


def _draw_strip(axes: "Axes", group: Grouping, order: np.ndarray, top: float) -> None:
    from matplotlib.colors import to_rgb

    if group.numbers is None:
        colours = np.array([[to_rgb(group.colour(k)) for k in group.code[order]]])
    else:
        values = group.numbers[order]
        low, high = np.nanmin(values), np.nanmax(values)
        level = np.nan_to_num((values - low) / ((high - low) or 1.0))
        colours = np.array([[(0.95 - 0.75 * v,) * 3 for v in level]])
    axes.imshow(
        colours, extent=(-0.5, len(order) - 0.5, top + STRIP, top), aspect="auto", interpolation="nearest"
    )


def _draw_tree(axes: "Axes", tree: np.ndarray, base: float) -> float:
    """Draw the tree of the samples above ``base`` and return where it ends; rows count downwards."""
    from scipy.cluster import hierarchy

    drawn = hierarchy.dendrogram(tree, no_plot=True)
    highest = max(max(row) for row in drawn["dcoord"]) or 1.0
    for x, y in zip(drawn["icoord"], drawn["dcoord"], strict=True):
        axes.plot(
            (np.array(x) - 5.0) / 10.0,
            base - TREE * np.array(y) / highest,
            color="0.35",
            lw=0.6,
            clip_on=False,
        )
    return base - TREE


def _marks(group: Grouping) -> list[tuple[Any, str]]:
    from matplotlib.patches import Patch

    return [(Patch(color=group.colour(k)), name) for k, name in enumerate(group.levels)]


def _colours() -> Any:
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("below and above", [BLUE, "white", ORANGE])
