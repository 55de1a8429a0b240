"""One miRNA by the nested Laplace posterior: the full and the reduced model, their evidence, draws of the one shown."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from bayes_mirglmm.design.blocks import slope_columns
from bayes_mirglmm.marginal import compile_batch, is_batch_compiled
from bayes_mirglmm.methods import maximum_likelihood
from bayes_mirglmm.methods.bayesian import finite_or_told, fit_bayesian, name_number, posterior_numbers
from bayes_mirglmm.methods.maximum_likelihood import Plan
from bayes_mirglmm.nested import NestedPosterior, Start, nested_posterior
from bayes_mirglmm.nested.importance import EVIDENCE_STAGES, STAGES
from bayes_mirglmm.outcomes import NOT_CONVERGED, OK, RELIABLE_PARETO_K
from bayes_mirglmm.records import Draws, MirnaRecord, ModelNumbers

if TYPE_CHECKING:
    from bayes_mirglmm.methods.registry import FitOne

DRAWS = sum(STAGES)  # that are kept of a miRNA


def fit_mirna_nested(
    plan: Plan, seed: int, mirna: str, isomirs: Sequence[str], counts: np.ndarray
) -> tuple[MirnaRecord, MirnaRecord]:
    """Fit one miRNA by maximum likelihood, and from there its posterior; whatever happens becomes a status.

    Parameters
    ----------
    plan : Plan
    seed : int
        Together with the miRNA's name it fixes the draws, whatever else is fitted and in which order.
    mirna : str
    isomirs : sequence of str, length J
    counts : int array, shape (J, n)

    Returns
    -------
    ml, posterior : MirnaRecord
    """
    return fit_bayesian(plan, mirna, isomirs, counts, partial(_sampled, plan, seed))


def sample_model(
    plan: Plan,
    seed: int,
    mirna: str,
    counts: np.ndarray,
    *,
    full: bool,
    start: Start | None = None,
    draw_effects: bool = True,
) -> NestedPosterior:
    """Return the posterior of one model of one miRNA, always the same for a seed."""
    spec = plan.options.spec if full else plan.options.spec.reduced()
    columns = plan.full if full else plan.reduced
    return nested_posterior(
        counts,
        plan.offset,
        plan.design.x,
        plan.design.z[:, columns],
        blocks=plan.blocks(columns),
        spec=spec,
        rng=_stream(seed, mirna, full=full),
        start=start,
        draw_effects=draw_effects,
        stages=STAGES if draw_effects else EVIDENCE_STAGES,
    )


def _sampled(
    plan: Plan, seed: int, ml: MirnaRecord, isomirs: Sequence[str], counts: np.ndarray
) -> MirnaRecord:
    """The models that maximum likelihood fits, and draws of the larger one."""
    mirna = ml.mirna
    has_reduced = plan.design.slope is not None
    has_full = plan.full != plan.reduced or not has_reduced
    full = reduced = None
    if has_full:
        full = sample_model(plan, seed, mirna, counts, full=True, start=_start(ml.full))
    if has_reduced:
        reduced = sample_model(
            plan,
            seed,
            mirna,
            counts,
            full=False,
            start=_start(ml.reduced),
            draw_effects=not has_full,
        )
    numbers = {
        "full": None if full is None else _numbers(plan, full, plan.full),
        "reduced": None if reduced is None else _numbers(plan, reduced, plan.reduced),
    }
    shown = "full" if has_full else "reduced"
    posterior = full if full is not None else reduced
    assert posterior is not None
    own = numbers[shown]
    assert own is not None
    sort_by = min(1, posterior.beta.shape[1] - 1)
    if has_reduced:
        slopes = [plan.design.slope_terms[k] for k in slope_columns(plan.design.blocks)]
        sort_by = next((plan.design.terms.index(t) for t in slopes if t in plan.design.terms), sort_by)
    return MirnaRecord(
        mirna,
        own.status,
        " ".join(f"{n.reason}" for n in numbers.values() if n is not None and n.reason),
        isomirs=isomirs,
        counts=counts,
        full=numbers["full"],
        reduced=numbers["reduced"],
        coefficients_from=shown,
        draws=_draws(posterior, sort_by),
    )


def _start(numbers: ModelNumbers | None) -> Start | None:
    if numbers is None or numbers.omega is None or not np.isfinite(numbers.beta).all():
        return None
    return Start(numbers.beta, numbers.omega, numbers.sigma_sample, numbers.theta)


def _numbers(plan: Plan, posterior: NestedPosterior, columns: list[int]) -> ModelNumbers:
    """Posterior means, SDs and covariances."""
    sample, weights = posterior.sample, posterior.sample.weights
    reason = ""
    if not sample.reliable:
        which = "full" if columns == plan.full else "reduced"
        reason = (
            f"The importance weights of the {which} model have a heavy tail (Pareto k-hat {sample.pareto_k:.2f} "
            f"after {len(weights)} draws; {RELIABLE_PARETO_K} is the limit): take its posterior and its evidence for "
            "rough, and check it with method='nuts'."
        )
    draws = Draws(
        weights,
        posterior.beta,
        posterior.omega,
        posterior.sigma_sample,
        posterior.log_theta,
        posterior.b,
        posterior.u,
    )
    numbers = posterior_numbers(plan, draws, columns)
    status = OK if sample.reliable else NOT_CONVERGED
    status, reason = finite_or_told(numbers, status, reason)
    return replace(
        numbers,
        log_likelihood=float(posterior.log_likelihood[np.argmax(sample.log_density)]),
        iterations=posterior.iterations,
        evaluations=posterior.evaluations,
        status=status,
        reason=reason,
        extra={
            "log_evidence": sample.log_evidence,
            "log_evidence_error": sample.log_evidence_error,
            "pareto_k": sample.pareto_k,
            "effective_size": sample.effective_size,
            "points": float(len(weights)),
            "dropped": float(posterior.dropped),
        },
    )


def _draws(posterior: NestedPosterior, sort_by: int) -> Draws:
    """Keep DRAWS draws: all with their weights, or, where more were needed, as many of equal weight.

    These are taken at equal steps of the distribution of coefficient ``sort_by``, which loses nothing of it.
    """
    weights = posterior.sample.weights
    kept = np.arange(len(weights))
    if len(weights) > DRAWS:
        order = np.argsort(posterior.beta[:, sort_by], kind="stable")
        steps = (np.arange(DRAWS) + 0.5) / DRAWS
        cumulative = np.cumsum(weights[order])
        kept = order[np.minimum(np.searchsorted(cumulative, steps * cumulative[-1]), len(weights) - 1)]
        weights = np.full(DRAWS, 1.0)
    return Draws(
        weight=weights[: len(kept)] / weights.sum(),
        beta=posterior.beta[kept],
        omega=posterior.omega[kept],
        sigma_sample=posterior.sigma_sample[kept],
        log_theta=posterior.log_theta[kept],
        # The largest by far, and stored in single precision anyway.
        b=posterior.b[kept].astype(np.float32),
        u=posterior.u[kept].astype(np.float32),
    )


def _stream(seed: int, mirna: str, *, full: bool) -> np.random.Generator:
    return np.random.default_rng([seed, name_number(mirna), int(full)])


def is_prepared() -> bool:
    """Tell whether the machine code of this method, and of the fit that it starts from, is on disk."""
    return maximum_likelihood.is_prepared() and is_batch_compiled()


def prepare() -> None:
    """Compile the kernels, or load them from disk."""
    maximum_likelihood.prepare()
    compile_batch()


def fitter(plan: Plan, seed: int, settings: None) -> "FitOne":
    """Return the function that fits one miRNA."""
    return partial(fit_mirna_nested, plan, seed)
