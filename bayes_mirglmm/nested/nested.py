"""One miRNA, one model: from counts to weighted draws of everything, in the user's units, and the evidence."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bayes_mirglmm.marginal import make_problem
from bayes_mirglmm.model import ModelSpec
from bayes_mirglmm.model.scaling import to_user
from bayes_mirglmm.nested.coordinates import PriorCoordinates
from bayes_mirglmm.nested.importance import STAGES, ImportanceSample, importance_sample
from bayes_mirglmm.nested.maximum import maximise
from bayes_mirglmm.nested.target import LOG_2PI, Target

LARGEST_LOST_WEIGHT = 1e-6  # of points without finite values that may be left out without a word
FARTHEST_START = 2.5  # an estimate on a boundary lies at infinity: start this many prior SDs from the centre


@dataclass(frozen=True, slots=True)
class Start:
    """Estimates from which to search for the mode, in the user's units (a fit by maximum likelihood has them)."""

    beta: np.ndarray  #: (p,)
    omega: np.ndarray  #: (K, K)
    sigma_sample: float
    theta: float


@dataclass(frozen=True, slots=True)
class NestedPosterior:
    """Weighted draws of a posterior; arrays in the caller's order and units, natural log."""

    sample: ImportanceSample  #: points in prior coordinates, weights, evidence, diagnostics
    beta: np.ndarray  #: fixed effects (N, p)
    omega: np.ndarray  #: covariance of the isomiR effects (N, K, K)
    sd_isomir_scaled: np.ndarray  #: SDs of the isomiR effects in the prior's units (N, K)
    sigma_sample: np.ndarray  #: SD of the sample effects; 0 where the model has none (N,)
    log_theta: np.ndarray  #: inf for the Poisson (N,)
    b: np.ndarray  #: isomiR effects (N, J, K); no rows without draws
    u: np.ndarray  #: sample effects (N, n); no rows without draws
    log_likelihood: np.ndarray  #: marginal, by Laplace, with all constants (N,)
    iterations: int  #: of the search for the mode
    evaluations: int  #: of the Laplace approximation
    dropped: (
        int  #: points without finite values, which have no weight and stand as copies of the heaviest point
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
    start: Start | None = None,
    draw_effects: bool = True,
    stages: tuple[int, ...] = STAGES,
) -> NestedPosterior:
    """Return the posterior of :func:`bayes_mirglmm.build_model`, its random effects integrated out by Laplace.

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
    start : Start, optional
        Where to search; the centre of the prior is tried as well.
    draw_effects : bool
        Whether to draw isomiR and sample effects, given each point.
    stages : tuple of int
        Points of each stage of importance sampling.

    Raises
    ------
    FloatingPointError
        The posterior density is not finite where the search starts.
    """
    to_beta, to_b = to_user(x), to_user(z)
    problem, order = make_problem(
        y.T,
        offset,
        x @ to_beta,
        z @ to_b,
        np.asarray(blocks),
        has_sample=spec.sample_intercept,
        poisson=spec.family == "poisson",
    )
    prior = PriorCoordinates.of(spec, x.shape[1], blocks)
    target = Target(problem, prior)
    starts = [_level(problem.y, problem.offset, prior)]
    if start is not None:
        starts.append(_coordinates(start, prior, to_beta, to_b, problem.rows, problem.cols))
    top = maximise(target, starts)

    n, n_isomirs = problem.y.shape
    size = z.shape[1] * n_isomirs + n if draw_effects else 0
    b_parts, u_parts = [], []

    def log_density(points: np.ndarray) -> np.ndarray:
        normals = rng.standard_normal((len(points), size))
        values, b, u = target.log_densities(points, top.x, top.centre, normals)
        b_parts.append(b)
        u_parts.append(u)
        return values

    sample = importance_sample(log_density, top.x, top.covariance, rng, stages=stages)
    phi = prior.parameters(sample.x)
    p, m = x.shape[1], len(problem.rows)
    chol = np.zeros((len(phi), z.shape[1], z.shape[1]))
    chol[:, problem.rows, problem.cols] = phi[:, p : p + m]
    u_sorted = np.concatenate(u_parts)
    u = np.empty_like(u_sorted)
    u[:, order] = u_sorted
    with np.errstate(all="ignore"):  # far out in a tail an SD overflows
        root = to_b @ chol
        omega = root @ root.transpose(0, 2, 1)
        b = np.concatenate(b_parts) @ to_b.T
    sample, phi, chol, omega, b, u, dropped = _finite_points(sample, phi, chol, omega, b, u)
    return NestedPosterior(
        sample=sample,
        beta=phi[:, :p] @ to_beta.T,
        omega=omega,
        sd_isomir_scaled=np.sqrt(np.einsum("nab,nab->na", chol, chol)),
        sigma_sample=phi[:, p + m] if spec.sample_intercept else np.zeros(len(phi)),
        log_theta=np.full(len(phi), np.inf) if spec.family == "poisson" else phi[:, -1],
        b=b,
        u=u,
        dropped=dropped,
        log_likelihood=sample.log_density + 0.5 * ((sample.x**2).sum(axis=1) + sample.x.shape[1] * LOG_2PI),
        iterations=top.iterations,
        evaluations=target.evaluations,
    )


