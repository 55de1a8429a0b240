"""``bm.fit``: the one place that brings counts, design, offsets, model and engine together."""

import json
import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from bayes_mirglmm.counts.container import dropped, sample_table, validate_counts
from bayes_mirglmm.counts.offsets import log_offset, offset_caution
from bayes_mirglmm.design.build import Design, build_design
from bayes_mirglmm.design.covariates import coded_levels
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.marginal import compile_batch, compile_kernels, is_batch_compiled, is_compiled
from bayes_mirglmm.methods.loop import resolve_jobs, run_all
from bayes_mirglmm.methods.maximum_likelihood import Plan, fit_mirna
from bayes_mirglmm.methods.nested_laplace import fit_mirna_nested
from bayes_mirglmm.methods.nuts import fit_mirna_nuts
from bayes_mirglmm.methods.options import Options, resolve_options, resolve_settings
from bayes_mirglmm.model import ModelSpec, load_model
from bayes_mirglmm.nuts import compile_density, is_density_compiled
from bayes_mirglmm.outcomes import (
    FAILED,
    LOW_EXPRESSION,
    NOT_CONVERGED,
    TOO_FEW_ISOMIRS,
    Caution,
    as_metadata,
)
from bayes_mirglmm.records import MirnaRecord
from bayes_mirglmm.results import Fit, assemble, provenance
from bayes_mirglmm.results.schema import check_prob

logger = logging.getLogger(__name__)

