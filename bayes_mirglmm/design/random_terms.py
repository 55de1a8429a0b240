"""Random terms of a formula, ``(1 | patient)``: samples that share a level deviate together.

``(1 | g)`` is a random intercept of the levels of ``g``, ``(x | g)`` an intercept and a slope of ``x`` that may
correlate, ``(0 + x | g)`` the slope alone, ``(1 | a/b)`` levels of ``b`` within those of ``a``, that is
``(1 | a) + (1 | a:b)``. Several terms are independent of each other, nested or crossed. They concern whole samples:
all isomiRs of a miRNA share the deviation of a level.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pandas as pd

from bayes_mirglmm.design.covariates import level_name, refuse_missing, some_samples
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.suggest import did_you_mean

_TERM = re.compile(r"\+?\s*\(([^()|]*)(\|+)([^()|]*)\)")
_NAME = re.compile(r"`([^`]+)`|([^\s`+:/]+)")
CONTAINED = 1e-9  # relative distance from the span of a term's columns at which a fixed effect lies in it
EXAMPLES = "(1 | patient), (time | patient) and (1 | hospital/patient)"


#: What R's formulas call samples and isomiRs, without marks: miRglmm's ``(1 | sample_labels)``, ``(group | sequence)``.
SAMPLE_WORDS = frozenset({"sample", "samples", "sampleid", "samplename", "samplelabel", "samplelabels"})
ISOMIR_WORDS = frozenset({"isomir", "isomirs", "isomirid", "sequence", "sequences"})


def built_in(name: str) -> str:
    """Say, of a name for the samples or the isomiRs, that their effects are in every model; else an empty string."""
    word = re.sub("[^a-z0-9]", "", name.lower())
    if word in SAMPLE_WORDS:
        return " Every model has an effect of each sample already: leave the term out."
    if word in ISOMIR_WORDS:
        return (
            " Every model has effects of each isomiR already, an intercept and slopes of the variable that slope= "
            "names: leave the term out."
        )
    return ""


class RandomText(NamedTuple):
    """A random term as it was written: columns that vary, and the columns whose levels it varies over."""

    intercept: bool
    slopes: tuple[str, ...]
    grouping: tuple[str, ...]

    @property
    def variables(self) -> tuple[str, ...]:
        """The columns of the sample table that it uses."""
        return (*self.slopes, *self.grouping)


@dataclass(frozen=True, eq=False)
class RandomTerm:
    """A random term on the samples of a design."""

    group: str
    """The columns whose levels share effects, ``patient`` or ``hospital:patient``."""
    names: tuple[str, ...]
    """What varies over the levels: ``Intercept``, names of covariates (c,)."""
    columns: np.ndarray = field(repr=False)
    """Their values (n, c)."""
    levels: tuple[str, ...]
    """Names of the levels (q,)."""
    level: np.ndarray = field(repr=False)
    """The level of each sample, a position in ``levels`` (n,)."""

    @property
    def level_labels(self) -> list[str]:
        """A name for each effect on each level, as the columns of :attr:`indicators` stand (c q)."""
        return [f"{self.group}[{level}]: {name}" for name in self.names for level in self.levels]

    @property
    def parts(self) -> list[np.ndarray]:
        """Design matrix of each of the term's effects on its levels, c of shape (n, q)."""
        member = (self.level[:, None] == np.arange(len(self.levels))).astype(float)
        return [member * column[:, None] for column in self.columns.T]

    @property
    def indicators(self) -> np.ndarray:
        """Design matrix of all of them, shape (n, c q)."""
        return np.hstack(self.parts)


def containment_df(x: np.ndarray, terms: Sequence[RandomTerm]) -> np.ndarray:
    """Return the degrees of freedom of each fixed effect by containment, shape (p,).

    An effect that a random term contains (a group of whole patients in ``(1 | patient)``, a covariate in its own random
    slopes) has what the levels leave: the rank that the term adds to the fixed effects. Any other has what the samples
    leave when fixed and random columns are taken out: the pairs less one for a difference within pairs.

    Parameters
    ----------
    x : array, shape (n, p)
        Fixed-effects design, of full column rank.
    terms : sequence of RandomTerm
    """
    n, p = x.shape
    df = np.full(p, float(n - np.linalg.matrix_rank(np.hstack([x, *(term.indicators for term in terms)]))))
    contained = np.zeros(p, dtype=bool)
    for part in (part for term in terms for part in term.parts):
        outside = x - part @ np.linalg.lstsq(part, x, rcond=None)[0]
        inside = np.abs(outside).max(axis=0) <= CONTAINED * np.abs(x).max(axis=0)
        added = float(np.linalg.matrix_rank(np.hstack([x, part])) - p)
        df[inside] = np.where(contained[inside], np.minimum(df[inside], added), added)
        contained |= inside
    return df


