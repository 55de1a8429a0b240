"""What a contrast without any effect looks like in this data set: random directions of the residuals.

A direction among the residuals is a contrast of the samples in which no group differs. Treated as the contrast of
interest will be, it shows how much variance is left along it once the other directions have told what they know
(psi), how much that differs between directions, and how heavy the tails of the standardised estimates are: heavier than
theory where the miRNAs do not all share one covariance.
"""

from typing import NamedTuple

import numpy as np
from scipy import special

from bayes_mirglmm.cohort.residual_covariance import learn_residual_covariance, quadratic_forms

DRAWS = 40
SEED = 0  # the directions are the same in every run
FEWEST_DIRECTIONS = 3
MOST_DIRECTIONS = 150  # beyond, the tails are those of theory and a mock contrast costs too much
TAILS = np.array([2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0, 15.0, 20.0, 30.0])
SMALLEST_SPREAD = 0.01  # variance of a log variance over directions
OUTLYING = 16.0  # squared standardised estimates above count as this
EXPECTED_BELOW = 1.1  # mean of squared t so clipped, for the degrees of freedom that occur


class MockContrasts(NamedTuple):
    """What contrasts without effects leave."""

    log_psi: float
    """Mean over directions of the log of the variance left, in units of the miRNAs' variances."""
    log_psi_variance: float
    """Its variance over directions."""
    log_total: float
    """Mean over directions of the log of the variance before the others have told anything."""
    log_total_variance: float
    df: float
    """Degrees of freedom of the t distribution that the standardised estimates follow; inf where not measured."""


def mock_contrasts(z: np.ndarray, matrix: np.ndarray, nu: float) -> MockContrasts:
    """Measure mock contrasts.

    Parameters
    ----------
    z : array, shape (m, r)
        Residual coordinates of each miRNA.
    matrix : array, shape (r, r)
        Their learned covariance S.
    nu : float
        Its pseudo-rows.
    """
    r = len(matrix)
    rng = np.random.default_rng(SEED)
    if not FEWEST_DIRECTIONS <= r <= MOST_DIRECTIONS:
        return expected_of(matrix)
    logs, standardised = [], []
    for _ in range(DRAWS):
        basis, _ = np.linalg.qr(np.column_stack([rng.standard_normal(r), np.eye(r)[:, 1:]]))
        log_psi, values = _one(z @ basis, nu)
        logs.append(log_psi)
        standardised.append(values)
    df, scale = _tail(np.concatenate(standardised))
    own = np.array(logs) + 2.0 * np.log(scale)
    whole = expected_of(matrix)
    return whole._replace(log_psi=float(own.mean()), log_psi_variance=float(own.var(ddof=1)), df=df + 1.0)


def expected_of(matrix: np.ndarray) -> MockContrasts:
    """Return what mock contrasts would leave were S known: v'Sv in all, 1 / (v' S^-1 v) given the others."""
    v = np.random.default_rng(SEED).standard_normal((400, len(matrix)))
    v /= np.linalg.norm(v, axis=1, keepdims=True)
    logs, totals = -np.log(quadratic_forms(v, np.linalg.inv(matrix))), np.log(quadratic_forms(v, matrix))
    spread = [float(max(values.var(), SMALLEST_SPREAD)) for values in (logs, totals)]
    return MockContrasts(float(logs.mean()), spread[0], float(totals.mean()), spread[1], np.inf)


def _one(rotated: np.ndarray, nu: float) -> tuple[float, np.ndarray]:
    """Return log psi and the standardised estimates of the first coordinate, given the others."""
    along, across = rotated[:, 0], rotated[:, 1:]
    found = learn_residual_covariance(across, nu=nu, steps=12, tolerance=1e-4)
    return null_variance(along, across - found.centre, found.variance, nu)


def null_variance(
    along: np.ndarray, across: np.ndarray, variance: np.ndarray, nu: float
) -> tuple[float, np.ndarray]:
    """Return log psi of a direction, were no miRNA to differ along it, and the standardised estimates, shape (m,).

    The regression on the other directions leaves each miRNA out of its own prediction.
    """
    columns = np.column_stack([np.ones(len(across)), across])
    penalty = np.diag(np.r_[1e-8, np.full(across.shape[1], nu)])
    # the weights are 1 / (variance psi), and the ridge nu / psi: psi cancels from the regression
    hat = np.linalg.inv((columns.T / variance) @ columns + penalty)
    slope = hat @ ((columns.T / variance) @ along)
    inside = quadratic_forms(columns, hat)
    share = np.minimum(inside / variance, 0.9)
    error = (along - columns @ slope) / (1.0 - share)
    relative = error**2 / (variance + inside / (1.0 - share))
    psi = np.median(relative) / special.chdtri(1, 0.5)
    for _ in range(8):
        psi = (np.minimum(relative / psi, OUTLYING)).mean() / EXPECTED_BELOW * psi
    return float(np.log(psi)), error / np.sqrt((variance + inside / (1.0 - share)) * psi)


def _tail(values: np.ndarray) -> tuple[float, float]:
    """Return the degrees of freedom and the scale of the t distribution that suits the values best."""
    best = (-np.inf, np.inf, 1.0)
    for df in TAILS:
        scale = 1.0
        for _ in range(30):
            scale = np.sqrt(np.mean((df + 1) / (df + (values / scale) ** 2) * values**2))
        log_likelihood = log_t_density(values / scale, df).sum() - len(values) * np.log(scale)
        best = max(best, (log_likelihood, float(df), float(scale)))
    return best[1], best[2]


def log_t_density(x: np.ndarray, df: float) -> np.ndarray:
    """Return the log density of Student's t; scipy.stats has it too, and takes half a second to import."""
    constant = special.gammaln((df + 1) / 2) - special.gammaln(df / 2) - 0.5 * np.log(df * np.pi)
    return constant - 0.5 * (df + 1) * np.log1p(x**2 / df)
