"""Counts of one miRNA in every sample, by group: what stands behind a fold change."""

from typing import TYPE_CHECKING

import numpy as np

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.plots.canvas import BLACK, SMALL, canvas, label_axes, log_axis, picture
from bayes_mirglmm.plots.grouping import Grouping, grouping
from bayes_mirglmm.results.view import mirna_view
from bayes_mirglmm.suggest import did_you_mean

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bayes_mirglmm.results import Fit


@picture
def plot_counts(
    fit: "Fit",
    mirna: str,
    *,
    by: str | None = None,
    pairs: str | None = None,
    isomir: str | None = None,
    ax: "Axes | None" = None,
    figsize: tuple[float, float] = (3.35, 3.0),
) -> "Figure":
    """Draw the counts per million of a miRNA in every sample, by group, samples of one pair joined by a line.

    Points are samples: the sum of the fitted isomiRs, per million by the offset of the fit. A bar is the median of the
    group. The axis is logarithmic; samples without a read stand at its lower end, marked 0.

    Parameters
    ----------
    fit : Fit
    mirna : str
        A fitted miRNA.
    by : str, optional
        Column of the sample table that groups the samples; the slope variable when omitted. Over a column of many
        different numbers the samples stand where their number is.
    pairs : str, optional
        Column that says which samples belong together (patient); when omitted the factor of the formula, or of its
        random terms, that pairs samples, if there is one.
    isomir : str, optional
        One isomiR in place of the sum.
    ax, figsize

    Raises
    ------
    InputError
        The miRNA has no estimates, or no such isomiR, or the sample table has no such column.
    """
    view = mirna_view(fit.data, fit.samples, mirna)
    names = [str(name) for name in view["isomir"].values]
    if isomir is not None and isomir not in names:
        raise InputError(f"{mirna!r} has no fitted isomiR {isomir!r}.{did_you_mean(isomir, names)}")
    counts = view["counts"].values
    counts = counts.sum(axis=0) if isomir is None else counts[names.index(isomir)]
    cpm = counts / np.exp(view["offset"].values)
    groups, together = grouping(fit, by), _pairs(fit, pairs)
    positive = cpm[cpm > 0]
    floor = float(positive.min()) / 2.0 if len(positive) else 0.5
    y = np.where(cpm > 0, cpm, floor)

    figure, axes = canvas(ax, figsize)
    axes.set_yscale("log")
    x = _places(groups, y, together is not None)
    if together is not None:
        for label in dict.fromkeys(together.tolist()):
            own = np.flatnonzero(together == label)
            if label != "" and len(own) > 1:
                own = own[np.argsort(x[own], kind="stable")]
                axes.plot(x[own], y[own], color="0.75", lw=0.8, zorder=1)
    for k, level in enumerate(groups.levels):
        mine = groups.code == k
        colour = groups.colour(k)
        axes.scatter(
            x[mine], y[mine], s=20, color=colour, marker=groups.marker(k), lw=0, alpha=0.85, zorder=3
        )
        if groups.numbers is None and mine.any():
            axes.hlines(np.median(y[mine]), k - 0.28, k + 0.28, color=BLACK, lw=1.4, zorder=2, label=level)
    axes.margins(y=0.08)
    log_axis(axes.yaxis)
    if (cpm <= 0).any():
        axes.axhline(floor, color="0.8", lw=0.8, ls=":", zorder=0)
        axes.annotate(
            "0", (1, floor), xycoords=("axes fraction", "data"), xytext=(-2, 2), textcoords="offset points",
            ha="right", fontsize=SMALL, color="0.35",
        )  # fmt: skip
    if groups.numbers is None:
        sizes = [int((groups.code == k).sum()) for k in range(len(groups.levels))]
        ticks = [f"{level}\n({n})" for level, n in zip(groups.levels, sizes, strict=True)]
        axes.set_xticks(range(len(ticks)), ticks, parse_math=False)
        axes.set_xlim(-0.6, len(ticks) - 0.4)
    joined = "" if together is None else f"joined by {_pairing(fit, pairs)}"
    what = mirna if isomir is None else f"{mirna}, {isomir}"
    label_axes(axes, groups.name if groups.numbers is not None else "", "counts per million", (what, joined))
    return figure


def _places(groups: Grouping, y: np.ndarray, joined: bool) -> np.ndarray:
    """Return where each sample stands: its number, or its group with near points beside each other."""
    if groups.numbers is not None:
        return np.asarray(groups.numbers, dtype=float)
    x = groups.code.astype(float)
    if joined:
        return x
    for k in range(len(groups.levels)):
        own = np.flatnonzero(groups.code == k)
        own = own[np.argsort(y[own], kind="stable")]
        # neighbours in height alternate around the middle, so that no point hides another
        x[own] += np.resize([0.0, 0.09, -0.09, 0.17, -0.17], len(own))
    return x


def _pairing(fit: "Fit", pairs: str | None) -> str | None:
    if pairs is not None:
        return pairs
    groups = [term.group for term in fit.design.random if term.group in fit.samples.columns]
    return fit.design.pairing or (groups[0] if groups else None)


def _pairs(fit: "Fit", pairs: str | None) -> np.ndarray | None:
    """Return the pair of each sample, empty where it is missing; None without pairs."""
    column = _pairing(fit, pairs)
    if column is None:
        return None
    if column not in fit.samples.columns:
        names = [str(name) for name in fit.samples.columns]
        raise InputError(f"the sample table has no column {column!r}.{did_you_mean(column, names)}")
    values = fit.samples[column]
    return np.where(values.isna(), "", values.astype(str)).astype(object)
