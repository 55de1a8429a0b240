"""From an optimum to estimates, standard errors and modes in the user's units."""

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from bayes_mirglmm.marginal.frame import Frame
from bayes_mirglmm.marginal.leverage import leverage
from bayes_mirglmm.marginal.objective import MAX_LOG_THETA, find_mode, unpack
from bayes_mirglmm.marginal.optimize import FLAT, Optimum
from bayes_mirglmm.marginal.problem import Problem, places, sample_effects, term_entries
from bayes_mirglmm.marginal.satterthwaite import covariance_slopes, degrees_of_freedom

Outcome = Literal["ok", "boundary", "poisson_limit", "not_converged"]
ZERO_SD = 1e-4  # below this, in units of a scaled covariate, a standard deviation is zero (lme4's isSingular)
SHARE = 1e-3  # of a coefficient's squared length in a flat direction, from which on it has no standard error
SINGULAR_CORRELATION = 1e-6  # smallest eigenvalue of the correlation matrix


@dataclass(frozen=True, slots=True)
class MarginalFit:
    """A fitted mixed model; arrays in the caller's order and units."""

    outcome: Outcome
    log_likelihood: (
        float  #: marginal, by Laplace, with all constants; restricted where beta is integrated out
    )
    beta: np.ndarray  #: fixed effects, natural log (p,)
    beta_cov: np.ndarray  #: their covariance, all other parameters profiled; nan where f is flat (p, p)
    beta_cov_theta_fixed: np.ndarray  #: and with theta held at its estimate (p, p)
    beta_df: np.ndarray | None  #: Satterthwaite's degrees of freedom, of restricted likelihood (p,)
    theta: float  #: negative binomial size; inf for the Poisson
    log_theta_se: float  #: standard error of log theta; nan for the Poisson
    omega: np.ndarray  #: covariance of the isomiR effects (K, K)
    sigma_sample: float  #: SD of the sample effects
    zero_isomir_sd: np.ndarray  #: which isomiR SDs are zero (K,)
    zero_sample_sd: bool
    term_covs: tuple[np.ndarray, ...]  #: covariance of the effects of each random term (c, c)
    term_effects: tuple[np.ndarray, ...]  #: conditional modes of each term's effects, level by column (q, c)
    zero_terms: tuple[np.ndarray, ...]  #: which of its SDs are zero (c,)
    flat: np.ndarray  #: fixed effects along which f is flat, so that no standard error exists (p,)
    singular_correlation: bool  #: isomiR effects with a correlation of -1 or 1
    singular_term: bool  #: and the effects of a random term
    singular: bool  #: a variance is zero or a correlation -1 or 1, also in the Poisson limit
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


