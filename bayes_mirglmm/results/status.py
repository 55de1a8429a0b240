"""The tables that account for every miRNA of the input and for the draws, as methods of a fit."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.evidence.lrt import ROUNDING
from bayes_mirglmm.methods.registry import method_named, methods_with_draws
from bayes_mirglmm.outcomes import CONVERGED
from bayes_mirglmm.results.inference import saturated_sentence
from bayes_mirglmm.results.posterior_tables import drawn_position
from bayes_mirglmm.results.selection import converged, fitted, selected

if TYPE_CHECKING:
    from bayes_mirglmm.results.fit_result import Fit


def status(fit: "Fit") -> pd.DataFrame:
    """Return a row for EVERY miRNA of the input: fitted or not, and why.

    Columns: mirna, status, reason (a sentence), n_isomirs, n_samples, log_likelihood, iterations,
    seconds; with ``method="laplace"`` also pareto_k and effective_size (of the draws), with ``method="nuts"``
    r_hat, ess_bulk and divergences. log_likelihood is marginal, which NUTS does not compute.

    Returns
    -------
    pandas.DataFrame
        As above.
    """
    return status_table(fit.data, fit.residual_df)


def diagnostics(fit: "Fit") -> pd.DataFrame:
    """Return how far the draws of each miRNA can be trusted: a row per miRNA with draws.

    Returns
    -------
    pandas.DataFrame
        mirna, status and seconds; with ``method="laplace"`` pareto_k (above 0.7 unreliable), effective_size and
        points; with ``method="nuts"`` r_hat (largest of all quantities; above 1.01 the chains disagree), worst (the
        quantity that has it), ess_bulk and ess_tail (smallest of fixed effects, SDs and theta; at least 400),
        divergences, saturated (draws whose trajectory was cut off), steps (gradients for each draw) and attempts.
        Of the model that the tables show.

    Raises
    ------
    InputError
        The fit has no draws.
    """
    if not fit.method.has_draws:
        raise InputError(
            "a fit by maximum likelihood has no draws to diagnose: see status(), or fit with "
            f"method={methods_with_draws()}."
        )
    data = fit.data
    rows = drawn_position(data)
    names = method_named(data.attrs["method"]).diagnostics
    table = {"mirna": data["mirna"].values[rows], "status": data["status"].values[rows]}
    table |= {name: selected(data, name)[rows] for name in names}
    for name in ("divergences", "saturated", "attempts", "points", "dropped"):
        if name in table:
            table[name] = table[name].astype(np.int64)
    return pd.DataFrame(table | {"seconds": data["seconds"].values[rows]})


def status_table(data: xr.Dataset, residual_df: float) -> pd.DataFrame:
    """Return a row for every miRNA: what became of it and, wherever a table has a gap, why.

    Columns: mirna, status, reason, n_isomirs, n_samples, log_likelihood and iterations (of the model that the
    coefficients are from; of NUTS the number of draws), seconds (both models), and diagnostics of the draws where there
    are any. ``reason`` names every cause of a NaN standard error, interval or p-value in the other tables.

    Parameters
    ----------
    data : xarray.Dataset
        The dataset of a fit.
    residual_df : float
        Degrees of freedom of the tests; inf for the normal.
    """
    rows = fitted(data)
    iterations = np.where(rows, selected(data, "iterations"), np.nan)
    table = pd.DataFrame(
        {
            "mirna": data["mirna"].values,
            "status": data["status"].values,
            "reason": _reasons(data, residual_df),
            "n_isomirs": data["n_isomirs"].values,
            "n_samples": np.full(len(rows), data.sizes["sample"]),
            "log_likelihood": np.where(rows, selected(data, "log_likelihood"), np.nan),
            "iterations": pd.array(iterations, dtype="Int64"),
            "seconds": data["seconds"].values,
        }
    )
    for name in method_named(data.attrs["method"]).in_status:
        table[name] = selected(data, name)
    return table


def _reasons(data: xr.Dataset, residual_df: float) -> np.ndarray:
    """Return the recorded reasons, with a sentence for every gap that they leave unexplained."""
    reasons = np.array(data["reason"].values, dtype=object)
    if method_named(
        data.attrs["method"]
    ).has_draws:  # whose tables have no gaps but those of miRNAs without draws
        return reasons
    rows, sound = fitted(data), converged(data)
    own = selected(data, "model_status").astype(str)
    variances = np.diagonal(selected(data, "beta_cov"), axis1=1, axis2=2)
    with np.errstate(invalid="ignore"):
        no_error = ~(variances >= 0).all(axis=1)
    for i in np.flatnonzero(rows & ~sound):
        if not reasons[i]:
            reasons[i] = str(selected(data, "model_reason")[i]) or (
                f"The model ended as {own[i] or 'unknown'}: its estimate has no standard error and no tests."
            )
    for i in np.flatnonzero(rows & sound & no_error):
        _add(reasons, i, "Some standard errors could not be computed: the log-likelihood is flat there.")
    if residual_df < 1:
        for i in np.flatnonzero(rows & sound):
            _add(reasons, i, saturated_sentence(data))
    _explain_usage(data, rows, reasons)
    return reasons


def _explain_usage(data: xr.Dataset, rows: np.ndarray, reasons: np.ndarray) -> None:
    """Say why a miRNA has no usage test, where the fit has both models of some miRNA at all."""
    status = data["model_status"].values.astype(str)
    if len(status) < 2 or not (status != "").any(axis=1).all():
        return
    bad = ~np.isin(status, CONVERGED)
    models = [str(name) for name in data["model"].values]
    for i in np.flatnonzero(rows & bad.any(axis=0)):
        what = [f"the {models[m]} model ({status[m, i] or 'not fitted'})" for m in np.flatnonzero(bad[:, i])]
        _add(reasons, i, f"No usage test: {' and '.join(what)} did not reach an optimum.")
    full, reduced = (data["log_likelihood"].values[models.index(name)] for name in ("full", "reduced"))
    with np.errstate(invalid="ignore"):
        worse = 2.0 * (full - reduced) <= -ROUNDING
    for i in np.flatnonzero(rows & ~bad.any(axis=0) & worse):
        _add(
            reasons, i, "No usage test: the full model fits worse than the reduced one, so it stopped early."
        )


def _add(reasons: np.ndarray, i: np.signedinteger, sentence: str) -> None:
    reasons[i] = f"{reasons[i]} {sentence}".strip()
