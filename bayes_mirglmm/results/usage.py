"""The tables of tests for differential isomiR usage."""

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayes_mirglmm.design.blocks import slope_columns
from bayes_mirglmm.evidence.bayes_factor import bayesian_fdr, posterior_probability
from bayes_mirglmm.evidence.lrt import likelihood_ratio_test
from bayes_mirglmm.evidence.multiple_testing import benjamini_hochberg
from bayes_mirglmm.outcomes import CONVERGED

COLUMNS = ("mirna", "lrt", "df", "p_value", "p_value_chi2", "p_adjusted")
BAYES_COLUMNS = ("log_bf10", "log_bf10_error", "slope_prior_scale")
#: The worse of both models, by what is worse.
DIAGNOSTICS: dict[str, Any] = {"pareto_k": np.max, "r_hat": np.max, "ess_bulk": np.min, "divergences": np.sum}


def usage_table(data: xr.Dataset, blocks: tuple[int, ...]) -> pd.DataFrame:
    """Return a row per miRNA whose full and reduced models were both fitted.

    Where one of them did not reach its optimum the statistic stands alone, without p-values.

    Parameters
    ----------
    data : xarray.Dataset
        The dataset of a fit.
    blocks : tuple of int, length K
        Covariance block of each slope term: those of block 0 beyond the intercept are what is tested.
    """
    models = list(data["model"].values)
    slopes = len(slope_columns(blocks))
    if "reduced" not in models or slopes < 1:
        empty = {name: pd.Series(dtype=object if name == "mirna" else float) for name in COLUMNS}
        return pd.DataFrame(empty)
    log_likelihood = data["log_likelihood"].values
    rows = np.isfinite(log_likelihood).all(axis=0)
    full, reduced = (log_likelihood[models.index(name), rows] for name in ("full", "reduced"))
    sound = np.isin(data["model_status"].values.astype(str), CONVERGED).all(axis=0)[rows]
    test = likelihood_ratio_test(full, reduced, slopes)
    p_value, p_chi2 = (np.where(sound, p, np.nan) for p in (test.p_value, test.p_value_chi2))
    reference = p_chi2 if data.attrs["preset"] == "mirglmm" else p_value
    return pd.DataFrame(
        {
            "mirna": data["mirna"].values[rows],
            "lrt": test.lrt,
            "df": np.full(len(full), float(test.df)),
            "p_value": p_value,
            "p_value_chi2": p_chi2,
            "p_adjusted": benjamini_hochberg(reference),
        },
        columns=list(COLUMNS),
    )


def bayesian_usage_table(
    data: xr.Dataset, ml: pd.DataFrame, scale: float, prior_odds: float | None
) -> pd.DataFrame:
    """Return a row per miRNA that has a likelihood ratio test, a Bayes factor, or both.

    A Bayes factor needs the evidence of both models; where that is missing, its columns are NaN.

    Parameters
    ----------
    data : xarray.Dataset
        The dataset of a Bayesian fit.
    ml : pandas.DataFrame
        The table of the fit by maximum likelihood; miRNAs that it does not have (no finite estimate) get NaN.
    scale : float
        Half-normal scale of the prior of the slope SDs, which the Bayes factor is relative to.
    prior_odds : float, optional
        Odds of differential usage before seeing the data; adds the posterior probability and the Bayesian FDR.
    """
    models = list(data["model"].values)
    names = [*COLUMNS, *BAYES_COLUMNS]
    if "log_evidence" not in data or "reduced" not in models:
        return ml
    evidence, error = data["log_evidence"].values, data["log_evidence_error"].values
    rows = np.isfinite(evidence).all(axis=0) | np.isin(data["mirna"].values, ml["mirna"])
    full, reduced = models.index("full"), models.index("reduced")
    table = pd.DataFrame({"mirna": data["mirna"].values[rows]}).merge(ml, on="mirna", how="left")
    table["log_bf10"] = evidence[full, rows] - evidence[reduced, rows]
    table["log_bf10_error"] = np.hypot(error[full, rows], error[reduced, rows])
    table["slope_prior_scale"] = scale
    for name, worse in DIAGNOSTICS.items():
        if name in data:
            table[name] = worse(data[name].values[:, rows], axis=0)
            names.append(name)
    if prior_odds is not None:
        table["probability"] = posterior_probability(table["log_bf10"].to_numpy(), prior_odds)
        table["bayesian_fdr"] = bayesian_fdr(table["probability"].to_numpy())
        names += ["probability", "bayesian_fdr"]
    return table[names]
