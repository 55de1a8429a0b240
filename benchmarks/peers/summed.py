"""Peers in Python that see the counts of a miRNA summed over its isomiRs, and one that sees the isomiRs.

Each takes counts (features, samples), totals, and which samples are of the second group, and returns a table indexed
by feature: estimate, std_error, lower, upper (natural log, second group against first), p_value, p_adjusted. A feature
that a method could not handle has NaN: failures are seen, not dropped.
"""

import warnings

import numpy as np
import pandas as pd
from scipy import stats
from scipy.stats import false_discovery_control

LOG_2 = np.log(2.0)
Z = stats.norm.ppf(0.975)
COLUMNS = ["estimate", "std_error", "lower", "upper", "p_value", "p_adjusted"]


def nb_glm(counts: pd.DataFrame, total: np.ndarray, second: np.ndarray) -> pd.DataFrame:
    """Negative binomial regression (statsmodels, maximum likelihood), offset log total, Wald z: the paper's NB GLM."""
    import statsmodels.api as sm

    x = sm.add_constant(second.astype(float))
    rows = []
    for y in counts.to_numpy(dtype=float):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                fit = sm.NegativeBinomial(y, x, exposure=total).fit(disp=0, maxiter=500)
                sound = fit.mle_retvals["converged"] and np.isfinite(fit.bse[1])
                rows.append((fit.params[1], fit.bse[1]) if sound else (np.nan, np.nan))
            except (np.linalg.LinAlgError, ValueError, FloatingPointError):
                rows.append((np.nan, np.nan))
    return wald(counts.index, *np.array(rows).T)


def pydeseq2(counts: pd.DataFrame, total: np.ndarray, second: np.ndarray) -> pd.DataFrame:
    """PyDESeq2 with its defaults: median-ratio size factors, shrunken dispersions, Wald z, Cook's and its filter."""
    from pydeseq2.dds import DeseqDataSet
    from pydeseq2.ds import DeseqStats

    metadata = pd.DataFrame({"group": np.where(second, "B", "A")}, index=counts.columns)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dds = DeseqDataSet(counts=counts.T, metadata=metadata, design="~group", quiet=True, n_cpus=1)
        dds.deseq2()
        tests = DeseqStats(dds, contrast=["group", "B", "A"], quiet=True, n_cpus=1)
        tests.summary()
    found = tests.results_df
    table = wald(found.index, found["log2FoldChange"] * LOG_2, found["lfcSE"] * LOG_2)
    return table.assign(p_value=found["pvalue"], p_adjusted=found["padj"])


def wilcoxon(counts: pd.DataFrame, total: np.ndarray, second: np.ndarray) -> pd.DataFrame:
    """Rank sum test of log CPM (exact where it can be); the estimate is Hodges and Lehmann's, without an interval."""
    log_cpm = np.log((counts.to_numpy(dtype=float) + 0.5) / (total + 1.0) * 1e6)
    rows = []
    for y in log_cpm:
        a, b = y[~second], y[second]
        rows.append((np.median(b[:, None] - a[None, :]), stats.mannwhitneyu(b, a).pvalue))
    estimate, p = np.array(rows).T
    table = pd.DataFrame(np.nan, index=counts.index, columns=COLUMNS)
    return table.assign(estimate=estimate, p_value=p, p_adjusted=adjusted(p))


def wald(index: pd.Index, estimate: np.ndarray | pd.Series, error: np.ndarray | pd.Series) -> pd.DataFrame:
    estimate, error = np.asarray(estimate, dtype=float), np.asarray(error, dtype=float)
    p = 2 * stats.norm.sf(np.abs(estimate / error))
    columns = [estimate, error, estimate - Z * error, estimate + Z * error, p, adjusted(p)]
    return pd.DataFrame(dict(zip(COLUMNS, columns, strict=True)), index=index)


def adjusted(p: np.ndarray) -> np.ndarray:
    """Benjamini-Hochberg over those that have a p-value."""
    result = np.full(len(p), np.nan)
    known = np.isfinite(p)
    if known.any():
        result[known] = false_discovery_control(p[known])
    return result
