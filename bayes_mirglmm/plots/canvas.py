"""Figures, colours and legends that the pictures share."""

import inspect
import math
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure
    from matplotlib.text import Text
    from matplotlib.ticker import LogLocator

# Okabe and Ito's palette: distinct with any colour vision.
BLUE, ORANGE, GREY, BLACK = "#0072B2", "#D55E00", "#9A9A9A", "#000000"
GREEN, SKY, PURPLE, AMBER = "#009E73", "#56B4E9", "#CC79A7", "#E69F00"
#: Colours and markers of the levels of a factor: neither is needed to tell the first eight apart.
LEVELS = (BLUE, ORANGE, GREEN, PURPLE, AMBER, SKY, BLACK, GREY)
MARKERS = "osD^vPX*"
#: Up to so many rows a picture names each of them.
NAMED_ROWS = 80
SMALL, MEDIUM = 7.0, 8.0  # points


_SHARED = """\
ax : matplotlib.axes.Axes, optional
    Where to draw; a new figure when omitted.
figsize : tuple of float
    Width and height of a new figure in inches{when}.

Returns
-------
matplotlib.figure.Figure
"""


def picture[**P, R](function: Callable[P, R]) -> Callable[P, R]:
    """Spell out in the docstring of a plot what all plots share, where it says ``ax, figsize``.

    The function itself is returned: figures are saved by whoever asked for them.
    """
    free = inspect.signature(function).parameters["figsize"].default is None
    when = "; as what is drawn needs when omitted" if free else ""
    text = inspect.cleandoc(function.__doc__ or "")
    function.__doc__ = text.replace("ax, figsize\n", _SHARED.format(when=when))
    return function


def canvas(ax: "Axes | None", figsize: tuple[float, float]) -> "tuple[Figure, Axes]":
    """Return the figure and axes to draw in: those of ``ax``, or a new figure of ``figsize`` inches."""
    return new_figure(figsize) if ax is None else (root_figure(ax), ax)


def new_figure(figsize: tuple[float, float]) -> "tuple[Figure, Axes]":
    """Return a figure with one pair of axes, sizes in inches.

    pyplot makes it, so that a notebook shows what a cell returns, and forgets it at once, so that the
    notebook does not show it twice and a loop over miRNAs does not keep every figure in memory.
    """
    import matplotlib.pyplot as plt

    plt.draw_if_interactive()  # lets a notebook's backend switch itself on first, or ioff would switch it off for good
    with plt.ioff():  # no window, not even for a moment
        figure, axes = plt.subplots(figsize=figsize, layout="constrained")
        plt.close(figure)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=SMALL)
    for text in (axes.xaxis.label, axes.yaxis.label):
        text.set_fontsize(MEDIUM)
    return figure, axes


