"""Intervals and sign rates of importance draws with little Monte Carlo noise.

Some 25 of a thousand draws lie in a tail of 2.5 %: counting them leaves a tenth of a posterior SD of noise on the end
of an interval. But given the variance parameters a coefficient, a contrast or the effect of an isomiR is close to
normal. So its distribution function is taken for the mixture of these normals over the draws, to which every draw
contributes (Rao-Blackwell): half the noise, and sign rates far below 1 / draws. Mean and SD given the variance
parameters come from two weighted regressions on them, a linear one and one for the log variance.
"""

import numpy as np
from scipy import special

ITERATIONS = 5  # of the regression for the log variance
RIDGE = 2.0  # effective draws that say that the variance does not vary
LARGEST_SCORE = 4.0
LOWEST, HIGHEST = -4.0, 5.0  # log of conditional over overall variance
NEWTON = 30
CLOSE = 1e-3  # SDs: from a step so short the next one would be a millionth
GOLDEN = 0.5 * (np.sqrt(5.0) - 1.0)
GOLDEN_STEPS = 14  # leave a thousandth of the tail probability


class NormalMixture:
    """Distributions of C quantities, each a mixture of normals over S weighted draws."""

    def __init__(self, draws: np.ndarray, weight: np.ndarray, features: np.ndarray) -> None:
        """Fit the conditional normals.

        Parameters
        ----------
        draws : array, shape (C, S)
        weight : array, shape (S,)
            Sum 1.
        features : array, shape (S, F)
            Variance parameters of the draws, on any scale: only their order matters.
        """
        self.weight = weight
        effective = 1.0 / (weight**2).sum()
        x = np.column_stack([np.ones(len(weight)), normal_scores(features, weight)])
        gram = (x.T * weight) @ x
        to_mean = np.linalg.solve(gram + 1e-8 * np.eye(len(gram)), x.T * weight)
        prior = RIDGE / effective * np.diag(np.arange(len(gram)) > 0)
        to_variance = np.linalg.solve(gram + prior + 1e-8 * np.eye(len(gram)), x.T * weight)
        self.mean = draws @ to_mean.T @ x.T
        square = (draws - self.mean) ** 2 * (effective / max(effective - x.shape[1], 1.0))
        overall = np.log(np.maximum(square @ weight, 1e-300))[:, None]
        log_variance = np.broadcast_to(overall, square.shape)
        for _ in range(ITERATIONS):
            working = log_variance + square * np.exp(-log_variance) - 1.0
            log_variance = working @ to_variance.T @ x.T
            log_variance = np.clip(log_variance, overall + LOWEST, overall + HIGHEST)
        self.sd = np.exp(0.5 * log_variance)

    def below(self, value: np.ndarray) -> np.ndarray:
        """Return P(quantity < value), (C,)."""
        return special.ndtr((value[:, None] - self.mean) / self.sd) @ self.weight

    def sign_rate(self) -> np.ndarray:
        """Return local false sign rates (C,)."""
        z = self.mean / self.sd
        return np.minimum(special.ndtr(z) @ self.weight, special.ndtr(-z) @ self.weight)

    def highest_density(self, prob: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the ends of the shortest interval of level ``prob``, each (C,), by golden-section search."""
        low, high = np.full((2, len(self.mean)), [[1e-6], [1.0 - prob - 1e-6]])

        def width(tail: np.ndarray) -> np.ndarray:
            return self.quantile(tail + prob) - self.quantile(tail)

        for _ in range(GOLDEN_STEPS):
            step = GOLDEN * (high - low)
            left_is_shorter = width(high - step) < width(low + step)
            low, high = (
                np.where(left_is_shorter, low, high - step),
                np.where(left_is_shorter, low + step, high),
            )
        tail = 0.5 * (low + high)
        return self.quantile(tail), self.quantile(tail + prob)

    def quantile(self, p: float | np.ndarray) -> np.ndarray:
        """Return quantiles (C,) of level ``p``, or of one level for each, by Newton steps inside a bracket."""
        centre = self.mean @ self.weight
        spread = np.sqrt(np.maximum((self.sd**2 + (self.mean - centre[:, None]) ** 2) @ self.weight, 1e-300))
        low = (self.mean - 12.0 * self.sd).min(axis=1)
        high = (self.mean + 12.0 * self.sd).max(axis=1)
        x = centre + special.ndtri(p) * spread
        for _ in range(NEWTON):
            z = (x[:, None] - self.mean) / self.sd
            error = special.ndtr(z) @ self.weight - p
            density = (np.exp(-0.5 * z**2) / self.sd) @ self.weight / np.sqrt(2.0 * np.pi)
            low, high = np.where(error < 0, x, low), np.where(error > 0, x, high)
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                moved = x - error / density
            moved = np.where((moved > low) & (moved < high), moved, 0.5 * (low + high))
            done = np.abs(moved - x) <= CLOSE * spread
            x = moved
            if done.all():
                break
        return x


def normal_scores(features: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return normal scores (S, F) of the columns of ``features`` under the weights; constant columns are left out."""
    columns = []
    for column in features.T:
        if not (np.isfinite(column).all() and np.ptp(column) > 0):
            continue
        order = np.argsort(column, kind="stable")
        position = np.cumsum(weight[order]) - 0.5 * weight[order]
        scores = np.empty(len(weight))
        limit = special.ndtr(LARGEST_SCORE)
        scores[order] = special.ndtri(np.clip(position, 1.0 - limit, limit))
        columns.append(scores)
    return np.column_stack(columns) if columns else np.empty((len(weight), 0))
