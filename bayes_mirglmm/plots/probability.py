"""Posterior probabilities that an effect is large, small, or practically nothing: a bar a miRNA."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.plots.canvas import (
    BLUE,
    NAMED_ROWS,
    ORANGE,
    SMALL,
    canvas,
    label_axes,
    legend_below,
    picture,
    shortened,
)
from bayes_mirglmm.plots.changes import one_effect
from bayes_mirglmm.plots.rows import height_of
from bayes_mirglmm.results.inference import LOG_2
from bayes_mirglmm.results.probability import probability
from bayes_mirglmm.results.terms import meaning

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bayes_mirglmm.results import Fit

PALE_BLUE, PALE_ORANGE, PALE = "#A6CDE6", "#F2BF99", "#DDDDDD"


@picture
def plot_probability(
    fit: "Fit",
    term: str | None = None,
    *,
    contrast: Any = None,
    beyond: float = LOG_2,
    rope: Sequence[float] | None = None,
    mirnas: Sequence[str] | None = None,
    top: int = 25,
    ax: "Axes | None" = None,
    figsize: tuple[float, float] | None = None,
) -> "Figure":
    """Draw for each miRNA how the posterior probability of its effect divides between down, nothing and up.

    Dark blue and dark orange: smaller than ``-beyond`` and larger than ``beyond``; pale blue and pale orange: of that
    direction, but smaller; grey: within ``rope``, where one is given. The miRNAs with the largest probability of an
    effect beyond ``beyond`` come first.

    Parameters
    ----------
    fit : Fit
        With draws.
    term, contrast
        As for :func:`plot_volcano`.
    beyond : float
        Size of an effect that matters, natural log; that of a factor of two by default.
    rope : (float, float), optional
        Region of practical equivalence, natural logs, within ``-beyond`` and ``beyond`` and around 0.
    mirnas : sequence of str, optional
        The miRNAs to show; the surest ones when omitted.
    top : int
        How many miRNAs, without ``mirnas``. Beyond 80 rows names are left out.
    ax, figsize

    Raises
    ------
    InputError
        The fit has no draws, the term or contrast does not exist, or a bound cannot be drawn.
    """
    name, label = one_effect(fit.design, term, contrast)
    table = probability(fit, name, contrast, beyond=beyond, rope=rope, mirnas=mirnas)
    if table[label].nunique() > 1:
        raise InputError(
            f"this picture shows one contrast, not {table[label].nunique()}: choose one pair of levels."
        )
    if rope is not None and not -beyond <= rope[0] <= 0.0 <= rope[1] <= beyond:
        raise InputError(
            f"rope={tuple(rope)!r} does not lie around 0 and within beyond={beyond:g} on both sides."
        )
    down, up = table["p_down"], table["p_up"]
    total = len(table)
    table = table.assign(
        small_down=down - table["p_down_beyond"], small_up=up - table["p_up_beyond"], nothing=0.0
    )
    if rope is not None:
        # What lies within the region is taken from the two directions that it lies in.
        inner = probability(fit, name, contrast, beyond=0.0, rope=(rope[0], 0.0), mirnas=mirnas)["p_rope"]
        below = np.minimum(inner, table["small_down"])
        table["nothing"] = table["p_rope"]
        table["small_down"] -= below
        table["small_up"] = np.maximum(table["small_up"] - (table["p_rope"] - below), 0.0)
    order = table.sort_values(["p_beyond", "p_direction"], ascending=False, kind="stable")
    shown = order.head(top) if mirnas is None else order
    shown = shown.iloc[::-1]

    figure, axes = canvas(ax, figsize or (5.2, height_of(len(shown), extra=1.3)))
    factor = np.exp(beyond)
    parts = [
        ("p_down_beyond", BLUE, f"down more than {factor:.3g} times"),
        ("small_down", PALE_BLUE, "down less"),
        (
            "nothing",
            PALE,
            f"within {np.exp(rope[0]):.2g} to {np.exp(rope[1]):.2g} times" if rope is not None else "",
        ),
        ("small_up", PALE_ORANGE, "up less"),
        ("p_up_beyond", ORANGE, f"up more than {factor:.3g} times"),
    ]
    left = np.zeros(len(shown))
    for column, colour, text in parts:
        if text:
            width = shown[column].to_numpy(dtype=float)
            axes.barh(range(len(shown)), width, left=left, height=0.8, color=colour, lw=0, label=text)
            left = left + width
    axes.set(xlim=(0, 1), ylim=(-0.7, max(len(shown), 1) - 0.3))
    if len(shown) <= NAMED_ROWS:
        axes.set_yticks(
            range(len(shown)), [shortened(m) for m in shown["mirna"]], parse_math=False, fontsize=SMALL
        )
        axes.tick_params(axis="y", length=0)
    else:
        axes.set_yticks([])
    legend_below(axes, own=ax is None)
    what = str(table[label].iloc[0]) if contrast is not None and total else meaning(fit.design, str(name))
    count = f"all {total} miRNAs" if len(shown) == total else f"{len(shown)} of {total} miRNAs"
    label_axes(axes, "posterior probability", title=(what, count))
    return figure
