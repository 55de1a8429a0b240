"""CPM of single isomiRs of one miRNA beside that of their sum: what adding up hides."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.plots.canvas import SMALL, canvas, label_axes, legend_below, log_axis, picture, shortened
from bayes_mirglmm.plots.grouping import Grouping, grouping
from bayes_mirglmm.plots.isomir_types import fit_types
from bayes_mirglmm.results.view import mirna_view

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bayes_mirglmm.results import Fit

FULL = 60  # samples in a group, from which on single points are left out


@picture
def plot_cpm(
    fit: "Fit",
    mirna: str,
    *,
    by: str | None = None,
    top: int = 4,
    types: "Mapping[str, str] | pd.Series | None" = None,
    ax: "Axes | None" = None,
    figsize: tuple[float, float] | None = None,
) -> "Figure":
    """Draw boxplots of counts per million: the sum of the isomiRs, the canonical one, and the most abundant others.

    Boxes are quartiles with a line at the median, whiskers reach 1.5 times their distance; points are samples. The
    axis is logarithmic; samples without a read stand at its left end, marked 0. The sum is over the isomiRs that were
    fitted, and CPM are counts per million of the total.

    Parameters
    ----------
    fit : Fit
    mirna : str
        A fitted miRNA.
    by : str, optional
        Column of the sample table that groups the samples; the slope variable when omitted. A column of many different
        numbers makes one group.
    top : int
        How many isomiRs to show beside the canonical one, by mean CPM.
    types : mapping or pandas.Series, optional
        Type by isomiR, as :func:`bayes_mirglmm.isomir_types` makes it; told from the ids when omitted.
    ax, figsize

    Raises
    ------
    InputError
        The miRNA has no estimates, ``top`` is negative, or the sample table has no column ``by``.
    """
    if top < 0:
        raise InputError(f"top={top!r}: give 0 or more isomiRs.")
    rows = _rows(fit, mirna, top, types)
    groups = grouping(fit, by)
    cpm = np.array([values for _, values in rows])
    positive = cpm[cpm > 0]
    floor = float(positive.min()) / 2.0 if len(positive) else 0.5
    drawn = np.where(cpm > 0, cpm, floor)

    height = 1.2 + 0.14 * len(rows) * (1 + len(groups.levels))
    figure, axes = canvas(ax, figsize or (5.2, min(max(height, 2.4), 9.0)))
    axes.set_xscale("log")
    _draw_boxes(axes, drawn, groups)
    log_axis(axes.xaxis)
    if (cpm <= 0).any():
        axes.axvline(floor, color="0.8", lw=0.8, ls=":", zorder=0)
        axes.annotate(
            "0",
            (floor, 0),
            xycoords=("data", "axes fraction"),
            xytext=(0, 2),
            textcoords="offset points",
            ha="center",
            fontsize=SMALL,
            color="0.35",
        )
    axes.set_yticks(range(len(rows)), [name for name, _ in rows], parse_math=False)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    handles, labels = axes.get_legend_handles_labels()
    if len(groups.levels) > 1:
        legend_below(axes, own=ax is None, handles=handles, labels=labels)
    label_axes(axes, "counts per million", title=(mirna, f"{fit.data.sizes['sample']} samples"))
    return figure


def _rows(
    fit: "Fit", mirna: str, top: int, types: "Mapping[str, str] | pd.Series | None"
) -> list[tuple[str, np.ndarray]]:
    """Return label and CPM (n,) of each row: the sum, the canonical isomiR, the others by mean CPM."""
    view = mirna_view(fit.data, fit.samples, mirna)
    cpm = 1e6 * view["counts"].values / view["total"].values
    names = [str(name) for name in view["isomir"].values]
    kinds = fit_types(fit, mirna, types)
    order = np.argsort(-cpm.mean(axis=1), kind="stable")
    first = [j for j in order if kinds[names[j]] in ("canonical", "most abundant")][:1]
    chosen = first + [j for j in order if j not in first][:top]
    rows = [(f"sum of {len(names)}", cpm.sum(axis=0))]
    for j in chosen:
        kind = kinds[names[j]]
        rows.append((shortened(names[j]) + ("" if kind == "unknown" else f"\n{kind}"), cpm[j]))
    return rows


def _draw_boxes(axes: "Axes", cpm: np.ndarray, groups: Grouping) -> None:
    """Draw a box for each row of ``cpm`` (R, n) and group, side by side in the row."""
    count = len(groups.levels)
    width = 0.8 / count
    spread = np.asarray(np.random.default_rng(1).uniform(-0.28, 0.28, size=cpm.shape[1])) * width
    for k, level in enumerate(groups.levels):
        mine = groups.code == k
        colour = groups.colour(k)
        position = np.arange(len(cpm)) + (k - (count - 1) / 2) * width
        boxes = axes.boxplot(
            list(cpm[:, mine]),
            positions=position,
            widths=0.8 * width,
            orientation="horizontal",
            showfliers=mine.sum() > FULL,
            manage_ticks=False,
            patch_artist=True,
            boxprops={"facecolor": "none", "edgecolor": colour, "lw": 0.9},
            medianprops={"color": colour, "lw": 1.6},
            whiskerprops={"color": colour, "lw": 0.9},
            capprops={"color": colour, "lw": 0.9},
            flierprops={"marker": ".", "ms": 2, "markeredgecolor": colour},
        )
        boxes["boxes"][0].set_label(f"{level}: {int(mine.sum())}")
        if mine.sum() <= FULL:
            for at, values in zip(position, cpm[:, mine], strict=True):
                axes.scatter(values, at + spread[mine], s=6, color=colour, lw=0, alpha=0.7, zorder=3)
