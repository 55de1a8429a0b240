"""The test of differential isomiR usage under what samples share, from profiles to p-values."""

from dataclasses import dataclass

import numpy as np

from bayes_mirglmm.cohort.covariance_folds import (
    FoldMoments,
    SharedCovariance,
    deal_folds,
    shared_covariance,
    standardised_moments,
)
from bayes_mirglmm.cohort.relabelled_null import RelabelledNull, relabelled_null
from bayes_mirglmm.cohort.rotation_test import (
    column_rank,
    combined_p_values,
    isomir_weights,
    rotation_tails,
)
from bayes_mirglmm.cohort.score_bayes_factor import score_log_bayes_factors
from bayes_mirglmm.cohort.shared_shift import (
    RELABELLINGS,
    SharedShift,
    orthonormal,
    relabelled,
    shared_shift,
    without_shift,
)
from bayes_mirglmm.cohort.usage_profiles import UsageProfiles

FEWEST_MIRNAS = 10
FEW_MIRNAS = 50
NULL_RELABELLINGS = 30  # for the null distribution of p
OWN_PART = 0.1  # squared length of a relabelling beside the variable of interest, below which it says nothing


@dataclass(frozen=True)
class SharedUsageTest:
    """What the test says of each miRNA (M,), and of all of them together."""

    p_value: np.ndarray
    """Usage beyond what samples share."""
    p_rotation: np.ndarray
    """The same by rotation alone, not read against relabelled samples."""
    p_within: np.ndarray
    """The same where a shift that all miRNAs share along the variable of interest counts as usage."""
    log_bayes_factor: np.ndarray
    """Natural log, for usage beyond what samples share."""
    share: np.ndarray
    """Part of a miRNA's profiles that lies along shared directions, beyond an equal spread."""
    shift: SharedShift
    covariance: SharedCovariance
    moments: FoldMoments
    null: RelabelledNull
    """By which ``p_value`` and ``p_within`` were calibrated."""


def shared_usage_test(
    profiles: UsageProfiles,
    columns: np.ndarray,
    strata: np.ndarray,
    *,
    linked: np.ndarray | None = None,
    prior_scale: float = 1.0,
    relabellings: int = RELABELLINGS,
    seed: int = 1,
) -> SharedUsageTest:
    """Test every miRNA.

    Parameters
    ----------
    profiles : UsageProfiles
        Of a model without the variable of interest.
    columns : array, shape (n, L)
        Its columns: of a factor an indicator of each level over sqrt(2), so that the difference of two levels has one
        unit; of a number one column, in units of two standard deviations.
    strata : int array, shape (n,)
        Samples that may be relabelled among each other.
    linked : int array, shape (L, 2), optional
        Pairs of miRNAs that share reads.
    prior_scale : float
        Of the half-normal prior of the slope SD, for the Bayes factor.
    relabellings : int
        That the shared shift is compared with.
    seed : int
        Of all relabellings.

    Raises
    ------
    ValueError
        Fewer than :data:`FEWEST_MIRNAS` miRNAs, or nothing of the columns is left beside the covariates.
    """
    if len(profiles.dispersion) < FEWEST_MIRNAS:
        raise ValueError(f"{len(profiles.dispersion)} miRNAs are too few to learn what samples share.")
    inside = profiles.basis.T @ columns
    rank = column_rank(inside)
    if rank == 0:
        raise ValueError("the columns of interest are explained by the others.")
    directions = orthonormal(inside, rank)
    draws = relabelled(columns, strata, profiles.basis, rank, NULL_RELABELLINGS, seed)
    others = np.concatenate(list(draws), axis=1)
    others = others[:, ((others - directions @ (directions.T @ others)) ** 2).sum(axis=0) > OWN_PART]
    fold = deal_folds(profiles.sizes, linked)
    moments = standardised_moments(profiles, fold, isomir_weights(profiles, inside), directions, others)
    covariance = shared_covariance(moments, directions)
    shift = shared_shift(moments, columns, rank, strata, relabellings=relabellings, seed=seed)
    null = relabelled_null(profiles, covariance, inside, others)
    # the excess along the variable changes nothing beside it, so that one null distribution serves both
    within = without_shift(covariance, directions, shift.median)
    tails, tails_within = (rotation_tails(profiles, s, inside) for s in (covariance, within))
    return SharedUsageTest(
        p_value=combined_p_values(null.calibrated(tails)),
        p_rotation=combined_p_values(tails),
        p_within=combined_p_values(null.calibrated(tails_within)),
        log_bayes_factor=score_log_bayes_factors(profiles, covariance, inside, scale=prior_scale),
        share=explained_share(profiles, covariance),
        shift=shift,
        covariance=covariance,
        moments=moments,
        null=null,
    )


def explained_share(profiles: UsageProfiles, covariance: SharedCovariance) -> np.ndarray:
    """Return the part of each miRNA's profiles that lies along shared directions, shape (M,), 0 to 1.

    Shared directions are those with more than the mean eigenvalue; what an equal spread over all directions would give
    them is subtracted.
    """
    found = np.zeros(len(covariance.fold))
    for m, f in enumerate(covariance.fold):
        energy = ((profiles.values[profiles.of(m)] @ covariance.vectors[f]) ** 2).sum(axis=0)
        shared = covariance.values[f] > 1.0
        if energy.sum() > 0.0:
            found[m] = energy[shared].sum() / energy.sum() - shared.mean()
    return np.clip(found, 0.0, 1.0)
