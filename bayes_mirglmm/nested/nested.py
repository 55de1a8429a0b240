"""One miRNA, one model: from counts to draws of everything, in the user's units, and the evidence."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from bayes_mirglmm.marginal import Problem, Terms, make_problem, marginals
from bayes_mirglmm.marginal.problem import n_side
from bayes_mirglmm.model import ModelSpec
from bayes_mirglmm.model.scaling import fixed_effect_priors, to_user
from bayes_mirglmm.model.term_priors import TermPriors
from bayes_mirglmm.nested.coordinates import FactorCoordinates, PriorCoordinates
from bayes_mirglmm.nested.draws import draw
from bayes_mirglmm.nested.importance import STAGES, ImportanceSample, importance_sample
from bayes_mirglmm.nested.maximum import maximise
from bayes_mirglmm.nested.target import Inner, Target

DRAWS = 1536
LARGEST_LOST_WEIGHT = 1e-6  # of draws without finite values that may be left out without a word
FARTHEST_START = 2.5  # an estimate on a boundary lies at infinity: start this many prior SDs from the centre


@dataclass(frozen=True, slots=True)
class Start:
    """Estimates from which to search for the mode, in the user's units (a fit by maximum likelihood has them)."""

    omega: np.ndarray  #: (K, K)
    sigma_sample: float
    theta: float
    random_cov: np.ndarray | None = None  #: covariance of the effects of random terms (C, C)


@dataclass(frozen=True, slots=True)
class NestedPosterior:
    """Draws of a posterior with their weights; arrays in the caller's order and units, natural log."""

    sample: ImportanceSample  #: points of the outer parameters in prior coordinates, evidence, diagnostics
    weights: np.ndarray  #: of the draws, sum 1 (D,)
    beta: np.ndarray  #: fixed effects (D, p)
    omega: np.ndarray  #: covariance of the isomiR effects (D, K, K)
    sd_isomir_scaled: np.ndarray  #: SDs of the isomiR effects in the prior's units (D, K)
    sigma_sample: np.ndarray  #: SD of the sample effects; 0 where the model has none (D,)
    log_theta: np.ndarray  #: inf for the Poisson (D,)
    b: np.ndarray  #: isomiR effects (D, J, K)
    u: np.ndarray  #: sample effects (D, n)
    random_cov: np.ndarray  #: covariance of the effects of random terms (D, C, C)
    random_effect: np.ndarray  #: these effects: each term's, each column's, on the levels (D, w)
    log_likelihood: float  #: marginal, by Laplace, with all constants, at the best point
    iterations: int  #: of the search for the mode
    evaluations: int  #: of the Laplace approximation
    dropped: (
        int  #: draws without finite values, which have no weight and stand as copies of the heaviest draw
    )


