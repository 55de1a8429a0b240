"""The precision H = I + A'WA of the random effects (v, w): factor, solve, and what its inverse says.

H is block-diagonal in isomiRs (K x K blocks, I + L' M_j L), diagonal in samples (d_i), with a cross term. The larger
side is eliminated; the Schur complement of the smaller one is the only matrix that is factored. Sums over samples of
z_i z_i' times something use the features of :class:`~bayes_mirglmm.marginal.problem.Problem`: a matrix product for each
group of samples with equal z, or for each pair of columns of z.
"""

from typing import NamedTuple

import numpy as np

from bayes_mirglmm.kernels.compilation import kernel
from bayes_mirglmm.kernels.dense import (
    cholesky,
    inverse,
    log_determinant,
    solve,
    times,
    times_transposed,
    transposed_times,
)
from bayes_mirglmm.marginal.problem import Problem


class Factor(NamedTuple):
    """A factored H. The Schur complement is over (a, j) = a * J + j, or over samples."""

    ok: bool
    over_isomirs: bool  #: True: samples eliminated; False: isomiRs eliminated
    log_determinant: float
    schur: np.ndarray  #: upper Cholesky factor of the Schur complement
    diagonal: np.ndarray  #: d (n,)
    zl: np.ndarray  #: z L (n, K)
    feature: np.ndarray  #: L' C_r L (R, K, K)
    sums: np.ndarray  #: m_rj = sum_i weight_ir W_ij (R, J)
    cross: np.ndarray  #: samples eliminated: sum_i weight_ir F_ij F_ij' (R, J, J)
    root: np.ndarray  #: isomiRs eliminated: inverse lower Cholesky factor of each block (J, K, K)
    white: np.ndarray  #: isomiRs eliminated: G, root_j zl_i at [i, (a, j)] (n, K J)


@kernel
def factor(problem: Problem, chol: np.ndarray, sigma: float, w: np.ndarray) -> Factor:
    """Factor H for curvature ``w`` (n, J), ``chol`` = L and ``sigma``."""
    n, n_isomirs = w.shape
    k = chol.shape[0]
    n_features = problem.feature.shape[0]
    zl = times(problem.z, chol)
    feature = np.zeros((n_features, k, k))
    for r in range(n_features):
        for a in range(k):
            for b in range(k):
                for c in range(k):
                    for d in range(k):
                        feature[r, a, b] += chol[c, a] * problem.feature[r, c, d] * chol[d, b]
    sums = transposed_times(problem.weight, w)
    diagonal = np.ones(n)
    for i in range(n):
        total = 0.0
        for j in range(n_isomirs):
            total += w[i, j]
        diagonal[i] += sigma * sigma * total
    if k * n_isomirs <= n:
        return _eliminate_samples(problem.weight, problem.segment, sigma, w, zl, feature, sums, diagonal)
    return _eliminate_isomirs(sigma, w, zl, feature, sums, diagonal)


@kernel
def _eliminate_samples(
    weight: np.ndarray,
    segment: np.ndarray,
    sigma: float,
    w: np.ndarray,
    zl: np.ndarray,
    feature: np.ndarray,
    sums: np.ndarray,
    diagonal: np.ndarray,
) -> Factor:
    n, n_isomirs = w.shape
    n_features, k, _ = feature.shape
    scaled = np.empty((n, n_isomirs))
    for i in range(n):
        c = sigma / np.sqrt(diagonal[i])
        for j in range(n_isomirs):
            scaled[i, j] = c * w[i, j]
    cross = np.empty((n_features, n_isomirs, n_isomirs))
    weighted = np.empty((n, n_isomirs))
    for r in range(n_features):
        if segment.shape[0]:
            part = scaled[segment[r] : segment[r + 1]]
            product = transposed_times(part, part)
        else:
            for i in range(n):
                for j in range(n_isomirs):
                    weighted[i, j] = scaled[i, j] * weight[i, r]
            product = transposed_times(weighted, scaled)
        for j in range(n_isomirs):
            for m in range(n_isomirs):
                cross[r, j, m] = product[j, m]
    schur = np.zeros((k * n_isomirs, k * n_isomirs))
    for a in range(k):
        for b in range(a, k):
            for r in range(n_features):
                c = feature[r, a, b]
                for j in range(n_isomirs):
                    row = a * n_isomirs + j
                    col = b * n_isomirs
                    for m in range(n_isomirs):
                        schur[row, col + m] -= c * cross[r, j, m]
                    schur[row, col + j] += c * sums[r, j]
    value = 0.0
    for i in range(n):
        value += np.log(diagonal[i])
    for row in range(k * n_isomirs):
        schur[row, row] += 1.0
    ok = cholesky(schur)
    if ok:
        value += log_determinant(schur)
    return Factor(
        ok, True, value, schur, diagonal, zl, feature, sums, cross, np.empty((0, 0, 0)), np.empty((0, 0))
    )


