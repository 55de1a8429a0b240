"""Proposals of bridge sampling: a normal or t with the mean and covariance of given draws, dense or sparse."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special


@dataclass(frozen=True)
class Proposal:
    """A normal or multivariate t distribution, built from independent parts.

    ``points[:, shared] = centre + z @ root.T``; each group adds a regression on the shared coordinates and its
    own residual. The standardised ``z`` is normal, or t with ``df`` degrees of freedom scaled to unit variance.
    """

    centre: np.ndarray
    """Location, shape (d,)."""
    shared: np.ndarray
    """Indices of the coordinates in no group, shape (q,)."""
    root: np.ndarray
    """Cholesky factor of their covariance, shape (q, q)."""
    groups: tuple[np.ndarray, ...]
    """Indices of the coordinates of each group."""
    slopes: tuple[np.ndarray, ...]
    """Regression of each group on the shared coordinates, shape (size, q)."""
    residual_roots: tuple[np.ndarray, ...]
    """Cholesky factor of each group's residual covariance, shape (size, size)."""
    df: float

    def draw(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Return n points, shape (n, d)."""
        z = rng.standard_normal((n, len(self.centre)))
        if np.isfinite(self.df):
            z *= np.sqrt((self.df - 2) / rng.chisquare(self.df, size=(n, 1)))
        points = np.empty_like(z)
        points[:, self.shared] = z[:, self.shared] @ self.root.T
        for index, slope, root in zip(self.groups, self.slopes, self.residual_roots, strict=True):
            points[:, index] = points[:, self.shared] @ slope.T + z[:, index] @ root.T
        return points + self.centre

    def log_density(self, points: np.ndarray) -> np.ndarray:
        """Return the normalised log density of points (n, d), shape (n,)."""
        away = points - self.centre
        first = away[:, self.shared]
        squared, log_det = _standardise(first, self.root)
        for index, slope, root in zip(self.groups, self.slopes, self.residual_roots, strict=True):
            more, more_det = _standardise(away[:, index] - first @ slope.T, root)
            squared, log_det = squared + more, log_det + more_det
        d = len(self.centre)
        if not np.isfinite(self.df):
            return -0.5 * (squared + d * np.log(2 * np.pi)) - log_det
        constant = special.gammaln((self.df + d) / 2) - special.gammaln(self.df / 2)
        constant -= 0.5 * d * np.log((self.df - 2) * np.pi)
        return constant - log_det - 0.5 * (self.df + d) * np.log1p(squared / (self.df - 2))


def fit_proposal(draws: np.ndarray, groups: Sequence[Sequence[int]], df: float) -> Proposal:
    """Fit a proposal to draws (m, d): their mean and covariance, the latter sparse where groups are given.

    Given the coordinates in no group, those of different groups are taken as independent. Their regressions on these
    are hundreds of numbers, most of them next to nothing, and what chance adds to each would make points of the
    proposal unlike draws: see :func:`_agreed_slopes`.

    Parameters
    ----------
    draws : array, shape (m, d)
        Chain after chain, so that the first half knows nothing of the second.
    groups, df
        As of :func:`bayes_mirglmm.evidence.bridge.bridge_sampling`.
    """
    m, d = draws.shape
    indices = tuple(np.asarray(group, dtype=int) for group in groups)
    grouped = np.concatenate(indices) if indices else np.empty(0, dtype=int)
    if len(np.unique(grouped)) != len(grouped) or not np.isin(grouped, np.arange(d)).all():
        raise ValueError(f"groups must be disjoint sets of the coordinates 0 to {d - 1}.")
    if not df > 2:
        raise ValueError(f"df is {df}: it must be above 2, or infinite for a normal proposal.")
    shared = np.setdiff1d(np.arange(d), grouped)
    centre = draws.mean(axis=0)
    away = draws - centre
    first = away[:, shared]
    root = _root(first.T @ first / (m - 1))
    regression = _agreed_slopes(first, root, away[:, grouped]) if indices else np.empty((0, len(shared)))
    slopes, residual_roots, at = [], [], 0
    for index in indices:
        slope = regression[at : at + len(index)]
        residual = away[:, index] - first @ slope.T
        slopes.append(slope)
        residual_roots.append(_root(residual.T @ residual / (m - 1)))
        at += len(index)
    return Proposal(centre, shared, root, indices, tuple(slopes), tuple(residual_roots), df)


def _agreed_slopes(first: np.ndarray, root: np.ndarray, grouped: np.ndarray) -> np.ndarray:
    """Return slopes of the coordinates of all groups on the shared ones, shape (g, q), without most of their chance.

    Along each direction in which the shared coordinates are independent, all slopes are multiplied by the part of their
    mean square that two halves of the draws agree on: its chance adds to each half's squares but not to the products.

    Parameters
    ----------
    first, grouped : arrays, shapes (m, q) and (m, g)
        Draws less their mean.
    root : array, shape (q, q)
        Cholesky factor of the covariance of ``first``.
    """
    half = len(first) // 2
    inverse = np.linalg.inv(root)
    independent = first @ inverse.T
    one, other = (independent[s].T @ grouped[s] / half for s in (slice(half), slice(half, 2 * half)))
    slopes = independent.T @ grouped / (len(first) - 1)
    agreed = np.mean(one * other, axis=1) / np.maximum(np.mean(slopes**2, axis=1), np.finfo(float).tiny)
    return (slopes * np.clip(agreed, 0.0, 1.0)[:, None]).T @ inverse


def _root(covariance: np.ndarray) -> np.ndarray:
    """Return the Cholesky factor, or say that some coordinates do not vary on their own."""
    try:
        return np.linalg.cholesky(covariance)
    except np.linalg.LinAlgError:
        raise ValueError(
            "the draws' covariance is singular: a coordinate is constant or a combination of others."
        ) from None


def _standardise(away: np.ndarray, root: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the squared Mahalanobis lengths of ``away`` (n, q), shape (n,), and log |root|."""
    z = away @ np.linalg.inv(root).T
    return np.sum(z**2, axis=1), float(np.log(np.diag(root)).sum())
