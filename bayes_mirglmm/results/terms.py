"""Coefficients as a reader asks for them: which one first, and what its name means."""

import re
from typing import TYPE_CHECKING, Any

from bayes_mirglmm.design.blocks import slope_columns
from bayes_mirglmm.results.contrast import chosen_weights
from bayes_mirglmm.results.effects import INTERCEPT

if TYPE_CHECKING:
    from bayes_mirglmm.design.build import Design


def default_term(design: "Design") -> str | None:
    """Return the coefficient asked for first: the slope variable's first, else the formula's; None without one."""
    terms = [name for name in (*design.slope_terms, *design.terms) if name in design.terms]
    return next((name for name in terms if name != INTERCEPT), None)


def slope_coefficients(design: "Design") -> list[str]:
    """Return the coefficients of the slope variable, whose isomiR effects are what usage is; not nuisance slopes."""
    return [design.slope_terms[k] for k in slope_columns(design.blocks)]


def meaning(design: "Design", term: str) -> str:
    """Return ``term`` with its levels spelled out where it is a dummy: ``group[T.B] (B against A)``."""
    for factor, levels in design.factors.items():
        for level in levels[1:]:
            if term == f"{factor}[T.{level}]":
                return f"{term} ({level} against {levels[0]}{at_means(design, term)})"
    return term


def at_means(design: "Design", term: str) -> str:
    """Return ``, at the mean year (2018)`` for a coefficient that has products with covariates, measured from there."""
    found = []
    for name, mean in design.centres.items():
        if any(f"{term}:{name}" == other or other.startswith(f"{term}:{name}[") for other in design.terms):
            at = f"{mean:.0f}" if abs(mean) >= 1e5 else f"{mean:.5g}"  # 20230512, not 2.023e+07
            found.append(f"{name} ({at})" if mean == mean else name)
    return f", at the mean {' and '.join(found)}" if found else ""


def findings(design: "Design") -> list[str]:
    """Return the coefficients that are findings: of the slope variable first, then the others.

    Those of a factor that only pairs samples (patients) are no findings, nor is the intercept.
    """
    names = [name for name in design.terms if name != INTERCEPT]
    paired = set(pairing_coefficients(design))
    own = slope_coefficients(design)
    return [
        name for name in (*own, *(n for n in names if n not in own)) if name in names and name not in paired
    ]


def equal_coefficients(design: "Design", contrasts: Any) -> dict[str, str]:
    """Return the contrasts that are a coefficient under another name, with that coefficient."""
    weights = chosen_weights(design, contrasts=contrasts)[0]
    found = {}
    for name, row in weights.iterrows():
        used = row[row.abs() > 1e-9]
        if len(used) == 1 and abs(used.iloc[0] - 1.0) < 1e-9:
            found[str(name)] = str(used.index[0])
    return found


def pairing_coefficients(design: "Design") -> list[str]:
    """Return the coefficients of the factor that says which samples belong together."""
    factor = design.pairing
    if factor is None:
        return []
    start = re.compile(rf"(?:^|:)(?:C\()?{re.escape(factor)}\)?\[")
    return [name for name in design.terms if start.search(name)]
