"""What the report says of isomiR usage under what samples share."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bayes_mirglmm.results.hits import FDR

if TYPE_CHECKING:
    from bayes_mirglmm.results import Fit

NOTABLE = 0.3  # correlation from which on a shared direction is said to go along with something
GLOBAL_LEVEL = 0.05
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
    "lrt": (
        "Do the isomiRs of a miRNA change by different amounts? Read the table as a ranking: a factor that all "
        "miRNAs of a sample share (degradation, size selection, batch) makes these tests call far too many on real "
        "tissue."
    ),
    "shared": (
        "Do the isomiRs of a miRNA change by different amounts? p shared asks for what goes beyond the isomiR "
        "profiles that the samples share over all miRNAs (degradation, size selection, batch), and is what calls; "
        "the likelihood ratio test beside it looks at each miRNA alone."
    ),
}


def shared_usage_text(fit: "Fit", usage: pd.DataFrame) -> str:
    """Say what goes beyond the isomiR profiles that samples share; no list where the groups are such a profile."""
    about = fit.usage_shared().iloc[0]
    parts = []
    if about["verdict"] == "ok":
        found, tested = int(about["hits"]), int(usage["p_shared"].notna().sum())
        parts.append(
            f"The isomiRs of {found:,} of {tested:,} miRNAs change by different amounts, beyond the isomiR profiles "
            f"that the samples share over all miRNAs (false discovery rate {100 * FDR:g} %)."
        )
    if about["reason"]:
        parts.append(f"IsomiR usage: {about['reason']}")
    if about["global_p_value"] <= GLOBAL_LEVEL:
        parts.append(
            f"One finding for all miRNAs together: where isomiRs end and whether they have a tail goes along with "
            f"{fit.slope} (p {about['global_p_value']:.2g} by relabelling)."
        )
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
