"""Covariance blocks of the columns with isomiR effects: what a number in ``Design.blocks`` means, said once.

Column 0 is the intercept. It and the columns of the slope variable are block 0, and correlate; each nuisance variable
has a block of its own, above 0. Plain integers in, plain integers out.
"""

from collections.abc import Sequence


def slope_columns(blocks: Sequence[int]) -> list[int]:
    """Return the columns of the slope variable: what isomiR usage is about."""
    return [k for k, block in enumerate(blocks) if block == 0 and k > 0]


def nuisance_columns(blocks: Sequence[int]) -> list[int]:
    """Return the columns of nuisance variables."""
    return [k for k, block in enumerate(blocks) if block > 0]


def reduced_columns(blocks: Sequence[int]) -> list[int]:
    """Return the columns that the model without isomiR slopes keeps: all but the slope variable's."""
    return [0, *nuisance_columns(blocks)]
