"""Words that not every reader of a table knows, each explained once: for the page, and for the glossary."""

import re

#: Word and explanation; ``docs/glossary.md`` has the same, a test holds it to this.
WORDS: dict[str, str] = {
    "isomiR": (
        "One sequence variant of a miRNA: other ends, added bases, or a base exchanged. A miRNA is read "
        "as dozens of them."
    ),
    "isomiR usage": (
        "How the reads of a miRNA are shared out among its isomiRs. Differential usage: the isomiRs "
        "change by different amounts between groups, so that the sum of their counts depends on which of "
        "them is abundant."
    ),
    "log2 fold change": (
        "1 is a factor of two, -1 a half, 0 no change. Of a miRNA it is the mean over its isomiRs."
    ),
    "natural log": (
        "The logarithm to base e: log2 = natural log / 0.693. A natural log of 0.1 is about a tenth more."
    ),
    "interval": (
        "Of maximum likelihood a confidence interval: its rule covers the truth in 95 of 100 data sets. "
        "Of a posterior a credible interval: given model, prior and these data it holds the effect with a"
        " probability of 95 %."
    ),
    "p-value": ("How often data like these, or more extreme ones, would arise if nothing had changed."),
    "adjusted p-value": (
        "A list cut at 0.05 is expected to hold one false finding in twenty (false discovery rate, "
        "Benjamini and Hochberg)."
    ),
    "prior": (
        "What the model says of a number before it sees the counts. Each has a scale and a reason; "
        "run.json has them."
    ),
    "posterior": (
        "What is known of a number after seeing the counts: a distribution, not one value. Its mean is "
        "the estimate, its standard deviation plays the part of a standard error."
    ),
    "draw": (
        "One set of values of all unknowns, at random from the posterior. Shares of draws are probabilities."
    ),
    "lfsr": (
        "Local false sign rate: the probability that an effect has the other sign than its estimate (or "
        "is 0). 0.01: the direction is 99 % sure. It is about direction and of one effect; a p-value is "
        "about no change at all."
    ),
    "s-value": (
        "The mean lfsr of all effects that are as sure as this one or surer: the share of wrong signs to "
        "expect in a list that ends here. It is read as an adjusted p-value is."
    ),
    "shrunken effect": (
        "A fold change pulled towards 0 by what all miRNAs together say of how large effects are "
        "(Stephens 2017): little where the data are sure, much where they are not. DESeq2 users know it "
        "from lfcShrink with type ashr."
    ),
    "Bayes factor": (
        "How many times more probable the counts are under the model with isomiR slopes than under the "
        "one without. Its natural log is in the tables: 0 says nothing, 3 is twenty to one for usage, -3 "
        "twenty to one against it."
    ),
    "likelihood ratio test": ("Compares how well two models fit; its statistic is in the column lrt."),
    "ROPE": (
        "Region of practical equivalence: effects that are too small to matter. A high probability of "
        "lying in it is evidence for no change, which a large p-value is not."
    ),
    "offset": (
        "What the counts of a sample are compared at: its total, or what a normalisation makes of it."
    ),
    "random effect": (
        "A deviation of one isomiR, or of one sample, from the common value, whose typical size is "
        "estimated from all of them."
    ),
    "dispersion": (
        "How much counts vary beyond Poisson. The model has theta: variance = mean + mean² / theta."
    ),
    "Pareto k": (
        "Whether the weights of the draws of method laplace can be trusted: below 0.7 they can, above it "
        "take the numbers of the miRNA for rough, or fit it with method nuts."
    ),
    "r-hat": ("Whether the chains of method nuts agree: 1.00 they do, above 1.01 they do not yet."),
    "ESS": (
        "Effective sample size: how many independent draws the draws are worth; 400 are enough for the "
        "tables."
    ),
    "divergence": (
        "A step of the sampler that went wrong. More than none: the miRNA's numbers may miss a part of "
        "the posterior."
    ),
}

#: The word that explains a column best, by the column's key.
OF_COLUMNS: dict[str, str] = {
    "log2_fc": "log2 fold change",
    "interval": "interval",
    "p_value": "p-value",
    "p_adjusted": "adjusted p-value",
    "p_shared": "isomiR usage",
    "p_shared_adjusted": "adjusted p-value",
    "p_rope": "ROPE",
    "lfsr": "lfsr",
    "shrunk_lfsr": "lfsr",
    "shrunk_s_value": "s-value",
    "shrunk_log2": "shrunken effect",
    "n_isomirs": "isomiR",
    "usage_p_adjusted": "isomiR usage",
    "usage_log_bf10": "Bayes factor",
    "lrt": "likelihood ratio test",
    "log_bf10": "Bayes factor",
    "log_bf10_shared": "Bayes factor",
    "pareto_k": "Pareto k",
    "r_hat": "r-hat",
    "ess_bulk": "ESS",
    "divergences": "divergence",
}


def anchor(word: str) -> str:
    """Return the id of a word on the page."""
    return "word-" + re.sub("[^a-z0-9]+", "-", word.lower())