@kernel
def _eliminate_isomirs(
    sigma: float, w: np.ndarray, zl: np.ndarray, feature: np.ndarray, sums: np.ndarray, diagonal: np.ndarray
) -> Factor:
    n, n_isomirs = w.shape
    n_features, k, _ = feature.shape
    root = np.empty((n_isomirs, k, k))
    block = np.empty((k, k))
    value = 0.0
    ok = True
    for j in range(n_isomirs):
        for a in range(k):
            for b in range(k):
                total = 1.0 if a == b else 0.0
                for r in range(n_features):
                    total += feature[r, a, b] * sums[r, j]
                block[a, b] = total
        ok = ok and cholesky(block)
        if not ok:
            break
        value += log_determinant(block)
        # The inverse of the lower factor U', by forward substitution.
        for col in range(k):
            for a in range(k):
                total = 1.0 if a == col else 0.0
                for b in range(col, a):
                    total -= block[b, a] * root[j, b, col]
                root[j, a, col] = total / block[a, a] if a >= col else 0.0
    white = np.empty((n, k * n_isomirs))
    scaled = np.empty((n, k * n_isomirs))
    schur = np.zeros((n, n))
    if ok:
        for i in range(n):
            for a in range(k):
                for j in range(n_isomirs):
                    total = 0.0
                    for b in range(a + 1):
                        total += root[j, a, b] * zl[i, b]
                    white[i, a * n_isomirs + j] = total
                    scaled[i, a * n_isomirs + j] = sigma * w[i, j] * total
        schur = times_transposed(scaled, scaled)
        for i in range(n):
            for m in range(n):
                schur[i, m] = -schur[i, m]
            schur[i, i] += diagonal[i]
        ok = cholesky(schur)
        if ok:
            value += log_determinant(schur)
    return Factor(ok, False, value, schur, diagonal, zl, feature, sums, np.empty((0, 0, 0)), root, white)


@kernel
def predictor(zl: np.ndarray, sigma: float, v: np.ndarray, u: np.ndarray) -> np.ndarray:
    """A (v, w): the random part of the linear predictor (n, J)."""
    out = times(zl, v)
    for i in range(out.shape[0]):
        c = sigma * u[i]
        for j in range(out.shape[1]):
            out[i, j] += c
    return out


