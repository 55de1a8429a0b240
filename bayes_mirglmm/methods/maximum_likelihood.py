"""One miRNA by maximum marginal likelihood: the full and the reduced model, and a sentence on how it went."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.linalg import block_diag

from bayes_mirglmm.design.build import Design, varies_around
from bayes_mirglmm.interruption import TimeUp
from bayes_mirglmm.marginal import (
    Frame,
    MarginalFit,
    Terms,
    compile_kernels,
    fit_frame,
    is_compiled,
    make_frame,
    separated_coefficients,
)
from bayes_mirglmm.methods.faults import describe_fault
from bayes_mirglmm.methods.options import Options
from bayes_mirglmm.model import ModelSpec
from bayes_mirglmm.outcomes import (
    FAILED,
    FEWEST_ISOMIRS,
    NOT_CONVERGED,
    POISSON_LIMIT,
    SEPARATED,
    TOO_FEW_ISOMIRS,
)
from bayes_mirglmm.records import MirnaRecord, ModelNumbers

if TYPE_CHECKING:
    from bayes_mirglmm.methods.registry import FitOne

logger = logging.getLogger(__name__)

NESTING = 1e-6  # nats by which the full model may fall short of the reduced one before it is searched again


@dataclass(frozen=True)
class Plan:
    """What every miRNA of a fit shares."""

    design: Design
    offset: np.ndarray
    options: Options
    throw: bool = False  #: let what goes wrong in one miRNA stop them all
    sample_covariance: np.ndarray | None = None  #: of the sample effects, up to their variance (n, n)
    fullest_alone: bool = False  #: leave the reduced model out where there is a fuller one

    @cached_property
    def full(self) -> list[int]:
        """Columns of z in the model that was asked for."""
        return self.options.spec.random_columns(self.design.blocks)

    @cached_property
    def reduced(self) -> list[int]:
        """Columns of z without the slope variable's."""
        return self.options.spec.reduced().random_columns(self.design.blocks)

    def with_spec(self, spec: ModelSpec) -> "Plan":
        """Return the same for another model."""
        return replace(self, options=replace(self.options, spec=spec))

    @cached_property
    def full_frame(self) -> Frame:
        """The design of the model that was asked for, prepared for the engine."""
        return self._frame(self.full)

    @cached_property
    def reduced_frame(self) -> Frame:
        """The design of the reduced model, prepared for the engine."""
        return self._frame(self.reduced)

    @cached_property
    def terms(self) -> Terms:
        """Random terms of the samples."""
        random = self.design.random
        return Terms(tuple(term.columns for term in random), tuple(term.level for term in random))

    def fixed(self, columns: list[int]) -> list[int]:
        """Return, for each column of z in ``columns``, the fixed effect that it varies around, or -1."""
        design = self.design
        around = varies_around(design.slope_terms, design.blocks, design.terms)
        return [around[c] for c in columns]

    def blocks(self, columns: list[int]) -> list[int]:
        """Return the covariance block of each column of z in ``columns``."""
        return [self.design.blocks[c] for c in columns]

    def _frame(self, columns: list[int]) -> Frame:
        return make_frame(
            self.offset,
            self.design.x,
            self.design.z[:, columns],
            blocks=self.blocks(columns),
            fixed=self.design.isomir_means[columns],
            terms=self.terms,
            sample_covariance=self.sample_covariance,
        )


def fit_mirna(plan: Plan, mirna: str, isomirs: Sequence[str], counts: np.ndarray) -> MirnaRecord:
    """Fit one miRNA; whatever happens becomes its status and reason.

    Parameters
    ----------
    plan : Plan
    mirna : str
    isomirs : sequence of str, length J
    counts : int array, shape (J, n)
    """
    started = time.perf_counter()
    try:
        record = _refused(plan, mirna, isomirs, counts) or _fitted(plan, mirna, isomirs, counts)
    except Exception as error:  # one miRNA that fails never stops the others
        record = failed(plan, mirna, isomirs, error)
    seconds = time.perf_counter() - started
    return replace(record, seconds=seconds)


def failed(plan: Plan, mirna: str, isomirs: Sequence[str], error: Exception) -> MirnaRecord:
    """Return the record of a miRNA whose fit ended in an exception, which is logged; or raise it again."""
    if isinstance(error, TimeUp):
        return MirnaRecord(mirna, NOT_CONVERGED, str(error), n_isomirs=len(isomirs))
    if plan.throw:
        raise error
    logger.debug("%s failed", mirna, exc_info=error)
    return MirnaRecord(mirna, FAILED, describe_fault(error), n_isomirs=len(isomirs))


