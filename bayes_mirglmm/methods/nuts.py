"""One miRNA by NUTS: the full and the reduced model, diagnostics, and the evidence of both by bridge sampling."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.methods import maximum_likelihood
from bayes_mirglmm.methods.bayesian import finite_or_told, fit_bayesian, name_number, posterior_numbers
from bayes_mirglmm.methods.maximum_likelihood import Plan
from bayes_mirglmm.model import TermPriors
from bayes_mirglmm.nuts import (
    Estimate,
    Sampled,
    Settings,
    compile_density,
    is_density_compiled,
    log_evidence,
    sample,
)
from bayes_mirglmm.nuts import prepare as prepare_model
from bayes_mirglmm.outcomes import NOT_CONVERGED, OK
from bayes_mirglmm.records import Draws, MirnaRecord, ModelNumbers

if TYPE_CHECKING:
    from bayes_mirglmm.methods.registry import FitOne


def fit_mirna_nuts(
    plan: Plan, seed: int, settings: Settings, mirna: str, isomirs: Sequence[str], counts: np.ndarray
) -> tuple[MirnaRecord, MirnaRecord]:
    """Fit one miRNA by maximum likelihood, and sample its posterior from there; whatever happens becomes a status.

    Parameters
    ----------
    plan : Plan
    seed : int
        Together with the miRNA's name it fixes the draws, whatever else is fitted and in which order.
    settings : Settings
    mirna : str
    isomirs : sequence of str, length J
    counts : int array, shape (J, n)

    Returns
    -------
    ml, posterior : MirnaRecord
    """
    return fit_bayesian(plan, mirna, isomirs, counts, partial(_sampled, plan, seed, settings))


def sample_model(
    plan: Plan, seed: int, settings: Settings, ml: MirnaRecord, counts: np.ndarray, *, full: bool
) -> Sampled:
    """Return the draws of one model of one miRNA, always the same for a seed."""
    columns = plan.full if full else plan.reduced
    prepared = prepare_model(
        counts,
        plan.offset,
        plan.design.x,
        plan.design.z[:, columns],
        blocks=plan.blocks(columns),
        fixed=plan.fixed(columns),
        spec=plan.options.spec if full else plan.options.spec.reduced(),
        estimate=_estimate(plan, ml.full if full else ml.reduced),
        terms=TermPriors.of(plan.options.spec.priors, plan.design.random),
        sample_covariance=plan.sample_covariance,
    )
    return sample(prepared, settings, _seed(seed, ml.mirna, full=full))


def _sampled(
    plan: Plan, seed: int, settings: Settings, ml: MirnaRecord, isomirs: Sequence[str], counts: np.ndarray
) -> MirnaRecord:
    """The models that maximum likelihood fits, and draws of the larger one."""
    has_reduced = plan.design.slope is not None
    has_full = plan.full != plan.reduced or not has_reduced
    numbers: dict[bool, ModelNumbers] = {}
    draws: dict[bool, Draws] = {}
    for full in [model for model, there in ((True, has_full), (False, has_reduced)) if there]:
        found = sample_model(plan, seed, settings, ml, counts, full=full)
        draws[full] = _draws(found)
        numbers[full] = _numbers(
            plan, seed, ml.mirna, found, draws[full], full=full, compared=has_full and has_reduced
        )
    if has_full and has_reduced and plan.options.spec.compared() != plan.options.spec:
        tested = plan.with_spec(plan.options.spec.compared())
        found = sample_model(tested, seed, settings, ml, counts, full=True)
        beside = _numbers(tested, seed, ml.mirna, found, _draws(found), full=True, compared=True).extra
        extra = {name: beside.get(name, np.nan) for name in ("log_evidence", "log_evidence_error")}
        numbers[True] = replace(numbers[True], extra={**numbers[True].extra, **extra})
    own = numbers[has_full]
    return MirnaRecord(
        ml.mirna,
        own.status,
        " ".join(n.reason for n in numbers.values() if n.reason),
        isomirs=isomirs,
        counts=counts,
        full=numbers.get(True),
        reduced=numbers.get(False),
        coefficients_from="full" if has_full else "reduced",
        draws=_single(draws[has_full]),
    )


def _numbers(
    plan: Plan, seed: int, mirna: str, found: Sampled, draws: Draws, *, full: bool, compared: bool
) -> ModelNumbers:
    which, columns = ("full", plan.full) if full else ("reduced", plan.reduced)
    diagnostics = found.diagnostics._replace(worst=_label(found.diagnostics.worst, plan, columns))
    reasons = []
    complaints = diagnostics.complaints()
    if complaints:
        what = "gave too few effective draws" if diagnostics.mixed else "did not mix"
        reasons.append(
            f"The chains of the {which} model {what} after {found.attempts} attempt"
            f"{'s' if found.attempts > 1 else ''}: {', '.join(complaints)}. "
            "Take its numbers for rough; more draws or a tighter prior may help."
        )
    extra: dict[str, float | str] = {
        "r_hat": diagnostics.r_hat,
        "worst": diagnostics.worst,
        "ess_bulk": diagnostics.ess_bulk,
        "ess_tail": diagnostics.ess_tail,
        "divergences": float(diagnostics.divergences),
        "saturated": float(diagnostics.saturated),
        "steps": diagnostics.steps,
        "attempts": float(found.attempts),
    }
    if compared:
        try:
            evidence = log_evidence(found.prepared, found.points, _seed(seed, mirna, full=full))
            extra |= {"log_evidence": evidence.log_evidence, "log_evidence_error": evidence.error}
        except ValueError as error:
            reasons.append(
                f"No Bayes factor, because the evidence of the {which} model could not be estimated: {error}"
            )
    numbers = posterior_numbers(plan, draws, columns)
    status, reason = finite_or_told(numbers, NOT_CONVERGED if complaints else OK, " ".join(reasons))
    return replace(
        numbers,
        iterations=int(np.prod(found.points.shape[:2])),
        evaluations=found.gradients,
        status=status,
        reason=reason,
        extra=extra,
    )


def _label(worst: str, plan: Plan, columns: list[int]) -> str:
    """Return the name of a quantity with the names of its terms in place of their numbers."""
    name, _, rest = worst.rstrip("]").partition("[")
    places = rest.split(",") if rest else []
    terms = [plan.design.slope_terms[c] for c in columns]
    if name == "beta":
        return f"beta[{plan.design.terms[int(places[0])]}]"
    if name in ("sd_isomir", "correlation"):
        return f"{name}[{', '.join(terms[int(place)] for place in places)}]"
    if name in ("sd_random", "random_effect"):
        return f"{name}[{_random_names(plan)[name][int(places[0])]}]"
    if name == "b":
        return f"b[{places[0]}, {terms[int(places[1])]}]"
    return worst


def _random_names(plan: Plan) -> dict[str, list[str]]:
    """Return the names of SDs and effects of random terms."""
    effects = [(term, name) for term in plan.design.random for name in term.names]
    return {
        "sd_random": [f"{term.group}: {name}" for term, name in effects],
        "random_effect": [
            f"{term.group}[{level}]: {name}" for term, name in effects for level in term.levels
        ],
    }


def _estimate(plan: Plan, numbers: ModelNumbers | None) -> Estimate | None:
    """Return what maximum likelihood found, where it found something finite."""
    if numbers is None or numbers.omega is None or numbers.b is None or numbers.u is None:
        return None
    shared = None
    if numbers.random_effect is not None:
        shared = np.hstack([term.indicators for term in plan.design.random]) @ numbers.random_effect
    found = Estimate(
        numbers.beta,
        numbers.omega,
        numbers.sigma_sample,
        numbers.theta,
        numbers.b,
        numbers.u,
        numbers.random_cov,
        shared,
    )
    finite = (
        found.beta,
        found.omega,
        found.b,
        found.u,
        np.asarray(found.sigma_sample),
        found.random_cov,
        shared,
    )
    sound = all(np.isfinite(one).all() for one in finite if one is not None) and not np.isnan(found.theta)
    return found if sound else None


def _draws(found: Sampled) -> Draws:
    """Return the draws, chain after chain."""
    draws = found.draws
    count = int(np.prod(found.points.shape[:2]))

    def flat(values: np.ndarray) -> np.ndarray:
        return values.reshape(count, *values.shape[2:])

    return Draws(
        weight=np.full(count, 1.0 / count),
        beta=flat(draws.beta),
        omega=flat(draws.omega),
        sigma_sample=flat(draws.sigma_sample),
        log_theta=flat(draws.log_theta),
        b=flat(draws.b),
        u=flat(draws.u),
        random_cov=flat(draws.random_cov) if draws.random_cov.size else None,
        random_effect=flat(draws.random_effect) if draws.random_cov.size else None,
        stats={name: flat(values) for name, values in found.stats.items()},
    )


def _single(draws: Draws) -> Draws:
    """Return the draws with their largest parts in the precision in which they are stored."""
    effect = None if draws.random_effect is None else draws.random_effect.astype(np.float32)
    return replace(draws, b=draws.b.astype(np.float32), u=draws.u.astype(np.float32), random_effect=effect)


def _seed(seed: int, mirna: str, *, full: bool) -> int:
    return int(np.random.SeedSequence([seed, name_number(mirna), int(full)]).generate_state(1, np.uint32)[0])


def is_prepared() -> bool:
    """Tell whether the machine code of NUTS, and of the fit that it starts from, is on disk."""
    return maximum_likelihood.is_prepared() and is_density_compiled()


def prepare() -> None:
    """Compile the kernels, or load them from disk."""
    maximum_likelihood.prepare()
    compile_density()


def fitter(plan: Plan, seed: int, settings: Settings) -> "FitOne":
    """Return the function that samples one miRNA."""
    return partial(fit_mirna_nuts, plan, seed, settings)


def resolve_settings(given: Mapping[str, Any]) -> Settings:
    """Check the settings of the sampler, and fill them up.

    Raises
    ------
    InputError
        One is out of range.
    """
    for name, least in (("draws", 4), ("chains", 1), ("tune", 20)):
        value = given.get(name, least)
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
            raise InputError(f"{name}={value!r}: give a whole number, {least} or more.")
    rate = given.get("target_accept", 0.9)
    if not isinstance(rate, int | float | np.floating) or not 0 < rate < 1:
        raise InputError(f"target_accept={rate!r}: give a number between 0 and 1, 0.9 say.")
    return Settings(**given)