def nested_posterior(
    y: np.ndarray,
    offset: np.ndarray,
    x: np.ndarray,
    z: np.ndarray,
    *,
    blocks: Sequence[int],
    spec: ModelSpec,
    rng: np.random.Generator,
    terms: TermPriors | None = None,
    sample_covariance: np.ndarray | None = None,
    start: Start | None = None,
    focus: Sequence[int] | None = None,
    draws: int = DRAWS,
    stages: tuple[int, ...] = STAGES,
) -> NestedPosterior:
    """Return the posterior of :func:`bayes_mirglmm.build_model`, random and fixed effects integrated out by Laplace.

    Parameters
    ----------
    y : array, shape (J, n)
        Counts, isomiR by sample.
    offset : array, shape (n,)
        Log offset, natural log.
    x : array, shape (n, p)
        Fixed design, the intercept first.
    z : array, shape (n, K)
        Random design of the isomiR effects, the intercept first.
    blocks : sequence of int, length K
        Covariance block of each column of ``z``.
    spec : ModelSpec
        Family and priors.
    rng : numpy.random.Generator
    terms : TermPriors, optional
        Random terms of the samples.
    sample_covariance : array, shape (n, n), optional
        Covariance of the sample effects up to their variance; the identity when omitted.
    start : Start, optional
        Where to search; the centre of the prior is tried as well.
    focus : sequence of int, optional
        Fixed effects whose margins the draws reproduce best, and whose differences; the second where omitted.
    draws : int
        How many.
    stages : tuple of int
        Points of each stage of importance sampling.

    Raises
    ------
    FloatingPointError
        The posterior density is not finite where the search starts.
    """
    to_beta, to_b = to_user(x), to_user(z)
    fixed = fixed_effect_priors(spec.priors, x.shape[1])
    scaled = x @ to_beta
    problem, order = make_problem(
        y.T,
        offset + scaled @ fixed.mean,
        scaled,
        z @ to_b,
        np.asarray(blocks),
        has_sample=spec.sample_intercept,
        poisson=spec.family == "poisson",
        precision=fixed.sd**-2.0,
        terms=None if terms is None else Terms(terms.columns, terms.levels),
        sample_covariance=sample_covariance,
    )
    prior = PriorCoordinates.of(spec, 0, blocks, terms)
    target = Target(problem, prior, _level(problem))
    starts = [np.zeros(prior.size)]
    if start is not None:
        starts.append(_coordinates(start, prior, to_b, terms))
    top = maximise(target, starts)

    parts: list[Inner] = []

    def log_density(points: np.ndarray) -> np.ndarray:
        values, inner = target.log_densities(points, top.x, top.centre)
        parts.append(inner)
        return values

    sample = importance_sample(log_density, top.x, top.covariance, rng, stages=stages)
    inner = Inner(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))
    n, p = x.shape
    chosen = tuple(focus) if focus is not None else (min(1, p - 1),)
    drawn = draw(problem, sample, inner, chosen, draws, rng)
    m = len(problem.rows)
    chol = np.zeros((draws, z.shape[1], z.shape[1]))
    chol[:, problem.rows, problem.cols] = drawn.phi[:, :m]
    u = np.empty((draws, n))
    u[:, order] = drawn.u[:, :n]
    with np.errstate(all="ignore"):  # far out in a tail an SD overflows
        root = to_b @ chol
        omega = root @ root.transpose(0, 2, 1)
        b = drawn.b @ to_b.T
        beta = (fixed.mean + drawn.u[:, n : n + p]) @ to_beta.T
        random_cov, random_effect = _term_draws(terms, prior, drawn.phi[:, m:], drawn.u[:, n + p :])
    weights, lost, dropped, arrays = _finite_draws(
        drawn.weights, drawn.phi, chol, omega, beta, b, u, random_cov, random_effect
    )
    phi, chol, omega, beta, b, u, random_cov, random_effect = arrays
    if lost > LARGEST_LOST_WEIGHT:
        sample = replace(sample, pareto_k=np.inf)
    best = int(np.argmax(sample.log_density))
    return NestedPosterior(
        sample=sample,
        weights=weights,
        beta=beta,
        omega=omega,
        sd_isomir_scaled=np.sqrt(np.einsum("nab,nab->na", chol, chol)),
        sigma_sample=phi[:, m + prior.terms.size] if spec.sample_intercept else np.zeros(draws),
        log_theta=np.full(draws, np.inf) if spec.family == "poisson" else phi[:, -1],
        b=b,
        u=u,
        random_cov=random_cov,
        random_effect=random_effect,
        dropped=dropped,
        log_likelihood=_log_likelihood(problem, inner, best),
        iterations=top.iterations,
        evaluations=target.evaluations,
    )


