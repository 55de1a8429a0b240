"""The covariance that the residuals of the samples share over all miRNAs, up to a variance of each miRNA's own.

``z_m ~ N(c, s_m^2 S)`` for the coordinates ``z_m`` (r) of a miRNA's responses along directions that no fixed effect
reaches; ``s_m^2`` scaled inverse chi-squared. EM with ``nu`` pseudo-rows of the identity, which keep S well away from
singular where miRNAs are few: a multivariate t whose scale matrix is shrunken.
"""

from typing import NamedTuple

import numpy as np

from bayes_mirglmm.cohort.scale_prior import ScalePrior, fit_scale_prior

STEPS = 200
TOLERANCE = 1e-8
LARGEST_LEVERAGE = 0.95  # of one miRNA on the matrix that it is measured by


class ResidualCovariance(NamedTuple):
    """What :func:`learn_residual_covariance` found for m miRNAs in r directions."""

    matrix: np.ndarray
    """S, trace r, shape (r, r)."""
    centre: np.ndarray
    """c, what all miRNAs share: the residual part of each sample's offset, shape (r,)."""
    pseudo_rows: float
    """nu."""
    prior: ScalePrior
    """Of the miRNAs' variances ``s_m^2``."""
    variance: np.ndarray
    """Moderated ``s_m^2``, each from a matrix that the miRNA had no part in, shape (m,)."""
    df: float
    """Degrees of freedom of ``variance``: r and the prior's, at most those of all miRNAs together."""


def pseudo_rows(n_rows: int, n_directions: int) -> float:
    """Return how many rows of the identity stand beside ``n_rows`` of data."""
    return max(min(n_directions, 15.0), n_directions**2 / n_rows)


def learn_residual_covariance(
    z: np.ndarray, *, nu: float | None = None, steps: int = STEPS, tolerance: float = TOLERANCE
) -> ResidualCovariance:
    """Learn S, c and the miRNAs' variances.

    Parameters
    ----------
    z : array, shape (m, r)
        Residual coordinates of each miRNA, m > 1, r > 0.
    nu : float, optional
        Pseudo-rows; :func:`pseudo_rows` when omitted.
    steps, tolerance
        Of the iteration: it ends when no entry of S moves by more than ``tolerance``.
    """
    m, r = z.shape
    nu = pseudo_rows(m, r) if nu is None else nu
    matrix, centre = np.eye(r), np.median(z, axis=0)
    for _ in range(steps):
        away = z - centre
        sums = quadratic_forms(away, np.linalg.inv(matrix))
        weight = 1.0 / fit_scale_prior(sums, r).moderated(sums, r)
        centre = weight @ z / weight.sum()
        away = z - centre
        moved = (away.T * weight) @ away + nu * np.eye(r)
        moved *= r / np.trace(moved)
        change = np.abs(moved - matrix).max()
        matrix = moved
        if change <= tolerance:
            break
    # each miRNA's distance by the matrix of all others: its own row is taken out by a rank-one update
    away = z - centre
    information = (away.T * weight) @ away + nu * np.eye(r)
    scale = r / np.trace(information)
    inside = quadratic_forms(away, np.linalg.inv(information))
    leverage = np.minimum(weight * inside, LARGEST_LEVERAGE)
    sums = inside / (1.0 - leverage) / scale * ((m - 1 + nu) / (m + nu))
    prior = fit_scale_prior(sums, r)
    df = float(min(prior.df + r, m * r))
    return ResidualCovariance(matrix, centre, nu, prior, prior.moderated(sums, r), df)


def quadratic_forms(rows: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Return x' A x for each row x, shape (m,)."""
    return np.einsum("mi,mi->m", rows @ matrix, rows)
