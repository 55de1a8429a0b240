"""Random terms of the samples under their priors: what every posterior needs of the terms of a design, as arrays."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bayes_mirglmm.design.random_terms import RandomTerm
from bayes_mirglmm.model.priors import Priors
from bayes_mirglmm.model.scaling import SdArrays, partial_shapes, slope_pairs, to_user


@dataclass(frozen=True, eq=False, slots=True)
class TermPriors:
    """The random terms of a design, their columns in the units of their priors.

    Sizes: T terms with c_t effects on q_t levels each, C effects of all terms one after the other, n samples. Sample i
    gets ``sum_t columns_t[i] @ g_t[:, level_t[i]]`` with ``g_t[:, l] ~ N(0, L_t L_t')``, L_t the Cholesky factor of the
    SDs and correlations of the term's effects. Independent terms, independent levels.
    """

    columns: tuple[np.ndarray, ...]  #: of each term, in the units of the prior (n, c_t)
    levels: tuple[np.ndarray, ...]  #: the level of each sample in each term, from 0 (n,)
    n_levels: tuple[int, ...]  #: q_t
    back: tuple[np.ndarray, ...]  #: from effects in the prior's units to the user's, of each term (c_t, c_t)
    sds: SdArrays  #: priors of the SDs (C,)
    blocks: tuple[int, ...]  #: the term of each effect (C,)
    pairs: tuple[
        tuple[int, int], ...
    ]  #: correlated effects (row, column), column < row, row by row: the entries below L's diagonal
    shapes: np.ndarray  #: Beta shape of the partial correlation of each pair
    names: tuple[str, ...]  #: of each effect, ``patient: Intercept`` (C,)
    labels: tuple[str, ...]  #: of each term, an identifier that names variables and dimensions (T,)

    @classmethod
    def of(cls, priors: Priors, terms: Sequence[RandomTerm]) -> "TermPriors":
        """Return the random terms ``Design.random`` under ``priors``."""
        back = tuple(_back(term) for term in terms)
        blocks = tuple(t for t, term in enumerate(terms) for _ in term.names)
        return cls(
            columns=tuple(term.columns @ matrix for term, matrix in zip(terms, back, strict=True)),
            levels=tuple(term.level for term in terms),
            n_levels=tuple(len(term.levels) for term in terms),
            back=back,
            sds=SdArrays.of([priors.sd_term] * len(blocks)),
            blocks=blocks,
            pairs=tuple((row, column) for column, row in slope_pairs(blocks)),
            shapes=partial_shapes(priors.correlation.eta, blocks),
            names=tuple(f"{term.group}: {name}" for term in terms for name in term.names),
            labels=term_labels(terms),
        )

    @property
    def to_user(self) -> np.ndarray:
        """From effects in the prior's units to the user's, of all terms (C, C)."""
        matrix = np.zeros((len(self.blocks), len(self.blocks)))
        for t, back in enumerate(self.back):
            own = np.flatnonzero(np.array(self.blocks) == t)
            matrix[np.ix_(own, own)] = back
        return matrix

    @property
    def width(self) -> int:
        """Number of effects on levels, of all terms: sum of c_t q_t."""
        return sum(c.shape[1] * q for c, q in zip(self.columns, self.n_levels, strict=True))


def term_labels(terms: Sequence[RandomTerm]) -> tuple[str, ...]:
    """Return an identifier for each term: its grouping, ``hospital_patient``, with its slopes where one has several."""
    found: list[str] = []
    for term in terms:
        shared = sum(term.group == other.group for other in terms) > 1
        words = [term.group, *(name for name in term.names if shared)]
        label = plain = re.sub(r"\W+", "_", " ".join(words)).strip("_")
        while label in found:
            label = f"{plain}_{len(found) + 1}"
        found.append(label)
    return tuple(found)


def _back(term: RandomTerm) -> np.ndarray:
    """Return the matrix of :func:`to_user` for a term; nothing is centred where no intercept would absorb it."""
    if "Intercept" in term.names:
        return to_user(term.columns)
    wide = to_user(np.column_stack([np.ones(len(term.columns)), term.columns]))
    return wide[1:, 1:]
