"""Two measures of isomiR usage side by side: Bayes factor against likelihood ratio test."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.plots.canvas import BLUE, GREY, ORANGE, SMALL, canvas, label_axes, legend_below, picture
from bayes_mirglmm.plots.diagnostics import unreliable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bayes_mirglmm.results import Fit

LINEAR = 15.0  # up to here axes are linear; beyond, logarithmic outside -10 to 10
TICKS = [0.0] + [
    sign * x for x in (5.0, *(s * 10.0**k for k in range(1, 5) for s in (1, 2, 5))) for sign in (-1, 1)
]
#: Odds at which Bayes factors are usually read.
ODDS = (10.0, 1.0, 0.1)


@picture
def plot_bayes_factors(
    fit: "Fit",
    *,
    fdr: float = 0.05,
    labels: int | Sequence[str] = 8,
    ax: "Axes | None" = None,
    figsize: tuple[float, float] = (4.8, 4.2),
) -> "Figure":
    """Draw the log Bayes factor for isomiR slopes against the likelihood ratio statistic, a point a miRNA.

    The Bayes factor can speak for one common change (below 0), the test cannot. Bars are Monte Carlo errors (one SD);
    hollow points have unreliable draws (Pareto k-hat above 0.7; r-hat above 1.01, or divergences). miRNAs without a
    test (no finite estimate by maximum likelihood) stand at the left rim. Axes that reach beyond 15 are logarithmic
    outside -10 to 10.

    Parameters
    ----------
    fit : Fit
        A Bayesian fit with Bayes factors: ``method="laplace"`` or ``"nuts"``.
    fdr : float
        Adjusted p-value of the likelihood ratio test up to which a miRNA is coloured.
    labels : int or sequence of str
        How many miRNAs to name, largest Bayes factors first, where there is room; or the names of those to name.
    ax, figsize

    Raises
    ------
    InputError
        The fit has no Bayes factors, or a name in ``labels`` is not in the picture.
    """
    from bayes_mirglmm.plots.labels import label_points, rows_to_name

    table = fit.usage(test="lrt")
    if "log_bf10" not in table:
        raise InputError(
            "this fit has no Bayes factors: fit with method='laplace' or 'nuts' and a slope variable. "
            "plot_lrt_histogram(fit) shows its likelihood ratio tests."
        )
    shown = table[np.isfinite(table["log_bf10"])].sort_values("log_bf10", ascending=False, kind="stable")
    lrt = shown["lrt"].to_numpy(dtype=float)
    y, error = (shown[name].to_numpy(dtype=float) for name in ("log_bf10", "log_bf10_error"))
    tested = np.isfinite(lrt)
    hit = (shown["p_adjusted"] <= fdr).to_numpy()
    solid = ~unreliable(shown)
    largest = max(lrt[tested].max(initial=0.0), 1.0)
    rim = -0.06 * min(largest, LINEAR)
    x = np.where(tested, lrt, rim)

    figure, axes = canvas(ax, figsize)
    axes.errorbar(x, y, np.nan_to_num(error), fmt="none", ecolor="0.6", elinewidth=0.6, zorder=1)
    for mask, colour, marker, text in (
        (tested & ~hit, GREY, "o", f"LRT, FDR > {fdr:g}: {int((tested & ~hit).sum())}"),
        (tested & hit, ORANGE, "o", f"LRT, FDR up to {fdr:g}: {int((tested & hit).sum())}"),
        (~tested, BLUE, "<", f"no LRT: {int((~tested).sum())}"),
    ):
        if mask.any():
            faces = [colour if good else "white" for good in solid[mask]]
            axes.scatter(
                x[mask], y[mask], s=16, c=faces, ec=colour, lw=0.8, marker=marker, label=text, zorder=2
            )
    if not solid.all():
        label = f"unreliable draws: {int((~solid).sum())}"
        axes.scatter([], [], s=16, c="white", ec="0.3", lw=0.8, label=label)
    low, high = min(float(y.min(initial=0.0)), -2.5), max(float(y.max(initial=0.0)), 2.5)
    _scale(axes, (0.5 if tested.all() else 1.5) * rim, largest, "x")
    _scale(axes, low - 0.06 * min(high - low, LINEAR), high, "y")
    for odds in ODDS:
        log = float(np.log(odds))
        axes.axhline(log, color="0.8", lw=0.8, ls="-" if odds == 1 else ":", zorder=0)
        axes.annotate(
            f"{odds:g}:1" if odds >= 1 else f"1:{1 / odds:g}",
            (1, log),
            xycoords=("axes fraction", "data"),
            xytext=(-2, 1),
            textcoords="offset points",
            ha="right",
            fontsize=SMALL - 1,
            color="0.45",
        )
    missing = len(table) - len(shown)
    scale = f"prior of the slope SD: half-normal({fit.slope_prior_scale:g})"
    heading = (f"{len(shown)} miRNAs", scale, f"{missing} more without a Bayes factor" if missing else "")
    legend_below(axes, own=ax is None)
    label_axes(axes, "likelihood ratio statistic", ("log Bayes factor", "natural log"), heading)
    names = shown["mirna"].astype(str).to_numpy()
    named = rows_to_name(labels, names)
    ink = ["black" if significant else "0.45" for significant in hit[named]]
    label_points(axes, x[named], y[named], names[named], colours=ink, avoid=np.column_stack([x, y]))
    return figure


def _scale(axes: "Axes", low: float, high: float, which: str) -> None:
    """Set the limits of an axis, logarithmic outside -10 to 10 where a linear one would hide what lies inside."""
    curved = high > LINEAR
    limits = (low, high * 1.35 if curved else high + 0.06 * (high - low))
    if curved:
        (axes.set_xscale if which == "x" else axes.set_yscale)("symlog", linthresh=10.0, linscale=1.5)
        axis = axes.xaxis if which == "x" else axes.yaxis
        ticks = [tick for tick in TICKS if limits[0] <= tick <= limits[1]]
        axis.set_ticks(ticks, [f"{tick:g}" for tick in ticks])
        axis.set_ticks([], minor=True)
    (axes.set_xlim if which == "x" else axes.set_ylim)(*limits)
