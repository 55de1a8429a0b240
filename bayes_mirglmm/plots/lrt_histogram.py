"""Histogram of the p-values of the likelihood ratio test for isomiR usage."""

from typing import TYPE_CHECKING

import numpy as np

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.plots.canvas import BLACK, BLUE, GREY, canvas, label_axes, legend_below, picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bayes_mirglmm.results import Fit

#: Statistics up to this are 0 but for rounding.
ROUNDING = 1e-6
COLUMNS = {"mixture": "p_value", "chi2": "p_value_chi2"}


@picture
def plot_lrt_histogram(
    fit: "Fit",
    reference: str = "mixture",
    *,
    bins: int = 20,
    ax: "Axes | None" = None,
    figsize: tuple[float, float] = (4.6, 3.4),
) -> "Figure":
    """Draw how the p-values for differential isomiR usage are distributed over the miRNAs.

    Without any usage they would follow the dashed line, but for those whose statistic is 0 because the slope variance
    was estimated as 0: these have p = 1 and are drawn grey. A peak on the left is usage, or a factor that all miRNAs
    of a sample share (degradation, batch): the histogram cannot tell which.

    Parameters
    ----------
    fit : Fit
        A fit with a slope variable; of a Bayesian one the fit by maximum likelihood that it started from is shown.
    reference : {"mixture", "chi2"}
        Distribution that the statistics are referred to: the mixture that holds where a variance is 0, or
        chi-squared as R's ``anova`` prints it.
    bins : int
        Number of bars between 0 and 1.
    ax, figsize

    Raises
    ------
    InputError
        The fit has no usage tests, or the reference or ``bins`` is not usable.
    """
    if reference not in COLUMNS:
        raise InputError(f"reference={reference!r} is not known: choose 'mixture' or 'chi2'.")
    if bins < 1:
        raise InputError(f"bins={bins!r}: give 1 or more.")
    table = fit.ml.usage(test="lrt")
    if table.empty:
        raise InputError(
            "this fit has no usage tests: they need a slope variable (a formula with a covariate) and a miRNA with "
            "both models fitted; fit.status() has what became of each."
        )
    p = table[COLUMNS[reference]].to_numpy(dtype=float)
    known = np.isfinite(p)
    zero = known & (table["lrt"].to_numpy(dtype=float) <= ROUNDING)
    edges = np.linspace(0.0, 1.0, bins + 1)
    positive, nothing = (np.histogram(p[mask], edges)[0] for mask in (known & ~zero, zero))

    figure, axes = canvas(ax, figsize)
    width = 1.0 / bins
    axes.bar(edges[:-1], positive, width, align="edge", color=BLUE, ec="white", lw=0.5, label="LRT above 0")
    if zero.any():
        axes.bar(
            edges[:-1],
            nothing,
            width,
            bottom=positive,
            align="edge",
            color=GREY,
            ec="white",
            lw=0.5,
            label=f"LRT = 0: {int(zero.sum())}",
        )
    expected = int((known & ~zero).sum()) / bins
    axes.axhline(expected, color=BLACK, lw=1, ls="--", label="uniform")
    axes.set_xlim(0, 1)
    small = int((p[known] <= 0.05).sum())
    missing = len(p) - int(known.sum())
    lacking = f"{missing} more without a p-value" if missing else ""
    heading = (f"{int(known.sum())} miRNAs", f"{small} at p of 0.05 or below", lacking)
    legend_below(axes, own=ax is None)
    label_axes(axes, ("p-value of isomiR usage", f"{reference} reference"), "miRNAs", heading)
    return figure
