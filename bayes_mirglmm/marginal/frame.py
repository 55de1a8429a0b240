"""What the fits of one design share: prepared once, used for every miRNA."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from bayes_mirglmm.marginal.problem import Layout, Terms, make_layout
from bayes_mirglmm.marginal.scaling import Scaling, scale_design, scale_terms
from bayes_mirglmm.marginal.start import Projections, make_projections

NO_TERMS = Terms((), ())


@dataclass(frozen=True, slots=True)
class Frame:
    """A design, scaled and laid out for the kernels."""

    scaling: Scaling
    layout: Layout
    projections: Projections
    around: np.ndarray  #: what the effects of the columns of z vary around, as weights of those of x (K, p)
    terms: Terms = NO_TERMS  #: random terms of the samples, scaled, samples in the caller's order


def make_frame(
    offset: np.ndarray,
    x: np.ndarray,
    z: np.ndarray,
    blocks: Sequence[int] | None = None,
    fixed: Sequence[int] | np.ndarray | None = None,
    terms: Terms | None = None,
    sample_covariance: np.ndarray | None = None,
) -> Frame:
    """Prepare the fits of one design; arguments as in :func:`~bayes_mirglmm.marginal.fit.fit_marginal`."""
    scaling = scale_design(x, z, blocks)
    scaled_terms, back = scale_terms(terms or NO_TERMS)
    layout = make_layout(offset, scaling.x, scaling.z, scaling.blocks, scaled_terms, sample_covariance)
    around = _weights(_equal_columns(x, z) if fixed is None else fixed, x.shape[1])
    projections = make_projections(layout.x, layout.z)
    return Frame(replace(scaling, terms=back), layout, projections, around, scaled_terms)


def _weights(fixed: Sequence[int] | np.ndarray, p: int) -> np.ndarray:
    """Return weights (K, p) as they are, and columns (K,), -1 where there is none, as weights."""
    if np.ndim(fixed) == 2:
        return np.asarray(fixed, dtype=float)
    return np.array([[float(c == column) for c in range(p)] for column in fixed])


def _equal_columns(x: np.ndarray, z: np.ndarray) -> tuple[int, ...]:
    same = (x[:, :, None] == z[:, None, :]).all(axis=0)
    return tuple(int(np.argmax(same[:, k])) if same[:, k].any() else -1 for k in range(z.shape[1]))
