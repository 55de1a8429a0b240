"""Every way in which a miRNA or a fit can end, once: its code, what it means, what to do, and the limits that decide.

Fits record codes; report, summary, plots and documents read the words from here. Nothing is recognised by a part of a
sentence.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

#: Pareto k-hat of importance weights above which a weighted mean is not to be trusted (Vehtari et al. 2024).
RELIABLE_PARETO_K = 0.7
#: R-hat above which chains do not agree (Vehtari et al. 2021, Bayesian Analysis 16:667).
LARGEST_R_HAT = 1.01
#: Effective number of draws below which the tails of an interval are noisy (the same paper).
SMALLEST_ESS = 400.0
#: Samples below which ends of intervals of method="laplace" may be off; see the caution "few_samples".
FEWEST_SAMPLES_OF_LAPLACE = 6
#: Filters of the command line, natural log of the median counts per million (Baran et al. 2025).
MIN_MIRNA_LOG_CPM = 5.0
MIN_ISOMIR_LOG_CPM = -1.0
#: A model needs a variance between isomiRs.
FEWEST_ISOMIRS = 2


@dataclass(frozen=True)
class Status:
    """What became of a miRNA: ``code`` stands in ``status()``, the rest is for people."""

    code: str
    meaning: str
    advice: str = ""
    words: str = ""
    """The meaning in a few words, for one line of a summary."""
    converged: bool = False
    """Whether an optimum was found, so that standard errors and tests mean something."""


OK = "ok"
BOUNDARY = "boundary"
POISSON_LIMIT = "poisson_limit"
SEPARATED = "separated"
TOO_FEW_ISOMIRS = "too_few_isomirs"
LOW_EXPRESSION = "low_expression"
NOT_CONVERGED = "not_converged"
NOT_SELECTED = "not_selected"
INTERRUPTED = "interrupted"
FAILED = "failed"

STATUSES: dict[str, Status] = {
    status.code: status
    for status in (
        Status(OK, "Fitted, nothing to say.", converged=True),
        Status(
            BOUNDARY,
            "Fitted; a variance was estimated as 0, or a correlation as -1 or 1.",
            "Common with few isomiRs or samples, and no fault: estimates and tests of the fold change stand. "
            "--method laplace keeps variances off the boundary.",
            words="a variance of 0 or a correlation of ±1",
            converged=True,
        ),
        Status(
            POISSON_LIMIT,
            "Fitted with Poisson counts: no overdispersion was left.",
            "Common where counts are small. With large counts check that the samples are independent replicates.",
            words="no overdispersion",
            converged=True,
        ),
        Status(
            SEPARATED,
            "Not fitted: a group has no counts at all, so its fold change has no finite estimate.",
            "Look at the counts: it may be the clearest change of all. --method laplace gives a finite estimate.",
            words="a group without counts",
        ),
        Status(
            TOO_FEW_ISOMIRS,
            "Not fitted: fewer than two isomiRs were left.",
            "Lower --min-isomir-log-cpm, or test the summed counts with another tool.",
            words="fewer than 2 isomiRs",
        ),
        Status(
            LOW_EXPRESSION,
            "Not fitted: below the expression filter.",
            "Nothing to do, unless you need one of them: lower --min-mirna-log-cpm.",
        ),
        Status(
            NOT_CONVERGED,
            "The numbers are not to be trusted: the optimum was not reached, or the draws are unreliable.",
            "Read the reason; leave the miRNA out of conclusions, or fit it by another --method.",
        ),
        Status(
            NOT_SELECTED,
            "Not fitted: it passed the filters, but is not in the part of the counts that was fitted.",
            "Its numbers are in the fit of its own part.",
        ),
        Status(
            INTERRUPTED,
            "Not fitted: the run was interrupted before.",
            "Fit again for a complete table; resume=True (--resume) goes on where the run stopped.",
        ),
        Status(
            FAILED,
            "Not fitted: an error.",
            "Read the reason; if it is not about your data, report it with the version that is given below.",
        ),
    )
}
#: Statuses of a model whose optimum was found.
CONVERGED = tuple(status.code for status in STATUSES.values() if status.converged)


@dataclass(frozen=True)
class Limit:
    """Past which value a diagnostic of draws warns: ``column`` is its name in the tables."""

    column: str
    value: float
    beyond: Literal["above", "below"]
    meaning: str
    """What miRNAs past the limit have, to be read after their number."""
    advice: str

    def passed(self, value: Any) -> Any:
        """Tell whether ``value`` (a number or an array) is past the limit; NaN is not."""
        return value > self.value if self.beyond == "above" else value < self.value


LIMITS: dict[str, Limit] = {
    limit.column: limit
    for limit in (
        Limit(
            "pareto_k",
            RELIABLE_PARETO_K,
            "above",
            f"posterior draws that are unreliable (Pareto k above {RELIABLE_PARETO_K})",
            "Take their rows for rough; fit them with --method nuts, or compare with the fit by maximum likelihood.",
        ),
        Limit(
            "r_hat",
            LARGEST_R_HAT,
            "above",
            f"chains that do not agree (r-hat above {LARGEST_R_HAT})",
            "Draw more: --draws and --tune twice as high; if it stays, the model does not suit the miRNA.",
        ),
        Limit(
            "ess_bulk",
            SMALLEST_ESS,
            "below",
            f"fewer than {SMALLEST_ESS:.0f} effective draws",
            "Their intervals and small lfsr are noisy: raise --draws.",
        ),
        Limit(
            "divergences",
            0.0,
            "above",
            "divergent transitions",
            "A few in thousands of draws do little; where there are more, compare with --method laplace.",
        ),
    )
}

#: What to do about each kind of caution.
CAUTIONS: dict[str, str] = {
    "offset": (
        "Fit again with the other offset and keep the findings that both give. Where a few miRNAs that take much of "
        "the reads change, median_ratio or tmm is the safer choice; where most miRNAs change, neither is."
    ),
    "slope": ("Until then read p-values of coefficients without isomiR slopes as too small."),
    "saturated": (
        "Take a variable out of the formula or add samples; --df z gives intervals that are too narrow here."
    ),
    "many_coefficients": (
        "Fit again by restricted likelihood (--criterion reml); write what many levels share as a random term, "
        "(1 | patient)."
    ),
    "single_sample": (
        "Effects of that level rest on one sample: leave the level out, merge it with another, or add samples."
    ),
    "few_samples": (
        "Fit by --method nuts, which makes no such approximation, before a finding rests on the width of an interval."
    ),
    "coded_levels": (
        "If the numbers are codes of groups, fit again with C(column) in the formula; amounts are right as they are."
    ),
    "spellings": "Correct the sample table and fit again if the two mean the same; each is a level of its own here.",
    "identical_samples": "Find out which of the names is right before you use the results, and fit again.",
    "few_mirnas": (
        "Lower the expression filters so that more miRNAs take part, or read the usage test as a ranking; of effects "
        "keep those that samples='independent' (a run without --shared-samples) gives too."
    ),
    "unbalanced_groups": (
        "Look at the samples of the small group (fit.shared_directions()); where one of them stands out, leave it out "
        "and see whether the findings stay."
    ),
    "shared_direction": (
        "Look at sample_directions.tsv and bm.plot_shared_samples(fit) for what the groups differ in besides, put what "
        "is measured into the formula, and read p_beyond_shared for miRNAs that go beyond what all do."
    ),
    "nothing_fitted": (
        "status.tsv has the reason of each. Rows of the counts should be isomiRs, several of a miRNA; lower the "
        "expression filters where they leave too few, and look at the failed ones where there are any."
    ),
    "interrupted": (
        "The miRNAs that are missing have the status interrupted; resume=True (--resume) fits them, where the fit has "
        "a ledger."
    ),
    "dates": "Add a column that says what you mean: a number such as days since the first, or names of batches.",
    "not_counts": (
        "Give the raw read counts of the upstream tool. Only counts that were drawn to one depth on purpose may stay."
    ),
    "belonging": (
        "Fit again with the random term that is named if they do; if the column says nothing of the kind, nothing is "
        "amiss."
    ),
    "replicates": "Counted as samples, runs of one library make every p-value too small.",
}
GENERAL_ADVICE = "Decide whether it touches your question before you use the results."


class Caution(str):
    """A sentence on what is legal and limits the conclusions of a fit; ``kind`` is its key in :data:`CAUTIONS`."""

    __slots__ = ("kind",)
    kind: str

    def __new__(cls, kind: str, sentence: str) -> "Caution":
        """Make the sentence; ``kind`` may be empty for one that has no advice of its own."""
        caution = super().__new__(cls, sentence)
        caution.kind = kind
        return caution

    @property
    def advice(self) -> str:
        """What to do about it."""
        return CAUTIONS.get(self.kind, GENERAL_ADVICE)


def as_metadata(cautions: Sequence[Caution]) -> dict[str, list[str]]:
    """Return cautions as they stand in ``run.json``: the sentences, and beside them their kinds."""
    return {"cautions": list(cautions), "caution_kinds": [caution.kind for caution in cautions]}


def from_metadata(metadata: Mapping[str, Any]) -> list[Caution]:
    """Return the cautions of a fit, new or loaded."""
    sentences = list(metadata.get("cautions") or [])
    kinds = list(metadata.get("caution_kinds") or [])
    kinds += [""] * (len(sentences) - len(kinds))
    return [Caution(str(kind), str(sentence)) for kind, sentence in zip(kinds, sentences, strict=False)]
