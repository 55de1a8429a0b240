"""The tables of effects of a Bayesian fit: coefficients, contrasts, isomiRs, all from its draws."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import xarray as xr

from bayes_mirglmm.methods.registry import method_named
from bayes_mirglmm.model.covariance import correlation
from bayes_mirglmm.results.draws import draws_of, means_of
from bayes_mirglmm.results.inference import in_log2, long_table
from bayes_mirglmm.results.selection import selected
from bayes_mirglmm.results.smoothing import NormalMixture
from bayes_mirglmm.results.summaries import equal_tailed, highest_density, mean_and_sd, sign_rates
from bayes_mirglmm.results.terms import log_fold_changes, on_slope_terms


def posterior_effects_table(
    data: xr.Dataset, weights: pd.DataFrame, *, label: str, prob: float, interval: str = "eti"
) -> pd.DataFrame:
    """Return a row per miRNA with draws and per row of ``weights``.

    Columns: mirna, term or contrast, estimate (posterior mean), std_error (posterior SD), lower, upper
    (equal-tailed), log2_fc, lower_log2, upper_log2, lfsr, and the method's diagnostics.

    Parameters
    ----------
    data : xarray.Dataset
        The dataset of a Bayesian fit.
    weights : pandas.DataFrame
        Rows: coefficients or contrasts; columns: the terms of the model.
    label : str
        ``term`` or ``contrast``.
    prob : float
        Level of the intervals.
    interval : {"eti", "hdi"}
        Equal tails, or the shortest.
    """
    rows = drawn_position(data)
    combination = weights.to_numpy(dtype=float)
    beta = draws_of(data, "beta").values
    parts = [
        summarise_draws(combination @ own.astype(float).T, data, d, prob, interval)
        for d, own in enumerate(beta)
    ]
    columns = _columns(parts, log_fold_changes(weights))
    table = long_table({"mirna": data["mirna"].values[rows]}, label, weights, columns)
    return table.assign(**diagnostic_columns(data, np.repeat(rows, len(weights))))


def posterior_isomir_table(
    data: xr.Dataset,
    weights: pd.DataFrame,
    blocks: tuple[int, ...],
    *,
    label: str,
    prob: float,
    interval: str = "eti",
) -> pd.DataFrame:
    """Return a row per isomiR with draws and per row of ``weights``, a column of which is a slope term.

    Columns as for the miRNAs, with ``isomir``; at the end ``deviation`` (posterior mean of b) and, for
    coefficients, ``deviation_std_error``. ``blocks`` (K,) are the covariance blocks of the slope terms: the effects of
    block 0 vary around the miRNA's own.
    """
    weights = on_slope_terms(weights, list(data["slope_term"].values))
    combination = weights.to_numpy(dtype=float)
    drawn = data.indexes["drawn"].get_indexer(pd.Index(data["isomir_mirna"].values))
    rows = np.flatnonzero(drawn >= 0)
    fixed = means_of(data, blocks)
    b, beta, weight = (
        draws_of(data, "b").values,
        draws_of(data, "beta").values,
        draws_of(data, "weight").values,
    )
    parts, deviations = [], []
    for d in range(len(beta)):
        own = np.einsum("jsk,ck->jcs", b[drawn == d].astype(float), combination)
        common = (combination @ fixed) @ beta[d].astype(float).T
        effects = (own + common).reshape(-1, own.shape[2])
        parts.append(summarise_draws(effects, data, d, prob, interval).reshape(5, *own.shape[:2]))
        deviations.append(np.stack(mean_and_sd(own, weight[d])))
    parts = [part[:, j] for part in parts for j in range(part.shape[1])]
    columns = _columns(parts, log_fold_changes(weights))
    deviation = np.concatenate([np.empty((2, 0, len(weights))), *deviations], axis=1)
    columns["deviation"] = deviation[0]
    if label == "term":
        columns["deviation_std_error"] = deviation[1]
    keys = {"mirna": data["isomir_mirna"].values[rows], "isomir": data["isomir"].values[rows]}
    table = long_table(keys, label, weights, columns)
    return table.assign(
        **diagnostic_columns(data, np.repeat(drawn_position(data)[drawn[rows]], len(weights)))
    )


def drawn_position(data: xr.Dataset) -> np.ndarray:
    """Return where each miRNA with draws stands on the ``mirna`` dimension: int, shape (drawn,)."""
    return data.indexes["mirna"].get_indexer(pd.Index(data["drawn"].values))


def summarise_draws(
    draws: np.ndarray, data: xr.Dataset, d: int, prob: float, interval: str = "eti"
) -> np.ndarray:
    """Return mean, SD, lower, upper and lfsr, shape (5, C), of quantities (C, S) that are linear in the effects.

    They are of number ``d`` of the miRNAs with draws. Importance draws are smoothed
    (:mod:`bayes_mirglmm.results.smoothing`); others are plentiful and are counted.
    """
    weight = draws_of(data, "weight").values[d]
    mean, sd = mean_and_sd(draws, weight)
    if not method_named(data.attrs["method"]).weighted:
        each = np.broadcast_to(weight, draws.shape)
        ends = highest_density(draws, prob) if interval == "hdi" else equal_tailed(draws, each, prob)
        return np.stack([mean, sd, *ends, sign_rates(draws, each)])
    mixture = NormalMixture(draws, weight, _variance_parameters(data, d))
    if interval == "hdi":
        ends = mixture.highest_density(prob)
    else:
        ends = mixture.quantile((1.0 - prob) / 2.0), mixture.quantile((1.0 + prob) / 2.0)
    return np.stack([mean, sd, *ends, mixture.sign_rate()])


def below(draws: np.ndarray, data: xr.Dataset, d: int) -> Callable[[float], np.ndarray]:
    """Return the distribution functions (C,) of quantities (C, S), as :func:`summarise_draws` takes them."""
    weight = draws_of(data, "weight").values[d]
    if not method_named(data.attrs["method"]).weighted:
        return lambda value: (weight * (draws < value)).sum(axis=-1)
    mixture = NormalMixture(draws, weight, _variance_parameters(data, d))
    return lambda value: mixture.below(np.full(len(draws), value))


def _variance_parameters(data: xr.Dataset, d: int) -> np.ndarray:
    """Return the SDs, correlations and log theta of the draws of one miRNA, (S, F)."""
    found: list[np.ndarray] = []
    for name in ("omega", "random_cov") if "random_cov" in data else ("omega",):
        cov = draws_of(data, name).values[d].astype(float)
        found += list(np.sqrt(np.einsum("skk->ks", cov)))
        pairs = zip(*np.tril_indices(cov.shape[1], -1), strict=True)
        found += [np.nan_to_num(correlation(cov, int(k), int(j))) for k, j in pairs]
    others = [draws_of(data, name).values[d].astype(float) for name in ("sigma_sample", "log_theta")]
    return np.column_stack([*found, *others])


def _columns(parts: list[np.ndarray], log_fold_change: np.ndarray) -> dict[str, np.ndarray]:
    empty = np.empty((5, 0, len(log_fold_change)))
    mean, sd, lower, upper, lfsr = np.concatenate([empty, *(part[:, None] for part in parts)], axis=1)
    return {
        "estimate": mean,
        "std_error": sd,
        "lower": lower,
        "upper": upper,
        **in_log2(mean, lower, upper, log_fold_change),
        "lfsr": lfsr,
    }


def diagnostic_columns(data: xr.Dataset, mirna: np.ndarray) -> dict[str, np.ndarray]:
    """Return the columns that say how far the draws of each row's miRNA can be trusted."""
    shown = method_named(data.attrs["method"]).shown
    return {name: selected(data, name)[mirna] for name in shown}
