"""``bm.fit``: the one place that brings counts, design, offsets, model and engine together."""

import logging
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayes_mirglmm.counts.belonging import unused_belonging
from bayes_mirglmm.counts.container import sample_table, validate_counts
from bayes_mirglmm.counts.identical import identical_cautions
from bayes_mirglmm.counts.offsets import log_offset, offset_caution
from bayes_mirglmm.counts.plausibility import count_cautions
from bayes_mirglmm.counts.rare import has_rare
from bayes_mirglmm.counts.replicates import replicate_caution
from bayes_mirglmm.counts.selection import select_mirnas
from bayes_mirglmm.design.build import Design, build_design, many_coefficients
from bayes_mirglmm.design.covariates import coded_levels
from bayes_mirglmm.design.sample_covariance import checked_covariance
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.fitting.choices import check_choices
from bayes_mirglmm.fitting.every_mirna import Mirnas, fit_every_mirna, left_out, say_outcome
from bayes_mirglmm.fitting.learning import LEARNED, LEARNER, LearnedModel, learn_model
from bayes_mirglmm.fitting.names import check_names
from bayes_mirglmm.fitting.resume import NOTHING, Opened, close_shard, identity_there, open_ledger
from bayes_mirglmm.fitting.shards import Shard, dealt
from bayes_mirglmm.fitting.whole import Whole, identity_of
from bayes_mirglmm.interruption import apart, hand_on, noted
from bayes_mirglmm.methods.job import Job, Pair, dressed
from bayes_mirglmm.methods.maximum_likelihood import Plan
from bayes_mirglmm.methods.options import Options
from bayes_mirglmm.methods.registry import Engine, method_named
from bayes_mirglmm.model import ModelSpec, Priors
from bayes_mirglmm.outcomes import FEWEST_ISOMIRS, FEWEST_SAMPLES_OF_LAPLACE, Caution, as_metadata
from bayes_mirglmm.results import Fit, check_target, load, provenance
from bayes_mirglmm.results.run_lock import held
from bayes_mirglmm.results.shared_samples import INDEPENDENT, SHARED, check_enough
from bayes_mirglmm.results.usage_choice import AUTO, CHOICES, LRT, check_usage_test

logger = logging.getLogger(__name__)

NOT_ALONE = f"have {FEWEST_ISOMIRS} isomiRs or more"


