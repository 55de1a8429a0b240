"""How far the draws of each miRNA can be trusted: r-hat and effective sizes, or Pareto k-hat."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bayes_mirglmm.outcomes import LARGEST_R_HAT, LIMITS, RELIABLE_PARETO_K, SMALLEST_ESS
from bayes_mirglmm.plots.canvas import GREY, ORANGE, canvas, label_axes, legend_below, log_axis, picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bayes_mirglmm.results import Fit


@dataclass(frozen=True)
class _Measures:
    """Two diagnostics of each miRNA, and the limits past which they warn."""

    x: str
    y: str
    x_label: str
    y_label: str
    x_limit: float
    y_limit: float | None


IMPORTANCE = _Measures(
    "pareto_k", "effective_size", "Pareto k-hat", "effective number of draws", RELIABLE_PARETO_K, None
)
CHAINS = _Measures(
    "r_hat", "ess", "largest r-hat", "smallest effective sample size", LARGEST_R_HAT, SMALLEST_ESS
)


@picture
def plot_diagnostics(
    fit: "Fit",
    *,
    labels: int = 12,
    ax: "Axes | None" = None,
    figsize: tuple[float, float] = (4.8, 3.8),
) -> "Figure":
    """Draw the diagnostics of the draws, a point a miRNA.

    ``method="nuts"``: largest r-hat against smallest effective sample size (of bulk and tail), limits 1.01 and 400;
    crosses have divergences. ``method="laplace"``: Pareto k-hat of the importance weights, limit 0.7, against the
    effective number of draws. What lies past a limit is orange and named; a triangle at the rim
    has a value of infinity.

    Parameters
    ----------
    fit : Fit
        A Bayesian fit.
    labels : int
        How many of the miRNAs past a limit to name, the worst first, where there is room.
    ax, figsize

    Raises
    ------
    InputError
        The fit has no draws.
    """
    from bayes_mirglmm.plots.labels import label_points

    table = diagnostics_table(fit)
    how = CHAINS if "r_hat" in table else IMPORTANCE
    known = table.dropna(subset=[how.x, how.y])
    x, y = (known[name].to_numpy(dtype=float) for name in (how.x, how.y))
    divergences = known.get("divergences", pd.Series(0, index=known.index)).fillna(0).to_numpy(dtype=float)
    past = (x > how.x_limit) | (divergences > 0)
    if how.y_limit is not None:
        past |= y < how.y_limit
    y = np.maximum(y, 1.0)
    infinite = ~np.isfinite(x)
    inside = x[~infinite]
    right = max(inside.max(initial=how.x_limit), how.x_limit)
    left = min(inside.min(initial=how.x_limit), how.x_limit)
    margin = 0.08 * max(right - left, 0.01)
    x = np.where(infinite, right + margin, x)

    figure, axes = canvas(ax, figsize)
    for mask, colour, text in ((~past, GREY, "within the limits"), (past, ORANGE, "past a limit")):
        if not mask.any():
            continue
        shapes = (
            (~infinite & (divergences == 0), "o"),
            (~infinite & (divergences > 0), "X"),
            (infinite, ">"),
        )
        for shape, marker in shapes:
            both = mask & shape
            axes.scatter(x[both], y[both], s=18, c=colour, marker=marker, lw=0, alpha=0.85, clip_on=False)
        axes.plot([], [], "o", color=colour, ms=4, label=f"{text}: {int(mask.sum())}")
    if (divergences > 0).any():
        axes.plot([], [], "X", color=ORANGE, ms=4, label=f"with divergences: {int((divergences > 0).sum())}")
    axes.axvline(how.x_limit, color="0.35", lw=0.8, ls="--", zorder=0)
    if how.y_limit is not None:
        axes.axhline(how.y_limit, color="0.35", lw=0.8, ls="--", zorder=0)
    log_axis(axes.yaxis)
    axes.set_xlim(left - margin, right + margin)
    missing = len(table) - len(known)
    legend_below(axes, own=ax is None)
    heading = (f"{len(known)} miRNAs", f"{missing} more without draws" if missing else "")
    label_axes(axes, how.x_label, how.y_label, heading)
    worst = np.flatnonzero(past)[np.argsort(-x[past], kind="stable")][:labels]
    names = known["mirna"].astype(str).to_numpy()
    label_points(
        axes,
        x[worst],
        y[worst],
        names[worst].tolist(),
        colours=["black"] * len(worst),
        avoid=np.column_stack([x, y]),
    )
    return figure


def unreliable(table: pd.DataFrame) -> np.ndarray:
    """Return which rows of a table with diagnostics have draws past a limit: k-hat, r-hat or divergences."""
    limits = [LIMITS[name] for name in ("pareto_k", "r_hat", "divergences") if name in table]
    past = [limit.passed(table[limit.column].to_numpy(dtype=float)) for limit in limits]
    return np.any(past, axis=0) if past else np.zeros(len(table), dtype=bool)


def diagnostics_table(fit: "Fit") -> pd.DataFrame:
    """Return :meth:`Fit.diagnostics`, of chains with ``ess``, the smaller effective size of bulk and tail.

    Raises
    ------
    InputError
        The fit is one by maximum likelihood.
    """
    table = fit.diagnostics()
    if "r_hat" in table:
        table = table.assign(ess=table[["ess_bulk", "ess_tail"]].min(axis=1))
    return table
