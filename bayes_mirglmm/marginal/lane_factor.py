"""The factored precision H of many points in lanes; solved with in :mod:`~bayes_mirglmm.marginal.lane_solving`.

The algebra is that of :mod:`~bayes_mirglmm.marginal.precision`: the larger side is eliminated, the Schur complement of
the smaller one is factored.
"""

from typing import NamedTuple

import numpy as np

from bayes_mirglmm.kernels.compilation import kernel, spliced_kernel
from bayes_mirglmm.kernels.elementary import fast_log
from bayes_mirglmm.marginal.lanes import Lanes
from bayes_mirglmm.marginal.problem import Problem


class LaneFactor(NamedTuple):
    """H of B points. The Schur complement is over (a, j) = a * J + j and then g, or over the sample side (w, g)."""

    ok: np.ndarray  #: 1 where H is positive definite, else 0 (B,)
    over_isomirs: bool  #: True: samples eliminated; False: isomiRs eliminated
    log_determinant: np.ndarray  #: (B,)
    schur: np.ndarray  #: upper Cholesky factor of the Schur complement (m, m, B)
    totals: np.ndarray  #: sum_j W_ij (n, B)
    diagonal: np.ndarray  #: d_i = 1 + sigma^2 totals_i (n, B)
    root: np.ndarray  #: isomiRs eliminated: inverse lower Cholesky factor of each block (J, K, K, B)
    white: np.ndarray  #: isomiRs eliminated: root_j zl of each group (G, K, J, B)


@kernel
def factor_lanes(problem: Problem, lanes: Lanes, w: np.ndarray) -> LaneFactor:
    """Factor H for curvature ``w`` (n, J, B)."""
    n, n_isomirs, count = w.shape
    k = lanes.zl.shape[1]
    totals = np.zeros((n, count))
    diagonal = np.empty((n, count))
    for i in range(n):
        for j in range(n_isomirs):
            for s in range(count):
                totals[i, s] += w[i, j, s]
        for s in range(count):
            diagonal[i, s] = 1.0 + lanes.sigma[s] * lanes.sigma[s] * totals[i, s]
    grouped = problem.segment.shape[0] > 0
    feature = _squares(lanes.zl) if grouped else _features_along(problem.feature, lanes.chol)
    n_features = feature.shape[0]
    sums = np.zeros((n_features, n_isomirs, count))
    for r in range(n_features):
        for i in range(problem.segment[r] if grouped else 0, problem.segment[r + 1] if grouped else n):
            c = problem.weight[i, r]
            for j in range(n_isomirs):
                for s in range(count):
                    sums[r, j, s] += c * w[i, j, s]
    ok = np.ones(count)
    value = np.zeros(count)
    over_isomirs = k * n_isomirs <= n and problem.root.shape[0] == 0
    if over_isomirs:
        schur = _over_isomirs(problem, lanes, w, feature, sums, totals, diagonal)
        root = np.empty((0, k, k, count))
        white = np.empty((0, k, n_isomirs, count))
        _add_logs(diagonal, value)
    else:
        root = np.zeros((n_isomirs, k, k, count))
        _invert_blocks(feature, sums, root, ok, value)
        white = _whiten(lanes.zl, root)
        schur = _over_samples(lanes, w, white, totals)
    cholesky_lanes(schur, ok)
    for m in range(schur.shape[0]):
        for s in range(count):
            value[s] += 2.0 * fast_log(schur[m, m, s])
    return LaneFactor(ok, over_isomirs, value, schur, totals, diagonal, root, white)


