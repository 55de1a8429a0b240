"""What the inverse of H says: variances of predictors, derivatives of the log determinant, conditional covariances."""

from typing import NamedTuple

import numpy as np

from bayes_mirglmm.kernels.compilation import kernel, summing_kernel
from bayes_mirglmm.kernels.dense import inverse, overwrite, times, times_transposed, transposed_times
from bayes_mirglmm.marginal.precision import Factor, isomir_loads
from bayes_mirglmm.marginal.problem import Problem
from bayes_mirglmm.marginal.side import Side


class Leverage(NamedTuple):
    """Blocks of the inverse of H, in the space of b = L v and of the linear predictor."""

    h: np.ndarray  #: variance of every cell's predictor, a_ij' H^-1 a_ij (n, J)
    by_chol: np.ndarray  #: derivative of logdet(H)/2 in L, at fixed W (K, K)
    by_sigma: float  #: in sigma
    by_terms: np.ndarray  #: and in the entries of the random terms (t,)
    b_cov: np.ndarray  #: conditional covariance of b_j (J, K, K)
    u_var: np.ndarray  #: conditional variance of u_i = sigma (S w)_i (n,)
    g_cov: np.ndarray  #: conditional covariance of g (r, r)
    gb_cov: np.ndarray  #: conditional covariance of g and b_j (J, r, K)


@kernel
def leverage(
    problem: Problem, f: Factor, chol: np.ndarray, side: Side, w: np.ndarray, complete: bool
) -> Leverage:
    """Blocks of the inverse of a factored H; without those of b, which the gradient needs not, unless ``complete``."""
    if f.over_isomirs:
        return _leverage_over_isomirs(problem, f, chol, side, w, complete)
    return _leverage_over_samples(problem, f, chol, side, w, complete)


@summing_kernel
def _leverage_over_isomirs(
    problem: Problem, f: Factor, chol: np.ndarray, side: Side, w: np.ndarray, complete: bool
) -> Leverage:
    n, n_isomirs = w.shape
    n_features, k, _ = f.feature.shape
    more = side.columns.shape[1]
    sigma = side.sigma
    inv = inverse(f.schur)
    h = np.zeros((n, n_isomirs))  # first V z-weighted own variances, then all of h
    shared = np.zeros(
        (n, n_isomirs)
    )  # U_ij = sum over j' of Cov(xi_ij, xi_ij') W_ij', xi the predictor without w
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
    by_terms = np.zeros(problem.starts.shape[0])
    if more:
        _further_columns(problem, f, side, w, inv, h, shared, by_chol, by_terms)
    u_var = np.empty(n)
    by_sigma = 0.0
    for i in range(n):
        inverse_d = 1.0 / f.diagonal[i]
        total = 0.0
        for j in range(n_isomirs):
            total += w[i, j] * shared[i, j]
        weight = f.totals[i]
        s2 = sigma * sigma * inverse_d
        u_var[i] = s2 + s2 * s2 * total
        for j in range(n_isomirs):
            h[i, j] += u_var[i] - 2.0 * s2 * shared[i, j]
        by_sigma += sigma * inverse_d * (weight * (1.0 + s2 * total) - total)
    b_cov = np.zeros((n_isomirs, k, k))
    gb_cov = np.zeros((n_isomirs, more, k))
    size = k * n_isomirs
    for j in range(n_isomirs if complete else 0):
        for c in range(k):
            for d in range(k):
                own = inv[c * n_isomirs + j, d * n_isomirs + j]
                for a in range(k):
                    for b in range(k):
                        b_cov[j, a, b] += chol[a, c] * own * chol[b, d]
            for e in range(more):
                for a in range(k):
                    gb_cov[j, e, a] += inv[size + e, c * n_isomirs + j] * chol[a, c]
    return Leverage(h, by_chol, by_sigma, by_terms, b_cov, u_var, inv[size:, size:].copy(), gb_cov)


