"""How far the mean over a miRNA's isomiRs is from the weighted mean that pooled responses estimate.

The isomiRs of a miRNA may change by different amounts, b_j ~ N(0, tau^2), and pooling gives the abundant ones more
weight. The difference of the two means is a sum over deviations of the isomiRs, which samples share over all miRNAs as
they share levels: deviations have a residual covariance and a regression of their own. tau is 0 or on a grid, with
weights that are learned over the miRNAs, so that a miRNA whose isomiRs move together keeps its pooled estimate.
"""

from typing import NamedTuple

import numpy as np
from scipy import special

from bayes_mirglmm.cohort.mock_contrasts import expected_of
from bayes_mirglmm.cohort.residual_covariance import pseudo_rows, quadratic_forms
from bayes_mirglmm.cohort.responses import Responses
from bayes_mirglmm.cohort.scale_prior import fit_scale_prior

#: SDs of the isomiRs' log fold changes; 0 for isomiRs that change alike.
SLOPE_SDS = np.concatenate([[0.0], np.geomspace(0.05, 2.0, 12)])
NULL_WEIGHT = 10.0
CHANGED_NULL_WEIGHT = 1.0  # of miRNAs that change: nothing is assumed about whether their isomiRs do alike
SURE = 1e-6
STEPS, TOLERANCE = 60, 1e-6
ROUNDS = 8
PSI_ROWS = 50.0  # of isomiRs, that the expected psi counts for


class DeviationCovariance(NamedTuple):
    """What isomiR deviations share over the samples, N isomiRs of m miRNAs in r residual directions."""

    owner: np.ndarray
    """miRNA of each isomiR, shape (N,)."""
    deviations: np.ndarray
    """Of the responses from their miRNA's mean, shape (N, n)."""
    precision: np.ndarray
    """Under the counts' noise, up to the miRNA's variance, shape (N,)."""
    variance: np.ndarray
    """Moderated variance of each miRNA, shape (m,)."""
    matrix: np.ndarray
    """Covariance of the standardised residual coordinates, trace r, shape (r, r)."""
    pseudo_rows: float


def learn_deviation_covariance(responses: list[Responses], basis: np.ndarray) -> DeviationCovariance:
    """Learn from the isomiR responses of all miRNAs and a basis (n, r) of the residual directions."""
    sizes = np.array([len(r.weights) for r in responses])
    owner = np.repeat(np.arange(len(responses)), sizes)
    precision = np.concatenate([r.precision for r in responses])
    values = np.vstack([r.isomirs for r in responses])
    starts = np.r_[0, np.cumsum(sizes)[:-1]]
    total = np.add.reduceat(precision, starts)
    values = values - (np.add.reduceat(precision[:, None] * values, starts) / total[:, None])[owner]
    z = np.sqrt(precision)[:, None] * (values @ basis)
    r, df = basis.shape[1], basis.shape[1] * (sizes - 1.0)
    nu = pseudo_rows(len(z), r)
    matrix = np.eye(r)
    for _ in range(STEPS):
        sums = np.add.reduceat(quadratic_forms(z, np.linalg.inv(matrix)), starts)
        variance = fit_scale_prior(sums, df).moderated(sums, df)
        moved = (z.T / variance[owner]) @ z + nu * np.eye(r)
        moved *= r / np.trace(moved)
        change = np.abs(moved - matrix).max()
        matrix = moved
        if change <= TOLERANCE:
            break
    return DeviationCovariance(owner, values, precision, variance, matrix, nu)


