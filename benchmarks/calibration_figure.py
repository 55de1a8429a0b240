"""Rank histograms of simulation-based calibration, from the tables that the calibrations have written.

    python benchmarks/calibration_figure.py

Draws docs/images/sbc.png from benchmarks/results/sbc_laplace.tsv and sbc_nuts.tsv.
"""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from calibration import BINS, RESULTS
from scipy import stats

if TYPE_CHECKING:
    from matplotlib.figure import Figure

IMAGE = RESULTS.parent.parent / "docs" / "images" / "sbc.png"
METHODS = {"laplace": ("sbc_laplace.tsv", "#0072B2"), "nuts": ("sbc_nuts.tsv", "#D55E00")}


def draw(tables: dict[str, pd.DataFrame]) -> "Figure":
    """Draw a row of histograms for each method, with the band that holds 95 % of the bars of uniform ranks."""
    import matplotlib.pyplot as plt

    names = list(next(iter(tables.values()))["parameter"])
    half = len(names) // 2
    figure, axes = plt.subplots(
        2 * len(tables), half, figsize=(10, 2 + 1.6 * 2 * len(tables)), sharex=True, sharey="row", layout="constrained"
    )  # fmt: skip
    plt.close(figure)
    edges = np.linspace(0, 1, BINS + 1)
    for place, (method, table) in enumerate(tables.items()):
        for number, row in enumerate(table.to_dict("records")):
            panel = axes[2 * place + number // half, number % half]
            bars = np.array([int(count) for count in row["histogram"].split()])
            uniform = stats.binom(bars.sum(), 1 / BINS)
            panel.axhspan(*uniform.interval(0.95), color="0.9", zorder=0)
            panel.axhline(uniform.mean(), color="0.5", lw=0.8, zorder=1)
            panel.stairs(bars, edges, color=METHODS[method][1], lw=1.2)
            panel.set_title(f"{row['parameter'].replace('_', ' ')}, KS p = {row['ks_p']:.2f}", fontsize=8)
            panel.set(xlim=(0, 1), ylim=(0, 1.9 * uniform.mean()), xticks=[0, 0.5, 1])
            panel.tick_params(labelsize=8)
        for line in (0, 1):
            axes[2 * place + line, 0].set_ylabel(f"{method}: data sets", fontsize=8)
    figure.supxlabel("rank of the true value among the draws, as a share", fontsize=9)
    return figure


def main() -> None:
    tables = {m: pd.read_csv(RESULTS / name, sep="\t", comment="#") for m, (name, _) in METHODS.items()}
    draw(tables).savefig(IMAGE, dpi=150)


if __name__ == "__main__":
    main()
