"""Every miRNA of a container: fitted, cut off by an interruption, or left out before; and what is said of it all."""

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from bayes_mirglmm.counts.container import dropped, some
from bayes_mirglmm.counts.filtering import WITHOUT_ISOMIRS
from bayes_mirglmm.counts.on_disk import RowsOf, is_on_disk
from bayes_mirglmm.counts.selection import NOT_ASKED
from bayes_mirglmm.methods.cluster import run_on_cluster
from bayes_mirglmm.methods.job import Job, Pair, bare, dressed
from bayes_mirglmm.methods.loop import Outcome, run_all
from bayes_mirglmm.outcomes import (
    FAILED,
    INTERRUPTED,
    LOW_EXPRESSION,
    NOT_CONVERGED,
    NOT_SELECTED,
    TOO_FEW_ISOMIRS,
    Caution,
    as_metadata,
    from_metadata,
)
from bayes_mirglmm.records import MirnaRecord
from bayes_mirglmm.results import Fit

logger = logging.getLogger(__name__)

#: Kinds of cautions on estimates: beside the point where there are none.
ON_ESTIMATES = ("few_samples", "slope", "saturated", "many_coefficients", "offset")

ELSEWHERE = "It is fitted in another part (shard) of this fit."
UNFINISHED = "The run was interrupted before this miRNA was finished."
#: Statuses that nobody expects of sound data.
TROUBLE = (FAILED, NOT_CONVERGED)


class Found(NamedTuple):
    """What came of the miRNAs with counts."""

    pairs: list[Pair]  #: in the order in which they were read; empty where nothing was finished
    done: int
    left: int  #: that an interruption left unfinished
    interrupted: str  #: name of the signal, or empty


class Mirnas:
    """The miRNAs of a container, in the order of their first isomiR, each cut out when it is asked for."""

    def __init__(self, counts: xr.Dataset) -> None:
        mirnas = counts["mirna"].values.astype(object)
        names, first = np.unique(mirnas, return_index=True)
        self.names = [str(name) for name in names[np.argsort(first)]]
        rows = pd.Series(np.arange(len(mirnas))).groupby(mirnas, sort=False).indices
        self.rows = [rows[name] for name in names[np.argsort(first)]]
        self.isomirs = counts["isomir"].values
        variable = counts["counts"].variable
        self.counts = variable if is_on_disk(variable) else variable.values

    @property
    def weights(self) -> list[float]:
        """Number of isomiRs of each: what its fit costs, nearly."""
        return [float(len(rows)) for rows in self.rows]

    def take(self, i: int) -> tuple[str, list[str], np.ndarray]:
        """Return the name, the isomiRs and the counts (J, n) of miRNA ``i``."""
        rows = self.rows[i]
        together = rows[-1] - rows[0] == len(rows) - 1  # they ascend
        values = np.asarray(self.counts[slice(rows[0], rows[-1] + 1) if together else rows])
        return self.names[i], list(self.isomirs[rows]), values

    def dress(self, i: int, pair: Pair) -> Pair:
        """Give records the isomiRs and counts of miRNA ``i``; counts that are on disk stay there."""
        if isinstance(self.counts, np.ndarray):
            return dressed(pair, *self.take(i)[1:])
        return dressed(pair, list(self.isomirs[self.rows[i]]), RowsOf(self.counts, np.asarray(self.rows[i])))


