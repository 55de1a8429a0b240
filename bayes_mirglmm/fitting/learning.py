"""Priors learned over all miRNAs before the fit: by the nested Laplace posterior, sampled again where that is due."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from bayes_mirglmm.counts.container import some
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.fitting.every_mirna import Mirnas, fit_every_mirna
from bayes_mirglmm.fitting.whole import Whole
from bayes_mirglmm.interruption import hand_on, noted
from bayes_mirglmm.methods.job import Job
from bayes_mirglmm.methods.registry import method_named
from bayes_mirglmm.model import ModelSpec
from bayes_mirglmm.outcomes import FEWEST_ISOMIRS, RELIABLE_PARETO_K
from bayes_mirglmm.results.learned_priors import FEWEST_MIRNAS, drawn_parameters, learn

logger = logging.getLogger(__name__)

LEARNED = "learned"
ROUNDS = 3  # at most, of sampling miRNAs again
LEARNER = "laplace"


class LearnedModel(NamedTuple):
    """A model with learned priors, and how they were learned."""

    spec: ModelSpec
    about: dict[str, Any]  #: JSON-able


def learn_model(
    whole: Whole, job: Job, mirnas: Mirnas, *, executor: Any, n_jobs: int, progress: bool
) -> LearnedModel:
    """Return the model of a fit with priors that are learned over all of its miRNAs.

    Parameters
    ----------
    whole, job : Whole, Job
        Of the fit, with the priors to start from.
    mirnas : Mirnas
        All of them, also where a part is to be fitted: every part learns the same.

    Raises
    ------
    InputError
        There are too few miRNAs.
    KeyboardInterrupt
        An interruption came before the priors were learned.
    """
    able = sum(len(rows) >= FEWEST_ISOMIRS for rows in mirnas.rows)
    if able < FEWEST_MIRNAS:
        raise InputError(
            f"priors='learned' learns over miRNAs, and {able} of these have {FEWEST_ISOMIRS} isomiRs or more: from "
            f"{FEWEST_MIRNAS} on that makes sense. For a few miRNAs of a larger data set, learn from all of it first: "
            "priors=all_of_them.learned_priors() (of a fit by laplace; as a model file for model=..., "
            "bm.load(RUN).spec.to_toml() of a run with priors='learned'). Else leave it out."
        )
    spec = job.plan.options.spec
    options = replace(whole.options, method=LEARNER)
    whole = replace(whole, options=options, settings={}, taken="independent")

    def drawn(spec: ModelSpec, chosen: Sequence[int]) -> Any:
        own = replace(
            job, method=LEARNER, settings=None, plan=replace(job.plan, options=replace(options, spec=spec))
        )
        with noted():
            found = fit_every_mirna(
                mirnas,
                own,
                chosen=chosen,
                known={},
                finished=lambda name, pair: None,
                executor=executor,
                n_jobs=n_jobs,
                progress=progress,
                description="Learning priors",
            )
        if found.interrupted:
            hand_on(found.interrupted)
        return drawn_parameters(replace(whole, options=replace(options, spec=spec)).fit_of(found.pairs))

    parts = [drawn(spec, range(len(mirnas.names)))]
    found = learn(parts, spec.priors)
    place = {name: i for i, name in enumerate(mirnas.names)}
    again: set[str] = set()
    for _ in range(ROUNDS):
        far = found.far
        if not far:
            break
        again |= set(far)
        anew = drawn(replace(spec, priors=found.priors), [place[name] for name in far])
        # One that the new priors do not suit either stays as it was.
        parts = [part.without(anew.mirnas) for part in parts] + [anew]
        found = learn([part for part in parts if part.mirnas], spec.priors)
    about = {"mirnas": len(found.mirnas), "sampled_again": len(again), "far": len(found.far)}
    if found.far:
        logger.warning(
            "The draws of %d of %d miRNAs hardly reach the learned priors even after sampling them again (Pareto k-hat "
            "above %g), so that these priors are a little off: %s.",
            about["far"], about["mirnas"], RELIABLE_PARETO_K, some(found.far),
        )  # fmt: skip
    logger.info(
        "Priors were learned over %d miRNAs, %d of which were sampled again: %s.",
        about["mirnas"], about["sampled_again"],
        ", ".join(f"{name} {found.priors.given()[name]}" for name in dict.fromkeys(parts[0].parameters)),
    )  # fmt: skip
    return LearnedModel(replace(spec, priors=found.priors), about)


def check_priors(priors: Any, method: str) -> None:
    """Refuse a choice of ``priors`` that is unknown, or has no use."""
    from bayes_mirglmm.model import Priors

    if priors is None:
        return
    if not isinstance(priors, Priors) and priors != LEARNED:
        raise InputError(
            f"priors={priors!r}: give 'learned', or Priors, such as fit.learned_priors(); those of a file are given as "
            "model=."
        )
    if not method_named(method).has_draws:
        raise InputError(
            f"method={method!r} has no priors: leave priors= out, or choose method='laplace' or 'nuts'."
        )