@kernel
def solve_precision(f: Factor, sigma: float, w: np.ndarray, v: np.ndarray, u: np.ndarray) -> None:
    """Overwrite the right-hand sides ``v`` (K, J) and ``u`` (n,) with the solution of H (v, u) = rhs."""
    n, n_isomirs = w.shape
    k = v.shape[0]
    flat = np.empty(k * n_isomirs)
    if f.over_isomirs:
        for i in range(n):
            u[i] /= f.diagonal[i]
        for a in range(k):
            for j in range(n_isomirs):
                flat[a * n_isomirs + j] = v[a, j]
            for i in range(n):
                c = sigma * f.zl[i, a] * u[i]
                for j in range(n_isomirs):
                    flat[a * n_isomirs + j] -= c * w[i, j]
        solve(f.schur, flat)
        for i in range(n):
            total = 0.0
            for a in range(k):
                part = 0.0
                for j in range(n_isomirs):
                    part += w[i, j] * flat[a * n_isomirs + j]
                total += part * f.zl[i, a]
            u[i] -= sigma * total / f.diagonal[i]
        for a in range(k):
            for j in range(n_isomirs):
                v[a, j] = flat[a * n_isomirs + j]
        return
    for j in range(n_isomirs):
        for a in range(k):
            total = 0.0
            for b in range(a + 1):
                total += f.root[j, a, b] * v[b, j]
            flat[a * n_isomirs + j] = total
    for i in range(n):
        total = 0.0
        for a in range(k):
            for j in range(n_isomirs):
                total += f.white[i, a * n_isomirs + j] * w[i, j] * flat[a * n_isomirs + j]
        u[i] -= sigma * total
    solve(f.schur, u)
    for i in range(n):
        c = sigma * u[i]
        for a in range(k):
            for j in range(n_isomirs):
                flat[a * n_isomirs + j] -= c * f.white[i, a * n_isomirs + j] * w[i, j]
    for j in range(n_isomirs):
        for b in range(k):
            total = 0.0
            for a in range(b, k):
                total += f.root[j, a, b] * flat[a * n_isomirs + j]
            v[b, j] = total


class Leverage(NamedTuple):
    """What the inverse of H says, in the space of b = L v and of the linear predictor."""

    h: np.ndarray  #: variance of every cell's random predictor, a_ij' H^-1 a_ij (n, J)
    by_chol: np.ndarray  #: derivative of logdet(H)/2 in L, at fixed W (K, K)
    by_sigma: float  #: and in sigma
    b_cov: np.ndarray  #: conditional covariance of b_j (J, K, K)
    u_var: np.ndarray  #: conditional variance of u_i (n,)


@kernel
def leverage(problem: Problem, f: Factor, chol: np.ndarray, sigma: float, w: np.ndarray) -> Leverage:
    """Blocks of the inverse of a factored H."""
    if f.over_isomirs:
        return _leverage_over_isomirs(problem, f, chol, sigma, w)
    return _leverage_over_samples(problem.z, f, chol, sigma, w)


@kernel
def _leverage_over_isomirs(
    problem: Problem, f: Factor, chol: np.ndarray, sigma: float, w: np.ndarray
) -> Leverage:
    n, n_isomirs = w.shape
    n_features, k, _ = f.feature.shape
    inv = inverse(f.schur)
    h = np.zeros((n, n_isomirs))  # first V z-weighted own variances, then all of h
    shared = np.zeros((n, n_isomirs))  # U_ij = sum over j' of z_i' V_jj' z_i W_ij'
    by_chol = np.zeros((k, k))
    trace = np.empty((k, k))
    for r in range(n_features):
        t = np.zeros((n_isomirs, n_isomirs))
        for a in range(k):
            for b in range(k):
                c = f.feature[r, a, b]
                total = 0.0
                for j in range(n_isomirs):
                    row = a * n_isomirs + j
                    col = b * n_isomirs
                    for m in range(n_isomirs):
                        t[j, m] += c * inv[row, col + m]
                        total -= f.cross[r, j, m] * inv[row, col + m]
                    total += f.sums[r, j] * inv[row, col + j]
                trace[a, b] = total
        for a in range(k):
            for b in range(k):
                for c in range(k):
                    for d in range(k):
                        by_chol[a, b] += problem.feature[r, a, c] * chol[c, d] * trace[d, b]
        low = problem.segment[r] if problem.segment.shape[0] else 0
        high = problem.segment[r + 1] if problem.segment.shape[0] else n
        part = times(w[low:high], t)
        for i in range(low, high):
            c = problem.weight[i, r]
            for j in range(n_isomirs):
                shared[i, j] += c * part[i - low, j]
                h[i, j] += c * t[j, j]
    u_var = np.empty(n)
    by_sigma = 0.0
    for i in range(n):
        inverse_d = 1.0 / f.diagonal[i]
        total = 0.0
        weight = 0.0
        for j in range(n_isomirs):
            total += w[i, j] * shared[i, j]
            weight += w[i, j]
        s2 = sigma * sigma * inverse_d
        u_var[i] = s2 + s2 * s2 * total
        for j in range(n_isomirs):
            h[i, j] += u_var[i] - 2.0 * s2 * shared[i, j]
        by_sigma += sigma * inverse_d * (weight * (1.0 + s2 * total) - total)
    b_cov = np.zeros((n_isomirs, k, k))
    for j in range(n_isomirs):
        for c in range(k):
            for d in range(k):
                own = inv[c * n_isomirs + j, d * n_isomirs + j]
                for a in range(k):
                    for b in range(k):
                        b_cov[j, a, b] += chol[a, c] * own * chol[b, d]
    return Leverage(h, by_chol, by_sigma, b_cov, u_var)


