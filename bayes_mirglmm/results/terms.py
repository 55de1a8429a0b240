"""Coefficients as a reader asks for them: which one first, and what its name means."""

from typing import TYPE_CHECKING

from bayes_mirglmm.results.effects import INTERCEPT

if TYPE_CHECKING:
    from bayes_mirglmm.design.build import Design


def default_term(design: "Design") -> str | None:
    """Return the coefficient asked for first: the slope variable's first, else the formula's; None without one."""
    terms = [name for name in (*design.slope_terms, *design.terms) if name in design.terms]
    return next((name for name in terms if name != INTERCEPT), None)


def slope_coefficients(design: "Design") -> list[str]:
    """Return the coefficients of the slope variable, whose isomiR effects are what usage is; not nuisance slopes."""
    own = zip(design.slope_terms[1:], design.blocks[1:], strict=True)
    return [name for name, block in own if block == 0]


def meaning(design: "Design", term: str) -> str:
    """Return ``term`` with its levels spelled out where it is a dummy: ``group[T.B] (B against A)``."""
    for factor, levels in design.factors.items():
        for level in levels[1:]:
            if term == f"{factor}[T.{level}]":
                return f"{term} ({level} against {levels[0]})"
    return term
