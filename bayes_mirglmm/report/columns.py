"""The columns of the page's tables: what a fit may have, how it is shown, what it means."""

from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from bayes_mirglmm.methods.registry import SHRUNKEN
from bayes_mirglmm.report.words import OF_COLUMNS, anchor


@dataclass(frozen=True)
class Column:
    """A column of a table on the page.

    Attributes
    ----------
    key : str
        Name in the data, and in the CSV file: that of the tables in a run folder.
    label : str
        Header.
    meaning : str
        What it is, with its unit: shown in the legend under the table.
    kind : str
        ``text``, ``name``, ``status``, ``integer``, ``number``, ``signed``, ``p`` (probabilities) or ``interval``
        (``lower_log2`` to ``upper_log2``).
    extra : bool
        Shown on demand only, so that the table fits a screen; always in the CSV file.
    """

    key: str
    label: str
    meaning: str
    kind: str
    extra: bool = False


MIRNA = Column("mirna", "miRNA", "Click a name, or press Enter on it, for its isomiRs.", "name")


def _effects(prob: float, bayesian: bool) -> tuple[Column, ...]:
    percent = f"{100 * prob:g} %"
    if bayesian:
        tests: tuple[Column, ...] = (
            Column(
                "lfsr",
                "lfsr",
                "Local false sign rate of the posterior: the probability that the effect has the other sign, under the "
                "prior of one miRNA, which takes no account of how many do not change.",
                "p",
                extra=True,
            ),
            Column(
                "shrunk_lfsr",
                "lfsr, shrunken",
                "Local false sign rate of the shrunken effect: the probability that it has the other sign or is 0.",
                "p",
            ),
            Column(
                "shrunk_s_value",
                SHRUNKEN,
                "Not of the posterior but of the shrunken effects: the mean of their local false sign rates over all "
                "that are as sure as this one, the error rate of the list down to here. It calls the hits.",
                "p",
            ),
        )
    else:
        tests = (
            Column("p_value", "p", "Two-sided p-value of the fold change.", "p"),
            Column("p_adjusted", "adj. p", "Benjamini-Hochberg, over the miRNAs of this comparison.", "p"),
            Column(
                "p_beyond_shared",
                "p beyond shared",
                "p-value if all that the miRNAs do together along this comparison were noise of the samples.",
                "p",
            ),
        )
    interval = "equal-tailed interval of the posterior" if bayesian else "confidence interval"
    estimate = "posterior mean" if bayesian else "maximum likelihood"
    return (
        Column(
            "log2_fc", "log2 FC", f"log2 fold change of the miRNA over its isomiRs ({estimate}).", "signed"
        ),
        Column(
            "interval", f"{percent} interval", f"{percent} {interval} of the log2 fold change.", "interval"
        ),
        *tests,
        Column(
            "p_beyond",
            "P(large)",
            "Posterior probability of a change by more than the factor that the run was made with (--beyond-fold), up "
            "or down.",
            "number",
        ),
        Column(
            "p_rope",
            "P(none)",
            "Posterior probability that the change is within the factor that counts as none (--rope-fold).",
            "number",
        ),
        Column(
            "shrunk_log2",
            "shrunken log2 FC",
            "log2 fold change shrunk across miRNAs (Stephens 2017): steadier for ranking, biased towards 0.",
            "signed",
        ),
    )


def _of_mirnas() -> tuple[Column, ...]:
    return (
        Column(
            "cpm", "mean CPM", "Counts per million of its isomiRs, summed; mean over the samples.", "number"
        ),
        Column("n_isomirs", "isomiRs", "Number of isomiRs that were fitted.", "integer"),
        Column(
            "usage_p_adjusted", "usage adj. p", "Do its isomiRs change alike? By the test that calls.", "p"
        ),
        Column(
            "usage_log_bf10", "usage log BF", "Natural log of the Bayes factor for isomiR slopes.", "signed"
        ),
        Column(
            "pareto_k",
            "Pareto k",
            "Reliability of the draws; above 0.7 take the row for rough (status not_converged).",
            "number",
            extra=True,
        ),
        Column("r_hat", "r-hat", "Do the chains agree? Above 1.01 they do not.", "ratio", extra=True),
        Column("ess_bulk", "ESS", "Effective number of posterior draws (bulk).", "integer", extra=True),
        Column(
            "divergences", "div.", "Divergent transitions of the sampler; should be 0.", "integer", extra=True
        ),
        Column("status", "status", "Outcome of the fit; explained under Diagnostics.", "status"),
    )


