"""From a sample table and a formula to the matrices of the model.

``x`` (n, p) is the fixed-effects design. ``z`` (n, K) holds the columns whose effects vary over isomiRs: the
intercept and the slope variable in covariance block 0, each nuisance variable in a block of its own.

Strings and booleans are factors, coded by treatment (dummies against the reference level); numbers are
covariates; ``C(x)`` makes a factor of a number. Nothing is dropped: missing values, factors with one level
and linearly dependent columns are refused by name.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import numpy as np
import pandas as pd

from bayes_mirglmm.design.blocks import nuisance_columns
from bayes_mirglmm.design.contrasts import contrast_weights
from bayes_mirglmm.design.covariates import (
    columns_by_name,
    is_factor,
    level_name,
    some_samples,
    typed_columns,
)
from bayes_mirglmm.design.formula import Formula, model_matrix
from bayes_mirglmm.design.nesting import nested_pairs, pairing_factor
from bayes_mirglmm.design.random_terms import RandomTerm, build_random_terms, containment_df
from bayes_mirglmm.design.rank import checked_rank
from bayes_mirglmm.design.varying import Varying, varying
from bayes_mirglmm.design.words import parse_words
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.outcomes import Caution

__all__ = ["Design", "build_design", "contrast_weights"]


MANY, SAMPLES_EACH = (
    4,
    3,
)  # coefficients, and samples for each, from which on variances need restricted likelihood


@dataclass(frozen=True, eq=False)
class Design:
    """The design of a fit; every array is read-only.

    To make it again: ``build_design(d.table, d.formula, slope=d.slope, reference=d.factors,
    nuisance=d.nuisance)``.
    """

    formula: str
    """The formula, with its tilde."""
    x: np.ndarray = field(repr=False)
    """Fixed-effects design, shape (n, p), float64, full column rank."""
    terms: tuple[str, ...]
    """Names of the columns of ``x`` in formulaic's spelling: ``Intercept``, ``group[T.ct]``."""
    slope: str | None
    """The variable whose effect varies over isomiRs; None for a formula without variables."""
    z: np.ndarray = field(repr=False)
    """Columns with isomiR effects, shape (n, K), float64; the first is 1. Covariates and nuisance columns are centred:
    the isomiR intercept is that of an average sample, wherever the covariate has its origin."""
    slope_terms: tuple[str, ...]
    """Names of the columns of ``z``. Those of block 0 are columns of ``x`` under the same name, centred or not."""
    blocks: tuple[int, ...]
    """Covariance block of each column of ``z``: 0 for intercept and slope, then one per nuisance variable."""
    factors: dict[str, tuple[str, ...]]
    """Levels of each factor, reference first."""
    nuisance: tuple[str, ...]
    """Variables whose isomiR slopes are independent of the others."""
    rank: int
    """Rank of ``x``: p, since a deficient design is refused."""
    samples: tuple[str, ...] = field(repr=False)
    """Sample names, in the order of the rows."""
    table: pd.DataFrame = field(repr=False)
    """The columns of the sample table that the design uses; factors as categoricals, reference first."""
    random: tuple[RandomTerm, ...] = ()
    """Random terms of the samples, in the order of the formula."""
    centres: dict[str, float] = field(default_factory=dict)
    """Covariates that products of the formula measure from their means over the samples, with these means: there
    stand the effects of what they interact with. NaN for what has several columns."""

    without_slopes: tuple[str, ...] = ()
    """Variables of the formula that have one effect for all isomiRs: where isomiRs differ in it, its standard errors
    are too small."""
    pairing: str | None = None
    """The factor that only says which samples belong together (:func:`bayes_mirglmm.design.nesting.pairing_factor`)."""

    @property
    def isomir_means(self) -> np.ndarray:
        """What isomiR effects vary around, as weights of the fixed effects (K, p): :func:`isomir_means`."""
        return isomir_means(self.x, self.z, self.terms, self.slope_terms, self.blocks)

    @property
    def varying(self) -> list[Varying]:
        """What varies at random: isomiR effects, the effect of each sample, random terms."""
        return varying(self.slope_terms, self.blocks, self.random)

    @property
    def residual_df(self) -> int:
        """Number of samples minus the rank of ``x``: the degrees of freedom of the t intervals."""
        return len(self.samples) - self.rank

    @property
    def effect_df(self) -> np.ndarray:
        """Degrees of freedom of each fixed effect (p,): by containment where samples have random terms."""
        if not self.random:
            return np.full(len(self.terms), float(self.residual_df))
        return containment_df(self.x, self.random)

    @cached_property
    def single_sample_levels(self) -> tuple[str, ...]:
        """Levels that one sample alone has, as ``group[ct]``: nothing separates level from sample there."""
        return tuple(
            f"{name}[{level}]"
            for name, levels in self.factors.items()
            for level in levels
            if int((self.table[name] == level).sum()) == 1
        )

    @property
    def cautions(self) -> tuple[Caution, ...]:
        """What is legal here but limits the conclusions: a sentence each, for the status of a fit."""
        found = []
        if self.residual_df == 0:
            sentence = (
                f"the design is saturated ({len(self.samples)} samples, {self.rank} coefficients): no degrees "
                "of freedom are left, and nothing is tested"
            )
            found.append(Caution("saturated", sentence))
        if self.single_sample_levels:
            sentence = f"only one sample has {', '.join(self.single_sample_levels)}"
            found.append(Caution("single_sample", sentence))
        return tuple(found)


