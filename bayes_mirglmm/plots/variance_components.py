"""Variance components across miRNAs: how much isomiR, usage, sample and noise."""

from collections.abc import Sequence
from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np

from bayes_mirglmm.design.varying import DISPERSION, ISOMIR, SAMPLE, Component, components
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.plots.canvas import (
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
from bayes_mirglmm.plots.variance_shares import variance_shares

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bayes_mirglmm.results import Fit

KINDS = ("sd", "share")
FAR = 2.0  # the axis ends at this many times the 95th percentile


@picture
def plot_variance_components(
    fit: "Fit",
    kind: str = "sd",
    *,
    ax: "Axes | None" = None,
    figsize: tuple[float, float] | None = None,
) -> "Figure":
    """Draw the variance components of all miRNAs.

    ``"sd"``: a row for each component of :meth:`Fit.variance_components`, a point a miRNA, with quartiles and median:
    how far isomiRs differ in level, in their change along the slope variable (usage), how far samples differ, and the
    noise 1/sqrt(theta). SDs are natural logs; a usage SD of 0.3 says that the isomiRs of a miRNA typically change by
    factors that differ by a third. A triangle at the rim stands for a value beyond it.

    ``"share"``: a bar a miRNA, the shares of usage, sample, random terms of samples and noise in the variance of the
    log counts of an isomiR around the fixed effects. The differences in level between isomiRs, most often nine tenths
    of everything, are left out, and given in the title. :mod:`bayes_mirglmm.plots.variance_shares` says how shares are
    computed.

    Parameters
    ----------
    fit : Fit
    kind : {"sd", "share"}
    ax, figsize

    Raises
    ------
    InputError
        ``kind`` is unknown, or no miRNA has variance components.
    """
    if kind not in KINDS:
        raise InputError(f"kind={kind!r} is not known: choose 'sd' or 'share'.")
    table = fit.variance_components()
    if table.empty:
        raise InputError("no miRNA of this fit has variance components: fit.status() says why.")
    if kind == "share":
        figure, axes = canvas(ax, figsize or (5.6, 3.4))
        shares = variance_shares(fit)
        _draw_shares(axes, shares)
        legend_below(axes, own=ax is None)
        heading = (f"{len(shares)} miRNAs", f"beside {100 * shares['isomiR'].mean():.0f} % between isomiRs")
        label_axes(axes, ("miRNAs", "by share of usage"), "share of variance within isomiRs", heading)
        return figure
    rows = _sds(table, components(fit.design.varying))
    figure, axes = canvas(ax, figsize or (5.2, 1.1 + 0.5 * len(rows)))
    usual = np.concatenate([values[np.isfinite(values)] for _, values, _ in rows])
    right = FAR * float(np.quantile(usual, 0.95)) if len(usual) else 1.0
    right = min(right, 1.06 * float(usual.max(initial=0.0))) or 1.0
    for row, (_, values, colour) in enumerate(rows):
        _draw_row(axes, row, values, colour, right)
    axes.set_yticks(range(len(rows)), [name for name, _, _ in rows], parse_math=False)
    axes.tick_params(axis="y", length=0)
    axes.set(ylim=(len(rows) - 0.5, -0.5), xlim=(-0.02 * right, right))
    label_axes(axes, "SD, natural log", title=f"{table['mirna'].nunique()} miRNAs")
    return figure


def _sds(table: "pd.DataFrame", parts: Sequence[Component]) -> list[tuple[str, np.ndarray, str]]:
    """Return label, SDs of all miRNAs and colour of each component."""
    rows = []
    for part in parts:
        own = table[(table["group"] == part.group) & (table["term"] == part.term)].dropna(subset=["sd"])
        if part.variance is None or own.empty:
            continue
        if part.group == ISOMIR:
            colour = {"isomiR level": BLUE, "isomiR usage": ORANGE}.get(part.words[0], PURPLE)
        else:
            colour = {SAMPLE: GREEN, DISPERSION: GREY}.get(part.group, SKY)
        rows.append(("\n".join(part.words), own["sd"].to_numpy(dtype=float), colour))
    return rows


def _draw_row(axes: "Axes", row: int, values: np.ndarray, colour: str, right: float) -> None:
    inside = np.isfinite(values) & (values <= right)
    far = ~inside & ~np.isnan(values)
    spread = np.random.default_rng(row).uniform(-0.25, 0.25, size=len(values))
    size = 8 if len(values) <= 400 else 3
    axes.scatter(values[inside], row + spread[inside], s=size, c=colour, lw=0, alpha=0.55, clip_on=False)
    axes.scatter(
        np.full(far.sum(), right), row + spread[far], s=14, c=colour, lw=0, marker=">", clip_on=False
    )
    known = values[~np.isnan(values)]
    if len(known):
        low, middle, high = np.quantile(known, [0.25, 0.5, 0.75], method="inverted_cdf")
        ends = np.minimum([low, high], right)
        axes.plot(ends, [row, row], color="black", lw=1.4, solid_capstyle="butt", zorder=3)
        axes.plot(min(middle, right), row, "|", color="black", ms=12, mew=1.8, zorder=3)


def _draw_shares(axes: "Axes", shares: "pd.DataFrame") -> None:
    """Draw what shares of the variance within isomiRs the components have, a bar a miRNA."""
    within = shares.drop(columns="isomiR")
    within = within.div(within.sum(axis=1), axis=0).fillna(0.0)
    within = within.sort_values("usage", ascending=False, kind="stable")
    bottom = np.zeros(len(within))
    colours = {"usage": ORANGE, "sample": GREEN, "noise": GREY}
    others = cycle((SKY, PURPLE, BLUE, BLACK))
    for name in within:
        colour = colours.get(str(name)) or next(others)
        values = within[name].to_numpy()
        text = f"{name}: {100 * values.mean():.0f} % on average" if len(values) else name
        axes.bar(np.arange(len(within)), values, 1.0, bottom=bottom, color=colour, lw=0, label=text)
        bottom = bottom + values
    axes.set(xlim=(-0.5, max(len(within), 1) - 0.5), ylim=(0, 1))
    axes.set_xticks([])
