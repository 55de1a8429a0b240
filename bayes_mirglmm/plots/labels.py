"""Names beside points, placed so that they do not cover each other."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.text import Text
from matplotlib.transforms import Bbox

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Where a label may stand, in points from its own: near places first.
PLACES = tuple(
    (np.sign(x) * distance, y * distance)
    for distance in (5.0, 10.0, 16.0)
    for x, y in ((1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1))
)

MARGIN = 6.0  # pixels between a label and the middle of a point
GAP = 3.0  # pixels between two labels


def label_points(
    axes: "Axes",
    x: Sequence[float] | np.ndarray,
    y: Sequence[float] | np.ndarray,
    names: Sequence[str],
    *,
    colours: Sequence[str],
    avoid: np.ndarray,
    size: float = 7,
) -> list[str]:
    """Write each name beside its point and return those for which there was room.

    Greedy, in the order given: a label takes the first place near its point that lies inside the axes and
    covers neither an earlier label nor one of the points.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        With its limits final.
    x, y : sequence of float
        Positions, in data units.
    names : sequence of str
        What to write; never read as mathtext.
    colours : sequence of str
        Colour of each name.
    avoid : array, shape (points, 2)
        Points that a label may not cover, in data units.
    size : float
        Font size in points.
    """
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()  # the layout, and with it pixels, are known after a draw
    inside = axes.get_window_extent()
    per_point = figure.dpi / 72.0
    to_pixels = axes.transData.transform
    pixels = to_pixels(avoid) if len(avoid) else np.empty((0, 2))
    taken: list[Bbox] = []
    written: list[str] = []
    for px, py, name, colour in zip(x, y, names, colours, strict=True):
        text = axes.annotate(
            name,
            (px, py),
            xytext=(0, 0),
            textcoords="offset points",
            va="center",
            fontsize=size,
            color=str(colour),
            parse_math=False,
            arrowprops={"arrowstyle": "-", "lw": 0.4, "color": "0.5", "shrinkA": 0, "shrinkB": 2},
        )
        text.set_in_layout(False)
        measured = Text.get_window_extent(text)  # an annotation's own extent has its arrow in it
        width, height = measured.width, measured.height
        point = to_pixels((px, py))
        for dx, dy in PLACES:
            left = point[0] + dx * per_point - (width if dx < 0 else 0)
            bottom = point[1] + dy * per_point - height / 2
            box = Bbox.from_bounds(left, bottom, width, height)
            clear = not any(box.padded(GAP).overlaps(other) for other in taken)
            if clear and _inside(box, inside) and not _covers(box, pixels):
                text.set(ha="right" if dx < 0 else "left")
                text.xyann = (dx, dy)
                taken.append(box)
                written.append(name)
                break
        else:
            text.remove()
    return written


def _inside(box: Bbox, frame: Bbox) -> bool:
    return frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 and box.y1 <= frame.y1


def _covers(box: Bbox, points: np.ndarray) -> bool:
    across = (points[:, 0] > box.x0 - MARGIN) & (points[:, 0] < box.x1 + MARGIN)
    up = (points[:, 1] > box.y0 - MARGIN) & (points[:, 1] < box.y1 + MARGIN)
    return bool((across & up).any())
