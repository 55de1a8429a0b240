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
    fixed: tuple[int, ...]  #: column of x that is the mean of each column of z, -1 where there is none
    terms: Terms = NO_TERMS  #: random terms of the samples, scaled, samples in the caller's order


def make_frame(
    offset: np.ndarray,
    x: np.ndarray,
    z: np.ndarray,
    blocks: Sequence[int] | None = None,
    fixed: Sequence[int] | None = None,
    terms: Terms | None = None,
    sample_covariance: np.ndarray | None = None,
) -> Frame:
    """Prepare the fits of one design; arguments as in :func:`~bayes_mirglmm.marginal.fit.fit_marginal`."""
    scaling = scale_design(x, z, blocks)
    scaled_terms, back = scale_terms(terms or NO_TERMS)
    layout = make_layout(offset, scaling.x, scaling.z, scaling.blocks, scaled_terms, sample_covariance)
    columns = _equal_columns(x, z) if fixed is None else tuple(fixed)
    projections = make_projections(layout.x, layout.z)
    return Frame(replace(scaling, terms=back), layout, projections, columns, scaled_terms)


def _equal_columns(x: np.ndarray, z: np.ndarray) -> tuple[int, ...]:
    same = (x[:, :, None] == z[:, None, :]).all(axis=0)
    return tuple(int(np.argmax(same[:, k])) if same[:, k].any() else -1 for k in range(z.shape[1]))