def root_figure(axes: "Axes") -> "Figure":
    """Return the figure that axes stand in, also where a subfigure lies between."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    return figure


def legend_below(
    axes: "Axes",
    *,
    own: bool,
    handles: "Sequence[Any] | None" = None,
    labels: Sequence[str] | None = None,
    heading: str | None = None,
) -> None:
    """Put the legend under the axes, in as many columns as the figure is wide enough for.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    own : bool
        Whether the figure was made for these axes; else the legend belongs to the axes alone.
    handles, labels : sequence, optional
        Those of the axes when omitted. Labels are never read as mathtext.
    heading : str, optional
        Written above the entries.
    """
    from matplotlib.collections import PathCollection

    if handles is None or labels is None:
        handles, labels = axes.get_legend_handles_labels()
    if not handles:
        return
    figure = root_figure(axes)
    where = (
        {"loc": "outside lower center"} if own else {"loc": "upper center", "bbox_to_anchor": (0.5, -0.18)}
    )
    for columns in range(min(len(handles), 4), 0, -1):
        legend = (figure if own else axes).legend(
            handles,
            labels,
            title=heading,
            frameon=False,
            fontsize=SMALL,
            title_fontsize=SMALL,
            ncols=columns,
            handletextpad=0.4,
            columnspacing=1.2,
            **where,
        )
        for text in (*legend.get_texts(), legend.get_title()):
            text.set_parse_math(False)
        for handle in legend.legend_handles:
            if isinstance(handle, PathCollection):  # points that are tiny in a crowd
                handle.set_sizes([18.0])
        if columns == 1 or legend.get_window_extent().width <= 0.94 * figure.bbox.width:
            return
        legend.remove()


def letters_in(axes: "Axes", share: float = 1.0) -> int:
    """Return about how many letters of :data:`SMALL` size fit into a share of the width of the axes."""
    inches = share * axes.get_window_extent().width / root_figure(axes).dpi
    return int(inches * 72.0 / (0.6 * SMALL))


def shortened(name: str, longest: int = 26) -> str:
    """Return ``name`` with its middle left out where it is longer than ``longest``."""
    if len(name) <= longest:
        return name
    half = (longest - 1) // 2
    return f"{name[:half]}…{name[-(longest - 1 - half) :]}"


def label_axes(
    axes: "Axes",
    x: str | Sequence[str] = "",
    y: str | Sequence[str] = "",
    title: str | Sequence[str] = "",
) -> None:
    """Label the axes and write a line above them; call it last, when the rest of the layout is known.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    x, y, title : str or sequence of str
        Parts, joined by commas where there is room, else a line each, broken between words where even that is too
        long. A word without room is shortened. Never read as mathtext.
    """
    above = axes.set_title("", loc="left", fontsize=MEDIUM, color="0.35")
    texts = ((axes.xaxis.label, x), (axes.yaxis.label, y), (above, title))
    for text, parts in texts:
        text.set_parse_math(False)
        text.set_text("\n".join(_parts(parts)))  # the most room that it may need
    figure = root_figure(axes)
    figure.draw_without_rendering()
    frame = axes.get_window_extent()
    _fit(axes.xaxis.label, _parts(x), frame.width, across=True)
    _fit(axes.yaxis.label, _parts(y), frame.height, across=False)
    _fit(above, _parts(title), figure.bbox.x1 - frame.x0, across=True)


def _parts(text: str | Sequence[str]) -> list[str]:
    return [text] if isinstance(text, str) else [part for part in text if part]


def _fit(text: "Text", parts: Sequence[str], room: float, *, across: bool) -> None:
    """Join the parts in as few lines as ``room`` pixels allow."""

    def length(line: str) -> float:
        text.set_text(line)
        box = text.get_window_extent()
        return float(box.width if across else box.height)

    lines: list[str] = []
    for part in parts:
        joined = f"{lines[-1]}, {part}" if lines else part
        if lines and length(joined) <= room:
            lines[-1] = joined
        else:
            lines += _broken(part, length, room)
    text.set_text("\n".join(lines))


def _broken(part: str, length: Callable[[str], float], room: float) -> list[str]:
    """Break a text between words into lines of at most ``room``; a word that is longer is shortened."""
    lines: list[str] = []
    for word in re.split(" (?!%)", part):  # a number keeps its unit
        joined = f"{lines[-1]} {word}" if lines else word
        if lines and length(joined) <= room:
            lines[-1] = joined
            continue
        needed = length(word)
        lines.append(word if needed <= room else shortened(word, max(int(len(word) * room / needed), 8)))
    return lines


def log_axis(axis: "Axis") -> None:
    """Make an axis logarithmic with ticks that read as counts: 1, 2, 5 where there is room, else 1, 3, else decades.

    Its limits must be final.
    """
    from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

    axes = axis.axes
    (axes.set_xscale if axis is axes.xaxis else axes.set_yscale)("log")
    low, high = sorted(axis.get_view_interval())
    if low <= 0:  # nothing was drawn
        low, high = 1.0, 10.0
        (axes.set_xlim if axis is axes.xaxis else axes.set_ylim)(low, high)
    decades = math.log10(high / low)
    if decades < 1.0:
        axis.set_major_locator(MaxNLocator(5))
    else:
        axis.set_major_locator(_roomy_log_locator(axis))
    axis.set_major_formatter(FuncFormatter(lambda value, _: short_number(value)))
    axis.set_minor_formatter(NullFormatter())


def _roomy_log_locator(axis: "Axis") -> "LogLocator":
    """Return ticks of a logarithmic axis that are as many as it has room for when it is drawn."""
    from matplotlib.ticker import LogLocator

    class RoomyLogLocator(LogLocator):
        def tick_values(self, vmin: float, vmax: float) -> Any:
            low, high = sorted((vmin, vmax))
            room = max(2, min(axis.get_tick_space(), 8))
            for steps in ((1.0, 2.0, 5.0), (1.0, 3.0)):
                self.set_params(subs=steps, numticks=16)
                ticks = np.asarray(super().tick_values(vmin, vmax))
                if ((low <= ticks) & (ticks <= high)).sum() <= room:
                    return ticks
            self.set_params(subs=(1.0,), numticks=room)
            return super().tick_values(vmin, vmax)

    return RoomyLogLocator()


def short_number(value: float) -> str:
    """Return a number as people write it on an axis: 0.05, 8191, 66k, 1.5M."""
    for size, letter in ((1e6, "M"), (1e4, "k")):
        if value >= size:
            return f"{value / (1e3 if letter == 'k' else 1e6):.3g}{letter}"
    return f"{value:.4g}"
