"""The precision H = P + A'WA of the effects (v, w, g) that are integrated out: factor and solve.

H is block-diagonal in isomiRs (K x K blocks, I + L' M_j L), diagonal in independent samples (d_i), with cross terms;
g, the coefficients of further columns of the sample side (:mod:`~bayes_mirglmm.marginal.side`), are few and stay. The
larger side is eliminated; the Schur complement of the smaller one is the only matrix that is factored. Samples with a
covariance of their own are not eliminated. Sums over samples of z_i z_i' times something use the features of
:class:`~bayes_mirglmm.marginal.problem.Problem`: a matrix product for each group of samples with equal z, or for each
pair of columns of z.
"""

from typing import NamedTuple

import numpy as np

from bayes_mirglmm.kernels.compilation import kernel
from bayes_mirglmm.kernels.dense import (
    cholesky,
    log_determinant,
    solve,
    times,
    times_transposed,
    transposed_times,
)
from bayes_mirglmm.marginal.problem import Problem
from bayes_mirglmm.marginal.side import Side, gather, spread


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
    root: np.ndarray  #: isomiRs eliminated: inverse lower Cholesky factor of each block (J, K, K)
    white: np.ndarray  #: isomiRs eliminated: G, root_j zl_i at [i, (a, j)] (n, K J)
    seen: np.ndarray  #: isomiRs eliminated: M T, M the precision that the data give e (n, n + r)


@kernel
def factor(problem: Problem, chol: np.ndarray, side: Side, w: np.ndarray) -> Factor:
    """Factor H for curvature ``w`` (n, J), ``chol`` = L and the sample side."""
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
    return _eliminate_isomirs(side, w, zl, feature, sums, totals, diagonal)


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
    value = 0.0
    for i in range(n):
        value += np.log(diagonal[i])
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
        nothing,
    )


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
    size = n + side.columns.shape[1]
    schur = np.zeros((size, size))
    seen = np.empty((n, size))
    if ok:
        for i in range(n):
            for a in range(k):
                for j in range(n_isomirs):
                    total = 0.0
                    for b in range(a + 1):
                        total += root[j, a, b] * zl[i, b]
                    white[i, a * n_isomirs + j] = total
                    scaled[i, a * n_isomirs + j] = w[i, j] * total
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
    return Factor(ok, False, value, schur, totals, diagonal, zl, feature, sums, nothing, root, white, seen)


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


@kernel
def predictor(zl: np.ndarray, side: Side, v: np.ndarray, u: np.ndarray) -> np.ndarray:
    """A (v, w, g): the part of the linear predictor that is integrated out (n, J)."""
    out = times(zl, v)
    e = spread(side, u)
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] += e[i]
    return out


@kernel
def solve_precision(f: Factor, side: Side, w: np.ndarray, v: np.ndarray, u: np.ndarray) -> None:
    """Overwrite the right-hand sides ``v`` (K, J) and ``u`` (n + r,) with the solution of H (v, u) = rhs."""
    if f.over_isomirs:
        _solve_over_isomirs(f, side, w, v, u)
    else:
        _solve_over_samples(f, side, w, v, u)


@kernel
def _solve_over_isomirs(f: Factor, side: Side, w: np.ndarray, v: np.ndarray, u: np.ndarray) -> None:
    n, n_isomirs = w.shape
    k = v.shape[0]
    size = k * n_isomirs
    more = side.columns.shape[1]
    flat = np.empty(size + more)
    for i in range(n):
        u[i] /= f.diagonal[i]
    for a in range(k):
        for j in range(n_isomirs):
            flat[a * n_isomirs + j] = v[a, j]
        for i in range(n):
            c = side.sigma * f.zl[i, a] * u[i]
            for j in range(n_isomirs):
                flat[a * n_isomirs + j] -= c * w[i, j]
    for b in range(more):
        flat[size + b] = u[n + b]
    for i in range(n):
        c = side.sigma * f.totals[i] * u[i]
        for b in range(more):
            flat[size + b] -= c * side.columns[i, b]
    solve(f.schur, flat)
    for i in range(n):
        total = 0.0
        for a in range(k):
            part = 0.0
            for j in range(n_isomirs):
                part += w[i, j] * flat[a * n_isomirs + j]
            total += part * f.zl[i, a]
        shared = 0.0
        for b in range(more):
            shared += side.columns[i, b] * flat[size + b]
        u[i] -= side.sigma * (total + f.totals[i] * shared) / f.diagonal[i]
    for b in range(more):
        u[n + b] = flat[size + b]
    for a in range(k):
        for j in range(n_isomirs):
            v[a, j] = flat[a * n_isomirs + j]


@kernel
def _solve_over_samples(f: Factor, side: Side, w: np.ndarray, v: np.ndarray, u: np.ndarray) -> None:
    n, n_isomirs = w.shape
    k = v.shape[0]
    flat = np.empty(k * n_isomirs)
    for j in range(n_isomirs):
        for a in range(k):
            total = 0.0
            for b in range(a + 1):
                total += f.root[j, a, b] * v[b, j]
            flat[a * n_isomirs + j] = total
    pull = np.empty(n)
    for i in range(n):
        total = 0.0
        for a in range(k):
            for j in range(n_isomirs):
                total += f.white[i, a * n_isomirs + j] * w[i, j] * flat[a * n_isomirs + j]
        pull[i] = total
    back = gather(side, pull)
    for i in range(u.shape[0]):
        u[i] -= back[i]
    solve(f.schur, u)
    e = spread(side, u)
    for i in range(n):
        for a in range(k):
            for j in range(n_isomirs):
                flat[a * n_isomirs + j] -= e[i] * w[i, j] * f.white[i, a * n_isomirs + j]
    for j in range(n_isomirs):
        for b in range(k):
            total = 0.0
            for a in range(b, k):
                total += f.root[j, a, b] * flat[a * n_isomirs + j]
            v[b, j] = total
