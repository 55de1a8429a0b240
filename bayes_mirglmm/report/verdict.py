"""What a fit found, in plain words."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bayes_mirglmm.outcomes import LOW_EXPRESSION
from bayes_mirglmm.report.comparisons import Comparison
from bayes_mirglmm.report.usage import usage_text
from bayes_mirglmm.results.deciding_samples import deciding_sentence, influence_asked
from bayes_mirglmm.results.hits import FDR, count_hits, surest_first
from bayes_mirglmm.results.outliers import outliers_sentence

if TYPE_CHECKING:
    from bayes_mirglmm.results import Fit

MOST_COMPARISONS = 4


def verdict(fit: "Fit", comparisons: Sequence[Comparison], usage: pd.DataFrame) -> list[str]:
    """Return the sentences of the verdict: what was tested, what differs, how precisely, isomiR usage, cautions."""
    parts = [_tested(fit)]
    asked = [c for c in comparisons if c.of_slope] or list(comparisons)
    parts += [_found(fit, c) for c in asked[:MOST_COMPARISONS]] if len(fit) else []
    if len(asked) > MOST_COMPARISONS:
        parts.append(f"{len(asked) - MOST_COMPARISONS} more comparisons are in the menu above the table.")
    if asked and len(fit):
        parts.append(_precision(fit, asked[0]))
    parts += [usage_text(fit, usage), outliers_sentence(fit) if len(fit) else ""]
    parts += [deciding_sentence(fit) if influence_asked(fit) else "", _cautions(fit)]
    return [part for part in parts if part]


def _tested(fit: "Fit") -> str:
    total, n = fit.data.sizes["mirna"], fit.data.sizes["sample"]
    text = f"{len(fit):,} of {total:,} miRNAs in the counts were fitted in {n} samples"
    sizes = samples_per_level(fit)
    if fit.slope in sizes:
        text += f" ({', '.join(f'{count} {level}' for level, count in sizes[fit.slope].items())})"
    low = int((fit.data["status"].values == LOW_EXPRESSION).sum())
    return f"{text}; {low:,} were left out as hardly expressed." if low else f"{text}."


def samples_per_level(fit: "Fit") -> dict[str | None, dict[str, int]]:
    """Return the number of samples at each level of each factor of the design, reference first."""
    table = fit.design.table
    return {
        name: {level: int((table[name].astype(str) == level).sum()) for level in levels}
        for name, levels in fit.design.factors.items()
        if name in table
    }


def _found(fit: "Fit", comparison: Comparison) -> str:
    table, method = comparison.table, fit.method
    call = method.calls_by
    what = f"At a {method.rate} of {100 * FDR:g} %"
    if not table[call].notna().any():
        return f"{comparison.label}: the design leaves nothing to test with, so there are estimates only."
    hits = count_hits(table, method)
    up, down = hits["up"], hits["down"]
    if not up + down:
        text = f"{what}, no miRNA differs {comparison.between}."
        best = surest_first(table, method)
        if len(best):
            row = best.iloc[0]
            text += (
                f" The one nearest to being called is {row['mirna']}: {times(fit, comparison, row)}, "
                f"{method.calls_in_words} {row[call]:.2g}."
            )
        return text
    number = f"{up + down:,} miRNA{'s differ' if up + down > 1 else ' differs'}"
    text = (
        f"{what}, {number} {comparison.between}: {up:,} {'is' if up == 1 else 'are'} {comparison.up}, "
        f"{down:,} {comparison.down}."
    )
    called = table[table[call] <= FDR]
    row = surest_first(called, method).iloc[0]
    return f"{text} The surest is {row['mirna']}: {times(fit, comparison, row)}."


def times(fit: "Fit", comparison: Comparison, row: pd.Series) -> str:
    """Return an effect as a factor: ``3.0 times higher in case (95 % interval 2.4 to 3.6)``."""
    sign = 1.0 if row["estimate"] >= 0 else -1.0
    ends = sorted(np.exp(sign * np.array([row["lower"], row["upper"]], dtype=float)))
    percent = 100 * float(fit.data.attrs["prob"])
    way = comparison.up if sign > 0 else comparison.down
    how = (
        "-fold" if way in ("up", "down") else " times"
    )  # of a contrast with a name, and of levels: higher in case
    return (
        f"{_factor(np.exp(sign * row['estimate']))}{how} {way} "
        f"({percent:g} % interval {_factor(ends[0])} to {_factor(ends[1])})"
    )


def _precision(fit: "Fit", comparison: Comparison) -> str:
    half = ((comparison.table["upper"] - comparison.table["lower"]) / 2).median()
    if not np.isfinite(half):
        return ""
    percent = 100 * float(fit.data.attrs["prob"])
    return (
        f"The typical {percent:g} % interval reaches a factor of {_factor(np.exp(half))} either way: of smaller "
        "changes these data say little."
    )


def _cautions(fit: "Fit") -> str:
    number = len(fit.metadata.get("cautions") or [])
    if not number:
        return ""
    what = "one caution" if number == 1 else f"{number} cautions"
    return f"Read {what} under Diagnostics before you rely on this."


def _factor(value: float) -> str:
    return f"{value:.2f}" if value < 2 else f"{value:.1f}" if value < 20 else f"{value:,.0f}"
