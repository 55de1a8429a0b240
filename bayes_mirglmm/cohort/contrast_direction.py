"""A contrast of coefficients as a direction among the samples."""

from typing import NamedTuple

import numpy as np


class ContrastDirection(NamedTuple):
    """A contrast of coefficients as a direction u among n samples.

    The ordinary least squares estimate of the contrast is ``length * u'y``.
    """

    direction: np.ndarray
    """u, length 1, in the column space of the design, shape (n,)."""
    length: float


def contrast_direction(x: np.ndarray, weights: np.ndarray) -> ContrastDirection:
    """Return the direction of ``weights @ beta`` in the design ``x`` (n, p) of full column rank."""
    row = weights @ np.linalg.pinv(x)
    length = float(np.linalg.norm(row))
    return ContrastDirection(row / length, length)