def describe(problem: Problem, frame: Frame, optimum: Optimum, *, poisson_limit: bool) -> MarginalFit:
    """Take the optimum of ``problem`` back to the user's units and order."""
    scaling, order = frame.scaling, frame.layout.order
    n = len(problem.y)
    cov = optimum.covariance
    cov_fixed = cov
    if not problem.poisson and cov[-1, -1] > 0.0:  # conditioning on theta takes out what goes with it
        cov_fixed = cov - cov[:, -1:] * (cov[-1] / cov[-1, -1])

    fixed = _fixed_effects(problem, frame, optimum)
    chol_scaled, sigma, theta = _taken_apart(problem, optimum.phi)
    chol = scaling.b @ chol_scaled
    b = (chol @ optimum.v).T
    b_slopes = scaling.b @ optimum.b_slopes  # (d, K, J)
    own = _both_sides(scaling.b, optimum.b_cov)  # (J, K, K)
    around = frame.around
    conditional = own
    if problem.inner:  # how what isomiRs vary around goes with their deviations from it
        shared = around @ fixed.with_b @ scaling.b.T  # (J, K, K)
        conditional = own + shared + shared.transpose(0, 2, 1) + around @ fixed.cov @ around.T
    slopes = b_slopes + (fixed.slopes @ around.T)[:, :, None]

    u, u_se = np.empty(n), np.empty(n)
    u[order] = sigma * sample_effects(problem, optimum.u[:n])
    u_slopes = optimum.u_slopes[:, :n]
    u_se[order] = np.sqrt(np.maximum(optimum.u_var + _variances(cov, u_slopes), 0.0))

    sd_scaled = np.sqrt((chol_scaled**2).sum(axis=1))
    terms = _terms(problem, frame, optimum)
    zero_isomir_sd = sd_scaled < ZERO_SD
    zero_sample_sd = bool(problem.has_sample and abs(sigma) < ZERO_SD)
    singular_correlation = _singular_correlation(chol_scaled, sd_scaled, scaling.blocks)
    singular_term = any(term.singular for term in terms)
    zero = zero_sample_sd or zero_isomir_sd.any() or any(term.zero.any() for term in terms)
    singular = bool(zero or singular_correlation or singular_term)
    felt = _times(cov, slopes)
    return MarginalFit(
        outcome=_outcome(singular, converged=optimum.converged, poisson_limit=poisson_limit),
        log_likelihood=-optimum.value + (np.linalg.slogdet(scaling.beta)[1] if problem.inner else 0.0),
        beta=fixed.beta,
        beta_cov=fixed.covariance(cov),
        beta_cov_theta_fixed=fixed.covariance(cov_fixed),
        beta_df=fixed.df(problem, optimum) if problem.inner and optimum.converged else None,
        theta=theta,
        log_theta_se=np.nan if problem.poisson else float(np.sqrt(cov[-1, -1])),
        omega=chol @ chol.T,
        sigma_sample=abs(sigma),
        zero_isomir_sd=zero_isomir_sd,
        zero_sample_sd=zero_sample_sd,
        term_covs=tuple(term.cov for term in terms),
        term_effects=tuple(term.effects for term in terms),
        zero_terms=tuple(term.zero for term in terms),
        flat=fixed.flat,
        singular_correlation=singular_correlation,
        singular_term=singular_term,
        singular=singular,
        b=b,
        b_se=np.sqrt(own.diagonal(axis1=1, axis2=2) + _variances(cov, b_slopes).T),
        effect=b + around @ fixed.beta,
        effect_cov=conditional + np.einsum("dkj,dlj->jkl", slopes, felt),
        u=u,
        u_se=u_se,
        iterations=optimum.iterations,
        evaluations=optimum.evaluations,
        decrement=optimum.decrement,
        phi=optimum.phi,
    )


def _both_sides(matrix: np.ndarray, covariances: np.ndarray) -> np.ndarray:
    """Return B C_j B' of symmetric C_j (J, K, K), in products of large matrices."""
    shape = covariances.shape
    half = (covariances.reshape(-1, shape[2]) @ matrix.T).reshape(shape)
    return (half.transpose(0, 2, 1).reshape(-1, shape[2]) @ matrix.T).reshape(shape)


