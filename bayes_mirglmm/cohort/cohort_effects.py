"""Effects under what the samples share: the learned parts put together, from fitted counts to both estimands.

*Weighted mean*: over a miRNA's isomiRs with weights by the square root of their counts, near what sums estimate.
*IsomiR mean*: over its isomiRs alike, which is what the fixed effect of the mixed model means.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bayes_mirglmm.cohort.contrast_direction import contrast_direction
from bayes_mirglmm.cohort.contrast_effects import ContrastEffects, contrast_effects
from bayes_mirglmm.cohort.isomir_deviations import (
    DeviationCovariance,
    learn_deviation_covariance,
    mean_minus_weighted,
)
from bayes_mirglmm.cohort.mock_contrasts import MockContrasts, mock_contrasts
from bayes_mirglmm.cohort.residual_covariance import ResidualCovariance, learn_residual_covariance
from bayes_mirglmm.cohort.responses import Responses
from bayes_mirglmm.cohort.usage_profiles import complement_basis

FEWEST_MIRNAS = 10  # below, nothing can be learned
FEW_MIRNAS = 50  # below, what is learned is rough
FEWEST_RESIDUALS = 2  # directions that no fixed effect reaches


class Cohort(NamedTuple):
    """What the samples of a data set share, and all that effects are computed from."""

    responses: list[Responses]
    x: np.ndarray
    """Fixed-effects design, shape (n, p)."""
    basis: np.ndarray
    """Residual directions, shape (n, r)."""
    residuals: np.ndarray
    """Pooled responses along them, shape (m, r)."""
    shared: ResidualCovariance
    mock: MockContrasts
    deviations: DeviationCovariance

    @property
    def effective_residuals(self) -> float:
        """How many independent residual directions carry as much as the r that there are: (sum l)^2 / sum l^2."""
        values = np.linalg.eigvalsh(self.shared.matrix)
        return float(values.sum() ** 2 / (values**2).sum())


class CohortEffects(NamedTuple):
    """Effects of one contrast, natural log, m miRNAs."""

    weighted: np.ndarray
    weighted_std_error: np.ndarray
    mean: np.ndarray
    mean_std_error: np.ndarray
    variance_if_null: np.ndarray
    """Added to the squared standard errors, makes noise of all that the miRNAs do together along the contrast."""
    df: float
    shift: float
    """Natural log: what all miRNAs share along the contrast, taken for an offset."""
    contrast: ContrastEffects
    direction: np.ndarray
    """Of the contrast, shape (n,)."""


def learn_cohort(responses: Sequence[Responses], x: np.ndarray) -> Cohort:
    """Learn what the samples share.

    Parameters
    ----------
    responses : sequence of Responses
        Of each miRNA, at least :data:`FEWEST_MIRNAS`.
    x : array, shape (n, p)
        Fixed-effects design of full column rank; n - p is at least :data:`FEWEST_RESIDUALS`.

    Raises
    ------
    ValueError
        There are too few miRNAs or residual directions.
    """
    n, p = x.shape
    if len(responses) < FEWEST_MIRNAS or n - p < FEWEST_RESIDUALS:
        raise ValueError(
            f"{len(responses)} miRNAs and {n - p} residual directions: at least {FEWEST_MIRNAS} and "
            f"{FEWEST_RESIDUALS} are needed."
        )
    basis = complement_basis(x)
    residuals = np.stack([r.pooled for r in responses]) @ basis
    shared = learn_residual_covariance(residuals)
    mock = mock_contrasts(residuals, shared.matrix, shared.pseudo_rows)
    deviations = learn_deviation_covariance(list(responses), basis)
    return Cohort(list(responses), x, basis, residuals, shared, mock, deviations)


def cohort_effects(cohort: Cohort, weights: np.ndarray, *, shift: bool = True) -> CohortEffects:
    """Return the effects of the contrast ``weights @ beta``, shape (p,) the weights.

    ``shift=False`` keeps the offsets of the model as they are.
    """
    direction, length = contrast_direction(cohort.x, weights)
    pooled = np.stack([r.pooled for r in cohort.responses])
    found = contrast_effects(pooled @ direction, cohort.residuals, cohort.shared, cohort.mock, shift=shift)
    difference, variance = mean_minus_weighted(
        cohort.responses, cohort.deviations, direction, cohort.basis, found.null_probability
    )
    return CohortEffects(
        found.estimate * length,
        np.sqrt(found.variance) * length,
        (found.estimate + difference) * length,
        np.sqrt(found.variance + variance) * length,
        (found.variance_if_null - found.variance) * length**2,
        found.df,
        found.shift * length,
        found,
        direction,
    )


def sample_covariance(cohort: Cohort, effects: CohortEffects) -> np.ndarray:
    """Return the covariance of the samples that the effects of a contrast were estimated under, shape (n, n), trace n.

    Generalised least squares with it, leaving no miRNA out, gives ``length * (along - c - a'z)``. Along fixed effects
    other than the contrast, where nothing can be learned, the variance is the mean of what residual directions have.
    """
    n = len(cohort.x)
    shared, found = cohort.shared.matrix, effects.contrast
    named = np.column_stack([effects.direction, cohort.basis])
    inner = np.empty((named.shape[1], named.shape[1]))
    inner[1:, 1:] = shared
    inner[0, 1:] = inner[1:, 0] = shared @ found.slope
    inner[0, 0] = found.psi + found.slope @ shared @ found.slope
    rest = complement_basis(named)
    covariance = named @ inner @ named.T + rest @ rest.T
    return covariance * (n / np.trace(covariance))
