"""Volcano: log fold changes of all miRNAs against their p-values."""

from typing import TYPE_CHECKING, Any

import numpy as np

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.plots.canvas import BLUE, GREY, ORANGE, new_figure
from bayes_mirglmm.terms import default_term, meaning

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from bayes_mirglmm.results import Fit


def plot_volcano(
    fit: "Fit",
    term: str | None = None,
    *,
    contrast: Any = None,
    fdr: float = 0.05,
    labels: int = 12,
    figsize: tuple[float, float] = (5.2, 4.2),
) -> "Figure":
    """Draw log2 fold change against -log10 p-value, a point a miRNA.

    Blue and orange: down and up at the false discovery rate ``fdr``. A triangle at the rim stands for a
    p-value of 0. miRNAs without a p-value are counted in the title.

    Parameters
    ----------
    fit : Fit
        A fit by maximum likelihood, or a Bayesian one, whose ML fit is shown.
    term : str, optional
        Coefficient; the first of the slope variable (else of the formula) when omitted.
    contrast : optional
        One contrast in place of a coefficient: ``{"group": ("B", "A")}``.
    fdr : float
        Adjusted p-value up to which a miRNA is coloured.
    labels : int
        How many miRNAs to name, smallest p-values first, where there is room.
    figsize : tuple of float
        Width and height in inches.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InputError
        The term or contrast does not exist, or a contrast is not a single one.
    """
    from bayes_mirglmm.plots.labels import label_points

    fit = fit.ml
    if contrast is not None:
        table = fit.contrast(contrast).rename(columns={"contrast": "term"})
        if table["term"].nunique() > 1:
            raise InputError(
                f"a volcano shows one contrast, not {table['term'].nunique()}: choose one pair of levels."
            )
        name = str(table["term"].iloc[0]) if len(table) else "contrast"
    else:
        term = term or default_term(fit.design)
        if term is None:
            raise InputError("the formula has an intercept only: there is no fold change to draw.")
        table, name = fit.effects(term), meaning(fit.design, term)
    shown = table[np.isfinite(table["log2_fc"]) & table["p_value"].notna()].sort_values("p_value")
    x = shown["log2_fc"].to_numpy()
    with np.errstate(divide="ignore"):
        y = -np.log10(shown["p_value"].to_numpy())
    infinite = ~np.isfinite(y)
    top = 1.08 * max(y[~infinite].max(initial=1.0), -np.log10(fdr))
    y = np.where(infinite, top, y)
    hit = (shown["p_adjusted"] <= fdr).to_numpy()

    figure, axes = new_figure(figsize)
    for mask, colour, text in (
        (~hit, GREY, f"FDR > {fdr:g}: {int((~hit).sum())}"),
        (hit & (x < 0), BLUE, f"down: {int((hit & (x < 0)).sum())}"),
        (hit & (x >= 0), ORANGE, f"up: {int((hit & (x >= 0)).sum())}"),
    ):
        axes.scatter(x[mask & ~infinite], y[mask & ~infinite], s=14, c=colour, lw=0, alpha=0.85, label=text)
        axes.scatter(x[mask & infinite], y[mask & infinite], s=26, c=colour, lw=0, marker="^", clip_on=False)
    reach = 1.15 * max(np.abs(x).max(initial=0.0), 0.5)
    axes.set(xlim=(-reach, reach), ylim=(0, top))
    axes.axvline(0, color="0.8", lw=0.8, zorder=0)
    axes.set_xlabel(f"log2 fold change, {name}", parse_math=False)
    axes.set_ylabel("-log10 p-value")
    missing = len(table) - len(shown)
    title = f"{len(shown)} miRNAs" + (f" ({missing} more without a p-value)" if missing else "")
    axes.set_title(title, loc="left", fontsize=9, color="0.35")
    figure.legend(loc="outside lower center", frameon=False, fontsize=8, handletextpad=0.1, ncols=3)
    named = slice(0, labels)
    ink = ["black" if significant else "0.45" for significant in hit[named]]
    names = [str(name) for name in shown["mirna"][named]]
    label_points(axes, x[named], y[named], names, colours=ink, avoid=np.column_stack([x, y]))
    return figure
