"""The table of variance components, as a method of a fit: from the estimates, or from draws."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayes_mirglmm.design.varying import Component, components
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.model.covariance import correlation
from bayes_mirglmm.results.draws import draws_of
from bayes_mirglmm.results.posterior_tables import diagnostic_columns, drawn_position
from bayes_mirglmm.results.selection import fitted, interval_level
from bayes_mirglmm.results.summaries import defined, equal_tailed, mean_and_sd

if TYPE_CHECKING:
    from bayes_mirglmm.results.fit_result import Fit

COLUMNS = ("mirna", "group", "term", "term2", "sd", "variance", "correlation")


def variance_components(fit: "Fit", model: str | None = None, prob: float | None = None) -> pd.DataFrame:
    """Return a row per miRNA and variance component of one model.

    Parameters
    ----------
    model : str, optional
        ``full`` or ``reduced``; by default full, and reduced where no full model was fitted.
    prob : float, optional
        Level of the intervals of a Bayesian fit.

    Returns
    -------
    pandas.DataFrame
        mirna, group (isomir, sample, dispersion), term, term2, sd, variance, correlation (with the term in
        term2); :func:`bayes_mirglmm.results.components.variance_components_table` explains the rows. A Bayesian
        fit: posterior means, sd_lower, sd_upper, correlation_lower, correlation_upper, and pareto_k, or r_hat,
        ess_bulk and divergences. It has draws of the model that its tables show; of the other one the numbers are
        posterior means alone.
    """
    models = [str(name) for name in fit.data["model"].values]
    if model is None:
        tried = (fit.data["model_status"].values != "").any(axis=1)
        model = next((name for name, some in zip(models, tried, strict=True) if some), models[0])
    if model not in models:
        raise InputError(f"this fit has no model {model!r}: choose from {', '.join(models)}.")
    drawn = set(fit.data["coefficients_from"].values[fitted(fit.data)])
    if fit.method.has_draws and drawn <= {model}:
        return posterior_components_table(fit, interval_level(fit.data, prob))
    return variance_components_table(fit, model)


def variance_components_table(fit: "Fit", model: str) -> pd.DataFrame:
    """Return a row per miRNA and component of one model (``full`` or ``reduced``).

    ===========  =====================  ====================================================================
    group        term                   numbers
    ===========  =====================  ====================================================================
    isomir       a slope term           SD and variance of the isomiRs' random effect; ``correlation`` with
                                        the term in ``term2`` (the intercept, where both may correlate)
    isomir       a slope term           with another slope term in ``term2``: their ``correlation``; SD and
                                        variance stand in the rows above (slopes of three or more groups)
    sample       Intercept              SD and variance of the sample effects
    a grouping   Intercept, a covariate SD and variance of a random term ``(.. | grouping)`` of the samples;
                                        ``correlation`` with another effect of the term in ``term2``
    dispersion   1/theta                variance 1/theta of the gamma factor of the negative binomial, SD
                                        its root (biological coefficient of variation); 0: Poisson limit
    ===========  =====================  ====================================================================

    A correlation is NaN where it is no parameter: between the effects of separate terms, ``(1 | patient) + (0 + time |
    patient)``, which are independent, and with a component whose variance is 0 (status ``boundary``).
    """
    data = fit.data
    m = list(data["model"].values).index(model)
    omega = data["omega"].values[m]
    rows = fitted(data) & np.isfinite(omega).any(axis=(1, 2))
    with np.errstate(divide="ignore"):
        covariance = {"omega": omega[rows], "theta": (1.0 / data["theta"].values[m, rows])[:, None, None]}
    covariance["sigma_sample"] = (data["sigma_sample"].values[m, rows] ** 2)[:, None, None]
    if "random_cov" in data:
        covariance["random_cov"] = data["random_cov"].values[m, rows]
    parts = components(fit.design.varying)
    nothing = np.full(int(rows.sum()), np.nan)
    variance = np.column_stack(
        [
            nothing if part.variance is None else covariance[part.variable][:, part.variance, part.variance]
            for part in parts
        ]
    )
    rho = [
        nothing if part.correlation is None else correlation(covariance[part.variable], *part.correlation)
        for part in parts
    ]
    table = _keys(data["mirna"].values[rows], parts) | {
        "sd": np.sqrt(variance).ravel(),
        "variance": variance.ravel(),
        "correlation": np.column_stack(rho).ravel(),
    }
    return pd.DataFrame(table, columns=list(COLUMNS))


def _keys(mirnas: np.ndarray, parts: Sequence[Component]) -> dict[str, np.ndarray]:
    """Return the columns that say what a row is about: all components of a miRNA together."""
    keys = {"mirna": np.repeat(mirnas, len(parts))}
    for name in ("group", "term", "term2"):
        keys[name] = np.tile(np.array([getattr(part, name) for part in parts], dtype=object), len(mirnas))
    return keys


def posterior_components_table(fit: "Fit", prob: float) -> pd.DataFrame:
    """Return a row per miRNA and variance component, as for any fit, with posterior summaries.

    ``sd``, ``variance`` and ``correlation`` are posterior means; ``sd_lower``, ``sd_upper``,
    ``correlation_lower``, ``correlation_upper`` the ends of the intervals.
    """
    data = fit.data
    rows = drawn_position(data)
    weight = draws_of(data, "weight").values
    covariance = {"omega": draws_of(data, "omega").values.astype(float)}
    if "random_cov" in data:
        covariance["random_cov"] = draws_of(data, "random_cov").values.astype(float)
    sd = {name: np.sqrt(np.einsum("mskk->msk", own)) for name, own in covariance.items()}
    sd["sigma_sample"] = draws_of(data, "sigma_sample").values.astype(float)[..., None]
    sd["theta"] = np.exp(-0.5 * draws_of(data, "log_theta").values.astype(float))[..., None]
    parts = components(fit.design.varying)
    own = [None if part.variance is None else sd[part.variable][:, :, part.variance] for part in parts]
    rho = [
        None if part.correlation is None else correlation(covariance[part.variable], *part.correlation)
        for part in parts
    ]

    columns: dict[str, Any] = {}
    for name in ("sd", "variance", "correlation"):
        drawn = rho if name == "correlation" else own
        numbers = [_one(one, weight, prob, squared=name == "variance") for one in drawn]
        columns[name] = np.column_stack([n[0] for n in numbers]).ravel()
        if name != "variance":
            columns[f"{name}_lower"] = np.column_stack([n[1] for n in numbers]).ravel()
            columns[f"{name}_upper"] = np.column_stack([n[2] for n in numbers]).ravel()
    table: dict[str, Any] = dict(_keys(data["mirna"].values[rows], parts))
    order = [
        "sd",
        "variance",
        "correlation",
        "sd_lower",
        "sd_upper",
        "correlation_lower",
        "correlation_upper",
    ]
    table |= {name: columns[name] for name in order}
    return pd.DataFrame(table).assign(**diagnostic_columns(data, np.repeat(rows, len(parts))))


def _one(
    draws: np.ndarray | None, weight: np.ndarray, prob: float, *, squared: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    if draws is None:
        nothing = np.full(len(weight), np.nan)
        return nothing, nothing, nothing
    if squared:
        draws = draws**2
    draws, weight = defined(draws, weight)
    return mean_and_sd(draws, weight)[0], *equal_tailed(draws, weight, prob)
