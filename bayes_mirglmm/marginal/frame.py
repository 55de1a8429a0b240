"""What the fits of one design share: prepared once, used for every miRNA."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bayes_mirglmm.marginal.problem import Layout, make_layout
from bayes_mirglmm.marginal.scaling import Scaling, scale_design
from bayes_mirglmm.marginal.start import Projections, make_projections


@dataclass(frozen=True, slots=True)
class Frame:
    """A design, scaled and laid out for the kernels."""

    scaling: Scaling
    layout: Layout
    projections: Projections
    fixed: tuple[int, ...]  #: column of x that is the mean of each column of z, -1 where there is none


def make_frame(
    offset: np.ndarray,
    x: np.ndarray,
    z: np.ndarray,
    blocks: Sequence[int] | None = None,
    fixed: Sequence[int] | None = None,
) -> Frame:
    """Prepare the fits of one design; arguments as in :func:`~bayes_mirglmm.marginal.fit.fit_marginal`."""
    scaling = scale_design(x, z, blocks)
    layout = make_layout(offset, scaling.x, scaling.z, scaling.blocks)
    columns = _equal_columns(x, z) if fixed is None else tuple(fixed)
    return Frame(scaling, layout, make_projections(layout.x, layout.z), columns)


def _equal_columns(x: np.ndarray, z: np.ndarray) -> tuple[int, ...]:
    same = (x[:, :, None] == z[:, None, :]).all(axis=0)
    return tuple(int(np.argmax(same[:, k])) if same[:, k].any() else -1 for k in range(z.shape[1]))
