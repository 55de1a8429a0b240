"""The miRNAs on which two sides disagree most, and what a fit of this package knows about the cause."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bayes_mirglmm.comparison.agreement import called
from bayes_mirglmm.comparison.sources import Source
from bayes_mirglmm.counts.on_disk import sums_of
from bayes_mirglmm.outcomes import BOUNDARY, NOT_CONVERGED, POISSON_LIMIT

if TYPE_CHECKING:
    from bayes_mirglmm.results import Fit

FEW_ISOMIRS = 4
USAGE_P = 0.05
DOMINANT = 0.7  # share of a miRNA's reads
APART = 0.2  # natural log: distance of a dominant isomiR's effect from the miRNA's that is worth a word
WIDER = 2.0
NEGLIGIBLE = 0.005  # natural log, half a percent: a difference that shows as 0.00 and needs no cause


def disagreements_table(a: Source, b: Source, n: int, fdr: float) -> pd.DataFrame:
    """Return the ``n`` miRNAs with the largest differences in units of their standard errors.

    The difference is divided by the root mean square of both standard errors (of the one that there is), and taken as
    it is where neither side has any. :meth:`Comparison.disagreements` explains the columns.
    """
    shared = a.table.index[a.table.index.isin(b.table.index)]
    one, two = a.table.loc[shared], b.table.loc[shared]
    difference = two["estimate"] - one["estimate"]
    error = np.sqrt(pd.concat([one["std_error"] ** 2, two["std_error"] ** 2], axis=1).mean(axis=1))
    standardised = difference / error.where(error > 0)
    size = standardised.abs() if standardised.notna().any() else difference.abs()
    worst = size.dropna().sort_values(ascending=False, kind="stable").head(n).index
    reasons = [Reasons(s) for s in (a, b) if s.fit is not None]
    rows = []
    for mirna in worst:
        rows.append(
            {
                "mirna": mirna,
                f"estimate_{a.name}": one.loc[mirna, "estimate"],
                f"estimate_{b.name}": two.loc[mirna, "estimate"],
                "difference": difference[mirna],
                "in_std_errors": standardised[mirna],
                f"call_{a.name}": called(a, fdr)[mirna],
                f"call_{b.name}": called(b, fdr)[mirna],
                "why": _why(str(mirna), a, b, reasons),
            }
        )
    columns = ["mirna", f"estimate_{a.name}", f"estimate_{b.name}", "difference", "in_std_errors"]
    return pd.DataFrame(rows, columns=[*columns, f"call_{a.name}", f"call_{b.name}", "why"])


def absent_table(sources: list[Source]) -> pd.DataFrame:
    """Return a row for each miRNA that a side lacks and another one has: mirna, source, reason."""
    every = list(dict.fromkeys(m for s in sources for m in s.table.index))
    rows = []
    for source in sources:
        status = None if source.fit is None else source.fit.status().set_index("mirna")
        for mirna in every:
            if mirna in source.table.index:
                continue
            reason = "not in the table"
            if status is not None:
                reason = "not among the counts of the fit"
                if mirna in status.index:
                    reason = f"{status.loc[mirna, 'status']}: {status.loc[mirna, 'reason']}"
            rows.append({"mirna": mirna, "source": source.name, "reason": reason})
    return pd.DataFrame(rows, columns=["mirna", "source", "reason"])


class Reasons:
    """What a fit knows about each of its miRNAs that can make other results differ."""

    def __init__(self, source: Source) -> None:
        assert source.fit is not None
        fit = source.fit
        self.name = source.name
        self.status = fit.status().set_index("mirna")
        self.usage = fit.usage(test="lrt").set_index("mirna")
        self.dominant = _dominant(fit, source.term)

    def of(self, mirna: str) -> list[str]:
        """Return the reasons for one miRNA, each a clause."""
        if mirna not in self.status.index:
            return []
        found = []
        if mirna in self.usage.index:
            usage = self.usage.loc[mirna]
            if usage["p_value"] <= USAGE_P:
                evidence = f"LRT p = {usage['p_value']:.1g}"
                if np.isfinite(usage.get("log_bf10", np.nan)):
                    evidence += f", log BF {usage['log_bf10']:.1f}"
                found.append(f"usage: isomiRs change by different amounts ({evidence})")
        if mirna in self.dominant.index:
            own = self.dominant.loc[mirna]
            found.append(
                f"dominance: one isomiR has {100 * own['share']:.0f} % of the reads, and its own log FC is "
                f"{own['effect']:+.2f}"
            )
        row = self.status.loc[mirna]
        if row["status"] in (BOUNDARY, POISSON_LIMIT, NOT_CONVERGED):
            found.append(f"{row['status']}: {_clause(str(row['reason']))}")
        if row["n_isomirs"] <= FEW_ISOMIRS:
            found.append(f"low J: {row['n_isomirs']} isomiRs")
        return found


def _clause(reason: str) -> str:
    """Return a status's sentence without what its name says already."""
    return reason.removeprefix("On the boundary: ").rstrip(".") or "see status()"


def _dominant(fit: "Fit", term: str) -> pd.DataFrame:
    """Return miRNAs with an isomiR that holds most reads and changes by another amount: share, effect."""
    reads = pd.DataFrame(
        {
            "mirna": fit.data["isomir_mirna"].values,
            "isomir": fit.data["isomir"].values,
            "reads": sums_of(fit.data["counts"])[0],
        }
    )
    if term not in fit.design.slope_terms or reads.empty:
        return pd.DataFrame(columns=["share", "effect"])
    reads["share"] = reads["reads"] / reads.groupby("mirna")["reads"].transform("sum")
    effects = fit.isomir_effects(term)[["isomir", "estimate", "deviation"]]
    joined = reads.merge(effects, on="isomir")
    chosen = joined[(joined["share"] >= DOMINANT) & (joined["deviation"].abs() >= APART)]
    return chosen.set_index("mirna").rename(columns={"estimate": "effect"})[["share", "effect"]]


def _why(mirna: str, a: Source, b: Source, reasons: list[Reasons]) -> str:
    by_word: dict[str, str] = {}  # two fits of the same counts say most things twice
    for reason in [reason for r in reasons for reason in r.of(mirna)]:
        by_word.setdefault(reason.split(":")[0], reason)
    estimates = [float(s.table["estimate"].to_numpy()[s.table.index.get_loc(mirna)]) for s in (a, b)]
    differ = abs(estimates[1] - estimates[0]) >= NEGLIGIBLE
    found = list(by_word.values()) if differ else []
    errors = [float(s.table["std_error"].to_numpy()[s.table.index.get_loc(mirna)]) for s in (a, b)]
    if min(errors) > 0 and max(errors) > WIDER * min(errors):
        wide = (a, b)[int(np.argmax(errors))].name
        found.append(f"width: {wide} has {max(errors) / min(errors):.1f} times the standard error")
    if found:
        return "; ".join(found)
    if not differ:
        return "the estimates agree"
    return "no cause seen" if reasons else "unknown: neither side is a fit of this package"
