"""Draws that spread evenly: which points they stand at, and weights by which their margins are the known ones.

Given a point the fixed effects are normal, so that their posterior is a mixture whose distribution function is a sum
over all points. Draws fall around it by chance; weights that give every interval of a margin the mass that the mixture
has there take that chance away (post-stratification, raking: Deming & Stephan 1940, Annals of Mathematical Statistics
11:427), for interval ends above all.
"""

from typing import NamedTuple

import numpy as np
from scipy import special

from bayes_mirglmm.kernels.compilation import kernel
from bayes_mirglmm.nested.importance import BITS, sobol

#: Probabilities at which a margin is cut: close together where intervals end.
TAIL = np.array([0.003, 0.006, 0.01, 0.015, 0.02, 0.025, 0.03, 0.04, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4])
CUTS = np.concatenate([TAIL, [0.5], 1.0 - TAIL[::-1]])
COARSE_CUTS = np.arange(1, 12) / 12
FEWEST = 2  # draws between two cuts
SWEEPS = 20
EVEN = 64  # at most so many normals of a draw come from even points, the rest from random numbers


class Margin(NamedTuple):
    """A quantity of every draw, and the mass that is known to lie below each of some values."""

    values: np.ndarray  #: (D,)
    cuts: np.ndarray  #: ascending (c,)
    below: np.ndarray  #: probabilities (c,)


class Placement(NamedTuple):
    """Where draws stand, and the normals that make their last effects."""

    point: np.ndarray  #: of each draw (D,)
    normals: np.ndarray  #: (D, r)


def place_draws(
    weights: np.ndarray, order: np.ndarray, count: int, r: int, rng: np.random.Generator
) -> Placement:
    """Spread ``count`` draws over weighted points, as often as their weights say, and over ``r`` normals, both evenly.

    Parameters
    ----------
    weights : array, shape (N,)
        Sum 1.
    order : array, shape (N,)
        A quantity by which the points are sorted: those with like values share their part of the normals' space.
    count, r : int
    rng : numpy.random.Generator
    """
    even = min(r, EVEN)
    shift = rng.integers(2**BITS, size=even + 1, dtype=np.uint64)
    uniform = ((sobol(count, even + 1) ^ shift) + 0.5) / 2.0**BITS
    by_order = np.argsort(order, kind="stable")
    cumulative = np.cumsum(weights[by_order])
    place = np.searchsorted(cumulative, uniform[:, 0] * cumulative[-1])
    point = by_order[np.minimum(place, len(weights) - 1)]
    normals = rng.standard_normal((count, r))
    if even:
        normals[:, r - even :] = special.ndtri(uniform[:, :0:-1])  # the last one depends on nothing else
    return Placement(point, normals)


def thin(values: np.ndarray, weights: np.ndarray, count: int) -> np.ndarray:
    """Return which ``count`` of weighted draws to keep, at equal steps of the distribution of ``values`` (D,)."""
    order = np.argsort(values, kind="stable")
    cumulative = np.cumsum(weights[order])
    steps = (np.arange(count) + 0.5) / count * cumulative[-1]
    return order[np.minimum(np.searchsorted(cumulative, steps), len(values) - 1)]


def mixture_margin(values: np.ndarray, weights: np.ndarray, mean: np.ndarray, sd: np.ndarray) -> Margin:
    """Return the margin of draws ``values`` (D,) of a mixture of normals with these weights, means and SDs (N,).

    The cuts are where the mixture, not the draws, has its quantiles ``CUTS``, to the error of one interpolation.
    """

    def below(cuts: np.ndarray) -> np.ndarray:
        return weights @ special.ndtr((cuts - mean[:, None]) / sd[:, None])

    ordered = np.sort(values)
    near = _between(ordered, CUTS)
    cuts = _filled(ordered, np.interp(CUTS, below(near), near))
    return Margin(values, cuts, below(cuts))


def weighted_margin(values: np.ndarray, weights: np.ndarray, points: np.ndarray) -> Margin:
    """Return the margin of draws ``values`` (D,) from weighted ``points`` (N,) themselves."""
    ordered = np.sort(values)
    cuts = _filled(ordered, _between(ordered, COARSE_CUTS))
    return Margin(values, cuts, weights @ (points[:, None] < cuts))


def _between(ordered: np.ndarray, ranks: np.ndarray) -> np.ndarray:
    """Return values between neighbouring draws at these ranks."""
    place = np.clip(np.round(ranks * len(ordered)).astype(int), 1, len(ordered) - 1)
    return 0.5 * (ordered[place - 1] + ordered[place])


def _filled(ordered: np.ndarray, cuts: np.ndarray) -> np.ndarray:
    """Return the cuts that leave at least FEWEST draws between them: an empty interval has no weight."""
    ranks = np.searchsorted(ordered, cuts)
    kept, last = [], 0
    for cut, rank in zip(cuts.tolist(), ranks.tolist(), strict=True):
        if rank - last >= FEWEST and len(ordered) - rank >= FEWEST:
            kept.append(cut)
            last = rank
    return np.array(kept)


def rake(margins: list[Margin], count: int) -> np.ndarray:
    """Return weights (D,), sum 1, that give all margins their masses, or nearly where they contradict each other."""
    cells = np.array([np.searchsorted(margin.cuts, margin.values, side="right") for margin in margins])
    masses = np.zeros((len(margins), max(len(margin.cuts) for margin in margins) + 1))
    for own, margin in zip(masses, margins, strict=True):
        own[: len(margin.cuts) + 1] = np.diff(margin.below, prepend=0.0, append=1.0)
    weights = np.full(count, 1.0 / count)
    _sweep(cells, masses, weights)
    return weights


@kernel
def _sweep(cells: np.ndarray, masses: np.ndarray, weights: np.ndarray) -> None:
    """Give one margin after the other its masses, ``SWEEPS`` times.

    Parameters
    ----------
    cells : int array, shape (M, D)
        The interval of every draw in each margin.
    masses : array, shape (M, C)
        Of each interval.
    weights : array, shape (D,)
        Overwritten.
    """
    factor = np.empty(masses.shape[1])
    for _ in range(SWEEPS):
        for m in range(cells.shape[0]):
            factor[:] = 0.0
            for i in range(weights.shape[0]):
                factor[cells[m, i]] += weights[i]
            for c in range(factor.shape[0]):
                factor[c] = masses[m, c] / factor[c] if factor[c] > 0.0 else masses[m, c]
            for i in range(weights.shape[0]):
                weights[i] *= factor[cells[m, i]]
        total = 0.0
        for i in range(weights.shape[0]):
            total += weights[i]
        for i in range(weights.shape[0]):
            weights[i] /= total
