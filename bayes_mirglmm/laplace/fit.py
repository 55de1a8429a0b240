"""One miRNA, one model: from counts to estimates, standard errors and modes, in the user's units."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from bayes_mirglmm.laplace.objective import MAX_LOG_THETA, find_mode, unpack
from bayes_mirglmm.laplace.optimize import FLAT, Optimum, minimize
from bayes_mirglmm.laplace.precision import leverage
from bayes_mirglmm.laplace.problem import Problem, make_problem
from bayes_mirglmm.laplace.scaling import Scaling, scale_design
from bayes_mirglmm.laplace.start import start_values

Outcome = Literal["ok", "boundary", "poisson_limit", "not_converged"]
ZERO_SD = 1e-4  # below this, in units of a scaled covariate, a standard deviation is zero (lme4's isSingular)
SINGULAR_CORRELATION = 1e-6  # smallest eigenvalue of the correlation matrix
POISSON_RATIO = 0.1  # mu/theta below which the Poisson limit is worth a fit
POISSON_GAIN = 1e-6  # nats that a finite theta must be worth


@dataclass(frozen=True, slots=True)
class LaplaceFit:
    """A fitted mixed model; arrays in the caller's order and units."""

    outcome: Outcome
    log_likelihood: float  #: marginal, by Laplace, with all constants
    beta: np.ndarray  #: fixed effects, natural log (p,)
    beta_cov: np.ndarray  #: their covariance, all other parameters profiled (p, p)
    beta_cov_theta_fixed: np.ndarray  #: and with theta held at its estimate (p, p)
    theta: float  #: negative binomial size; inf for the Poisson
    log_theta_se: float  #: standard error of log theta; nan for the Poisson
    omega: np.ndarray  #: covariance of the isomiR effects (K, K)
    sigma_sample: float  #: SD of the sample effects
    zero_isomir_sd: np.ndarray  #: which isomiR SDs are zero (K,)
    zero_sample_sd: bool
    singular_correlation: bool  #: isomiR effects with a correlation of -1 or 1
    b: np.ndarray  #: conditional modes of the isomiR effects (J, K)
    b_se: np.ndarray  #: their standard errors, uncertainty of the parameters included (J, K)
    effect: np.ndarray  #: fixed effect plus mode of every column of z (J, K)
    effect_cov: np.ndarray  #: its covariance, uncertainty of the parameters included (J, K, K)
    u: np.ndarray  #: conditional modes of the sample effects (n,)
    u_se: np.ndarray  #: their standard errors (n,)
    iterations: int
    evaluations: int
    decrement: float  #: nats that the quadratic model says are still to gain
    phi: np.ndarray  #: the optimum in the engine's own coordinates, a start for a neighbouring fit

    @property
    def converged(self) -> bool:
        """Whether the search ended at an optimum."""
        return self.outcome != "not_converged"


