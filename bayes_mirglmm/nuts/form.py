"""The sampler's form of the model: the coordinates in which NUTS moves well.

With the design ``X`` (n, p) and its orthonormal complement ``Q`` (n, n - p), sample effects are ``u = X c + Q r``. The
counts see only ``beta + c``, so that is what is sampled, under its own prior N(m, S + sigma^2 (X'X)^-1): ``c`` is
integrated out, and ``beta`` is drawn afterwards from its normal distribution given the rest
(:mod:`bayes_mirglmm.nuts.draws`). SDs are sampled in the coordinates in which their half-normal prior is N(0, 1),
canonical partial correlations through tanh.

Samples with a covariance, u = sigma S w: the directions of w whose S w the design spans make c; the others, times S,
take the place of Q. Random terms Z g are split in the same way, Z g = X H g + Q A g; what is sampled is beta + c + H g
and r + A g, with the prior means m + H g and A g, so that the counts never see g itself. The levels of a term are
turned into directions in which the samples tell them apart, which leaves their prior as it is; g is sampled as every
other effect, with the information that the directions of the samples have, less of it the larger sigma is
(``term_density.py``).

Effects, that is the isomiRs' own coefficients ``beta + c + b_j`` and the ``r``, are sampled standardised under an
approximation of their distribution given the scales. With prior N(m, d^2) and a pseudo-observation t of information i
that the counts have at the estimate, effect = m + w (t - m) + d (1 + i d^2)^-1/2 s for w = i d^2 / (1 + i d^2). For d
near 0 this is the non-centred form, for large d a centred one, and in between it follows d: neither end is a funnel
(partial non-centring, Papaspiliopoulos, Roberts & Skold 2007, Statistical Science 22:59, with weights that depend on
the scales). The change of variables is exact whatever t and i are; they decide only how well the sampler moves.

A point is a flat vector; :class:`Layout` says what stands where. What a miRNA brings is a flat vector too (``pack``),
so that one compiled function serves every miRNA, design and model.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

POISSON, NEGATIVE_BINOMIAL = 0, 1


@dataclass(frozen=True, slots=True)
class Layout:
    """Sizes and structure of one miRNA's model; a point is the variables of :attr:`parts` one after the other."""

    n: int  #: samples
    p: int  #: fixed effects
    n_isomirs: int  #: J
    blocks: tuple[int, ...]  #: covariance block of each isomiR effect (K,)
    fixed: tuple[int, ...]  #: the fixed effect that each isomiR effect varies around, -1 for none (K,)
    family: str
    sample_effect: bool
    residuals: int  #: directions of the sample effects that the design leaves; 0 without sample effects
    term_blocks: tuple[int, ...] = ()  #: the random term of each of their effects (C,)
    term_levels: tuple[int, ...] = ()  #: number of levels of each term (T,)

    @property
    def k(self) -> int:
        """Number of effects of an isomiR."""
        return len(self.blocks)

    @property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """Entries (row, column) below the diagonal of the covariance's Cholesky factor, row by row."""
        return tuple((a, b) for a in range(self.k) for b in range(a) if self.blocks[a] == self.blocks[b])

    @property
    def term_pairs(self) -> tuple[tuple[int, int], ...]:
        """The same of the effects of random terms."""
        blocks = self.term_blocks
        return tuple((a, b) for a in range(len(blocks)) for b in range(a) if blocks[a] == blocks[b])

    @property
    def width(self) -> int:
        """Number of effects of all random terms on their levels."""
        return sum(self.term_blocks.count(t) * q for t, q in enumerate(self.term_levels))

    @property
    def parts(self) -> dict[str, tuple[int, ...]]:
        """Shapes of the sampled variables, in their order."""
        return {
            "beta_star": (self.p,),
            "sd_normal": (self.k,),
            "partial": (len(self.pairs),),
            "sigma_normal": (int(self.sample_effect),),
            "log_theta": (int(self.family == "negative_binomial"),),
            "term_sd_normal": (len(self.term_blocks),),
            "term_partial": (len(self.term_pairs),),
            "term_effect": (self.width,),
            "residual": (self.residuals,),
            "isomir": (self.n_isomirs, self.k),
        }

    @property
    def size(self) -> int:
        """Length of a point."""
        return sum(int(np.prod(shape)) for shape in self.parts.values())

    def flat(self, variables: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return the point (d,) of variables by name."""
        return np.concatenate([np.ravel(variables[name]) for name in self.parts])

    def split(self, points: np.ndarray) -> dict[str, np.ndarray]:
        """Return the variables of points (..., d), by name."""
        found, at = {}, 0
        for name, shape in self.parts.items():
            size = int(np.prod(shape))
            found[name] = points[..., at : at + size].reshape(*points.shape[:-1], *shape)
            at += size
        return found


#: What a pack holds after its header, in this order, with the shapes in terms of the header's numbers.
PACKED = (
    "offset",
    "x",
    "z",
    "y",
    "distinct",
    "multiplicity",
    "complement",
    "residual_pseudo",
    "residual_information",
    "beta_mean",
    "beta_to_directions",
    "beta_spread",
    "sd_scales",
    "sd_spreads",
    "partial_shapes",
    "pseudo",
    "pseudo_root",
    "fixed",
    "blocks",
    "term_scales",
    "term_spreads",
    "term_shapes",
    "term_blocks",
    "term_levels",
    "term_to_beta",
    "term_to_residual",
    "term_to_outside",
    "term_information",
    "term_score",
)
HEADER = 19


def pack(layout: Layout, arrays: Mapping[str, np.ndarray], scalars: Mapping[str, float]) -> np.ndarray:
    """Return everything that the compiled density reads, as one vector.

    Parameters
    ----------
    layout : Layout
    arrays : mapping
        The arrays that :data:`PACKED` names, in the prior's units.
    scalars : mapping
        ``constant`` (what is added to the density), ``sample_scale``, ``sample_spread``,
        ``log_theta_mean`` and ``log_theta_sd``.
    """
    header = [
        layout.n,
        layout.p,
        layout.k,
        layout.n_isomirs,
        len(layout.pairs),
        layout.residuals,
        len(arrays["distinct"]),
        NEGATIVE_BINOMIAL if layout.family == "negative_binomial" else POISSON,
        int(layout.sample_effect),
        scalars["constant"],
        scalars["sample_scale"],
        scalars["log_theta_mean"],
        scalars["log_theta_sd"],
        len(layout.term_levels),
        len(layout.term_blocks),
        len(layout.term_pairs),
        layout.width,
        int(len(arrays["term_to_outside"]) > 0),
        scalars["sample_spread"],
    ]
    assert len(header) == HEADER
    return np.concatenate([np.array(header, float), *(np.ravel(arrays[name]) for name in PACKED)]).astype(
        float
    )
