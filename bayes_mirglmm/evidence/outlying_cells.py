"""Single cells, an isomiR in a sample, that stand far from where the rest of their miRNA puts them.

A count that is a hundred times too large pulls the model's mean and dispersion towards itself, so that its own
residual is small and those of its neighbours are not. Medians are not pulled: the level of a sample over its isomiRs
and the level of an isomiR over the samples of a group (median polish; Tukey 1977, Exploratory Data Analysis, chapter
11) say what a cell would be. What stands out is put in the place that they give, the model is fitted again, and its
negative binomial says how improbable the count was: its mean and its dispersion are estimates too, from few samples
rough ones, and a count is judged as the next one would be (a deleted, or externally studentised, residual: Cook and
Weisberg 1982, Residuals and Influence in Regression, section 2.2.1; on the normal scale, as of Dunn and Smyth 1996,
Journal of Computational and Graphical Statistics 5:236).
"""

import numpy as np
from scipy import special

CANDIDATE = 5.0  # robust standard deviations from which on a cell is looked at
CANDIDATE_OF_CALL = 3.0  # the same where usage may be called because of it
MOST = 3  # cells of a miRNA: more are a pattern, not outliers
MOST_OF_CALL = 6  # where usage may be called because of one of them: of many cells some always are far out
LEVEL = 0.01  # chance of a false flag in a whole data set
LEVEL_OF_CALL = 0.001  # of a cell on which a call rests, its own; and over all cells of a called miRNA
FEWEST = 3  # samples of a group, below which a median cannot tell the outlier from the others
SWEEPS = 4
FARTHEST = 1e-15  # probability beyond the ends of the grid of what a mean may be
POINTS = 400


def expected_counts(counts: np.ndarray, offset: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return what medians over isomiRs and over samples of a group say of each cell, shape (J, n), at least 0.

    Parameters
    ----------
    counts : array, shape (J, n)
    offset : array, shape (n,)
        Log offset (natural log).
    groups : int array, shape (n,)
        Samples whose isomiR profile may be another; all 0 where there are no groups.
    """
    if np.bincount(groups).min(initial=len(groups), where=np.bincount(groups) > 0) < FEWEST:
        groups = np.zeros(len(groups), dtype=int)
    log = np.log(counts + 0.5) - offset
    level = np.zeros(counts.shape[1])
    rows = np.zeros(log.shape)
    for _ in range(SWEEPS):
        for g in np.unique(groups):
            own = groups == g
            rows[:, own] = np.median(log[:, own] - level[own], axis=1)[:, None]
        level = np.median(log - rows, axis=0)
    return np.maximum(np.exp(rows + level + offset) - 0.5, 0.0)


def candidates(
    counts: np.ndarray, expected: np.ndarray, beyond: float = CANDIDATE, most: int = MOST
) -> list[tuple[int, int]]:
    """Return (isomiR, sample) of cells beyond so many robust SDs, the farthest of them."""
    error = np.log(counts + 0.5) - np.log(expected + 0.5)
    seen = expected >= 5.0
    spread = np.median(np.abs(error[seen])) / special.ndtri(0.75) if seen.any() else 0.0
    distance = np.abs(error) / np.sqrt(spread**2 + 1.0 / (expected + 0.5))
    order = np.argsort(-distance, axis=None, kind="stable")[:most]
    places = zip(*np.unravel_index(order, counts.shape), strict=True)
    return [(int(j), int(s)) for j, s in places if distance[j, s] > beyond]


def tail_probability(
    count: float, mean: float, theta: float, variance: float = 0.0, log_theta_se: float = 0.0
) -> float:
    """Return the two-sided probability of a count as far out; of the Poisson where ``theta`` is inf.

    Parameters
    ----------
    count, mean, theta : float
        Of the negative binomial, theta as estimated.
    variance : float
        Of the estimate of log mean, from the other counts: these scatter as gamma variates do, so that the
        mean is taken for the inverse of one, with this variance of its log, nearly. (Of counts so large that a Poisson
        variate stands for its mean, count / mean is then F with 2 theta and 2 / variance degrees of freedom.)
    log_theta_se : float
        Standard error of the estimate of log theta, which says how many degrees of freedom it has: 2 / se^2, those of a
        variance whose log is as uncertain. The normal score of the count is taken for a t of as many.
    """
    share, scale = _scales(variance)
    means = mean * scale
    near, far = (_above, _below) if count > mean else (_below, _above)
    tail = float(share @ near(count, means, theta))
    if tail >= 0.5:  # both hold the count itself: below one half this one is the smaller
        tail = min(tail, float(share @ far(count, means, theta)))
    if log_theta_se > 0:
        tail = special.stdtr(2.0 / log_theta_se**2, special.ndtri(min(tail, 0.5)))
    return float(min(1.0, 2.0 * tail))


def _below(count: float, mean: np.ndarray, theta: float) -> np.ndarray:
    """Return the probability of at most a count."""
    if np.isinf(theta):
        return special.pdtr(count, mean)
    return special.betainc(theta, count + 1.0, theta / (theta + mean))


def _above(count: float, mean: np.ndarray, theta: float) -> np.ndarray:
    """Return the probability of at least a count."""
    if count < 1:
        return np.ones(len(mean))
    if np.isinf(theta):
        return special.pdtrc(count - 1, mean)
    # By betaincc, the same from the other side, it takes ten times as long.
    return special.betainc(count, theta, mean / (theta + mean))


def _scales(variance: float) -> tuple[np.ndarray, np.ndarray]:
    """Return probabilities, and what the mean is multiplied by: inverse gamma variates of mean 1 on a grid of logs."""
    if not variance > 0:
        return np.ones(1), np.ones(1)
    shape = 1.0 / variance
    ends = special.gammaincinv(shape, FARTHEST), special.gammainccinv(shape, FARTHEST)
    first, last = np.log(np.maximum(ends, np.finfo(float).tiny) / shape)
    log = np.linspace(first, last, POINTS)
    density = np.exp(shape * (log - np.exp(log)) + shape * np.log(shape) - special.gammaln(shape))
    return density / density.sum(), np.exp(-log)


def log_mean_variance(mean: float, theta: float, leverage: float, isomirs: int, prior: float) -> float:
    """Return the variance of the log mean of a cell as the other cells give it.

    One cell gives a log mean with variance 1 / mean + 1 / theta. Those of its isomiR in the other samples give it that
    times leverage / (1 - leverage), but not more than the spread of the isomiR effects; those of its sample, of the
    other isomiRs, give the level of the sample.

    Parameters
    ----------
    mean, theta : float
    leverage : float
        Of the sample in the design of the isomiR effects: 1 / g in a group of g.
    isomirs : int
    prior : float
        Variance of the isomiR effects in this sample.
    """
    one = 1.0 / mean + 1.0 / theta
    information = (1.0 - leverage) / (leverage * one) + 1.0 / max(prior, np.finfo(float).tiny)
    return float(1.0 / information + one / max(isomirs - 1, 1))
