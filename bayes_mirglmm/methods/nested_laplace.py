"""One miRNA by the nested Laplace posterior: the full and the reduced model, their evidence, draws of the one shown."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from bayes_mirglmm.design.blocks import slope_columns
from bayes_mirglmm.marginal import is_batch_compiled
from bayes_mirglmm.methods import maximum_likelihood
from bayes_mirglmm.methods.bayesian import finite_or_told, fit_bayesian, name_number, posterior_numbers
from bayes_mirglmm.methods.maximum_likelihood import Plan
from bayes_mirglmm.model.term_priors import TermPriors
from bayes_mirglmm.nested import NestedPosterior, Start, compile_posterior, nested_posterior
from bayes_mirglmm.nested.importance import EVIDENCE_STAGES, STAGES
from bayes_mirglmm.nested.nested import DRAWS
from bayes_mirglmm.outcomes import NOT_CONVERGED, OK, RELIABLE_PARETO_K
from bayes_mirglmm.records import Draws, MirnaRecord, ModelNumbers

if TYPE_CHECKING:
    from bayes_mirglmm.methods.registry import FitOne

EVIDENCE_DRAWS = 256  # of a model whose posterior means and SDs alone are kept


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
    stages: tuple[int, ...] = STAGES,
    draws: int = DRAWS,
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
        terms=TermPriors.of(spec.priors, plan.design.random) if plan.design.random else None,
        sample_covariance=plan.sample_covariance,
        start=start,
        focus=_focus(plan),
        draws=draws,
        stages=stages,
    )


def _focus(plan: Plan) -> list[int]:
    """Return the fixed effects of the slope variable, or whichever comes after the intercept."""
    terms = plan.design.terms
    slopes = [plan.design.slope_terms[k] for k in slope_columns(plan.design.blocks)]
    return [terms.index(t) for t in slopes if t in terms] or [min(1, len(terms) - 1)]


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
    compared = None
    if full is not None and has_reduced and plan.options.spec.compared() != plan.options.spec:
        compared = sample_model(
            plan.with_spec(plan.options.spec.compared()),
            seed,
            mirna,
            counts,
            full=True,
            start=_start(ml.full),
            stages=EVIDENCE_STAGES,
            draws=EVIDENCE_DRAWS,
        )
    if has_reduced:
        reduced = sample_model(
            plan,
            seed,
            mirna,
            counts,
            full=False,
            start=_start(ml.reduced),
            stages=EVIDENCE_STAGES if has_full else STAGES,
            draws=EVIDENCE_DRAWS if has_full else DRAWS,
        )
    shown = "full" if has_full else "reduced"
    numbers = {
        name: None if found is None else _numbers(plan, found, columns, with_effects=name == shown)
        for name, found, columns in (("full", full, plan.full), ("reduced", reduced, plan.reduced))
    }
    if compared is not None and numbers["full"] is not None:
        extra = {
            "log_evidence": compared.sample.log_evidence,
            "log_evidence_error": compared.sample.log_evidence_error,
        }
        numbers["full"] = replace(numbers["full"], extra={**numbers["full"].extra, **extra})
    posterior = full if full is not None else reduced
    assert posterior is not None
    own = numbers[shown]
    assert own is not None
    return MirnaRecord(
        mirna,
        own.status,
        " ".join(f"{n.reason}" for n in numbers.values() if n is not None and n.reason),
        isomirs=isomirs,
        counts=counts,
        full=numbers["full"],
        reduced=numbers["reduced"],
        coefficients_from=shown,
        draws=_single(_all_draws(posterior)),
    )


def _start(numbers: ModelNumbers | None) -> Start | None:
    if numbers is None or numbers.omega is None or not np.isfinite(numbers.beta).all():
        return None
    return Start(numbers.omega, numbers.sigma_sample, numbers.theta, numbers.random_cov)


def _numbers(
    plan: Plan, posterior: NestedPosterior, columns: list[int], *, with_effects: bool
) -> ModelNumbers:
    """Posterior means, SDs and covariances."""
    sample = posterior.sample
    reason = ""
    if not sample.reliable:
        which = "full" if columns == plan.full else "reduced"
        reason = (
            f"The importance weights of the {which} model have a heavy tail (Pareto k-hat {sample.pareto_k:.2f} "
            f"after {len(sample.weights)} points; {RELIABLE_PARETO_K} is the limit): take its posterior and its "
            "evidence for rough, and check it with method='nuts'."
        )
    draws = _all_draws(posterior)
    if not with_effects:
        draws = replace(draws, b=draws.b[:0], u=draws.u[:0], random_effect=None)
    numbers = posterior_numbers(plan, draws, columns)
    status = OK if sample.reliable else NOT_CONVERGED
    status, reason = finite_or_told(numbers, status, reason)
    return replace(
        numbers,
        log_likelihood=posterior.log_likelihood,
        iterations=posterior.iterations,
        evaluations=posterior.evaluations,
        status=status,
        reason=reason,
        extra={
            "log_evidence": sample.log_evidence,
            "log_evidence_error": sample.log_evidence_error,
            "pareto_k": sample.pareto_k,
            "effective_size": sample.effective_size,
            "points": float(len(sample.weights)),
            "dropped": float(posterior.dropped),
        },
    )


def _all_draws(posterior: NestedPosterior) -> Draws:
    return Draws(
        posterior.weights,
        posterior.beta,
        posterior.omega,
        posterior.sigma_sample,
        posterior.log_theta,
        posterior.b,
        posterior.u,
        random_cov=posterior.random_cov if posterior.random_cov.size else None,
        random_effect=posterior.random_effect if posterior.random_cov.size else None,
    )


def _single(draws: Draws) -> Draws:
    """Return draws with their largest arrays in single precision, in which they are stored anyway."""
    effect = None if draws.random_effect is None else draws.random_effect.astype(np.float32)
    return replace(draws, b=draws.b.astype(np.float32), u=draws.u.astype(np.float32), random_effect=effect)


def _stream(seed: int, mirna: str, *, full: bool) -> np.random.Generator:
    return np.random.default_rng([seed, name_number(mirna), int(full)])


def is_prepared() -> bool:
    """Tell whether the machine code of this method, and of the fit that it starts from, is on disk."""
    return maximum_likelihood.is_prepared() and is_batch_compiled()


def prepare() -> None:
    """Compile the kernels, or load them from disk."""
    maximum_likelihood.prepare()
    compile_posterior()


def fitter(plan: Plan, seed: int, settings: None) -> "FitOne":
    """Return the function that fits one miRNA."""
    return partial(fit_mirna_nested, plan, seed)
