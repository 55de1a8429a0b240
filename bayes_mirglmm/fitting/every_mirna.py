"""Every miRNA of a container: fitted, cut off by an interruption, or left out before; and what is said of it all."""

import logging
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from bayes_mirglmm.counts.container import dropped, some
from bayes_mirglmm.counts.filtering import WITHOUT_ISOMIRS
from bayes_mirglmm.counts.selection import NOT_ASKED
from bayes_mirglmm.methods.loop import run_all
from bayes_mirglmm.outcomes import (
    FAILED,
    INTERRUPTED,
    LOW_EXPRESSION,
    NOT_CONVERGED,
    NOT_SELECTED,
    TOO_FEW_ISOMIRS,
)
from bayes_mirglmm.records import MirnaRecord
from bayes_mirglmm.results import Fit

logger = logging.getLogger(__name__)

UNFINISHED = "The run was interrupted before this miRNA was finished."
#: Statuses that nobody expects of sound data.
TROUBLE = (FAILED, NOT_CONVERGED)


Pair = tuple[MirnaRecord, MirnaRecord]


class Found(NamedTuple):
    """What came of the miRNAs with counts."""

    records: list[Pair]  #: in the order in which they were read; empty where nothing was finished
    done: int
    left: int  #: that an interruption left unfinished
    interrupted: str  #: name of the signal, or empty


def fit_every_mirna(
    counts: xr.Dataset,
    fit_one: Callable[[str, list[str], np.ndarray], Pair],
    *,
    n_jobs: int,
    progress: bool,
    description: str,
) -> Found:
    """Return what ``fit_one`` makes of every miRNA with counts: by maximum likelihood, and by the method asked for."""
    mirnas = counts["mirna"].values.astype(object)
    names, first = np.unique(mirnas, return_index=True)
    names = names[np.argsort(first)]
    position = pd.Series(np.arange(len(mirnas))).groupby(mirnas, sort=False).indices
    isomirs, values = counts["isomir"].values, counts["counts"].values
    tasks = [
        partial(fit_one, str(name), list(isomirs[position[name]]), values[position[name]]) for name in names
    ]
    found = run_all(
        tasks,
        n_jobs=n_jobs,
        weights=[float(len(position[name])) for name in names],
        progress=progress,
        description=description,
        troubled=lambda pair: pair[1].status in TROUBLE,
    )
    done, left = found.results, len(tasks) - len(found.results)
    if found.interrupted:
        logger.warning("Interrupted: %d of %d miRNAs are finished and kept.", len(done), len(tasks))
    if not done:
        return Found([], 0, left, found.interrupted)
    records = []
    for i, name in enumerate(names):
        record = MirnaRecord(str(name), INTERRUPTED, UNFINISHED, n_isomirs=len(position[name]))
        records.append(done.get(i, (record, record)))
    return Found(records, len(done), left, found.interrupted)


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
    """Warn, with the counts by status, where miRNAs failed, did not converge, or none could be fitted."""
    status = pd.Series(fit.data["status"].values, index=fit.data["mirna"].values, dtype=object)
    counted = ", ".join(f"{n} {name}" for name, n in status.value_counts().items())
    if not len(fit):
        logger.warning(
            "No miRNA was fitted: of %d, %s. fit.status() (status.tsv) has the reason of each.", len(status), counted
        )  # fmt: skip
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