@kernel
def _leverage_over_samples(
    z: np.ndarray, f: Factor, chol: np.ndarray, sigma: float, w: np.ndarray
) -> Leverage:
    n, n_isomirs = w.shape
    k = chol.shape[0]
    inv = inverse(f.schur)
    scaled = np.empty((n, k * n_isomirs))
    for i in range(n):
        for a in range(k):
            for j in range(n_isomirs):
                scaled[i, a * n_isomirs + j] = sigma * w[i, j] * f.white[i, a * n_isomirs + j]
    n_white = times(inv, scaled)
    # I + E_j' S^-1 E_j of every isomiR: the inverse block in whitened coordinates
    block = np.zeros((n_isomirs, k, k))
    for i in range(n):
        for a in range(k):
            for b in range(a + 1):
                for j in range(n_isomirs):
                    block[j, a, b] += scaled[i, a * n_isomirs + j] * n_white[i, b * n_isomirs + j]
    for j in range(n_isomirs):
        for a in range(k):
            block[j, a, a] += 1.0
            for b in range(a):
                block[j, b, a] = block[j, a, b]
    h = np.empty((n, n_isomirs))
    u_var = np.empty(n)
    by_sigma = 0.0
    slope = np.zeros((n_isomirs, k, k))  # sum_i W_ij z_i (whitened r_ij)'
    for i in range(n):
        u_var[i] = sigma * sigma * inv[i, i]
        for j in range(n_isomirs):
            own = 0.0
            shared = 0.0
            for a in range(k):
                g = f.white[i, a * n_isomirs + j]
                r = 0.0
                for b in range(k):
                    r += block[j, a, b] * f.white[i, b * n_isomirs + j]
                own += g * r
                shared += g * n_white[i, a * n_isomirs + j]
                r -= sigma * n_white[i, a * n_isomirs + j]
                for b in range(k):
                    slope[j, b, a] += w[i, j] * z[i, b] * r
            h[i, j] = own - 2.0 * sigma * shared + u_var[i]
            by_sigma += w[i, j] * (sigma * inv[i, i] - shared)
    by_chol = np.zeros((k, k))
    b_cov = np.zeros((n_isomirs, k, k))
    half = np.empty((k, k))
    for j in range(n_isomirs):
        for a in range(k):
            for b in range(k):
                total = 0.0
                for c in range(k):
                    by_chol[a, b] += slope[j, a, c] * f.root[j, c, b]
                    total += f.root[j, a, c] * chol[b, c]
                half[a, b] = total
        for a in range(k):
            for b in range(k):
                for c in range(k):
                    for d in range(k):
                        b_cov[j, a, b] += half[c, a] * block[j, c, d] * half[d, b]
    return Leverage(h, by_chol, by_sigma, b_cov, u_var)