def fit(
    counts: xr.Dataset,
    formula: str,
    *,
    slope: str | None = None,
    reference: Mapping[str, object] | None = None,
    method: str = "ml",
    offset: str = "total",
    model: str | Path | ModelSpec = "mirglmm",
    priors: str | Priors | None = None,
    curvature: str | None = None,
    criterion: str | None = None,
    df: str | None = None,
    preset: str | None = None,
    samples: str = "independent",
    prob: float = 0.95,
    nuisance: str | Sequence[str] = (),
    usage_test: str = "auto",
    sample_covariance: np.ndarray | pd.DataFrame | None = None,
    mirnas: str | Sequence[str] | None = None,
    draws: int | None = None,
    chains: int | None = None,
    tune: int | None = None,
    target_accept: float | None = None,
    n_jobs: int = 1,
    seed: int = 1,
    progress: bool = True,
    throw: bool = False,
    max_seconds: float | None = None,
    ledger: str | PathLike[str] | None = None,
    resume: bool = False,
    shard: str | tuple[int, int] | None = None,
    executor: Any = None,
) -> Fit:
    """Fit a mixed model to the isomiR counts of every miRNA.

    Nothing is filtered here: see :func:`~bayes_mirglmm.counts.filtering.filter_counts`. A miRNA that cannot be
    fitted does not stop the others; :meth:`Fit.status` has a row for each, with the reason.

    Parameters
    ----------
    counts : xarray.Dataset
        A counts container (:mod:`bayes_mirglmm.counts`).
    formula : str
        Fixed effects on the columns of the sample table, ``"~ group + batch"``, and random terms
        of the samples: ``"~ group + (1 | patient)"``, ``"(time | patient)"``, ``"(1 | hospital/patient)"``.
    slope : str, optional
        The variable whose effect varies over the isomiRs of a miRNA; the first of the formula when omitted.
    reference : mapping, optional
        Reference level of each factor, ``{"group": "ctrl"}``.
    method : {"ml", "laplace", "nuts"}
        ``"ml"``: maximum marginal likelihood, the random effects integrated out by Laplace. ``"laplace"``: from there
        the posterior under the priors of the model, by importance sampling, and the Bayes factor for isomiR slopes.
        ``"nuts"``: the same posterior and Bayes factor without Laplace's approximation, by MCMC (nutpie); about
        fifteen times as slow as ``"laplace"``.
    offset : str
        ``"total"``, ``"median_ratio"``, ``"tmm"``, ``"upper_quartile"``, ``"column:NAME"`` (totals) or
        ``"log_column:NAME"``; see :func:`~bayes_mirglmm.counts.offsets.log_offset`.
    model : str, path or ModelSpec
        A shipped model's name, a TOML file, or a specification.
    priors : {"learned"} or Priors, optional
        Of ``method="laplace"`` and ``"nuts"``, in place of the model's. ``"learned"``: those of theta, of the sample SD
        and of the slope SDs are learned over all miRNAs first, by ``method="laplace"`` (:meth:`Fit.learned_priors`).
    curvature : {"observed", "expected"}, optional
        ``"observed"`` (default) is the Laplace approximation, as in glmmTMB; ``"expected"`` is what
        ``lme4::glmer.nb`` computes.
    criterion : {"ml", "reml"}, optional
        What the estimates of ``method="ml"`` maximise: the likelihood (default), or the restricted likelihood, in which
        the fixed effects are integrated out under a flat prior. Maximum likelihood estimates variances too small where
        fixed effects are many for the samples, so that its intervals are too short; restricted likelihood does not, and
        is faster there. The test of usage compares maximum likelihoods either way.
    df : {"t", "z"}, optional
        Intervals and p-values from t with n - rank(X) degrees of freedom (default), or from the normal.
    preset : {"mirglmm"}, optional
        Everything as the R package miRglmm does it: expected curvature, total-count offset, Wald z, chi-squared LRT,
        and the reduced model's coefficients where the full fit is singular.
    samples : {"independent", "shared"}
        ``"shared"``: the effects of miRNAs are estimated under the covariance of the samples that is learned over all
        of them, after the fit by maximum likelihood; see :meth:`Fit.effects`.
    prob : float
        Level of the intervals.
    nuisance : str or sequence of str
        Columns of the sample table whose isomiR slopes are independent of the others.
    usage_test : {"auto", "shared", "lrt"}
        The test of isomiR usage that tables, summaries and reports of this fit call by; see :meth:`Fit.usage`. By
        default the shared test, and the likelihood ratio test where the first cannot be had (fewer than 10 miRNAs, too
        few samples beside the covariates, more than 500 samples) and under ``preset``.
    sample_covariance : array or pandas.DataFrame, shape (n, n), optional
        Covariance of the sample effects up to a factor, which is estimated; samples are independent
        without it. With a diagonal of ones the SD of ``variance_components()`` is that of a sample.
    mirnas : str or sequence of str, optional
        Fit these miRNAs alone; :meth:`Fit.status` has the others as ``not_selected``. Offsets are those of all counts;
        shrinkage, adjusted p-values and what samples share are of the miRNAs that are fitted.
    draws : int, optional
        Of ``method="nuts"``: draws kept of each chain, 800 by default. A miRNA whose chains do not mix is sampled
        again with more care, one that has too few effective draws for longer.
    chains : int, optional
        Of ``method="nuts"``: chains of each miRNA, 4 by default; they run one after the other in each worker.
    tune : int, optional
        Of ``method="nuts"``: draws of each chain that adapt the sampler and are not kept, 250 by default.
    target_accept : float, optional
        Of ``method="nuts"``: acceptance rate that sets the step size, 0.9 by default.
    n_jobs : int
        Worker threads; 0 for one per core. The results do not depend on it.
    seed : int
        Not negative. Fixes every draw; maximum likelihood uses no random numbers.
    progress : bool
        Show a progress bar when standard error is a terminal.
    throw : bool
        Raise the first exception that fitting a miRNA ends in, with its traceback, instead of giving the miRNA the
        status ``failed``: for developers. Without it the traceback is logged, at level DEBUG.
    max_seconds : float, optional
        Time for each miRNA. One that needs longer has the status ``not_converged``, and the reason says so.
    ledger : path, optional
        Folder of the run, in which each miRNA is written down as soon as it is finished: a process that is killed loses
        those that are under way, and no others. :meth:`Fit.save` to the same folder takes the ledger away.
    resume : bool
        Continue what stands in the folder of ``ledger``, if it is of this very fit. A finished run that is there is
        returned.
    shard : str or (int, int), optional
        ``"3/20"``: fit the third of twenty parts of the miRNAs, and leave the part in the folder of ``ledger`` for
        :func:`merge`. Totals, offsets and filters are those of all miRNAs. In the fit that is returned the miRNAs of
        other parts have the status ``not_selected``, and what is adjusted over miRNAs is so over those of the part.
    executor : distributed.Client, optional
        Fit on the workers of a Dask cluster, and not in threads of this process. The results do not depend on it.

    Returns
    -------
    Fit
        Ctrl-C and SIGTERM end the fit early: what is finished is returned, the other miRNAs have the status
        ``interrupted``, and ``metadata["interrupted"]`` is the name of the signal.

    Raises
    ------
    InputError
        The counts, formula, offset, model or an option cannot be used; the message says which and what to do.
    ClusterError
        The Dask cluster has no workers, or went away.
    KeyboardInterrupt
        Ctrl-C came before any miRNA was finished.

    References
    ----------
    Baran et al., Genome Biology 2025, doi 10.1186/s13059-025-03549-y.
    """
    choices = check_choices(
        formula,
        slope=slope,
        reference=reference,
        method=method,
        offset=offset,
        model=model,
        priors=priors,
        curvature=curvature,
        criterion=criterion,
        df=df,
        preset=preset,
        samples=samples,
        prob=prob,
        nuisance=nuisance,
        usage_test=usage_test,
        draws=draws,
        chains=chains,
        tune=tune,
        target_accept=target_accept,
        n_jobs=n_jobs,
        seed=seed,
        max_seconds=max_seconds,
        ledger=ledger,
        resume=resume,
        shard=shard,
    )
    settings, part = choices.settings, choices.shard
    counts = validate_counts(counts)
    if has_rare(counts):
        raise InputError(
            "rare isomiRs were left out of these counts while reading (drop_rare=True): filter them first "
            "(filter_counts), which takes account of that."
        )
    how, options = method_named(method), choices.options
    table = sample_table(counts)
    design = build_design(table, formula, slope=slope, reference=reference, nuisance=nuisance)
    check_usage_test(usage_test, design, CHOICES)
    if usage_test == AUTO and preset is not None:
        usage_test = LRT
    check_names(counts, design)
    covariance = checked_covariance(sample_covariance, design.samples)
    log_offsets = log_offset(counts, options.offset)
    cautions = _cautions(counts, design, options, slope_chosen=slope is not None)
    for caution in cautions:
        logger.warning("%s", caution)
    counts = select_mirnas(counts, mirnas)  # after the offsets, which are those of all counts
    plan = Plan(
        design,
        np.asarray(log_offsets.values, dtype=float),
        options,
        throw=throw,
        sample_covariance=covariance,
    )
    job = Job(method, plan, int(seed), settings, choices.max_seconds)
    metadata = provenance(counts, seed=seed) | as_metadata(cautions) | {"usage_test": usage_test}
    whole = Whole(
        design=design,
        samples=table,
        offset=log_offsets.values,
        total=counts["total"].values,
        options=options,
        settings={} if settings is None else {name: getattr(settings, name) for name in how.recorded},
        prob=prob,
        taken=samples,
        sample_covariance=covariance,
        metadata=metadata,
        rest=left_out(counts),
    )
    every = Mirnas(counts)
    if part is not None:
        metadata["shard"] = str(part)
    if priors == LEARNED:
        learned = _known_model(ledger, resume)
        if learned is None:
            _load_kernels(progress, method_named(LEARNER).engine)
            learned = learn_model(whole, job, every, executor=executor, n_jobs=n_jobs, progress=progress)
        job = replace(job, plan=plan.with_spec(learned.spec))
        whole = replace(whole, options=job.plan.options)
        metadata["learned_priors"] = learned.about
    run = partial(_run, whole, job, every, part=part, executor=executor, n_jobs=n_jobs, progress=progress)
    if ledger is None:
        return run(NOTHING)
    folder = check_target(ledger, force=True)
    identity = identity_of(whole, job)
    metadata["identity"] = identity
    header: dict[str, Any] = {"identity": identity, "shard": part}
    if part is not None:
        header |= {"mirnas": every.names, "whole": whole.to_tree()}
    with held(folder):
        reading = {"prob": float(prob), "usage_test": usage_test, "samples": samples}
        if not how.has_draws:
            reading["df"] = options.df
        opened = open_ledger(folder, identity, header, resume=resume, shard=part, reading=reading)
        if opened.finished is not None:
            logger.debug("%s holds this very run, finished already.", opened.finished)
            return load(opened.finished)
        try:
            result = run(opened)
        except BaseException:
            if opened.ledger is not None:
                opened.ledger.close()
                if not opened.pairs and not opened.ledger.count:
                    opened.ledger.path.unlink(missing_ok=True)  # there is nothing to go on with
            raise
        if opened.ledger is not None:
            opened.ledger.close()
        if part is not None and opened.ledger is not None and not result.metadata.get("interrupted"):
            close_shard(folder, opened.ledger)
    return result


