"""miRNAs as points coloured by whether they are hits: what volcano and MA plot share."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from bayes_mirglmm.plots.canvas import BLUE, GREY, ORANGE
from bayes_mirglmm.plots.changes import RATE, Changes

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


def hit_classes(found: Changes, shown: "pd.DataFrame") -> list[tuple[np.ndarray, str, str]]:
    """Return which rows of ``shown`` are no hits, go down and go up: mask, colour and words of each."""
    hit, up = shown["hit"].to_numpy(), shown["estimate"].to_numpy() >= 0
    return [
        (~hit, GREY, f"{RATE[found.measure]} > {found.fdr:g}"),
        (hit & ~up, BLUE, "down"),
        (hit & up, ORANGE, "up"),
    ]


def draw_hits(
    axes: "Axes", found: Changes, shown: "pd.DataFrame", x: np.ndarray, y: np.ndarray, rim: np.ndarray
) -> None:
    """Draw a point a miRNA, with labels for a legend; where ``rim`` is true, a triangle at the rim of the axes."""
    size = 14 if len(x) <= 400 else 7
    for mask, colour, words in hit_classes(found, shown):
        near, far = mask & ~rim, mask & rim
        label = f"{words}: {int(mask.sum())}"
        axes.scatter(x[near], y[near], s=size, c=colour, lw=0, alpha=0.85, label=label, clip_on=False)
        axes.scatter(x[far], y[far], s=26, c=colour, lw=0, marker="^", clip_on=False, label="_at the rim")


def in_turn(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the members of ``first``, drawn from its beginning and that of ``second`` in turn, each once.

    ``second`` is a part of ``first``: [0, 1, 2, 3] and [3, 0] give [0, 3, 1, 2].
    """
    turns = [pair for rank in range(len(first)) for pair in (first[rank], *second[rank : rank + 1])]
    return np.array(list(dict.fromkeys(int(k) for k in turns)), dtype=np.int64)


def name_hits(
    axes: "Axes",
    shown: "pd.DataFrame",
    x: np.ndarray,
    y: np.ndarray,
    labels: int | Sequence[str],
    *,
    hits_only: bool,
) -> None:
    """Write names beside points: the surest rows of ``shown`` and the largest hits, in turn, or those in ``labels``.

    ``shown`` has the surest first.
    """
    from bayes_mirglmm.plots.labels import label_points, rows_to_name

    hit, names = shown["hit"].to_numpy(), shown["mirna"].tolist()
    surest = np.argsort(~hit, kind="stable") if hits_only else np.arange(len(hit))
    hits = np.flatnonzero(hit)
    largest = hits[np.argsort(-shown["estimate"].abs().to_numpy()[hits], kind="stable")]
    order = in_turn(surest, largest)
    named = order[
        rows_to_name(labels, [names[k] for k in order], candidates=int(hit.sum()) if hits_only else None)
    ]
    ink = ["black" if significant else "0.45" for significant in hit[named]]
    label_points(
        axes, x[named], y[named], [names[k] for k in named], colours=ink, avoid=np.column_stack([x, y])
    )
