"""A design taken apart: the variable whose isomiR slopes are of interest, and everything else."""

from dataclasses import dataclass

import numpy as np

from bayes_mirglmm.design.blocks import nuisance_columns, slope_columns
from bayes_mirglmm.design.build import Design
from bayes_mirglmm.design.formula import model_matrix, parse_formula
from bayes_mirglmm.errors import InputError


@dataclass(frozen=True, eq=False)
class Interest:
    """What a test of the slope variable needs to know of the samples; n of them."""

    name: str
    """The variable, or the coefficient that one level or column of it has."""
    columns: np.ndarray
    """Shape (n, L): the variable. Of a factor an indicator of each level over sqrt(2), so that the difference of two
    levels has one unit; of a number its columns in units of two standard deviations."""
    fixed: np.ndarray
    """Shape (n, p0): the fixed effects that do not involve the variable, the intercept first."""
    others: np.ndarray
    """Shape (n, c): those, and the columns that have isomiR slopes as a nuisance."""
    random: np.ndarray
    """Shape (n, K0): what else has isomiR effects, the intercept first."""
    blocks: tuple[int, ...]
    """Covariance block of each of those."""
    strata: np.ndarray
    """Shape (n,), int: samples that may be relabelled among each other. They agree in every other factor of the design
    and in every random grouping; each is alone where the variable does not vary within such a grouping, since whole
    patients would have to be relabelled."""


def interest(design: Design, term: str | None = None) -> Interest:
    """Take ``design`` apart.

    Parameters
    ----------
    design : Design
        With a slope variable.
    term : str, optional
        One coefficient of the slope variable in place of all: its other coefficients are held fixed.

    Raises
    ------
    InputError
        The design has no slope variable, or ``term`` is none of its coefficients.
    """
    if design.slope is None:
        raise InputError("isomiR usage needs a slope variable: give a formula with a variable.")
    parsed = parse_formula(design.formula, list(design.table.columns))
    matrix = model_matrix(parsed, design.table, centre=bool(design.centres))
    involved = [
        column
        for part, columns in zip(parsed.terms, matrix.columns, strict=True)
        if design.slope in part.variables
        for column in columns
    ]
    fixed = np.delete(design.x, involved, axis=1)
    of_slope = slope_columns(design.blocks)
    nuisance = nuisance_columns(design.blocks)
    others = np.column_stack([fixed, design.z[:, nuisance]])
    names = [design.slope_terms[i] for i in of_slope]
    kept = [0, *nuisance]
    rest = (design.z[:, kept], tuple(design.blocks[i] for i in kept), _strata(design))
    if term is None:
        return Interest(design.slope, _columns(design, of_slope), fixed, others, *rest)
    if term not in names:
        raise InputError(
            f"{term!r} is no coefficient of {design.slope!r}: choose from {', '.join(map(repr, names))}."
        )
    held = [i for i, name in zip(of_slope, names, strict=True) if name != term]
    column = design.z[:, [of_slope[names.index(term)]]]
    others = np.column_stack([others, design.z[:, held]])
    scaled = column if design.slope in design.factors else _in_two_sds(column)
    return Interest(term, scaled, fixed, others, *rest)


def _columns(design: Design, of_slope: list[int]) -> np.ndarray:
    if design.slope in design.factors:
        values = design.table[design.slope].to_numpy(dtype=object)
        levels = np.array(design.factors[design.slope], dtype=object)
        return (values[:, None] == levels).astype(float) / np.sqrt(2.0)
    return _in_two_sds(design.z[:, of_slope])


def _in_two_sds(values: np.ndarray) -> np.ndarray:
    """Return columns in units of two standard deviations, about those of a balanced indicator (Gelman 2008)."""
    return values / (2.0 * values.std(axis=0))


def _strata(design: Design) -> np.ndarray:
    names = [name for name in design.factors if name != design.slope]
    labels = [design.table[name].cat.codes.to_numpy() for name in names] + [
        term.level for term in design.random
    ]
    if not labels:
        return np.zeros(len(design.samples), dtype=np.intp)
    strata = np.unique(np.column_stack(labels), axis=0, return_inverse=True)[1].ravel()
    variable = design.z[:, slope_columns(design.blocks)]
    for term in design.random:
        first = np.unique(term.level, return_index=True)[1]
        if np.array_equal(variable, variable[first][np.searchsorted(np.unique(term.level), term.level)]):
            return np.arange(len(strata))
    return strata
