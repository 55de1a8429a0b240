"""Samples in the plane of the isomiR profiles that they share."""

from typing import TYPE_CHECKING

import numpy as np

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.plots.canvas import picture
from bayes_mirglmm.plots.sample_plane import draw_plane

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bayes_mirglmm.cohort.shared_directions import SharedDirections
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


@picture
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
        How many samples to name, the outermost first, where there is room.
    ax, figsize

    Raises
    ------
    InputError
        The sample table has no column ``by``, or the samples are too few to learn what they share.
    """
    from bayes_mirglmm.results.shared_usage_tables import associations, directions_of

    found = directions_of(fit, 2)
    if found is None:
        raise InputError(
            "this fit has no miRNA with two isomiRs, so that samples share nothing; fit.status() says why."
        )
    along = [(WORDS[name], values) for kind, name, values in associations(fit, found) if kind == "isomir"]
    return draw_plane(
        fit,
        by,
        found.samples,
        axis=(_axis(0, found, along), _axis(1, found, along)),
        heading="covariates taken out",
        labels=labels,
        ax=ax,
        figsize=figsize,
    )


def _axis(k: int, found: "SharedDirections", along: list[tuple[str, np.ndarray]]) -> str:
    text = f"direction {k + 1}: {100 * found.share[k]:.0f} % (unrelated {100 * found.unrelated[k]:.0f} %)"
    strong = sorted(
        ((abs(values[k]), word, values[k]) for word, values in along if abs(values[k]) >= NOTABLE),
        reverse=True,
    )
    return text + "".join(f", {word} {value:+.1f}" for _, word, value in strong[:2])
