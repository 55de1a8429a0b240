"""Subjects within groups: pairs that a formula asks for in a way that cannot be fitted, and the ways that can."""

from collections.abc import Mapping

import pandas as pd

from bayes_mirglmm.design.covariates import is_factor, level_name
from bayes_mirglmm.design.formula import Formula


def nested_pairs(formula: Formula, table: pd.DataFrame, columns: Mapping[str, pd.Series]) -> str:
    """Return how to keep the pairs where a factor (subjects) lies within another (treatments); else an empty text.

    Parameters
    ----------
    formula : Formula
        Refused, because its columns are linearly dependent.
    table : pandas.DataFrame
        Its variables; factors as categoricals.
    columns : mapping of str to pandas.Series
        The whole sample table.
    """
    factors = [name for name in formula.variables if is_factor(table[name])]
    for inner in factors:
        for outer in factors:
            if inner == outer or not _within(table[inner], table[outer]):
                continue
            others = [
                name for name in factors if name not in (inner, outer) and _varies_inside(table, inner, name)
            ]
            if others:
                return _ways(inner, outer, others[0], table, columns)
    return ""


def pairing_factor(formula: Formula, table: pd.DataFrame) -> str | None:
    """Return the factor that says no more than which samples belong together: patients of ``~ tissue + patient``.

    It has more levels than any other variable, three at least, and no two samples share their levels of all factors:
    within its levels everything else differs.
    """
    names = list(formula.variables)
    factors = [name for name in names if is_factor(table[name])]
    if len(names) < 2 or not factors:
        return None
    sizes = {
        name: table[name].nunique() for name in names if is_factor(table[name]) or table[name].nunique() < 5
    }
    most = max(factors, key=sizes.__getitem__)
    others = [size for name, size in sizes.items() if name != most]
    alone = not table[list(sizes)].duplicated().any()
    paired = bool((table[most].value_counts() > 1).all())
    return most if others and sizes[most] >= 3 and sizes[most] > max(others) and alone and paired else None


def _ways(inner: str, outer: str, within: str, table: pd.DataFrame, columns: Mapping[str, pd.Series]) -> str:
    """Return the remedy, a sentence for each way to fit the design."""
    ways = [f"write '~ {outer} * {within} + (1 | {inner})' (method='ml', with criterion='reml')"]
    sizes = table.groupby(outer, observed=True)[inner].nunique()
    if sizes.nunique() == 1:
        number = _numbering(inner, outer, table, columns)
        known = f"as column {number!r} does" if number else "1, 2, 3, ... in each, as text"
        name = number or f"{inner}_number"
        if number and pd.api.types.is_numeric_dtype(columns[number]):
            name = f"C({number})"
        ways.append(
            f"number the {inner} levels within each level of {outer} ({known}) and write "
            f"'~ {outer} * {within} + {outer}:{name}', with slope={within!r}"
        )
    first, last = table[within].cat.categories[0], table[within].cat.categories[-1]
    group = table[outer].cat.categories[-1]
    ways.append(
        f"add a column of 0 and 1 that is 1 for {outer} {group} at {within} {last} (its change beyond that of "
        f"{table[outer].cat.categories[0]}, from {first} to {last}) and write '~ {within} + {inner} + that column'"
    )
    return (
        f"every level of {inner} lies within one level of {outer}, so that {inner} takes up what {outer} changes on "
        f"average. To keep the pairs, {'; or '.join(ways)}."
    )


def _within(inner: pd.Series, outer: pd.Series) -> bool:
    """Tell whether every level of ``inner`` has one level of ``outer``, and some level of ``outer`` several of it."""
    pairs = pd.DataFrame({"inner": inner.astype(str), "outer": outer.astype(str)}).drop_duplicates()
    return not pairs["inner"].duplicated().any() and bool(pairs["outer"].duplicated().any())


def _varies_inside(table: pd.DataFrame, inner: str, name: str) -> bool:
    return bool((table.groupby(inner, observed=True)[name].nunique() > 1).any())


def _numbering(inner: str, outer: str, table: pd.DataFrame, columns: Mapping[str, pd.Series]) -> str | None:
    """Return a column that numbers the levels of ``inner`` within each level of ``outer``, the same in each."""
    for name, column in columns.items():
        if name in (inner, outer) or column.isna().any():
            continue
        values = [level_name(value) for value in column]
        own = pd.DataFrame(
            {"inner": table[inner].astype(str), "outer": table[outer].astype(str), "number": values}
        ).drop_duplicates()
        one_each = not own["inner"].duplicated().any() and not own[["outer", "number"]].duplicated().any()
        if one_each and (own.groupby("number")["outer"].nunique() == own["outer"].nunique()).all():
            return name
    return None
