"""Reading the dataset: which model speaks for a miRNA, and which numbers it may show."""

import json

import numpy as np
import pandas as pd
import xarray as xr

from bayes_mirglmm.counts.on_disk import mean_rate
from bayes_mirglmm.errors import InputError, UnknownMirnaError
from bayes_mirglmm.model import ModelSpec
from bayes_mirglmm.outcomes import CONVERGED
from bayes_mirglmm.suggest import did_you_mean


def model_index(data: xr.Dataset) -> np.ndarray:
    """Return, for each miRNA, the position of the model that ``coefficients_from`` names."""
    models = list(data["model"].values)
    where = np.zeros(data.sizes["mirna"], dtype=np.int64)
    if "reduced" in models:
        where[data["coefficients_from"].values == "reduced"] = models.index("reduced")
    return where


def selected(data: xr.Dataset, name: str) -> np.ndarray:
    """Return variable ``name`` (dims model, mirna, ...) of each miRNA's own model: dims mirna, ..."""
    return data[name].values[model_index(data), np.arange(data.sizes["mirna"])]


def coefficient_covariance(data: xr.Dataset) -> np.ndarray:
    """Return the covariance of the coefficients of each miRNA's own model: mirna, term, term2.

    Theta is profiled, except under ``preset="mirglmm"``: ``glmer.nb`` reports standard errors at a fixed theta.
    """
    held = data.attrs["preset"] == "mirglmm"
    return selected(data, "beta_cov_theta_fixed" if held else "beta_cov")


def fitted(data: xr.Dataset) -> np.ndarray:
    """Return which miRNAs have estimates, converged or not: bool, shape (mirna,)."""
    return np.isfinite(selected(data, "beta")).any(axis=1)


def converged(data: xr.Dataset) -> np.ndarray:
    """Return which miRNAs' own model reached its optimum: bool, shape (mirna,)."""
    return np.isin(selected(data, "model_status").astype(str), CONVERGED)


def isomir_position(data: xr.Dataset) -> np.ndarray:
    """Return the position of each isomiR's miRNA on the ``mirna`` dimension: int, shape (isomir,)."""
    return data.indexes["mirna"].get_indexer(pd.Index(data["isomir_mirna"].values))


def find_mirna(data: xr.Dataset, mirna: str) -> int:
    """Return the position of a fitted miRNA.

    Raises
    ------
    UnknownMirnaError
        (An InputError and a KeyError.) The fit does not have the miRNA, or has no estimates of it; the message gives
        the reason.
    """
    names = data["mirna"].values
    hits = np.flatnonzero(names == mirna)
    if not len(hits):
        close = [str(n) for n in names if isinstance(mirna, str) and mirna.lower() in str(n).lower()][:5]
        hint = f" Similar names: {', '.join(close)}." if close else did_you_mean(str(mirna), names.tolist())
        hint = hint or " fit.status() lists every miRNA."
        raise UnknownMirnaError(f"this fit has no miRNA {mirna!r}.{hint}")
    i = int(hits[0])
    if not fitted(data)[i]:
        reason = str(data["reason"].values[i]) or "no reason was recorded"
        raise UnknownMirnaError(f"{mirna!r} has no estimates: {data['status'].values[i]} ({reason}).")
    return i


def spec_of(data: xr.Dataset) -> ModelSpec:
    """Return the specification of the model that was fitted.

    Raises
    ------
    InputError
        What the dataset says is no model.
    """
    return ModelSpec.from_dict(json.loads(data.attrs["model"]), where="the model of the fit")


def spec_as_json(spec: ModelSpec) -> str:
    """Return what :func:`spec_of` reads."""
    return json.dumps(spec.to_dict())


def check_prob(prob: float) -> float:
    """Return ``prob``, the level of an interval, or refuse it."""
    if not 0 < prob < 1:
        raise InputError(f"the value of prob should be between 0 and 1 (0.95, say) but got {prob!r}.")
    return float(prob)


def interval_level(data: xr.Dataset, prob: float | None) -> float:
    """Return the level of intervals: ``prob``, or that of the fit where it is None."""
    return check_prob(data.attrs["prob"] if prob is None else prob)


def mean_cpm(data: xr.Dataset) -> pd.Series:
    """Return the mean CPM of each miRNA with counts: of its summed isomiRs, per million of the total counts.

    Parameters
    ----------
    data : xarray.Dataset
        The dataset of a fit.

    Returns
    -------
    pandas.Series
        Mean over the samples, by miRNA; totals were taken before any filter, whatever the offset of the fit.
    """
    cpm = mean_rate(data["counts"], data["total"].values / 1e6)
    return pd.Series(cpm).groupby(data["isomir_mirna"].values.astype(str)).sum().rename("mean_cpm")
