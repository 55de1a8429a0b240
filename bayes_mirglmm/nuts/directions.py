"""Directions of the samples: what of their effects the design takes up, and what random terms have in each."""

from dataclasses import dataclass

import numpy as np

from bayes_mirglmm.model import TermPriors

RANK = 1e-10  # relative size of a singular value that is 0
NOTHING = 1e-9  # of a random term's column of size 1, outside of the directions


@dataclass(frozen=True, slots=True)
class Directions:
    """Sample effects sigma S w as X c + Q r: c = sigma G a, with a and r / sigma independent standard normals."""

    complement: np.ndarray  #: Q (n, residuals)
    spread: np.ndarray  #: G G', the covariance of c / sigma (p, p)

    def split(self, x: np.ndarray, effects: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return c (p, ...), r (residuals, ...) and what is left outside of effects (n, ...) on the samples."""
        basis = np.hstack([x, self.complement])
        found = np.linalg.lstsq(basis, effects)[0]
        p = x.shape[1]
        return found[:p], found[p:], effects - basis @ found


def sample_directions(x: np.ndarray, covariance: np.ndarray | None, *, sample_effect: bool) -> Directions:
    """Return the directions of samples with a design ``x`` (n, p) and a ``covariance`` (n, n); None: the identity."""
    n, p = x.shape
    if not sample_effect:
        return Directions(np.empty((n, 0)), np.zeros((p, p)))
    q, r = np.linalg.qr(x, mode="complete")
    if covariance is None:
        root_inverse = np.linalg.inv(r[:p])
        return Directions(q[:, p:], root_inverse @ root_inverse.T)
    values, vectors = np.linalg.eigh(covariance)
    kept = values > RANK * values[-1]
    root = vectors[:, kept] * np.sqrt(values[kept])  # (n, m)
    _, singular, right = np.linalg.svd(q[:, p:].T @ root)
    rank = int((singular > RANK * np.sqrt(values[-1])).sum())
    within = np.linalg.lstsq(x, root @ right[rank:].T)[0]  # (p, m - rank)
    return Directions(root @ right[:rank].T, within @ within.T)


@dataclass(frozen=True, slots=True)
class PlacedTerms:
    """Random terms in the directions of the samples: term by term, level by level, the effects of a level together.

    Levels are turned by ``rotations`` (q, q) of each term: effects on levels = rotation @ effects that are sampled.
    """

    rotations: tuple[np.ndarray, ...]
    to_beta: np.ndarray  #: H (p, w)
    to_residual: np.ndarray  #: A (residuals, w)
    to_outside: np.ndarray  #: on the samples, what is in neither (n, w); no rows where it is nothing
    information: np.ndarray  #: that the counts have outside of the directions (w,)
    score: np.ndarray  #: information times value (w,)


def place_terms(
    terms: TermPriors,
    x: np.ndarray,
    directions: Directions,
    weight: np.ndarray,
    by_sample: np.ndarray,
    pulled: np.ndarray,
) -> PlacedTerms:
    """Place random terms.

    Parameters
    ----------
    terms : TermPriors
    x : array, shape (n, p)
    directions : Directions
    weight : array, shape (residuals,)
        Information about an effect in each direction, at the estimate.
    by_sample : array, shape (n,)
        Information of the counts about the effect of each sample.
    pulled : array, shape (n,)
        Information times what the counts say of the effects outside of the directions.
    """
    n = len(x)
    rotations, parts = [], []
    for columns, level, q in zip(terms.columns, terms.levels, terms.n_levels, strict=True):
        member = (level[:, None] == np.arange(q)).astype(float)
        told = np.zeros((q, q))
        for column in columns.T:
            _, within, outside = directions.split(x, member * column[:, None])
            told += within.T @ (weight[:, None] * within) + outside.T @ (by_sample[:, None] * outside)
        rotation = np.linalg.eigh(told)[1]
        rotations.append(rotation)
        # Level by level, the columns of a level side by side.
        both = (member @ rotation)[:, :, None] * columns[:, None, :]
        parts.append(both.reshape(n, -1))
    together = np.hstack(parts) if parts else np.empty((n, 0))
    to_beta, to_residual, outside = directions.split(x, together)
    if not together.size or np.abs(outside).max() <= NOTHING * np.abs(together).max():
        outside = np.empty((0, together.shape[1]))
    some = len(outside) > 0
    return PlacedTerms(
        tuple(rotations),
        to_beta,
        to_residual,
        outside,
        by_sample @ outside**2 if some else np.zeros(together.shape[1]),
        pulled @ outside if some else np.zeros(together.shape[1]),
    )