@kernel
def cholesky_lanes(a: np.ndarray, ok: np.ndarray) -> None:
    """Overwrite the upper triangle of ``a`` (m, m, B) with U, a = U'U; 0 in ``ok`` (B,) where that cannot be.

    Four rows at a time are taken off those below, which are read and written a quarter as often.
    """
    size, _, count = a.shape
    inverse = np.empty(count)
    for k in range(size):
        for s in range(count):
            pivot = a[k, k, s]
            ok[s] = ok[s] if pivot > 0.0 else 0.0
            root = np.sqrt(pivot if pivot > 0.0 else 1.0)
            a[k, k, s] = root
            inverse[s] = 1.0 / root
        for j in range(k + 1, size):
            for s in range(count):
                a[k, j, s] *= inverse[s]
        end = min(k // 4 * 4 + 4, size)
        for i in range(k + 1, end):
            for j in range(i, size):
                for s in range(count):
                    a[i, j, s] -= a[k, i, s] * a[k, j, s]
        if k + 1 == end:
            for i in range(end, size):
                for j in range(i, size):
                    for s in range(count):
                        a[i, j, s] -= (a[k - 3, i, s] * a[k - 3, j, s] + a[k - 2, i, s] * a[k - 2, j, s]) + (
                            a[k - 1, i, s] * a[k - 1, j, s] + a[k, i, s] * a[k, j, s]
                        )


@kernel
def forward_lanes(u: np.ndarray, b: np.ndarray, first: int) -> None:
    """Overwrite ``b`` (m, B) with the solution of U' x = b; numbers before the ``first`` are 0."""
    size, count = b.shape
    for k in range(first, size):
        for s in range(count):
            b[k, s] /= u[k, k, s]
        for j in range(k + 1, size):
            for s in range(count):
                b[j, s] -= u[k, j, s] * b[k, s]


@kernel
def backward_lanes(u: np.ndarray, b: np.ndarray) -> None:
    """Overwrite ``b`` (m, B) with the solution of U x = b."""
    size, count = b.shape
    for k in range(size - 1, -1, -1):
        for j in range(k + 1, size):
            for s in range(count):
                b[k, s] -= u[k, j, s] * b[j, s]
        for s in range(count):
            b[k, s] /= u[k, k, s]


@kernel
def _squares(zl: np.ndarray) -> np.ndarray:
    """Return (z L)' z L of each group of samples (G, K, K, B), its upper triangle: L' C_r L of its feature."""
    n_groups, k, count = zl.shape
    out = np.zeros((n_groups, k, k, count))
    for g in range(n_groups):
        for a in range(k):
            for b in range(a, k):
                for s in range(count):
                    out[g, a, b, s] = zl[g, a, s] * zl[g, b, s]
    return out


@kernel
def _features_along(feature: np.ndarray, chol: np.ndarray) -> np.ndarray:
    """Return L' C_r L of every feature C_r (R, K, K), most of whose entries are 0."""
    n_features, k, _ = feature.shape
    count = chol.shape[2]
    out = np.zeros((n_features, k, k, count))
    for r in range(n_features):
        for c in range(k):
            for d in range(k):
                f = feature[r, c, d]
                if f != 0.0:
                    for a in range(c + 1):
                        for b in range(a, d + 1):
                            for s in range(count):
                                out[r, a, b, s] += f * chol[c, a, s] * chol[d, b, s]
    return out


@kernel
def _add_logs(a: np.ndarray, value: np.ndarray) -> None:
    for i in range(a.shape[0]):
        for s in range(a.shape[1]):
            value[s] += fast_log(a[i, s])


@kernel
def _invert_blocks(
    feature: np.ndarray, sums: np.ndarray, root: np.ndarray, ok: np.ndarray, value: np.ndarray
) -> None:
    """Write the inverse of the lower Cholesky factor of every isomiR's block, and add their log determinants."""
    n_isomirs, k, _, count = root.shape
    block = np.empty((k, k, count))
    for j in range(n_isomirs):
        for a in range(k):
            for b in range(a, k):
                for s in range(count):
                    block[a, b, s] = 1.0 if a == b else 0.0
                for r in range(feature.shape[0]):
                    for s in range(count):
                        block[a, b, s] += feature[r, a, b, s] * sums[r, j, s]
        cholesky_lanes(block, ok)
        for a in range(k):
            for s in range(count):
                value[s] += 2.0 * fast_log(block[a, a, s])
                root[j, a, a, s] = 1.0 / block[a, a, s]
            for b in range(a):
                for d in range(b, a):
                    for s in range(count):
                        root[j, a, b, s] -= block[d, a, s] * root[j, d, b, s]
                for s in range(count):
                    root[j, a, b, s] *= root[j, a, a, s]


@spliced_kernel
def _whiten(zl: np.ndarray, root: np.ndarray) -> np.ndarray:
    """Return root_j zl of each group (G, K, J, B)."""
    n_groups, k, count = zl.shape
    n_isomirs = root.shape[0]
    white = np.zeros((n_groups, k, n_isomirs, count))
    for g in range(n_groups):
        for a in range(k):
            for b in range(a + 1):
                for j in range(n_isomirs):
                    for s in range(count):
                        white[g, a, j, s] += root[j, a, b, s] * zl[g, b, s]
    return white


@kernel
def between_groups(white: np.ndarray, g: int, h: int, out: np.ndarray) -> None:
    """Write the products of two groups' rows, summed over columns of z, into ``out`` (J, B)."""
    _, k, n_isomirs, count = white.shape
    out[:] = 0.0
    for a in range(k):
        for j in range(n_isomirs):
            for s in range(count):
                out[j, s] += white[g, a, j, s] * white[h, a, j, s]


@kernel
def _over_samples(lanes: Lanes, w: np.ndarray, white: np.ndarray, totals: np.ndarray) -> np.ndarray:
    """Return the Schur complement over (w, g), its upper triangle (n + r, n + r, B)."""
    n, n_isomirs, count = w.shape
    more = lanes.columns.shape[1]
    n_groups = lanes.zl.shape[0]
    schur = np.zeros((n + more, n + more, count))
    between = np.empty((n_isomirs, count))
    scaled = np.empty((n_isomirs, count))
    for g in range(n_groups):
        for h in range(g, n_groups):
            between_groups(white, g, h, between)
            for m in range(lanes.group[h], lanes.group[h + 1]):
                for j in range(n_isomirs):
                    for s in range(count):
                        scaled[j, s] = w[m, j, s] * between[j, s]
                for i in range(lanes.group[g], min(lanes.group[g + 1], m + 1)):
                    for q in range(
                        n_isomirs // 4
                    ):  # four products for each time that the sum is read and written
                        j = 4 * q
                        for s in range(count):
                            schur[i, m, s] -= (
                                w[i, j, s] * scaled[j, s] + w[i, j + 1, s] * scaled[j + 1, s]
                            ) + (w[i, j + 2, s] * scaled[j + 2, s] + w[i, j + 3, s] * scaled[j + 3, s])
                    for j in range(n_isomirs // 4 * 4, n_isomirs):
                        for s in range(count):
                            schur[i, m, s] -= w[i, j, s] * scaled[j, s]
    for i in range(n):
        for s in range(count):
            schur[i, i, s] += totals[i, s]
    # So far M, the precision that the data give e; now P + T' M T.
    for i in range(n):
        for c in range(more):
            for m in range(n):
                if lanes.filled[m, c]:
                    low, high = min(i, m), max(i, m)
                    for s in range(count):
                        schur[i, n + c, s] += schur[low, high, s] * lanes.columns[m, c, s]
    for b in range(more):
        for c in range(b, more):
            for s in range(count):
                schur[n + b, n + c, s] = lanes.precision[b] if b == c else 0.0
            for i in range(n):
                if lanes.filled[i, b]:
                    for s in range(count):
                        schur[n + b, n + c, s] += lanes.columns[i, b, s] * schur[i, n + c, s]
    if lanes.root.shape[0]:
        _rotate(lanes.root, schur)
    for i in range(n):
        for m in range(i, n):
            for s in range(count):
                schur[i, m, s] *= lanes.sigma[s] * lanes.sigma[s]
        for s in range(count):
            schur[i, i, s] += 1.0
        for c in range(more):
            for s in range(count):
                schur[i, n + c, s] *= lanes.sigma[s]
    return schur


@spliced_kernel
def _rotate(root: np.ndarray, schur: np.ndarray) -> None:
    """Replace the blocks M (upper triangle) and M columns of ``schur`` by S'MS and S'M columns."""
    n = root.shape[0]
    size, _, count = schur.shape
    half = np.zeros((n, n, count))
    for i in range(n):
        for m in range(n):
            low, high = min(i, m), max(i, m)
            for d in range(n):
                c = root[m, d]
                for s in range(count):
                    half[i, d, s] += schur[low, high, s] * c
    rest = schur[:n, n:].copy()
    schur[:n] = 0.0
    for d in range(n):
        for i in range(n):
            c = root[i, d]
            for m in range(d, n):
                for s in range(count):
                    schur[d, m, s] += c * half[i, m, s]
            for m in range(size - n):
                for s in range(count):
                    schur[d, n + m, s] += c * rest[i, m, s]


@kernel
def _over_isomirs(
    problem: Problem,
    lanes: Lanes,
    w: np.ndarray,
    feature: np.ndarray,
    sums: np.ndarray,
    totals: np.ndarray,
    diagonal: np.ndarray,
) -> np.ndarray:
    """Return the Schur complement over (v, g), its upper triangle (K J + r, K J + r, B)."""
    n, n_isomirs, count = w.shape
    n_features, k = feature.shape[0], feature.shape[1]
    more = lanes.columns.shape[1]
    size = k * n_isomirs
    grouped = problem.segment.shape[0] > 0
    schur = np.zeros((size + more, size + more, count))
    cross = np.empty((n_isomirs, n_isomirs, count))
    scaled = np.empty((n_isomirs, count))
    for r in range(n_features):
        cross[:] = 0.0
        for i in range(problem.segment[r] if grouped else 0, problem.segment[r + 1] if grouped else n):
            weight = problem.weight[i, r]
            for j in range(n_isomirs):
                for s in range(count):
                    scale = lanes.sigma[s] * lanes.sigma[s] / diagonal[i, s]
                    scaled[j, s] = weight * w[i, j, s] * scale
            for j in range(n_isomirs):
                for m in range(j + 1):
                    for s in range(count):
                        cross[j, m, s] += scaled[j, s] * w[i, m, s]
        for a in range(k):
            for b in range(a, k):
                for j in range(n_isomirs):
                    for m in range(j if a == b else 0, n_isomirs):
                        row, col = a * n_isomirs + j, b * n_isomirs + m
                        low, high = min(j, m), max(j, m)
                        for s in range(count):
                            schur[row, col, s] -= feature[r, a, b, s] * cross[high, low, s]
                    row, col = a * n_isomirs + j, b * n_isomirs + j
                    for s in range(count):
                        schur[row, col, s] += feature[r, a, b, s] * sums[r, j, s]
    for row in range(size):
        for s in range(count):
            schur[row, row, s] += 1.0
    for b in range(more):
        for s in range(count):
            schur[size + b, size + b, s] = lanes.precision[b]
    load = np.empty(count)
    for g in range(lanes.zl.shape[0]):
        for i in range(lanes.group[g], lanes.group[g + 1]):
            for c in range(more):
                if not lanes.filled[i, c]:
                    continue
                for s in range(count):
                    load[s] = lanes.columns[i, c, s] / diagonal[i, s]
                for b in range(c + 1):
                    if lanes.filled[i, b]:
                        for s in range(count):
                            schur[size + b, size + c, s] += load[s] * totals[i, s] * lanes.columns[i, b, s]
                for a in range(k):
                    for j in range(n_isomirs):
                        row = a * n_isomirs + j
                        for s in range(count):
                            schur[row, size + c, s] += load[s] * lanes.zl[g, a, s] * w[i, j, s]
    return schur
