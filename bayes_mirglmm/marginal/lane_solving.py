"""Systems of equations with the factored precision of many points in lanes."""

import numpy as np

from bayes_mirglmm.kernels.compilation import kernel, spliced_kernel
from bayes_mirglmm.marginal.lane_factor import LaneFactor, backward_lanes, forward_lanes
from bayes_mirglmm.marginal.lanes import Lanes, gather_lanes, spread_lanes


@kernel
def solve_lanes(f: LaneFactor, lanes: Lanes, w: np.ndarray, v: np.ndarray, u: np.ndarray) -> None:
    """Overwrite the right-hand sides ``v`` (K, J, B) and ``u`` (n + r, B) with the solution of H (v, u) = rhs."""
    if f.over_isomirs:
        for i in range(w.shape[0]):
            for s in range(u.shape[1]):
                u[i, s] /= f.diagonal[i, s]
        _load_isomirs(lanes, w, f.totals, v, u)
        flat = stacked(w.shape[0], v, u)
        forward_lanes(f.schur, flat, 0)
        backward_lanes(f.schur, flat)
        unstack(flat, w.shape[0], v, u)
        settle_samples(f, lanes, w, v, u)
    else:
        n_groups, k, n_isomirs, count = f.white.shape
        flat_v = np.zeros((k, n_isomirs, count))
        for a in range(k):
            for b in range(a + 1):
                for j in range(n_isomirs):
                    for s in range(count):
                        flat_v[a, j, s] += f.root[j, a, b, s] * v[b, j, s]
        pull = np.zeros((w.shape[0], count))
        line = np.empty((n_isomirs, count))
        for g in range(n_groups):
            line[:] = 0.0
            for a in range(k):
                for j in range(n_isomirs):
                    for s in range(count):
                        line[j, s] += f.white[g, a, j, s] * flat_v[a, j, s]
            for i in range(lanes.group[g], lanes.group[g + 1]):
                for j in range(n_isomirs):
                    for s in range(count):
                        pull[i, s] += line[j, s] * w[i, j, s]
        back = gather_lanes(lanes, pull)
        for i in range(u.shape[0]):
            for s in range(count):
                u[i, s] -= back[i, s]
        forward_lanes(f.schur, u, 0)
        backward_lanes(f.schur, u)
        settle_isomirs(f, lanes, w, u, flat_v, v)


@kernel
def settle_isomirs(
    f: LaneFactor, lanes: Lanes, w: np.ndarray, u: np.ndarray, flat: np.ndarray, v: np.ndarray
) -> None:
    """Write into ``v`` what the isomiRs add to root' ``flat`` (K, J, B) once the sample side is ``u``."""
    n_groups, k, n_isomirs, count = f.white.shape
    e = spread_lanes(lanes, u)
    line = np.empty((n_isomirs, count))
    for g in range(n_groups):
        line[:] = 0.0
        for i in range(lanes.group[g], lanes.group[g + 1]):
            for j in range(n_isomirs):
                for s in range(count):
                    line[j, s] += e[i, s] * w[i, j, s]
        for a in range(k):
            for j in range(n_isomirs):
                for s in range(count):
                    flat[a, j, s] -= line[j, s] * f.white[g, a, j, s]
    v[:] = 0.0
    for b in range(k):
        for a in range(b, k):
            for j in range(n_isomirs):
                for s in range(count):
                    v[b, j, s] += f.root[j, a, b, s] * flat[a, j, s]


@kernel
def settle_samples(f: LaneFactor, lanes: Lanes, w: np.ndarray, v: np.ndarray, u: np.ndarray) -> None:
    """Subtract from w in ``u`` what isomiRs ``v`` and coefficients g in ``u`` take off the sample effects."""
    n, more, count = lanes.columns.shape
    n_groups, k, _ = lanes.zl.shape
    n_isomirs = v.shape[1]
    total = np.empty(count)
    line = np.empty((n_isomirs, count))
    for g in range(n_groups):
        line[:] = 0.0
        for a in range(k):
            for j in range(n_isomirs):
                for s in range(count):
                    line[j, s] += lanes.zl[g, a, s] * v[a, j, s]
        for i in range(lanes.group[g], lanes.group[g + 1]):
            total[:] = 0.0
            for c in range(more):
                if lanes.filled[i, c]:
                    for s in range(count):
                        total[s] += lanes.columns[i, c, s] * u[n + c, s]
            for s in range(count):
                total[s] *= f.totals[i, s]
            for j in range(n_isomirs):
                for s in range(count):
                    total[s] += line[j, s] * w[i, j, s]
            for s in range(count):
                u[i, s] -= lanes.sigma[s] * total[s] / f.diagonal[i, s]


@spliced_kernel
def _load_isomirs(lanes: Lanes, w: np.ndarray, totals: np.ndarray, v: np.ndarray, u: np.ndarray) -> None:
    """Subtract from ``v`` and g in ``u`` what the samples' share of a right-hand side, over d_i, gives them."""
    n, n_isomirs, count = w.shape
    n_groups, k, _ = lanes.zl.shape
    line = np.empty((n_isomirs, count))
    share = np.empty(count)
    for g in range(n_groups):
        line[:] = 0.0
        for i in range(lanes.group[g], lanes.group[g + 1]):
            for s in range(count):
                share[s] = lanes.sigma[s] * u[i, s]
            for j in range(n_isomirs):
                for s in range(count):
                    line[j, s] += share[s] * w[i, j, s]
            for c in range(lanes.columns.shape[1]):
                if lanes.filled[i, c]:
                    for s in range(count):
                        u[n + c, s] -= share[s] * totals[i, s] * lanes.columns[i, c, s]
        for a in range(k):
            for j in range(n_isomirs):
                for s in range(count):
                    v[a, j, s] -= lanes.zl[g, a, s] * line[j, s]


@kernel
def stacked(n: int, v: np.ndarray, u: np.ndarray) -> np.ndarray:
    """Return isomiR effects ``v`` and the coefficients g in ``u`` (n + r, B) as one vector (K J + r, B)."""
    k, n_isomirs, count = v.shape
    flat = np.empty((k * n_isomirs + u.shape[0] - n, count))
    for a in range(k):
        for j in range(n_isomirs):
            for s in range(count):
                flat[a * n_isomirs + j, s] = v[a, j, s]
    for c in range(u.shape[0] - n):
        for s in range(count):
            flat[k * n_isomirs + c, s] = u[n + c, s]
    return flat


@kernel
def unstack(flat: np.ndarray, n: int, v: np.ndarray, u: np.ndarray) -> None:
    """Undo :func:`stacked`."""
    k, n_isomirs, count = v.shape
    for a in range(k):
        for j in range(n_isomirs):
            for s in range(count):
                v[a, j, s] = flat[a * n_isomirs + j, s]
    for c in range(u.shape[0] - n):
        for s in range(count):
            u[n + c, s] = flat[k * n_isomirs + c, s]
