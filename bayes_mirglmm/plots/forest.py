"""Forest of miRNAs: fold changes with their intervals."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.plots.canvas import canvas, label_axes, legend_below, picture
from bayes_mirglmm.plots.changes import changes
from bayes_mirglmm.plots.hit_points import hit_classes
from bayes_mirglmm.plots.rows import draw_rows, height_of
from bayes_mirglmm.results.selection import interval_level

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bayes_mirglmm.results import Fit


@picture
def plot_forest(
    fit: "Fit",
    term: str | None = None,
    *,
    contrast: Any = None,
    mirnas: Sequence[str] | None = None,
    top: int = 25,
    measure: str | None = None,
    fdr: float = 0.05,
    prob: float | None = None,
    ax: "Axes | None" = None,
    figsize: tuple[float, float] | None = None,
) -> "Figure":
    """Draw the log2 fold changes of miRNAs with their intervals, the largest on top.

    Blue and orange: down and up at the rate ``fdr``. A hollow point has an estimate and no interval
    (:meth:`Fit.status` says why). Intervals that leave the picture end in an arrow.

    Parameters
    ----------
    fit : Fit
    term, contrast, measure, fdr
        As for :func:`plot_volcano`.
    mirnas : sequence of str, optional
        The miRNAs to show; the surest ones when omitted.
    top : int
        How many miRNAs, without ``mirnas``. Beyond 80 rows names are left out.
    prob : float, optional
        Level of the intervals; that of the fit when omitted.
    ax, figsize

    Raises
    ------
    InputError
        The term, contrast or measure does not exist, or one of ``mirnas`` has no estimates.
    """
    found = changes(fit, term, contrast, measure=measure, fdr=fdr, prob=prob)
    table = found.table[np.isfinite(found.table["estimate"])]
    shown = table.head(top) if mirnas is None else _chosen(table, mirnas)
    shown = shown.sort_values("estimate", kind="stable")
    classes = hit_classes(found, shown)
    colours = np.select([mask for mask, _, _ in classes], [colour for _, colour, _ in classes], "")

    figure, axes = canvas(ax, figsize or (5.2, height_of(len(shown), extra=1.1)))
    draw_rows(axes, shown, shown["mirna"].tolist(), colours.tolist())
    percent = 100 * interval_level(fit.data, prob)
    which = "surest" if mirnas is None and len(shown) < len(table) else "chosen"
    count = f"all {len(table)}" if len(shown) == len(table) else f"{len(shown)} {which} of {len(table)}"
    for mask, colour, text in classes:
        if mask.any():
            axes.plot([], [], "o-", color=colour, ms=4, lw=1.2, label=f"{text}: {int(mask.sum())}")
    legend_below(axes, own=ax is None)
    heading = (f"{count} miRNAs", f"{percent:g} % intervals")
    label_axes(axes, ("log2 fold change", found.name), title=heading)
    return figure


def _chosen(table: pd.DataFrame, mirnas: Sequence[str]) -> pd.DataFrame:
    names = [mirnas] if isinstance(mirnas, str) else list(mirnas)
    absent = [name for name in names if name not in set(table["mirna"])]
    if absent:
        raise InputError(
            f"{absent[0]!r} has no estimate in this fit: fit.status() says why, or has its name."
        )
    return table[table["mirna"].isin(names)]
