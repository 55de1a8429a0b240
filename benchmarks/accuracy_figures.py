"""The figures of the accuracy page."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from accuracy_data import TABLE
from accuracy_methods import LABELS
from accuracy_page import OWN

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#9A9A9A"
PANELS = (
    ("mse_all", "mean squared error"),
    ("coverage", "95 % coverage"),
    ("tpr", "true positive rate"),
    ("fdr", "false discovery rate"),
    ("tpr_matched", "TPR, matched"),
)


def draw_table(table: pd.DataFrame) -> "Figure":
    """Draw mean and SD over data sets of four numbers, a row a method, a symbol a source."""
    import matplotlib.pyplot as plt

    alone = table[table["source"] != "both"]
    methods = [m for m in LABELS if m in set(alone["method"])]
    figure, axes = plt.subplots(
        1, len(PANELS), figsize=(13.5, 1.3 + 0.27 * len(methods)), sharey=True, layout="constrained"
    )
    plt.close(figure)
    row = {m: len(methods) - i for i, m in enumerate(methods)}
    symbols = {TABLE[0].name: ("o", 0.14), TABLE[1].name: ("D", -0.14)}
    for panel, (name, text) in zip(axes, PANELS, strict=True):
        for source, (marker, shift) in symbols.items():
            for r in alone[alone["source"] == source].to_dict("records"):
                if not np.isfinite(r[name]):
                    continue
                colour = BLUE if r["method"].split("_")[0] in OWN else ORANGE
                spread = r[f"{name}_sd"] if np.isfinite(r[f"{name}_sd"]) else 0.0
                panel.errorbar(
                    r[name],
                    row[r["method"]] + shift,
                    xerr=spread,
                    fmt=marker,
                    color=colour,
                    ms=4.5,
                    lw=0.9,
                    alpha=0.9,
                )
        if name in ("coverage", "fdr"):
            panel.axvline(0.95 if name == "coverage" else 0.05, color="0.6", lw=0.8, ls="--", zorder=0)
        if name in ("tpr", "fdr", "tpr_matched"):
            panel.set_xlim(left=-0.03)
        panel.set_xlabel(text)
        panel.spines[["top", "right"]].set_visible(False)
        panel.grid(axis="y", color="0.93", lw=0.6)
        panel.set_axisbelow(True)
    axes[0].set_yticks([row[m] for m in methods], [LABELS[m] for m in methods], fontsize=8)
    axes[0].set_xlim(left=0)
    handles = [
        plt.Line2D([], [], marker=m, ls="", color="0.3", label=s.about)
        for s, (m, _) in zip(TABLE, symbols.values(), strict=True)
    ]
    handles += [
        plt.Line2D([], [], marker="s", ls="", color=c, label=t)
        for c, t in ((BLUE, "this package"), (ORANGE, "others"))
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=4, frameon=False, fontsize=8)
    return figure


def draw_nulls(rows: pd.DataFrame) -> "Figure":
    """Draw the share of miRNAs called at 0.05 in each random split, sorted, for both references of the usage test."""
    import matplotlib.pyplot as plt

    sources = list(dict.fromkeys(rows["about"]))
    figure, axes = plt.subplots(
        1, len(sources), figsize=(3.4 * len(sources), 3.0), sharey=True, layout="constrained", squeeze=False
    )
    plt.close(figure)
    for panel, about in zip(axes[0], sources, strict=True):
        own = rows[rows["about"] == about]
        for name, colour, text in (
            ("lrt", ORANGE, "isomiR usage, LRT"),
            ("lrt_chi2", BLUE, "isomiR usage, LRT with chi-squared"),
            ("effect", GREY, "log fold change"),
        ):
            values = np.sort(own[name].to_numpy())
            panel.plot((np.arange(len(values)) + 0.5) / len(values), values, color=colour, lw=1.6, label=text)
        panel.axhline(0.05, color="0.6", lw=0.8, ls="--")
        panel.set(xlim=(0, 1), ylim=(0, 1))
        panel.set_xlabel("splits, sorted")
        panel.set_title(f"{about}\n{len(own)} splits", fontsize=8.5, loc="left", color="0.3")
        panel.spines[["top", "right"]].set_visible(False)
    axes[0][0].set_ylabel("share of miRNAs with p at most 0.05")
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False, fontsize=8)
    return figure
