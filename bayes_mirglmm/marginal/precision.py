"""The precision H = P + A'WA of the effects (v, w, g) that are integrated out, and its factor.

H is block-diagonal in isomiRs (K x K blocks, I + L' M_j L), diagonal in independent samples (d_i), with cross terms;
g, the coefficients of further columns of the sample side (:mod:`~bayes_mirglmm.marginal.side`), are few and stay. The
larger side is eliminated; the Schur complement of the smaller one is the only matrix that is factored. Samples with a
covariance of their own are not eliminated. Sums over samples of z_i z_i' times something use the features of
:class:`~bayes_mirglmm.marginal.problem.Problem`: a matrix product for each group of samples with equal z, or for each
pair of columns of z.
"""

from typing import NamedTuple

import numpy as np

from bayes_mirglmm.kernels.compilation import kernel, summing_kernel
from bayes_mirglmm.kernels.dense import (
    cholesky,
    log_determinant,
    times,
    times_transposed,
    transposed_times,
)
from bayes_mirglmm.kernels.elementary import fast_log
from bayes_mirglmm.marginal.problem import Problem
from bayes_mirglmm.marginal.side import Side


class Factor(NamedTuple):
    """A factored H. The Schur complement is over (a, j) = a * J + j and then g, or over the sample side (w, g)."""

    ok: bool
    over_isomirs: bool  #: True: samples eliminated; False: isomiRs eliminated
    log_determinant: float
    schur: np.ndarray  #: upper Cholesky factor of the Schur complement
    totals: np.ndarray  #: sum_j W_ij (n,)
    diagonal: np.ndarray  #: d_i = 1 + sigma^2 totals_i (n,)
    zl: np.ndarray  #: z L (n, K)
    feature: np.ndarray  #: L' C_r L (R, K, K)
    sums: np.ndarray  #: m_rj = sum_i weight_ir W_ij (R, J)
    cross: np.ndarray  #: samples eliminated: sum_i weight_ir F_ij F_ij' (R, J, J)
    root: (
        np.ndarray
    )  #: isomiRs eliminated: inverse lower Cholesky factor of each block at [a, b, j] (K, K, J)
    white: np.ndarray  #: isomiRs eliminated: G, root_j zl_i at [i, (a, j)] (n, K J)
    between: np.ndarray  #: and where samples come in groups g'g of groups r and s at [r, s, j] (R, R, J)
    seen: np.ndarray  #: isomiRs eliminated: M T, M the precision that the data give e (n, n + r)


@summing_kernel
def factor(problem: Problem, chol: np.ndarray, side: Side, w: np.ndarray) -> Factor:
    """Factor H for curvature ``w`` (n, J), ``chol`` = L and the sample side."""
    n, n_isomirs = w.shape
    k = chol.shape[0]
    zl = times_lower(problem.z, chol)
    grouped = problem.segment.shape[0] > 0
    feature = _features_along(problem.feature, chol) if not grouped else _squares(zl, problem.segment)
    sums = _weighted_sums(problem.weight, problem.segment, w)
    totals = np.empty(n)
    diagonal = np.empty(n)
    for i in range(n):
        total = 0.0
        for j in range(n_isomirs):
            total += w[i, j]
        totals[i] = total
        diagonal[i] = 1.0 + side.sigma * side.sigma * total
    if k * n_isomirs <= n and side.root.shape[0] == 0:
        return _eliminate_samples(
            problem.weight, problem.segment, side, w, zl, feature, sums, totals, diagonal
        )
    return _eliminate_isomirs(problem.segment, side, w, zl, feature, sums, totals, diagonal)


@kernel
def times_lower(z: np.ndarray, chol: np.ndarray) -> np.ndarray:
    """Matrix product z L, L lower triangular."""
    n, k = z.shape
    out = np.zeros((n, k))
    for i in range(n):
        for c in range(k):
            for b in range(c + 1):
                out[i, b] += z[i, c] * chol[c, b]
    return out