def mean_minus_weighted(
    responses: list[Responses],
    shared: DeviationCovariance,
    direction: np.ndarray,
    basis: np.ndarray,
    null_probability: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Return posterior mean and variance of (mean over isomiRs - weighted mean) of a contrast, each shape (m,).

    Per unit of the contrast's ``direction`` (n,), as :class:`~bayes_mirglmm.cohort.contrast_effects.ContrastEffects`.
    """
    owner, m = shared.owner, len(responses)
    root = np.sqrt(shared.precision)
    z, along = root[:, None] * (shared.deviations @ basis), root * (shared.deviations @ direction)
    variance = shared.variance[owner]
    sizes = np.bincount(owner)
    expected = float(np.exp(expected_of(shared.matrix).log_psi))
    psi, slope_variance = expected, np.zeros(m)
    for _ in range(ROUNDS):
        total = variance * psi + shared.precision * slope_variance[owner]
        ridge = shared.pseudo_rows / (psi * shared.variance.mean())
        information = (z.T / total) @ z + ridge * np.eye(z.shape[1])
        error = along - z @ np.linalg.solve(information, (z.T / total) @ along)
        effect, noise = error / root, variance * psi / shared.precision
        log_likelihood = np.column_stack([_log_marginal(effect, noise, tau, owner) for tau in SLOPE_SDS])
        log_joint = log_likelihood + _log_prior(log_likelihood, null_probability)
        posterior = np.exp(log_joint - special.logsumexp(log_joint, axis=1, keepdims=True))
        slope_variance = posterior @ SLOPE_SDS**2
        null = posterior[:, 0]
        sums = np.bincount(owner, error**2 / variance)
        psi = float((null @ sums + PSI_ROWS * expected) / (null @ (sizes - 1) + PSI_ROWS))
    difference = 1.0 / sizes[owner] - np.concatenate([r.weights for r in responses])
    means, variances = np.empty((m, len(SLOPE_SDS))), np.empty((m, len(SLOPE_SDS)))
    for k, tau in enumerate(SLOPE_SDS):
        means[:, k], variances[:, k] = _difference(effect, noise, tau, owner, difference)
    mean = (posterior * means).sum(axis=1)
    return mean, (posterior * (variances + means**2)).sum(axis=1) - mean**2


def _log_prior(log_likelihood: np.ndarray, null_probability: np.ndarray) -> np.ndarray:
    """Return the log prior of tau of each miRNA: one of those without an effect and one of those with, mixed."""
    weights = np.full((2, log_likelihood.shape[1]), 1.0 / log_likelihood.shape[1])
    pseudo = np.zeros_like(weights)
    pseudo[:, 0] = NULL_WEIGHT - 1.0, CHANGED_NULL_WEIGHT - 1.0
    null = np.clip(null_probability, SURE, 1.0 - SURE)  # or a kind without any miRNA had no weights
    of_kind = np.stack([null, 1.0 - null], axis=1)
    likelihood = np.exp(log_likelihood - log_likelihood.max(axis=1, keepdims=True))
    for _ in range(STEPS):
        joint = of_kind[:, :, None] * weights * likelihood[:, None, :]
        share = joint / joint.sum(axis=(1, 2), keepdims=True)
        weights = share.sum(axis=0) + pseudo
        weights /= weights.sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore"):
        return np.log(of_kind @ weights)


def _centre(effect: np.ndarray, weight: np.ndarray, owner: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the weighted mean of each miRNA and its summed weights."""
    total = np.bincount(owner, weight)
    return np.bincount(owner, weight * effect) / total, total


def _log_marginal(effect: np.ndarray, noise: np.ndarray, tau: float, owner: np.ndarray) -> np.ndarray:
    """Return the log-likelihood of tau of each miRNA, its common effect integrated out under a flat prior."""
    weight = 1.0 / (tau**2 + noise)
    centre, total = _centre(effect, weight, owner)
    squares = np.bincount(owner, weight * (effect - centre[owner]) ** 2)
    return 0.5 * (np.bincount(owner, np.log(weight)) - np.log(total) - squares)


def _difference(
    effect: np.ndarray, noise: np.ndarray, tau: float, owner: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and variance of ``sum_j weights_j b_j`` of each miRNA given tau; the weights of a miRNA sum to 0."""
    weight = 1.0 / (tau**2 + noise)
    centre, total = _centre(effect, weight, owner)
    share = tau**2 * weight
    mean = np.bincount(owner, weights * share * (effect - centre[owner]))
    own = np.bincount(owner, weights**2 * share * noise)
    return mean, own + np.bincount(owner, weights * share) ** 2 / total
