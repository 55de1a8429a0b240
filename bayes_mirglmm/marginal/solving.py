"""Systems of equations with the factored precision H, and A, which takes effects to the linear predictor."""

import numpy as np

from bayes_mirglmm.kernels.compilation import kernel, summing_kernel
from bayes_mirglmm.kernels.dense import solve
from bayes_mirglmm.marginal.precision import Factor
from bayes_mirglmm.marginal.side import Side, gather, spread


@kernel
def predictor(zl: np.ndarray, side: Side, v: np.ndarray, u: np.ndarray) -> np.ndarray:
    """A (v, w, g): the part of the linear predictor that is integrated out (n, J)."""
    n, n_isomirs = zl.shape[0], v.shape[1]
    out = np.empty((n, n_isomirs))
    e = spread(side, u)
    for i in range(n):
        for j in range(n_isomirs):
            out[i, j] = e[i]
        for a in range(zl.shape[1]):
            c = zl[i, a]
            for j in range(n_isomirs):
                out[i, j] += c * v[a, j]
    return out


@kernel
def solve_precision(f: Factor, side: Side, w: np.ndarray, v: np.ndarray, u: np.ndarray) -> None:
    """Overwrite the right-hand sides ``v`` (K, J) and ``u`` (n + r,) with the solution of H (v, u) = rhs."""
    if f.over_isomirs:
        _solve_over_isomirs(f, side, w, v, u)
    else:
        _solve_over_samples(f, side, w, v, u)


@summing_kernel
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


@summing_kernel
def _solve_over_samples(f: Factor, side: Side, w: np.ndarray, v: np.ndarray, u: np.ndarray) -> None:
    n, n_isomirs = w.shape
    k = v.shape[0]
    flat = np.empty(k * n_isomirs)
    for a in range(k):
        low = a * n_isomirs
        for j in range(n_isomirs):
            flat[low + j] = 0.0
        for b in range(a + 1):
            for j in range(n_isomirs):
                flat[low + j] += f.root[a, b, j] * v[b, j]
    pull = np.empty(n)
    along = np.empty(n_isomirs)
    white = f.white
    for i in range(n):
        if i == 0 or _is_other_row(f.zl, i):
            for j in range(n_isomirs):
                along[j] = white[i, j] * flat[j]
            for a in range(1, k):
                low = a * n_isomirs
                for j in range(n_isomirs):
                    along[j] += white[i, low + j] * flat[low + j]
        total = 0.0
        for j in range(n_isomirs):
            total += along[j] * w[i, j]
        pull[i] = total
    back = gather(side, pull)
    for i in range(u.shape[0]):
        u[i] -= back[i]
    solve(f.schur, u)
    e = spread(side, u)
    for j in range(n_isomirs):
        along[j] = 0.0
    for i in range(n):
        for j in range(n_isomirs):
            along[j] += e[i] * w[i, j]
        if i == n - 1 or _is_other_row(f.zl, i + 1):
            for a in range(k):
                low = a * n_isomirs
                for j in range(n_isomirs):
                    flat[low + j] -= along[j] * white[i, low + j]
            for j in range(n_isomirs):
                along[j] = 0.0
    for b in range(k):
        for j in range(n_isomirs):
            v[b, j] = 0.0
        for a in range(b, k):
            low = a * n_isomirs
            for j in range(n_isomirs):
                v[b, j] += f.root[a, b, j] * flat[low + j]


@kernel
def _is_other_row(zl: np.ndarray, i: int) -> bool:
    """Tell whether sample ``i`` has another row of z L than the one before it."""
    other = False
    for a in range(zl.shape[1]):
        other = other or zl[i, a] != zl[i - 1, a]
    return other
