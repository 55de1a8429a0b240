"""Contrasts: differences between levels or values of a variable, and weighted sums of coefficients.

A difference between two levels is averaged the way R's emmeans does it (Searle, Speed and Milliken 1980, The
American Statistician 34:216): over the other factors with equal weights for their levels, whatever the
number of samples in each, and with covariates at their mean over the samples. Without interactions the
average does not matter.
"""

import itertools
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayes_mirglmm.design.covariates import is_factor, level_name
from bayes_mirglmm.design.formula import model_matrix, parse_formula
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.suggest import did_you_mean

if TYPE_CHECKING:
    from bayes_mirglmm.design.build import Design

PAIRS = "pairs:"
_USAGE = (
    "A contrast is {'group': ('B', 'A')} for B minus A, {'group[T.B]': 1, 'group[T.C]': -1} for weights of "
    "coefficients, {'name': {...}} to name either, 'pairs:group' for all pairs of a factor, or a list of "
    "these."
)


def contrast_weights(design: "Design", spec: Any) -> pd.DataFrame:
    """Turn contrasts, as users write them, into weights of the coefficients.

    Parameters
    ----------
    design : Design
        The design whose coefficients are weighted.
    spec : mapping, str or sequence
        ``{"group": ("B", "A")}`` is level B minus level A of a factor, and ``{"age": (60, 50)}`` the
        difference between two values of a covariate, averaged as the module says.
        ``{"group[T.B]": 1, "group[T.C]": -1}`` weights coefficients. ``{"my name": {...}, ...}`` names one or
        more of these. ``"pairs:group"`` is every pair of levels, the later minus the earlier one.
        A list holds several of any kind.

    Returns
    -------
    pandas.DataFrame
        A row per contrast (index ``contrast``: ``group: B - A``, ``group[T.B] - group[T.C]``, or the given
        name), a column per term of the design. The contrast is the weights times the coefficients, in the
        units of the coefficients (natural log fold change).

    Raises
    ------
    InputError
        A variable, level or coefficient is unknown, weights are not finite or all 0, or a name repeats.
    """
    rows = _rows(design, spec)
    names = [name for name, _ in rows]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"two contrasts are called {name!r}: name them, or ask for it once.")
    return pd.DataFrame(
        np.array([weights for _, weights in rows]),
        index=pd.Index(names, name="contrast", dtype=object),
        columns=list(design.terms),
    )


def _rows(design: "Design", spec: Any) -> list[tuple[str, np.ndarray]]:
    if isinstance(spec, str):
        if not spec.startswith(PAIRS):
            raise InputError(f"the contrast {spec!r} is not understood. {_USAGE}")
        return _all_pairs(design, spec.removeprefix(PAIRS).strip())
    if isinstance(spec, Mapping) and spec:
        if all(isinstance(value, Real) for value in spec.values()):
            return [_weighted_sum(design, spec)]
        return [row for name, value in spec.items() for row in _entry(design, str(name), value)]
    if isinstance(spec, Sequence) and spec:
        return [row for part in spec for row in _rows(design, part)]
    raise InputError(f"the contrast {spec!r} is not understood. {_USAGE}")


def _entry(design: "Design", name: str, value: Any) -> list[tuple[str, np.ndarray]]:
    if isinstance(value, Mapping | str):
        inner = _rows(design, value)
        if isinstance(value, str) or len(inner) != 1:
            raise InputError(
                f"the contrast {name!r} stands for {len(inner)} contrasts: give each its own name."
            )
        return [(name, inner[0][1])]
    if isinstance(value, Sequence) and len(value) == 2:
        return [_difference(design, name, value[0], value[1])]
    raise InputError(f"the contrast {name!r}: {value!r} is not understood. {_USAGE}")


