"""What varies at random, each as one value: the effects of isomiRs, that of each sample, the random terms of samples.

Tables, datasets, trees, pictures and reports take names, covariance blocks and places from here.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bayes_mirglmm.design.blocks import slope_columns
from bayes_mirglmm.design.random_terms import RandomTerm

#: Groups whose levels are no column of the sample table.
ISOMIR, SAMPLE, DISPERSION = "isomir", "sample", "dispersion"


@dataclass(frozen=True)
class Component:
    """A row of a table of variance components, and where its numbers stand in the dataset of a fit."""

    group: str
    """``isomir``, ``sample``, columns of the sample table, or ``dispersion``."""
    term: str
    """What varies over the levels of the group."""
    term2: str
    """What it correlates with; empty where there is no such parameter."""
    variable: str
    """The covariance that has it: ``omega``, ``sigma_sample``, ``random_cov``, ``theta``."""
    variance: int | None
    """Its place on the diagonal; None for a row that is about a correlation alone."""
    correlation: tuple[int, int] | None
    """The places of the two that correlate."""
    words: tuple[str, ...]
    """What it is for readers, most general first: ``("isomiR usage", "group[T.B]")``."""


@dataclass(frozen=True)
class Varying:
    """Effects that vary over the levels of one group."""

    group: str
    """``isomir``, ``sample``, or the columns of the sample table whose levels share effects."""
    names: tuple[str, ...]
    """What varies: ``Intercept``, columns of the design, covariates."""
    blocks: tuple[int, ...]
    """Covariance block of each: those of one block may correlate."""
    variable: str
    """The variable of the dataset of a fit that has their covariance (or SD)."""
    first: int = 0
    """Place of the first of them there."""

    @property
    def labels(self) -> tuple[str, ...]:
        """A name for each effect that is one among all of a fit: ``patient: Intercept``."""
        return tuple(f"{self.group}: {name}" for name in self.names)

    def components(self) -> list[Component]:
        """Return its rows: each effect, with the first one where both may correlate, then other pairs of a block."""
        together = [k > 0 and block == self.blocks[0] for k, block in enumerate(self.blocks)]
        rows = [self._row(k, 0 if together[k] else None, own=True) for k in range(len(self.names))]
        pairs = [
            (k, j) for k in range(2, len(self.names)) for j in range(1, k) if self.blocks[j] == self.blocks[k]
        ]
        return rows + [self._row(k, j, own=False) for k, j in pairs]

    def _row(self, k: int, j: int | None, *, own: bool) -> Component:
        return Component(
            self.group,
            self.names[k],
            "" if j is None else self.names[j],
            self.variable,
            self.first + k if own else None,
            None if j is None else (self.first + k, self.first + j),
            self._words(k),
        )

    def _words(self, k: int) -> tuple[str, ...]:
        if self.group != ISOMIR:
            return (self.group, *(name for name in (self.names[k],) if name != "Intercept"))
        if k == 0:
            return ("isomiR level",)
        if k in slope_columns(self.blocks):
            return ("isomiR usage", self.names[k])
        return (f"isomiR, {self.names[k]}",)


def varying(slope_terms: Sequence[str], blocks: Sequence[int], random: Sequence[RandomTerm]) -> list[Varying]:
    """Return all that varies in a model: isomiR effects, the effect of each sample, random terms in their order."""
    found = [
        Varying(ISOMIR, tuple(slope_terms), tuple(blocks), "omega"),
        Varying(SAMPLE, ("Intercept",), (0,), "sigma_sample"),
    ]
    first = 0
    for term in random:
        found.append(Varying(term.group, term.names, (0,) * len(term.names), "random_cov", first))
        first += len(term.names)
    return found


def components(all_of_them: Sequence[Varying]) -> list[Component]:
    """Return the rows of a table of variance components, the gamma factor of the negative binomial last."""
    rows = [row for one in all_of_them for row in one.components()]
    return [*rows, Component(DISPERSION, "1/theta", "", "theta", 0, None, ("noise", "1/sqrt(theta)"))]
