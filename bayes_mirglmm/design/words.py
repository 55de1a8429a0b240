"""A formula and the choices that go with it, as far as their words tell what is wrong, without a sample table."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pandas as pd

from bayes_mirglmm.design.covariates import level_name
from bayes_mirglmm.design.formula import Formula, check_column, parse_formula
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.suggest import did_you_mean


class Words(NamedTuple):
    """A formula with its choices."""

    formula: Formula
    nuisance: tuple[str, ...]

    @property
    def used(self) -> tuple[str, ...]:
        """The columns of the sample table that the model uses, those of random terms alone left aside."""
        return tuple(dict.fromkeys((*self.formula.variables, *self.nuisance)))


def parse_words(
    formula: str,
    *,
    slope: str | None = None,
    reference: Mapping[str, object] | None = None,
    nuisance: str | Sequence[str] = (),
    columns: Mapping[str, pd.Series] | None = None,
) -> Words:
    """Parse a formula and check the choices that name its variables.

    Parameters
    ----------
    formula, slope, reference, nuisance
        As in :func:`~bayes_mirglmm.design.build.build_design`.
    columns : mapping of str to pandas.Series, optional
        The sample table, where there is one: then every name must be one of its columns.

    Raises
    ------
    InputError
        The formula cannot be read, or a choice names what it does not have.
    """
    names = None if columns is None else list(columns)
    parsed = parse_formula(formula, names)
    nuisance = (nuisance,) if isinstance(nuisance, str) else tuple(nuisance)
    if slope is not None:
        if names is not None:
            check_column(slope, names, "slope=")
        if slope not in parsed.variables:
            raise InputError(
                f"the slope variable {slope!r} is not in the formula {parsed.text!r}: isomiR slopes vary "
                f"around the average effect of the variable. Write {parsed.text + ' + ' + slope!r}, or give it as "
                "nuisance= for isomiR slopes that average to 0."
            )
    for name in nuisance:
        if names is not None:
            check_column(name, names, "nuisance=")
        if nuisance.count(name) > 1:
            raise InputError(f"nuisance= has {name!r} more than once: name it once.")
    words = Words(parsed, nuisance)
    _check_reference(reference or {}, words.used, columns or {})
    return words


def _check_reference(reference: object, used: Sequence[str], columns: Mapping[str, pd.Series]) -> None:
    """Refuse reference levels of what the design does not use."""
    if not isinstance(reference, Mapping):
        having = [name for name in used if level_name(reference) in map(level_name, columns.get(name, ()))]
        example = having[0] if having else next(iter(used), "group")
        raise InputError(
            f"reference={reference!r} does not say of which factor it is a level: write "
            f"reference={{{example!r}: {level_name(reference)!r}}}, with an entry for each factor."
        )
    for name in reference:
        if name not in used:
            raise InputError(
                f"reference= names {name!r}, which the design does not use.{did_you_mean(str(name), used)} "
                f"Its variables are: {', '.join(used) or 'none'}."
            )
