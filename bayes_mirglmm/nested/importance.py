"""Adaptive multiple importance sampling of a density that is close to normal.

Each stage draws from a Student-t whose location and scale come from the stages before; all points are weighted by the
balance heuristic, as if they had been drawn from the mixture of all stages (Veach & Guibas 1995; Cornuet, Marin, Mira &
Robert 2012, Scandinavian Journal of Statistics 39:798), so that a bad early stage costs nothing but its points.
Scrambled Sobol points in place of random numbers make sums over smooth functions more precise.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy import special

from bayes_mirglmm.nested.pareto import pareto_k
from bayes_mirglmm.outcomes import RELIABLE_PARETO_K

STAGES = (256, 256, 1024)
EVIDENCE_STAGES = (256, 256, 512)  # enough where the evidence alone is wanted, of fewer parameters
REFINEMENT = 1024  # points of each further stage
REFINEMENTS = 4
FEWEST_EFFECTIVE = 400  # below this quantiles of the tails are too rough
DF = 5.0  # of the Student-t proposals, in up to 8 dimensions: in many more its length varies too much
INFLATION = 1.15  # of their scale matrix, at most: too wide costs little, too narrow costs the tails
WIDENING = 0.75  # what the inflations of all directions come to: in many dimensions they multiply
BITS = 32


@dataclass(frozen=True, slots=True)
class ImportanceSample:
    """Weighted points, and what their weights say."""

    x: np.ndarray  #: points (N, d)
    log_density: np.ndarray  #: of the target, not normalised (N,)
    weights: np.ndarray  #: sum 1 (N,)
    log_evidence: float  #: log of the target's integral
    log_evidence_error: float  #: its standard error
    pareto_k: float
    effective_size: float  #: 1 / sum of squared weights

    @property
    def reliable(self) -> bool:
        """Whether the weights have a tail that can be trusted."""
        return self.pareto_k <= RELIABLE_PARETO_K


class _Mixture:
    """The proposals so far, and the points drawn from them."""

    def __init__(self, size: int) -> None:
        self.x = np.empty((0, size))
        self.log_density = np.empty(0)
        self.counts: list[int] = []
        self.log_proposals: list[np.ndarray] = []  # of every stage, at all points so far
        self.stages: list[tuple[np.ndarray, np.ndarray]] = []

    def add(self, location: np.ndarray, root: np.ndarray, x: np.ndarray, log_density: np.ndarray) -> None:
        """Take in the points of a stage with scale matrix ``root root'``."""
        for s, stage in enumerate(self.stages):
            self.log_proposals[s] = np.append(self.log_proposals[s], log_student(x, *stage))
        self.stages.append((location, root))
        self.x = np.vstack([self.x, x])
        self.log_density = np.append(self.log_density, log_density)
        self.counts.append(len(x))
        self.log_proposals.append(log_student(self.x, location, root))

    def log_weights(self) -> np.ndarray:
        shares = np.log(np.array(self.counts) / len(self.x))
        return self.log_density - log_sum(np.stack(self.log_proposals) + shares[:, None])


def importance_sample(
    log_density: Callable[[np.ndarray], np.ndarray],
    location: np.ndarray,
    covariance: np.ndarray,
    rng: np.random.Generator,
    *,
    stages: tuple[int, ...] = STAGES,
    refinements: int = REFINEMENTS,
) -> ImportanceSample:
    """Sample a density around a starting guess of its location and covariance.

    Parameters
    ----------
    log_density : callable
        Takes points (N, d), returns the log of the density, up to a constant, (N,); -inf is a density of 0.
    location : array, shape (d,)
    covariance : array, shape (d, d)
        Positive definite.
    rng : numpy.random.Generator
    stages : tuple of int
        Points of each stage.
    refinements : int
        How many further stages to add, at most, while Pareto k-hat is above 0.7 or fewer than 400 points are
        effective.

    Raises
    ------
    FloatingPointError
        The density is 0 at every point of the first stage.
    """
    mixture = _Mixture(len(location))
    for number in range(len(stages) + refinements):
        count = stages[number] if number < len(stages) else REFINEMENT
        root = np.linalg.cholesky(min(INFLATION, 1.0 + WIDENING / len(location)) * covariance)
        x = student_points(count, location, root, rng)
        mixture.add(location, root, x, log_density(x))
        log_weights = mixture.log_weights()
        if not np.isfinite(log_weights.max()):
            raise FloatingPointError("the density is 0 or not finite around its starting point.")
        if number + 1 >= len(stages):
            found = _summary(mixture, log_weights)
            if found.reliable and found.effective_size >= FEWEST_EFFECTIVE:
                break
        location, covariance = _moments(mixture.x, log_weights, covariance)
    return found


