"""How often counts of each size occur in one miRNA, and how often the model expects them."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import special

from bayes_mirglmm.results.residuals import fitted_means

if TYPE_CHECKING:
    from bayes_mirglmm.results import Fit


class Frequencies(NamedTuple):
    """Cells (isomiR x sample) of one miRNA by the size of their count, in C classes."""

    first: np.ndarray
    """Smallest count of each class, (C,): 0, 1, 2, 4, 8, ... up to the next class's first less one."""
    observed: np.ndarray
    """Cells in each class, (C,)."""
    expected: np.ndarray
    """Expected number of cells, (C,)."""
    lower: np.ndarray
    """Ends of the interval that holds the number of cells with the probability asked for, (C,)."""
    upper: np.ndarray


def frequencies(fit: "Fit", mirna: str, prob: float = 0.95) -> Frequencies:
    """Return observed and expected frequencies of counts.

    A Bayesian fit: mean and quantiles over the replicated counts of ``fit[mirna]``. A fit by maximum likelihood: sums
    over the cells of the negative binomial's probabilities at the estimates and the modes of the random effects, and
    the normal interval of a sum of independent cells. The random effects were fitted to these counts, so that the
    agreement flatters the model a little.
    """
    counts, mean, theta = fitted_means(fit.data, mirna)
    first = classes(int(counts.max()))
    observed = _tally(counts.values.reshape(1, -1), first)[0].astype(float)
    if fit.method.has_draws:
        drawn = np.asarray(fit[mirna]["posterior_predictive"]["counts"])
        tallies = _tally(drawn.reshape(drawn.shape[0] * drawn.shape[1], -1), first)
        lower, upper = np.quantile(tallies, [(1 - prob) / 2, (1 + prob) / 2], axis=0)
        return Frequencies(first, observed, tallies.mean(axis=0), lower, upper)
    below = _cdf(first[1:] - 1, mean.values.ravel(), theta)
    steps = np.diff(below, axis=1, prepend=0.0, append=1.0)
    expected = steps.sum(axis=0)
    half = special.ndtri((1 + prob) / 2) * np.sqrt((steps * (1.0 - steps)).sum(axis=0))
    return Frequencies(first, observed, expected, np.maximum(expected - half, 0.0), expected + half)


def classes(largest: int) -> np.ndarray:
    """Return the smallest count of each class: 0, then powers of 2, up to one class past ``largest``."""
    return np.concatenate([[0], 2 ** np.arange(int(largest).bit_length() + 1)])


def _tally(counts: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Return how many of the counts (S, cells) of each row fall into each class, (S, C); the last has no end."""
    code = np.searchsorted(first, counts, side="right") - 1
    rows = np.arange(len(counts))[:, None]
    flat = np.bincount((rows * len(first) + code).ravel(), minlength=len(counts) * len(first))
    return flat.reshape(len(counts), len(first))


def _cdf(k: np.ndarray, mu: np.ndarray, theta: float) -> np.ndarray:
    """Return P(count <= k), (cells, len(k)), of the negative binomial, or of the Poisson where theta is inf."""
    if np.isinf(theta):
        return special.gammaincc(k[None, :] + 1.0, mu[:, None])
    return special.betainc(theta, k[None, :] + 1.0, theta / (theta + mu[:, None]))
