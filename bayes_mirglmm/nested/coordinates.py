"""Coordinates of the parameters in which their prior is exactly N(0, I).

A standard deviation near 0 and a correlation near 1 are then far away, not at a boundary, and a direction that the
data say nothing about is a plain normal: what Newton's method and importance sampling are good at. No Jacobian
appears anywhere, because the prior's density is that of the coordinates.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from scipy import special

from bayes_mirglmm.model import ModelSpec
from bayes_mirglmm.model.scaling import (
    NormalArrays,
    SdArrays,
    fixed_effect_priors,
    isomir_sd_priors,
    partial_shapes,
    slope_pairs,
)
from bayes_mirglmm.model.term_priors import TermPriors

SQRT_2 = float(np.sqrt(2.0))
HALF_LOG_2PI = 0.5 * float(np.log(2.0 * np.pi))


@dataclass(frozen=True, slots=True)
class PriorCoordinates:
    """The map from coordinates to the engine's parameters phi, for one design and one model.

    Coordinates ``x`` (d,): fixed effects (p), SDs of the isomiR effects (K), their canonical partial correlations in
    the order of the free entries of L below the diagonal, the same of the effects of random terms (C), SD of the sample
    effects, log theta; the last two where the model has them. phi, of the same length: fixed effects, free entries of L
    row by row, those of the terms' L_t, sigma, log theta (:class:`bayes_mirglmm.marginal.Problem`). Both in the prior's
    units (:mod:`bayes_mirglmm.model.scaling`).
    """

    mean: np.ndarray  #: prior means of the fixed effects (p,)
    sd: np.ndarray  #: their prior SDs (p,)
    sds: SdArrays  #: priors of the isomiR SDs (K,)
    pairs: tuple[tuple[int, int], ...]  #: entries (row, column) of the correlations
    shapes: np.ndarray  #: Beta shape of each canonical partial correlation
    sample: SdArrays | None  #: prior of the sample SD (1,)
    log_theta: tuple[float, float] | None  #: prior mean and SD of log theta
    terms: "FactorCoordinates"  #: of the effects of random terms of the samples

    @classmethod
    def of(
        cls, spec: ModelSpec, p: int, blocks: Sequence[int], terms: TermPriors | None = None
    ) -> "PriorCoordinates":
        """Return the coordinates of a model with ``p`` fixed effects and isomiR effects in ``blocks`` (K,).

        ``p`` is 0 where the fixed effects are integrated out.
        """
        priors = spec.priors
        fixed = fixed_effect_priors(priors, p) if p else NormalArrays(np.empty(0), np.empty(0))
        pairs = tuple((row, column) for column, row in slope_pairs(blocks))
        theta = priors.log_theta
        return cls(
            mean=fixed.mean,
            sd=fixed.sd,
            sds=SdArrays.of(isomir_sd_priors(priors, blocks)),
            pairs=pairs,
            shapes=partial_shapes(priors.correlation.eta, blocks),
            sample=None if priors.sd_sample is None else SdArrays.of([priors.sd_sample]),
            log_theta=None if theta is None else (theta.mean, theta.sd),
            terms=FactorCoordinates(SdArrays.of([]), (), np.empty(0))
            if terms is None
            else FactorCoordinates(terms.sds, terms.pairs, terms.shapes),
        )

    @property
    def isomir(self) -> "FactorCoordinates":
        """Those of the isomiR effects."""
        return FactorCoordinates(self.sds, self.pairs, self.shapes)

    @property
    def size(self) -> int:
        """Number of coordinates d."""
        known = len(self.mean) + self.isomir.size + self.terms.size
        return known + (self.sample is not None) + (self.log_theta is not None)

    def parameters(self, x: np.ndarray) -> np.ndarray:
        """Return phi (N, d) of coordinates ``x`` (N, d)."""
        p = len(self.mean)
        parts, rest = [self.mean + self.sd * x[:, :p]], p
        for factor in (self.isomir, self.terms):
            parts.append(factor.entries(x[:, rest : rest + factor.size]))
            rest += factor.size
        if self.sample is not None:
            parts.append(sd_at(x[:, rest : rest + 1], self.sample))
            rest += 1
        if self.log_theta is not None:
            parts.append(self.log_theta[0] + self.log_theta[1] * x[:, rest : rest + 1])
        return np.concatenate(parts, axis=1)

    def parameters_and_slopes(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return phi (N, d), and its derivatives: at [., c, e] that of phi_e in x_c (N, d, d)."""
        phi, slopes = np.empty(x.shape), np.zeros((*x.shape, x.shape[1]))
        rest = len(self.mean)
        fixed = np.arange(rest)
        phi[:, :rest], slopes[:, fixed, fixed] = self.mean + self.sd * x[:, :rest], self.sd
        for factor in (self.isomir, self.terms):
            own = slice(rest, rest + factor.size)
            if factor.size:
                phi[:, own], slopes[:, own, own] = factor.entries_and_slopes(x[:, own])
            rest += factor.size
        if self.sample is not None:
            sd, by_x = sd_and_slope(x[:, rest : rest + 1], self.sample)
            phi[:, rest], slopes[:, rest, rest] = sd[:, 0], by_x[:, 0]
            rest += 1
        if self.log_theta is not None:
            phi[:, rest] = self.log_theta[0] + self.log_theta[1] * x[:, rest]
            slopes[:, rest, rest] = self.log_theta[1]
        return phi, slopes

    def coordinates(self, phi: np.ndarray) -> np.ndarray:
        """Return the coordinates (d,) of one phi (d,): the inverse of :meth:`parameters`.

        An SD of 0 or a correlation of 1 is infinitely far away.
        """
        p = len(self.mean)
        parts, rest = [(phi[:p] - self.mean) / self.sd], p
        for factor in (self.isomir, self.terms):
            parts.append(factor.coordinates(phi[rest : rest + factor.size]))
            rest += factor.size
        if self.sample is not None:
            parts.append(sd_coordinates(np.abs(phi[rest : rest + 1]), self.sample))
            rest += 1
        if self.log_theta is not None:
            parts.append((phi[rest : rest + 1] - self.log_theta[0]) / self.log_theta[1])
        return np.concatenate(parts)