def _weighted_sum(design: "Design", spec: Mapping[str, Any]) -> tuple[str, np.ndarray]:
    weights = np.zeros(len(design.terms))
    for term, weight in spec.items():
        if term not in design.terms:
            raise InputError(
                f"the contrast weights {term!r}, which is not a "
                f"coefficient.{did_you_mean(str(term), design.terms)} "
                f"The coefficients are: {', '.join(design.terms)}."
            )
        weights[design.terms.index(term)] = float(weight)
    if not np.isfinite(weights).all() or not weights.any():
        raise InputError(f"the contrast {dict(spec)!r} needs finite weights that are not all 0.")
    name = ""
    for term, weight in spec.items():
        factor = "" if abs(weight) == 1 else f"{abs(weight):g} "
        name += f" {'-' if weight < 0 else '+'} {factor}{term}" if weight else ""
    name = name.removeprefix(" + ")
    return (f"-{name.removeprefix(' - ')}" if name.startswith(" - ") else name), weights


def _all_pairs(design: "Design", factor: str) -> list[tuple[str, np.ndarray]]:
    if factor not in design.factors:
        raise InputError(
            f"'{PAIRS}{factor}' needs a factor of the design.{did_you_mean(factor, list(design.factors))} "
            f"Its factors are: {', '.join(design.factors) or 'none'}."
        )
    pairs = itertools.combinations(design.factors[factor], 2)
    return [_difference(design, factor, later, earlier) for earlier, later in pairs]


def _difference(design: "Design", variable: str, plus: Any, minus: Any) -> tuple[str, np.ndarray]:
    parsed = parse_formula(design.formula, list(design.table.columns))
    if variable not in parsed.variables:
        raise InputError(
            f"the contrast names {variable!r}, which is not a variable of the formula {parsed.text!r}."
            f"{did_you_mean(variable, [*parsed.variables, *design.terms])} "
            f"Its variables are: {', '.join(parsed.variables) or 'none'}."
        )
    ends = [_end(design, variable, value) for value in (plus, minus)]
    if ends[0] == ends[1]:
        raise InputError(f"the contrast of {variable!r} compares {ends[0]!r} with itself: give two values.")
    partners = {name for term in parsed.terms if variable in term.variables for name in term.variables}
    # A run that was saved before covariates were centred has none.
    matrix = model_matrix(parsed, design.table, centre=bool(design.centres))
    means = [matrix.evaluate(_grid(design, variable, end, partners)).mean(axis=0) for end in ends]
    return f"{variable}: {level_name(ends[0])} - {level_name(ends[1])}", means[0] - means[1]


def _end(design: "Design", variable: str, value: Any) -> str | float:
    """Return a level of a factor or a value of a covariate, checked."""
    if variable in design.factors:
        levels = design.factors[variable]
        level = level_name(value)
        if level not in levels:
            raise InputError(
                f"the contrast of {variable!r} names {level!r}, which is not one of its levels."
                f"{did_you_mean(level, levels)} Its levels are: {', '.join(levels)}."
            )
        return level
    if isinstance(value, bool) or not isinstance(value, Real) or not np.isfinite(float(value)):
        raise InputError(
            f"{variable!r} is a covariate: its contrast takes two finite numbers, not {value!r}."
        )
    return float(value)


def _grid(design: "Design", variable: str, value: str | float, partners: set[str]) -> pd.DataFrame:
    """Return the rows to average: ``variable`` at ``value``, all levels of the factors it interacts with.

    Terms without ``variable`` cancel in a difference, so that other factors may stand at any one level.
    """
    axes: list[Sequence[str | float]] = []
    for name in design.table.columns:
        column = design.table[name]
        if name == variable:
            axes.append([value])
        elif not is_factor(column):
            axes.append([float(column.mean())])
        else:
            every = list(column.cat.categories)
            axes.append(every if name in partners else every[:1])
    grid = pd.DataFrame(list(itertools.product(*axes)), columns=design.table.columns)
    return grid.astype({name: design.table[name].dtype for name in design.table.columns})