def fit_laplace(
    y: np.ndarray,
    offset: np.ndarray,
    x: np.ndarray,
    z: np.ndarray,
    *,
    blocks: Sequence[int] | None = None,
    fixed: Sequence[int] | None = None,
    family: Literal["negative_binomial", "poisson"] = "negative_binomial",
    curvature: Literal["observed", "expected"] = "observed",
    sample_effect: bool = True,
    start: np.ndarray | None = None,
) -> LaplaceFit:
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
    fixed : sequence of int, length K, optional
        Column of ``x`` that is the mean of each column of ``z``, -1 where there is none. Found by equality when
        omitted.
    family : {"negative_binomial", "poisson"}
    curvature : {"observed", "expected"}
        ``"observed"`` is the Laplace approximation, as glmmTMB makes it; ``"expected"`` puts the expected curvature
        into the determinant, as ``lme4::glmer.nb`` does.
    sample_effect : bool
        Whether there is a random intercept per sample.
    start : array, optional
        ``phi`` of a fit with the same layout.

    Returns
    -------
    LaplaceFit
        ``outcome`` says how it ended; nothing is raised for data that are hard to fit.
    """
    scaling = scale_design(x, z, blocks)
    options: dict[str, Any] = {
        "blocks": scaling.blocks,
        "has_sample": sample_effect,
        "expected": curvature == "expected",
    }
    problem, order = make_problem(y.T, offset, scaling.x, scaling.z, poisson=family == "poisson", **options)
    best = _search(problem, start)
    evaluations, iterations = best.evaluations, best.iterations
    poisson_limit = False
    if family != "poisson" and _nearly_poisson(problem, best):
        limit, _ = make_problem(y.T, offset, scaling.x, scaling.z, poisson=True, **options)
        other = _search(limit, best.phi[:-1])
        evaluations += other.evaluations
        iterations += other.iterations
        if other.converged and other.value <= best.value + POISSON_GAIN:
            best, problem, poisson_limit = other, limit, True
    return _describe(problem, order, scaling, best, x, z, fixed, poisson_limit, iterations, evaluations)


def _search(problem: Problem, start: np.ndarray | None) -> Optimum:
    """Search from ``start``, else from moments; where that fails, from two more places."""
    k, (n, n_isomirs) = problem.z.shape[1], problem.y.shape
    v, u = np.zeros((k, n_isomirs)), np.zeros(n)
    moments = start_values(problem)
    best = minimize(problem, moments if start is None else start, v, u)
    if best.converged:
        return best
    p = problem.x.shape[1]
    for factor in (0.3, 3.0):
        other = moments.copy()
        other[p:] *= factor
        again = minimize(problem, other, v, u)
        if again.converged or again.value < best.value:
            best = again
        if best.converged:
            break
    return best


def _nearly_poisson(problem: Problem, optimum: Optimum) -> bool:
    return bool(problem.y.max() < POISSON_RATIO * np.exp(min(optimum.phi[-1], MAX_LOG_THETA)))


def _describe(
    problem: Problem,
    order: np.ndarray,
    scaling: Scaling,
    optimum: Optimum,
    x: np.ndarray,
    z: np.ndarray,
    fixed: Sequence[int] | None,
    poisson_limit: bool,
    iterations: int,
    evaluations: int,
) -> LaplaceFit:
    n, p, d = len(x), x.shape[1], len(optimum.phi)
    point = unpack(problem, optimum.phi)
    cov = _covariance(optimum.hessian)
    beta = scaling.beta @ point.beta
    beta_slopes = np.zeros((d, p))
    beta_slopes[:p] = scaling.beta.T
    no_theta = np.ones(d, dtype=bool)
    no_theta[-1] = problem.poisson
    cov_fixed = np.zeros((d, d))
    cov_fixed[np.ix_(no_theta, no_theta)] = _covariance(optimum.hessian[np.ix_(no_theta, no_theta)])

    chol = scaling.b @ point.chol
    omega = chol @ chol.T
    modes = point.chol @ optimum.v  # (K, J), scaled
    b = (scaling.b @ modes).T
    b_slopes = np.einsum("ab,dbj->dja", scaling.b, optimum.b_slopes)
    conditional, u_var = _conditional(problem, optimum, scaling)
    b_cov = conditional + np.einsum("dja,de,ejb->jab", b_slopes, cov, b_slopes, optimize=True)
    columns = _fixed_columns(x, z) if fixed is None else list(fixed)
    mean = np.array([beta[c] if c >= 0 else 0.0 for c in columns])
    mean_slopes = np.stack([beta_slopes[:, c] if c >= 0 else np.zeros(d) for c in columns], axis=1)
    slopes = b_slopes + mean_slopes[:, None, :]
    effect_cov = conditional + np.einsum("dja,de,ejb->jab", slopes, cov, slopes, optimize=True)

    u, u_se = np.empty(n), np.empty(n)
    u[order] = point.sigma * optimum.u
    u_se[order] = np.sqrt(u_var + np.einsum("di,de,ei->i", optimum.u_slopes, cov, optimum.u_slopes))

    sd_scaled = np.sqrt(np.einsum("ab,ab->a", point.chol, point.chol))
    zero_isomir = sd_scaled < ZERO_SD
    zero_sample = bool(problem.has_sample and abs(point.sigma) < ZERO_SD)
    singular = _singular_correlation(point.chol, sd_scaled, scaling.blocks)
    outcome: Outcome = "ok"
    if not optimum.converged:
        outcome = "not_converged"
    elif poisson_limit:
        outcome = "poisson_limit"
    elif zero_isomir.any() or zero_sample or singular:
        outcome = "boundary"
    return LaplaceFit(
        outcome=outcome,
        log_likelihood=-optimum.value,
        beta=beta,
        beta_cov=beta_slopes.T @ cov @ beta_slopes,
        beta_cov_theta_fixed=beta_slopes.T @ cov_fixed @ beta_slopes,
        theta=point.theta,
        log_theta_se=np.nan if problem.poisson else float(np.sqrt(cov[-1, -1])),
        omega=omega,
        sigma_sample=abs(point.sigma),
        zero_isomir_sd=zero_isomir,
        zero_sample_sd=zero_sample,
        singular_correlation=singular,
        b=b,
        b_se=np.sqrt(np.einsum("jaa->ja", b_cov)),
        effect=b + mean,
        effect_cov=effect_cov,
        u=u,
        u_se=u_se,
        iterations=iterations,
        evaluations=evaluations,
        decrement=optimum.decrement,
        phi=optimum.phi,
    )


def _covariance(hessian: np.ndarray) -> np.ndarray:
    """Inverse of the Hessian; a flat direction (at a boundary) is left out, not inverted to infinity."""
    if not np.isfinite(hessian).all():
        return np.full_like(hessian, np.nan)
    values, vectors = np.linalg.eigh(hessian)
    use = values > FLAT * np.abs(values).max()
    return (vectors[:, use] / values[use]) @ vectors[:, use].T


def _conditional(problem: Problem, optimum: Optimum, scaling: Scaling) -> tuple[np.ndarray, np.ndarray]:
    """Covariance of b_j (J, K, K), in the user's units, and variance of u_i (n,), given the parameters."""
    point = unpack(problem, optimum.phi)
    mode = find_mode(problem, point, optimum.v.copy(), optimum.u.copy())
    inverse = leverage(problem, mode.observed, point.chol, point.sigma, mode.w)
    return np.einsum("ab,jbc,dc->jad", scaling.b, inverse.b_cov, scaling.b), inverse.u_var


def _fixed_columns(x: np.ndarray, z: np.ndarray) -> list[int]:
    same = (x[:, :, None] == z[:, None, :]).all(axis=0)
    return [int(np.argmax(same[:, k])) if same[:, k].any() else -1 for k in range(z.shape[1])]


def _singular_correlation(chol: np.ndarray, sd: np.ndarray, blocks: np.ndarray) -> bool:
    for block in np.unique(blocks):
        use = (blocks == block) & (sd >= ZERO_SD)
        if use.sum() > 1:
            rows = chol[use] / sd[use, None]
            if np.linalg.eigvalsh(rows @ rows.T)[0] < SINGULAR_CORRELATION:
                return True
    return False