@dataclass(frozen=True, slots=True)
class FactorCoordinates:
    """The map for a Cholesky factor L: coordinates of SDs (K) and canonical partial correlations to its free entries.

    The entries stand row by row; rows and columns of different blocks have none.
    """

    sds: SdArrays  #: priors of the SDs (K,)
    pairs: tuple[tuple[int, int], ...]  #: (row, column) of the free entries below the diagonal, row by row
    shapes: np.ndarray  #: Beta shape of each partial correlation

    @property
    def size(self) -> int:
        """Number of coordinates, and of entries."""
        return len(self.sds.scale) + len(self.pairs)

    def entries(self, x: np.ndarray) -> np.ndarray:
        """Return the free entries (N, size) of coordinates ``x`` (N, size): SDs times rows of length 1."""
        k = len(self.sds.scale)
        if not self.size:
            return x
        products = self._products(sd_at(x[:, :k], self.sds), *partial_correlation(x[:, k:], self.shapes))
        return np.stack([reduce(np.multiply, factors) for factors in products], axis=1)

    def entries_and_slopes(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return :meth:`entries`, and their derivatives: at [., c, e] that of entry e in x_c (N, size, size)."""
        k = len(self.sds.scale)
        sd, by_sd = sd_and_slope(x[:, :k], self.sds)
        partial, rest = partial_correlation(x[:, k:], self.shapes)
        number = np.arange(self.size)
        entries, slopes = np.empty(x.shape), np.zeros((*x.shape, self.size))
        for e, (places, factors, changed) in enumerate(
            zip(
                self._products(number[None, :k], number[None, k:], number[None, k:]),
                self._products(sd, partial, rest),
                self._products(by_sd, *partial_slopes(x[:, k:], self.shapes, partial, rest)),
                strict=True,
            )
        ):
            entries[:, e] = reduce(np.multiply, factors)
            for own, (place, change) in enumerate(zip(places, changed, strict=True)):
                slopes[:, place[0], e] = reduce(np.multiply, factors[:own] + factors[own + 1 :], change)
        return entries, slopes

    def _products(self, sd: np.ndarray, partial: np.ndarray, rest: np.ndarray) -> Iterator[list[np.ndarray]]:
        """Give the factors (N,) of each entry: an SD, what is left of the row's length, and a partial correlation.

        Each is a function of one coordinate; those on the diagonal have no correlation.
        """
        first = 0
        for row in range(len(self.sds.scale)):
            end = first + sum(pair[0] == row for pair in self.pairs)
            for e in range(first, end):
                yield [sd[:, row], *rest[:, first:e].T, partial[:, e]]
            yield [sd[:, row], *rest[:, first:end].T]
            first = end

    def coordinates(self, entries: np.ndarray) -> np.ndarray:
        """Return the coordinates (size,) of entries (size,): the inverse of :meth:`entries`."""
        k, m = len(self.sds.scale), len(self.pairs)
        sd, partial, at, e = np.empty(k), np.empty(m), 0, 0
        for row in range(k):
            width = 1 + sum(pair[0] == row for pair in self.pairs)
            own = entries[at : at + width]
            at += width
            sd[row] = np.linalg.norm(own)
            left = sd[row]
            for entry in own[:-1]:
                partial[e] = np.clip(entry / left, -1.0, 1.0) if left > 0 else 0.0
                left *= np.sqrt(1.0 - partial[e] ** 2)
                e += 1
        correlations = special.ndtri(special.betainc(self.shapes, self.shapes, (1.0 + partial) / 2.0))
        return np.concatenate([sd_coordinates(sd, self.sds), correlations])


def sd_at(x: np.ndarray, priors: SdArrays) -> np.ndarray:
    """Return the SDs (..., K) at coordinates ``x`` (..., K)."""
    with np.errstate(over="ignore"):
        log_normal = np.exp(priors.spread * x)
    return priors.scale * np.where(priors.spread > 0.0, log_normal, half_normal(x))


def sd_and_slope(x: np.ndarray, priors: SdArrays) -> tuple[np.ndarray, np.ndarray]:
    """Return :func:`sd_at`, and its derivatives (..., K)."""
    sd = sd_at(x, priors)
    with np.errstate(over="ignore", invalid="ignore"):
        half = (
            0.5 * priors.scale * np.exp(0.5 * ((sd / priors.scale) ** 2 - x**2))
        )  # densities at both are equal
    return sd, np.where(priors.spread > 0.0, priors.spread * sd, half)


def sd_coordinates(sd: np.ndarray, priors: SdArrays) -> np.ndarray:
    """Return the coordinates (..., K) of SDs (..., K); -inf for 0."""
    s = sd / priors.scale
    with np.errstate(divide="ignore"):
        log_normal = np.log(s) / np.where(priors.spread > 0.0, priors.spread, 1.0)
    return np.where(priors.spread > 0.0, log_normal, half_normal_inverse(s))


def half_normal(x: np.ndarray) -> np.ndarray:
    """Return the half-normal SD whose probability below is that of ``x`` under N(0, 1); unit scale.

    For x > 0 from the upper tail, so that neither end cancels.
    """
    tail = special.ndtr(-np.abs(x))
    with np.errstate(all="ignore"):
        return np.where(x < 0, SQRT_2 * special.erfinv(tail), -special.ndtri(tail / 2.0))


def half_normal_inverse(s: np.ndarray) -> np.ndarray:
    """Return the x of :func:`half_normal`; -inf for 0."""
    with np.errstate(divide="ignore"):
        return np.where(
            s < 1.0, special.ndtri(special.erf(s / SQRT_2)), -special.ndtri(special.erfc(s / SQRT_2))
        )


def partial_correlation(x: np.ndarray, shape: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return r on (-1, 1) with (1 + r)/2 ~ Beta(shape, shape) when x ~ N(0, 1), and sqrt(1 - r^2).

    For shape 2, the correlation of a 2 x 2 LKJ(2) matrix, r = 2 sin(asin(erf(x / sqrt 2)) / 3).
    """
    if x.shape[1] == 0:
        return x, x
    tail = special.betaincinv(shape, shape, special.ndtr(-np.abs(x)))  # the distance to +-1, halved
    return np.sign(x) * (1.0 - 2.0 * tail), 2.0 * np.sqrt(tail * (1.0 - tail))


def partial_slopes(
    x: np.ndarray, shape: np.ndarray, r: np.ndarray, rest: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the derivatives of ``r`` and ``rest``, the values of :func:`partial_correlation`."""
    if x.shape[1] == 0:
        return x, x
    with np.errstate(divide="ignore", invalid="ignore"):
        # The density of (1 + r) / 2, whose product with 1 less it is rest^2 / 4, is that of x over the slope.
        log_density = 2.0 * (shape - 1.0) * np.log(rest / 2.0) - special.betaln(shape, shape)
        by_x = 2.0 * np.exp(-0.5 * x**2 - HALF_LOG_2PI - log_density)
        return by_x, -r / rest * by_x
