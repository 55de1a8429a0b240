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

PAIRS, WITHIN = "pairs:", "within"
_USAGE = (
    "A contrast is {'group': ('B', 'A')} for B minus A, {'group': ('B', 'A'), 'within': {'batch': 'b2'}} for the "
    "same at one level of another variable, {'group[T.B]': 1, 'group[T.C]': -1} for weights of coefficients, "
    "{'name': {...}} to name any of these, 'pairs:group' for all pairs of a factor ('pairs:group | batch' for all of "
    "them at each level of another one), or a list of these."
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
        ``{"group": ("B", "A"), "within": {"batch": "b2"}}`` is the difference at one level (or value) of other
        variables, not averaged over them. ``{"group[T.B]": 1, "group[T.C]": -1}`` weights coefficients.
        ``{"my name": {...}, ...}`` names one or more of these. ``"pairs:group"`` is every pair of levels, the later
        minus the earlier one, and ``"pairs:group | batch"`` all of them within each level of another factor.
        A list holds several of any kind.

    Returns
    -------
    pandas.DataFrame
        A row per contrast (index ``contrast``: ``group: B - A``, ``group: B - A | batch: b2``,
        ``group[T.B] - group[T.C]``, or the given name), a column per term of the design. The contrast is the weights
        times the coefficients, in the units of the coefficients (natural log fold change).

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
        factor, _, within = (part.strip() for part in spec.removeprefix(PAIRS).partition(" | "))
        return _all_pairs(design, factor, within)
    if isinstance(spec, Mapping) and spec:
        if all(isinstance(value, Real) for value in spec.values()):
            return [_weighted_sum(design, spec)]
        if WITHIN in spec and WITHIN not in design.table:
            return [_inside(design, spec)]
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


def _all_pairs(design: "Design", factor: str, within: str = "") -> list[tuple[str, np.ndarray]]:
    for name in [factor, within] if within else [factor]:
        if name not in design.factors:
            raise InputError(
                f"'{PAIRS}{factor}{f' | {within}' if within else ''}' needs a factor of the design, which {name!r} is "
                f"not.{did_you_mean(name, list(design.factors))} "
                f"Its factors are: {', '.join(design.factors) or 'none'}."
            )
    pairs = list(itertools.combinations(design.factors[factor], 2))
    places: list[dict[str, Any]] = [{within: level} for level in design.factors[within]] if within else [{}]
    return [_difference(design, factor, later, earlier, at) for at in places for earlier, later in pairs]


def _inside(design: "Design", spec: Mapping[str, Any]) -> tuple[str, np.ndarray]:
    """Return a difference at given levels or values of other variables."""
    at = spec[WITHIN]
    differences = [(name, value) for name, value in spec.items() if name != WITHIN]
    if not isinstance(at, Mapping) or not at or len(differences) != 1:
        raise InputError(f"the contrast {dict(spec)!r} is not understood. {_USAGE}")
    name, ends = differences[0]
    if isinstance(ends, str) or not isinstance(ends, Sequence) or len(ends) != 2:
        raise InputError(f"the contrast {dict(spec)!r} is not understood. {_USAGE}")
    return _difference(design, str(name), ends[0], ends[1], at)


def _difference(
    design: "Design", variable: str, plus: Any, minus: Any, within: Mapping[str, Any] | None = None
) -> tuple[str, np.ndarray]:
    parsed = parse_formula(design.formula, list(design.table.columns))
    for name in (variable, *(within or ())):
        if name not in parsed.variables:
            raise InputError(
                f"the contrast names {name!r}, which is not a variable of the formula {parsed.text!r}."
                f"{did_you_mean(str(name), [*parsed.variables, *design.terms])} "
                f"Its variables are: {', '.join(parsed.variables) or 'none'}."
            )
    at = {str(name): _end(design, str(name), value) for name, value in (within or {}).items()}
    if variable in at:
        raise InputError(f"the contrast of {variable!r} cannot be within one of its own levels.")
    ends = [_end(design, variable, value) for value in (plus, minus)]
    if ends[0] == ends[1]:
        raise InputError(f"the contrast of {variable!r} compares {ends[0]!r} with itself: give two values.")
    partners = {name for term in parsed.terms if variable in term.variables for name in term.variables}
    # A run that was saved before covariates were centred has none.
    matrix = model_matrix(parsed, design.table, centre=bool(design.centres))
    means = [matrix.evaluate(_grid(design, {variable: end, **at}, partners)).mean(axis=0) for end in ends]
    place = "".join(f" | {name}: {level_name(value)}" for name, value in at.items())
    return f"{variable}: {level_name(ends[0])} - {level_name(ends[1])}{place}", means[0] - means[1]


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


def _grid(design: "Design", fixed: Mapping[str, str | float], partners: set[str]) -> pd.DataFrame:
    """Return the rows to average: variables at their ``fixed`` values, all levels of the factors they interact with.

    Terms without the variable of a difference cancel, so that other factors may stand at any one level.
    """
    axes: list[Sequence[str | float]] = []
    for name in design.table.columns:
        column = design.table[name]
        if name in fixed:
            axes.append([fixed[name]])
        elif not is_factor(column):
            axes.append([float(column.mean())])
        else:
            every = list(column.cat.categories)
            axes.append(every if name in partners else every[:1])
    grid = pd.DataFrame(list(itertools.product(*axes)), columns=design.table.columns)
    return grid.astype({name: design.table[name].dtype for name in design.table.columns})
