"""The log density of the sampler's form and its gradient, compiled: what NUTS calls a million times.

Reverse differentiation by hand, in the order in which the forward pass runs: scales, fixed effects, sample effects,
isomiR effects, likelihood, and back.
"""

import math

import numpy as np

from bayes_mirglmm.kernels.compilation import kernel
from bayes_mirglmm.nuts.form import HEADER
from bayes_mirglmm.nuts.likelihood import negative_binomial, poisson
from bayes_mirglmm.nuts.scales import half_normal


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
    shapes = pack[at : at + n_pairs]
    at += n_pairs
    pseudo = pack[at : at + n_isomirs * k].reshape((n_isomirs, k))
    at += n_isomirs * k
    pseudo_root = pack[at : at + n_isomirs * k * k].reshape((n_isomirs, k, k))
    at += n_isomirs * k * k
    fixed = pack[at : at + k]
    at += k
    blocks = pack[at : at + k]

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
    residual, by_residual = point[at : at + residuals], gradient[at : at + residuals]
    at += residuals
    isomir = point[at:].reshape((n_isomirs, k))
    by_isomir = gradient[at:].reshape((n_isomirs, k))

    # SDs, and the Cholesky factor of the covariance of the isomiR effects.
    sd = np.empty(k)
    chol = np.zeros((k, k))
    pair = 0
    for a in range(k):
        s = half_normal(sd_normal[a])
        sd[a] = sd_scales[a] * s
        value -= 0.5 * sd_normal[a] * sd_normal[a]
        left = sd[a]
        for b in range(a):
            if blocks[a] == blocks[b]:
                chol[a, b] = left * math.tanh(partial[pair])
                rest = 1.0 / math.cosh(partial[pair])
                left *= rest
                value += 2.0 * shapes[pair] * math.log(rest)
                pair += 1
        chol[a, a] = left
    sigma = 0.0
    if has_sample:
        sigma = sample_scale * half_normal(point[sigma_at])
        value -= 0.5 * point[sigma_at] * point[sigma_at]
    by_sigma = 0.0

    # beta + c, in the directions in which the priors of beta and c are both independent.
    for a in range(p):
        along = 0.0
        for b in range(p):
            along += to_directions[a, b] * (beta[b] - beta_mean[b])
        variance = 1.0 + sigma * sigma * spread[a]
        value -= 0.5 * (along * along / variance + math.log(variance))
        for b in range(p):
            by_beta[b] -= to_directions[a, b] * along / variance
        by_sigma += (along * along / variance - 1.0) * sigma * spread[a] / variance

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
    standard = np.empty(residuals)
    for q in range(residuals):
        more = residual_information[q] * sigma * sigma
        standard[q] = (residual_information[q] * sigma * residual_pseudo[q]) / (1.0 + more)
        standard[q] += residual[q] / math.sqrt(1.0 + more)
        value -= 0.5 * (standard[q] * standard[q] + math.log1p(more))
        for i in range(n):
            row[i] += complement[i, q] * sigma * standard[q]

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
        away = (point[theta_at] - pack[11]) / pack[12]
        value -= 0.5 * away * away
        one, by_log_theta = negative_binomial(
            row, effect, math.exp(point[theta_at]), y, z, distinct, multiplicity, by_row, by_effect
        )
        value += one
        gradient[theta_at] = by_log_theta - away / pack[12]
    else:
        value += poisson(row, effect, y, z, distinct, multiplicity, by_row, by_effect)

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

    # Back: sample effects, fixed effects.
    for q in range(residuals):
        information = residual_information[q]
        more = information * sigma * sigma
        by_r = 0.0
        for i in range(n):
            by_r += complement[i, q] * by_row[i]
        by_own = by_r * sigma - standard[q]
        by_residual[q] = by_own / math.sqrt(1.0 + more)
        change = residual_pseudo[q] * information * (1.0 - more) / (1.0 + more)
        change = (change - residual[q] * information * sigma / math.sqrt(1.0 + more)) / (1.0 + more)
        by_sigma += by_r * standard[q] + by_own * change - information * sigma / (1.0 + more)
    for a in range(p):
        if own[a] == 0.0:
            for i in range(n):
                by_beta[a] += x[i, a] * by_row[i]

    # Back: scales.
    if has_sample:
        s = sigma / sample_scale
        t = point[sigma_at]
        gradient[sigma_at] = by_sigma * sample_scale * 0.5 * math.exp(0.5 * (s * s - t * t)) - t
    pair = n_pairs
    for a in range(k - 1, -1, -1):
        by_left = by_chol[a, a]
        left = chol[a, a]
        for b in range(a - 1, -1, -1):
            if blocks[a] == blocks[b]:
                pair -= 1
                r = math.tanh(partial[pair])
                rest = 1.0 / math.cosh(partial[pair])
                left /= rest
                by_partial[pair] = rest * left * (by_chol[a, b] * rest - by_left * r) - 2.0 * shapes[pair] * r
                by_left = by_chol[a, b] * r + by_left * rest
        s = sd[a] / sd_scales[a]
        t = sd_normal[a]
        by_sd_normal[a] = by_left * sd_scales[a] * 0.5 * math.exp(0.5 * (s * s - t * t)) - t
    return value


@kernel
def log_densities(points: np.ndarray, pack: np.ndarray, values: np.ndarray) -> None:
    """Write the log densities of ``points`` (m, d) into ``values`` (m,)."""
    gradient = np.empty(points.shape[1])
    for i in range(points.shape[0]):
        values[i] = log_density(points[i], pack, gradient)
