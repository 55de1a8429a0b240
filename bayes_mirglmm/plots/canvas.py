"""Figures and colours that the pictures share."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's palette: distinct with any colour vision.
BLUE, ORANGE, GREY, BLACK = "#0072B2", "#D55E00", "#9A9A9A", "#000000"


def new_figure(figsize: tuple[float, float]) -> "tuple[Figure, Axes]":
    """Return a figure with one pair of axes, sizes in inches.

    pyplot makes it, so that a notebook shows what a cell returns, and forgets it at once, so that the
    notebook does not show it twice and a loop over miRNAs does not keep every figure in memory.
    """
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=figsize, layout="constrained")
    plt.close(figure)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes
