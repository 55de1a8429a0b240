"""The distribution of a parameter over miRNAs, from weighted draws that were made under another prior.

Empirical Bayes: the parameters of all miRNAs come from one population, normal on the log scale. A miRNA's marginal
likelihood under a new prior is its old one times the posterior mean of the ratio of the two priors, so that draws that
are there already tell which population fits best. The gradient is that of EM (Fisher's identity): moments over draws
that are reweighted from the old prior to the new one.
"""

from dataclasses import dataclass

import numpy as np
from scipy import special

LOG_2PI = float(np.log(2.0 * np.pi))
#: What is thought of a population before any miRNA is seen, worth PSEUDO_MIRNAS of them.
PSEUDO_MIRNAS = 2.0
PSEUDO_SD = 0.5
LEAST_SD = 0.1  # a prior that is narrower would have every miRNA alike whatever its counts say
LARGEST_SD = 3.0
ITERATIONS = 200


@dataclass(frozen=True, slots=True)
class Population:
    """Normal distributions over miRNAs, and what the draws of each miRNA are worth under them."""

    mean: np.ndarray  #: of the log of each parameter (q,)
    sd: np.ndarray  #: (q,)
    log_weights: np.ndarray  #: of the draws under the population (M, D), up to a constant for each miRNA
    log_ratio: np.ndarray  #: log marginal likelihood of each miRNA, less that under its old prior (M,)

    @property
    def weights(self) -> np.ndarray:
        """Weights of the draws (M, D), sum 1 for each miRNA."""
        return special.softmax(self.log_weights, axis=1)

    @property
    def effective_size(self) -> np.ndarray:
        """Effective number of draws of each miRNA (M,)."""
        return 1.0 / (self.weights**2).sum(axis=1)


def learn_population(
    values: np.ndarray,
    log_prior: np.ndarray,
    weights: np.ndarray,
    parameter: np.ndarray,
    centre: np.ndarray,
) -> Population:
    """Return the normal distributions under which all miRNAs together are most likely.

    Parameters
    ----------
    values : array, shape (M, D, c)
        Draws of the logs of parameters. Several columns may share one population: slope SDs of a factor with several
        levels.
    log_prior : array, shape (M, D, c)
        Log density, for ``values``, of the prior under which each was drawn; normalised.
    weights : array, shape (M, D)
        Of the draws, sum 1 for each miRNA.
    parameter : int array, shape (c,)
        The population of each column, from 0.
    centre : array, shape (q,)
        Where each population is thought to be before any miRNA is seen.

    Notes
    -----
    The mean of a population has the prior N(centre, PSEUDO_MIRNAS^-1), its variance PSEUDO_MIRNAS pseudo-observations
    of PSEUDO_SD squared: what keeps a population in place of which the counts say nothing, slope SDs where no isomiR
    differs from another. With a hundred miRNAs it decides nothing.
    """
    q = len(centre)
    member = np.equal.outer(np.arange(q), parameter).astype(float)  # (q, c)
    known = np.isfinite(values).all(axis=2) & (weights > 0.0)
    values = np.where(known[..., None], values, centre[parameter])
    with np.errstate(divide="ignore"):
        base = np.where(known, np.log(weights), -np.inf) - np.where(known, log_prior.sum(axis=2), 0.0)
    first = values @ member.T
    second = values**2 @ member.T
    size = member.sum(axis=1)

    def log_weights(mean: np.ndarray, sd: np.ndarray) -> np.ndarray:
        """Of the draws under normals of the sufficient statistics ``first`` and ``second``."""
        square = second - 2.0 * mean * first + size * mean**2
        return base - 0.5 * (square / sd**2).sum(axis=2) - (size * (np.log(sd) + 0.5 * LOG_2PI)).sum()

    def objective(at: np.ndarray) -> tuple[float, np.ndarray]:
        mean, log_sd = at[:q], at[q:]
        sd = np.exp(log_sd)
        found = log_weights(mean, sd)
        total = special.logsumexp(found, axis=1)
        own = np.exp(found - total[:, None])
        m1 = np.einsum("md,mdq->q", own, first)
        m2 = np.einsum("md,mdq->q", own, second)
        count = len(values) * size
        by_mean = (m1 - count * mean) / sd**2 - PSEUDO_MIRNAS * (mean - centre)
        square = m2 - 2.0 * mean * m1 + count * mean**2 + PSEUDO_MIRNAS * PSEUDO_SD**2
        by_log_sd = square / sd**2 - count - PSEUDO_MIRNAS
        value = total.sum() - 0.5 * PSEUDO_MIRNAS * ((mean - centre) ** 2).sum()
        value -= PSEUDO_MIRNAS * (0.5 * PSEUDO_SD**2 / sd**2 + log_sd).sum()
        return -float(value), -np.concatenate([by_mean, by_log_sd])

    own = np.where(known, weights, 0.0)
    own = own / own.sum(axis=1, keepdims=True)
    mean = np.einsum("md,mdq->q", own, first) / (len(values) * size)
    spread = np.sqrt(np.einsum("md,mdq->q", own, second) / (len(values) * size) - mean**2)
    start = np.concatenate([mean, np.log(np.clip(spread, 2.0 * LEAST_SD, 0.5 * LARGEST_SD))])
    bounds = [(None, None)] * q + [(np.log(LEAST_SD), np.log(LARGEST_SD))] * q
    from scipy.optimize import minimize  # costs a command a quarter of a second that does not need it

    top = minimize(
        objective, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": ITERATIONS}
    ).x
    mean, sd = top[:q], np.exp(top[q:])
    found = log_weights(mean, sd)
    return Population(mean, sd, found, special.logsumexp(found, axis=1))
