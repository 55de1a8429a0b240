"""A Bayes factor for isomiR slopes under the covariance that samples share.

The whitened score of isomiR j along the variable of interest, z_j, is N(0, 1) without differential usage, and
N(0, 1 + tau^2 I_j) when its slope is N(0, tau^2), with I_j the information of its counts about the slope. With
tau ~ half-normal(scale) as in the full model,

    BF10 = integral of prod_j (1 + tau^2 I_j)^(-1/2) exp(tau^2 I_j z_j^2 / (2 (1 + tau^2 I_j))) HN(tau; scale) dtau.
"""

from functools import cache

import numpy as np
from scipy import special

from bayes_mirglmm.cohort.covariance_folds import SharedCovariance
from bayes_mirglmm.cohort.rotation_test import column_rank, whitened_directions
from bayes_mirglmm.cohort.usage_profiles import UsageProfiles

NODES = 128


def score_log_bayes_factors(
    profiles: UsageProfiles, covariance: SharedCovariance, columns: np.ndarray, *, scale: float = 1.0
) -> np.ndarray:
    """Return the natural log Bayes factor of each miRNA, shape (M,).

    Parameters
    ----------
    profiles : UsageProfiles
    covariance : SharedCovariance
    columns : array, shape (r, L)
        The columns of interest in the coordinates of the profiles. Several of them have independent slopes.
    scale : float
        Of the half-normal prior of tau, natural log per unit of the columns.
    """
    rank = column_rank(columns)
    found = np.full(len(covariance.fold), np.nan)
    for f in np.unique(covariance.fold):
        whitener = covariance.whitener(f)
        directions, lengths = whitened_directions(covariance, f, columns, rank)
        for m in np.flatnonzero(covariance.fold == f):
            rows = profiles.of(int(m))
            x = profiles.values[rows] @ whitener
            size = len(x)
            psi = (x**2).sum() / ((size - 1) * x.shape[1])
            information = profiles.weight[rows, None] * lengths**2 * (1.0 - 1.0 / size) / psi
            found[m] = log_bayes_factor((x @ directions) ** 2 / psi, information, scale)
    return found


def log_bayes_factor(squares: np.ndarray, information: np.ndarray, scale: float = 1.0) -> float:
    """Return log BF10 from z_j^2 and I_j (arrays of one shape)."""
    tau, log_weight = _half_normal_nodes()
    gain = (scale * tau[:, None]) ** 2 * information.ravel()
    log_ratio = 0.5 * (gain / (1.0 + gain) * squares.ravel() - np.log1p(gain)).sum(axis=1)
    return float(special.logsumexp(log_ratio + log_weight))


@cache
def _half_normal_nodes() -> tuple[np.ndarray, np.ndarray]:
    """Gauss-Legendre nodes in log tau (scale 1), from far below any information to far out, and log prior weights."""
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    low, high = np.log(1e-7), np.log(8.0)
    x = 0.5 * (high - low) * (nodes + 1.0) + low
    tau = np.exp(x)
    log_density = 0.5 * np.log(2.0 / np.pi) - 0.5 * tau**2
    return tau, log_density + x + np.log(0.5 * (high - low) * weights)
