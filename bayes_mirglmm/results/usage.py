"""The tables of tests for differential isomiR usage, as methods of a fit.

The shared test is computed in :mod:`bayes_mirglmm.results.shared_usage`.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from bayes_mirglmm.design.blocks import slope_columns
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.evidence.bayes_factor import bayesian_fdr, posterior_probability
from bayes_mirglmm.evidence.lrt import likelihood_ratio_test
from bayes_mirglmm.evidence.multiple_testing import benjamini_hochberg
from bayes_mirglmm.methods.registry import methods_with_draws
from bayes_mirglmm.outcomes import CONVERGED
from bayes_mirglmm.results.inference import untested_if_saturated
from bayes_mirglmm.results.outliers import with_outliers
from bayes_mirglmm.results.shared_usage import shared_usage as shared_test
from bayes_mirglmm.results.shared_usage_tables import (
    shared_columns,
    shared_contrasts_table,
    shared_directions_table,
)
from bayes_mirglmm.results.usage_choice import SHARED, check_usage_test

if TYPE_CHECKING:
    from bayes_mirglmm.results.fit_result import Fit

COLUMNS = ("mirna", "lrt", "df", "p_value", "p_value_chi2", "p_adjusted")
BAYES_COLUMNS = ("log_bf10", "log_bf10_error", "slope_prior_scale")
#: The worse of both models, by what is worse.
DIAGNOSTICS: dict[str, Any] = {"pareto_k": np.max, "r_hat": np.max, "ess_bulk": np.min, "divergences": np.sum}


def usage(
    fit: "Fit",
    prior_odds: float | None = None,
    *,
    test: str | None = None,
    beyond_global: bool = False,
    influence: bool = False,
) -> pd.DataFrame:
    """Return the tests of differential isomiR usage, a row per miRNA of which both models could be compared.

    Columns: mirna, lrt, df (parameters dropped), p_value (boundary mixture), p_value_chi2, p_adjusted (of
    p_value; of p_value_chi2 under ``preset="mirglmm"``). Empty without a slope variable. A Bayesian fit has the
    likelihood ratio test of the fit by maximum likelihood that it started from, and: log_bf10 (natural log of
    the Bayes factor for isomiR slopes, within the model), log_bf10_error (its Monte Carlo error),
    slope_prior_scale (the prior that it belongs to), and the worse of both models' diagnostics. Where only one of
    the two could be computed, the other is NaN, and :meth:`status` says why. At the end outlying_cells (counts of the
    miRNA that stand far from the others; see :meth:`outlying_cells`) and p_value_without (p_value with those
    replaced; NaN where there are none).

    On real data neither is calibrated within one data set: a sample-level factor that all miRNAs share
    inflates both. ``test="shared"`` learns what samples share from all miRNAs and tests what goes beyond it.

    Parameters
    ----------
    prior_odds : float, optional
        Of a Bayesian fit: odds of differential usage before seeing the data (1 is even). Adds ``probability``
        (posterior, of differential usage) and ``bayesian_fdr`` (the expected share of false ones among all
        miRNAs that are as probable).
    test : {"lrt", "shared"}, optional
        ``"shared"`` adds p_shared (usage beyond what samples share), p_shared_adjusted (Benjamini-Hochberg),
        p_within (usage or a shift that all miRNAs share; see :meth:`usage_shared`), p_rotation (p_shared before it is
        read against relabelled samples), score_shared (normal score of p_shared, for ranking), log_bf10_shared (natural
        log of a Bayes factor for usage beyond what samples share) and share (part of the miRNA's isomiR variation that
        lies along shared directions, beyond an equal spread). When omitted that of the fit, :attr:`usage_test`.
    beyond_global : bool
        Of the shared test: take out what isomiRs of one kind (3' end, 5' end, tail) do in all miRNAs.
    influence : bool
        Also say which calls rest on one sample: deciding_samples (names of the samples without which p_value, of the
        likelihood ratio test, is above 0.05; empty where it is not, and where nothing is called) and
        p_value_without_sample (the largest one without a sample; NaN where nothing is called). Every called miRNA is
        fitted again without each sample, which takes time (see :meth:`influential_samples`).

    Returns
    -------
    pandas.DataFrame
        As above.

    Raises
    ------
    InputError
        The test is unknown, or the samples are too few for it.
    """
    test = fit.usage_test if test is None else test
    check_usage_test(test, fit.design)
    if beyond_global and test != SHARED:
        raise InputError("beyond_global=True belongs to test='shared': give both.")
    table = with_outliers(fit, _model_usage(fit, prior_odds))
    if test == SHARED:
        found = shared_columns(shared_test(fit, beyond_global=beyond_global))
        table = table.merge(found, on="mirna", how="outer", sort=False).pipe(_in_order, fit)
        table = untested_if_saturated(
            fit, table.fillna({"outlying_cells": 0}).astype({"outlying_cells": int})
        )
    if influence:
        from bayes_mirglmm.results.deciding_samples import flag_usage  # which needs this table

        table = flag_usage(fit, table)
    return table


def usage_shared(fit: "Fit") -> pd.DataFrame:
    """Return what all miRNAs together say about the shared usage test, a row per contrast.

    Returns
    -------
    pandas.DataFrame
        contrast (the slope variable, and each of its coefficients where it has several); mirnas, isomirs,
        directions (samples less covariates); lambda (how large the shared isomiR profile is along the contrast,
        over its median in relabelled samples), lambda_p_value (by relabelling; NaN where too few are distinct),
        relabellings (distinct ones seen); share (median over miRNAs of :meth:`usage`'s share); hits_lrt, hits and
        hits_within (miRNAs at a false discovery rate of 5 % by the likelihood ratio test, beyond the shared
        shift, and with it); features (of the isomiRs, with their correlation with the profile along the contrast, where
        that is 0.3 or more, as in :meth:`shared_directions`); global_share and global_p_value (a shift of isomiRs of
        one kind in all miRNAs: the part of the profiles along the contrast that their ends and tails explain, and its
        p-value by relabelling); verdict (``ok``; ``shift``: the contrast goes along what samples share, and hits are
        what goes beyond; ``confounded``: the contrast is what samples share, and usage cannot be told from a batch;
        ``none``: no test) and reason (a sentence).

    Raises
    ------
    InputError
        The samples are too few, or the fit has no slope variable.
    """
    return shared_contrasts_table(fit)


def shared_directions(fit: "Fit", count: int = 4) -> pd.DataFrame:
    """Return the leading directions that the samples' isomiR profiles share, and what they go along with.

    Parameters
    ----------
    count : int
        Number of directions.

    Returns
    -------
    pandas.DataFrame
        direction, share (part of all miRNAs' isomiR profiles), unrelated (the largest such part when nothing is
        shared), about (``sample`` or ``isomir``), name (a column of the sample table, or a feature of the isomiRs:
        offset_5p, offset_3p, tail, tail_a, tail_u, length, gc) and correlation (for a factor without sign).
        Covariates of the formula were taken out before.
    """
    if count < 1:
        raise InputError(f"count is {count}: ask for one direction or more.")
    return shared_directions_table(fit, count)


def _in_order(table: pd.DataFrame, fit: "Fit") -> pd.DataFrame:
    """Return the rows in the order of the fit's miRNAs."""
    place = {name: i for i, name in enumerate(fit.data["mirna"].values)}
    return table.sort_values("mirna", key=lambda names: names.map(place), ignore_index=True)


def _model_usage(fit: "Fit", prior_odds: float | None) -> pd.DataFrame:
    """Return the tests that compare two models of each miRNA."""
    if not fit.method.has_draws:
        if prior_odds is not None:
            raise InputError(f"prior_odds needs Bayes factors: fit with method={methods_with_draws()}.")
        return untested_if_saturated(fit, usage_table(fit.data, fit.design.blocks))
    if prior_odds is not None and not 0 < prior_odds < np.inf:
        raise InputError(f"prior_odds is {prior_odds}: give odds above 0 (1 for even).")
    if fit.ml is fit:
        raise InputError(
            "this fit was put together without the fit by maximum likelihood that it started from, which has tests: "
            "give it as ml=."
        )
    return bayesian_usage_table(fit.data, fit.ml.usage(test="lrt"), fit.slope_prior_scale, prior_odds)


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
