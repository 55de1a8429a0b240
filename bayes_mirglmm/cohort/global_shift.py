"""A shift of one kind of isomiR in all miRNAs: an enzyme that adds tails, or trims, is more or less active in a group.

Along the variable of interest the profiles of all isomiRs are regressed on what kind of isomiR they are (where their
ends lie, whether they have a tail), weighted by what their counts can tell. The strength of this one regression is
compared with relabelled samples: it is one finding, however many miRNAs follow it. What it predicts for a miRNA from
the other folds can then be taken out of its profiles, so that a test asks what goes beyond.
"""

from dataclasses import dataclass, replace

import numpy as np

from bayes_mirglmm.cohort.shared_shift import FEWEST_RELABELLINGS, RELABELLINGS, orthonormal, relabelled
from bayes_mirglmm.cohort.usage_profiles import UsageProfiles


@dataclass(frozen=True)
class GlobalShift:
    """The regression on kinds of isomiRs, k of them."""

    slopes: np.ndarray
    """Change of log usage with each feature and one unit of each column of interest, shape (k, L)."""
    explained: float
    """Part of the profiles' energy along the variable of interest that the features explain."""
    p_value: float
    """By relabelling; NaN below :data:`FEWEST_RELABELLINGS` distinct ones."""


def usable_features(features: np.ndarray, profiles: UsageProfiles) -> np.ndarray:
    """Return features in units of the profiles, shape (N, k): centred within miRNAs, times sqrt(w).

    Parameters
    ----------
    features : array, shape (N, k)
        NaN where unknown: the isomiR then says nothing.
    profiles : UsageProfiles
    """
    known = np.isfinite(features).all(axis=1)
    weight = np.where(known, profiles.weight, 0.0)
    total = np.add.reduceat(weight, profiles.start[:-1])
    values = np.where(known[:, None], features, 0.0)
    sums = np.add.reduceat(weight[:, None] * values, profiles.start[:-1], axis=0)
    centre = sums / np.where(total > 0.0, total, 1.0)[:, None]
    return np.sqrt(weight)[:, None] * (values - centre[profiles.mirna])


def global_shift(
    profiles: UsageProfiles,
    features: np.ndarray,
    columns: np.ndarray,
    rank: int,
    strata: np.ndarray,
    *,
    relabellings: int = RELABELLINGS,
    seed: int = 1,
) -> GlobalShift:
    """Test whether kinds of isomiRs shift along the columns of interest in all miRNAs together.

    Parameters
    ----------
    profiles : UsageProfiles
    features : array, shape (N, k)
        From :func:`usable_features`.
    columns : array, shape (n, L)
    rank : int
        Dimensions that the columns span beside the covariates.
    strata : int array, shape (n,)
    relabellings, seed : int
    """
    inside = profiles.basis.T @ columns
    projected = np.linalg.pinv(features) @ profiles.values  # (k, r)
    gram = features.T @ features
    energy = profiles.values.T @ profiles.values
    quadratic = projected.T @ gram @ projected

    def part(directions: np.ndarray) -> float:
        explained = np.trace(directions.T @ quadratic @ directions)
        return float(explained / np.trace(directions.T @ energy @ directions))

    observed = part(orthonormal(inside, rank))
    draws = relabelled(columns, strata, profiles.basis, rank, relabellings, seed)
    values = np.array([part(directions) for directions in draws])
    distinct = len({round(value, 10) for value in (observed, *values)})
    p_value = (1.0 + np.sum(values >= observed * (1.0 - 1e-9))) / (1.0 + relabellings)
    return GlobalShift(
        slopes=projected @ np.linalg.pinv(inside).T,
        explained=observed,
        p_value=float(p_value) if distinct >= FEWEST_RELABELLINGS else float("nan"),
    )


def beyond_global_shift(
    profiles: UsageProfiles, features: np.ndarray, directions: np.ndarray, fold: np.ndarray
) -> UsageProfiles:
    """Return the profiles without what the features predict along ``directions`` (r, q), from the other folds."""
    along = profiles.values @ directions
    row_fold = fold[profiles.mirna]
    predicted = np.empty_like(along)
    for f in np.unique(fold):
        own = row_fold == f
        slopes = np.linalg.lstsq(features[~own], along[~own], rcond=None)[0]
        predicted[own] = features[own] @ slopes
    values = profiles.values - predicted @ directions.T
    squares = np.add.reduceat((values**2).sum(axis=1), profiles.start[:-1])
    return replace(profiles, values=values, dispersion=squares / ((profiles.sizes - 1) * values.shape[1]))
