"""From weighted points of the outer parameters to draws of everything."""

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from bayes_mirglmm.interruption import stop_point
from bayes_mirglmm.marginal import Problem, draw_effects
from bayes_mirglmm.nested.importance import ImportanceSample
from bayes_mirglmm.nested.strata import Placement, mixture_margin, place_draws, rake, thin, weighted_margin
from bayes_mirglmm.nested.target import Inner

CANDIDATES = 4  # at least, from which one draw is kept
MOST_FOCUS = 4  # with their differences ten margins, of 31 cuts each


class Drawn(NamedTuple):
    """Weighted draws in the problem's order of samples and the prior's units."""

    weights: np.ndarray  #: sum 1 (D,)
    phi: np.ndarray  #: outer parameters (D, q)
    b: np.ndarray  #: isomiR effects (D, J, K)
    u: (
        np.ndarray
    )  #: effects of the sample side: samples, fixed effects less their prior means, random terms (D, n + r)


def draw(
    problem: Problem,
    sample: ImportanceSample,
    inner: Inner,
    focus: Sequence[int],
    count: int,
    rng: np.random.Generator,
) -> Drawn:
    """Draw ``count`` times from the posterior, the fixed effects ``focus`` most evenly.

    Parameters
    ----------
    problem : Problem
        Its fixed effects are integrated out.
    sample : ImportanceSample
        Points of the outer parameters.
    inner : Inner
        What is integrated out, at each.
    focus : sequence of int
        In the prior's units, so that neither the origin nor the unit of a covariate matters.
    count : int
    rng : numpy.random.Generator
    """
    stop_point()
    n, p = problem.x.shape
    weights = sample.weights
    seen = weights > 0.0
    mean, root = inner.u[:, n : n + p], inner.fixed_root
    rows = _combinations(p, focus[:MOST_FOCUS])
    means = mean @ rows.T
    roots = np.einsum("cp,npr->ncr", rows, root)
    with np.errstate(all="ignore"):  # a point without a mode has no weight
        sds = np.sqrt(np.einsum("ncr,ncr->nc", roots, roots))
    candidates = 1 << int(np.ceil(np.log2(CANDIDATES * count)))  # of which even points are most even
    many = place_draws(weights, np.where(seen, sds[:, 0], np.inf), candidates, root.shape[2], rng)
    own = means[many.point] + np.einsum("dcr,dr->dc", roots[many.point], many.normals)
    first = mixture_margin(own[:, 0], weights[seen], means[seen, 0], sds[seen, 0])
    kept = thin(own[:, 0], rake([first], len(own)), count)
    kept = kept[np.argsort(many.point[kept], kind="stable")]
    placed, own = Placement(many.point[kept], many.normals[kept]), own[kept]
    margins = [
        weighted_margin(sample.x[placed.point, c], weights, sample.x[:, c]) for c in range(sample.x.shape[1])
    ]
    margins += [
        mixture_margin(own[:, c], weights[seen], means[seen, c], sds[seen, c])
        for c in reversed(range(len(rows)))  # the first one last: the last margin is met exactly
    ]
    normals = np.column_stack([rng.standard_normal((count, inner.v[0].size + n)), placed.normals])
    b = np.empty((count, problem.y.shape[1], problem.z.shape[1]))
    u = np.empty((count, inner.u.shape[1]))
    counts = np.bincount(placed.point, minlength=len(weights))
    draw_effects(problem, inner.phi, inner.v, inner.u, counts, normals, True, b, u)
    return Drawn(rake(margins, count), inner.phi[placed.point], b, u)


def _combinations(p: int, focus: Sequence[int]) -> np.ndarray:
    """Return what the draws are spread evenly for, as combinations of the fixed effects (c, p).

    Those in ``focus``, their differences, the intercept.
    """
    one = np.eye(p)
    pairs = [one[b] - one[a] for a, b in combinations(focus, 2)]
    return np.array([*(one[c] for c in focus), *pairs, *([] if 0 in focus else [one[0]])])
