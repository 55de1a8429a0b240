"""The other way to learn what samples share: one covariance of all directions, the contrast among them.

``y_m = c + beta_m u + e_m``, ``e_m ~ N(0, s_m^2 Sigma)`` along the contrast's direction u and the residual directions
alike; beta_m 0 or normal on a grid of scales, integrated out. EM: E over beta (grid) and s_m^2 (equal-probability nodes
of its gamma), M: ``Sigma = sum_m E[(y - beta u)(y - beta u)' / s_m^2]`` and nu pseudo-rows of the identity. With
``leave_out`` no miRNA has a part in the Sigma that serves it.

Compared with :mod:`bayes_mirglmm.cohort.contrast_effects` by ``shared_samples.py``; not part of the package.
"""

from typing import NamedTuple

import numpy as np
from scipy import special

from bayes_mirglmm.cohort.cohort_effects import Cohort
from bayes_mirglmm.cohort.contrast_direction import contrast_direction
from bayes_mirglmm.cohort.isomir_deviations import mean_minus_weighted
from bayes_mirglmm.cohort.residual_covariance import learn_residual_covariance, pseudo_rows
from bayes_mirglmm.cohort.scale_prior import ScalePrior, fit_scale_prior
from bayes_mirglmm.evidence.mixture_weights import fit_weights

NULL_WEIGHT = 3.0
NODES = 8
STEPS, GRID_STEPS, TOLERANCE = 200, 15, 1e-6


class JointEffects(NamedTuple):
    """Means over isomiRs of a contrast, natural log, shape (m,)."""

    estimate: np.ndarray
    std_error: np.ndarray
    df: float


class _Moments(NamedTuple):
    """Posterior means over beta and s^2 of each miRNA: 1/s^2, beta/s^2, beta^2/s^2, and P(beta = 0); shapes (m,)."""

    precision: np.ndarray
    first: np.ndarray
    second: np.ndarray
    null: np.ndarray


def joint_effects(cohort: Cohort, weights: np.ndarray, *, leave_out: bool) -> JointEffects:
    """Return the effects of the contrast ``weights @ beta``, shape (p,) the weights."""
    direction, length = contrast_direction(cohort.x, weights)
    y = np.stack([r.pooled for r in cohort.responses]) @ np.column_stack([direction, cohort.basis])
    m, q = y.shape
    nu = pseudo_rows(m, q)
    sigma, centre = np.eye(q), np.median(y, axis=0)
    own = np.repeat(sigma[None], m, axis=0)
    scales = np.zeros(1)
    for step in range(STEPS):
        effect, variance, rest = _least_squares(y - centre, own)
        prior = fit_scale_prior(rest, q - 1.0)
        if step < GRID_STEPS:
            scales = _scales(effect, variance * prior.moderated(rest, q - 1.0))
        moments = _expect(effect, variance, rest, q - 1.0, prior, scales)
        centre = (moments.precision @ y - np.eye(q)[0] * moments.first.sum()) / moments.precision.sum()
        part = _parts(y - centre, moments)
        whole = part.sum(axis=0) + nu * np.eye(q)
        scale = q / np.trace(whole)
        moved = whole * scale
        own = np.repeat(moved[None], m, axis=0)
        if leave_out:
            own = (whole[None] - part) * (scale * (m + nu) / (m - 1 + nu))
        change, sigma = np.abs(moved - sigma).max(), moved
        if change <= TOLERANCE:
            break
    effect, variance, rest = _least_squares(y - centre, own)
    prior = fit_scale_prior(rest, q - 1.0)
    variance = variance * prior.moderated(rest, q - 1.0)
    difference, more = mean_minus_weighted(
        cohort.responses, cohort.deviations, direction, cohort.basis, moments.null
    )
    df = min(prior.df + q - 1.0, m * (q - 1.0))
    return JointEffects((effect + difference) * length, np.sqrt(variance + more) * length, df)


