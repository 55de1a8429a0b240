"""Outlying cells of a fit, and the usage test without them."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bayes_mirglmm.design.blocks import slope_columns
from bayes_mirglmm.evidence.lrt import likelihood_ratio_test
from bayes_mirglmm.evidence.outlying_cells import (
    CANDIDATE,
    CANDIDATE_OF_CALL,
    LEVEL,
    LEVEL_OF_CALL,
    MOST,
    MOST_OF_CALL,
    candidates,
    expected_counts,
    log_mean_variance,
    tail_probability,
)
from bayes_mirglmm.results.hits import FDR, usage_column
from bayes_mirglmm.results.refitting import plan_of
from bayes_mirglmm.results.selection import fitted, model_index
from bayes_mirglmm.results.usage_choice import usage_confounded

if TYPE_CHECKING:
    from bayes_mirglmm.methods.maximum_likelihood import Plan
    from bayes_mirglmm.records import MirnaRecord
    from bayes_mirglmm.results.fit_result import Fit

NAMED = 5
LARGEST_LEVERAGE = 0.9  # of a sample alone in its group, of which the others say little
COLUMNS = ("mirna", "isomir", "sample", "count", "expected", "p_value", "p_value_usage", "p_value_without")


def outlying_cells(fit: "Fit") -> pd.DataFrame:
    """Return counts that stand far from where the rest of their miRNA puts them, a row per cell.

    A cell is first compared with medians over the samples of its group and over the isomiRs of its sample. Where it
    stands out, the miRNA is fitted again with what the medians say in its place. It is flagged where a count as far out
    is less probable than 1 % over all cells of the data set, by the negative binomial with the mean of that fit and the
    larger dispersion of both, both taken for the estimates that they are. Where the likelihood ratio test of usage has
    p <= 0.05, 0.1 % over the cells of the miRNA is enough; where it has that with a cell and not without it, 0.1 % for
    the cell alone.

    Returns
    -------
    pandas.DataFrame
        mirna, isomir, sample, count, expected (count by the fit without it), p_value (of a count as far out),
        p_value_usage (the likelihood ratio test of usage as it is) and p_value_without (with the miRNA's flagged cells
        replaced; NaN without a slope variable). Empty where no cell is flagged.
    """
    ml = fit.ml
    known = ml.shared_cache.get("outlying_cells")
    if not isinstance(known, pd.DataFrame):
        known = _found(ml)
        ml.shared_cache["outlying_cells"] = known
    return known.copy()


def with_outliers(fit: "Fit", table: pd.DataFrame) -> pd.DataFrame:
    """Return a usage table with the number of flagged cells of each miRNA, and its p-value without them."""
    cells = outlying_cells(fit)
    by_mirna = cells.groupby("mirna")["p_value_without"].agg(["size", "first"])
    return table.assign(
        outlying_cells=table["mirna"].map(by_mirna["size"]).fillna(0).astype(int),
        p_value_without=table["mirna"].map(by_mirna["first"]).astype(float),
    )


def flag_isomirs(fit: "Fit", table: pd.DataFrame) -> pd.DataFrame:
    """Return a table of isomiRs with the number of flagged cells of each."""
    number = outlying_cells(fit).groupby(["mirna", "isomir"]).size().to_dict()
    places = zip(table["mirna"], table["isomir"], strict=True)
    return table.assign(outlying_cells=np.array([number.get(place, 0) for place in places], dtype=int))


def outliers_sentence(fit: "Fit") -> str:
    """Say how many miRNAs have outlying cells, and which calls of usage do not stand without them."""
    cells = outlying_cells(fit)
    if not len(cells):
        return ""
    number, worst = cells["mirna"].nunique(), cells.iloc[int(cells["p_value"].argmin())]
    text = (
        f"In {number:,} miRNA{'s' if number > 1 else ''} single counts stand far from the others (the farthest: "
        f"{worst['count']:,} of {worst['isomir']}, {worst['mirna']}, in {worst['sample']}, where about "
        f"{worst['expected']:,.0f} would be expected)."
    )
    if lost := calls_by_outliers(fit):
        names = ", ".join(lost[:NAMED]) + (f" and {len(lost) - NAMED} more" if len(lost) > NAMED else "")
        text += f" Without these the isomiR usage of {names} has a p-value above {FDR:g}: do not rely on it."
    return text


def calls_by_outliers(fit: "Fit") -> list[str]:
    """Return the miRNAs whose usage is called, and has a p-value above the level only without their flagged cells."""
    if fit.slope is None or usage_confounded(fit):
        return []
    usage, call = fit.usage(), usage_column(fit)
    lost = (usage[call] <= FDR) & (usage["p_value"] <= FDR) & (usage["p_value_without"] > FDR)
    return [str(name) for name in usage.loc[lost, "mirna"]]


def _found(fit: "Fit") -> pd.DataFrame:
    data = fit.data
    owner, offset = data["isomir_mirna"].values, np.asarray(data["offset"].values, dtype=float)
    groups = _groups(fit)
    place = pd.Series(np.arange(len(owner))).groupby(owner, sort=False).indices
    names = [str(name) for name in data["mirna"].values[fitted(data)]]
    m = model_index(data)
    theta, theta_se = (data[name].values[m, np.arange(len(m))] for name in ("theta", "log_theta_se"))
    own = {name: (theta[i], theta_se[i]) for i, name in enumerate(data["mirna"].values)}
    tests, rows, plan, fullest = _p_values(fit), [], None, None
    every = data["counts"].variable
    for name in names:
        counts = np.asarray(every[place[name]])
        expected = expected_counts(counts.astype(float), offset, groups)
        called = tests.get(name, 1.0) <= FDR
        far = (CANDIDATE_OF_CALL, MOST_OF_CALL) if called else (CANDIDATE, MOST)
        cells = candidates(counts, expected, *far)
        if not cells:
            continue
        plan = plan or plan_of(fit)
        fullest = fullest or replace(plan, fullest_alone=True)  # the reduced model is of the test alone
        isomirs = data["isomir"].values[place[name]]
        record = _refit(fullest, name, isomirs, counts, expected, cells)
        judged = {cell: _judged(fit, record, plan, cell, counts, own[name]) for cell in cells}
        limit = LEVEL / every.size
        if called:
            limit = max(limit, LEVEL_OF_CALL / counts.size)
        improbable = {c: found for c, found in judged.items() if found[1] < limit}
        unlikely = {c: found for c, found in judged.items() if found[1] < LEVEL_OF_CALL}
        flagged: dict[tuple[int, int], tuple[float, float]] = {}
        without = np.nan
        for chosen in (improbable, unlikely if called else {}):
            if len(chosen) > len(flagged):
                again = _refit(plan, name, isomirs, counts, expected, list(chosen))
                p_value = _p_value(again, fit)
                if chosen is improbable or p_value > FDR:
                    flagged, without = chosen, p_value
        for (j, s), (mean, p_value) in flagged.items():
            where = (name, isomirs[j], data["sample"].values[s], int(counts[j, s]), mean, p_value)
            rows.append((*where, tests.get(name, np.nan), without))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _groups(fit: "Fit") -> np.ndarray:
    slope = fit.slope
    if slope is None or slope not in fit.design.factors:
        return np.zeros(len(fit.design.samples), dtype=int)
    codes, _ = pd.factorize(fit.design.table[slope], use_na_sentinel=False)
    return codes.astype(int)


def _refit(
    plan: "Plan",
    mirna: str,
    isomirs: np.ndarray,
    counts: np.ndarray,
    expected: np.ndarray,
    cells: list[tuple[int, int]],
) -> "MirnaRecord":
    from bayes_mirglmm.methods.maximum_likelihood import fit_mirna

    changed = counts.copy()
    for cell in cells:
        changed[cell] = round(float(expected[cell]))
    return fit_mirna(plan, mirna, list(isomirs), changed)


def _judged(
    fit: "Fit",
    record: "MirnaRecord",
    plan: "Plan",
    cell: tuple[int, int],
    counts: np.ndarray,
    dispersion: tuple[float, float],
) -> tuple[float, float]:
    """Return the mean of a cell under the fuller model of a record, and the probability of a count as far out.

    ``dispersion`` is theta, and the standard error of its log, with the cell.
    """
    numbers = record.full or record.reduced
    if numbers is None or numbers.b is None or numbers.u is None:
        return float("nan"), float("nan")
    j, s = cell
    columns = plan.full if record.full is not None else plan.reduced
    own = slice(None) if numbers.b.shape[1] == len(columns) else columns
    design_z = plan.design.z[:, columns]
    z = design_z[s]
    log_mean = plan.offset[s] + plan.design.x[s] @ numbers.beta + z @ numbers.b[j][own] + numbers.u[s]
    if numbers.random_effect is not None:
        log_mean = log_mean + fit.data["random_z"].values[s] @ numbers.random_effect
    mean = float(np.exp(log_mean))
    # Without its farthest cells a miRNA looks calmer than it is: the larger dispersion of both fits judges.
    theta, theta_se = min((float(numbers.theta), float(numbers.log_theta_se)), dispersion)
    leverage = min(float(z @ np.linalg.pinv(design_z.T @ design_z) @ z), LARGEST_LEVERAGE)
    prior = np.inf if numbers.omega is None else float(z @ numbers.omega[own][:, own] @ z)
    variance = log_mean_variance(mean, float(numbers.theta), leverage, len(counts), prior)
    return mean, tail_probability(float(counts[cell]), mean, theta, variance, float(np.nan_to_num(theta_se)))


def _p_values(fit: "Fit") -> dict[str, float]:
    from bayes_mirglmm.results.usage import usage_table  # whose table has the flags

    if fit.slope is None:
        return {}
    table = usage_table(fit.data, fit.design.blocks)
    return dict(zip(table["mirna"].astype(str), table["p_value"], strict=True))


def _p_value(record: "MirnaRecord", fit: "Fit") -> float:
    """Return the p-value of usage of a record; NaN where a model is missing."""
    slopes = len(slope_columns(fit.design.blocks))
    if record.full is None or record.reduced is None or slopes < 1:
        return float("nan")
    test = likelihood_ratio_test(
        np.array([record.full.log_likelihood]), np.array([record.reduced.log_likelihood]), slopes
    )
    return float(test.p_value[0])
