"""The table of variance components, as a method of a fit: from the estimates, or from draws."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

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
        return posterior_components_table(fit.data, fit.design.blocks, interval_level(fit.data, prob))
    return variance_components_table(fit.data, fit.design.blocks, model)


class IsomirRow(NamedTuple):
    """A row of the table that is about isomiR effects, and where its numbers stand in their covariance."""

    term: str
    term2: str
    variance: int | None
    correlation: tuple[int, int] | None


class RandomRow(NamedTuple):
    """A row of the table that is about a random term of the samples, and where its numbers stand."""

    group: str
    term: str
    term2: str
    variance: int
    correlation: tuple[int, int] | None


def isomir_rows(terms: Sequence[str], blocks: Sequence[int]) -> list[IsomirRow]:
    """Return the rows about the isomiR effects ``terms`` (K,), in the order of the table.

    First each term with the intercept, where both may correlate, then the other pairs of one covariance block.
    """
    together = [k > 0 and blocks[k] == blocks[0] for k in range(len(terms))]
    rows = [
        IsomirRow(term, terms[0] if together[k] else "", k, (k, 0) if together[k] else None)
        for k, term in enumerate(terms)
    ]
    pairs = [(k, j) for k in range(2, len(terms)) for j in range(1, k) if blocks[j] == blocks[k]]
    return rows + [IsomirRow(terms[k], terms[j], None, (k, j)) for k, j in pairs]


def random_rows(data: xr.Dataset) -> list[RandomRow]:
    """Return the rows about the random terms of samples: each effect, with the first of its grouping."""
    groups, terms = data["random_group"].values, data["random_term"].values
    rows = []
    for k, (group, term) in enumerate(zip(groups, terms, strict=True)):
        first = int(np.flatnonzero(groups == group)[0])
        partner = str(terms[first]) if k > first else ""
        rows.append(RandomRow(str(group), str(term), partner, k, (k, first) if k > first else None))
    return rows


def variance_components_table(data: xr.Dataset, blocks: tuple[int, ...], model: str) -> pd.DataFrame:
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
                                        ``correlation`` with another of its effects in ``term2``
    dispersion   1/theta                variance 1/theta of the gamma factor of the negative binomial, SD
                                        its root (biological coefficient of variation); 0: Poisson limit
    ===========  =====================  ====================================================================

    A correlation with a component whose variance is 0 does not exist (NaN; status ``boundary``).
    """
    m = list(data["model"].values).index(model)
    terms = list(data["slope_term"].values)
    omega = data["omega"].values[m]
    rows = fitted(data) & np.isfinite(omega).any(axis=(1, 2))
    omega = omega[rows]
    variances = np.diagonal(omega, axis1=1, axis2=2)
    with np.errstate(divide="ignore"):
        dispersion = 1.0 / data["theta"].values[m, rows]
    nothing = np.full(len(omega), np.nan)

    parts: list[tuple[str, str, str, np.ndarray, np.ndarray]] = []
    for row in isomir_rows(terms, blocks):
        variance = nothing if row.variance is None else variances[:, row.variance]
        rho = nothing if row.correlation is None else correlation(omega, *row.correlation)
        parts.append(("isomir", row.term, row.term2, variance, rho))
    parts.append(("sample", "Intercept", "", data["sigma_sample"].values[m, rows] ** 2, nothing))
    if "random_cov" in data:
        cov = data["random_cov"].values[m, rows]
        for own in random_rows(data):
            rho = nothing if own.correlation is None else correlation(cov, *own.correlation)
            parts.append((own.group, own.term, own.term2, cov[:, own.variance, own.variance], rho))
    parts.append(("dispersion", "1/theta", "", dispersion, nothing))

    count, names = len(omega), data["mirna"].values[rows]
    variance = np.column_stack([part[3] for part in parts])
    table = {
        "mirna": np.repeat(names, len(parts)),
        "group": np.tile(np.array([part[0] for part in parts], dtype=object), count),
        "term": np.tile(np.array([part[1] for part in parts], dtype=object), count),
        "term2": np.tile(np.array([part[2] for part in parts], dtype=object), count),
        "sd": np.sqrt(variance).ravel(),
        "variance": variance.ravel(),
        "correlation": np.column_stack([part[4] for part in parts]).ravel(),
    }
    return pd.DataFrame(table, columns=list(COLUMNS))


def posterior_components_table(data: xr.Dataset, blocks: tuple[int, ...], prob: float) -> pd.DataFrame:
    """Return a row per miRNA and variance component, as for any fit, with posterior summaries.

    ``sd``, ``variance`` and ``correlation`` are posterior means; ``sd_lower``, ``sd_upper``,
    ``correlation_lower``, ``correlation_upper`` the ends of the intervals.
    """
    terms = list(data["slope_term"].values)
    rows = drawn_position(data)
    weight = draws_of(data, "weight").values
    omega = draws_of(data, "omega").values.astype(float)
    sd = np.sqrt(np.einsum("mskk->msk", omega))
    parts: list[tuple[str, str, str, np.ndarray | None, np.ndarray | None]] = []
    for row in isomir_rows(terms, blocks):
        own = None if row.variance is None else sd[:, :, row.variance]
        rho = None if row.correlation is None else correlation(omega, *row.correlation)
        parts.append(("isomir", row.term, row.term2, own, rho))
    parts.append(("sample", "Intercept", "", draws_of(data, "sigma_sample").values.astype(float), None))
    if "random_cov" in data:
        cov = draws_of(data, "random_cov").values.astype(float)
        for one in random_rows(data):
            own = np.sqrt(cov[:, :, one.variance, one.variance])
            rho = None if one.correlation is None else correlation(cov, *one.correlation)
            parts.append((one.group, one.term, one.term2, own, rho))
    dispersion = np.exp(-0.5 * draws_of(data, "log_theta").values.astype(float))
    parts.append(("dispersion", "1/theta", "", dispersion, None))

    columns: dict[str, Any] = {}
    for name in ("sd", "variance", "correlation"):
        drawn = [rho if name == "correlation" else own for *_, own, rho in parts]
        numbers = [_one(one, weight, prob, squared=name == "variance") for one in drawn]
        columns[name] = np.column_stack([n[0] for n in numbers]).ravel()
        if name != "variance":
            columns[f"{name}_lower"] = np.column_stack([n[1] for n in numbers]).ravel()
            columns[f"{name}_upper"] = np.column_stack([n[2] for n in numbers]).ravel()
    table = {"mirna": np.repeat(data["mirna"].values[rows], len(parts))}
    for place, name in enumerate(("group", "term", "term2")):
        table[name] = np.tile(np.array([part[place] for part in parts], dtype=object), len(rows))
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