INTERRUPTED = "The run was interrupted before this miRNA was sampled."


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
    df: str | None = None,
    preset: str | None = None,
    prob: float = 0.95,
    nuisance: str | Sequence[str] = (),
    draws: int | None = None,
    chains: int | None = None,
    tune: int | None = None,
    target_accept: float | None = None,
    n_jobs: int = 1,
    seed: int = 1,
    progress: bool = True,
) -> Fit:
    """Fit a mixed model to the isomiR counts of every miRNA.

    Nothing is filtered here: see :func:`~bayes_mirglmm.counts.filtering.filter_counts`. A miRNA that cannot be
    fitted does not stop the others; :meth:`Fit.status` has a row for each, with the reason.

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
    method : {"ml", "laplace", "nuts"}
        ``"ml"``: maximum marginal likelihood, the random effects integrated out by Laplace. ``"laplace"``: from there
        the posterior under the priors of the model, by importance sampling, and the Bayes factor for isomiR slopes.
        ``"nuts"``: the same posterior and Bayes factor without Laplace's approximation, by MCMC (nutpie); about
        fifteen times as slow as ``"laplace"``. Ctrl-C keeps what is finished.
    offset : str
        ``"total"``, ``"median_ratio"``, ``"tmm"``, ``"upper_quartile"``, ``"column:NAME"`` (totals) or
        ``"log_column:NAME"``; see :func:`~bayes_mirglmm.counts.offsets.log_offset`.
    model : str, path or ModelSpec
        A shipped model's name, a TOML file, or a specification.
    curvature : {"observed", "expected"}, optional
        ``"observed"`` (default) is the Laplace approximation, as in glmmTMB; ``"expected"`` is what
        ``lme4::glmer.nb`` computes.
    df : {"t", "z"}, optional
        Intervals and p-values from t with n - rank(X) degrees of freedom (default), or from the normal.
    preset : {"mirglmm"}, optional
        Everything as the R package miRglmm does it: expected curvature, total-count offset, Wald z, chi-squared LRT,
        and the reduced model's coefficients where the full fit is singular.
    prob : float
        Level of the intervals.
    nuisance : str or sequence of str
        Columns of the sample table whose isomiR slopes are independent of the others.
    draws : int, optional
        Of ``method="nuts"``: draws kept of each chain, 1000 by default. A miRNA whose chains do not mix is sampled
        again with more care.
    chains : int, optional
        Of ``method="nuts"``: chains of each miRNA, 4 by default; they run one after the other in each worker.
    tune : int, optional
        Of ``method="nuts"``: draws of each chain that adapt the sampler and are not kept, 500 by default.
    target_accept : float, optional
        Of ``method="nuts"``: acceptance rate that sets the step size, 0.9 by default.
    n_jobs : int
        Worker threads; 0 for one per core. The results do not depend on it.
    seed : int
        Not negative. Fixes every draw; maximum likelihood uses no random numbers.
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
    counts = validate_counts(counts)
    check_prob(prob)
    resolve_jobs(n_jobs)
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise InputError(f"seed={seed!r}: give an integer, 0 or more.")
    spec = model if isinstance(model, ModelSpec) else load_model(model)
    options = resolve_options(
        method=method, curvature=curvature, df=df, offset=offset, preset=preset, spec=spec
    )
    settings = resolve_settings(method, draws=draws, chains=chains, tune=tune, target_accept=target_accept)
    table = sample_table(counts)
    design = build_design(table, formula, slope=slope, reference=reference, nuisance=nuisance)
    log_offsets = log_offset(counts, options.offset)
    cautions = _cautions(counts, design, options)
    for caution in cautions:
        logger.warning("%s", caution)
    _load_kernels(progress, method)
    plan = Plan(design, np.asarray(log_offsets.values, dtype=float), options)
    assembled = partial(
        assemble,
        design=design,
        offset=log_offsets.values,
        total=counts["total"].values,
        preset=preset,
        prob=prob,
        curvature=options.curvature,
        family=spec.family,
        offset_method=options.offset,
        model=json.dumps(spec.to_dict()),
    )
    metadata = provenance(counts, seed=seed) | as_metadata(cautions)
    if method == "ml":
        records = _fit_mirnas(counts, partial(fit_mirna, plan), n_jobs, progress)
        data = assembled(records + _left_out(counts), method=method, df=options.df)
        return Fit(data, design, metadata=metadata, samples=table)
    if settings is None:
        pairs = _fit_mirnas(counts, partial(fit_mirna_nested, plan, seed), n_jobs, progress)
        extra = {}
    else:
        pairs = _sample_mirnas(counts, partial(fit_mirna_nuts, plan, seed, settings), n_jobs, progress)
        extra = {"chains": settings.chains, "tune": settings.tune, "target_accept": settings.target_accept}
        cut = sum(record.reason == INTERRUPTED for _, record in pairs)
        if cut:
            sentence = f"The run was interrupted: {cut} of {len(pairs)} miRNAs were not sampled."
            metadata |= as_metadata([*cautions, Caution("interrupted", sentence)]) | {"interrupted": True}
    left_out = _left_out(counts)
    ml_data = assembled([ml for ml, _ in pairs] + left_out, method="ml", df=options.df)
    data = assembled([posterior for _, posterior in pairs] + left_out, method=method, df="z", extra=extra)
    ml = Fit(ml_data, design, metadata=metadata, samples=table)
    return Fit(data, design, metadata=metadata, samples=table, ml=ml)


def _sample_mirnas(
    counts: xr.Dataset,
    fit_one: Callable[[str, list[str], np.ndarray], tuple[MirnaRecord, MirnaRecord]],
    n_jobs: int,
    progress: bool,
) -> list[tuple[MirnaRecord, MirnaRecord]]:
    """As :func:`_fit_mirnas`, keeping what is finished when the user interrupts it."""

    def unfinished(mirna: str, isomirs: list[str]) -> tuple[MirnaRecord, MirnaRecord]:
        record = MirnaRecord(mirna, FAILED, INTERRUPTED, n_isomirs=len(isomirs))
        return record, record

    return _fit_mirnas(
        counts,
        fit_one,
        n_jobs,
        progress,
        description="Sampling",
        unfinished=unfinished,
        troubled=lambda pair: pair[1].status in (NOT_CONVERGED, FAILED),
    )


def _fit_mirnas[T](
    counts: xr.Dataset,
    fit_one: Callable[[str, list[str], np.ndarray], T],
    n_jobs: int,
    progress: bool,
    *,
    description: str = "Fitting",
    unfinished: Callable[[str, list[str]], T] | None = None,
    troubled: Callable[[T], bool] | None = None,
) -> list[T]:
    """Return what ``fit_one`` makes of every miRNA with counts, in the order in which they were read."""
    mirnas = counts["mirna"].values.astype(object)
    names, first = np.unique(mirnas, return_index=True)
    names = names[np.argsort(first)]
    position = pd.Series(np.arange(len(mirnas))).groupby(mirnas, sort=False).indices
    isomirs, values = counts["isomir"].values, counts["counts"].values
    tasks = [
        partial(fit_one, str(name), list(isomirs[position[name]]), values[position[name]]) for name in names
    ]
    weights = [float(len(position[name])) for name in names]
    found = run_all(
        tasks,
        n_jobs=n_jobs,
        weights=weights,
        progress=progress,
        description=description,
        keep_finished=unfinished is not None,
        troubled=troubled,
    )
    if unfinished is None or len(found) == len(tasks):
        return list(found.values())
    if not found:
        raise KeyboardInterrupt
    logger.warning("Interrupted: %d of %d miRNAs are finished and kept.", len(found), len(tasks))
    return [
        found[i] if i in found else unfinished(str(name), list(isomirs[position[name]]))
        for i, name in enumerate(names)
    ]


def _left_out(counts: xr.Dataset) -> list[MirnaRecord]:
    """Return a record for every miRNA of which a filter left nothing."""
    gone = dropped(counts)
    gone = gone[~gone["mirna"].isin(set(counts["mirna"].values))]
    low = gone[gone["reason"] == "low_mirna_expression"]
    levels = dict(zip(low["mirna"].tolist(), low["log_cpm"].tolist(), strict=True))
    records = []
    for mirna, size in gone["mirna"].value_counts(sort=False).items():
        if mirna in levels:
            status = LOW_EXPRESSION
            reason = (
                f"log(median CPM) of its summed counts is {levels[mirna]:.2f}, not above the filter's limit."
            )
        else:
            status = TOO_FEW_ISOMIRS
            reason = (
                f"None of its isomiRs is among these counts: the expression filter dropped {size}, and others, if "
                "there were any, were left out by hand."
            )
        records.append(MirnaRecord(str(mirna), status, reason, n_isomirs=0))
    return records


def _cautions(counts: xr.Dataset, design: Design, options: Options) -> list[Caution]:
    """Return what is legal but limits the conclusions, a sentence each."""
    cautions = [*design.cautions, *coded_levels(design.table)]
    for name in design.factors:
        if name not in design.nuisance:
            sentence = offset_caution(counts, options.offset, design.table[name])
            if sentence:
                cautions.append(Caution("offset", f"{name}: {sentence}"))
    return cautions


def _load_kernels(progress: bool, method: str) -> None:
    """Compile or load the kernels before the bar starts, and say so where it takes its time."""
    batch, density = method == "laplace", method == "nuts"
    if not (is_compiled() and (is_batch_compiled() or not batch) and (is_density_compiled() or not density)):
        message = "Compiling the numerical kernels for this machine (once, about half a minute) ..."
        if progress:
            print(message, file=sys.stderr, flush=True)
        logger.info(message)
    try:
        compile_kernels()
        if batch:
            compile_batch()
        if density:
            compile_density()
    except OSError as error:
        raise InputError(
            f"the numerical kernels could not be compiled ({error}): make a writable folder known through "
            "the environment variable NUMBA_CACHE_DIR."
        ) from error
