"""One miRNA by the nested Laplace posterior: the full and the reduced model, their evidence, draws of the one shown."""

import hashlib
import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bayes_mirglmm.fitting.maximum_likelihood import FEWEST_ISOMIRS, Plan, fit_mirna
from bayes_mirglmm.posterior import RELIABLE_PARETO_K, NestedPosterior, Start, nested_posterior
from bayes_mirglmm.posterior.importance import EVIDENCE_STAGES, STAGES
from bayes_mirglmm.results import Draws, MirnaRecord, ModelNumbers

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
    ml = fit_mirna(plan, mirna, isomirs, counts)
    if len(isomirs) < FEWEST_ISOMIRS or not counts.any():
        return ml, ml
    started = time.perf_counter()
    try:
        record = _sampled(plan, seed, ml, isomirs, counts)
    except Exception as error:  # one miRNA that fails never stops the others
        record = MirnaRecord(mirna, "failed", f"{type(error).__name__}: {error}", n_isomirs=len(isomirs))
    return ml, replace(record, seconds=ml.seconds + time.perf_counter() - started)


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
        blocks=[plan.design.blocks[c] for c in columns],
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
        slopes = [
            t for t, block in zip(plan.design.slope_terms, plan.design.blocks, strict=True) if block == 0
        ]
        sort_by = next((plan.design.terms.index(t) for t in slopes[1:] if t in plan.design.terms), sort_by)
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
    beta, beta_cov = _moments(posterior.beta, weights)
    finite_theta = np.isfinite(posterior.log_theta).all()
    log_theta, log_theta_var = (
        _moments(posterior.log_theta[:, None], weights) if finite_theta else (None, None)
    )
    reason = ""
    if not sample.reliable:
        which = "full" if columns == plan.full else "reduced"
        reason = (
            f"The importance weights of the {which} model have a heavy tail (Pareto k-hat {sample.pareto_k:.2f} "
            f"after {len(weights)} draws; {RELIABLE_PARETO_K} is the limit): take its posterior and its evidence for "
            "rough, and sample build_model for a check."
        )
    found = ModelNumbers(
        beta=beta,
        beta_cov=beta_cov,
        theta=float(np.exp(log_theta[0])) if log_theta is not None else np.inf,
        log_theta_se=float(np.sqrt(log_theta_var[0, 0])) if log_theta_var is not None else np.nan,
        omega=np.einsum("n,nab->ab", weights, posterior.omega),
        sigma_sample=float(weights @ posterior.sigma_sample),
        log_likelihood=float(posterior.log_likelihood[np.argmax(sample.log_density)]),
        iterations=posterior.iterations,
        evaluations=posterior.evaluations,
        status="ok" if sample.reliable else "not_converged",
        reason=reason,
        log_evidence=sample.log_evidence,
        log_evidence_error=sample.log_evidence_error,
        pareto_k=sample.pareto_k,
        effective_size=sample.effective_size,
        points=float(len(weights)),
    )
    if not len(posterior.b):
        return found
    design = plan.design
    terms = {term: i for i, term in enumerate(design.terms)}
    fixed = np.zeros((len(beta), len(columns)))
    for a, c in enumerate(columns):
        if design.blocks[c] == 0 and design.slope_terms[c] in terms:
            fixed[terms[design.slope_terms[c]], a] = 1.0
    effects = posterior.b + (posterior.beta @ fixed)[:, None, :]
    b, u = np.einsum("n,nja->ja", weights, posterior.b), weights @ posterior.u
    effect = np.einsum("n,nja->ja", weights, effects)
    deviation = effects - effect
    return replace(
        found,
        b=b,
        b_se=np.sqrt(np.einsum("n,nja->ja", weights, (posterior.b - b) ** 2)),
        effect=effect,
        effect_cov=np.einsum("n,nja,njb->jab", weights, deviation, deviation, optimize=True),
        u=u,
        u_se=np.sqrt(weights @ (posterior.u - u) ** 2),
    )


def _moments(draws: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    mean = weights @ draws
    centred = draws - mean
    return mean, (centred.T * weights) @ centred


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
    digest = hashlib.sha256(mirna.encode("utf-8", "surrogatepass")).digest()
    return np.random.default_rng([seed, int.from_bytes(digest[:8], "little"), int(full)])
