"""Names beside points, placed so that they do not cover each other."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.suggest import did_you_mean

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Where a label may stand, in points from its own: near places first.
PLACES = tuple(
    (x * distance, y * distance)
    for distance in (5.0, 10.0, 16.0, 24.0)
    for x, y in ((1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1))
)

LEADER = 12  # places at which the line from a point to its label is looked at
MARGIN = 6.0  # pixels between a label and the middle of a point
HINTING = 1.05  # by which a name may be wider where the figure is saved at another resolution
GAP = 3.0  # pixels between two labels, and between a label and an axis or a line of reference


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

    Greedy, in the order given: a label takes the first place near its point that lies inside the axes and covers no
    earlier label, its line, a point, or a text that stands there already, its own line crossing no other; lines of
    reference (``axhline``, ``axvline``) are crossed only where there is no other place.

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
    room = _Room(axes, axes.transData.transform(avoid) if len(avoid) else np.empty((0, 2)), figure.dpi / 72.0)
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
        place = room.take(axes.transData.transform((px, py)), HINTING * measured.width, measured.height)
        if place is None:
            text.remove()
            continue
        text.set(ha="right" if place[0] < 0 else "left")
        text.xyann = place
        written.append(name)
    return written


def rows_to_name(
    labels: int | Sequence[str], names: Sequence[str], candidates: int | None = None
) -> np.ndarray:
    """Return which rows of a picture to name: the first ones, or those with the names that were asked for.

    Parameters
    ----------
    labels : int or sequence of str
        How many, or names.
    names : sequence of str
        Of all rows, the most interesting first.
    candidates : int, optional
        Of how many of the first rows a number counts; all by default.

    Raises
    ------
    InputError
        A name that was asked for is not in the picture.
    """
    if isinstance(labels, str):
        labels = [labels]
    if isinstance(labels, int | np.integer):
        return np.arange(min(max(labels, 0), len(names) if candidates is None else candidates))
    place = {str(name): i for i, name in enumerate(names)}
    absent = [str(name) for name in labels if str(name) not in place]
    if absent:
        raise InputError(
            f"labels: {absent[0]!r} is not in this picture.{did_you_mean(absent[0], list(place))} "
            "Only miRNAs with an estimate are; fit.status() lists every miRNA."
        )
    return np.array([place[str(name)] for name in labels], dtype=np.int64)


class _Room:
    """What is taken in the axes, in pixels: points, texts, the lines from labels to their points."""

    def __init__(self, axes: "Axes", points: np.ndarray, per_point: float) -> None:
        self.inside = axes.get_window_extent().padded(-GAP)
        self.points, self.per_point = points, per_point
        self.lines = _lines_of_reference(axes)
        self.texts = [Text.get_window_extent(text) for text in axes.texts]
        self.leaders: list[np.ndarray] = []

    def take(self, point: np.ndarray, width: float, height: float) -> tuple[float, float] | None:
        """Take the first free place beside ``point``, off the lines of reference where there is one, and return it."""
        for lines in (self.lines, []):
            for place in PLACES:
                end = point + self.per_point * np.array(place)
                box = Bbox.from_bounds(
                    end[0] - (width if place[0] < 0 else 0), end[1] - height / 2, width, height
                )
                leader = np.linspace(point, end, LEADER)
                if self._free(box, leader, lines):
                    self.texts.append(box)
                    self.leaders.append(leader)
                    return place
        return None

    def _free(self, box: Bbox, leader: np.ndarray, lines: Sequence[Bbox]) -> bool:
        inside = self.inside
        if not (inside.x0 <= box.x0 and box.x1 <= inside.x1 and inside.y0 <= box.y0 and box.y1 <= inside.y1):
            return False
        wide = box.padded(GAP)
        if any(wide.overlaps(other) for other in (*self.texts, *lines)):
            return False
        if any(_crosses(leader, other) for other in self.texts) or any(
            _crosses(other, box) for other in self.leaders
        ):
            return False
        if any(_meet(leader[[0, -1]], other[[0, -1]]) for other in self.leaders):
            return False  # crossed lines are read as leading to each other's points
        return not _crosses(self.points, box.padded(MARGIN))


def _lines_of_reference(axes: "Axes") -> list[Bbox]:
    """Return, in pixels, the lines that cross the axes from side to side."""
    frame = axes.get_window_extent()
    boxes = [line.get_window_extent() for line in axes.lines]
    return [
        box
        for box in boxes
        if (box.width >= frame.width and box.height < GAP) or (box.height >= frame.height and box.width < GAP)
    ]


def _crosses(points: np.ndarray, box: Bbox) -> bool:
    """Tell whether one of ``points`` (P, 2), in pixels, lies in a box."""
    return bool(((points > (box.x0, box.y0)) & (points < (box.x1, box.y1))).all(axis=1).any())


def _meet(a: np.ndarray, b: np.ndarray) -> bool:
    """Tell whether two segments, each of two points (2, 2), cross."""

    def sides(line: np.ndarray, points: np.ndarray) -> np.ndarray:
        along, away = line[1] - line[0], points - line[0]
        return np.sign(along[0] * away[:, 1] - along[1] * away[:, 0])

    return bool(np.prod(sides(a, b)) < 0 and np.prod(sides(b, a)) < 0)