@kernel
def _features_along(feature: np.ndarray, chol: np.ndarray) -> np.ndarray:
    """Return L' C_r L of every feature C_r (R, K, K)."""
    n_features, k, _ = feature.shape
    out = np.zeros((n_features, k, k))
    half = np.empty((k, k))
    for r in range(n_features):
        for c in range(k):
            for b in range(k):
                total = 0.0
                for d in range(b, k):
                    total += feature[r, c, d] * chol[d, b]
                half[c, b] = total
        for a in range(k):
            for c in range(a, k):
                for b in range(k):
                    out[r, a, b] += chol[c, a] * half[c, b]
    return out


@kernel
def _squares(zl: np.ndarray, segment: np.ndarray) -> np.ndarray:
    """Return (z L)'(z L) of the z of every group, which are L' C_r L there (R, K, K)."""
    k = zl.shape[1]
    out = np.empty((segment.shape[0] - 1, k, k))
    for r in range(out.shape[0]):
        row = segment[r]
        for a in range(k):
            for b in range(k):
                out[r, a, b] = zl[row, a] * zl[row, b]
    return out


@kernel
def _weighted_sums(weight: np.ndarray, segment: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Return sum_i weight_ir W_ij (R, J)."""
    if segment.shape[0] == 0:
        return transposed_times(weight, w)
    n_isomirs = w.shape[1]
    sums = np.zeros((segment.shape[0] - 1, n_isomirs))
    for r in range(sums.shape[0]):
        for i in range(segment[r], segment[r + 1]):
            for j in range(n_isomirs):
                sums[r, j] += w[i, j]
    return sums


@kernel
def _eliminate_samples(
    weight: np.ndarray,
    segment: np.ndarray,
    side: Side,
    w: np.ndarray,
    zl: np.ndarray,
    feature: np.ndarray,
    sums: np.ndarray,
    totals: np.ndarray,
    diagonal: np.ndarray,
) -> Factor:
    n, n_isomirs = w.shape
    n_features, k, _ = feature.shape
    scaled = np.empty((n, n_isomirs))
    for i in range(n):
        c = side.sigma / np.sqrt(diagonal[i])
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
    size = k * n_isomirs
    more = side.columns.shape[1]
    schur = np.zeros((size + more, size + more))
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
    for row in range(size):
        schur[row, row] += 1.0
    if more:
        _border(schur, side, w, zl, totals, diagonal)
    value = _sum_of_logs(diagonal)
    ok = cholesky(schur)
    if ok:
        value += log_determinant(schur)
    nothing = np.empty((0, 0))
    return Factor(
        ok,
        True,
        value,
        schur,
        totals,
        diagonal,
        zl,
        feature,
        sums,
        cross,
        np.empty((0, 0, 0)),
        nothing,
        np.empty((0, 0, 0)),
        nothing,
    )


@summing_kernel
def _sum_of_logs(a: np.ndarray) -> float:
    value = 0.0
    for i in range(a.shape[0]):
        value += fast_log(a[i])
    return value


@kernel
def isomir_loads(w: np.ndarray, zl: np.ndarray, diagonal: np.ndarray) -> np.ndarray:
    """What a unit of e_i adds to the gradient in v_(a, j) once w_i has adapted: zl_ia W_ij / d_i (n, K J)."""
    n, n_isomirs = w.shape
    k = zl.shape[1]
    loads = np.empty((n, k * n_isomirs))
    for i in range(n):
        for a in range(k):
            c = zl[i, a] / diagonal[i]
            for j in range(n_isomirs):
                loads[i, a * n_isomirs + j] = c * w[i, j]
    return loads


@kernel
def _border(
    schur: np.ndarray,
    side: Side,
    w: np.ndarray,
    zl: np.ndarray,
    totals: np.ndarray,
    diagonal: np.ndarray,
) -> None:
    """Write the rows and columns of g."""
    n, more = side.columns.shape
    size = schur.shape[0] - more
    mixed = transposed_times(isomir_loads(w, zl, diagonal), side.columns)
    scaled = np.empty((n, more))
    for i in range(n):
        for c in range(more):
            scaled[i, c] = side.columns[i, c] * totals[i] / diagonal[i]
    own = transposed_times(scaled, side.columns)
    for row in range(size):
        for c in range(more):
            schur[row, size + c] = mixed[row, c]
    for b in range(more):
        for c in range(b, more):
            schur[size + b, size + c] = own[b, c]
        schur[size + b, size + b] += side.precision[b]


@kernel
def _eliminate_isomirs(
    segment: np.ndarray,
    side: Side,
    w: np.ndarray,
    zl: np.ndarray,
    feature: np.ndarray,
    sums: np.ndarray,
    totals: np.ndarray,
    diagonal: np.ndarray,
) -> Factor:
    n, n_isomirs = w.shape
    n_features, k, _ = feature.shape
    blocks = np.zeros((k, k, n_isomirs))
    for a in range(k):
        for b in range(a, k):
            for r in range(n_features):
                c = feature[r, a, b]
                for j in range(n_isomirs):
                    blocks[a, b, j] += c * sums[r, j]
        for j in range(n_isomirs):
            blocks[a, a, j] += 1.0
    root = np.zeros((k, k, n_isomirs))
    pivots = np.empty(k * n_isomirs)
    ok = _inverse_roots(blocks, pivots, root)
    white = np.empty((n, k * n_isomirs))
    grouped = segment.shape[0] > 0
    n_groups = n_features if grouped else 0
    between = np.empty((n_groups, n_groups, n_isomirs))
    size = n + side.columns.shape[1]
    schur = np.zeros((size, size))
    seen = np.empty((n, size))
    value = 0.0
    if ok:
        value = 2.0 * _sum_of_logs(pivots)
        if grouped:
            for r in range(n_groups):
                _whiten(root, zl, segment[r], white)
                for i in range(segment[r] + 1, segment[r + 1]):
                    for c in range(k * n_isomirs):
                        white[i, c] = white[segment[r], c]
            _between(segment, white, between)
            data = _data_of_groups(segment, between, w)
        else:
            scaled = np.empty((n, k * n_isomirs))
            for i in range(n):
                _whiten(root, zl, i, white)
                for a in range(k):
                    for j in range(n_isomirs):
                        scaled[i, a * n_isomirs + j] = w[i, j] * white[i, a * n_isomirs + j]
            data = times_transposed(scaled, scaled)
        for i in range(n):
            for m in range(n):
                data[i, m] = -data[i, m]
            data[i, i] += totals[i]
        _apply_side(data, side, seen)
        _project(seen, side, schur)
        ok = cholesky(schur)
        if ok:
            value += log_determinant(schur)
    nothing = np.empty((0, 0, 0))
    return Factor(
        ok, False, value, schur, totals, diagonal, zl, feature, sums, nothing, root, white, between, seen
    )


@kernel
def _inverse_roots(blocks: np.ndarray, pivots: np.ndarray, root: np.ndarray) -> bool:
    """Factor B_j = U_j'U_j, all j at once.

    Parameters
    ----------
    blocks : array, shape (K, K, J)
        Upper triangles of B_j, overwritten.
    pivots : array, shape (K J,)
        The diagonals of U_j are written here,
    root : array, shape (K, K, J)
        and the inverses of U_j' here, where there are zeros.

    Returns
    -------
    bool
        Whether all are positive definite.
    """
    k, _, n_isomirs = blocks.shape
    ok = True
    for c in range(k):
        for j in range(n_isomirs):
            pivot = blocks[c, c, j]
            ok = ok and pivot > 0.0
            pivots[c * n_isomirs + j] = np.sqrt(pivot)
            root[c, c, j] = 1.0 / np.sqrt(pivot)
        for b in range(c + 1, k):
            for j in range(n_isomirs):
                blocks[c, b, j] *= root[c, c, j]
        for a in range(c + 1, k):
            for b in range(a, k):
                for j in range(n_isomirs):
                    blocks[a, b, j] -= blocks[c, a, j] * blocks[c, b, j]
    for a in range(k):
        for b in range(a):
            for c in range(b, a):
                for j in range(n_isomirs):
                    root[a, b, j] -= blocks[c, a, j] * root[c, b, j]
            for j in range(n_isomirs):
                root[a, b, j] *= root[a, a, j]
    return ok


@kernel
def _whiten(root: np.ndarray, zl: np.ndarray, i: int, white: np.ndarray) -> None:
    """Write root_j zl_i of every isomiR into row ``i`` of ``white``."""
    k, _, n_isomirs = root.shape
    for a in range(k):
        low = a * n_isomirs
        for j in range(n_isomirs):
            white[i, low + j] = 0.0
        for b in range(a + 1):
            c = zl[i, b]
            for j in range(n_isomirs):
                white[i, low + j] += root[a, b, j] * c


@kernel
def _between(segment: np.ndarray, white: np.ndarray, between: np.ndarray) -> None:
    """Write the products of the groups' rows of ``white``, summed over columns of z."""
    n_groups, _, n_isomirs = between.shape
    k = white.shape[1] // n_isomirs
    for r in range(n_groups):
        for s in range(r + 1):
            one, two = segment[r], segment[s]
            for j in range(n_isomirs):
                between[r, s, j] = 0.0
            for a in range(k):
                for j in range(n_isomirs):
                    c = a * n_isomirs + j
                    between[r, s, j] += white[one, c] * white[two, c]
            for j in range(n_isomirs):
                between[s, r, j] = between[r, s, j]


@kernel
def _data_of_groups(segment: np.ndarray, between: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Return sum_j W_ij W_mj between_(r, s, j) of samples i and m in groups r and s (n, n)."""
    n, n_isomirs = w.shape
    data = np.empty((n, n))
    for r in range(between.shape[0]):
        low, high = segment[r], segment[r + 1]
        scaled = np.empty((n - low, n_isomirs))
        for s in range(r, between.shape[0]):
            for i in range(segment[s], segment[s + 1]):
                for j in range(n_isomirs):
                    scaled[i - low, j] = w[i, j] * between[r, s, j]
        part = times_transposed(w[low:high], scaled)
        for i in range(low, high):
            for m in range(low, n):
                data[i, m] = part[i - low, m - low]
                data[m, i] = part[i - low, m - low]
    return data


@kernel
def _apply_side(data: np.ndarray, side: Side, out: np.ndarray) -> None:
    """Write M T into ``out`` (n, n + r), M = ``data`` (n, n)."""
    n, more = side.columns.shape
    if side.root.shape[0]:
        product = times(data, side.root)
        for i in range(n):
            for m in range(n):
                out[i, m] = side.sigma * product[i, m]
    else:
        for i in range(n):
            for m in range(n):
                out[i, m] = side.sigma * data[i, m]
    if more:
        product = times(data, side.columns)
        for i in range(n):
            for c in range(more):
                out[i, n + c] = product[i, c]


@kernel
def _project(seen: np.ndarray, side: Side, schur: np.ndarray) -> None:
    """Write the prior precision plus T' ``seen``, seen = M T (n, n + r), into ``schur``."""
    n, more = side.columns.shape
    if side.root.shape[0]:
        product = transposed_times(side.root, seen)
        for i in range(n):
            for m in range(n + more):
                schur[i, m] = side.sigma * product[i, m]
    else:
        for i in range(n):
            for m in range(n + more):
                schur[i, m] = side.sigma * seen[i, m]
    for i in range(n):
        schur[i, i] += 1.0
    if more:
        product = transposed_times(side.columns, seen)
        for c in range(more):
            for m in range(n + more):
                schur[n + c, m] = product[c, m]
            schur[n + c, n + c] += side.precision[c]
