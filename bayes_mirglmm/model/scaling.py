"""The units in which priors are stated, and the priors as arrays over the columns of a design. NumPy only.

A prior such as N(0, 2.5) means the same for age in years and in days only when it is about the effect of one
standard deviation. So for the prior continuous columns are centred and divided by their standard deviation,
and the effects are carried back into the user's units, in which everything is reported: with ``T`` of
:func:`to_user`, ``x beta = x_scaled beta_scaled`` for ``beta = T beta_scaled``. The model itself is
untouched.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bayes_mirglmm.design.blocks import slope_columns
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.model.priors import LogNormal, Priors, SdPrior


class NormalArrays(NamedTuple):
    """Independent normal priors of the fixed effects."""

    mean: np.ndarray  #: (p,)
    sd: np.ndarray  #: (p,)


def to_user(x: np.ndarray) -> np.ndarray:
    """Return the matrix that carries effects from the prior's units into those of the columns of ``x``.

    A column of 0 and 1 codes a level of a factor and stays as it is. Any other is centred at its mean and divided by
    its standard deviation (n - 1). One of two values becomes 0 and 1 too: its effect is that of the one value against
    the other, however they are coded (a nuisance column, whose mean is 0, is divided by their difference alone).

    Parameters
    ----------
    x : array, shape (n, c)
        Columns of a design, the intercept first.

    Returns
    -------
    array, shape (c, c)
        ``T``: the identity apart from ``1 / scale`` on the diagonal and ``-centre / scale`` in the first row.

    Raises
    ------
    InputError
        The spread of a column overflows, or vanishes beside its values.
    """
    matrix = np.eye(x.shape[1])
    for k in range(1, x.shape[1]):
        column = x[:, k]
        if np.isin(column, (0.0, 1.0)).all():
            continue
        values = np.unique(column)
        largest = np.abs(values).max()
        with np.errstate(all="ignore"):
            scale = np.ptp(values) if len(values) == 2 else column.std(ddof=1)
            mean = float(column.mean())
        if not (np.isfinite(mean) and np.isfinite(scale) and scale > 1e-12 * largest):
            raise InputError(
                f"column {k + 1} of the design spreads by {scale:g} around {mean:g}, which no prior can be "
                "scaled to: rescale the variable to values around 1, or leave it out."
            )
        # A nuisance column comes centred; what rounding leaves of its mean must not tie it to the intercept.
        centre = 0.0 if abs(mean) <= 1e-12 * largest else values[0] if len(values) == 2 else mean
        matrix[k, k] = 1 / scale
        matrix[0, k] = -centre / scale
    return matrix


def fixed_effect_priors(priors: Priors, p: int) -> NormalArrays:
    """Return the priors of ``p`` fixed effects, the intercept first, in the prior's units."""
    mean, sd = np.full(p, priors.beta.mean), np.full(p, priors.beta.sd)
    mean[0], sd[0] = priors.intercept.mean, priors.intercept.sd
    return NormalArrays(mean, sd)


class SdArrays(NamedTuple):
    """Independent priors of standard deviations, in the prior's units."""

    scale: np.ndarray  #: scale of a half-normal, median of a log-normal prior (K,)
    spread: np.ndarray  #: SD of the log of a log-normal prior; 0 for a half-normal one (K,)

    @classmethod
    def of(cls, priors: Sequence[SdPrior]) -> "SdArrays":
        """Return priors as arrays."""
        numbers = [
            (np.exp(prior.mean), prior.sd) if isinstance(prior, LogNormal) else (prior.scale, 0.0)
            for prior in priors
        ]
        scale, spread = np.array(numbers, dtype=float).reshape(-1, 2).T
        return cls(scale, spread)

    @property
    def typical(self) -> np.ndarray:
        """An SD (K,) that each prior finds usual, where a search starts from nothing."""
        return np.where(self.spread > 0.0, self.scale, self.scale / np.sqrt(10.0))

    def log_density(self, sd: np.ndarray) -> np.ndarray:
        """Return the log prior densities (..., K) of SDs (..., K)."""
        with np.errstate(divide="ignore", invalid="ignore"):
            log_ratio = np.log(sd / self.scale)
            wide = np.where(self.spread > 0.0, self.spread, 1.0)
            log_normal = -0.5 * (log_ratio / wide) ** 2 - np.log(sd * wide) - 0.5 * np.log(2.0 * np.pi)
        half_normal = -0.5 * (sd / self.scale) ** 2 + 0.5 * np.log(2.0 / np.pi) - np.log(self.scale)
        return np.where(self.spread > 0.0, np.where(sd > 0.0, log_normal, -np.inf), half_normal)


def isomir_sd_priors(priors: Priors, blocks: Sequence[int]) -> list[SdPrior]:
    """Return the priors (K) of the SDs of isomiR effects, in the prior's units.

    Parameters
    ----------
    priors : Priors
    blocks : sequence of int, length K
        Covariance block of each column: 0 for the intercept (first) and the slope variable, higher for
        nuisance variables.
    """
    found: list[SdPrior] = [priors.sd_isomir_nuisance] * len(blocks)
    for k in slope_columns(blocks):
        assert priors.sd_isomir_slope is not None, "slope columns for a model without isomiR slope"
        found[k] = priors.sd_isomir_slope
    found[0] = priors.sd_isomir_intercept
    return found


def slope_pairs(blocks: Sequence[int]) -> list[tuple[int, int]]:
    """Return the pairs of columns of the isomiR effects that are correlated: those of one covariance block."""
    return [(k, j) for j in range(len(blocks)) for k in range(j) if blocks[k] == blocks[j]]


def pair_labels(slope_terms: Sequence[str], blocks: Sequence[int]) -> list[str]:
    """Return the names of :func:`slope_pairs`: those of both columns."""
    return [f"{slope_terms[k]}, {slope_terms[j]}" for k, j in slope_pairs(blocks)]


def partial_shapes(eta: float, blocks: Sequence[int]) -> np.ndarray:
    """Return the shape b of each partial correlation, in the order of :func:`slope_pairs`, under an LKJ(``eta``) prior.

    Canonical partial correlations are independent there, (1 + r) / 2 ~ Beta(b, b) with b = eta + (size - 2 - k) / 2 on
    tree k of the vine (Lewandowski, Kurowicka & Joe 2009, Journal of Multivariate Analysis 100:1989, section 2.4).
    """
    blocks = list(blocks)
    size = {block: blocks.count(block) for block in blocks}
    trees = [(blocks[j], blocks[:k].count(blocks[k])) for k, j in slope_pairs(blocks)]
    return np.array([eta + (size[block] - 2 - tree) / 2 for block, tree in trees], dtype=float)
