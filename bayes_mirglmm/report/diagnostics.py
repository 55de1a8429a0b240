"""What limits a fit, and what to do about it: cautions, statuses, the reliability of draws."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bayes_mirglmm.results.selection import fitted

if TYPE_CHECKING:
    from bayes_mirglmm.results import Fit


@dataclass(frozen=True)
class Finding:
    """One thing to know. ``level`` is ``ok``, ``note`` or ``warning``."""

    level: str
    what: str
    advice: str


#: What a caution of the fit says, in part, and what to do about it.
ABOUT_CAUTIONS = (
    (
        "offsets disagree between groups",
        "Fit again with the other offset and keep the findings that both give. Where a few miRNAs that take much of "
        "the reads change, median_ratio or tmm is the safer choice; where most miRNAs change, neither is.",
    ),
    (
        "the design is saturated",
        "Take a variable out of the formula or add samples; --df z gives intervals that are too narrow here.",
    ),
    (
        "only one sample has",
        "Effects of that level rest on one sample: leave the level out, merge it with another, or add samples.",
    ),
    (
        "fitted as a linear covariate",
        "If the numbers are codes of groups, fit again with C(column) in the formula; amounts are right as they are.",
    ),
)
GENERAL_ADVICE = "Decide whether it touches your question before you use the results."

#: Status: meaning, and what to do.
ABOUT_STATUS = {
    "ok": ("Fitted, nothing to say.", ""),
    "boundary": (
        "Fitted; a variance was estimated as 0, or a correlation as -1 or 1.",
        "Common with few isomiRs or samples, and no fault: estimates and tests of the fold change stand. "
        "--method laplace keeps variances off the boundary.",
    ),
    "poisson_limit": (
        "Fitted with Poisson counts: no overdispersion was left.",
        "Common where counts are small. With large counts check that the samples are independent replicates.",
    ),
    "separated": (
        "Not fitted: a group has no counts at all, so its fold change has no finite estimate.",
        "Look at the counts: it may be the clearest change of all. --method laplace gives a finite estimate.",
    ),
    "too_few_isomirs": (
        "Not fitted: fewer than two isomiRs were left.",
        "Lower --min-isomir-log-cpm, or test the summed counts with another tool.",
    ),
    "low_expression": (
        "Not fitted: below the expression filter.",
        "Nothing to do, unless you need one of them: lower --min-mirna-log-cpm.",
    ),
    "not_converged": (
        "The numbers are not to be trusted: the optimum was not reached, or the draws are unreliable.",
        "Read the reason; leave the miRNA out of conclusions, or fit it by another --method.",
    ),
    "failed": (
        "Not fitted: an error.",
        "Read the reason; if it is not about your data, report it with the version that is given below.",
    ),
}

#: Column of the table of effects: limit, direction in which it is bad, what that means, what to do.
LIMITS = {
    "pareto_k": (
        0.7,
        np.greater,
        "posterior draws that are unreliable (Pareto k above 0.7)",
        "Take their rows for rough; fit them with --method nuts, or compare with the fit by maximum likelihood.",
    ),
    "r_hat": (
        1.01,
        np.greater,
        "chains that do not agree (r-hat above 1.01)",
        "Draw more: --draws and --tune twice as high; if it stays, the model does not suit the miRNA.",
    ),
    "ess_bulk": (
        400.0,
        np.less,
        "fewer than 400 effective draws",
        "Their intervals and small lfsr are noisy: raise --draws.",
    ),
    "divergences": (
        0.0,
        np.greater,
        "divergent transitions",
        "A few in thousands of draws do little; where there are more, compare with --method laplace.",
    ),
}


def diagnostics(fit: "Fit", effects: pd.DataFrame) -> list[Finding]:
    """Return the cautions of the fit, then what became of the miRNAs, then the reliability of its draws.

    Parameters
    ----------
    fit : Fit
        Of any method.
    effects : pandas.DataFrame
        Its table of effects, which has the diagnostics of the method.
    """
    found = [
        Finding("warning", str(text), advice_on(str(text))) for text in fit.metadata.get("cautions") or []
    ]
    for column, (limit, beyond, what, advice) in LIMITS.items():
        if column not in effects:
            continue
        worst = effects.groupby("mirna", sort=False)[column].agg("min" if beyond is np.less else "max")
        bad = worst[beyond(worst, limit)]
        if len(bad):
            found.append(
                Finding("warning", f"{_mirnas(len(bad))} with {what}: {_some(list(bad.index))}.", advice)
            )
        else:
            found.append(Finding("ok", f"No miRNA with {what}.", ""))
    if not fit.is_bayesian and fit.residual_df < 1:
        found.append(Finding("warning", "No degrees of freedom are left for tests.", ABOUT_CAUTIONS[1][1]))
    return found


def statuses(fit: "Fit") -> list[dict[str, object]]:
    """Return a row per status that occurs: ``status``, ``count``, ``fitted``, ``meaning``, ``advice``."""
    status = pd.Series(fit.data["status"].values, dtype=object)
    has = fitted(fit.data)
    rows = []
    for name, count in status.value_counts().items():
        meaning, advice = ABOUT_STATUS.get(str(name), ("", ""))
        rows.append(
            {
                "status": str(name),
                "count": int(count),
                "fitted": int(has[(status == name).to_numpy()].sum()),
                "meaning": meaning,
                "advice": advice,
            }
        )
    return rows


def advice_on(caution: str) -> str:
    """Return what to do about a caution of the fit."""
    return next((advice for part, advice in ABOUT_CAUTIONS if part in caution), GENERAL_ADVICE)


def _mirnas(number: int) -> str:
    return "1 miRNA" if number == 1 else f"{number:,} miRNAs"


def _some(names: list[str], limit: int = 8) -> str:
    shown = ", ".join(str(name) for name in names[:limit])
    return f"{shown} and {len(names) - limit} more" if len(names) > limit else shown
