"""What the report says of isomiR usage: by the shared test, or by the likelihood ratio test where that calls."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bayes_mirglmm.results.hits import FDR, LOG_BF
from bayes_mirglmm.results.shared_usage_tables import NOTABLE
from bayes_mirglmm.results.usage_choice import LRT, SHARED, chosen_test

if TYPE_CHECKING:
    from bayes_mirglmm.results import Fit

FEATURE_WORDS = {
    "offset_5p": "where isomiRs begin",
    "offset_3p": "where isomiRs end",
    "tail": "tails",
    "tail_a": "tails of A",
    "tail_u": "tails of U",
    "length": "the length of isomiRs",
    "gc": "the GC content of isomiRs",
}
LEADS = {
    LRT: (
        "Do the isomiRs of a miRNA change by different amounts? Read the table as a ranking: a factor that all "
        "miRNAs of a sample share (degradation, size selection, batch) makes these tests call far too many on real "
        "tissue."
    ),
    SHARED: (
        "Do the isomiRs of a miRNA change by different amounts? p shared asks for what goes beyond the isomiR "
        "profiles that the samples share over all miRNAs (degradation, size selection, batch), and is what calls; "
        "the likelihood ratio test beside it looks at each miRNA alone."
    ),
}


def usage_lead(fit: "Fit") -> str:
    """Return what the table of usage asks, by the test that calls."""
    return LEADS[fit.usage_test]


def usage_text(fit: "Fit", usage: pd.DataFrame) -> str:
    """Say how many miRNAs have usage, by which test, and how far to rely on it; empty where nothing was tested."""
    test, reason = chosen_test(fit)
    if test == SHARED:
        return _shared_text(fit, usage)
    tested = usage.dropna(subset=["p_adjusted"])
    if fit.slope is None or not len(tested):
        return ""
    found = int((tested["p_adjusted"] <= FDR).sum())
    text = (
        f"The isomiRs of {found:,} of {len(tested):,} miRNAs change by different amounts "
        f"(likelihood ratio test, false discovery rate {100 * FDR:g} %)"
    )
    ranking = (
        "Read this as a ranking: what all miRNAs of a sample share, such as degradation, can cause it too."
    )
    return " ".join(part for part in (f"{text}{_bayes_factors(fit, usage)}.", reason, ranking) if part)


def _bayes_factors(fit: "Fit", usage: pd.DataFrame) -> str:
    if "log_bf10" not in usage or fit.design.residual_df < 1:
        return ""
    return f"; for {int((usage['log_bf10'] > LOG_BF).sum()):,} the model's own log Bayes factor is above {LOG_BF:g}"


def _shared_text(fit: "Fit", usage: pd.DataFrame) -> str:
    """Say what goes beyond the isomiR profiles that samples share; no list where the groups are such a profile."""
    about = fit.usage_shared().iloc[0]
    parts = []
    if about["verdict"] in ("ok", "shift"):
        found, tested = int(about["hits"]), int(usage["p_shared"].notna().sum())
        parts.append(
            f"The isomiRs of {found:,} of {tested:,} miRNAs change by different amounts, beyond the isomiR profiles "
            f"that the samples share over all miRNAs (false discovery rate {100 * FDR:g} %; by the likelihood ratio "
            f"test of each miRNA alone {int(about['hits_lrt']):,}){_bayes_factors(fit, usage)}."
        )
    if about["reason"]:
        parts.append(f"IsomiR usage: {about['reason']}")
    return " ".join([*parts, direction_sentence(fit)]).strip()


def direction_sentence(fit: "Fit") -> str:
    """Say what the leading profile that all miRNAs share goes along with; empty where none stands out."""
    table = fit.shared_directions(1)
    if not len(table) or not table["share"].iloc[0] > table["unrelated"].iloc[0]:
        return ""
    text = (
        f"The leading isomiR profile that samples share carries {100 * table['share'].iloc[0]:.0f} % of the isomiR "
        "variation"
    )
    strongest = []
    by_chance = 2.0 / np.sqrt(fit.data.sizes["sample"])
    for kind, least in (("isomir", NOTABLE), ("sample", max(NOTABLE, by_chance))):
        part = table[(table["about"] == kind) & (table["correlation"].abs() >= least)]
        if len(part):
            row = part.sort_values("correlation", key=abs).iloc[-1]
            name = str(row["name"])
            words = FEATURE_WORDS.get(name, name) if kind == "isomir" else name
            strongest.append(f"{words} (correlation {abs(float(row['correlation'])):.2f})")
    return f"{text}; it goes along with {' and '.join(strongest)}." if strongest else f"{text}."
