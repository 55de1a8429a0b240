"""How many miRNAs each combination of results calls: bars over a matrix of dots (Lex et al. 2014)."""

from typing import TYPE_CHECKING

import numpy as np

from bayes_mirglmm.comparison.agreement import CALL, UNTESTED
from bayes_mirglmm.plots.canvas import BLACK, ORANGE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from bayes_mirglmm.comparison import Comparison

MOST = 20  # combinations that a picture can show


def plot_calls(comparison: "Comparison", *, figsize: tuple[float, float] | None = None) -> "Figure":
    """Draw a bar for each combination of sides that call a miRNA, and below it which sides these are.

    Orange: called in opposite directions. A cross stands for a side that has no test of these miRNAs. miRNAs that no
    side calls are counted in the title. At most 20 combinations, the most frequent ones.

    Parameters
    ----------
    comparison : Comparison
    figsize : tuple of float, optional
        Width and height in inches; by the number of bars and sides when omitted.

    Returns
    -------
    matplotlib.figure.Figure
    """
    import matplotlib.pyplot as plt

    names = list(comparison.names)
    table = comparison.calls()
    state = table[names].to_numpy(dtype=object)
    member = state == CALL
    none = ~member.any(axis=1)
    uncalled = int(table.loc[none, "mirnas"].sum())
    hidden = max(0, int((~none).sum()) - MOST)
    member, untested = member[~none][:MOST], (state == UNTESTED)[~none][:MOST]
    shown = table[~none].head(MOST)
    size = shown["mirnas"].to_numpy()
    opposite = shown["opposite"].to_numpy()
    position = np.arange(len(shown))

    width, height = figsize or (max(3.6, 2.2 + 0.45 * len(shown)), 2.6 + 0.28 * len(names))
    figure, (bars, dots) = plt.subplots(
        2,
        1,
        figsize=(width, height),
        sharex=True,
        layout="constrained",
        height_ratios=(2.2, 0.28 * len(names) + 0.1),
    )
    plt.close(figure)
    bars.bar(position, size - opposite, color=BLACK, width=0.6)
    bars.bar(position, opposite, bottom=size - opposite, color=ORANGE, width=0.6)
    for at, count in zip(position, size, strict=True):
        bars.annotate(
            str(count), (at, count), xytext=(0, 2), textcoords="offset points", ha="center", fontsize=8
        )
    bars.set_ylabel("miRNAs")
    bars.set_ylim(0, 1.15 * max(size.max(initial=0), 1))
    bars.spines[["top", "right"]].set_visible(False)
    bars.tick_params(axis="x", length=0)
    title = f"called at a {comparison.rate} of {comparison.fdr:g}; {uncalled} by none"
    if opposite.any():
        title += f"; {int(opposite.sum())} in opposite directions (orange)"
    if untested.any():
        title += "; x: not tested"
    if hidden:
        title += f"; {hidden} rarer combinations not shown"
    bars.set_title(title, loc="left", fontsize=9, color="0.35", wrap=True)

    row = np.arange(len(names))[::-1]
    for at, sides, absent in zip(position, member, untested, strict=True):
        tested = ~absent
        colours = np.where(sides, BLACK, "#E3E3E3")[tested].tolist()
        dots.scatter(np.full(int(tested.sum()), at), row[tested], s=36, c=colours, lw=0, zorder=2)
        dots.scatter(
            np.full(int(absent.sum()), at), row[absent], s=22, c="0.55", marker="x", lw=0.9, zorder=2
        )
        inside = row[sides]
        dots.vlines(at, inside.min(), inside.max(), color=BLACK, lw=1.4, zorder=1)
    totals = [int(table.loc[table[name] == CALL, "mirnas"].sum()) for name in names]
    dots.set_yticks(row, [f"{name} ({n})" for name, n in zip(names, totals, strict=True)], parse_math=False)
    dots.set_ylim(-0.6, len(names) - 0.4)
    dots.set_xlim(-0.6, max(len(shown), 1) - 0.4)
    dots.set_xticks([])
    dots.tick_params(axis="y", length=0)
    dots.spines[:].set_visible(False)
    return figure
