"""Forest of the isomiRs of one miRNA: their own effects with intervals, coloured by what kind of variant each is."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayes_mirglmm.counts.isomir_types import TYPES
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.plots.canvas import (
    AMBER,
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    canvas,
    label_axes,
    legend_below,
    picture,
)
from bayes_mirglmm.plots.changes import one_effect
from bayes_mirglmm.plots.isomir_types import fit_types
from bayes_mirglmm.plots.rows import draw_rows, height_of
from bayes_mirglmm.results.inference import LOG_2
from bayes_mirglmm.results.selection import find_mirna, interval_level

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bayes_mirglmm.results import Fit

COLOURS = dict(zip(TYPES, (BLACK, BLACK, BLUE, ORANGE, GREEN, PURPLE, AMBER, GREY), strict=True))
MARKS = dict(zip(TYPES, "DDo^sPXo", strict=True))


@picture
def plot_isomir_forest(
    fit: "Fit",
    mirna: str,
    term: str | None = None,
    *,
    contrast: Any = None,
    types: "Mapping[str, str] | pd.Series | None" = None,
    prob: float | None = None,
    ax: "Axes | None" = None,
    figsize: tuple[float, float] | None = None,
) -> "Figure":
    """Draw the log2 fold change of each isomiR of one miRNA with its interval, the largest on top.

    The vertical line and the band behind it are the miRNA's own effect, the average over its isomiRs. Colours and
    markers give the type of the isomiR. A hollow point has an estimate and no interval.

    Parameters
    ----------
    fit : Fit
        A fit whose formula has a slope variable.
    mirna : str
        A fitted miRNA.
    term : str, optional
        Coefficient of the slope variable; its first when omitted.
    contrast : optional
        One contrast of its levels in place of a coefficient: ``{"group": ("B", "A")}``.
    types : mapping or pandas.Series, optional
        Type by isomiR, as :func:`bayes_mirglmm.isomir_types` makes it of the counts with their annotation. When
        omitted, types are told from the ids alone (sequences, offsets); a fit keeps no annotation.
    prob : float, optional
        Level of the intervals; that of the fit when omitted.
    ax, figsize

    Raises
    ------
    InputError
        The miRNA has no estimates, the fit has no slope variable, or the term or contrast is none of its.
    """
    if fit.slope is None:
        raise InputError("this fit has no slope variable, so its isomiRs have no effects to draw.")
    find_mirna(fit.data, mirna)
    term, label = one_effect(fit.design, term, contrast)
    table = fit.isomir_effects(term, contrast, prob)
    table = table[table["mirna"] == mirna]
    if table[label].nunique() > 1:
        raise InputError(f"this picture shows one contrast, not {table[label].nunique()}: choose one pair.")
    shown = pd.DataFrame({name: table[name] / LOG_2 for name in ("estimate", "lower", "upper")})
    shown["isomir"] = table["isomir"].astype(str)
    shown["type"] = fit_types(fit, mirna, types).reindex(shown["isomir"]).to_numpy()
    shown = shown[np.isfinite(shown["estimate"])].sort_values("estimate", kind="stable")
    kinds = [kind if kind in COLOURS else "unknown" for kind in shown["type"]]

    figure, axes = canvas(ax, figsize or (5.2, height_of(len(shown), extra=1.3)))
    draw_rows(
        axes,
        shown,
        shown["isomir"].tolist(),
        [COLOURS[kind] for kind in kinds],
        markers=[MARKS[kind] for kind in kinds],
        family="monospace",
    )
    _draw_mirna(axes, fit, mirna, term, contrast, prob)
    percent = 100 * interval_level(fit.data, prob)
    handles, labels = axes.get_legend_handles_labels()
    for kind in TYPES:
        if kind in kinds:
            handles += axes.plot([], [], MARKS[kind], color=COLOURS[kind], ms=4)
            labels.append(f"{kind}: {kinds.count(kind)}")
    legend_below(axes, own=ax is None, handles=handles, labels=labels)
    name = str(table[label].iloc[0]) if contrast is not None else str(term)
    heading = (mirna, f"{len(shown)} isomiRs", f"{percent:g} % intervals")
    label_axes(axes, ("log2 fold change", name), title=heading)
    return figure


def _draw_mirna(
    axes: "Axes", fit: "Fit", mirna: str, term: str | None, contrast: Any, prob: float | None
) -> None:
    table = fit.effects(term, contrast, prob)
    row = table[table["mirna"] == mirna].iloc[0]
    estimate, lower, upper = (float(row[name]) / LOG_2 for name in ("estimate", "lower", "upper"))
    axes.axvline(estimate, color=SKY, lw=1.5, zorder=1, label="the miRNA")
    if np.isfinite([lower, upper]).all():
        axes.axvspan(lower, upper, color=SKY, alpha=0.25, lw=0, zorder=0)
