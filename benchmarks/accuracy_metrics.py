"""From estimates and truth to the numbers of the accuracy table: arrays and frames in, numbers out."""

import numpy as np
import pandas as pd
from scipy.stats import rankdata

LEVEL = 0.05

#: What each number is, as the page explains it.
METRICS = {
    "mse_all": "mean squared error of log FC, all miRNAs",
    "mse_null": "the same, miRNAs that were left alone",
    "mse_changed": "the same, changed miRNAs",
    "mse_nominal": "mean squared error against the log of the nominal multiplier",
    "bias_changed": "mean error of changed miRNAs, in the direction of the change",
    "coverage": "share of 95 % intervals that hold the truth, all miRNAs",
    "coverage_null": "the same, miRNAs that were left alone",
    "coverage_changed": "the same, changed miRNAs",
    "width": "mean width of the intervals",
    "var_null": "variance of the estimates of miRNAs that were left alone",
    "var_changed": "variance of the estimates of changed miRNAs, those that go down with the sign turned",
    "tpr": "share of changed miRNAs called at 0.05",
    "tnr": "share of others not called",
    "fdr": "share of false ones among the called (0 where none is called)",
    "tpr_matched": "the largest TPR of a cut of the ranking that has a share of false ones of at most 0.05",
    "auc": "area under the ROC curve",
    "failures": "miRNAs without an estimate",
    "no_interval": "miRNAs with an estimate and no interval",
}


def mirna_metrics(truth: pd.DataFrame, found: pd.DataFrame) -> dict[str, float]:
    """Return :data:`METRICS` of one method on one data set.

    Errors are those of the miRNAs that have an estimate; the others are failures, count as not called and as last in
    the ranking. Coverage is over the miRNAs that have an interval.

    Parameters
    ----------
    truth : pandas.DataFrame
        mirna, value, nominal (natural log), changed.
    found : pandas.DataFrame
        mirna, estimate, lower, upper, rank, measure.
    """
    table = truth.merge(found, on="mirna", how="left")
    value, changed = table["value"].to_numpy(float), table["changed"].to_numpy(bool)
    estimate = table["estimate"].to_numpy(float)
    lower, upper = table["lower"].to_numpy(float), table["upper"].to_numpy(float)
    known = np.isfinite(estimate)
    interval = np.isfinite(lower) & np.isfinite(upper)
    error = estimate - value
    turned = estimate * np.where(value < 0, -1.0, 1.0)
    inside = (lower <= value) & (value <= upper)
    called = (table["measure"] <= LEVEL).to_numpy() & known
    rank = table["rank"].to_numpy(float)
    return {
        "mse_all": mean(error[known] ** 2),
        "mse_null": mean(error[known & ~changed] ** 2),
        "mse_changed": mean(error[known & changed] ** 2),
        "mse_nominal": mean((estimate - table["nominal"].to_numpy(float))[known] ** 2),
        "bias_changed": mean((error * np.sign(value))[known & changed]),
        "coverage": mean(inside[interval]),
        "coverage_null": mean(inside[interval & ~changed]),
        "coverage_changed": mean(inside[interval & changed]),
        "width": mean((upper - lower)[interval]),
        "var_null": variance(estimate[known & ~changed]),
        "var_changed": variance(turned[known & changed]),
        "tpr": mean(called[changed]),
        "tnr": mean(~called[~changed]),
        "fdr": float(called[~changed].sum() / max(1, called.sum())),
        "tpr_matched": tpr_matched(changed, -np.where(np.isfinite(rank), rank, np.inf)),
        "auc": auc(changed, -np.where(np.isfinite(rank), rank, np.inf)),
        "failures": float((~known).sum()),
        "no_interval": float((known & ~interval).sum()),
    }


def isomir_metrics(truth: pd.DataFrame, found: pd.DataFrame, changed: set[str]) -> dict[str, float]:
    """Return mean squared error and coverage of the isomiRs' own log fold changes."""
    table = truth.merge(found.drop(columns="mirna"), on="isomir", how="left")
    error = (table["estimate"] - table["value"]).to_numpy(float)
    known = np.isfinite(error)
    of_changed = table["mirna"].isin(changed).to_numpy()
    lower, upper = table["lower"].to_numpy(float), table["upper"].to_numpy(float)
    interval = np.isfinite(lower) & np.isfinite(upper)
    value = table["value"].to_numpy(float)
    inside = (lower <= value) & (value <= upper)
    return {
        "mse_all": mean(error[known] ** 2),
        "mse_null": mean(error[known & ~of_changed] ** 2),
        "mse_changed": mean(error[known & of_changed] ** 2),
        "coverage": mean(inside[interval]),
        "failures": float((~known).sum()),
    }


def auc(positive: np.ndarray, score: np.ndarray) -> float:
    """Return the probability that a positive scores higher than a negative, ties half."""
    n, m = int(positive.sum()), int((~positive).sum())
    if not n or not m:
        return float("nan")
    ranks = rankdata(score)
    return float((ranks[positive].sum() - n * (n + 1) / 2) / (n * m))


def tpr_matched(positive: np.ndarray, score: np.ndarray, fdr: float = LEVEL) -> float:
    """Return the largest share of positives in a top of the ranking of which at most ``fdr`` are negatives.

    Ties stand or fall together; what has no score (-inf) is in no top.
    """
    best = 0.0
    for cut in np.unique(score[np.isfinite(score)]):
        top = score >= cut
        if (top & ~positive).sum() <= fdr * top.sum():
            best = max(best, float((top & positive).sum() / max(1, positive.sum())))
    return best


def mean(values: np.ndarray) -> float:
    return float(np.mean(values)) if len(values) else float("nan")


def variance(values: np.ndarray) -> float:
    return float(np.var(values, ddof=1)) if len(values) > 1 else float("nan")


def summarise(rows: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Return mean and SD over data sets of every number in ``rows``, and how many data sets there are.

    SDs have the suffix ``_sd``. A number that a method does not have stays missing.
    """
    numbers = [name for name in rows.columns if name not in (*by, "number", "scenario", "source", "error")]
    grouped = rows.groupby(by, sort=False)
    mean_, sd = grouped[numbers].mean(), grouped[numbers].std(ddof=1).add_suffix("_sd")
    table = mean_.join(sd)
    table.insert(0, "sets", grouped.size())
    for name in ("failures", "no_interval"):
        if name in numbers:
            table[name] = grouped[name].sum()
            table = table.drop(columns=f"{name}_sd")
    return table.reset_index()