def _known_model(ledger: str | PathLike[str] | None, resume: bool) -> LearnedModel | None:
    """Return the model with the priors that were learned when the run that is continued was begun."""
    before = identity_there(ledger) if ledger is not None and resume else None
    if before is None or not before.get("learned_priors"):
        return None
    return LearnedModel(ModelSpec.from_dict(before["model"]), before["learned_priors"])


def _run(
    whole: Whole,
    job: Job,
    mirnas: Mirnas,
    opened: Opened,
    *,
    part: Shard | None,
    executor: Any,
    n_jobs: int,
    progress: bool,
) -> Fit:
    """Fit the miRNAs that are not there yet, and put all of them together."""
    how = method_named(job.method)
    if (
        whole.taken == SHARED and part is None
    ):  # as far as it can be known before the fit; of parts it is asked of all
        able = sum(len(rows) >= FEWEST_ISOMIRS for rows in mirnas.rows)
        check_enough(able, len(whole.design.samples), len(whole.design.terms), NOT_ALONE)
    place = {name: i for i, name in enumerate(mirnas.names)}
    chosen = range(len(place)) if part is None else dealt(mirnas.weights, part)
    if opened.pairs:
        logger.info("%d of %d miRNAs are finished already.", len(opened.pairs), len(chosen))
    if executor is None and len(opened.pairs) < len(chosen):
        _load_kernels(progress, how.engine)

    def note(name: str, pair: Pair) -> None:
        if opened.ledger is not None:
            # A part is merged where the counts are not at hand.
            opened.ledger.add(name, pair if part is None else dressed(pair, *mirnas.take(place[name])[1:]))

    with noted():  # from here on an interruption loses nothing that is finished
        found = fit_every_mirna(
            mirnas,
            job,
            chosen=chosen,
            known=opened.pairs,
            finished=note,
            executor=executor,
            n_jobs=n_jobs,
            progress=progress,
            description=how.work,
        )
        if found.interrupted:
            sentence = f"The run was interrupted: {found.left} of {found.left + found.done} miRNAs were not finished."
            whole = whole.with_cautions(Caution("interrupted", sentence), interrupted=found.interrupted)
        if part is not None:  # what samples share is learned where all parts are merged
            whole = replace(whole, taken=INDEPENDENT)
        if found.done or not chosen:
            result = whole.fit_of(found.pairs)
    if not found.done and chosen:
        hand_on(found.interrupted)
    say_outcome(result)
    return result


