"""Pareto k-hat: how heavy the tail of importance weights is."""

import numpy as np

FEWEST = 5  # weights in the tail, below which nothing can be said
LEAST = 1e-290  # of a weight, relative to the largest, below which its inverse overflows


def pareto_k(log_weights: np.ndarray) -> float:
    """Return the shape of the generalised Pareto distribution fitted to the largest weights.

    Above 0.7 the weighted mean is not to be trusted: its variance is too large for any number of points that one
    would draw (Vehtari, Simpson, Gelman, Yao & Gabry 2024, JMLR 25:72).

    Parameters
    ----------
    log_weights : array, shape (N,)
        Up to a constant; -inf is a weight of 0.

    Returns
    -------
    float
        inf where there are too few weights; -inf where the tail is flat.
    """
    finite = np.sort(log_weights[np.isfinite(log_weights)])
    tail = int(min(np.ceil(0.2 * len(log_weights)), np.ceil(3.0 * np.sqrt(len(log_weights)))))
    if len(finite) <= tail or tail < FEWEST:
        return np.inf
    weights = np.exp(finite[-tail - 1 :] - finite[-1])
    excess = weights[1:] - weights[0]
    if excess[-1] <= 1e-12:
        return -np.inf
    return generalised_pareto_shape(excess)


def generalised_pareto_shape(excess: np.ndarray) -> float:
    """Return the shape k of a generalised Pareto distribution with lower end 0.

    The empirical Bayes estimate of Zhang & Stephens (2009, Technometrics 51:316), drawn to 0.5 by a prior worth ten
    observations as in Vehtari et al. (2024).

    Parameters
    ----------
    excess : array, shape (n,)
        In ascending order, not negative, the last positive.
    """
    n = len(excess)
    grid = 30 + int(np.sqrt(n))
    quartile = excess[int(n / 4 + 0.5) - 1]
    scale = 3.0 * max(quartile if quartile > 0 else excess[excess > 0][0], LEAST)
    theta = 1.0 / excess[-1] + (1.0 - np.sqrt(grid / (np.arange(1, grid + 1) - 0.5))) / scale
    shape = np.log1p(-theta[:, None] * excess).mean(axis=1)
    profile = n * (np.log(-theta / shape) - shape - 1.0)
    weight = np.exp(profile - profile.max())
    best = float((theta * weight).sum() / weight.sum())
    k = float(np.log1p(-best * excess).mean())
    return (n * k + 10 * 0.5) / (n + 10)
