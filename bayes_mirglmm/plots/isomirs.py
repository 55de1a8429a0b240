"""IsomiR slope plot: how each isomiR of one miRNA changes, and the miRNA's own effect on top."""

from typing import TYPE_CHECKING

import numpy as np

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.plots.canvas import (
    BLACK,
    BLUE,
    GREY,
    ORANGE,
    canvas,
    label_axes,
    legend_below,
    letters_in,
    log_axis,
    picture,
    shortened,
)
from bayes_mirglmm.plots.isomir_lines import isomir_lines
from bayes_mirglmm.results.inference import LOG_2
from bayes_mirglmm.results.terms import slope_coefficients

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bayes_mirglmm.results import Fit


@picture
def plot_isomirs(
    fit: "Fit", mirna: str, *, ax: "Axes | None" = None, figsize: tuple[float, float] = (4.6, 4.4)
) -> "Figure":
    """Draw the expression of each isomiR of one miRNA along the slope variable.

    A thin line an isomiR (fixed plus random effects), a thick black one for the miRNA (fixed effects); the
    axis is CPM on a log scale. Orange and blue lines are isomiRs whose own effect is above or below the
    miRNA's by more than the half-width of the difference's interval; grey ones are not told apart. Dots: the
    counts of a level, pooled over its samples. Other covariates are held at their mean over the samples.

    Parameters
    ----------
    fit : Fit
        A fit whose formula has a slope variable.
    mirna : str
        A fitted miRNA.
    ax, figsize

    Raises
    ------
    InputError
        The miRNA has no estimates, or the fit has no slope variable.
    """
    slope = fit.slope
    if slope is None:
        raise InputError("this fit has no slope variable, so its isomiRs have no effects to draw.")
    lines = isomir_lines(fit, mirna)
    position = np.arange(len(lines.levels)) if lines.is_factor else np.asarray(lines.levels, dtype=float)

    figure, axes = canvas(ax, figsize)
    kinds = {
        "alike": (GREY, "like the miRNA"),
        "smaller": (BLUE, "more down than the miRNA"),
        "larger": (ORANGE, "more up than the miRNA"),
    }
    for kind, (colour, text) in kinds.items():
        chosen = np.flatnonzero(lines.kind == kind)
        for j in chosen:
            axes.plot(position, lines.isomirs[j], color=colour, lw=1.0, alpha=0.8, label="_isomir")
            axes.scatter(position, lines.observed[j], s=7, color=colour, lw=0, alpha=0.7)
        if len(chosen):
            axes.plot([], [], color=colour, lw=1.5, label=f"{text}: {len(chosen)}")
    axes.plot(position, lines.mirna, color=BLACK, lw=2.6, label="miRNA, fixed effect")
    axes.scatter([], [], s=7, color="0.35", lw=0, label="counts, pooled over samples")
    log_axis(axes.yaxis)
    if lines.is_factor:
        room = max(int(1.1 * letters_in(axes)) // len(lines.levels), 4)
        axes.set_xticks(position, [shortened(str(level), room) for level in lines.levels], parse_math=False)
        axes.set_xlim(-0.25, len(position) - 0.75)
    legend_below(axes, own=ax is None)
    label_axes(axes, slope, "counts per million", (mirna, *_effects(fit, mirna)))
    return figure


def _effects(fit: "Fit", mirna: str) -> list[str]:
    """Return the log2 fold changes of the slope variable with their intervals, of three coefficients at most."""
    table = fit.effects(slope_coefficients(fit.design))
    rows = table[table["mirna"] == mirna].to_dict("records")
    percent = 100 * float(fit.data.attrs["prob"])
    texts = []
    for row in rows[:3]:
        ends = f"{row['lower'] / LOG_2:+.2f} to {row['upper'] / LOG_2:+.2f}"
        texts += [f"{row['term']}: log2 FC {row['log2_fc']:+.2f}", f"{percent:g} % interval {ends}"]
    return texts + ([f"... {len(rows) - 3} more"] if len(rows) > 3 else [])
