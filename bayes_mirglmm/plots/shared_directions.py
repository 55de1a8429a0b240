"""Samples in the plane of the isomiR profiles that they share."""

from typing import TYPE_CHECKING

import numpy as np

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.plots.canvas import SMALL, canvas, label_axes, legend_below
from bayes_mirglmm.plots.grouping import grouping
from bayes_mirglmm.plots.sample_points import draw_samples

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bayes_mirglmm.results import Fit

WORDS = {
    "offset_5p": "5' end",
    "offset_3p": "3' end",
    "tail": "tail",
    "tail_a": "A tail",
    "tail_u": "U tail",
    "length": "length",
    "gc": "GC",
}
NOTABLE = 0.3


def plot_shared_directions(
    fit: "Fit",
    by: str | None = None,
    *,
    labels: int = 30,
    ax: "Axes | None" = None,
    figsize: tuple[float, float] = (4.8, 4.2),
) -> "Figure":
    """Draw the samples in the plane of the two leading isomiR profiles that all miRNAs share.

    Covariates of the formula were taken out before. A direction is real where its share is above that of unrelated
    miRNAs, which the axis has too; what it goes along with among the kinds of isomiRs is written there.

    Parameters
    ----------
    fit : Fit
    by : str, optional
        Column of the sample table that colours the points; the slope variable when omitted. Groups that part along an
        axis cannot be told from what samples share.
    labels : int
        Up to how many samples their names are written, where there is room.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure when omitted.
    figsize : tuple of float
        Width and height of a new figure in inches.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InputError
        The sample table has no column ``by``, or the samples are too few to learn what they share.
    """
    from bayes_mirglmm.plots.labels import label_points
    from bayes_mirglmm.results.shared_usage_tables import associations, directions_of

    groups = grouping(fit, by)
    found = directions_of(fit, 2)
    if found is None:
        raise InputError(
            "this fit has no miRNA with two isomiRs, so that samples share nothing; fit.status() says why."
        )
    plane = found.samples
    x, y = plane.T
    figure, axes = canvas(ax, figsize)
    draw_samples(figure, axes, groups, x, y)
    axes.margins(0.12)
    if groups.numbers is None and groups.name:
        legend_below(axes, own=ax is None, heading=groups.name)
    along = [(WORDS[name], values) for kind, name, values in associations(fit, found) if kind == "isomir"]
    names = [_axis(k, found.share[k], found.unrelated[k], along) for k in range(2)]
    label_axes(axes, names[0], names[1], (f"{len(x)} samples", "covariates taken out"))
    if len(x) <= labels:
        samples = [str(sample) for sample in fit.data["sample"].values]
        label_points(axes, x, y, samples, colours=["0.35"] * len(x), avoid=plane, size=SMALL - 1)
    return figure


def _axis(k: int, share: float, unrelated: float, along: list[tuple[str, np.ndarray]]) -> str:
    text = f"direction {k + 1}: {100 * share:.0f} % (unrelated {100 * unrelated:.0f} %)"
    strong = sorted(
        ((abs(values[k]), word, values[k]) for word, values in along if abs(values[k]) >= NOTABLE),
        reverse=True,
    )
    return text + "".join(f", {word} {value:+.1f}" for _, word, value in strong[:2])
