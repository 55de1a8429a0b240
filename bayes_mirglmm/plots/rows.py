"""Rows of points with intervals: what forests are made of."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from bayes_mirglmm.plots.canvas import NAMED_ROWS, shortened

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

LONG = 4.0  # median half-widths


def height_of(rows: int, extra: float) -> float:
    """Return the height in inches that so many rows need; those without names share nine inches."""
    return extra + (0.16 * max(rows, 3) if rows <= NAMED_ROWS else 7.0)


def draw_rows(
    axes: "Axes",
    table: "pd.DataFrame",
    names: Sequence[str],
    colours: Sequence[str],
    *,
    markers: Sequence[str] | None = None,
    family: str | None = None,
) -> None:
    """Draw a row of ``table`` (estimate, lower, upper) above the other, the first at the bottom.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    table : pandas.DataFrame
        R rows.
    names, colours, markers : sequence, length R
        Tick labels (never read as mathtext), colours, and markers (circles when omitted).
    family : str, optional
        Font of the names.

    Notes
    -----
    The axis spans the estimates, 0 and the usual intervals; what reaches beyond the outermost estimate by more than
    :data:`LONG` median half-widths is cut, with an arrow head at the rim.
    """
    estimate, lower, upper = (table[name].to_numpy(dtype=float) for name in ("estimate", "lower", "upper"))
    row = range(len(estimate))
    left, right = limits(estimate, lower, upper)
    known = np.isfinite(estimate) & ~(np.isnan(lower) | np.isnan(upper))
    many = len(row) > NAMED_ROWS
    for r in np.flatnonzero(known).tolist():
        ends = np.clip([lower[r], upper[r]], left, right)
        axes.plot(ends, [r, r], color=colours[r], lw=0.6 if many else 1.2, solid_capstyle="butt", zorder=2)
    for ends, rim, marker in ((lower, left, "<"), (upper, right, ">")):
        cut = known & ((ends < left) | (ends > right))
        for r in np.flatnonzero(cut).tolist():
            axes.plot(rim, r, marker, color=colours[r], ms=3.5, mew=0, clip_on=False, zorder=3)
    for r in row:
        axes.plot(
            estimate[r],
            r,
            "o" if markers is None else markers[r],
            color=colours[r],
            mfc=colours[r] if known[r] else "white",
            ms=2.0 if many else 4.0,
            mew=0.8,
            zorder=4,
        )
    axes.axvline(0, color="0.8", lw=0.8, zorder=0)
    axes.set_xlim(left, right)
    axes.set_ylim(-0.8, max(len(row), 1) - 0.2)
    if many:
        axes.set_yticks([])
    else:
        axes.set_yticks(row, [shortened(name) for name in names], parse_math=False, fontfamily=family)
        axes.tick_params(axis="y", length=0)


def limits(estimate: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> tuple[float, float]:
    """Return the ends of the axis: all estimates and 0, and intervals that are not :data:`LONG`."""
    points = np.array([0.0, *estimate[np.isfinite(estimate)]])
    half = 0.5 * (upper - lower)
    half = half[np.isfinite(half)]
    reach = LONG * float(np.median(half)) if len(half) else 0.0
    left = max(np.min(lower, initial=np.inf, where=np.isfinite(lower)), points.min() - reach)
    right = min(np.max(upper, initial=-np.inf, where=np.isfinite(upper)), points.max() + reach)
    left, right = min(left, points.min()), max(right, points.max())
    margin = 0.06 * max(right - left, 0.5)
    return float(left - margin), float(right + margin)