@summing_kernel
def _further_columns(
    problem: Problem,
    f: Factor,
    side: Side,
    w: np.ndarray,
    inv: np.ndarray,
    h: np.ndarray,
    shared: np.ndarray,
    by_chol: np.ndarray,
    by_terms: np.ndarray,
) -> None:
    """Add what the uncertainty of g contributes, samples eliminated."""
    n, n_isomirs = w.shape
    k = f.zl.shape[1]
    more = side.columns.shape[1]
    size = k * n_isomirs
    with_v = times(side.columns, inv[size:, :size].copy())  # Cov of columns g and v (n, K J)
    own = times(side.columns, inv[size:, size:].copy())  # Cov of columns g and g (n, r)
    mixed = np.empty(n_isomirs)
    for i in range(n):
        variance = 0.0
        for c in range(more):
            variance += own[i, c] * side.columns[i, c]
        weighted = 0.0
        for j in range(n_isomirs):
            total = 0.0
            for a in range(k):
                total += f.zl[i, a] * with_v[i, a * n_isomirs + j]
            mixed[j] = total
            weighted += total * w[i, j]
        for j in range(n_isomirs):
            h[i, j] += 2.0 * mixed[j] + variance
            shared[i, j] += f.totals[i] * (mixed[j] + variance) + weighted
        for a in range(k):
            for b in range(k):
                total = 0.0
                for j in range(n_isomirs):
                    total += w[i, j] * with_v[i, b * n_isomirs + j]
                by_chol[a, b] += problem.z[i, a] * total / f.diagonal[i]
    if by_terms.shape[0]:
        inner = more - problem.width
        felt = times(isomir_loads(w, f.zl, f.diagonal), inv[:size, size:].copy())
        for e in range(by_terms.shape[0]):
            for i in range(n):
                c = inner + problem.starts[e] + problem.levels[e, i]
                by_terms[e] += problem.entries[e, i] * (felt[i, c] + f.totals[i] / f.diagonal[i] * own[i, c])


@summing_kernel
def _leverage_over_samples(
    problem: Problem, f: Factor, chol: np.ndarray, side: Side, w: np.ndarray, complete: bool
) -> Leverage:
    n, n_isomirs = w.shape
    k = chol.shape[0]
    more = side.columns.shape[1]
    inv = inverse(f.schur)
    plain = not more and side.root.shape[0] == 0
    spread_inv = inv if plain else _times_side(side, inv)  # T V (n, n + r)
    e_cov = _side_covariance(side, spread_inv, plain)  # Cov(e) (n, n)
    h = np.empty((n, n_isomirs))
    # I + E_j' Cov(e) E_j of every isomiR, the inverse block in whitened coordinates, at [a, b, j]
    block = np.empty((k, k, n_isomirs))
    slope = np.zeros((k, k, n_isomirs))  # sum_i W_ij z_i (whitened r_ij)'
    if f.between.shape[0]:
        _through_groups(problem, f, e_cov, w, h, block, slope)
    else:
        _through_samples(problem, f, e_cov, w, h, block, slope)
    by_chol = np.zeros((k, k))
    for a in range(k):
        for b in range(k):
            for c in range(b, k):
                for j in range(n_isomirs):
                    by_chol[a, b] += slope[a, c, j] * f.root[c, b, j]
    b_cov = np.zeros((n_isomirs, k, k))
    if complete:
        _isomir_covariances(f.root, block, chol, b_cov)
    gb_cov = np.zeros((n_isomirs, more, k))
    if more and complete:
        weighted = np.empty((n, k * n_isomirs))
        for i in range(n):
            for a in range(k):
                for j in range(n_isomirs):
                    weighted[i, a * n_isomirs + j] = w[i, j] * f.white[i, a * n_isomirs + j]
        mixed = transposed_times(spread_inv[:, n:].copy(), weighted)  # minus Cov(g, v) before root' (r, K J)
        for j in range(n_isomirs):
            for e in range(more):
                for a in range(k):
                    total = 0.0
                    for c in range(k):
                        for b in range(c + 1):
                            total -= mixed[e, c * n_isomirs + j] * f.root[c, b, j] * chol[a, b]
                    gb_cov[j, e, a] = total
    return Leverage(
        h,
        by_chol,
        _by_sigma(side, f.seen, inv),
        _by_terms(problem, f.seen, inv),
        b_cov,
        _sample_variances(side, inv),
        inv[n:, n:].copy(),
        gb_cov,
    )


