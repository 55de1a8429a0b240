"""What limits a fit, and what to do about it: cautions, statuses, the reliability of draws."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from bayes_mirglmm.outcomes import CAUTIONS, LIMITS, STATUSES, from_metadata
from bayes_mirglmm.results.outliers import calls_by_outliers, outliers_sentence
from bayes_mirglmm.results.selection import fitted

if TYPE_CHECKING:
    from bayes_mirglmm.results import Fit


OUTLIERS = (
    "fit.outlying_cells() lists them, the column of outlying counts says which miRNAs they are in. Where they are "
    "errors mend the counts; where one sample has many of them leave it out."
)


@dataclass(frozen=True)
class Finding:
    """One thing to know. ``level`` is ``ok``, ``note`` or ``warning``."""

    level: str
    what: str
    advice: str


def diagnostics(fit: "Fit", effects: pd.DataFrame) -> list[Finding]:
    """Return the cautions of the fit, then counts that stand far out, then the reliability of its draws.

    Parameters
    ----------
    fit : Fit
        Of any method.
    effects : pandas.DataFrame
        Its table of effects, which has the diagnostics of the method.
    """
    found = [Finding("warning", str(caution), caution.advice) for caution in from_metadata(fit.metadata)]
    if len(fit) and (stand_out := outliers_sentence(fit)):
        found.append(Finding("warning" if calls_by_outliers(fit) else "note", stand_out, OUTLIERS))
    for column, limit in LIMITS.items():
        if column not in effects:
            continue
        worst = effects.groupby("mirna", sort=False)[column].agg("max" if limit.beyond == "above" else "min")
        bad = worst[limit.passed(worst)]
        if len(bad):
            what = f"{_mirnas(len(bad))} with {limit.meaning}: {_some(list(bad.index))}."
            found.append(Finding("warning", what, limit.advice))
        else:
            found.append(Finding("ok", f"No miRNA with {limit.meaning}.", ""))
    if not fit.method.has_draws and fit.residual_df < 1:
        found.append(Finding("warning", "No degrees of freedom are left for tests.", CAUTIONS["saturated"]))
    return found


def statuses(fit: "Fit") -> list[dict[str, object]]:
    """Return a row per status that occurs: ``status``, ``count``, ``fitted``, ``meaning``, ``advice``."""
    status = pd.Series(fit.data["status"].values, dtype=object)
    has = fitted(fit.data)
    rows = []
    for name, count in status.value_counts().items():
        known = STATUSES.get(str(name))
        rows.append(
            {
                "status": str(name),
                "count": int(count),
                "fitted": int(has[(status == name).to_numpy()].sum()),
                "meaning": known.meaning if known else "",
                "advice": known.advice if known else "",
            }
        )
    return rows


def _mirnas(number: int) -> str:
    return "1 miRNA" if number == 1 else f"{number:,} miRNAs"


def _some(names: list[str], limit: int = 8) -> str:
    shown = ", ".join(str(name) for name in names[:limit])
    return f"{shown} and {len(names) - limit} more" if len(names) > limit else shown
