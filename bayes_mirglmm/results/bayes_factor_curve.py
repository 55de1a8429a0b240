"""The Bayes factor of one miRNA along scales of the prior of its slope SDs."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bayes_mirglmm.design.blocks import slope_columns
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.evidence.bayes_factor import rescale_evidence
from bayes_mirglmm.interruption import apart
from bayes_mirglmm.model import HalfNormal
from bayes_mirglmm.outcomes import RELIABLE_PARETO_K
from bayes_mirglmm.results.draws import draws_of
from bayes_mirglmm.results.selection import find_mirna

if TYPE_CHECKING:
    from bayes_mirglmm.nested import NestedPosterior
    from bayes_mirglmm.results.fit_result import Fit

RELATIVE_SCALES = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0)
FEWEST_EFFECTIVE = 200  # reweighted draws, below which the model is fitted anew


def bayes_factor_curve(fit: "Fit", mirna: str, scales: Sequence[float] | None = None) -> pd.DataFrame:
    """Return the Bayes factor of one miRNA along scales of the prior of its slope SDs.

    Parameters
    ----------
    mirna : str
        A miRNA of a Bayesian fit.
    scales : sequence of float, optional
        Half-normal scales, in the prior's units; a grid around the fit's own when omitted.

    Returns
    -------
    pandas.DataFrame
        slope_prior_scale, log_bf10, log_bf10_error, pareto_k, how (``reused``: the draws, reweighted;
        ``refitted``, by the nested Laplace posterior, where the weights could not be trusted).
    """
    return apart(partial(_curve, fit, mirna, scales))


def _curve(fit: "Fit", mirna: str, scales: Sequence[float] | None) -> pd.DataFrame:
    """Return the Bayes factor at each scale.

    Raises
    ------
    InputError
        The fit has no Bayes factors, the miRNA no draws, or a scale is not positive.
    """
    from bayes_mirglmm.model.scaling import to_user
    from bayes_mirglmm.nested import pareto_k  # loads the engine, which tables do not need

    data = fit.data
    if not fit.method.has_draws or not np.isfinite(fit.slope_prior_scale) or data.sizes["model"] < 2:
        raise InputError(
            "a curve of Bayes factors needs a fit with method='laplace' or 'nuts', and an isomiR slope."
        )
    own = fit.slope_prior_scale
    wanted = np.array([r * own for r in RELATIVE_SCALES] if scales is None else list(scales), dtype=float)
    if wanted.ndim != 1 or not len(wanted) or not (np.isfinite(wanted) & (wanted > 0)).all():
        raise InputError(f"scales={scales!r}: give one or more positive numbers.")
    i = find_mirna(data, mirna)
    models = list(data["model"].values)
    if not np.isfinite(data["log_evidence"].values[:, i]).all():
        raise InputError(f"{mirna!r} has no Bayes factor to start from: {data['reason'].values[i]}")
    evidence = dict(zip(models, data["log_evidence"].values[:, i], strict=True))
    error = dict(zip(models, data["log_evidence_error"].values[:, i], strict=True))

    slopes = slope_columns(fit.design.blocks)
    units = np.diag(np.linalg.inv(to_user(fit.design.z)))[slopes]
    variances = np.einsum("skk->sk", draws_of(data, "omega").sel(drawn=mirna).values.astype(float))[:, slopes]
    moved = rescale_evidence(
        np.sqrt(variances) * units, draws_of(data, "weight").sel(drawn=mirna).values, own, wanted
    )
    own_k = float(data["pareto_k"].values[models.index("full"), i]) if "pareto_k" in data else np.nan
    # Draws under a log-normal prior say little of slopes far from it.
    reusable = isinstance(fit.spec.priors.sd_isomir_slope, HalfNormal)
    rows = []
    for n, scale in enumerate(wanted):
        log_z, log_z_error, how = evidence["full"] + moved.log_ratio[n], moved.error[n], "reused"
        k = float(np.fmax(pareto_k(moved.log_weights[n]), own_k))
        if not (reusable and k <= RELIABLE_PARETO_K and moved.effective_size[n] >= FEWEST_EFFECTIVE):
            sample = _refit(fit, mirna, float(scale)).sample
            log_z, log_z_error, how = sample.log_evidence, sample.log_evidence_error, "refitted"
            k = sample.pareto_k
        rows.append(
            {
                "slope_prior_scale": float(scale),
                "log_bf10": log_z - evidence["reduced"],
                "log_bf10_error": float(np.hypot(max(log_z_error, error["full"]), error["reduced"]))
                if how == "reused"
                else float(np.hypot(log_z_error, error["reduced"])),
                "pareto_k": k,
                "how": how,
            }
        )
    return pd.DataFrame(rows)


def _refit(fit: "Fit", mirna: str, scale: float) -> "NestedPosterior":
    """Return the posterior of the full model under another scale, from what the fit itself remembers."""
    from bayes_mirglmm.methods.maximum_likelihood import Plan
    from bayes_mirglmm.methods.nested_laplace import EVIDENCE_DRAWS, sample_model
    from bayes_mirglmm.methods.options import Options
    from bayes_mirglmm.nested import Start

    data = fit.data
    spec = fit.spec.compared().with_prior("sd_isomir_slope", scale=scale)
    options = Options("laplace", "observed", "t", str(data.attrs["offset_method"]), None, spec)
    plan = Plan(
        fit.design,
        np.asarray(data["offset"].values, dtype=float),
        options,
        sample_covariance=data["sample_covariance"].values if "sample_covariance" in data else None,
    )
    counts = data["counts"][data["isomir_mirna"].values == mirna].values
    i, m = find_mirna(data, mirna), list(data["model"].values).index("full")
    start = Start(
        data["omega"].values[m, i],
        float(data["sigma_sample"].values[m, i]),
        float(data["theta"].values[m, i]),
    )
    seed = int(fit.metadata.get("seed") or 0)
    return sample_model(plan, seed, mirna, counts, full=True, start=start, draws=EVIDENCE_DRAWS)