@kernel
def _isomir_covariances(root: np.ndarray, block: np.ndarray, chol: np.ndarray, b_cov: np.ndarray) -> None:
    """Write L R_j' B_j R_j L', with R_j = ``root`` and B_j = ``block`` (K, K, J), into ``b_cov`` (J, K, K)."""
    k, _, n_isomirs = block.shape
    half = np.empty((k, k))
    for j in range(n_isomirs):
        for a in range(k):
            for b in range(k):
                half[a, b] = 0.0
                for c in range(a + 1):
                    half[a, b] += root[a, c, j] * chol[b, c]
        for c in range(k):
            for b in range(k):
                total = 0.0
                for d in range(k):
                    total += block[c, d, j] * half[d, b]
                for a in range(k):
                    b_cov[j, a, b] += half[c, a] * total


@kernel
def _through_samples(
    problem: Problem,
    f: Factor,
    e_cov: np.ndarray,
    w: np.ndarray,
    h: np.ndarray,
    block: np.ndarray,
    slope: np.ndarray,
) -> None:
    """Write ``h`` and ``block`` and add to ``slope``, going through all samples."""
    n, n_isomirs = w.shape
    k = block.shape[0]
    white, z = f.white, problem.z
    weighted = np.empty((n, k * n_isomirs))
    for i in range(n):
        for a in range(k):
            for j in range(n_isomirs):
                weighted[i, a * n_isomirs + j] = w[i, j] * white[i, a * n_isomirs + j]
    e_white = times(e_cov, weighted)
    for a in range(k):
        for b in range(a + 1):
            for j in range(n_isomirs):
                block[a, b, j] = 1.0 if a == b else 0.0
            for i in range(n):
                for j in range(n_isomirs):
                    block[a, b, j] += weighted[i, a * n_isomirs + j] * e_white[i, b * n_isomirs + j]
            for j in range(n_isomirs):
                block[b, a, j] = block[a, b, j]
    r = np.empty(n_isomirs)
    for i in range(n):
        for j in range(n_isomirs):
            h[i, j] = e_cov[i, i]
        for a in range(k):
            low = a * n_isomirs
            for j in range(n_isomirs):
                r[j] = 0.0
            for b in range(k):
                for j in range(n_isomirs):
                    r[j] += block[a, b, j] * white[i, b * n_isomirs + j]
            for j in range(n_isomirs):
                h[i, j] += white[i, low + j] * (r[j] - 2.0 * e_white[i, low + j])
                r[j] = w[i, j] * (r[j] - e_white[i, low + j])
            for b in range(k):
                c = z[i, b]
                for j in range(n_isomirs):
                    slope[b, a, j] += c * r[j]


@kernel
def _through_groups(
    problem: Problem,
    f: Factor,
    e_cov: np.ndarray,
    w: np.ndarray,
    h: np.ndarray,
    block: np.ndarray,
    slope: np.ndarray,
) -> None:
    """Write ``h`` and ``block`` and add to ``slope`` as :func:`_through_samples`, with sums over groups of equal z."""
    n, n_isomirs = w.shape
    k = block.shape[0]
    segment, white, between, z, sums = problem.segment, f.white, f.between, problem.z, f.sums
    n_groups = between.shape[0]
    felt = np.empty((n_groups, n, n_isomirs))  # Cov(e) of group s with all, weighted by W
    for s in range(n_groups):
        low, high = segment[s], segment[s + 1]
        overwrite(felt[s], transposed_times(e_cov[low:high], w[low:high]))
    pair = np.zeros((n_groups, n_groups, n_isomirs))  # and with group r: sum of W_ij Cov(e_i, e_m) W_mj
    for r in range(n_groups):
        for s in range(r + 1):
            for i in range(segment[r], segment[r + 1]):
                for j in range(n_isomirs):
                    pair[r, s, j] += w[i, j] * felt[s, i, j]
            for j in range(n_isomirs):
                pair[s, r, j] = pair[r, s, j]
    half = np.empty((k, n_isomirs))
    own = np.empty((n_groups, k, n_isomirs))  # sum over groups s of pair g_s
    for a in range(k):
        for b in range(k):
            for j in range(n_isomirs):
                block[a, b, j] = 1.0 if a == b else 0.0
    for r in range(n_groups):
        first = segment[r]
        for a in range(k):
            for j in range(n_isomirs):
                half[a, j] = 0.0
        for s in range(n_groups):
            other = segment[s]
            for a in range(k):
                for j in range(n_isomirs):
                    half[a, j] += pair[r, s, j] * white[other, a * n_isomirs + j]
        for a in range(k):
            for j in range(n_isomirs):
                own[r, a, j] = half[a, j]
            for b in range(a + 1):
                for j in range(n_isomirs):
                    block[a, b, j] += half[a, j] * white[first, b * n_isomirs + j]
    for a in range(k):
        for b in range(a):
            for j in range(n_isomirs):
                block[b, a, j] = block[a, b, j]
    level = np.empty(n_isomirs)
    rest = np.empty(n_isomirs)
    for r in range(n_groups):
        first = segment[r]
        for j in range(n_isomirs):
            level[j] = 0.0
        for a in range(k):
            low = a * n_isomirs
            for j in range(n_isomirs):
                rest[j] = 0.0
            for b in range(k):
                for j in range(n_isomirs):
                    rest[j] += block[a, b, j] * white[first, b * n_isomirs + j]
            for j in range(n_isomirs):
                level[j] += white[first, low + j] * rest[j]
                rest[j] = sums[r, j] * rest[j] - own[r, a, j]
            for b in range(k):
                c = z[first, b]
                if c != 0.0:  # of many groups most columns are
                    for j in range(n_isomirs):
                        slope[b, a, j] += c * rest[j]
        for i in range(first, segment[r + 1]):
            for j in range(n_isomirs):
                h[i, j] = level[j] + e_cov[i, i]
            for s in range(n_groups):
                for j in range(n_isomirs):
                    h[i, j] -= 2.0 * between[r, s, j] * felt[s, i, j]


