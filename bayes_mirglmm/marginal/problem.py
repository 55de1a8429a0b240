"""The numbers of one fit, laid out for the kernels."""

from typing import NamedTuple

import numpy as np


class Problem(NamedTuple):
    """Data and structure of one mixed model; samples are sorted so that equal rows of ``z`` are neighbours.

    Parameters are a vector ``phi`` = (beta (p), free entries of L row by row (m), sigma, log theta); sigma is
    absent without a sample effect, log theta with a Poisson likelihood.
    """

    y: np.ndarray  #: counts (n, J)
    offset: np.ndarray  #: log offset (n,)
    x: np.ndarray  #: fixed design (n, p)
    z: np.ndarray  #: random design (n, K)
    rows: np.ndarray  #: row of each free entry of L (m,)
    cols: np.ndarray  #: its column (m,)
    feature: np.ndarray  #: (R, K, K): z_i z_i' = sum over r of weight[i, r] feature[r]
    weight: np.ndarray  #: (n, R)
    segment: np.ndarray  #: (R + 1,) sample ranges where weight is an indicator of groups, else empty
    distinct: np.ndarray  #: distinct positive counts
    multiplicity: np.ndarray  #: how often each occurs
    has_sample: bool  #: a random intercept per sample
    poisson: bool  #: Poisson instead of negative binomial
    expected: bool  #: expected instead of observed curvature in the log determinant


class Layout(NamedTuple):
    """What the fits of one design share, whatever the counts; samples in the problem's order."""

    order: np.ndarray  #: the samples' original positions (n,)
    offset: np.ndarray
    x: np.ndarray
    z: np.ndarray
    rows: np.ndarray
    cols: np.ndarray
    feature: np.ndarray
    weight: np.ndarray
    segment: np.ndarray


def make_layout(offset: np.ndarray, x: np.ndarray, z: np.ndarray, blocks: np.ndarray | None = None) -> Layout:
    """Sort the samples and find the features of ``z``; arguments as in :func:`make_problem`."""
    k = z.shape[1]
    block = np.zeros(k, dtype=np.int64) if blocks is None else np.asarray(blocks, dtype=np.int64)
    rows, cols = np.tril_indices(k)
    free = block[rows] == block[cols]
    distinct_z, group = np.unique(z, axis=0, return_inverse=True)
    group = group.ravel()
    order = np.argsort(group, kind="stable")
    z = z[order]
    pairs_a, pairs_b = np.tril_indices(k)
    # Groups of samples with the same z cost one matrix product each, pairs of columns of z another one: take
    # whichever are fewer.
    if len(distinct_z) <= len(pairs_a):
        feature = distinct_z[:, :, None] * distinct_z[:, None, :]
        weight = (group[order][:, None] == np.arange(len(distinct_z))).astype(float)
        segment = np.concatenate([[0], np.cumsum(np.bincount(group))])
    else:
        feature = np.zeros((len(pairs_a), k, k))
        feature[np.arange(len(pairs_a)), pairs_a, pairs_b] = 1.0
        feature[np.arange(len(pairs_a)), pairs_b, pairs_a] = 1.0
        weight = z[:, pairs_a] * z[:, pairs_b]
        segment = np.zeros(0)
    return Layout(
        order=order,
        offset=np.ascontiguousarray(offset, dtype=float)[order],
        x=np.ascontiguousarray(np.asarray(x, dtype=float)[order]),
        z=np.ascontiguousarray(z, dtype=float),
        rows=rows[free].astype(np.int64),
        cols=cols[free].astype(np.int64),
        feature=np.ascontiguousarray(feature, dtype=float),
        weight=np.ascontiguousarray(weight, dtype=float),
        segment=segment.astype(np.int64),
    )


def place_counts(
    y: np.ndarray,
    layout: Layout,
    *,
    has_sample: bool = True,
    poisson: bool = False,
    expected: bool = False,
) -> Problem:
    """Make the problem of one miRNA from its counts (n, J) in the caller's order of samples."""
    counts = np.asarray(y, dtype=float)[layout.order]
    distinct, multiplicity = np.unique(counts[counts > 0], return_counts=True)
    return Problem(
        np.ascontiguousarray(counts),
        *layout[1:],
        distinct=distinct,
        multiplicity=multiplicity.astype(float),
        has_sample=bool(has_sample),
        poisson=bool(poisson),
        expected=bool(expected),
    )


def make_problem(
    y: np.ndarray,
    offset: np.ndarray,
    x: np.ndarray,
    z: np.ndarray,
    blocks: np.ndarray | None = None,
    *,
    has_sample: bool = True,
    poisson: bool = False,
    expected: bool = False,
) -> tuple[Problem, np.ndarray]:
    """Lay out one fit.

    Parameters
    ----------
    y : array, shape (n, J)
        Counts.
    offset : array, shape (n,)
    x : array, shape (n, p)
    z : array, shape (n, K)
    blocks : int array, shape (K,), optional
        Columns of ``z`` with the same number share a covariance block; one block when omitted.
    has_sample, poisson, expected : bool
        See :class:`Problem`.

    Returns
    -------
    Problem
    order : int array, shape (n,)
        The samples' original positions in the problem's order.
    """
    layout = make_layout(offset, x, z, blocks)
    return place_counts(y, layout, has_sample=has_sample, poisson=poisson, expected=expected), layout.order


def n_parameters(problem: Problem) -> int:
    """Length of ``phi``."""
    return problem.x.shape[1] + len(problem.rows) + int(problem.has_sample) + int(not problem.poisson)


def cholesky_of(problem: Problem, phi: np.ndarray) -> np.ndarray:
    """L (K, K) of ``phi``."""
    k, p = problem.z.shape[1], problem.x.shape[1]
    chol = np.zeros((k, k))
    chol[problem.rows, problem.cols] = phi[p : p + len(problem.rows)]
    return chol


def sigma_of(problem: Problem, phi: np.ndarray) -> float:
    """Sigma of ``phi``; 0 without a sample effect."""
    return float(phi[problem.x.shape[1] + len(problem.rows)]) if problem.has_sample else 0.0