def fit_every_mirna(
    mirnas: Mirnas,
    job: Job,
    *,
    chosen: Sequence[int],
    known: Mapping[str, Pair],
    finished: Callable[[str, Pair], None],
    executor: Any,
    n_jobs: int,
    progress: bool,
    description: str,
) -> Found:
    """Return what ``job`` makes of every miRNA: by maximum likelihood, and by the method asked for.

    Parameters
    ----------
    mirnas : Mirnas
    job : Job
    chosen : sequence of int
        Those that are fitted; the others have the status ``not_selected``.
    known : mapping
        Pairs of records that are there already, by miRNA.
    finished : callable
        Called with the name and the records of each as soon as it is there.
    executor : distributed.Client, optional
        Where to fit, in place of threads of this process.
    """
    pending = [i for i in chosen if mirnas.names[i] not in known]
    weights = mirnas.weights
    common: dict[str, Any] = {
        "weights": [weights[i] for i in pending],
        "progress": progress,
        "description": description,
        "troubled": lambda pair: pair[1].status in TROUBLE,
        "finished": lambda k, pair: finished(mirnas.names[pending[k]], pair),
    }
    if not pending:
        found: Outcome[Pair] = Outcome({}, "")
    elif executor is not None:
        inputs = [partial(mirnas.take, i) for i in pending]
        found = run_on_cluster(executor, job, inputs, **common)
    else:
        tasks = [partial(_fitted, mirnas, job, i) for i in pending]
        found = run_all(tasks, n_jobs=n_jobs, **common)
    pairs = dict(known) | {mirnas.names[pending[k]]: pair for k, pair in found.results.items()}
    done = sum(mirnas.names[i] in pairs for i in chosen)
    if found.interrupted:
        logger.warning("Interrupted: %d of %d miRNAs are finished and kept.", done, len(chosen))
    if not done and chosen:
        return Found([], 0, len(chosen), found.interrupted)
    own = set(chosen)
    every = []
    for i, name in enumerate(mirnas.names):
        if name in pairs:
            every.append(mirnas.dress(i, pairs[name]))
            continue
        status, reason = (INTERRUPTED, UNFINISHED) if i in own else (NOT_SELECTED, ELSEWHERE)
        record = MirnaRecord(name, status, reason, n_isomirs=len(mirnas.rows[i]))
        every.append((record, record))
    return Found(every, done, len(chosen) - done, found.interrupted)


def _fitted(mirnas: Mirnas, job: Job, i: int) -> Pair:
    return bare(job.fit(*mirnas.take(i)))


def left_out(counts: xr.Dataset) -> list[MirnaRecord]:
    """Return a record for every miRNA in the filters' account of which no isomiR is left."""
    gone = dropped(counts)
    gone = gone[~gone["mirna"].isin(set(counts["mirna"].values))]
    low = gone[gone["reason"] == "low_mirna_expression"]
    levels = dict(zip(low["mirna"].tolist(), low["log_cpm"].tolist(), strict=True))
    unasked = set(gone.loc[gone["reason"] == NOT_ASKED, "mirna"])
    recorded = counts.attrs.get(WITHOUT_ISOMIRS)  # absent where filters of another version ran
    emptied = {recorded} if isinstance(recorded, str) else None if recorded is None else set(recorded)
    records = []
    for mirna, size in gone["mirna"].value_counts(sort=False).items():
        if mirna in levels:
            status = LOW_EXPRESSION
            reason = (
                f"log(median CPM) of its summed counts is {levels[mirna]:.2f}, not above the filter's limit."
            )
        elif mirna in unasked:
            status = NOT_SELECTED
            reason = "It is not one of the miRNAs that were asked for."
        elif emptied is None or mirna in emptied:
            status = TOO_FEW_ISOMIRS
            reason = f"None of its isomiRs is left: the expression filter dropped {size}."
        else:
            status = NOT_SELECTED
            reason = (
                "Its isomiRs passed the filters, but none is among the counts that were given to the fit: they are a "
                "part of what was filtered."
            )
        records.append(MirnaRecord(str(mirna), status, reason, n_isomirs=0))
    return records


def say_outcome(fit: Fit) -> None:
    """Warn, with the counts by status, where miRNAs failed, did not converge, or none could be fitted.

    The last is also the first caution of the fit, in place of those on estimates that it does not have.
    """
    status = pd.Series(fit.data["status"].values, index=fit.data["mirna"].values, dtype=object)
    counted = ", ".join(f"{n} {name}" for name, n in status.value_counts().items())
    if not len(fit):
        sentence = f"No miRNA was fitted: of {len(status)}, {counted}."
        logger.warning("%s fit.status() (status.tsv) has the reason of each.", sentence)
        others = [c for c in from_metadata(fit.metadata) if c.kind not in ON_ESTIMATES]
        fit.metadata |= as_metadata([Caution("nothing_fitted", sentence), *others])
    troubled = status[status.isin(TROUBLE)]
    if len(troubled) and (len(fit) or FAILED in set(status)):
        logger.warning(
            "Of %d miRNAs: %s. In trouble: %s; fit.status() (status.tsv) has the reason of each.",
            len(status), counted, some([f"{name} ({what})" for name, what in troubled.items()]),
        )  # fmt: skip
    failed = np.flatnonzero(fit.data["status"].values == FAILED)
    if len(failed):
        logger.warning(
            "The first that failed: %s, %s. That is a fault of the program: throw=True (--debug) stops there with its "
            "traceback. Please report it.", fit.data["mirna"].values[failed[0]], fit.data["reason"].values[failed[0]],
        )  # fmt: skip