def many_coefficients(design: Design) -> list[Caution]:
    """Return a caution where maximum likelihood takes variances too small: four coefficients, for 3 samples each.

    *Measured* (``benchmarks/type_one_error.py``): 9 % of null miRNAs have p < 0.05 with 5 coefficients in 10 samples,
    11 and 13 % with one coefficient for each of 10 and 20 pairs, 5 % with 5 coefficients in 20 samples.
    """
    n, rank = len(design.samples), design.rank
    if rank < MANY or SAMPLES_EACH * rank <= n or design.residual_df == 0:
        return []
    sentence = (
        f"{rank} coefficients for {n} samples: maximum likelihood takes variances too small, so that intervals are too "
        "short. Choose criterion='reml' (--criterion reml)"
    )
    return [
        Caution(
            "many_coefficients", f"{sentence}; patients, litters and the like can be random: (1 | patient)"
        )
    ]


def varies_around(slope_terms: Sequence[str], blocks: Sequence[int], terms: Sequence[str]) -> list[int]:
    """Return, for each isomiR effect (K,), the position in ``terms`` of the fixed effect that it varies around, or -1.

    Nuisance slopes, which have a covariance block of their own, vary around 0.
    """
    place, apart = {term: i for i, term in enumerate(terms)}, set(nuisance_columns(blocks))
    return [-1 if k in apart else place.get(name, -1) for k, name in enumerate(slope_terms)]


def isomir_means(
    x: np.ndarray, z: np.ndarray, terms: Sequence[str], slope_terms: Sequence[str], blocks: Sequence[int]
) -> np.ndarray:
    """Return what isomiR effects vary around, as weights of the fixed effects (K, p).

    The one of the same name (:func:`varies_around`). Columns of ``z`` that are measured from their mean (covariates)
    put the isomiR intercept there, so that the fixed part of it is that of the same place, not of a covariate's 0.

    Parameters
    ----------
    x, z : array, shape (n, p) and (n, K)
        The whole design, also for the effects of a model that leaves columns of ``z`` out.
    terms, slope_terms, blocks
        Names of their columns, and covariance blocks of those of ``z``.
    """
    weights = np.zeros((len(slope_terms), len(terms)))
    for k, place in enumerate(varies_around(slope_terms, blocks, terms)):
        if place >= 0:
            weights[k, place] = 1.0
    for k, name in enumerate(slope_terms):
        if k and name in terms:
            place = list(terms).index(name)
            weights[0, place] = float((x[:, place] - z[:, k]).mean())
    return weights


def build_design(
    samples: pd.DataFrame,
    formula: str,
    *,
    slope: str | None = None,
    reference: Mapping[str, object] | None = None,
    nuisance: str | Sequence[str] = (),
) -> Design:
    """Build the design matrices of ``formula`` from a sample table.

    Parameters
    ----------
    samples : pandas.DataFrame
        A row per sample, the index its names (:func:`sample_table` of a container).
    formula : str
        Right-hand side, for example ``"~ group + batch"``; interactions, arithmetic in ``I()`` and the
        functions :data:`~bayes_mirglmm.design.formula.FUNCTIONS` are allowed. The intercept stays. Random terms of
        samples stand in it too: ``"~ group + (1 | patient)"`` (:mod:`bayes_mirglmm.design.random_terms`).
    slope : str, optional
        The variable of the formula whose effect varies over isomiRs; the first one when omitted, a factor that only
        pairs samples (patients) left aside. Its columns
        in ``z`` are those of its own terms in the formula: dummies, the number, or what ``log(x)`` or
        ``poly(x, 2)`` make of it. Interactions with other variables get no isomiR slopes.
    reference : mapping, optional
        Reference level of each factor, ``{"group": "ctrl"}``, or levels that come first, in order,
        ``{"group": ["ctrl", "low", "high"]}``.
    nuisance : str or sequence of str
        Variables, in the formula or not, whose isomiR slopes are independent of intercept and slope: one
        covariance block each. Their columns are centred, so that the isomiR intercept is that of an average
        sample and the choice of a factor's reference level does not matter.

    Returns
    -------
    Design

    Raises
    ------
    InputError
        A variable or level is unknown, a value is missing or infinite, a factor has one level, columns are
        linearly dependent or more than samples, or the formula is not usable.
    """
    columns = columns_by_name(samples)
    words = parse_words(formula, slope=slope, reference=reference, nuisance=nuisance, columns=columns)
    parsed, nuisance, used = words.formula, words.nuisance, words.used
    index = pd.Index([str(name) for name in samples.index], name="sample", dtype=object)
    table = typed_columns(columns, used, parsed.as_factors, reference or {}, index)

    random = build_random_terms(parsed.random, columns, parsed.text)
    for name in dict.fromkeys(name for text in parsed.random for name in text.variables):
        if name not in table:
            table[name] = _as_given(columns[name])

    matrix = model_matrix(parsed, table)
    x, terms = matrix.x, matrix.names
    _refuse_infinite(x, terms, table)
    rank = checked_rank(
        x, terms, f"the formula {parsed.text!r}", partial(nested_pairs, parsed, table, columns)
    )
    own = _own_columns(parsed, matrix.columns)
    pairing = pairing_factor(parsed, table)
    slope = _checked_slope(slope, parsed, own, pairing)
    z, slope_terms, blocks = _isomir_columns(x, terms, own, slope, nuisance, table)
    checked_rank(z, slope_terms, "the isomiR effects (intercept, slope and nuisance variables)")
    for array in (x, z):
        array.flags.writeable = False
    return Design(
        formula=parsed.text,
        x=x,
        terms=terms,
        slope=slope,
        z=z,
        slope_terms=slope_terms,
        blocks=blocks,
        factors={name: tuple(table[name].cat.categories) for name in used if is_factor(table[name])},
        nuisance=nuisance,
        rank=rank,
        samples=tuple(index),
        table=table,
        random=random,
        centres=matrix.centres,
        without_slopes=tuple(
            name for name in parsed.variables if own[name] and name not in (slope, pairing, *nuisance)
        ),
        pairing=None if pairing == slope else pairing,
    )