def _finite_points(sample: ImportanceSample, *arrays: np.ndarray) -> tuple[Any, ...]:
    """Return the sample and arrays (N, ...) without what is not finite at any point, and how many points that were.

    Zero times infinity is not a number: one such point of no weight would spoil every weighted sum. Its place is taken
    by the heaviest point, so that there are as many as before, with weight 0. Where points of weight are lost, k-hat is
    infinite: nothing is known of what they stood for.
    """
    finite = np.isfinite(sample.x).all(axis=1)
    for array in arrays:
        if len(array):
            finite &= np.isfinite(array).reshape(len(array), -1).all(axis=1)
    if finite.all():
        return sample, *arrays, 0
    lost = float(sample.weights[~finite].sum())
    weights = np.where(finite, sample.weights, 0.0)
    best = int(np.argmax(weights))
    taken = np.where(finite, np.arange(len(finite)), best)
    sample = replace(
        sample,
        x=sample.x[taken],
        log_density=sample.log_density[taken],
        weights=weights / weights.sum(),
        pareto_k=sample.pareto_k if lost <= LARGEST_LOST_WEIGHT else np.inf,
    )
    return sample, *(array[taken] if len(array) else array for array in arrays), int((~finite).sum())


def _level(y: np.ndarray, offset: np.ndarray, prior: PriorCoordinates) -> np.ndarray:
    """Return the centre of the prior with the intercept at the counts' own level."""
    x = np.zeros(prior.size)
    level = float(np.mean(np.log(y + 0.5) - offset[:, None]))
    x[0] = np.clip((level - prior.mean[0]) / prior.sd[0], -FARTHEST_START, FARTHEST_START)
    return x


def _coordinates(
    start: Start,
    prior: PriorCoordinates,
    to_beta: np.ndarray,
    to_b: np.ndarray,
    rows: np.ndarray,
    cols: np.ndarray,
) -> np.ndarray:
    """Return the coordinates of estimates, pulled in from infinity."""
    back = np.linalg.inv(to_b)
    omega = back @ start.omega @ back.T
    k = len(omega)
    root = np.linalg.cholesky(omega + (1e-8 + 1e-6 * np.trace(omega)) * np.eye(k))
    parts = [np.linalg.solve(to_beta, start.beta), root[rows, cols]]
    if prior.sample_scale is not None:
        parts.append(np.array([start.sigma_sample]))
    if prior.log_theta is not None:
        parts.append(np.array([np.log(start.theta)]))
    x = prior.coordinates(np.concatenate(parts))
    p = len(prior.mean)
    x[p:] = np.clip(np.nan_to_num(x[p:], nan=0.0), -FARTHEST_START, FARTHEST_START)
    return x
