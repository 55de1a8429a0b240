"""What the columns of the findings mean, for the sheet that explains them."""

#: By the name of the column, or the start of it where it ends in a level.
MEANINGS = {
    "mirna": "miRNA, as in the counts",
    "isomir": "isomiR, as in the counts",
    "term": "coefficient or contrast: group[T.case] is level case of factor group against its reference level",
    "contrast": "what is compared",
    "change": "up or down where the error rate of the list down to this row is at most the limit; else empty",
    "mean_cpm": "counts per million of the total, summed over the fitted isomiRs of the miRNA, mean over the samples",
    "mean_cpm_": "the same, mean over the samples of this level",
    "fold_change": "factor by which the mean isomiR of the miRNA changes",
    "log2_fold_change": "its log2; of an isomiR, that of its own change",
    "log2_lower": "lower end of the interval of log2_fold_change",
    "log2_upper": "upper end of the interval of log2_fold_change",
    "ln_fold_change": "natural log of the fold change",
    "ln_lower": "lower end of the interval of ln_fold_change",
    "ln_upper": "upper end of the interval of ln_fold_change",
    "p_value": "two-sided p-value of the fold change",
    "p_adjusted": "p-value adjusted by the method of Benjamini and Hochberg, within the coefficient or contrast",
    "shrunk_lfsr": "local false sign rate of the shrunken effect: probability that it has the other sign or is 0",
    "shrunk_s_value": "mean of shrunk_lfsr over all miRNAs that are as sure: the error rate of the list down to here",
    "log2_shrunken": "log2 fold change shrunk across miRNAs (Stephens 2017): steadier for ranking, biased towards 0",
    "log2_change_of_sums": "log2 change of the summed counts, by log-linear regression, without a model of isomiRs",
    "top_isomir": "the most abundant isomiR",
    "top_isomir_type": "its type, by annotation or sequence",
    "top_isomir_share": "its share of the reads of the miRNA",
    "top_isomir_log2_fold_change": "log2 fold change of this isomiR alone",
    "usage_p_adjusted": "adjusted p-value of the test whether isomiRs of the miRNA change by different amounts",
    "usage_log_bf10": "natural log of the Bayes factor for isomiR slopes: 3 is twenty to one",
    "n_isomirs": "isomiRs that were fitted",
    "n_deviating": "isomiRs whose change deviates from the miRNA's, at the limit; of miRNAs whose usage is called",
    "deviating": "the first of them: type, their change beside the miRNA's, local false sign rate of the deviation",
    "outlying_cells": "single counts that stand far from the others; the usage table has its p-value without them",
    "status": "outcome of the fit of the miRNA",
    "type": "type of the isomiR: canonical, 5' end, 3' end, tail, internal or mixed",
    "share": "share of the reads of its miRNA",
    "log2_of_mirna": "log2 fold change of its miRNA: the mean over its isomiRs",
    "log2_deviation": "difference of the two",
    "ln_deviation": "its natural log form",
    "lfsr": "local false sign rate of the deviation: probability that it has the other sign",
}


def meaning_of(column: str) -> str:
    """Return what a column means, or an empty text."""
    if column in MEANINGS:
        return MEANINGS[column]
    start = next((name for name in MEANINGS if name.endswith("_") and column.startswith(name)), "")
    return MEANINGS.get(start, "")
