"""What fits one miRNA, wherever it runs: here, in a thread, or in a process of a cluster."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from bayes_mirglmm.counts.on_disk import RowsOf
from bayes_mirglmm.interruption import time_limit
from bayes_mirglmm.methods.maximum_likelihood import Plan
from bayes_mirglmm.methods.registry import method_named
from bayes_mirglmm.records import MirnaRecord

if TYPE_CHECKING:
    from bayes_mirglmm.methods.registry import FitOne

Pair = tuple[MirnaRecord, MirnaRecord]


@dataclass(frozen=True)
class Job:
    """A fit of any miRNA: what all of them share."""

    method: str
    plan: Plan
    seed: int
    settings: Any  #: of the method
    max_seconds: float | None = None

    @cached_property
    def _fit_one(self) -> "FitOne":
        return method_named(self.method).engine.fitter(self.plan, self.seed, self.settings)

    def prepare(self) -> None:
        """Compile the kernels, or load them from disk."""
        method_named(self.method).engine.prepare()

    def fit(self, mirna: str, isomirs: Sequence[str], counts: np.ndarray) -> Pair:
        """Return the fit by maximum likelihood of one miRNA, and the method's own.

        Parameters
        ----------
        mirna : str
        isomirs : sequence of str, length J
        counts : int array, shape (J, n)
        """
        with time_limit(self.max_seconds):
            return self._fit_one(mirna, isomirs, counts.astype(np.int64, copy=False))

    def to_send(self) -> "Job":
        """Return the same without what was computed from it."""
        return replace(self, plan=replace(self.plan))


def bare(pair: Pair) -> Pair:
    """Return records without isomiRs and counts, which whoever asked for them has."""
    ml, own = pair
    first = _bare(ml)
    return first, first if own is ml else _bare(own)


def dressed(pair: Pair, isomirs: Sequence[str], counts: np.ndarray | RowsOf) -> Pair:
    """Return what :func:`bare` was given."""
    ml, own = pair
    first = _dressed(ml, isomirs, counts)
    return first, first if own is ml else _dressed(own, isomirs, counts)


def _bare(record: MirnaRecord) -> MirnaRecord:
    if record.counts is None:
        return record
    return replace(record, isomirs=(), counts=np.empty((0, 0), dtype=np.int64))


def _dressed(record: MirnaRecord, isomirs: Sequence[str], counts: np.ndarray | RowsOf) -> MirnaRecord:
    return record if record.counts is None else replace(record, isomirs=isomirs, counts=counts)