def _times(cov: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    """Product of ``cov`` (d, d) and derivatives of anything (d, ...)."""
    return (cov @ slopes.reshape(len(cov), -1)).reshape(slopes.shape)


def _variances(cov: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    """Variances of what has the derivatives ``slopes`` (d, ...) in parameters with the covariance ``cov`` (d, d)."""
    return (_times(cov, slopes) * slopes).sum(axis=0)


def _taken_apart(problem: Problem, phi: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Return L, sigma (0 without a sample effect) and theta of ``phi``."""
    at = places(problem)
    k = problem.z.shape[1]
    chol = np.zeros((k, k))
    chol[problem.rows, problem.cols] = phi[at.chol : at.terms]
    sigma = float(phi[at.sigma]) if problem.has_sample else 0.0
    return chol, sigma, np.inf if problem.poisson else math.exp(min(phi[at.theta], MAX_LOG_THETA))


def _outcome(singular: bool, *, converged: bool, poisson_limit: bool) -> Outcome:
    if not converged:
        return "not_converged"
    if poisson_limit:
        return "poisson_limit"
    return "boundary" if singular else "ok"


@dataclass(frozen=True, slots=True)
class _FixedEffects:
    """Fixed effects in the user's units, whether they are parameters or integrated out."""

    beta: np.ndarray  #: (p,)
    cov: np.ndarray  #: covariance given the parameters; 0 where they are parameters themselves (p, p)
    with_b: np.ndarray  #: and with the scaled isomiR effects (J, p, K)
    slopes: np.ndarray  #: derivatives in the parameters phi (d, p)
    flat: np.ndarray  #: (p,)
    back: np.ndarray  #: takes the scaled coefficients to these (p, p)

    def df(self, problem: Problem, optimum: Optimum) -> np.ndarray:
        """Return Satterthwaite's degrees of freedom (p,)."""
        slopes = covariance_slopes(problem, optimum.phi, optimum.v, optimum.u)
        slopes = self.back @ slopes @ self.back.T
        return degrees_of_freedom(np.eye(len(self.beta)), self.cov, slopes, optimum.covariance)

    def covariance(self, cov: np.ndarray) -> np.ndarray:
        """Add what the uncertainty ``cov`` (d, d) of the parameters contributes."""
        whole = self.cov + self.slopes.T @ cov @ self.slopes
        if self.flat.any():
            whole[self.flat] = np.nan
            whole[:, self.flat] = np.nan
        return whole


def _fixed_effects(problem: Problem, frame: Frame, optimum: Optimum) -> _FixedEffects:
    back, p, n = frame.scaling.beta, problem.x.shape[1], len(problem.y)
    if problem.inner and not optimum.converged:
        optimum = _with_whatever_covariance(problem, optimum)
    if problem.inner:
        return _FixedEffects(
            beta=back @ optimum.u[n : n + p],
            cov=back @ optimum.g_cov[:p, :p] @ back.T,
            with_b=back @ optimum.gb_cov[:, :p],
            slopes=optimum.u_slopes[:, n : n + p] @ back.T,
            flat=_touched(back, _widest(optimum.g_cov[:p, :p])),
            back=back,
        )
    slopes = np.zeros((len(optimum.phi), p))
    slopes[:p] = back.T
    return _FixedEffects(
        beta=back @ optimum.phi[:p],
        cov=np.zeros((p, p)),
        with_b=np.zeros((optimum.b_cov.shape[0], p, problem.z.shape[1])),
        slopes=slopes,
        flat=_touched(back, optimum.flat[:p]),
        back=back,
    )


def _with_whatever_covariance(problem: Problem, optimum: Optimum) -> Optimum:
    """Add the covariance of g where H has no Cholesky factor: its size tells along which of them f is flat."""
    point = unpack(problem, optimum.phi)
    mode = find_mode(problem, point, optimum.v.copy(), optimum.u.copy())
    found = leverage(problem, mode.observed, point.chol, point.side, mode.w, True)
    return replace(optimum, g_cov=found.g_cov, gb_cov=found.gb_cov)


def _widest(cov: np.ndarray) -> np.ndarray:
    """Return the directions along which a covariance of orthogonal coefficients is not that of data."""
    values, vectors = np.linalg.eigh(cov)
    return vectors[:, values * FLAT > values[0]]


def _touched(back: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """Return the coefficients, rows of ``back`` (p, p), that a shift along ``directions`` (p, m) moves."""
    if not directions.size:
        return np.zeros(len(back), dtype=bool)
    return ((back @ directions) ** 2).sum(axis=1) > SHARE * (back**2).sum(axis=1)


@dataclass(frozen=True, slots=True)
class _Term:
    """A random term of the samples."""

    cov: np.ndarray  #: (c, c)
    effects: np.ndarray  #: (q, c)
    zero: np.ndarray  #: (c,)
    singular: bool


def _terms(problem: Problem, frame: Frame, optimum: Optimum) -> list[_Term]:
    """Return covariances and modes of the random terms, in the user's units."""
    if not problem.width:
        return []
    found = []
    entry = places(problem).terms
    first = len(optimum.u) - problem.width
    for columns, levels, back in zip(
        frame.terms.columns, frame.terms.levels, frame.scaling.terms, strict=True
    ):
        c, q = columns.shape[1], int(levels.max()) + 1
        chol = np.zeros((c, c))
        for a, b in term_entries(columns):
            chol[a, b] = optimum.phi[entry]
            entry += 1
        w = optimum.u[first : first + c * q].reshape(c, q)
        first += c * q
        sd = np.sqrt((chol**2).sum(axis=1))
        root = back @ chol
        block = np.zeros(c, dtype=np.int64)
        found.append(_Term(root @ root.T, (root @ w).T, sd < ZERO_SD, _singular_correlation(chol, sd, block)))
    return found


def _singular_correlation(chol: np.ndarray, sd: np.ndarray, blocks: np.ndarray) -> bool:
    for block in set(blocks.tolist()):
        use = (blocks == block) & (sd >= ZERO_SD)
        size = np.count_nonzero(use)
        if size == 2:
            one, two = chol[use] / sd[use, None]
            if 1.0 - abs(float(one @ two)) < SINGULAR_CORRELATION:
                return True
        elif size > 2:
            rows = chol[use] / sd[use, None]
            if np.linalg.eigvalsh(rows @ rows.T)[0] < SINGULAR_CORRELATION:
                return True
    return False
