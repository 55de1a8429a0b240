"""The readable PyMC model: the definition of record.

The faster forms of the model (``marginal/``, ``nested/``, ``nuts/``) must agree with the log density of
this one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from bayes_mirglmm.counts.container import dropped, validate_counts
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.model.files import load_model
from bayes_mirglmm.model.priors import LogNormal, Priors, SdPrior
from bayes_mirglmm.model.scaling import (
    SdArrays,
    fixed_effect_priors,
    isomir_sd_priors,
    pair_labels,
    slope_pairs,
    to_user,
)
from bayes_mirglmm.model.spec import ModelSpec
from bayes_mirglmm.model.term_priors import TermPriors
from bayes_mirglmm.suggest import did_you_mean

if TYPE_CHECKING:
    import pymc as pm

    from bayes_mirglmm.design.build import Design
    from bayes_mirglmm.design.random_terms import RandomTerm


def build_model(
    counts: xr.Dataset,
    mirna: str,
    formula: str,
    *,
    slope: str | None = None,
    reference: Mapping[str, str] | None = None,
    offset: str = "total",
    model: str | Path | ModelSpec = "mirglmm",
    priors: Priors | None = None,
    nuisance: Sequence[str] = (),
    sample_covariance: np.ndarray | pd.DataFrame | None = None,
    prefix: str = "",
) -> "pm.Model":
    """Build the model of one miRNA in PyMC.

    The model of a fit that is there already is :meth:`bayes_mirglmm.results.Fit.build_model`.

    For counts ``C_ij`` of sample i and isomiR j, with natural logs::

        C_ij ~ NegativeBinomial(mu_ij, theta)            or Poisson(mu_ij)
        log mu_ij = offset_i + x_i' beta + z_i' b_j + u_i
        b_j = root v_j,  root root' = Omega,  v_j ~ N(0, I)
        u = sd_sample root_of_samples w,      w_i ~ N(0, 1)

    ``root_of_samples`` is the identity, or a root of ``sample_covariance``. Each random term of the formula,
    ``(1 | patient)`` or ``(time | patient)``, adds ``r_i' g_l`` of the level ``l`` of sample i, ``g_l`` like ``b_j``.

    Parameters
    ----------
    counts : xarray.Dataset
        A counts container (:mod:`bayes_mirglmm.counts`).
    mirna : str
        Which miRNA; it needs at least two isomiRs.
    formula : str
        Fixed effects, as ``"~ group + batch"``, and random terms of the samples, ``"~ group + (1 | patient)"``.
    slope : str, optional
        Variable whose effect varies among isomiRs; the formula's first when omitted.
    reference : mapping, optional
        Reference level of factors.
    offset : str
        See :func:`bayes_mirglmm.counts.offsets.log_offset`.
    model : str, Path or ModelSpec
        See :func:`load_model`.
    priors : Priors, optional
        In place of the model's: ``fit.learned_priors()``, for example.
    nuisance : sequence of str
        Sample variables with isomiR slopes that are independent of the others.
    sample_covariance : array or pandas.DataFrame, shape (n, n), optional
        Covariance of the sample effects up to ``sd_sample`` squared; the identity when omitted.
    prefix : str
        Put with ``::`` before the name of every variable and dimension, so that one outer model can hold the models of
        several miRNAs: call this function inside its ``with`` block.

    Returns
    -------
    pymc.Model
        Prints as what it says. PyMC's own tools take it as it is: ``pm.sample``, ``pm.do``, ``pm.observe``, ``copy``.
        Dims: ``isomir`` (J), ``sample_id`` (n; ``sample`` is ArviZ's word for a draw), ``term`` (p),
        ``slope_term`` and ``slope_term2`` (K), ``slope_pair`` (pairs of them).

        ======================  ==========================  ================================================
        reported                dims                        in the user's units, natural log
        ======================  ==========================  ================================================
        ``beta``                term                        fixed effects
        ``omega``               slope_term, slope_term2     covariance of the isomiR effects
        ``sd_isomir``           slope_term                  their SDs
        ``correlation``         slope_pair                  their correlations, within covariance blocks
        ``b``                   isomir, slope_term          isomiR effects
        ``sd_sample``           none                        SD of the sample effects
        ``u``                   sample_id                   sample effects
        ``theta``               none                        negative binomial size
        ``mu``                  isomir, sample_id           expected counts
        ======================  ==========================  ================================================

        A random term has a label, its grouping: ``patient`` here. Dims ``level_patient`` (its levels), ``term_patient``
        and ``term2_patient`` (its effects), ``pair_patient`` (pairs of them); reported are its effects
        ``effect_patient`` (level_patient, term_patient), their SDs ``sd_effect_patient`` (term_patient) and, of more
        effects than one, ``correlation_effect_patient`` (pair_patient), in the user's units.

        Data: ``x`` (sample_id, term), ``z`` (sample_id, slope_term), ``offset`` (sample_id; log millions of
        reads). Observed: ``counts`` (isomir, sample_id). Sampled: ``beta`` (``beta_scaled`` where the design
        has continuous columns), for covariance block i ``sd_block<i>`` (SDs of its columns) and, with more columns
        than one, ``partial_block<i>`` (their partial correlations, moved to (0, 1), row by row), ``v``, ``w``,
        ``sd_sample`` and ``log_theta``; effects and SDs of continuous columns are sampled in the units of their
        priors (:mod:`bayes_mirglmm.model.scaling`). Of a random term: data ``columns_patient`` (sample_id,
        term_patient) and ``index_patient`` (sample_id), sampled ``sd_block_patient``, ``partial_block_patient`` and
        ``w_patient``.

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
    inputs = model_inputs(
        counts,
        mirna,
        formula,
        slope=slope,
        reference=reference,
        offset=offset,
        model=model,
        priors=priors,
        nuisance=nuisance,
        sample_covariance=sample_covariance,
    )
    return model_of_design(**inputs, prefix=prefix)


def model_inputs(
    counts: xr.Dataset,
    mirna: str,
    formula: str,
    *,
    slope: str | None,
    reference: Mapping[str, str] | None,
    offset: str,
    model: str | Path | ModelSpec,
    priors: Priors | None,
    nuisance: Sequence[str],
    sample_covariance: np.ndarray | pd.DataFrame | None,
) -> dict[str, Any]:
    """Return what the model of one miRNA is built of: the arguments of :func:`model_of_design`."""
    from bayes_mirglmm.counts.container import sample_table
    from bayes_mirglmm.counts.offsets import log_offset
    from bayes_mirglmm.design.build import build_design
    from bayes_mirglmm.design.sample_covariance import checked_covariance

    spec = load_model(model)
    if priors is not None:
        spec = replace(spec, priors=priors)
    if slope is not None and not spec.isomir_slope:
        raise InputError(
            f"slope={slope!r} was given, but model {spec.name!r} has no isomiR slope: leave slope out, or "
            "choose a model with isomir_slope = true."
        )
    y = _counts_of(validate_counts(counts), mirna)
    design = build_design(sample_table(counts), formula, slope=slope, reference=reference, nuisance=nuisance)
    log_offsets = log_offset(counts, offset).values
    return {
        "spec": spec,
        "design": design,
        "counts": y.values,
        "offset": log_offsets,
        "mirna": mirna,
        "isomirs": list(y["isomir"].values),
        "sample_covariance": checked_covariance(sample_covariance, design.samples),
    }


def model_of_design(
    spec: ModelSpec,
    design: "Design",
    counts: np.ndarray,
    offset: np.ndarray,
    mirna: str,
    isomirs: Sequence[str],
    *,
    sample_covariance: np.ndarray | None = None,
    prefix: str = "",
) -> "pm.Model":
    """Return the model of counts (J, n) with log offsets (n,) and a design; see :func:`build_model`."""
    # Imported here so that reading specifications, and the whole ML path, do not load PyMC.
    import pymc as pm

    from bayes_mirglmm.model.readable import ReadableModel, description

    columns = spec.random_columns(design.blocks)
    z, blocks = design.z[:, columns], tuple(design.blocks[k] for k in columns)
    slope_terms = [design.slope_terms[k] for k in columns]

    def dims(*names: str) -> tuple[str, ...]:
        return tuple(f"{prefix}::{name}" if prefix else name for name in names)

    labels = {
        "isomir": list(isomirs),
        "sample_id": list(design.samples),
        "term": list(design.terms),
        "slope_term": slope_terms,
        "slope_term2": slope_terms,
        "slope_pair": pair_labels(slope_terms, blocks),
    }
    terms = TermPriors.of(spec.priors, design.random)
    for label, term in zip(terms.labels, design.random, strict=True):
        names = list(term.names)
        labels |= {f"level_{label}": list(term.levels), f"term_{label}": names, f"term2_{label}": names}
        labels[f"pair_{label}"] = pair_labels(names, [0] * len(names))
    if sample_covariance is not None:
        labels["sample_id2"] = list(design.samples)
    told = description(
        spec,
        design,
        mirna,
        slope_terms,
        blocks,
        n_isomirs=len(counts),
        has_covariance=sample_covariance is not None,
    )
    with ReadableModel(
        told, name=prefix, coords={dims(name)[0]: values for name, values in labels.items()}
    ) as result:
        x_data = pm.Data("x", design.x, dims=dims("sample_id", "term"))
        z_data = pm.Data("z", z, dims=dims("sample_id", "slope_term"))
        offset_data = pm.Data("offset", offset, dims=dims("sample_id"))

        beta = _fixed_effects(spec, design.x, dims("term"))
        root = _isomir_root(spec, z, blocks, dims("slope_term", "slope_term2", "slope_pair"))
        v = pm.Normal("v", dims=dims("isomir", "slope_term"))
        b = pm.Deterministic("b", v @ root.T, dims=dims("isomir", "slope_term"))
        log_mu = offset_data + x_data @ beta + b @ z_data.T

        if spec.priors.sd_sample is not None:
            sd_sample = _sd("sd_sample", spec.priors.sd_sample)
            w: Any = pm.Normal("w", dims=dims("sample_id"))
            if sample_covariance is not None:
                from bayes_mirglmm.kernels.covariance import symmetric_root

                root_of_samples = symmetric_root(sample_covariance)
                w = pm.Data("root_of_samples", root_of_samples, dims=dims("sample_id", "sample_id2")) @ w
            log_mu = log_mu + pm.Deterministic("u", sd_sample * w, dims=dims("sample_id"))
        for t, label in enumerate(terms.labels):
            log_mu = log_mu + _random_term(spec, design.random[t], terms, t, dims, label)

        mu = pm.Deterministic("mu", pm.math.exp(log_mu), dims=dims("isomir", "sample_id"))
        observed: dict[str, Any] = {"observed": counts, "dims": dims("isomir", "sample_id")}
        if spec.priors.log_theta is not None:
            log_theta = pm.Normal("log_theta", spec.priors.log_theta.mean, spec.priors.log_theta.sd)
            theta = pm.Deterministic("theta", pm.math.exp(log_theta))
            pm.NegativeBinomial("counts", mu=mu, alpha=theta, **observed)
        else:
            pm.Poisson("counts", mu=mu, **observed)
    return result


def _fixed_effects(spec: ModelSpec, x: np.ndarray, dims: tuple[str, ...]) -> Any:
    """Return ``beta`` (p,) in the user's units, with its prior."""
    import pymc as pm

    prior = fixed_effect_priors(spec.priors, x.shape[1])
    units = to_user(x)
    if np.array_equal(units, np.eye(len(units))):
        return pm.Normal("beta", prior.mean, prior.sd, dims=dims)
    scaled = pm.Normal("beta_scaled", prior.mean, prior.sd, dims=dims)
    return pm.Deterministic("beta", units @ scaled, dims=dims)


def _isomir_root(spec: ModelSpec, z: np.ndarray, blocks: tuple[int, ...], dims: tuple[str, ...]) -> Any:
    """Return a square root (K, K) of the covariance of isomiR effects in the user's units, with its prior."""
    import pymc as pm
    import pytensor.tensor as pt

    priors = isomir_sd_priors(spec.priors, blocks)
    factor = pt.zeros((len(blocks), len(blocks)))
    for block in sorted(set(blocks)):
        columns = [k for k, other in enumerate(blocks) if other == block]
        if len(columns) == 1:
            part: Any = _sd(f"sd_block{block}", priors[columns[0]])
        else:
            sd = _sds(f"sd_block{block}", [priors[k] for k in columns])
            part = sd[:, None] * _correlation_root(f"partial_block{block}", len(columns), spec)
        factor = factor[np.ix_(columns, columns)].set(part)
    root = to_user(z) @ factor
    omega = pm.Deterministic("omega", root @ root.T, dims=dims[:2])
    sd = pm.Deterministic("sd_isomir", pt.sqrt(pt.diag(omega)), dims=dims[:1])
    pairs = slope_pairs(blocks)
    if pairs:
        correlation = pt.stack([omega[k, j] / (sd[k] * sd[j]) for k, j in pairs])
        pm.Deterministic("correlation", correlation, dims=dims[2])
    return root


def _random_term(
    spec: ModelSpec,
    term: "RandomTerm",
    terms: TermPriors,
    t: int,
    dims: Callable[..., tuple[str, ...]],
    label: str,
) -> Any:
    """Return what the samples (n,) get of random term number ``t``, with its prior."""
    import pymc as pm
    import pytensor.tensor as pt

    names = dims(f"level_{label}", f"term_{label}", f"term2_{label}", f"pair_{label}")
    columns = pm.Data(f"columns_{label}", term.columns, dims=(*dims("sample_id"), names[1]))
    index = pm.Data(f"index_{label}", term.level, dims=dims("sample_id"))
    sd = _sds(f"sd_block_{label}", [spec.priors.sd_term] * len(term.names), dims=names[1])
    factor = pt.diag(sd)
    if len(term.names) > 1:
        factor = sd[:, None] * _correlation_root(f"partial_block_{label}", len(term.names), spec)
    root = terms.back[t] @ factor
    covariance = root @ root.T
    own_sd = pm.Deterministic(f"sd_effect_{label}", pt.sqrt(pt.diag(covariance)), dims=names[1])
    if len(term.names) > 1:
        pairs = slope_pairs([0] * len(term.names))
        correlation = pt.stack([covariance[k, j] / (own_sd[k] * own_sd[j]) for k, j in pairs])
        pm.Deterministic(f"correlation_effect_{label}", correlation, dims=names[3])
    w = pm.Normal(f"w_{label}", dims=names[:2])
    effect = pm.Deterministic(f"effect_{label}", w @ root.T, dims=names[:2])
    return (columns * effect[index]).sum(axis=1)


def _sd(name: str, prior: SdPrior) -> Any:
    """Return a standard deviation with its prior."""
    import pymc as pm

    if isinstance(prior, LogNormal):
        return pm.LogNormal(name, np.float64(prior.mean), np.float64(prior.sd))
    return pm.HalfNormal(name, np.float64(prior.scale))  # of a plain float PyTensor makes single precision


def _sds(name: str, priors: Sequence[SdPrior], dims: str | None = None) -> Any:
    """Return standard deviations: one variable where their priors are of one kind, else one for each, numbered."""
    import pymc as pm
    import pytensor.tensor as pt

    numbers = SdArrays.of(priors)
    if not numbers.spread.any():
        return pm.HalfNormal(name, numbers.scale, dims=dims)
    if numbers.spread.all():
        return pm.LogNormal(name, np.log(numbers.scale), numbers.spread, dims=dims)
    return pt.stack([_sd(f"{name}_{k}", prior) for k, prior in enumerate(priors)])


def _correlation_root(name: str, size: int, spec: ModelSpec) -> Any:
    """Return a Cholesky factor of a correlation matrix with an LKJ prior.

    By the partial correlations of a canonical vine, which are independent under that prior: each is a beta variable on
    (-1, 1) (Lewandowski, Kurowicka & Joe 2009, Journal of Multivariate Analysis 100:1989, section 2.4). PyMC's own
    ``LKJCholeskyCov`` would need an ``initval``, with which a model can be neither copied nor intervened upon.
    """
    import pymc as pm
    import pytensor.tensor as pt

    eta = spec.priors.correlation.eta
    pairs = [(j, k) for j in range(1, size) for k in range(j)]
    shape = np.array([eta + (size - 2 - k) / 2 for _, k in pairs])
    partial = 2 * pm.Beta(name, shape, shape) - 1
    root = pt.zeros((size, size))
    left: list[Any] = [1.0] * size  # what is left of the unit length of each row
    for (j, k), r in zip(pairs, [partial[i] for i in range(len(pairs))], strict=True):
        root = root[j, k].set(r * left[j])
        left[j] = left[j] * pt.sqrt(1 - r**2)
    for j in range(size):
        root = root[j, j].set(left[j])
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
