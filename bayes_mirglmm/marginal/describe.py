"""From an optimum to estimates, standard errors and modes in the user's units."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from bayes_mirglmm.marginal.frame import Frame
from bayes_mirglmm.marginal.objective import find_mode, unpack
from bayes_mirglmm.marginal.optimize import Optimum
from bayes_mirglmm.marginal.precision import leverage
from bayes_mirglmm.marginal.problem import Problem

Outcome = Literal["ok", "boundary", "poisson_limit", "not_converged"]
ZERO_SD = 1e-4  # below this, in units of a scaled covariate, a standard deviation is zero (lme4's isSingular)
SINGULAR_CORRELATION = 1e-6  # smallest eigenvalue of the correlation matrix


@dataclass(frozen=True, slots=True)
class MarginalFit:
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
    def singular(self) -> bool:
        """Whether a variance is zero or a correlation -1 or 1, also in the Poisson limit."""
        return bool(self.zero_isomir_sd.any() or self.zero_sample_sd or self.singular_correlation)

    @property
    def converged(self) -> bool:
        """Whether the search ended at an optimum."""
        return self.outcome != "not_converged"


def describe(problem: Problem, frame: Frame, optimum: Optimum, *, poisson_limit: bool) -> MarginalFit:
    """Take the optimum of ``problem`` back to the user's units and order."""
    scaling, order = frame.scaling, frame.layout.order
    n, p, k, d = len(problem.y), problem.x.shape[1], problem.z.shape[1], len(optimum.phi)
    point = unpack(problem, optimum.phi)
    cov = optimum.covariance
    beta = scaling.beta @ point.beta
    beta_slopes = np.zeros((d, p))
    beta_slopes[:p] = scaling.beta.T
    cov_fixed = cov
    if not problem.poisson and cov[-1, -1] > 0.0:  # conditioning on theta takes out what goes with it
        cov_fixed = cov - np.multiply.outer(cov[:, -1], cov[:, -1]) / cov[-1, -1]

    mode = find_mode(problem, point, optimum.v.copy(), optimum.u.copy())
    inverse = leverage(problem, mode.observed, point.chol, point.sigma, mode.w)
    conditional = scaling.b @ inverse.b_cov @ scaling.b.T  # (J, K, K)
    chol = scaling.b @ point.chol
    b = (chol @ optimum.v).T
    b_slopes = optimum.b_slopes.transpose(2, 0, 1) @ scaling.b.T  # (J, d, K)
    mean, mean_slopes = np.zeros(k), np.zeros((d, k))
    for a, c in enumerate(frame.fixed):
        if c >= 0:
            mean[a], mean_slopes[:, a] = beta[c], beta_slopes[:, c]
    slopes = b_slopes + mean_slopes
    b_cov = conditional + b_slopes.transpose(0, 2, 1) @ cov @ b_slopes
    effect_cov = conditional + slopes.transpose(0, 2, 1) @ cov @ slopes

    u, u_se = np.empty(n), np.empty(n)
    u[order] = point.sigma * optimum.u
    u_se[order] = np.sqrt(inverse.u_var + ((cov @ optimum.u_slopes) * optimum.u_slopes).sum(axis=0))

    sd_scaled = np.sqrt((point.chol**2).sum(axis=1))
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
    return MarginalFit(
        outcome=outcome,
        log_likelihood=-optimum.value,
        beta=beta,
        beta_cov=beta_slopes.T @ cov @ beta_slopes,
        beta_cov_theta_fixed=beta_slopes.T @ cov_fixed @ beta_slopes,
        theta=point.theta,
        log_theta_se=np.nan if problem.poisson else float(np.sqrt(cov[-1, -1])),
        omega=chol @ chol.T,
        sigma_sample=abs(point.sigma),
        zero_isomir_sd=zero_isomir,
        zero_sample_sd=zero_sample,
        singular_correlation=singular,
        b=b,
        b_se=np.sqrt(np.diagonal(b_cov, axis1=1, axis2=2)),
        effect=b + mean,
        effect_cov=effect_cov,
        u=u,
        u_se=u_se,
        iterations=optimum.iterations,
        evaluations=optimum.evaluations,
        decrement=optimum.decrement,
        phi=optimum.phi,
    )


def _singular_correlation(chol: np.ndarray, sd: np.ndarray, blocks: np.ndarray) -> bool:
    for block in set(blocks.tolist()):
        use = (blocks == block) & (sd >= ZERO_SD)
        if use.sum() > 1:
            rows = chol[use] / sd[use, None]
            if np.linalg.eigvalsh(rows @ rows.T)[0] < SINGULAR_CORRELATION:
                return True
    return False
