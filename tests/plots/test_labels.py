"""Names beside points: inside the axes, over no line of reference where there is another place, over no other text."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.path import Path
from matplotlib.text import Text

from bayes_mirglmm.plots.labels import label_points


def drawn(x, y, names, *, verticals=()):
    figure = Figure(figsize=(3.4, 3.0))
    axes = figure.subplots()
    axes.set(xlim=(-1, 1), ylim=(0, 1))
    axes.annotate("10:1", (0.6, 0.5))
    for at in verticals:
        axes.axvline(at)
    points = np.column_stack([x, y])
    label_points(axes, x, y, names, colours=["black"] * len(x), avoid=points)
    figure.draw_without_rendering()
    boxes = {text.get_text(): Text.get_window_extent(text) for text in axes.texts}
    return axes, boxes


def test_labels_stay_off_axes_texts_and_lines_of_reference():
    x, y = np.array([-0.1, -0.95, 0.55]), np.array([0.5, 0.2, 0.5])
    axes, boxes = drawn(x, y, ["hsa-miR-1", "hsa-miR-2", "hsa-miR-3"], verticals=[0.0])
    frame = axes.get_window_extent()
    middle = axes.transData.transform((0.0, 0.5))[0]
    for name, box in boxes.items():
        assert frame.x0 < box.x0 < box.x1 < frame.x1, name
        assert not box.x0 < middle < box.x1, name
    names = list(boxes)
    for i, one in enumerate(names):
        assert not any(boxes[one].overlaps(boxes[other]) for other in names[i + 1 :]), one


def test_a_line_of_reference_is_crossed_rather_than_a_name_left_out():
    _, boxes = drawn(np.array([-0.1]), np.array([0.5]), ["hsa-miR-548aa"], verticals=[-0.3, 0.1])
    assert "hsa-miR-548aa" in boxes


def test_lines_to_labels_do_not_cross():
    rng = np.random.default_rng(3)
    for _ in range(20):
        x, y = rng.uniform(-0.3, 0.3, 12), rng.uniform(0.4, 0.6, 12)
        axes, _ = drawn(x, y, [f"sim-miR-{i}" for i in range(12)])
        leaders = []
        for text in axes.texts[1:]:
            point = axes.transData.transform(text.xy)
            leaders.append(Path([point, point + np.array(text.xyann) * axes.figure.dpi / 72]))
        assert len(leaders) > 2
        for i, one in enumerate(leaders):
            assert not any(one.intersects_path(other, filled=False) for other in leaders[i + 1 :])
