"""Single cells, an isomiR in a sample, that stand far from where the rest of their miRNA puts them.

A count that is a hundred times too large pulls the model's mean and dispersion towards itself, so that its own
residual is small and those of its neighbours are not. Medians are not pulled: the level of a sample over its isomiRs
and the level of an isomiR over the samples of a group (median polish; Tukey 1977, Exploratory Data Analysis, chapter
11) say what a cell would be. What stands out is put in the place that they give, the model is fitted again, and its
negative binomial says how improbable the count was.
"""

import numpy as np
from scipy import special

CANDIDATE = 5.0  # robust standard deviations from which on a cell is looked at
MOST = 3  # cells of a miRNA: more are a pattern, not outliers
LEVEL = 0.01  # chance of a false flag in a whole data set
FEWEST = 3  # samples of a group, below which a median cannot tell the outlier from the others
SWEEPS = 4


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


def candidates(counts: np.ndarray, expected: np.ndarray) -> list[tuple[int, int]]:
    """Return (isomiR, sample) of cells beyond :data:`CANDIDATE` robust SDs, the farthest :data:`MOST` of them."""
    error = np.log(counts + 0.5) - np.log(expected + 0.5)
    seen = expected >= 5.0
    spread = np.median(np.abs(error[seen])) / special.ndtri(0.75) if seen.any() else 0.0
    distance = np.abs(error) / np.sqrt(spread**2 + 1.0 / (expected + 0.5))
    order = np.argsort(-distance, axis=None, kind="stable")[:MOST]
    places = zip(*np.unravel_index(order, counts.shape), strict=True)
    return [(int(j), int(s)) for j, s in places if distance[j, s] > CANDIDATE]


def tail_probability(count: float, mean: float, theta: float) -> float:
    """Return the two-sided probability of a count as far out; of the Poisson where ``theta`` is inf."""
    if np.isinf(theta):
        lower = special.pdtr(count, mean)
        upper = 1.0 if count < 1 else special.pdtrc(count - 1, mean)
    else:
        share = theta / (theta + mean)
        lower = special.betainc(theta, count + 1.0, share)
        upper = 1.0 if count < 1 else special.betaincc(theta, count, share)
    return float(min(1.0, 2.0 * min(lower, upper)))
