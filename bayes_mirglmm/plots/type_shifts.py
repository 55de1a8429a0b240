"""Shifts of kinds of isomiRs: of all miRNAs together, with its interval, over those of single miRNAs."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.plots.canvas import BLUE, GREY, ORANGE, canvas, label_axes, legend_below, picture
from bayes_mirglmm.results.inference import LOG_2
from bayes_mirglmm.results.terms import meaning, slope_coefficients
from bayes_mirglmm.results.type_shifts import type_shifts

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bayes_mirglmm.results import Fit


@picture
def plot_type_shifts(
    fit: "Fit",
    term: str | None = None,
    *,
    alterations: pd.DataFrame | None = None,
    fdr: float = 0.05,
    ax: "Axes | None" = None,
    figsize: tuple[float, float] | None = None,
) -> "Figure":
    """Draw by how much each kind of isomiR changes beside the others: tails, trimmed ends, other starts.

    Large points with intervals: all miRNAs together (:meth:`Fit.type_shifts`), orange and blue where the adjusted
    p-value is at most ``fdr``. Small points: single miRNAs, those beyond the picture at its rim.

    Parameters
    ----------
    fit : Fit
    term : str, optional
        Coefficient of the slope variable; the first one when omitted.
    alterations : pandas.DataFrame, optional
        What sets each isomiR apart, as :func:`bayes_mirglmm.isomir_alterations` makes it; told from the ids when
        omitted.
    fdr : float
        Rate up to which a kind is coloured.
    ax, figsize

    Raises
    ------
    InputError
        The fit has no slope variable or too few samples, or nothing is known of its isomiRs.
    """
    if not 0 < fdr < 1:
        raise InputError(f"fdr={fdr!r}: give a rate between 0 and 1, 0.05 for example.")
    term = term or next(iter(slope_coefficients(fit.design)), None)
    table = type_shifts(fit, term, alterations=alterations)
    single = type_shifts(fit, term, of="mirnas", alterations=alterations)
    kinds = list(table["alteration"])[::-1]
    figure, axes = canvas(ax, figsize or (4.6, 1.5 + 0.3 * len(kinds)))
    table = table.set_index("alteration").loc[kinds]
    ends = np.concatenate([table["lower"], table["upper"]]) / LOG_2
    reach = 1.25 * max(float(np.abs(ends[np.isfinite(ends)]).max(initial=0.0)), 0.5)
    spread = np.random.default_rng(1)
    for at, kind in enumerate(kinds):
        x = np.clip(
            single.loc[single["alteration"] == kind, "log2_change"].to_numpy(dtype=float), -reach, reach
        )
        axes.scatter(x, at + spread.uniform(-0.28, 0.28, len(x)), s=5, color="0.8", lw=0, zorder=1)
        row = table.loc[kind]
        colour = GREY if not row["p_adjusted"] <= fdr else ORANGE if row["estimate"] > 0 else BLUE
        axes.plot([row["lower"] / LOG_2, row["upper"] / LOG_2], [at, at], color=colour, lw=1.6, zorder=3)
        axes.plot(row["log2_change"], at, "o", color=colour, ms=5, zorder=4)
    axes.axvline(0, color="0.8", lw=0.8, zorder=0)
    axes.set(xlim=(-1.03 * reach, 1.03 * reach), ylim=(-0.7, len(kinds) - 0.3))
    ticks = [f"{kind} ({int(n)})" for kind, n in zip(kinds, table["isomirs"], strict=True)]
    axes.set_yticks(range(len(kinds)), ticks, parse_math=False)
    axes.tick_params(axis="y", length=0)
    marks = ((GREY, f"adj. p > {fdr:g}"), (BLUE, "less of it"), (ORANGE, "more of it"), ("0.8", "one miRNA"))
    for colour, text in marks:
        axes.scatter([], [], color=colour, s=18, lw=0, label=text)
    legend_below(axes, own=ax is None)
    label_axes(axes, ("log2 change of usage", meaning(fit.design, str(term))), title="all miRNAs together")
    return figure
