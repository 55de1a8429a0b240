"""Variances of the linear predictors of all cells under N(0, H^-1), for many points in lanes."""

import numpy as np

from bayes_mirglmm.kernels.compilation import kernel, spliced_kernel
from bayes_mirglmm.marginal.lane_factor import LaneFactor, forward_lanes
from bayes_mirglmm.marginal.lanes import Lanes


@kernel
def leverages(f: LaneFactor, lanes: Lanes, w: np.ndarray) -> np.ndarray:
    """Return h = a' H^-1 a of every cell (n, J, B), a its row of the design."""
    h = np.empty(w.shape)
    if f.over_isomirs:
        _from_isomirs(f, lanes, w, h)
    else:
        _from_samples(f, lanes, w, h)
    return h


@kernel
def _from_samples(f: LaneFactor, lanes: Lanes, w: np.ndarray, h: np.ndarray) -> None:
    """Write h by E = T C T', C the covariance of the sample side; given e, isomiR effects are independent."""
    n, n_isomirs, count = w.shape
    n_groups, k, _, _ = f.white.shape
    e = _covariance_of_samples(f, lanes)
    load = np.empty((k, n, count))  # how far isomiR effects follow e, whitened
    along = np.empty((k, n, count))
    own = np.empty((k, k, count))
    for j in range(n_isomirs):
        for g in range(n_groups):
            for a in range(k):
                for i in range(lanes.group[g], lanes.group[g + 1]):
                    for s in range(count):
                        load[a, i, s] = f.white[g, a, j, s] * w[i, j, s]
        along[:] = 0.0
        own[:] = 0.0
        for a in range(k):
            for i in range(n):
                for q in range(n // 4):  # four products for each time that the sum is read and written
                    m = 4 * q
                    for s in range(count):
                        along[a, i, s] += (
                            load[a, m, s] * e[m, i, s] + load[a, m + 1, s] * e[m + 1, i, s]
                        ) + (load[a, m + 2, s] * e[m + 2, i, s] + load[a, m + 3, s] * e[m + 3, i, s])
                for m in range(n // 4 * 4, n):
                    for s in range(count):
                        along[a, i, s] += load[a, m, s] * e[m, i, s]
            for b in range(k):
                for i in range(n):
                    for s in range(count):
                        own[a, b, s] += along[a, i, s] * load[b, i, s]
            for s in range(count):
                own[a, a, s] += 1.0
        for g in range(n_groups):
            for i in range(lanes.group[g], lanes.group[g + 1]):
                for s in range(count):
                    h[i, j, s] = e[i, i, s]
                for a in range(k):
                    for s in range(count):
                        h[i, j, s] -= 2.0 * f.white[g, a, j, s] * along[a, i, s]
                    for b in range(k):
                        for s in range(count):
                            h[i, j, s] += f.white[g, a, j, s] * own[a, b, s] * f.white[g, b, j, s]


@spliced_kernel
def _covariance_of_samples(f: LaneFactor, lanes: Lanes) -> np.ndarray:
    """Return E (n, n, B)."""
    n, more, count = lanes.columns.shape
    dense = lanes.root.shape[0] > 0
    half = np.zeros((n, n + more, count))
    for i in range(n):
        first = 0 if dense else i
        for m in range(first, n if dense else i + 1):
            c = lanes.root[i, m] if dense else 1.0
            for s in range(count):
                half[i, m, s] = c * lanes.sigma[s]
        for c in range(more):
            half[i, n + c] = lanes.columns[i, c]
        forward_lanes(f.schur, half[i], first)
    e = np.zeros((n, n, count))
    for i in range(n):
        for m in range(i + 1):
            for c in range(0 if dense else i, n + more):
                for s in range(count):
                    e[i, m, s] += half[i, c, s] * half[m, c, s]
            e[m, i] = e[i, m]
    return e


@kernel
def _from_isomirs(f: LaneFactor, lanes: Lanes, w: np.ndarray, h: np.ndarray) -> None:
    """Write h by y = z L v + t g: a predictor is y less its sample's share of all y, plus noise."""
    _, n_isomirs, count = w.shape
    n_groups, k, _ = lanes.zl.shape
    more = lanes.columns.shape[1]
    size = k * n_isomirs
    c = _inverse(f.schur)
    within = np.empty((n_isomirs, n_isomirs, count))
    beside = np.empty((n_isomirs, count))
    to_g = np.empty(count)
    own = np.empty(count)
    with_all = np.empty((n_isomirs, count))
    both = np.empty(count)
    share = np.empty(count)
    for g in range(n_groups):
        within[:] = 0.0
        for a in range(k):
            for b in range(k):
                for s in range(count):
                    to_g[s] = lanes.zl[g, a, s] * lanes.zl[g, b, s]
                for j in range(n_isomirs):
                    for m in range(n_isomirs):
                        for s in range(count):
                            within[j, m, s] += to_g[s] * c[a * n_isomirs + j, b * n_isomirs + m, s]
        for i in range(lanes.group[g], lanes.group[g + 1]):
            beside[:] = 0.0
            own[:] = 0.0
            for d in range(more):
                if not lanes.filled[i, d]:
                    continue
                for b in range(more):
                    for s in range(count if lanes.filled[i, b] else 0):
                        own[s] += lanes.columns[i, d, s] * c[size + d, size + b, s] * lanes.columns[i, b, s]
                for a in range(k):
                    for s in range(count):
                        to_g[s] = lanes.zl[g, a, s] * lanes.columns[i, d, s]
                    for j in range(n_isomirs):
                        for s in range(count):
                            beside[j, s] += to_g[s] * c[a * n_isomirs + j, size + d, s]
            for s in range(count):
                share[s] = 0.0
                both[s] = 0.0
            for j in range(n_isomirs):
                for s in range(count):
                    share[s] += w[i, j, s] * beside[j, s]
            for j in range(n_isomirs):
                for s in range(count):
                    with_all[j, s] = share[s] + f.totals[i, s] * (beside[j, s] + own[s])
                for m in range(n_isomirs):
                    for s in range(count):
                        with_all[j, s] += w[i, m, s] * within[j, m, s]
                for s in range(count):
                    both[s] += w[i, j, s] * with_all[j, s]
            for s in range(count):
                share[s] = lanes.sigma[s] * lanes.sigma[s] / f.diagonal[i, s]
            for j in range(n_isomirs):
                for s in range(count):
                    y = within[j, j, s] + 2.0 * beside[j, s] + own[s]
                    h[i, j, s] = y + share[s] * (1.0 - 2.0 * with_all[j, s] + share[s] * both[s])


@kernel
def _inverse(u: np.ndarray) -> np.ndarray:
    """Return the inverse of U'U, full and symmetric (m, m, B)."""
    size, _, count = u.shape
    half = np.zeros((size, size, count))  # rows: solutions of U' x = unit vectors
    for i in range(size):
        half[i, i] = 1.0
        forward_lanes(u, half[i], i)
    out = np.zeros((size, size, count))
    for i in range(size):
        for m in range(i + 1):
            for c in range(i, size):
                for s in range(count):
                    out[i, m, s] += half[i, c, s] * half[m, c, s]
            out[m, i] = out[i, m]
    return out