def with_known_effects(cohort: Cohort, weights: np.ndarray, known: np.ndarray) -> JointEffects:
    """Return the same where Sigma is learned from responses without their true effects, shape (m,): its limit.

    Each miRNA is left out of the Sigma that serves it.
    """
    direction, length = contrast_direction(cohort.x, weights)
    y = np.stack([r.pooled for r in cohort.responses]) @ np.column_stack([direction, cohort.basis])
    without = y - np.eye(y.shape[1])[0] * (known / length)[:, None]
    found = learn_residual_covariance(without)
    (m, q), nu = y.shape, found.pseudo_rows
    away = without - found.centre
    part = (away / found.variance[:, None])[:, :, None] * away[:, None, :]
    whole = part.sum(axis=0) + nu * np.eye(q)
    own = (whole - part) * (q / np.trace(whole) * (m + nu) / (m - 1 + nu))
    effect, variance, rest = _least_squares(y - found.centre, own)
    prior = fit_scale_prior(rest, q - 1.0)
    variance = variance * prior.moderated(rest, q - 1.0)
    null = (known == 0).astype(float)
    difference, more = mean_minus_weighted(cohort.responses, cohort.deviations, direction, cohort.basis, null)
    df = min(prior.df + q - 1.0, m * (q - 1.0))
    return JointEffects((effect + difference) * length, np.sqrt(variance + more) * length, df)


def _least_squares(away: np.ndarray, covariance: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return estimate, its variance over s^2, and the squares that are left, under a covariance of each miRNA."""
    inverse = np.linalg.inv(covariance)
    information = inverse[:, 0, 0]
    effect = (away * inverse[:, 0]).sum(axis=1) / information
    squares = np.einsum("mi,mij,mj->m", away, inverse, away)
    return effect, 1.0 / information, squares - information * effect**2


def _scales(effect: np.ndarray, variance: np.ndarray) -> np.ndarray:
    smallest = 2.0 * np.sqrt(np.median(variance))
    largest = max(2.0 * np.sqrt(np.max(effect**2 - variance).clip(min=0.0)), 4.0 * smallest)
    steps = int(np.ceil(2.0 * np.log2(largest / smallest)))
    return np.concatenate([[0.0], largest * 2.0 ** (-0.5 * np.arange(steps, -1, -1))])


def _expect(
    effect: np.ndarray,
    variance: np.ndarray,
    rest: np.ndarray,
    df: float,
    prior: ScalePrior,
    scales: np.ndarray,
) -> _Moments:
    prior_df = min(prior.df, 1e6)
    shape, rate = 0.5 * (prior_df + df), 0.5 * (prior_df * prior.variance + rest)
    quantiles = special.gammaincinv(shape, (np.arange(NODES) + 0.5) / NODES)
    # axes: miRNA, scale of effects, node of 1/s^2
    precision = (quantiles / rate[:, None])[:, None, :]
    noise, spread = variance[:, None, None] / precision, scales[:, None] ** 2
    total = spread + noise
    log_density = -0.5 * (effect[:, None, None] ** 2 / total + np.log(total))
    weights = fit_weights(special.logsumexp(log_density, axis=2), NULL_WEIGHT)
    with np.errstate(divide="ignore"):
        log_joint = log_density + np.log(weights)[:, None]
    posterior = np.exp(log_joint - special.logsumexp(log_joint, axis=(1, 2))[:, None, None])
    share, weight = spread / total, precision * posterior
    mean = share * effect[:, None, None]
    return _Moments(
        weight.sum(axis=(1, 2)),
        (weight * mean).sum(axis=(1, 2)),
        (weight * (mean**2 + share * noise)).sum(axis=(1, 2)),
        posterior[:, 0].sum(axis=1),
    )


def _parts(away: np.ndarray, moments: _Moments) -> np.ndarray:
    """Return what each miRNA adds to Sigma, shape (m, q, q)."""
    part = moments.precision[:, None, None] * away[:, :, None] * away[:, None, :]
    cross = moments.first[:, None] * away
    part[:, 0, :] -= cross
    part[:, :, 0] -= cross
    part[:, 0, 0] += moments.second
    return part
