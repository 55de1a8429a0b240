"""The effects of random terms in the sampler's form: from their standardised values, and the derivatives back.

An effect with prior N(mean, d^2) and a pseudo-observation of information i and score s (information times value) is
mean + d v with v = d (s - i mean) / (1 + i d^2) + (1 + i d^2)^-1/2 standard (:mod:`bayes_mirglmm.nuts.form`).
Information and score come from the directions of the sample effects, which weigh less the larger their SD is.
"""

import math

import numpy as np

from bayes_mirglmm.kernels.compilation import kernel, summing_kernel


@summing_kernel
def pool(
    to_residual: np.ndarray,
    weight: np.ndarray,
    pseudo: np.ndarray,
    information: np.ndarray,
    score: np.ndarray,
) -> None:
    """Add what the directions of the sample effects, of information ``weight`` each, say of every term effect (w,)."""
    for q in range(to_residual.shape[0]):
        for k in range(to_residual.shape[1]):
            a = to_residual[q, k] * weight[q]
            information[k] += a * to_residual[q, k]
            score[k] += a * pseudo[q]


@summing_kernel
def pool_back(
    to_residual: np.ndarray,
    weight: np.ndarray,
    pseudo: np.ndarray,
    by_information: np.ndarray,
    by_score: np.ndarray,
    sigma: float,
) -> float:
    """Return the derivative in ``sigma`` through the weights i / (1 + i sigma^2) of :func:`pool`."""
    total = 0.0
    for q in range(to_residual.shape[0]):
        by_weight = 0.0
        for k in range(to_residual.shape[1]):
            a = to_residual[q, k]
            by_weight += a * (a * by_information[k] + pseudo[q] * by_score[k])
        total -= 2.0 * sigma * weight[q] * weight[q] * by_weight
    return total


@kernel
def place(
    standard: np.ndarray,
    chol: np.ndarray,
    blocks: np.ndarray,
    levels: np.ndarray,
    information: np.ndarray,
    score: np.ndarray,
    v: np.ndarray,
    effect: np.ndarray,
) -> float:
    """Write the effects (w,) of ``standard`` (w,), and ``v``; return their log density less constants.

    Effects stand term by term, level by level, with the effects of one level side by side. ``chol`` (C, C) is the
    Cholesky factor of their covariance, ``blocks`` (C,) the term of each of its rows, ``levels`` (T,) how many there
    are.
    """
    value = 0.0
    at = 0
    first = 0
    for t in range(levels.shape[0]):
        c = size_of(blocks, t)
        for _ in range(int(levels[t])):
            for a in range(c):
                k = at + a
                d = chol[first + a, first + a]
                mean = 0.0
                for b in range(a):
                    mean += chol[first + a, first + b] * v[at + b]
                more = information[k] * d * d
                v[k] = d * (score[k] - information[k] * mean) / (1.0 + more)
                v[k] += standard[k] / math.sqrt(1.0 + more)
                effect[k] = mean + d * v[k]
                value -= 0.5 * (v[k] * v[k] + math.log1p(more))
            at += c
        first += c
    return value


@kernel
def place_back(
    standard: np.ndarray,
    chol: np.ndarray,
    blocks: np.ndarray,
    levels: np.ndarray,
    information: np.ndarray,
    score: np.ndarray,
    v: np.ndarray,
    effect: np.ndarray,
    by_effect: np.ndarray,
    by_standard: np.ndarray,
    by_chol: np.ndarray,
    by_information: np.ndarray,
    by_score: np.ndarray,
) -> None:
    """Carry ``by_effect`` (w,) and the density of :func:`place` back; ``by_chol`` is added to, the rest written."""
    by_v = np.empty(blocks.shape[0])
    at = 0
    first = 0
    for t in range(levels.shape[0]):
        c = size_of(blocks, t)
        for _ in range(int(levels[t])):
            for a in range(c):
                by_v[a] = -v[at + a]
            for a in range(c - 1, -1, -1):
                k = at + a
                d, i = chol[first + a, first + a], information[k]
                one = 1.0 + i * d * d
                root = math.sqrt(one)
                mean = effect[k] - d * v[k]
                target = score[k] - i * mean
                by_own = by_v[a] + by_effect[k] * d
                by_standard[k] = by_own / root
                by_mean = by_effect[k] - by_own * d * i / one
                by_score[k] = by_own * d / one
                change = -mean / one - target * d * d / (one * one)
                change = change * d - 0.5 * standard[k] * d * d / (root * one)
                by_information[k] = by_own * change - 0.5 * d * d / one
                change = target * (2.0 - one) / (one * one) - standard[k] * i * d / (root * one)
                by_chol[first + a, first + a] += by_effect[k] * v[k] + by_own * change - i * d / one
                for b in range(a):
                    by_chol[first + a, first + b] += by_mean * v[at + b]
                    by_v[b] += by_mean * chol[first + a, first + b]
            at += c
        first += c


@kernel
def size_of(blocks: np.ndarray, t: int) -> int:
    """Return how many effects term ``t`` has on each level."""
    size = 0
    for a in range(blocks.shape[0]):
        if int(blocks[a]) == t:
            size += 1
    return size


@kernel
def transposed_times_vector(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the product a' b, row by row of ``a``."""
    out = np.zeros(a.shape[1])
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            out[j] += a[i, j] * b[i]
    return out
