"""What all pictures share: labels in the room that there is, ticks that do not run into each other."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from bayes_mirglmm.plots.canvas import label_axes, log_axis


def axes_of(width: float, left: float = 0.2):
    figure = Figure(figsize=(width, 2.0))
    axes = figure.subplots()
    figure.subplots_adjust(left=left, right=0.97, bottom=0.4)
    return figure, axes


def test_a_label_without_room_is_broken_between_words_and_loses_none():
    _, axes = axes_of(2.4)
    label_axes(axes, ("log2 change of usage", "group[T.Parkinson] (Parkinson against control)"))
    text = axes.xaxis.label.get_text()
    assert text.split() == [
        "log2",
        "change",
        "of",
        "usage",
        "group[T.Parkinson]",
        "(Parkinson",
        "against",
        "control)",
    ]
    frame, box = axes.get_window_extent(), axes.xaxis.label.get_window_extent()
    assert box.width <= frame.width
    assert "\n" in text


def test_a_number_keeps_its_unit_and_a_word_without_room_is_shortened():
    _, axes = axes_of(1.6)
    label_axes(axes, ("direction 2: 15 % (unrelated 10 %), 3' end", "x" * 60))
    lines = axes.xaxis.label.get_text().split("\n")
    assert not any(line.startswith("%") for line in lines)
    assert "…" in lines[-1]
    assert "…" not in "".join(lines[:-1])


@pytest.mark.parametrize("width", [1.2, 2.0, 3.4, 7.0])
@pytest.mark.parametrize("high", [60.0, 900.0, 5e3, 2e6])
def test_ticks_of_a_logarithmic_axis_do_not_touch(width: float, high: float):
    figure, axes = axes_of(width)
    axes.set_xlim(2.0, high)
    axes.tick_params(labelsize=7)
    log_axis(axes.xaxis)
    figure.draw_without_rendering()
    frame = axes.get_window_extent()
    boxes = [
        tick.label1.get_window_extent() for tick in axes.xaxis.get_major_ticks() if tick.label1.get_text()
    ]
    boxes = [box for box in boxes if frame.x0 - 1 <= (box.x0 + box.x1) / 2 <= frame.x1 + 1]
    ends = np.array(sorted((box.x0, box.x1) for box in boxes))
    assert len(ends) >= 1
    assert (ends[1:, 0] > ends[:-1, 1]).all()