def _refused(plan: Plan, mirna: str, isomirs: Sequence[str], counts: np.ndarray) -> MirnaRecord | None:
    """Say what has no finite estimate before any time is spent on it."""
    if len(isomirs) < FEWEST_ISOMIRS:
        return MirnaRecord(
            mirna,
            TOO_FEW_ISOMIRS,
            f"{len(isomirs)} isomiR{'s' if len(isomirs) != 1 else ''} left after the filters; the model needs "
            f"at least {FEWEST_ISOMIRS}.",
            n_isomirs=len(isomirs),
        )
    bad = separated_coefficients(counts.sum(axis=0), plan.design.x)
    if not bad.any():
        return None
    if bad.all() and not counts.any():
        reason = "All counts are zero."
    else:
        names = ", ".join(t for t, b in zip(plan.design.terms, bad, strict=True) if b and t != "Intercept")
        reason = (
            f"A group of samples has no counts at all, so that {names or 'the intercept'} has no finite "
            "estimate. Test presence and absence instead, or use a Bayesian method."
        )
    return MirnaRecord(mirna, SEPARATED, reason, n_isomirs=len(isomirs))


def _fitted(plan: Plan, mirna: str, isomirs: Sequence[str], counts: np.ndarray) -> MirnaRecord:
    reduced, full = _by_maximum_likelihood(plan, counts)
    if plan.options.criterion == "reml":
        reduced = reduced and _restricted(plan, counts, plan.reduced_frame, reduced)
        full = full and _restricted(plan, counts, plan.full_frame, full)
    use_reduced = full is None or (
        plan.options.reduced_where_singular and reduced is not None and full.singular
    )
    shown, columns = (reduced, plan.reduced) if use_reduced else (full, plan.full)
    assert shown is not None
    status = full.outcome if full is not None else shown.outcome
    reason = _reason(plan, full, plan.full) if full is not None else _reason(plan, shown, columns)
    if plan.design.single_sample_levels:
        levels = ", ".join(plan.design.single_sample_levels)
        reason = f"{reason} Only one sample has {levels}: level and sample cannot be told apart.".strip()
    if use_reduced and full is not None:
        reason = f"{reason} The coefficients are the reduced model's.".strip()
    return MirnaRecord(
        mirna,
        status,
        reason,
        isomirs=isomirs,
        counts=counts,
        full=None if full is None else _numbers(full, _reason(plan, full, plan.full)),
        reduced=None if reduced is None else _numbers(reduced, _reason(plan, reduced, plan.reduced)),
        coefficients_from="reduced" if use_reduced else "full",
    )


def _by_maximum_likelihood(plan: Plan, counts: np.ndarray) -> tuple[MarginalFit | None, MarginalFit | None]:
    """Fit the reduced and the full model, where there are such and both are asked for."""
    reduced = full = None
    has_full = plan.full != plan.reduced or plan.design.slope is None
    if plan.design.slope is not None and not (has_full and plan.fullest_alone):
        reduced = _fit(plan, counts, plan.reduced_frame)
    if has_full:
        full = _fit(plan, counts, plan.full_frame)
        if reduced is not None and full.log_likelihood < reduced.log_likelihood - NESTING:
            start = _start_from_reduced(plan, reduced)
            again = _fit(plan, counts, plan.full_frame, start) if start is not None else full
            full = again if again.log_likelihood > full.log_likelihood else full
    return reduced, full


def _restricted(plan: Plan, counts: np.ndarray, frame: Frame, ml: MarginalFit) -> MarginalFit:
    """Fit by restricted likelihood, from the fit by maximum likelihood, whose likelihood is kept for the usage test."""
    start = None if ml.outcome == POISSON_LIMIT else ml.phi[len(plan.design.terms) :]
    fit = _fit(plan, counts, frame, start, criterion="reml")
    if not ml.converged:
        return ml
    return replace(
        fit,
        log_likelihood=ml.log_likelihood,
        iterations=ml.iterations + fit.iterations,
        evaluations=ml.evaluations + fit.evaluations,
    )


def _fit(
    plan: Plan,
    counts: np.ndarray,
    frame: Frame,
    start: np.ndarray | None = None,
    criterion: Literal["ml", "reml"] = "ml",
) -> MarginalFit:
    spec = plan.options.spec
    return fit_frame(
        counts,
        frame,
        family="poisson" if spec.family == "poisson" else "negative_binomial",
        curvature="expected" if plan.options.curvature == "expected" else "observed",
        criterion=criterion,
        sample_effect=spec.sample_intercept,
        start=start,
    )


