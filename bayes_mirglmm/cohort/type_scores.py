"""How one kind of isomiR moves from sample to sample, in all miRNAs together or in one; and a t test of it.

Second stage on :mod:`.usage_profiles`: along every direction among the samples that the covariates leave, the profiles
of isomiRs are regressed on what sets them apart, by what their counts can tell. The regression's coefficient along the
variable of interest is the change of log usage. Its uncertainty has two parts. Along the other directions the same
coefficient tells what it does where nothing was compared: samples are the replicates, and what they share is in the
error. And isomiRs of a kind may change by different amounts, so that a few of them make a mean: by how much more they
differ along the variable than along other directions (a sandwich over clusters, miRNAs or isomiRs) is added.
"""

from typing import NamedTuple

import numpy as np


class Change(NamedTuple):
    """Change of log usage per unit of the variable, k kinds each."""

    estimate: np.ndarray
    std_error: np.ndarray
    df: np.ndarray


def scores(features: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return coefficients (k, r) of the profiles (N, r) on features (N, k) in their units, along each direction."""
    return np.linalg.pinv(features) @ values


class Excess(NamedTuple):
    """By how much more clusters differ along a direction than along others, k kinds each."""

    variance: np.ndarray
    """Of the coefficients."""
    clusters: np.ndarray
    """As many clusters of equal weight would say as much."""


def excess(features: np.ndarray, values: np.ndarray, start: np.ndarray, along: np.ndarray) -> Excess:
    """Return by how much more clusters differ along a direction than along others.

    A sandwich over clusters, each less what it has pulled the coefficients towards itself (jackknife), along the
    direction less its mean along the others.

    Parameters
    ----------
    features, values : array, shape (N, k) and (N, r)
    start : int array, shape (M,)
        Where each cluster of rows begins.
    along : array, shape (r,)
        The direction, of length 1.
    """
    residual = values - features @ scores(features, values)
    bread = np.linalg.pinv(features.T @ features)
    # by cluster, (M, k, r): what it alone would move the coefficients by, along each direction
    moved = np.add.reduceat(features[:, :, None] * residual[:, None, :], start, axis=0)
    weight = np.add.reduceat(features**2, start, axis=0)
    share = weight / np.maximum(weight.sum(axis=0), 1e-300)
    moved = np.einsum("ij,mjr->mir", bread, moved) / np.maximum(1.0 - share, 0.05)[:, :, None]
    own = ((moved @ along) ** 2).sum(axis=0)
    rest = ((moved**2).sum(axis=(0, 2)) - own) / (values.shape[1] - 1)
    return Excess(np.maximum(own - rest, 0.0), 1.0 / (share**2).sum(axis=0))


def change(score: np.ndarray, inside: np.ndarray, differ: Excess | None = None) -> Change:
    """Return the change along the variable of interest.

    Parameters
    ----------
    score : array, shape (k, r)
        From :func:`scores`.
    inside : array, shape (r,)
        The variable in the coordinates of the profiles.
    differ : Excess, optional
        Added to the error; degrees of freedom are then at most its clusters less one.
    """
    length = float(np.sqrt(inside @ inside))
    along = score @ inside / length
    left = score.shape[1] - 1
    variance = np.maximum((score**2).sum(axis=1) - along**2, 0.0) / left
    df = np.full(len(along), float(left))
    if differ is not None:
        variance = variance + differ.variance
        df = np.clip(differ.clusters - 1.0, 1.0, df)
    return Change(along / length, np.sqrt(variance) / length, df)
