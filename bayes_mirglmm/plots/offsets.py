"""The offsets that a fit could have used, sample by sample."""

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from bayes_mirglmm.counts.offsets import METHODS, log_offset
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.plots.canvas import (
    BLUE,
    GREEN,
    ORANGE,
    PURPLE,
    SMALL,
    canvas,
    label_axes,
    legend_below,
    letters_in,
    picture,
    shortened,
)
from bayes_mirglmm.plots.grouping import grouping
from bayes_mirglmm.results.inference import LOG_2

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bayes_mirglmm.results import Fit

COLOURS = {"median_ratio": BLUE, "tmm": ORANGE, "upper_quartile": GREEN}
MARKS = {"median_ratio": "o", "tmm": "^", "upper_quartile": "s"}
NAMED = 40  # samples, up to which each is named


@picture
def plot_offsets(
    fit: "Fit",
    by: str | None = None,
    *,
    counts: xr.Dataset | None = None,
    ax: "Axes | None" = None,
    figsize: tuple[float, float] = (5.6, 3.6),
) -> "Figure":
    """Draw how far the other offsets lie from the total counts, a column a sample.

    0 is the total; +1 says that the offset takes the sample for sequenced twice as deep. Lines are means of the groups.
    Where the lines of two groups lie apart by d, log2 fold changes between them fall by d when that offset replaces
    the total: then the composition differs between the groups, and the offset is an assumption worth a thought.

    Parameters
    ----------
    fit : Fit
    by : str, optional
        Column of the sample table that orders the samples into groups; the slope variable when omitted.
    counts : xarray.Dataset, optional
        The container that was fitted. Without it the other offsets are computed from the counts that the fit keeps:
        miRNAs with a single isomiR, which cannot be fitted, are not among them and may move an offset a little.
    ax, figsize

    Raises
    ------
    InputError
        The sample table has no column ``by``, the fit has no counts, or ``counts`` are of other samples.
    """
    groups = grouping(fit, by)
    found, undefined = offset_differences(fit, counts)
    order = (
        np.lexsort((groups.numbers, groups.code))
        if groups.numbers is not None
        else np.argsort(groups.code, kind="stable")
    )
    code, n = groups.code[order], len(order)
    position = np.arange(n)
    own = str(fit.data.attrs["offset_method"])

    figure, axes = canvas(ax, figsize)
    axes.axhline(0, color="0.35", lw=1, zorder=1)
    for name, difference in found.items():
        colour, marker = COLOURS.get(name, PURPLE), MARKS.get(name, "D")
        y = difference[order]
        text = name + (" (this fit)" if name == own else "")
        axes.plot(position, y, marker, color=colour, ms=4 if n <= 200 else 2, mew=0, alpha=0.85, label=text)
        for k in range(len(groups.levels)):
            mine = position[code == k]
            if len(mine):
                mean = y[code == k].mean()
                axes.plot([mine[0] - 0.4, mine[-1] + 0.4], [mean, mean], color=colour, lw=1.4, label="_mean")
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.12 * (high - low))  # room for the names of the groups
    _mark_groups(axes, code, groups.levels)
    axes.set_xlim(-0.6, n - 0.4)
    axes.set_xticks([])
    if n <= NAMED:
        names = [str(sample) for sample in fit.data["sample"].values[order]]
        axes.set_xticks(position, names, rotation=90, parse_math=False, fontsize=SMALL - 1)
    legend_below(axes, own=ax is None)
    heading = (
        "difference from total counts" + (" (this fit)" if own == "total" else ""),
        f"undefined: {', '.join(undefined)}" if undefined else "",
    )
    order_name = "" if not groups.name else f"by {groups.name}"
    label_axes(axes, ("samples", order_name), "log2 (offset / total)", heading)
    return figure


def offset_differences(
    fit: "Fit", counts: xr.Dataset | None = None
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Return log2 of each offset over the total (n,), and the names of those that these counts do not define.

    The fit's own offset is the one that it used; the others are those of
    :func:`bayes_mirglmm.counts.offsets.log_offset`. All have the same mean over the samples.
    """
    data = fit.data
    if counts is None:
        counts = _kept_counts(fit)
    elif list(counts["sample"].values) != list(data["sample"].values):
        raise InputError(
            "counts are not those of this fit: they have other samples, or another order of them."
        )
    total = log_offset(counts, "total").values
    own = str(data.attrs["offset_method"])
    found: dict[str, np.ndarray] = {}
    undefined = []
    for name in METHODS:
        try:
            found[name] = (log_offset(counts, name).values - total) / LOG_2
        except InputError:
            undefined.append(name)
    if own != "total":
        found[own] = (data["offset"].values - total) / LOG_2
    return found, undefined


def _kept_counts(fit: "Fit") -> xr.Dataset:
    """Return the counts that a fit keeps as a container, as far as offsets need one."""
    data = fit.data
    if not data.sizes["isomir"]:
        raise InputError("this fit has no counts: nothing was left after the filters; fit.status() says why.")
    return xr.Dataset(
        {"counts": data["counts"].drop_vars("isomir_mirna")},
        coords={"mirna": ("isomir", data["isomir_mirna"].values), "total": ("sample", data["total"].values)},
    )


def _mark_groups(axes: "Axes", code: np.ndarray, levels: tuple[str, ...]) -> None:
    """Shade every other group, and name each that is wide enough."""
    if len(levels) < 2:
        return
    for k, level in enumerate(levels):
        mine = np.flatnonzero(code == k)
        if not len(mine):
            continue
        if k % 2:
            axes.axvspan(mine[0] - 0.5, mine[-1] + 0.5, color="0.94", lw=0, zorder=0)
        letters = letters_in(axes, len(mine) / len(code))
        if letters >= min(len(level), 4):
            axes.annotate(
                shortened(level, letters),
                (mine.mean(), 1),
                xycoords=("data", "axes fraction"),
                xytext=(0, -2),
                textcoords="offset points",
                ha="center",
                va="top",
                fontsize=SMALL,
                color="0.35",
                parse_math=False,
            )
