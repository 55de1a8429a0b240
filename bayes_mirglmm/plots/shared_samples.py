"""Samples in the plane of the two leading directions that they share over all miRNAs."""

from typing import TYPE_CHECKING

from bayes_mirglmm.cohort.sample_directions import sample_directions
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.plots.canvas import picture
from bayes_mirglmm.plots.sample_plane import draw_plane

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bayes_mirglmm.results import Fit

SAID = 0.3  # of a direction: from this share on the column that explains it stands on the axis


@picture
def plot_shared_samples(
    fit: "Fit",
    by: str | None = None,
    *,
    labels: int = 30,
    ax: "Axes | None" = None,
    figsize: tuple[float, float] = (4.8, 4.2),
) -> "Figure":
    """Draw the samples in the plane of the two leading directions in which all miRNAs move together.

    Each miRNA counts by its own variance, so that no few loud ones decide. An axis names the column of the sample table
    that explains most of it (:meth:`Fit.sample_directions`): a group that is such a direction cannot be told from
    whatever else the groups differ in.

    Parameters
    ----------
    fit : Fit
        Of a Bayesian fit, the one by maximum likelihood that it started from is shown.
    by : str, optional
        Column of the sample table that colours the points; the slope variable when omitted.
    labels : int
        How many samples to name, the outermost first, where there is room.
    ax, figsize

    Raises
    ------
    InputError
        There is too little to learn from, or the sample table has no column ``by``.
    """
    fit = fit.ml
    table = fit.sample_directions()
    found = sample_directions(fit.what_samples_share.cohort)
    if found.scores.shape[1] < 2:
        raise InputError("two samples have no plane: plot_shared_samples needs three or more.")
    said = []
    for k in range(2):
        best = table[table["direction"] == k + 1].head(1)
        text = f"direction {k + 1} ({100 * found.share[k]:.0f} %)"
        if len(best) and best["r_squared"].iloc[0] >= SAID:
            text += f"; {best['column'].iloc[0]} explains {100 * best['r_squared'].iloc[0]:.0f} %"
        said.append(text)
    mirnas = len(fit.what_samples_share.cohort.responses)
    return draw_plane(
        fit,
        by,
        found.scores[:, :2],
        axis=(said[0], said[1]),
        heading=f"{mirnas} miRNAs",
        labels=labels,
        ax=ax,
        figsize=figsize,
    )