@kernel
def _times_side(side: Side, inv: np.ndarray) -> np.ndarray:
    """T V (n, n + r)."""
    n, more = side.columns.shape
    out = np.empty((n, n + more))
    if side.root.shape[0]:
        product = times(side.root, inv[:n].copy())
        for i in range(n):
            for m in range(n + more):
                out[i, m] = side.sigma * product[i, m]
    else:
        for i in range(n):
            for m in range(n + more):
                out[i, m] = side.sigma * inv[i, m]
    if more:
        product = times(side.columns, inv[n:].copy())
        for i in range(n):
            for m in range(n + more):
                out[i, m] += product[i, m]
    return out


@kernel
def _side_covariance(side: Side, spread_inv: np.ndarray, plain: bool) -> np.ndarray:
    """T V T' (n, n) from T V; ``plain``, T = sigma I, from V."""
    n, more = side.columns.shape
    if plain:
        return spread_inv * (side.sigma * side.sigma)
    if side.root.shape[0]:
        out = times_transposed(spread_inv[:, :n].copy(), side.root)
        for i in range(n):
            for m in range(n):
                out[i, m] *= side.sigma
    else:
        out = np.empty((n, n))
        for i in range(n):
            for m in range(n):
                out[i, m] = side.sigma * spread_inv[i, m]
    if more:
        product = times_transposed(spread_inv[:, n:].copy(), side.columns)
        for i in range(n):
            for m in range(n):
                out[i, m] += product[i, m]
    return out


@summing_kernel
def _by_sigma(side: Side, seen: np.ndarray, inv: np.ndarray) -> float:
    """Trace of (dT/d sigma) V T' M, from ``seen`` = M T."""
    n = seen.shape[0]
    felt = transposed_times(side.root, seen) if side.root.shape[0] else seen
    total = 0.0
    for i in range(n):
        for m in range(seen.shape[1]):
            total += inv[i, m] * felt[i, m]
    return total


@summing_kernel
def _by_terms(problem: Problem, seen: np.ndarray, inv: np.ndarray) -> np.ndarray:
    """Trace of (dT/d entry) V T' M of every entry of the random terms."""
    n, size = seen.shape
    out = np.zeros(problem.starts.shape[0])
    for e in range(out.shape[0]):
        for i in range(n):
            row = size - problem.width + problem.starts[e] + problem.levels[e, i]
            total = 0.0
            for m in range(size):
                total += inv[row, m] * seen[i, m]
            out[e] += problem.entries[e, i] * total
    return out


@summing_kernel
def _sample_variances(side: Side, inv: np.ndarray) -> np.ndarray:
    """Conditional variance of sigma (S w)_i (n,)."""
    n = side.columns.shape[0]
    out = np.empty(n)
    for i in range(n):
        total = inv[i, i]
        if side.root.shape[0]:
            total = 0.0
            for a in range(n):
                for b in range(n):
                    total += side.root[i, a] * inv[a, b] * side.root[i, b]
        out[i] = side.sigma * side.sigma * total
    return out
