"""Coefficients and contrasts as a reader asks for them: their weights, which one first, and what a name means."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from bayes_mirglmm.design.blocks import slope_columns
from bayes_mirglmm.design.build import Design, contrast_weights
from bayes_mirglmm.errors import InputError

INTERCEPT = "Intercept"


def chosen_weights(design: Design, terms: Any = None, contrasts: Any = None) -> tuple[pd.DataFrame, str]:
    """Return the weights of coefficients or contrasts, and the name of the column that will name them.

    Parameters
    ----------
    design : Design
        The design of the fit.
    terms : str or sequence of str, optional
        Coefficients; all when neither terms nor contrasts are given.
    contrasts : optional
        What :func:`bayes_mirglmm.design.build.contrast_weights` understands.

    Returns
    -------
    weights : pandas.DataFrame
        A row per coefficient or contrast, a column per term of the design.
    label : str
        ``term`` or ``contrast``.

    Raises
    ------
    InputError
        Both are given, or one of them names what the design does not have.
    """
    if contrasts is None:
        return unit_weights(design.terms, terms), "term"
    if terms is not None:
        raise InputError("give terms or contrasts, not both: they are separate tables.")
    weights = contrast_weights(design, contrasts)[list(design.terms)]
    size = weights.abs().max(axis=1).to_numpy()[:, None]
    # Averages over levels may leave rounding dust where a coefficient cancels.
    return weights.where(weights.abs() > 1e-12 * size, 0.0), "contrast"


def unit_weights(terms: Sequence[str], wanted: str | Sequence[str] | None) -> pd.DataFrame:
    """Return the weights that pick single coefficients: a row per wanted term, a column per term.

    Raises
    ------
    InputError
        A wanted term does not exist; the message lists those that do.
    """
    if isinstance(wanted, Mapping):
        raise InputError(
            f"{wanted!r} is a contrast, and names of coefficients are due here: give it as contrasts=."
        )
    names = list(terms) if wanted is None else [wanted] if isinstance(wanted, str) else list(wanted)
    unknown = [name for name in names if name not in terms]
    if unknown:
        raise InputError(f"the model has no coefficient {unknown[0]!r}: choose from {', '.join(terms)}.")
    if len(set(names)) < len(names):
        raise InputError(f"a coefficient is asked for twice: {', '.join(names)}.")
    return pd.DataFrame(np.eye(len(terms))[[list(terms).index(n) for n in names]], names, list(terms))


def on_slope_terms(weights: pd.DataFrame, slope_terms: Sequence[str]) -> pd.DataFrame:
    """Restrict weights on the model's terms to the columns that isomiRs have effects for."""
    outside = weights.columns[(weights != 0).any(axis=0)].difference(list(slope_terms))
    if len(outside):
        raise InputError(
            f"isomiRs have no effect of their own for {', '.join(outside)}: their random effects are "
            f"{', '.join(slope_terms)}. Choose among these, or fit with slope= set to that variable."
        )
    return weights.reindex(columns=list(slope_terms), fill_value=0.0)


def log_fold_changes(weights: pd.DataFrame) -> np.ndarray:
    """Return which rows compare something: whatever has weight on the intercept is a level, not a change."""
    if INTERCEPT not in weights.columns:
        return np.ones(len(weights), dtype=bool)
    return weights[INTERCEPT].to_numpy(dtype=float) == 0.0


def default_term(design: Design) -> str | None:
    """Return the coefficient asked for first: the slope variable's first, else the formula's; None without one."""
    terms = [name for name in (*design.slope_terms, *design.terms) if name in design.terms]
    return next((name for name in terms if name != INTERCEPT), None)


def slope_coefficients(design: Design) -> list[str]:
    """Return the coefficients of the slope variable, whose isomiR effects are what usage is; not nuisance slopes."""
    return [design.slope_terms[k] for k in slope_columns(design.blocks)]


def meaning(design: Design, term: str) -> str:
    """Return ``term`` with its levels spelled out where it is a dummy: ``group[T.B] (B against A)``."""
    for factor, levels in design.factors.items():
        for level in levels[1:]:
            if term == f"{factor}[T.{level}]":
                return f"{term} ({level} against {levels[0]}{at_means(design, term)})"
    return term


def at_means(design: Design, term: str) -> str:
    """Return ``, at the mean year (2018)`` for a coefficient that has products with covariates, measured from there."""
    found = []
    for name, mean in design.centres.items():
        if any(f"{term}:{name}" == other or other.startswith(f"{term}:{name}[") for other in design.terms):
            at = f"{mean:.0f}" if abs(mean) >= 1e5 else f"{mean:.5g}"  # 20230512, not 2.023e+07
            found.append(f"{name} ({at})" if mean == mean else name)
    return f", at the mean {' and '.join(found)}" if found else ""


def findings(design: Design) -> list[str]:
    """Return the coefficients that are findings: of the slope variable first, then the others.

    Those of a factor that only pairs samples (patients) are no findings, nor is the intercept.
    """
    names = [name for name in design.terms if name != INTERCEPT]
    paired = set(pairing_coefficients(design))
    own = slope_coefficients(design)
    return [
        name for name in (*own, *(n for n in names if n not in own)) if name in names and name not in paired
    ]


def equal_coefficients(design: Design, contrasts: Any) -> dict[str, str]:
    """Return the contrasts that are a coefficient under another name, with that coefficient."""
    weights = chosen_weights(design, contrasts=contrasts)[0]
    found = {}
    for name, row in weights.iterrows():
        used = row[row.abs() > 1e-9]
        if len(used) == 1 and abs(used.iloc[0] - 1.0) < 1e-9:
            found[str(name)] = str(used.index[0])
    return found


def pairing_coefficients(design: Design) -> list[str]:
    """Return the coefficients of the factor that says which samples belong together."""
    factor = design.pairing
    if factor is None:
        return []
    start = re.compile(rf"(?:^|:)(?:C\()?{re.escape(factor)}\)?\[")
    return [name for name in design.terms if start.search(name)]


def changes(design: Design, terms: str | Sequence[str] | None, contrasts: Any) -> str | Sequence[str] | None:
    """Return ``terms``, by default every coefficient but the intercept."""
    if terms is None and contrasts is None:
        return [name for name in design.terms if name != INTERCEPT]
    return terms
