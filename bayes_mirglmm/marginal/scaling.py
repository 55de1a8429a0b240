"""Orthogonal fixed effects and scaled covariates: the search sees numbers of order one whatever the user's units."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bayes_mirglmm.marginal.problem import Terms


@dataclass(frozen=True, slots=True)
class Scaling:
    """Scaled designs, and the matrices that take estimates back to the user's units."""

    x: np.ndarray  #: (n, p)
    z: np.ndarray  #: (n, K)
    beta: np.ndarray  #: beta = this @ scaled beta (p, p)
    b: np.ndarray  #: b_j = this @ scaled b_j (K, K)
    blocks: np.ndarray  #: covariance block of each column of z (K,)
    terms: tuple[np.ndarray, ...] = ()  #: the same of the effects of each random term (c, c)


def scale_design(x: np.ndarray, z: np.ndarray, blocks: Sequence[int] | None = None) -> Scaling:
    """Scale ``x`` (n, p) and ``z`` (n, K).

    ``x`` becomes orthogonal columns of mean square 1 that span the same space, so that neither the origin nor the unit
    of a covariate, nor columns that are nearly collinear, cost digits of the estimates or of their errors. A column of
    ``z`` is centred only inside the intercept's own covariance block, which is closed under that change; in any other
    block it would make the intercept and the slope dependent. Dummy columns of ``z`` stay as they are.
    """
    block = np.zeros(z.shape[1], dtype=np.int64) if blocks is None else np.asarray(blocks, dtype=np.int64)
    x_scaled, beta = _orthogonal(*_scale(x, np.ones(x.shape[1], dtype=bool)))
    home = _intercept(z)
    movable = np.array([home >= 0 and b == block[home] for b in block])
    dummy = np.isin(z, (0.0, 1.0)).all(axis=0)
    z_scaled, back = _scale(z, movable, skip=dummy)
    return Scaling(x_scaled, z_scaled, beta, back, block)


def _orthogonal(x: np.ndarray, back: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return orthogonal columns that span those of ``x``, and the matrix that takes their coefficients back."""
    q, r = np.linalg.qr(x)
    signs = np.where(np.diagonal(r) < 0, -1.0, 1.0)
    size = np.sqrt(len(x)) * signs
    return q * size, back @ np.linalg.inv(r) * size


def scale_terms(terms: Terms) -> tuple[Terms, tuple[np.ndarray, ...]]:
    """Scale the columns of random terms; also return the matrices that take their effects back."""
    scaled, back = [], []
    for columns in terms.columns:
        values, matrix = _scale(columns, np.ones(columns.shape[1], dtype=bool))
        scaled.append(values)
        back.append(matrix)
    return Terms(tuple(scaled), terms.levels), tuple(back)


def _intercept(design: np.ndarray) -> int:
    constant = (design == design[:1]).all(axis=0) & (design[0] != 0.0)
    return int(np.argmax(constant)) if constant.any() else -1


def _scale(
    design: np.ndarray, centre: np.ndarray, skip: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the scaled design and the matrix that takes its coefficients back."""
    k = design.shape[1]
    home = _intercept(design)
    scaled = np.array(design, dtype=float)
    back = np.eye(k)
    for c in range(k):
        if c == home or (skip is not None and skip[c]):
            continue
        shift = float(scaled[:, c].mean()) if home >= 0 and centre[c] else 0.0
        spread = float(np.sqrt(np.mean((scaled[:, c] - shift) ** 2))) or 1.0
        scaled[:, c] = (scaled[:, c] - shift) / spread
        back[c, c] = 1.0 / spread
        if home >= 0:
            back[home, c] = -shift / spread / design[0, home]
    return scaled, back
