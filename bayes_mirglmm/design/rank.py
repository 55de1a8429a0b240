"""Linear dependence between the columns of a design, in words."""

from collections.abc import Callable, Sequence

import numpy as np

from bayes_mirglmm.errors import InputError

#: A column whose part outside the span of the columns before it is shorter than this, relative to the column's spread
#: around its mean, counts as linearly dependent on them: an effect of it would be made of rounding errors.
TOLERANCE = 1e-7
#: The spread itself counts as none below this, relative to the column.
CONSTANT = 1e-13


def checked_rank(
    x: np.ndarray, names: Sequence[str], what: str, way_out: Callable[[], str] = lambda: ""
) -> int:
    """Return the rank of ``x``, shape (n, p), which is p, or refuse it.

    Raises
    ------
    InputError
        There are more columns than samples, or columns depend linearly on the ones before them; each is then
        written as their sum. ``what`` is the subject of the message, ``way_out`` makes a remedy that is better than
        the general one, or nothing.
    """
    n, p = x.shape
    if p > n:
        raise InputError(f"{what} has {p} columns and there are {n} samples: leave variables out.")
    basis = np.empty((n, 0))
    kept: list[int] = []
    found: list[str] = []
    for j in range(p):
        rest, size = x[:, j], float(np.linalg.norm(x[:, j]))
        if kept:  # after the intercept: neither the origin nor the unit of a covariate matters
            rest = rest - rest.mean()
            spread = float(np.linalg.norm(rest))
            size = spread if spread > CONSTANT * size else 0.0
        rest = rest / (size or 1.0)
        for _ in range(2):  # the second pass removes the rounding error of the first
            rest = rest - basis @ (basis.T @ rest)
        if size > 0 and np.linalg.norm(rest) > TOLERANCE:
            basis = np.column_stack([basis, rest / np.linalg.norm(rest)])
            kept.append(j)
        else:
            found.append(f"{names[j]} = {_combination(x, j, kept, names)}")
    if found:
        raise InputError(
            f"{what} has linearly dependent columns: {'; '.join(found)}. Their effects cannot be told apart: "
            + (
                way_out()
                or "leave out one of the variables, or merge levels. (A column that is 0 belongs to a combination "
                "of levels that no sample has; a multiple of Intercept is constant.)"
            )
        )
    return len(kept)


def _combination(x: np.ndarray, j: int, kept: list[int], names: Sequence[str]) -> str:
    if not kept or not x[:, j].any():
        return "0"
    sizes = np.linalg.norm(x[:, kept], axis=0)
    weights = np.linalg.lstsq(x[:, kept] / sizes, x[:, j], rcond=None)[0]
    text = ""
    for weight, size, k in zip(weights, sizes, kept, strict=True):
        if abs(weight) > 1e-6 * np.linalg.norm(x[:, j]):
            factor = f"{abs(weight) / size:.4g} "
            text += f" {'-' if weight < 0 else '+'} {'' if factor == '1 ' else factor}{names[k]}"
    return text.removeprefix(" + ").strip()
