"""The readable PyMC model: the definition of record.

The faster forms of the model (``marginal/``, ``nested/``, ``nuts/``) must agree with the log density of
this one.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from bayes_mirglmm.counts.container import dropped, validate_counts
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.model.files import load_model
from bayes_mirglmm.model.scaling import fixed_effect_priors, isomir_sd_scales, to_user
from bayes_mirglmm.model.spec import ModelSpec
from bayes_mirglmm.suggest import did_you_mean

if TYPE_CHECKING:
    import pymc as pm


def build_model(
    counts: xr.Dataset,
    mirna: str,
    formula: str,
    *,
    slope: str | None = None,
    reference: Mapping[str, str] | None = None,
    offset: str = "total",
    model: str | Path | ModelSpec = "mirglmm",
    nuisance: Sequence[str] = (),
) -> "pm.Model":
    """Build the model of one miRNA in PyMC.

    For counts ``C_ij`` of sample i and isomiR j, with natural logs::

        C_ij ~ NegativeBinomial(mu_ij, theta)            or Poisson(mu_ij)
        log mu_ij = offset_i + x_i' beta + z_i' b_j + u_i
        b_j = root v_j,  root root' = Omega,  v_j ~ N(0, I)
        u_i = sd_sample w_i,                  w_i ~ N(0, 1)

    Parameters
    ----------
    counts : xarray.Dataset
        A counts container (:mod:`bayes_mirglmm.counts`).
    mirna : str
        Which miRNA; it needs at least two isomiRs.
    formula : str
        Fixed effects, as ``"~ group + batch"``.
    slope : str, optional
        Variable whose effect varies among isomiRs; the formula's first when omitted.
    reference : mapping, optional
        Reference level of factors.
    offset : str
        See :func:`bayes_mirglmm.counts.offsets.log_offset`.
    model : str, Path or ModelSpec
        See :func:`load_model`.
    nuisance : sequence of str
        Sample variables with isomiR slopes that are independent of the others.

    Returns
    -------
    pymc.Model
        Dims: ``isomir`` (J), ``sample_id`` (n; ``sample`` is ArviZ's word for a draw), ``term`` (p),
        ``slope_term`` and ``slope_term2`` (K).

        ======================  ==========================  ================================================
        reported                dims                        in the user's units, natural log
        ======================  ==========================  ================================================
        ``beta``                term                        fixed effects
        ``omega``               slope_term, slope_term2     covariance of the isomiR effects
        ``sd_isomir``           slope_term                  their SDs
        ``correlation``         slope_term, slope_term2     their correlations, with K > 1
        ``b``                   isomir, slope_term          isomiR effects
        ``sd_sample``           none                        SD of the sample effects
        ``u``                   sample_id                   sample effects
        ``theta``               none                        negative binomial size
        ``mu``                  isomir, sample_id           expected counts
        ======================  ==========================  ================================================

        Data: ``x`` (sample_id, term), ``z`` (sample_id, slope_term), ``offset`` (sample_id; log millions of
        reads). Observed: ``counts`` (isomir, sample_id). Sampled: ``beta`` (``beta_scaled`` where the design
        has continuous columns), for covariance block i ``sd_block<i>`` (one column) or ``cholesky_block<i>``
        (more: packed rows of the Cholesky factor), ``v``, ``w``, ``sd_sample`` and ``log_theta``; effects and
        SDs of continuous columns are sampled in the units of their priors
        (:mod:`bayes_mirglmm.model.scaling`).

    Raises
    ------
    InputError
        The miRNA is not among the counts or has one isomiR, the model is unknown or has no isomiR slope that
        ``slope`` could name, or the formula, offset or sample table cannot be used.

    Notes
    -----
    The non-centred form (``v``, ``w``) is the one whose Laplace approximation ``method="ml"`` maximises;
    PyMC's samplers also cope with it when a variance is near zero.
    """
    # Imported here so that reading specifications, and the whole ML path, do not load PyMC.
    import pymc as pm

    from bayes_mirglmm.counts.container import sample_table
    from bayes_mirglmm.counts.offsets import log_offset
    from bayes_mirglmm.design.build import build_design

    spec = load_model(model)
    if slope is not None and not spec.isomir_slope:
        raise InputError(
            f"slope={slope!r} was given, but model {spec.name!r} has no isomiR slope: leave slope out, or "
            "choose a model with isomir_slope = true."
        )
    y = _counts_of(validate_counts(counts), mirna)
    design = build_design(sample_table(counts), formula, slope=slope, reference=reference, nuisance=nuisance)
    columns = spec.random_columns(design.blocks)
    z, blocks = design.z[:, columns], tuple(design.blocks[k] for k in columns)
    slope_terms = [design.slope_terms[k] for k in columns]
    coords = {
        "isomir": y["isomir"].values,
        "sample_id": y["sample"].values,
        "term": list(design.terms),
        "slope_term": slope_terms,
        "slope_term2": slope_terms,
    }
    with pm.Model(coords=coords) as result:
        x_data = pm.Data("x", design.x, dims=("sample_id", "term"))
        z_data = pm.Data("z", z, dims=("sample_id", "slope_term"))
        offset_data = pm.Data("offset", log_offset(counts, offset).values, dims="sample_id")

        beta = _fixed_effects(spec, design.x)
        root = _isomir_root(spec, z, blocks)
        v = pm.Normal("v", dims=("isomir", "slope_term"))
        b = pm.Deterministic("b", v @ root.T, dims=("isomir", "slope_term"))
        log_mu = offset_data + x_data @ beta + b @ z_data.T

        if spec.priors.sd_sample is not None:
            sd_sample = pm.HalfNormal("sd_sample", spec.priors.sd_sample.scale)
            w = pm.Normal("w", dims="sample_id")
            log_mu = log_mu + pm.Deterministic("u", sd_sample * w, dims="sample_id")

        mu = pm.Deterministic("mu", pm.math.exp(log_mu), dims=("isomir", "sample_id"))
        observed: dict[str, Any] = {"observed": y.values, "dims": ("isomir", "sample_id")}
        if spec.priors.log_theta is not None:
            log_theta = pm.Normal("log_theta", spec.priors.log_theta.mean, spec.priors.log_theta.sd)
            theta = pm.Deterministic("theta", pm.math.exp(log_theta))
            pm.NegativeBinomial("counts", mu=mu, alpha=theta, **observed)
        else:
            pm.Poisson("counts", mu=mu, **observed)
    return result


def _fixed_effects(spec: ModelSpec, x: np.ndarray) -> Any:
    """Return ``beta`` (p,) in the user's units, with its prior."""
    import pymc as pm

    prior = fixed_effect_priors(spec.priors, x.shape[1])
    units = to_user(x)
    if np.array_equal(units, np.eye(len(units))):
        return pm.Normal("beta", prior.mean, prior.sd, dims="term")
    scaled = pm.Normal("beta_scaled", prior.mean, prior.sd, dims="term")
    return pm.Deterministic("beta", units @ scaled, dims="term")


def _isomir_root(spec: ModelSpec, z: np.ndarray, blocks: tuple[int, ...]) -> Any:
    """Return a square root (K, K) of the covariance of isomiR effects in the user's units, with its prior."""
    import pymc as pm
    import pytensor.tensor as pt

    scales = isomir_sd_scales(spec.priors, blocks)
    factor = pt.zeros((len(blocks), len(blocks)))
    for block in sorted(set(blocks)):
        columns = [k for k, other in enumerate(blocks) if other == block]
        if len(columns) == 1:
            part: Any = pm.HalfNormal(f"sd_block{block}", scales[columns[0]])
        else:
            part, _, _ = pm.LKJCholeskyCov(
                f"cholesky_block{block}",
                n=len(columns),
                eta=spec.priors.correlation.eta,
                sd_dist=pm.HalfNormal.dist(scales[columns]),
                compute_corr=True,
                store_in_trace=False,
                # Without a start PyMC compiles a draw from the prior for its shape, in C that wants BLAS.
                initval=np.diag(scales[columns])[np.tril_indices(len(columns))],
            )
        factor = factor[np.ix_(columns, columns)].set(part)
    root = to_user(z) @ factor
    omega = pm.Deterministic("omega", root @ root.T, dims=("slope_term", "slope_term2"))
    sd = pm.Deterministic("sd_isomir", pt.sqrt(pt.diag(omega)), dims="slope_term")
    if len(blocks) > 1:
        pm.Deterministic("correlation", omega / pt.outer(sd, sd), dims=("slope_term", "slope_term2"))
    return root


def _counts_of(counts: xr.Dataset, mirna: str) -> xr.DataArray:
    """Return the counts (isomir, sample) of one miRNA, or say why there are none."""
    y = counts["counts"].isel(isomir=np.flatnonzero(counts["mirna"].values == mirna))
    if y.sizes["isomir"] >= 2:
        return y
    gone = dropped(counts)
    gone = gone[gone["mirna"] == mirna]
    filtered = (
        f" Filters dropped {len(gone)} of its isomiRs ({', '.join(sorted(set(gone['reason'])))})."
        if len(gone)
        else ""
    )
    if y.sizes["isomir"] == 1:
        raise InputError(f"miRNA {mirna!r} has one isomiR; the model needs at least two.{filtered}")
    if filtered:
        raise InputError(
            f"miRNA {mirna!r} has no isomiR left.{filtered} Lower the filters' limits to keep it."
        )
    names = sorted(set(counts["mirna"].values))
    raise InputError(
        f"miRNA {mirna!r} is not in the counts.{did_you_mean(str(mirna), names)} See counts['mirna'] for the "
        f"{len(names)} names."
    )
