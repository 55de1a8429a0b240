"""Residuals and working weights of one miRNA, at the conditional modes of its random effects.

mu = exp(offset + x beta + z b_j + u + the effects of random terms), V = mu + mu^2 / theta (Poisson limit: theta = inf,
V = mu).
"""

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from scipy import special

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.results.selection import find_mirna, model_index
from bayes_mirglmm.results.view import sample_coordinates

if TYPE_CHECKING:
    from bayes_mirglmm.results.fit_result import Fit

KINDS = ("pearson", "deviance", "working", "response")
CURVATURES = ("expected", "observed")


def fitted_means(data: xr.Dataset, mirna: str) -> tuple[xr.DataArray, xr.DataArray, float]:
    """Return counts, conditional means mu (both isomir x sample, in counts) and theta of one miRNA."""
    i = find_mirna(data, mirna)
    m = int(model_index(data)[i])
    rows = data["isomir_mirna"].values == mirna
    counts = data["counts"].isel(isomir=rows)
    by_sample = data["offset"].values + data["x"].values @ data["beta"].values[m, i] + data["u"].values[i]
    if "random_effect" in data:
        by_sample = by_sample + data["random_z"].values @ data["random_effect"].values[i]
    with np.errstate(over="ignore"):
        mu = np.exp(by_sample + data["b"].values[rows] @ data["z"].values.T)
    if not np.isfinite(mu).all():
        raise InputError(
            f"{mirna!r} has no finite fitted means ({data['status'].values[i]}: {data['reason'].values[i]}), "
            "so it has no residuals."
        )
    return counts, counts.copy(data=mu).rename("mean"), float(data["theta"].values[m, i])


def residuals(fit: "Fit", mirna: str, kind: str = "pearson") -> xr.DataArray:
    """Return residuals of one miRNA, dims (isomir, sample): pearson, deviance, working or response.

    Parameters
    ----------
    mirna : str
        A fitted miRNA.
    kind : {"pearson", "deviance", "working", "response"}
        Working residuals are on the log scale, response residuals are counts, the others have no unit.

    Returns
    -------
    xarray.DataArray
        With the names of isomiRs and samples. ``pearson``: (y - mu) / sqrt(V); ``deviance``: signed square root of the
        unit deviance; ``working``: (y - mu) / mu; ``response``: y - mu.

    Raises
    ------
    InputError
        The kind is unknown, or the miRNA was not fitted.
    """
    if kind not in KINDS:
        raise InputError(f"unknown kind of residual {kind!r}: choose one of {', '.join(KINDS)}.")
    counts, mean, theta = fitted_means(fit.data, mirna)
    y, mu = counts.values.astype(float), mean.values
    if kind == "response":
        values = y - mu
    elif kind == "working":
        values = (y - mu) / mu
    elif kind == "pearson":
        values = (y - mu) / np.sqrt(mu + mu * (mu / theta))
    else:
        values = np.sign(y - mu) * np.sqrt(unit_deviance(y, mu, theta))
    return _labelled(fit, mean, values, f"{kind}_residual")


def working_weights(fit: "Fit", mirna: str, curvature: str = "expected") -> xr.DataArray:
    """Return the weights of the working residuals of one miRNA, dims (isomir, sample).

    Parameters
    ----------
    mirna : str
        A fitted miRNA.
    curvature : {"expected", "observed"}
        Which second derivative of the log-likelihood in the linear predictor. ``expected``: mu t, with t = 1 / (1 + mu
        / theta), the weight of iteratively reweighted least squares (weight times working residual is the score);
        ``observed``: (1 + y / theta) mu t^2, the curvature itself.

    Returns
    -------
    xarray.DataArray
        With the names of isomiRs and samples.

    Raises
    ------
    InputError
        The curvature is unknown, or the miRNA was not fitted.
    """
    if curvature not in CURVATURES:
        raise InputError(f"unknown curvature {curvature!r}: choose one of {', '.join(CURVATURES)}.")
    counts, mean, theta = fitted_means(fit.data, mirna)
    y, mu = counts.values.astype(float), mean.values
    t = 1.0 / (1.0 + mu / theta)
    values = mu * t if curvature == "expected" else (1.0 + y / theta) * mu * t * t
    return _labelled(fit, mean, values, "working_weight")


def _labelled(fit: "Fit", mean: xr.DataArray, values: np.ndarray, name: str) -> xr.DataArray:
    """Return values of the cells of ``mean`` with the columns of the sample table."""
    found = mean.copy(data=values).rename(name)
    return found.assign_coords(sample_coordinates(fit.samples, found))


def unit_deviance(y: np.ndarray, mu: np.ndarray, theta: float) -> np.ndarray:
    """Return 2 (log p(y | y) - log p(y | mu)) of the negative binomial, or of the Poisson for theta = inf.

    Written with log1p of relative differences, so that large counts and large theta cancel nothing.
    """
    difference = y - mu
    first = special.xlog1py(y, difference / mu)
    if np.isinf(theta):
        return np.maximum(2.0 * (first - difference), 0.0)
    second = (y + theta) * np.log1p(difference / (mu + theta))
    return np.maximum(2.0 * (first - second), 0.0)