RESTS_ON = Column(
    "deciding_samples",
    "rests on",
    "Called, and not without this sample: the p-value by maximum likelihood is above 0.05 without it.",
    "text",
)
WITHOUT_SAMPLE = Column(
    "p_value_without_sample",
    "p without a sample",
    "The largest p-value by maximum likelihood without one of the samples; not adjusted.",
    "p",
    extra=True,
)

USAGE = (
    Column(
        "p_shared", "p shared", "Of usage beyond the isomiR profiles that samples share over all miRNAs.", "p"
    ),
    Column("p_shared_adjusted", "adj. p shared", "Benjamini-Hochberg, over the miRNAs.", "p"),
    Column(
        "p_within",
        "p within",
        "Of usage, or of a shift along the groups that all miRNAs share: a batch counts too.",
        "p",
    ),
    Column(
        "p_rotation",
        "p rotation",
        "p shared before it is read against relabelled samples.",
        "p",
        extra=True,
    ),
    Column(
        "log_bf10_shared",
        "log BF shared",
        "Natural log of a Bayes factor for usage beyond what samples share.",
        "signed",
    ),
    Column(
        "share",
        "share",
        "Part of its isomiR variation that lies along directions that samples share.",
        "number",
    ),
    Column("lrt", "LRT", "Likelihood ratio statistic: models with and without isomiR slopes.", "number"),
    Column("df", "df", "Parameters that the model without isomiR slopes lacks.", "integer"),
    Column(
        "p_value", "p", "From the mixture of chi-squared distributions that holds at a variance of 0.", "p"
    ),
    Column(
        "p_value_chi2",
        "p (chi²)",
        "From chi-squared with df degrees of freedom, as R's anova prints it.",
        "p",
    ),
    Column("p_adjusted", "adj. p", "Benjamini-Hochberg, over the miRNAs.", "p"),
    Column(
        "log_bf10",
        "log BF",
        "Natural log of the Bayes factor for isomiR slopes, within the model: 3 is twenty to one.",
        "signed",
    ),
    Column("log_bf10_error", "± error", "Monte Carlo error of the log Bayes factor.", "number"),
    Column(
        "pareto_k", "Pareto k", "Reliability of the evidence of both models; above 0.7 it is rough.", "number"
    ),
    Column(
        "outlying_cells",
        "outlying counts",
        "Counts of single isomiRs in single samples that stand far from the others.",
        "integer",
    ),
    Column(
        "p_value_without",
        "p without them",
        "p, with these counts replaced by what the others predict.",
        "p",
    ),
    RESTS_ON,
    WITHOUT_SAMPLE,
)


def effect_columns(table: pd.DataFrame, prob: float, *, bayesian: bool) -> list[dict[str, Any]]:
    """Return the columns that the table of a comparison shows, given what is known of the miRNAs (``table``)."""
    wanted = [MIRNA, *_effects(prob, bayesian), RESTS_ON, WITHOUT_SAMPLE, *_of_mirnas()]
    known = {*table.columns, *(["interval"] if "lower_log2" in table else [])}
    return [_shown(column) for column in wanted if column.key in known]


def usage_columns(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the columns of the usage table that this fit has."""
    known = set(table.columns)
    if "outlying_cells" in known and not table["outlying_cells"].gt(0).any():
        known -= {"outlying_cells", "p_value_without"}
    return [_shown(column) for column in (MIRNA, *USAGE) if column.key in known]


def _shown(column: Column) -> dict[str, Any]:
    """Return a column as the page has it, with the place among its words that its name leads to."""
    word = OF_COLUMNS.get(column.key)
    return asdict(column) | {"word": anchor(word) if word else ""}
