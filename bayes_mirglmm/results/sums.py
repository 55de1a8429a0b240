"""What the summed counts of a miRNA do, without a model of its isomiRs: the change that a method on sums looks at."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr

from bayes_mirglmm.counts.on_disk import blocks_of

ITERATIONS = 100
TOLERANCE = 1e-10
LARGEST = 30.0  # natural log; beyond it a group has no reads


def log_change_of_sums(data: xr.Dataset, weights: pd.DataFrame, mirnas: Sequence[str]) -> np.ndarray:
    """Return how the summed counts of miRNAs change along coefficients or contrasts, natural log.

    By a log-linear (Poisson) regression of the sums on the fixed effects, with the offsets of the fit. For two groups
    without covariates that is the ratio of the summed counts of the groups over their summed exposures.

    Parameters
    ----------
    data : xarray.Dataset
        The dataset of a fit.
    weights : pandas.DataFrame
        Rows: coefficients or contrasts; columns: the terms of the model.
    mirnas : sequence of str
        M miRNAs.

    Returns
    -------
    array, shape (M, rows)
        NaN where a group has no reads at all.
    """
    x, offset = data["x"].values, data["offset"].values
    place = pd.Index(list(mirnas)).get_indexer(pd.Index(data["isomir_mirna"].values))
    sums = np.zeros((len(mirnas), len(offset)))
    start = 0
    for block in blocks_of(data["counts"]):
        own = place[start : start + len(block)]
        np.add.at(sums, own[own >= 0], block[own >= 0])
        start += len(block)
    combination = weights.to_numpy(dtype=float)
    found = np.array([combination @ poisson_regression(y, x, offset) for y in sums]).reshape(len(sums), -1)
    return np.where(np.abs(found) < LARGEST, found, np.nan)


def poisson_regression(y: np.ndarray, x: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """Return the coefficients (p,) of a log-linear Poisson regression of y (n,) on x (n, p), by reweighting."""
    log_mu = np.log(y + 0.5)
    beta = np.full(x.shape[1], np.nan)
    for _ in range(ITERATIONS):
        mu = np.exp(np.clip(log_mu, -50.0, 50.0))
        root = np.sqrt(mu)
        new = np.linalg.lstsq(root[:, None] * x, root * (log_mu - offset + (y - mu) / mu), rcond=None)[0]
        log_mu = offset + x @ new
        if np.abs(new - beta).max() <= TOLERANCE * max(1.0, np.abs(new).max()):
            return new
        beta = new
        if np.abs(new).max() > 2 * LARGEST + np.abs(offset).max():
            break
    return np.where(np.isfinite(beta), beta, np.nan)
