"""The log density of the sampler's form and its gradient, compiled: what NUTS calls a million times.

Reverse differentiation by hand, in the order in which the forward pass runs: scales, random terms, fixed effects,
sample effects, isomiR effects, likelihood, and back.
"""

import math

import numpy as np

from bayes_mirglmm.kernels.compilation import kernel
from bayes_mirglmm.kernels.dense import times_vector
from bayes_mirglmm.nuts.form import HEADER
from bayes_mirglmm.nuts.likelihood import negative_binomial, poisson
from bayes_mirglmm.nuts.scales import (
    covariance_factor,
    covariance_factor_back,
    sd_at,
    sd_slope,
)
from bayes_mirglmm.nuts.term_density import place, place_back, pool, pool_back, transposed_times_vector


@kernel
def log_density(point: np.ndarray, pack: np.ndarray, gradient: np.ndarray) -> float:
    """Return the log posterior density at ``point`` (d,), and write its gradient into ``gradient`` (d,).

    Normalised: its integral over all points is the evidence of the readable model. ``pack`` is that of
    :func:`bayes_mirglmm.nuts.form.pack`.
    """
    n, p, k, n_isomirs = int(pack[0]), int(pack[1]), int(pack[2]), int(pack[3])
    n_pairs, residuals, n_distinct = int(pack[4]), int(pack[5]), int(pack[6])
    has_theta, has_sample = pack[7] == 1.0, pack[8] == 1.0
    value, sample_scale = pack[9], pack[10]
    n_terms, n_scales, n_term_pairs, width = int(pack[13]), int(pack[14]), int(pack[15]), int(pack[16])
    outside = n if pack[17] == 1.0 else 0
    sample_spread = pack[18]

    at = HEADER
    offset = pack[at : at + n]
    at += n
    x = pack[at : at + n * p].reshape((n, p))
    at += n * p
    z = pack[at : at + n * k].reshape((n, k))
    at += n * k
    y = pack[at : at + n_isomirs * n].reshape((n_isomirs, n))
    at += n_isomirs * n
    distinct = pack[at : at + n_distinct]
    at += n_distinct
    multiplicity = pack[at : at + n_distinct]
    at += n_distinct
    complement = pack[at : at + n * residuals].reshape((n, residuals))
    at += n * residuals
    residual_pseudo = pack[at : at + residuals]
    at += residuals
    residual_information = pack[at : at + residuals]
    at += residuals
    beta_mean = pack[at : at + p]
    at += p
    to_directions = pack[at : at + p * p].reshape((p, p))
    at += p * p
    spread = pack[at : at + p]
    at += p
    sd_scales = pack[at : at + k]
    at += k
    sd_spreads = pack[at : at + k]
    at += k
    shapes = pack[at : at + n_pairs]
    at += n_pairs
    pseudo = pack[at : at + n_isomirs * k].reshape((n_isomirs, k))
    at += n_isomirs * k
    pseudo_root = pack[at : at + n_isomirs * k * k].reshape((n_isomirs, k, k))
    at += n_isomirs * k * k
    fixed = pack[at : at + k]
    at += k
    blocks = pack[at : at + k]
    at += k
    term_scales = pack[at : at + n_scales]
    at += n_scales
    term_spreads = pack[at : at + n_scales]
    at += n_scales
    term_shapes = pack[at : at + n_term_pairs]
    at += n_term_pairs
    term_blocks = pack[at : at + n_scales]
    at += n_scales
    term_levels = pack[at : at + n_terms]
    at += n_terms
    to_beta = pack[at : at + p * width].reshape((p, width))
    at += p * width
    to_residual = pack[at : at + residuals * width].reshape((residuals, width))
    at += residuals * width
    to_outside = pack[at : at + outside * width].reshape((outside, width))
    at += outside * width
    term_information = pack[at : at + width].copy()
    at += width
    term_score = pack[at : at + width].copy()

    gradient[:] = 0.0
    beta, by_beta = point[:p], gradient[:p]
    at = p
    sd_normal, by_sd_normal = point[at : at + k], gradient[at : at + k]
    at += k
    partial, by_partial = point[at : at + n_pairs], gradient[at : at + n_pairs]
    at += n_pairs
    sigma_at = at
    at += 1 if has_sample else 0
    theta_at = at
    at += 1 if has_theta else 0
    term_normal, by_term_normal = point[at : at + n_scales], gradient[at : at + n_scales]
    at += n_scales
    term_partial, by_term_partial = point[at : at + n_term_pairs], gradient[at : at + n_term_pairs]
    at += n_term_pairs
    term_standard, by_term_standard = point[at : at + width], gradient[at : at + width]
    at += width
    residual, by_residual = point[at : at + residuals], gradient[at : at + residuals]
    at += residuals
    isomir = point[at:].reshape((n_isomirs, k))
    by_isomir = gradient[at:].reshape((n_isomirs, k))

    # SDs, and the Cholesky factors of the covariances of isomiR effects and random terms.
    sd, chol = np.empty(k), np.zeros((k, k))
    value += covariance_factor(sd_normal, partial, sd_scales, sd_spreads, shapes, blocks, sd, chol)
    term_sd, term_chol = np.empty(n_scales), np.zeros((n_scales, n_scales))
    value += covariance_factor(
        term_normal, term_partial, term_scales, term_spreads, term_shapes, term_blocks, term_sd, term_chol
    )
    sigma = 0.0
    if has_sample:
        sigma = sd_at(point[sigma_at], sample_scale, sample_spread)
        value -= 0.5 * point[sigma_at] * point[sigma_at]
    by_sigma = 0.0

    # Random terms.
    weight = np.empty(residuals)
    for q in range(residuals):
        weight[q] = residual_information[q] / (1.0 + residual_information[q] * sigma * sigma)
    term_v, term_effect = np.empty(width), np.empty(width)
    pool(to_residual, weight, residual_pseudo, term_information, term_score)
    value += place(
        term_standard,
        term_chol,
        term_blocks,
        term_levels,
        term_information,
        term_score,
        term_v,
        term_effect,
    )

    # beta + c and what terms add to it, in directions in which the priors of beta and c are both independent.
    centre = times_vector(to_beta, term_effect) + beta_mean
    beta_pull = np.zeros(p)
    for a in range(p):
        along = 0.0
        for b in range(p):
            along += to_directions[a, b] * (beta[b] - centre[b])
        variance = 1.0 + sigma * sigma * spread[a]
        value -= 0.5 * (along * along / variance + math.log(variance))
        for b in range(p):
            beta_pull[b] += to_directions[a, b] * along / variance
        by_sigma += (along * along / variance - 1.0) * sigma * spread[a] / variance
    for a in range(p):
        by_beta[a] -= beta_pull[a]

    # The linear predictor of each sample, without the isomiRs' own coefficients.
    row = offset.copy()
    own = np.zeros(p)
    for a in range(k):
        if fixed[a] >= 0.0:
            own[int(fixed[a])] = 1.0
    for a in range(p):
        if own[a] == 0.0:
            for i in range(n):
                row[i] += x[i, a] * beta[a]
    if outside > 0:
        row += times_vector(to_outside, term_effect)
    standard = np.empty(residuals)
    along_residuals = times_vector(to_residual, term_effect)  # their prior mean
    away = residual_pseudo - along_residuals
    for q in range(residuals):
        more = residual_information[q] * sigma * sigma
        standard[q] = (residual_information[q] * sigma * away[q]) / (1.0 + more)
        standard[q] += residual[q] / math.sqrt(1.0 + more)
        value -= 0.5 * (standard[q] * standard[q] + math.log1p(more))
        along_residuals[q] += sigma * standard[q]
    row += times_vector(complement, along_residuals)

    # The isomiRs' own coefficients: v standardised under the prior, e under the pseudo-observation.
    v = np.empty((n_isomirs, k))
    e = np.empty((n_isomirs, k))
    target = np.empty((n_isomirs, k))  # pseudo-observation less prior mean, given the coefficients before
    effect = np.empty((n_isomirs, k))
    for j in range(n_isomirs):
        for a in range(k):
            mean = beta[int(fixed[a])] if fixed[a] >= 0.0 else 0.0
            seen = pseudo[j, a]
            for b in range(a):
                mean += chol[a, b] * v[j, b]
                seen += pseudo_root[j, a, b] * e[j, b]
            d, root = chol[a, a], pseudo_root[j, a, a]
            information = 1.0 / (root * root)
            more = information * d * d
            target[j, a] = seen - mean
            v[j, a] = information * d * (seen - mean) / (1.0 + more) + isomir[j, a] / math.sqrt(1.0 + more)
            effect[j, a] = mean + d * v[j, a]
            e[j, a] = (effect[j, a] - seen) / root
            value -= 0.5 * (v[j, a] * v[j, a] + math.log1p(more))

    by_row = np.zeros(n)
    by_effect = np.zeros((n_isomirs, k))
    if has_theta:
        from_mean = (point[theta_at] - pack[11]) / pack[12]
        value -= 0.5 * from_mean * from_mean
        one, by_log_theta = negative_binomial(
            row, effect, math.exp(point[theta_at]), y, z, distinct, multiplicity, by_row, by_effect
        )
        value += one
        gradient[theta_at] = by_log_theta - from_mean / pack[12]
    else:
        value += poisson(row, effect, y, z, by_row, by_effect)

    # Back: isomiR effects.
    by_chol = np.zeros((k, k))
    by_v = np.empty(k)
    by_e = np.empty(k)
    for j in range(n_isomirs):
        for a in range(k):
            by_v[a] = -v[j, a]
            by_e[a] = 0.0
        for a in range(k - 1, -1, -1):
            d, root = chol[a, a], pseudo_root[j, a, a]
            information = 1.0 / (root * root)
            more = information * d * d
            by_mean = by_effect[j, a] + by_e[a] / root
            by_d = by_mean * v[j, a]
            by_own = by_v[a] + by_mean * d
            pull = information * d / (1.0 + more)
            by_isomir[j, a] = by_own / math.sqrt(1.0 + more)
            by_seen = by_own * pull - by_e[a] / root
            by_mean -= by_own * pull
            change = target[j, a] * information * (1.0 - more) / (1.0 + more)
            change = (change - isomir[j, a] * information * d / math.sqrt(1.0 + more)) / (1.0 + more)
            by_chol[a, a] += by_d + by_own * change - pull
            if fixed[a] >= 0.0:
                by_beta[int(fixed[a])] += by_mean
            for b in range(a):
                by_chol[a, b] += by_mean * v[j, b]
                by_v[b] += by_mean * chol[a, b]
                by_e[b] += by_seen * pseudo_root[j, a, b]

    # Back: sample effects, fixed effects, random terms.
    by_residuals = transposed_times_vector(complement, by_row)
    by_means = np.empty(residuals)
    for q in range(residuals):
        one = residual_information[q]
        more = one * sigma * sigma
        by_r = by_residuals[q]
        by_own = by_r * sigma - standard[q]
        by_residual[q] = by_own / math.sqrt(1.0 + more)
        change = away[q] * one * (1.0 - more) / (1.0 + more)
        change = (change - residual[q] * one * sigma / math.sqrt(1.0 + more)) / (1.0 + more)
        by_sigma += by_r * standard[q] + by_own * change - one * sigma / (1.0 + more)
        by_means[q] = by_r - by_own * one * sigma / (1.0 + more)
    for a in range(p):
        if own[a] == 0.0:
            for i in range(n):
                by_beta[a] += x[i, a] * by_row[i]
    by_term_effect = transposed_times_vector(to_residual, by_means)
    by_term_effect += transposed_times_vector(to_beta, beta_pull)
    if outside > 0:
        by_term_effect += transposed_times_vector(to_outside, by_row)
    by_term_chol = np.zeros((n_scales, n_scales))
    by_information, by_score = np.empty(width), np.empty(width)
    place_back(
        term_standard,
        term_chol,
        term_blocks,
        term_levels,
        term_information,
        term_score,
        term_v,
        term_effect,
        by_term_effect,
        by_term_standard,
        by_term_chol,
        by_information,
        by_score,
    )
    by_sigma += pool_back(to_residual, weight, residual_pseudo, by_information, by_score, sigma)

    # Back: scales.
    if has_sample:
        slope = sd_slope(sigma, point[sigma_at], sample_scale, sample_spread)
        gradient[sigma_at] = by_sigma * slope - point[sigma_at]
    covariance_factor_back(
        sd_normal, partial, sd_scales, sd_spreads, shapes, blocks, sd, chol, by_chol, by_sd_normal, by_partial
    )
    covariance_factor_back(
        term_normal,
        term_partial,
        term_scales,
        term_spreads,
        term_shapes,
        term_blocks,
        term_sd,
        term_chol,
        by_term_chol,
        by_term_normal,
        by_term_partial,
    )
    return value


@kernel
def log_densities(points: np.ndarray, pack: np.ndarray, values: np.ndarray) -> None:
    """Write the log densities of ``points`` (m, d) into ``values`` (m,)."""
    gradient = np.empty(points.shape[1])
    for i in range(points.shape[0]):
        values[i] = log_density(points[i], pack, gradient)