def split_formula(text: str) -> tuple[str, tuple[RandomText, ...]]:
    """Return a formula without its random terms, and these.

    Raises
    ------
    InputError
        A ``|`` stands outside of a term that can be read.
    """
    hidden: list[str] = []

    def hide(match: re.Match[str]) -> str:
        hidden.append(match[0])
        return f"`{len(hidden) - 1}`"

    bare = re.sub(r"`[^`]*`", hide, text)
    if "|" not in bare:
        return text, ()

    def shown(part: str) -> str:
        return re.sub(r"`(\d+)`", lambda match: hidden[int(match[1])], part)

    found: list[RandomText] = []
    for match in _TERM.finditer(bare):
        left, bars, right = shown(match[1]), match[2], shown(match[3])
        if bars != "|":
            raise InputError(
                f"the formula {text!r} has '{bars}': write independent effects as terms of their own, "
                "(1 | patient) + (0 + time | patient)."
            )
        found += _read(left, right, text)
    rest = _TERM.sub("", bare)
    if "|" in rest:
        raise InputError(
            f"the formula {text!r} has a '|' outside of a random term: random terms stand in brackets, {EXAMPLES}."
        )
    rest = re.sub(r"~\s*\+", "~", rest).strip()
    if rest in ("~", ""):
        rest = "~ 1"
    return shown(rest), tuple(found)


def _read(left: str, right: str, text: str) -> list[RandomText]:
    """Return the terms of ``left | right``."""
    parts = [part.strip() for part in left.split("+")]
    names = [_unquoted(part) for part in parts if part not in ("0", "1")]
    wrong = [
        part
        for part, name in zip((p for p in parts if p not in ("0", "1")), names, strict=True)
        if name is None
    ]
    nested = right.split("/")
    groups = [tuple(_unquoted(part.strip()) for part in level.split(":")) for level in nested]
    if wrong or not left.strip() or any(name is None for group in groups for name in group):
        raise InputError(
            f"the random term ({left.strip()} | {right.strip()}) of the formula {text!r} cannot be read. Write "
            f"columns of the sample table as in {EXAMPLES}; compute anything else as a column."
        )
    slopes = tuple(dict.fromkeys(name for name in names if name is not None))
    if "0" in parts and not slopes:
        raise InputError(
            f"the random term (0 | {right.strip()}) of the formula {text!r} has no effect: leave it out."
        )
    whole: list[RandomText] = []
    within: tuple[str, ...] = ()
    for group in groups:
        within = (*within, *(name for name in group if name is not None))
        whole.append(RandomText("0" not in parts, slopes, tuple(dict.fromkeys(within))))
    return whole


def _unquoted(part: str) -> str | None:
    match = _NAME.fullmatch(part)
    return (match[1] or match[2]) if match else None


def build_random_terms(
    found: Sequence[RandomText], columns: Mapping[str, pd.Series], formula: str
) -> tuple[RandomTerm, ...]:
    """Evaluate random terms on the columns of a sample table.

    Raises
    ------
    InputError
        A column is missing or has gaps, a grouping has one level or one for every sample, a slope is not a number or
        does not vary within any level, or a term occurs twice.
    """
    terms: list[RandomTerm] = []
    for text in found:
        for name in text.variables:
            if name not in columns:
                raise InputError(
                    f"the formula {formula!r} uses {name!r}, which is not a column of the sample table."
                    f"{built_in(name) or did_you_mean(name, list(columns))} Its columns are: "
                    f"{', '.join(columns) or 'none'}."
                )
            refuse_missing(columns[name], name)
        level, levels = _grouped([columns[name] for name in text.grouping])
        group = ":".join(text.grouping)
        _check_grouping(group, level, levels, formula)
        names, values = (["Intercept"], [np.ones(len(level))]) if text.intercept else ([], [])
        for name in text.slopes:
            names.append(name)
            values.append(_slope(columns[name], name, level, group))
        term = RandomTerm(group, tuple(names), np.column_stack(values), levels, level)
        if any(term.group == other.group and set(term.names) & set(other.names) for other in terms):
            raise InputError(
                f"the formula {formula!r} has effects of {group!r} twice: keep one of the terms."
            )
        terms.append(term)
    return tuple(terms)


def _grouped(columns: Sequence[pd.Series]) -> tuple[np.ndarray, tuple[str, ...]]:
    labels = [":".join(level_name(value) for value in row) for row in zip(*columns, strict=True)]
    level, levels = pd.factorize(np.array(labels, dtype=object), sort=True)
    return level.astype(np.int64), tuple(str(name) for name in levels)


def _check_grouping(group: str, level: np.ndarray, levels: tuple[str, ...], formula: str) -> None:
    if len(levels) == 1:
        raise InputError(
            f"{group!r} has one level, {levels[0]!r}, in all samples: leave (.. | {group}) out of {formula!r}."
        )
    if len(levels) == len(level):
        raise InputError(
            f"each sample has a level of {group!r} of its own: every model has an effect of each sample already. "
            f"Leave (.. | {group}) out of {formula!r}, or give a column whose levels samples share."
        )


def _slope(column: pd.Series, name: str, level: np.ndarray, group: str) -> np.ndarray:
    """Return the values of a covariate, or 0 and 1 of a factor of two levels."""
    numeric = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
    if numeric:
        values = column.to_numpy(dtype=np.float64)
    else:
        codes, levels = pd.factorize(column.map(level_name), sort=True)
        if len(levels) != 2:
            raise InputError(
                f"the random slope of {name!r} over {group!r} needs a number or two levels, and {name!r} has "
                f"{len(levels)}: code it as columns of numbers."
            )
        values = codes.astype(np.float64)
    if not np.isfinite(values).all():
        raise InputError(
            f"column {name!r} is infinite for {some_samples(column.index[~np.isfinite(values)])}."
        )
    if pd.Series(values).groupby(level).nunique().max() < 2:
        raise InputError(
            f"{name!r} does not vary within any level of {group!r}: its slopes over {group!r} cannot be told from an "
            f"intercept. Write (1 | {group})."
        )
    return values
