"""One miRNA, one model: the search, the retreat to the Poisson limit, and what comes back."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from bayes_mirglmm.marginal.describe import MarginalFit, describe
from bayes_mirglmm.marginal.frame import Frame, make_frame
from bayes_mirglmm.marginal.objective import MAX_LOG_THETA
from bayes_mirglmm.marginal.optimize import Optimum, minimize
from bayes_mirglmm.marginal.problem import Problem, Terms, place_counts, places
from bayes_mirglmm.marginal.start import start_effects, start_values

POISSON_RATIO = 0.1  # mu/theta below which the Poisson limit is worth a fit
POISSON_GAIN = 1e-6  # nats that a finite theta must be worth
Family = Literal["negative_binomial", "poisson"]
Curvature = Literal["observed", "expected"]
Criterion = Literal["ml", "reml"]


def fit_marginal(
    y: np.ndarray,
    offset: np.ndarray,
    x: np.ndarray,
    z: np.ndarray,
    *,
    blocks: Sequence[int] | None = None,
    fixed: Sequence[int] | np.ndarray | None = None,
    family: Family = "negative_binomial",
    curvature: Curvature = "observed",
    criterion: Criterion = "ml",
    sample_effect: bool = True,
    terms: Terms | None = None,
    sample_covariance: np.ndarray | None = None,
    start: np.ndarray | None = None,
) -> MarginalFit:
    """Fit by maximum marginal likelihood, the random effects integrated out by Laplace.

    Parameters
    ----------
    y : array, shape (J, n)
        Counts, isomiR by sample.
    offset : array, shape (n,)
        Log offset (natural log).
    x : array, shape (n, p)
        Fixed design, of full column rank.
    z : array, shape (n, K)
        Random design of the isomiR effects.
    blocks : sequence of int, length K, optional
        Columns of ``z`` with the same number share a covariance block; others are independent.
    fixed : sequence of int, length K, or array of shape (K, p), optional
        Column of ``x`` whose effect each column of ``z`` varies around, -1 where there is none; or weights of the
        effects of all columns. Found by equality when omitted.
    family : {"negative_binomial", "poisson"}
    curvature : {"observed", "expected"}
        ``"observed"`` is the Laplace approximation, as glmmTMB makes it; ``"expected"`` puts the expected curvature
        into the determinant, as ``lme4::glmer.nb`` does.
    criterion : {"ml", "reml"}
        ``"reml"`` integrates the fixed effects out as well, under a flat prior, as glmmTMB does with ``REML = TRUE``:
        variances without the bias that estimating many fixed effects brings. ``log_likelihood`` then is restricted,
        and compares only fits with the same ``x``.
    sample_effect : bool
        Whether there is a random intercept per sample.
    terms : Terms, optional
        Random terms of the samples, ``(1 | patient)``.
    sample_covariance : array, shape (n, n), optional
        Covariance of the sample effects up to sigma^2; the identity when omitted.
    start : array, optional
        ``phi`` of a fit with the same layout.

    Returns
    -------
    MarginalFit
        ``outcome`` says how it ended; nothing is raised for data that are hard to fit.
    """
    return fit_frame(
        y,
        make_frame(offset, x, z, blocks, fixed, terms, sample_covariance),
        family=family,
        curvature=curvature,
        criterion=criterion,
        sample_effect=sample_effect,
        start=start,
    )


def fit_frame(
    y: np.ndarray,
    frame: Frame,
    *,
    family: Family = "negative_binomial",
    curvature: Curvature = "observed",
    criterion: Criterion = "ml",
    sample_effect: bool = True,
    start: np.ndarray | None = None,
) -> MarginalFit:
    """Fit counts (J, n) of one miRNA to a prepared design; see :func:`fit_marginal`."""
    expected = curvature == "expected"
    problem = place_counts(
        y.T,
        frame.layout,
        has_sample=sample_effect,
        poisson=family == "poisson",
        expected=expected,
        precision=np.zeros(frame.layout.x.shape[1]) if criterion == "reml" else None,
    )
    best = _search(problem, frame, start)
    evaluations, iterations = best.evaluations, best.iterations
    poisson_limit = False
    if family != "poisson" and _nearly_poisson(problem, best):
        limit = problem._replace(poisson=True)
        other = _search(limit, frame, best.phi[:-1])
        evaluations += other.evaluations
        iterations += other.iterations
        if other.converged and other.value <= best.value + POISSON_GAIN:
            best, problem, poisson_limit = other, limit, True
    fit = describe(problem, frame, best, poisson_limit=poisson_limit)
    return replace(fit, iterations=iterations, evaluations=evaluations) if poisson_limit else fit


def _search(problem: Problem, frame: Frame, start: np.ndarray | None) -> Optimum:
    """Search from ``start``, else from moments; where that fails, from two more places."""
    v, u = start_effects(problem, frame.projections)
    moments = start_values(problem, frame.projections)
    best = minimize(problem, moments if start is None else start, v, u)
    first = places(problem).chol
    for factor in (0.3, 3.0):
        if best.converged:
            break
        other = moments.copy()
        other[first:] *= factor
        again = minimize(problem, other, v, u)
        if again.converged or again.value < best.value:
            best = again
    return best


def _nearly_poisson(problem: Problem, optimum: Optimum) -> bool:
    most = problem.distinct[-1] if len(problem.distinct) else 0.0
    return bool(most < POISSON_RATIO * math.exp(min(optimum.phi[-1], MAX_LOG_THETA)))
