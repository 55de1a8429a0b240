"""Which miRNAs several comparisons call together: bars over a matrix of dots (Lex et al. 2014)."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.plots.canvas import BLACK, SMALL, canvas, label_axes, picture, shortened
from bayes_mirglmm.results.hits import FDR, called_effects, usage_column
from bayes_mirglmm.results.isomir_findings import default_findings
from bayes_mirglmm.results.usage_choice import usage_confounded

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bayes_mirglmm.results import Fit

MOST = 20  # combinations that a picture can show
HIGH = 4.0  # rows of dots that the tallest bar is high
PALE = "#E3E3E3"


def calls_of(fit: "Fit", contrasts: Any = None, fdr: float = FDR) -> pd.DataFrame:
    """Return which miRNAs each comparison calls up and down, and the usage test: a row a miRNA, a column a set.

    Parameters
    ----------
    fit : Fit
    contrasts : optional
        In place of the contrasts and coefficients that :meth:`Fit.findings` shows.
    fdr : float
        Rate up to which a miRNA is called.
    """
    wanted = default_findings(fit) if contrasts is None else [(None, contrasts)]
    sets: dict[str, pd.Series] = {}
    for terms, specs in wanted:
        label = "term" if specs is None else "contrast"
        table = called_effects(fit, terms, specs)
        for name, rows in table.groupby(label, sort=False):
            rows = rows.set_index("mirna")
            called = rows[fit.method.calls_by] <= fdr
            sets[f"{name}, up"] = called & (rows["estimate"] > 0)
            sets[f"{name}, down"] = called & (rows["estimate"] <= 0)
    usage = fit.usage()
    if usage[usage_column(fit)].notna().any() and not usage_confounded(fit):
        sets["isomiR usage"] = usage.set_index("mirna")[usage_column(fit)] <= fdr
    return pd.DataFrame(sets).reindex(list(fit.mirnas)).fillna(False).astype(bool)


@picture
def plot_upset(
    fit: "Fit",
    *,
    contrasts: Any = None,
    fdr: float = FDR,
    ax: "Axes | None" = None,
    figsize: tuple[float, float] | None = None,
) -> "Figure":
    """Draw how many miRNAs each combination of findings has: up or down in each comparison, and isomiR usage.

    A bar for each combination that occurs, with the number of its miRNAs; the dots below say which findings it has. At
    most 20 combinations, the most frequent ones. Findings that no miRNA has are left out.

    Parameters
    ----------
    fit : Fit
    contrasts : optional
        Comparisons in place of those that :meth:`Fit.findings` shows: ``"pairs:group"``.
    fdr : float
        Rate up to which a miRNA is called.
    ax, figsize

    Raises
    ------
    InputError
        A contrast is not one of the design, or the formula has an intercept only.
    """
    if not 0 < fdr < 1:
        raise InputError(f"fdr={fdr!r}: give a rate between 0 and 1, 0.05 for example.")
    calls = calls_of(fit, contrasts, fdr)
    calls = calls.loc[:, calls.any()]
    sets = list(calls.columns)
    none = int((~calls.any(axis=1)).sum())
    counted = calls[calls.any(axis=1)].value_counts() if sets else pd.Series(dtype=int)
    counted = counted.sort_values(ascending=False, kind="stable")
    shown, hidden = counted.head(MOST), max(0, len(counted) - MOST)

    figure, axes = canvas(ax, figsize or (max(3.35, 1.8 + 0.3 * len(shown)), 1.7 + 0.18 * (len(sets) + HIGH)))
    largest = max(int(shown.max()) if len(shown) else 1, 1)
    row = {name: -1.0 - k for k, name in enumerate(sets)}
    for at, (members, size) in enumerate(shown.items()):
        bar = HIGH * size / largest
        axes.bar(at, bar, width=0.6, color=BLACK)
        axes.annotate(
            str(size), (at, bar), xytext=(0, 2), textcoords="offset points", ha="center", fontsize=SMALL
        )
        inside = [
            row[name] for name, member in zip(sets, np.atleast_1d(np.asarray(members)), strict=True) if member
        ]
        pale = [row[name] for name in sets if row[name] not in inside]
        axes.scatter([at] * len(pale), pale, s=26, color=PALE, lw=0, zorder=1)
        axes.vlines(at, min(inside), max(inside), color=BLACK, lw=1.2, zorder=2)
        axes.scatter([at] * len(inside), inside, s=26, color=BLACK, lw=0, zorder=3)
    if not len(shown):
        axes.scatter([], [])
        axes.axhline(0, color="0.8", lw=0.8)
    axes.set(xlim=(-0.7, max(len(shown), 1) - 0.3), ylim=(-0.7 - len(sets), HIGH * 1.16))
    totals = [f"{shortened(name, 34)} ({int(calls[name].sum())})" for name in sets]
    axes.set_yticks(list(row.values()), totals, parse_math=False, fontsize=SMALL)
    axes.set_xticks([])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    more = f"{hidden} rarer combinations not shown" if hidden else ""
    label_axes(axes, title=(f"{fit.method.rate} {fdr:g}", f"{none} miRNAs in none", more))
    return figure