def _as_given(column: pd.Series) -> Any:
    """Return a column that only random terms use: numbers, or a factor."""
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        return column.to_numpy(dtype=np.float64)
    return pd.Categorical([level_name(value) for value in column])


def _own_columns(parsed: Formula, indices: Sequence[Sequence[int]]) -> dict[str, list[int]]:
    """Return, for each variable, the columns of ``x`` that belong to terms of this variable alone."""
    own: dict[str, list[int]] = {name: [] for name in parsed.variables}
    for term, columns in zip(parsed.terms, indices, strict=True):
        if len(term.variables) == 1:
            own[term.variables[0]] += columns
    return own


def _checked_slope(
    slope: str | None, parsed: Formula, own: Mapping[str, list[int]], pairing: str | None
) -> str | None:
    if slope is None:
        slope = next((name for name in parsed.variables if name != pairing), pairing)
    if slope is not None and not own[slope]:
        within = [term.name for term in parsed.terms if slope in term.variables]
        raise InputError(
            f"the slope variable {slope!r} stands in the formula {parsed.text!r} only together with other "
            f"variables ({', '.join(within)}): isomiR slopes need a term of its own. Add {slope!r} to the "
            "formula ('a * b' is 'a + b + a:b'), or choose another slope=."
        )
    return slope


def _isomir_columns(
    x: np.ndarray,
    terms: tuple[str, ...],
    own: Mapping[str, list[int]],
    slope: str | None,
    nuisance: tuple[str, ...],
    table: pd.DataFrame,
) -> tuple[np.ndarray, tuple[str, ...], tuple[int, ...]]:
    """Return ``z``, the names of its columns and their covariance blocks."""
    if slope in nuisance:
        raise InputError(
            f"{slope!r} is the slope variable and in nuisance=: its isomiR slopes are already in the model. "
            "Leave it out of nuisance=, or choose another slope=."
        )
    pieces, names, blocks = [np.ones((len(x), 1))], ["Intercept"], [0]
    if slope is not None:
        values = x[:, own[slope]]
        pieces.append(values if is_factor(table[slope]) else values - values.mean(axis=0))
        names += [terms[i] for i in own[slope]]
    blocks += [0] * (len(names) - 1)
    for block, variable in enumerate(nuisance, start=1):
        inside = own.get(variable)
        if inside:
            values, labels = x[:, inside], [terms[i] for i in inside]
        else:
            values, labels = _plain_columns(table[variable])
        pieces.append(values - values.mean(axis=0))
        names += labels
        blocks += [block] * len(labels)
    return np.hstack(pieces), tuple(names), tuple(blocks)


def _plain_columns(column: pd.Series) -> tuple[np.ndarray, list[str]]:
    """Return the columns of a variable that the formula lacks: treatment dummies, or the number itself."""
    if not is_factor(column):
        return column.to_numpy(dtype=np.float64)[:, None], [str(column.name)]
    levels = column.cat.categories[1:]
    values = np.column_stack([(column == level).to_numpy(dtype=np.float64) for level in levels])
    return values, [f"{column.name}[T.{level}]" for level in levels]


def _refuse_infinite(x: np.ndarray, terms: tuple[str, ...], table: pd.DataFrame) -> None:
    bad = ~np.isfinite(x)
    if bad.any():
        j = int(np.argmax(bad.any(axis=0)))
        raise InputError(
            f"{terms[j]!r} is not a finite number for {some_samples(table.index[bad[:, j]])}: a logarithm "
            f"of 0 "
            "or of a negative number, or a division by 0? Change the column of the sample table, or choose "
            "another transformation."
        )
