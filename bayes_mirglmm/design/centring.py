"""Covariates inside products: measured from their mean over the samples, so that their origin does not matter.

In ``~ group * year`` with the column ``group:year`` as it stands, the coefficient of ``group`` is the difference at
year 0, two thousand years before the samples: it has a huge standard error, and a prior on it says something about
year 0. With ``group:(year - mean)`` in its place the model is the same, and the coefficient is the difference at the
mean year. The same holds for a power such as ``I(year ** 2)``. Main effects keep the user's origin.

Centring is only done where the model stays the same: ``~ year + group:year`` without ``group`` says that the groups
meet at year 0, and is left as it is.
"""

import ast
import re
from collections.abc import Sequence

import numpy as np

#: Part of a column outside the span of others, relative to its spread, from which on it is not in that span.
TOLERANCE = 1e-6


def centred(factor: str) -> str:
    """Return a covariate, as a formula has it, measured from its mean: ``center(year)``."""
    return f"center({_centred_power(factor)})"


def is_product(factors: Sequence[str], numeric: frozenset[str]) -> bool:
    """Tell whether a term multiplies a covariate by something: another factor, or itself."""
    covariates = [factor for factor in factors if factor in numeric]
    return bool(covariates) and (len(factors) > 1 or _centred_power(factors[0]) != factors[0])


def keep_model(raw: np.ndarray, moved: np.ndarray, groups: Sequence[Sequence[int]]) -> list[bool]:
    """Tell for each of ``groups`` of columns whether it may be centred without another model coming out.

    Parameters
    ----------
    raw, moved : array, shape (n, p)
        The columns as they stand, and with covariates centred inside products.
    groups : sequence of sequences of int
        Columns of the same term; the others are the same in both.
    """
    use = [True] * len(groups)
    while any(use):
        x = raw.copy()
        for columns, chosen in zip(groups, use, strict=True):
            if chosen:
                x[:, columns] = moved[:, columns]
        basis = _orthonormal(x)
        lost = [
            chosen and not _inside(raw[:, columns], basis)
            for columns, chosen in zip(groups, use, strict=True)
        ]
        if not any(lost):
            break
        use = [chosen and not gone for chosen, gone in zip(use, lost, strict=True)]
    return use


def _orthonormal(x: np.ndarray) -> np.ndarray:
    """Return an orthonormal basis of the columns of ``x``, each taken in units of its spread."""
    moved = np.column_stack([np.ones(len(x)), x - x.mean(axis=0)])
    size = np.linalg.norm(moved, axis=0)
    u, s, _ = np.linalg.svd(moved / np.where(size > 0, size, 1.0), full_matrices=False)
    return u[:, s > 1e-9 * s[0]]


def _inside(columns: np.ndarray, basis: np.ndarray) -> bool:
    moved = columns - columns.mean(axis=0)
    rest = moved - basis @ (basis.T @ moved)
    return bool((np.linalg.norm(rest, axis=0) <= TOLERANCE * np.linalg.norm(moved, axis=0)).all())


def _centred_power(factor: str) -> str:
    """Return ``I(year ** 2)`` as ``I(center(year) ** 2)``, and anything but a polynomial as it is."""
    names: dict[str, str] = {}

    def placeholder(match: re.Match[str]) -> str:
        names[f"_column_{len(names)}"] = match[0]
        return f"_column_{len(names) - 1}"

    tree = ast.parse(re.sub(r"`[^`]*`", placeholder, factor), mode="eval").body
    if not (isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name) and tree.func.id == "I"):
        return factor
    degree = _degree(tree.args[0]) if len(tree.args) == 1 else None
    if degree is None or degree < 2:
        return factor
    text = ast.unparse(_Centre().visit(tree))
    for key, name in names.items():
        text = text.replace(key, name)
    return text


class _Centre(ast.NodeTransformer):
    """Put ``center()`` around every column."""

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id == "I":
            return node
        return ast.Call(func=ast.Name("center", ast.Load()), args=[node], keywords=[])


def _degree(node: ast.expr) -> int | None:
    """Return the degree of a polynomial in columns, None for anything else."""
    match node:
        case ast.Name():
            return 1
        case ast.Constant(value=int() | float()):
            return 0
        case ast.UnaryOp(op=ast.USub() | ast.UAdd()):
            return _degree(node.operand)
        case ast.BinOp(op=ast.Pow(), right=ast.Constant(value=int() as power)) if power >= 0:
            below = _degree(node.left)
            return None if below is None else below * power
        case ast.BinOp(op=ast.Add() | ast.Sub() | ast.Mult() | ast.Div()):
            left, right = _degree(node.left), _degree(node.right)
            if left is None or right is None or (isinstance(node.op, ast.Div) and right):
                return None
            return left + right if isinstance(node.op, ast.Mult) else max(left, right)
    return None
