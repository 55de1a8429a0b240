"""Volcano: log fold changes of all miRNAs against how sure they are."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bayes_mirglmm.plots.canvas import canvas, label_axes, legend_below, picture
from bayes_mirglmm.plots.changes import Changes, changes
from bayes_mirglmm.plots.hit_points import draw_hits, name_hits

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bayes_mirglmm.results import Fit

AXIS = {
    "p_value": "-log10 p-value",
    "lfsr": "-log10 lfsr of the shrunken effect",
    "probability": "posterior probability",
}
LACKING = {"p_value": "a p-value", "lfsr": "an lfsr", "probability": "a probability"}


@picture
def plot_volcano(
    fit: "Fit",
    term: str | None = None,
    *,
    contrast: Any = None,
    measure: str | None = None,
    fdr: float = 0.05,
    beyond: float = 0.0,
    labels: int | Sequence[str] = 12,
    ax: "Axes | None" = None,
    figsize: tuple[float, float] = (5.2, 4.2),
) -> "Figure":
    """Draw log2 fold change against p-value, local false sign rate or posterior probability, a point a miRNA.

    Blue and orange: down and up at the rate ``fdr``. A triangle at the rim stands for a p-value (or lfsr) of 0.
    miRNAs without one are counted in the title.

    Parameters
    ----------
    fit : Fit
    term : str, optional
        Coefficient; the first of the slope variable (else of the formula) when omitted.
    contrast : optional
        One contrast in place of a coefficient: ``{"group": ("B", "A")}``.
    measure : {"p_value", "lfsr", "probability"}, optional
        ``"p_value"``: of the fit by maximum likelihood, hits by Benjamini-Hochberg. ``"lfsr"``: local false sign
        rate of the effects shrunk across miRNAs (:meth:`Fit.shrink`, not :meth:`Fit.effects`), hits by their
        s-value. ``"probability"``: posterior probability that the effect has the sign of its estimate and is larger
        than ``beyond``. By default lfsr for a Bayesian fit and p_value for one by maximum likelihood. Fold changes
        are never the shrunken ones.
    fdr : float
        Rate up to which a miRNA is coloured.
    beyond : float
        log2 fold change that ``"probability"`` asks for.
    labels : int or sequence of str
        How many miRNAs to name, where there is room: the surest ones and the largest of those that are called, in turn.
        Or the names of those to name.
    ax, figsize

    Raises
    ------
    InputError
        The term, contrast, measure or a name in ``labels`` does not exist, or a contrast is not a single one.
    """
    found = changes(fit, term, contrast, measure=measure, fdr=fdr, beyond=beyond)
    table = found.table
    shown = table[np.isfinite(table["estimate"]) & table["measure"].notna()]
    x, value = (shown[name].to_numpy() for name in ("estimate", "measure"))
    if found.measure == "probability":
        y, bottom, top = value, min(0.5, value.min(initial=0.5)), 1.02
        infinite = np.zeros(len(y), dtype=bool)
    else:
        with np.errstate(divide="ignore"):
            y = -np.log10(value)
        infinite = ~np.isfinite(y)
        bottom, top = 0.0, 1.08 * max(y[~infinite].max(initial=1.0), -np.log10(fdr))
        y = np.where(infinite, top, y)

    figure, axes = canvas(ax, figsize)
    draw_hits(axes, found, shown, x, y, infinite)
    reach = 1.15 * max(np.abs(x).max(initial=0.0), 0.5)
    axes.set(xlim=(-reach, reach), ylim=(bottom, top))
    axes.axvline(0, color="0.8", lw=0.8, zorder=0)
    _draw_thresholds(axes, found, shown, beyond)
    more = f"of more than {beyond:g} log2" if beyond else ""
    missing = len(table) - len(shown)
    lacking = f"{missing} more without {LACKING[found.measure]}" if missing else ""
    heading = (f"{len(shown)} miRNAs", lacking)
    legend_below(axes, own=ax is None)
    label_axes(axes, ("log2 fold change", found.name), (AXIS[found.measure], more), heading)
    name_hits(axes, shown, x, y, labels, hits_only=False)
    return figure


def _draw_thresholds(axes: "Axes", found: Changes, shown: "pd.DataFrame", beyond: float) -> None:
    """Draw where calls begin: midway between the last hit and the next miRNA; and the size that was asked for."""
    style: dict[str, Any] = {"color": "0.6", "lw": 0.8, "ls": (0, (4, 3)), "zorder": 0}
    hit, value = shown["hit"].to_numpy(dtype=bool), shown["measure"].to_numpy(dtype=float)
    if hit.any():
        y = value if found.measure == "probability" else -np.log10(np.maximum(value, 1e-300))
        lowest = y[hit].min()
        below = y[~hit & (y <= lowest)]
        axes.axhline(0.5 * (lowest + below.max()) if len(below) else lowest, **style)
    if beyond:
        for at in (-beyond, beyond):
            axes.axvline(at, **style)