def _start_from_reduced(plan: Plan, reduced: MarginalFit) -> np.ndarray | None:
    """The reduced optimum with small slopes: the full model's likelihood is no lower there."""
    if reduced.outcome == POISSON_LIMIT:
        return None
    p, small = len(plan.design.terms), 0.05
    place = {c: i for i, c in enumerate(plan.reduced)}
    chol = _lower_entries(plan.design.blocks, plan.reduced)
    known = dict(zip(chol, reduced.phi[p : p + len(chol)], strict=True))
    entries = [
        known[place[r], place[c]] if r in place and c in place else small * (r == c)
        for r, c in ((plan.full[a], plan.full[b]) for a, b in _lower_entries(plan.design.blocks, plan.full))
    ]
    return np.concatenate([reduced.phi[:p], entries, reduced.phi[p + len(chol) :]])


def _lower_entries(blocks: Sequence[int], columns: list[int]) -> list[tuple[int, int]]:
    return [
        (a, b) for a in range(len(columns)) for b in range(a + 1) if blocks[columns[a]] == blocks[columns[b]]
    ]


def _reason(plan: Plan, fit: MarginalFit, columns: list[int]) -> str:
    """A sentence on every outcome that is not plain ``ok``."""
    if fit.outcome == NOT_CONVERGED:
        return (
            f"The search stopped after {fit.iterations} iterations with {fit.decrement:.2g} nats still to gain; "
            "its estimates are shown without standard errors."
        )
    found = []
    zero = [plan.design.slope_terms[c] for c, z in zip(columns, fit.zero_isomir_sd, strict=True) if z]
    if zero:
        found.append(f"the SD of the isomiR effects of {', '.join(zero)} is zero")
    if fit.zero_sample_sd:
        found.append("the SD between samples is zero")
    for term, zeros in zip(plan.design.random, fit.zero_terms, strict=True):
        names = ", ".join(name for name, zero in zip(term.names, zeros, strict=True) if zero)
        if names:
            found.append(f"the SD of {names} between levels of {term.group} is zero")
    if fit.singular_term:
        found.append("the effects of a random term are perfectly correlated")
    if fit.singular_correlation:
        found.append("isomiR effects are perfectly correlated")
    sentences = []
    if fit.outcome == POISSON_LIMIT:
        sentences.append("No overdispersion: theta is infinite, and the Poisson model was fitted.")
    if found:
        sentences.append(f"On the boundary: {'; '.join(found)}.")
    return " ".join(sentences)


def _numbers(fit: MarginalFit, reason: str) -> ModelNumbers:
    sound = fit.converged
    return ModelNumbers(
        beta=fit.beta,
        beta_cov=fit.beta_cov if sound else None,
        beta_cov_theta_fixed=fit.beta_cov_theta_fixed if sound else None,
        theta=fit.theta,
        log_theta_se=fit.log_theta_se if sound else np.nan,
        omega=fit.omega,
        sigma_sample=fit.sigma_sample,
        log_likelihood=fit.log_likelihood,
        iterations=fit.iterations,
        evaluations=fit.evaluations,
        status=fit.outcome,
        reason=reason,
        b=fit.b,
        b_se=fit.b_se if sound else None,
        effect=fit.effect,
        effect_cov=fit.effect_cov if sound else None,
        u=fit.u,
        u_se=fit.u_se if sound else None,
        beta_df=fit.beta_df if sound else None,
        random_cov=block_diag(*fit.term_covs) if fit.term_covs else None,
        random_effect=np.concatenate([modes.T.ravel() for modes in fit.term_effects])
        if fit.term_effects
        else None,
    )


def is_prepared() -> bool:
    """Tell whether the machine code is on disk."""
    return is_compiled()


def prepare() -> None:
    """Compile the kernels, or load them from disk."""
    compile_kernels()


def fitter(plan: Plan, seed: int, settings: None) -> "FitOne":
    """Return the function that fits one miRNA; maximum likelihood draws nothing, whatever the seed."""

    def fit_one(mirna: str, isomirs: Sequence[str], counts: np.ndarray) -> tuple[MirnaRecord, MirnaRecord]:
        record = fit_mirna(plan, mirna, isomirs, counts)
        return record, record

    return fit_one