def _cautions(counts: xr.Dataset, design: Design, options: Options, *, slope_chosen: bool) -> list[Caution]:
    """Return what is legal but limits the conclusions, a sentence each."""
    cautions = [*count_cautions(counts), *identical_cautions(counts)]
    cautions += [*design.cautions, *coded_levels(design.table)]
    n = len(design.samples)
    if n < method_named(options.method).fewest_samples:
        sentence = (
            f"With {n} samples method='laplace' is a little too sure: below {FEWEST_SAMPLES_OF_LAPLACE} samples its "
            "95 % intervals were up to 6 % narrower (median of 24 miRNAs) than those of method='nuts', single ends off "
            "by up to 0.4 posterior SDs."
        )
        cautions.append(Caution("few_samples", sentence))
    if sentence := replicate_caution(counts, design.table.columns):
        cautions.append(Caution("replicates", sentence))
    elif options.preset is None:
        cautions += [
            Caution(
                "belonging",
                f"{b.text}, and the formula does not use it: samples that belong together, of one patient say, are not "
                f"independent; {b.term} in the formula says so",
            )
            for b in unused_belonging(counts, design.table.columns)
        ]
    if design.without_slopes and not slope_chosen and options.spec.isomir_slope:
        others = " and ".join(design.without_slopes)
        last = design.without_slopes[-1]
        sentence = (
            f"of the variables of the formula only {design.slope} has isomiR slopes: the usage test and the "
            f"first table are about {design.slope}, and where isomiRs differ the standard errors of {others} are too "
            f"small (column isomir_slope). Say which variable is of interest, for example slope={last!r} (--slope "
            f"{last}); nuisance={design.slope!r} (--nuisance {design.slope}) then keeps the slopes of both"
        )
        cautions.append(Caution("slope", sentence))
    if options.method == "ml" and options.criterion == "ml" and options.preset is None:
        cautions += many_coefficients(design)
    for name in design.factors:
        if name not in (*design.nuisance, design.pairing):
            sentence = offset_caution(counts, options.offset, design.table[name])
            if sentence:
                cautions.append(Caution("offset", f"{name}: {sentence}"))
    return cautions


def _load_kernels(progress: bool, engine: Engine) -> None:
    """Compile or load the kernels before the bar starts, and say so where it takes its time."""
    if not engine.is_prepared():
        message = "Compiling the numerical kernels for this machine (once, about half a minute) ..."
        if progress:
            print(message, file=sys.stderr, flush=True)
        logger.info(message)
    try:
        apart(engine.prepare)
    except OSError as error:
        raise InputError(
            f"the numerical kernels could not be compiled ({error}): make a writable folder known through "
            "the environment variable NUMBA_CACHE_DIR."
        ) from error
