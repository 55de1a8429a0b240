"""``bm.fit``: the one place that brings counts, design, offsets, model and engine together."""

import json
import logging
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from bayes_mirglmm.counts import dropped, validate_counts
from bayes_mirglmm.design import Design, build_design, sample_table
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.fitting.loop import resolve_jobs, run_all
from bayes_mirglmm.fitting.maximum_likelihood import Plan, fit_mirna
from bayes_mirglmm.fitting.options import Options, resolve_options
from bayes_mirglmm.laplace import compile_kernels, is_compiled
from bayes_mirglmm.model import ModelSpec, load_model
from bayes_mirglmm.normalization import log_offset, offset_caution
from bayes_mirglmm.results import Fit, MirnaRecord, assemble, provenance
from bayes_mirglmm.results.schema import check_prob

logger = logging.getLogger(__name__)


def fit(
    counts: xr.Dataset,
    formula: str,
    *,
    slope: str | None = None,
    reference: Mapping[str, object] | None = None,
    method: str = "ml",
    offset: str = "total",
    model: str | Path | ModelSpec = "mirglmm",
    curvature: str | None = None,
    df: str = "t",
    preset: str | None = None,
    prob: float = 0.95,
    nuisance: str | Sequence[str] = (),
    n_jobs: int = 1,
    seed: int = 1,
    progress: bool = True,
) -> Fit:
    """Fit a mixed model to the isomiR counts of every miRNA.

    Nothing is filtered here: see :func:`~bayes_mirglmm.filtering.filter_counts`. A miRNA that cannot be fitted does
    not stop the others; :meth:`Fit.status` has a row for each, with the reason.

    Parameters
    ----------
    counts : xarray.Dataset
        A counts container (:mod:`bayes_mirglmm.counts`).
    formula : str
        Fixed effects on the columns of the sample table, ``"~ group + batch"``.
    slope : str, optional
        The variable whose effect varies over the isomiRs of a miRNA; the first of the formula when omitted.
    reference : mapping, optional
        Reference level of each factor, ``{"group": "ctrl"}``.
    method : {"ml"}
        ``"ml"``: maximum marginal likelihood, the random effects integrated out by Laplace.
    offset : str
        ``"total"``, ``"median_ratio"``, ``"tmm"``, ``"upper_quartile"``, ``"column:NAME"`` (totals) or
        ``"log_column:NAME"``; see :func:`~bayes_mirglmm.normalization.log_offset`.
    model : str, path or ModelSpec
        A shipped model's name, a TOML file, or a specification.
    curvature : {"observed", "expected"}, optional
        ``"observed"`` (default) is the Laplace approximation, as in glmmTMB; ``"expected"`` is what
        ``lme4::glmer.nb`` computes.
    df : {"t", "z"}
        Intervals and p-values from t with n - rank(X) degrees of freedom, or from the normal.
    preset : {"mirglmm"}, optional
        Everything as the R package miRglmm does it: expected curvature, total-count offset, Wald z, chi-squared LRT,
        and the reduced model's coefficients where the full fit is singular.
    prob : float
        Level of the intervals.
    nuisance : str or sequence of str
        Columns of the sample table whose isomiR slopes are independent of the others.
    n_jobs : int
        Worker threads; 0 for one per core. The results do not depend on it.
    seed : int
        Recorded; maximum likelihood uses no random numbers.
    progress : bool
        Show a progress bar when standard error is a terminal.

    Returns
    -------
    Fit

    Raises
    ------
    InputError
        The counts, formula, offset, model or an option cannot be used; the message says which and what to do.

    References
    ----------
    Baran et al., Genome Biology 2025, doi 10.1186/s13059-025-03549-y.
    """
    validate_counts(counts)
    check_prob(prob)
    resolve_jobs(n_jobs)
    spec = model if isinstance(model, ModelSpec) else load_model(model)
    options = resolve_options(
        method=method, curvature=curvature, df=df, offset=offset, preset=preset, spec=spec
    )
    table = sample_table(counts)
    design = build_design(table, formula, slope=slope, reference=reference, nuisance=nuisance)
    log_offsets = log_offset(counts, options.offset)
    cautions = _cautions(counts, design, options)
    for sentence in cautions:
        logger.warning("%s", sentence)
    _load_kernels(progress)
    records = _fit_mirnas(
        counts, Plan(design, np.asarray(log_offsets.values, dtype=float), options), n_jobs, progress
    )
    data = assemble(
        records,
        design,
        offset=log_offsets.values,
        total=counts["total"].values,
        method=method,
        preset=preset,
        df=options.df,
        prob=prob,
        curvature=options.curvature,
        family=spec.family,
        offset_method=options.offset,
        model=json.dumps(spec.to_dict()),
    )
    metadata = provenance(counts, seed=seed) | {"cautions": cautions}
    return Fit(data, design, metadata=metadata, samples=table)


def _fit_mirnas(counts: xr.Dataset, plan: Plan, n_jobs: int, progress: bool) -> list[MirnaRecord]:
    """Return the record of every miRNA that was read, in the order in which they were read."""
    mirnas = counts["mirna"].values.astype(object)
    names, first = np.unique(mirnas, return_index=True)
    names = names[np.argsort(first)]
    position = pd.Series(np.arange(len(mirnas))).groupby(mirnas, sort=False).indices
    isomirs, values = counts["isomir"].values, counts["counts"].values
    tasks = [
        partial(fit_mirna, plan, str(name), list(isomirs[position[name]]), values[position[name]])
        for name in names
    ]
    weights = [float(len(position[name])) for name in names]
    records = run_all(tasks, n_jobs=n_jobs, weights=weights, progress=progress)
    return records + _left_out(counts, set(names))


def _left_out(counts: xr.Dataset, present: set[str]) -> list[MirnaRecord]:
    """Return a record for every miRNA of which a filter left nothing."""
    gone = dropped(counts)
    gone = gone[~gone["mirna"].isin(present)]
    low = gone[gone["reason"] == "low_mirna_expression"]
    levels = dict(zip(low["mirna"].tolist(), low["log_cpm"].tolist(), strict=True))
    records = []
    for mirna, size in gone["mirna"].value_counts(sort=False).items():
        if mirna in levels:
            status = "low_expression"
            reason = (
                f"log(median CPM) of its summed counts is {levels[mirna]:.2f}, not above the filter's limit."
            )
        else:
            status, reason = "too_few_isomirs", f"None of its {size} isomiRs passed the expression filter."
        records.append(MirnaRecord(str(mirna), status, reason, n_isomirs=0))
    return records


def _cautions(counts: xr.Dataset, design: Design, options: Options) -> list[str]:
    """Return what is legal but limits the conclusions, a sentence each."""
    cautions = list(design.cautions)
    for name in design.factors:
        if name not in design.nuisance:
            sentence = offset_caution(counts, options.offset, design.table[name])
            if sentence:
                cautions.append(f"{name}: {sentence}")
    return cautions


def _load_kernels(progress: bool) -> None:
    """Compile or load the kernels before the bar starts, and say so where it takes its time."""
    if not is_compiled():
        message = "Compiling the numerical kernels for this machine (once, about half a minute) ..."
        if progress:
            print(message, file=sys.stderr, flush=True)
        logger.info(message)
    try:
        compile_kernels()
    except OSError as error:
        raise InputError(
            f"the numerical kernels could not be compiled ({error}): make a writable folder known through "
            "the environment variable NUMBA_CACHE_DIR."
        ) from error