def _summary(mixture: _Mixture, log_weights: np.ndarray) -> ImportanceSample:
    n = len(log_weights)
    total = float(log_sum(log_weights))
    weights = np.exp(log_weights - total)
    effective = float(1.0 / (weights**2).sum())
    return ImportanceSample(
        x=mixture.x,
        log_density=mixture.log_density,
        weights=weights,
        log_evidence=total - float(np.log(n)),
        # of independent points, so too large by what the Sobol points gain
        log_evidence_error=float(np.sqrt(max(1.0 / effective - 1.0 / n, 0.0))),
        pareto_k=pareto_k(log_weights),
        effective_size=effective,
    )


def log_sum(x: np.ndarray) -> np.ndarray:
    """Return the log of the sum of exp(x) over the first axis, at a tenth of what scipy's own takes for few numbers."""
    largest = x.max(axis=0)
    with np.errstate(invalid="ignore"):  # where all are -inf
        return np.where(np.isfinite(largest), largest + np.log(np.exp(x - largest).sum(axis=0)), largest)


def _moments(x: np.ndarray, log_weights: np.ndarray, before: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return weighted mean and covariance, the largest weights cut to sqrt(N) means (Ionides 2008).

    The covariance before counts as d + 1 further points, so that few effective points cannot make it singular.
    """
    n, d = x.shape
    weights = np.exp(log_weights - log_weights.max())
    weights = np.minimum(weights, np.sqrt(n) * weights.mean())
    weights /= weights.sum()
    mean = weights @ x
    centred = x - mean
    effective = 1.0 / (weights**2).sum()
    return mean, (effective * (centred.T * weights) @ centred + (d + 1) * before) / (effective + d + 1)


def student_points(
    count: int, location: np.ndarray, root: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Return scrambled Sobol points (count, d) of the multivariate Student-t with scale matrix ``root root'``."""
    d = len(location)
    shift = rng.integers(2**BITS, size=d + 1, dtype=np.uint64)
    uniform = ((sobol(count, d + 1) ^ shift) + 0.5) / 2.0**BITS
    df = degrees_of_freedom(d)
    chi2 = 2.0 * special.gammaincinv(df / 2.0, uniform[:, d])
    return location + special.ndtri(uniform[:, :d]) @ root.T * np.sqrt(df / chi2)[:, None]


def log_student(x: np.ndarray, location: np.ndarray, root: np.ndarray) -> np.ndarray:
    """Return the log density (N,) of the multivariate Student-t at ``x`` (N, d)."""
    d = len(location)
    z = np.linalg.solve(root, (x - location).T)
    df = degrees_of_freedom(d)
    constant = special.gammaln((df + d) / 2.0) - special.gammaln(df / 2.0) - 0.5 * d * np.log(df * np.pi)
    square = np.einsum("dn,dn->n", z, z)
    return constant - np.log(np.diag(root)).sum() - 0.5 * (df + d) * np.log1p(square / df)


def degrees_of_freedom(d: int) -> float:
    """Return those of the proposals in ``d`` dimensions."""
    return max(DF, d - 3.0)


@cache
def sobol(count: int, d: int) -> np.ndarray:
    """Return Sobol points as integers of BITS bits, matrix-scrambled once and for all; a random shift does the rest."""
    from scipy.stats import qmc  # costs a second to import

    points = qmc.Sobol(d, scramble=True, bits=BITS, seed=np.random.default_rng(0)).random(count)
    return np.floor(points * 2.0**BITS).astype(np.uint64)
