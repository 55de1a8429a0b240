"""The numbers of one fit, laid out for the kernels."""

from typing import Any, NamedTuple

import numpy as np

from bayes_mirglmm.kernels.compilation import interpreted, kernel
from bayes_mirglmm.kernels.covariance import symmetric_root

#: More free entries of L than this are started from the isomiRs' own regressions together, and their curvature from
#: the information that these have, not from differences.
MANY_ENTRIES = 6


class Problem(NamedTuple):
    """Data and structure of one mixed model; samples are sorted so that equal rows of ``z`` are neighbours.

    Parameters are a vector ``phi`` = (beta (p), free entries of L row by row (m), entries of the random terms (t),
    sigma, log theta); beta is absent where it is integrated out, sigma without a sample effect, log theta with a
    Poisson likelihood (:func:`parameter_layout`).
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
    levels: np.ndarray  #: level of every sample in the grouping of each entry of the random terms (t, n)
    entries: np.ndarray  #: what each entry multiplies there (t, n)
    starts: np.ndarray  #: first of the levels that the entry multiplies, among those of all terms (t,)
    targets: (
        np.ndarray
    )  #: and first of those whose effect it adds to: where L_t w_t stands, w_t being at starts (t,)
    width: int  #: number of all levels of the random terms
    root: np.ndarray  #: S (n, n), the samples' covariance is S S'; no rows for the identity
    precision: np.ndarray  #: prior precision of beta, where it is integrated out (p,)
    distinct: np.ndarray  #: distinct positive counts
    multiplicity: np.ndarray  #: how often each occurs
    has_sample: bool  #: a random intercept per sample
    poisson: bool  #: Poisson instead of negative binomial
    expected: bool  #: expected instead of observed curvature in the log determinant
    inner: bool  #: beta is integrated out with the random effects (restricted likelihood where its prior is flat)


class ParameterLayout(NamedTuple):
    """Where each kind of parameter starts in ``phi``."""

    beta: int
    chol: int
    terms: int
    sigma: int
    theta: int
    size: int


@kernel
def parameter_layout(problem: Problem) -> ParameterLayout:
    """Return the places of the parameters of ``problem`` in its vector ``phi``."""
    chol = 0 if problem.inner else problem.x.shape[1]
    terms = chol + problem.rows.shape[0]
    sigma = terms + problem.starts.shape[0]
    theta = sigma + (1 if problem.has_sample else 0)
    return ParameterLayout(0, chol, terms, sigma, theta, theta + (0 if problem.poisson else 1))


#: The same in Python.
places = interpreted(parameter_layout)


class Terms(NamedTuple):
    """Random terms of the samples, ``(1 | patient)`` or ``(x | patient)``, as arrays.

    Term t has ``columns`` x_1..x_c (n, c) and the covariance L_t L_t' of its c effects in each level of ``levels``;
    sample i gets sum_ab x_ia L_t[a, b] w_t[b, level_i].
    """

    columns: tuple[np.ndarray, ...]  #: of each term (n, c)
    levels: tuple[np.ndarray, ...]  #: of each term (n,), numbered from 0


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
    levels: np.ndarray
    entries: np.ndarray
    starts: np.ndarray
    targets: np.ndarray
    width: int
    root: np.ndarray


def make_layout(
    offset: np.ndarray,
    x: np.ndarray,
    z: np.ndarray,
    blocks: np.ndarray | None = None,
    terms: Terms | None = None,
    sample_covariance: np.ndarray | None = None,
) -> Layout:
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
        **_term_entries(terms, order),
        root=np.empty((0, 0))
        if sample_covariance is None
        else symmetric_root(np.asarray(sample_covariance)[np.ix_(order, order)]),
    )


def term_entries(columns: np.ndarray) -> list[tuple[int, int]]:
    """Return the (row, column) of each free entry of L_t of a term with these ``columns`` (n, c)."""
    return [(a, b) for a in range(columns.shape[1]) for b in range(a + 1)]


def _term_entries(terms: Terms | None, order: np.ndarray) -> dict[str, Any]:
    n = len(order)
    levels, entries, starts, targets, width = [], [], [], [], 0
    for columns, level in zip(terms.columns, terms.levels, strict=True) if terms is not None else ():
        size = int(level.max()) + 1
        for a, b in term_entries(columns):
            levels.append(level[order])
            entries.append(columns[order, a])
            starts.append(width + b * size)
            targets.append(width + a * size)
        width += columns.shape[1] * size
    return {
        "levels": np.array(levels, dtype=np.int64).reshape(-1, n),
        "entries": np.array(entries, dtype=float).reshape(-1, n),
        "starts": np.array(starts, dtype=np.int64),
        "targets": np.array(targets, dtype=np.int64),
        "width": width,
    }


def place_counts(
    y: np.ndarray,
    layout: Layout,
    *,
    has_sample: bool = True,
    poisson: bool = False,
    expected: bool = False,
    precision: np.ndarray | None = None,
) -> Problem:
    """Make the problem of one miRNA from its counts (n, J) in the caller's order of samples."""
    counts = np.ascontiguousarray(np.asarray(y, dtype=float)[layout.order])
    distinct, multiplicity = _distinct(counts)
    return Problem(
        counts,
        *layout[1:],
        precision=np.zeros(layout.x.shape[1]) if precision is None else np.asarray(precision, dtype=float),
        distinct=distinct,
        multiplicity=multiplicity,
        has_sample=bool(has_sample),
        poisson=bool(poisson),
        expected=bool(expected),
        inner=precision is not None,
    )


def _distinct(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the distinct positive counts in ascending order, and how often each occurs."""
    ordered = np.sort(counts, axis=None)
    ordered = ordered[ordered.searchsorted(0.0, side="right") :]
    is_edge = np.ones(len(ordered) + 1, dtype=bool)
    np.not_equal(ordered[1:], ordered[:-1], out=is_edge[1:-1])
    edges = is_edge.nonzero()[0]
    return ordered[edges[:-1]], (edges[1:] - edges[:-1]).astype(float)


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
    precision: np.ndarray | None = None,
    terms: Terms | None = None,
    sample_covariance: np.ndarray | None = None,
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
    precision : array, shape (p,), optional
        Integrates beta out under a normal prior with mean 0 and this precision; 0 is a flat prior, whose integral is
        the restricted likelihood. Otherwise beta is a parameter.
    terms : Terms, optional
        Random terms of the samples.
    sample_covariance : array, shape (n, n), optional
        Sigma, the covariance of the sample effects up to sigma^2; the identity when omitted.

    Returns
    -------
    Problem
    order : int array, shape (n,)
        The samples' original positions in the problem's order.
    """
    layout = make_layout(offset, x, z, blocks, terms, sample_covariance)
    problem = place_counts(
        y, layout, has_sample=has_sample, poisson=poisson, expected=expected, precision=precision
    )
    return problem, layout.order


def n_parameters(problem: Problem) -> int:
    """Length of ``phi``."""
    return places(problem).size


def n_side(problem: Problem) -> int:
    """Length of the effects ``u`` of the sample side: n sample effects, then what :class:`Side` has in columns."""
    return len(problem.y) + (problem.x.shape[1] if problem.inner else 0) + problem.width


def sample_effects(problem: Problem, w: np.ndarray) -> np.ndarray:
    """S w on the last axis of ``w`` (..., n): the sample effects over sigma."""
    return w @ problem.root.T if len(problem.root) else w