def _finite_draws(
    weights: np.ndarray, *arrays: np.ndarray
) -> tuple[np.ndarray, float, int, tuple[np.ndarray, ...]]:
    """Return weights and arrays (D, ...) without draws that are not finite, the weight that was lost, and how many.

    Zero times infinity is not a number: one such draw of no weight would spoil every weighted sum. Its place is taken
    by the heaviest draw, so that there are as many as before, with weight 0.
    """
    finite = np.ones(len(weights), dtype=bool)
    for array in arrays:
        finite &= np.isfinite(array).reshape(len(array), -1).all(axis=1)
    if finite.all():
        return weights, 0.0, 0, arrays
    lost = float(weights[~finite].sum())
    kept = np.where(finite, weights, 0.0)
    taken = np.where(finite, np.arange(len(finite)), int(np.argmax(kept)))
    return kept / kept.sum(), lost, int((~finite).sum()), tuple(array[taken] for array in arrays)


def _log_likelihood(problem: Problem, inner: Inner, best: int) -> float:
    """Return the marginal log-likelihood at the parameters of one point and the mode of the fixed effects there."""
    n, p = problem.x.shape
    beta = inner.u[best, n : n + p]
    around = np.concatenate([inner.u[best, :n], inner.u[best, n + p :]])
    whole = np.concatenate([beta, inner.phi[best]])
    return -float(marginals(problem._replace(inner=False), whole[None], inner.v[best], around).value[0])


def _level(problem: Problem) -> np.ndarray:
    """Return effects of the sample side with the intercept at the counts' own level."""
    u = np.zeros(n_side(problem))
    u[len(problem.y)] = float(np.mean(np.log(problem.y + 0.5) - problem.offset[:, None]))
    return u


def _term_draws(
    terms: TermPriors | None, prior: PriorCoordinates, entries: np.ndarray, effects: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return covariances (D, C, C) and effects (D, w) of random terms in the user's units."""
    count = len(entries)
    if terms is None:
        return np.empty((count, 0, 0)), np.empty((count, 0))
    size = len(terms.blocks)
    rows, cols = _free_entries(prior.terms)
    chol = np.zeros((count, size, size))
    chol[:, rows, cols] = entries[:, : len(rows)]
    root = terms.to_user @ chol
    parts, at = [], 0
    for columns, levels, back in zip(terms.columns, terms.n_levels, terms.back, strict=True):
        width = columns.shape[1] * levels
        own = effects[:, at : at + width].reshape(count, columns.shape[1], levels)
        parts.append((back @ own).reshape(count, width))
        at += width
    return root @ root.transpose(0, 2, 1), np.concatenate([effects[:, :0], *parts], axis=1)


def _free_entries(factor: FactorCoordinates) -> tuple[np.ndarray, np.ndarray]:
    """Return row and column of each free entry of a Cholesky factor, row by row."""
    k = len(factor.sds.scale)
    every = sorted([*factor.pairs, *((row, row) for row in range(k))])
    found = np.array(every, dtype=int).reshape(-1, 2)
    return found[:, 0], found[:, 1]


def _coordinates(
    start: Start, prior: PriorCoordinates, to_b: np.ndarray, terms: TermPriors | None
) -> np.ndarray:
    """Return the coordinates of estimates, pulled in from infinity."""
    parts = [_entries(prior.isomir, start.omega, to_b)]
    if terms is not None:
        size = len(terms.blocks)
        own = start.random_cov if start.random_cov is not None else 0.1 * np.eye(size)
        parts.append(_entries(prior.terms, own, terms.to_user))
    if prior.sample is not None:
        parts.append(np.array([start.sigma_sample]))
    if prior.log_theta is not None:
        parts.append(np.array([np.log(start.theta)]))
    x = prior.coordinates(np.concatenate(parts))
    return np.clip(np.nan_to_num(x, nan=0.0), -FARTHEST_START, FARTHEST_START)


def _entries(factor: FactorCoordinates, covariance: np.ndarray, to_user: np.ndarray) -> np.ndarray:
    """Return the free entries of the Cholesky factor, in the prior's units, of a covariance in the user's."""
    if not len(covariance):
        return np.empty(0)
    back = np.linalg.inv(to_user)
    own = back @ covariance @ back.T
    root = np.linalg.cholesky(own + (1e-8 + 1e-6 * np.trace(own)) * np.eye(len(own)))
    return root[_free_entries(factor)]
