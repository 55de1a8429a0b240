"""The loop over miRNAs on a Dask cluster: each miRNA's counts go to one worker, its records come back.

What all miRNAs share is sent to every worker once. A worker that dies gives its miRNAs back to the scheduler, which
hands them to others; a result is taken once. Nothing here depends on which worker fits what: a miRNA's stream of random
numbers is made from the seed and its name.
"""

import asyncio
import concurrent.futures
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from bayes_mirglmm.errors import ClusterError, InputError
from bayes_mirglmm.interruption import POLL, noted
from bayes_mirglmm.methods.job import Job, Pair, bare
from bayes_mirglmm.methods.loop import GRACE, Outcome
from bayes_mirglmm.methods.progress import progress_bar
from bayes_mirglmm.outcomes import FAILED
from bayes_mirglmm.records import MirnaRecord

#: distributed has no types of its own to speak of.
Client = Any
Future = Any

logger = logging.getLogger(__name__)

#: Tasks that each thread of a worker has in hand: one that runs and one that waits, so that none is idle.
AHEAD = 2
#: Seconds to wait for a scheduler to answer, and for its first worker.
TO_ANSWER, FOR_WORKERS = 10.0, 60.0
#: Packages that have to be the same on every worker: their versions may change a number.
SAME = ("bayes-mirglmm", "numpy", "scipy", "numba", "nutpie")

#: Name, isomiRs and counts (J, n) of a miRNA.
Input = tuple[str, Sequence[str], np.ndarray]


def connect(address: str) -> Client:
    """Return a client of the Dask scheduler at ``address`` (``tcp://host:8786``, or the file that it wrote).

    Raises
    ------
    InputError
        Dask is not installed.
    ClusterError
        No scheduler answers.
    """
    try:
        from distributed import Client
    except ImportError:
        raise InputError(
            "a Dask scheduler needs the package distributed: pip install 'bayes-mirglmm[dask]'."
        ) from None
    place = {"scheduler_file": address} if address.endswith(".json") else {"address": address}
    try:
        return Client(**place, timeout=TO_ANSWER, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise ClusterError(
            f"no Dask scheduler answers at {address} ({_short(error)}): start one (dask scheduler), and its workers "
            "(dask worker ADDRESS), or give the address that it prints."
        ) from None


def run_on_cluster(
    client: Client,
    job: Job,
    inputs: Sequence[Callable[[], Input]],
    *,
    weights: Sequence[float],
    progress: bool,
    description: str = "Fitting",
    troubled: Callable[[Pair], bool] = lambda pair: False,
    finished: Callable[[int, Pair], None] = lambda i, pair: None,
) -> Outcome[Pair]:
    """Fit every miRNA on the workers of a cluster; as :func:`bayes_mirglmm.methods.loop.run_all` otherwise.

    Parameters
    ----------
    client : distributed.Client
    job : Job
    inputs : sequence of callables
        Each gives one miRNA, when its turn comes: what is not under way takes no memory of the scheduler.
    weights : sequence of float
        Expected cost of each; the dearest start first.
    progress, description, troubled
        As in :func:`~bayes_mirglmm.methods.loop.run_all`.
    finished : callable
        Called with each result as it comes: the records without isomiRs and counts
        (:func:`~bayes_mirglmm.methods.job.bare`).

    Raises
    ------
    ClusterError
        The scheduler has no workers, or went away.
    Exception
        What a miRNA raised with ``throw=True``.
    """
    _check_workers(client)
    crew = _Crew(client, job, inputs, deque(sorted(range(len(inputs)), key=lambda i: -weights[i])))
    results: dict[int, Pair] = {}
    with progress_bar(len(inputs), description, progress) as advance, noted(crew.interrupt) as found:
        try:
            for i, pair in crew.run():
                results[i] = pair
                finished(i, pair)
                advance(troubled(pair))
        finally:
            crew.cancel()
    return Outcome({i: results[i] for i in sorted(results)}, found.name)


class _Crew:
    """The tasks that are under way on the cluster."""

    def __init__(
        self, client: Client, job: Job, inputs: Sequence[Callable[[], Input]], line: deque[int]
    ) -> None:
        self.client, self.inputs, self.line = client, inputs, line
        self.flying: dict[Future, tuple[int, str, int]] = {}
        self.deadline = float("inf")
        self.signals = 0
        self.job = client.scatter(job.to_send(), broadcast=True, hash=False)

    def run(self) -> Any:
        """Give the number and the records of each miRNA when they are there."""
        from distributed import wait
        from distributed.comm.core import CommClosedError

        lost = (CommClosedError, OSError, asyncio.CancelledError, concurrent.futures.CancelledError)
        while (self.line or self.flying) and time.monotonic() < self.deadline:
            try:
                self._send()
                if not self.flying:
                    return
                with self.client.as_current():
                    done = wait(list(self.flying), timeout=POLL, return_when="FIRST_COMPLETED").done
            except TimeoutError:
                if self.client.status not in ("running", "connecting"):
                    raise self._gone() from None
                continue
            except lost:
                raise self._gone() from None
            for future in done:
                i, mirna, n_isomirs = self.flying.pop(future)
                yield i, self._result(future, mirna, n_isomirs)

    def _send(self) -> None:
        """Send as many miRNAs as the workers that are there can have in hand."""
        if self.deadline < float("inf"):
            return
        room = AHEAD * max(1, sum(self.client.nthreads().values())) - len(self.flying)
        while room > 0 and self.line:
            i = self.line.popleft()
            mirna, isomirs, counts = self.inputs[i]()
            future = self.client.submit(
                fit_on_worker,
                self.job,
                mirna,
                list(isomirs),
                counts,
                pure=False,
                key=f"mirna-{i}-{id(self):x}",
            )
            self.flying[future] = (i, mirna, len(isomirs))
            room -= 1

    def _result(self, future: Future, mirna: str, n_isomirs: int) -> Pair:
        from distributed import KilledWorker

        if future.status == "finished":
            try:
                return future.result()
            except (OSError, concurrent.futures.CancelledError):
                raise self._gone() from None
        if future.status != "error":
            raise self._gone()
        error = future.exception()
        if not isinstance(error, KilledWorker):
            raise error
        reason = f"The workers that were to fit it died, the last one {_short(error.last_worker.address)}."
        record = MirnaRecord(mirna, FAILED, reason, n_isomirs=n_isomirs)
        return record, record

    def interrupt(self, number: int) -> None:
        """Begin nothing more; after a first Ctrl-C what is under way has some time."""
        from signal import SIGTERM

        self.signals += 1
        wait = 0.0 if number == SIGTERM or self.signals > 1 else GRACE
        self.deadline = min(self.deadline, time.monotonic() + wait)

    def cancel(self) -> None:
        """Give up what is under way."""
        if self.flying and self.client.status == "running":
            self.client.cancel(list(self.flying), force=True)
        self.flying.clear()

    def _gone(self) -> ClusterError:
        return ClusterError(
            f"the Dask scheduler at {self.client.scheduler.address if self.client.scheduler else '?'} went away before "
            f"the fit was done: {len(self.line) + len(self.flying)} of {len(self.inputs)} miRNAs were left. Start it "
            "again; where the fit has a ledger, resume=True (--resume) goes on with what is finished."
        )


_prepared: list[bool] = []
_preparing = threading.Lock()


def fit_on_worker(job: Job, mirna: str, isomirs: list[str], counts: np.ndarray) -> Pair:
    """Fit one miRNA in a process of the cluster."""
    with _preparing:
        if not _prepared:
            threadpool_limits(1)  # for the life of the process: each of its threads is a worker
            job.prepare()
            _prepared.append(True)
    return bare(job.fit(mirna, isomirs, counts))


def versions_here() -> dict[str, str]:
    """Return the versions of what may change a number."""
    found = {}
    for name in SAME:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _check_workers(client: Client) -> None:
    """Wait for a worker, and refuse workers on which other versions would compute other numbers."""
    if not hasattr(client, "scatter") or not hasattr(client, "nthreads"):
        raise InputError(
            f"executor is a {type(client).__name__}: give a dask.distributed.Client, or leave it out and set n_jobs."
        )
    if not client.nthreads():
        logger.info("Waiting for workers of the Dask scheduler ...")
        try:
            client.wait_for_workers(1, timeout=FOR_WORKERS)
        except TimeoutError:
            raise ClusterError(
                f"the Dask scheduler at {client.scheduler.address} has no workers after {FOR_WORKERS:g} s: start some "
                f"(dask worker {client.scheduler.address})."
            ) from None
    try:
        there = client.run(versions_here)
    except Exception as error:
        raise ClusterError(
            f"a worker of the Dask cluster cannot load bayes_mirglmm ({_short(error)}): install it there, in the "
            "version that is here."
        ) from None
    own = versions_here()
    for worker, found in there.items():
        differing = [f"{name} {found.get(name, 'missing')}" for name in own if found.get(name) != own[name]]
        if differing:
            raise ClusterError(
                f"worker {worker} has other versions than this process, so that its numbers would be others: "
                f"{', '.join(differing)}, here {', '.join(f'{name} {own[name]}' for name in own)}. Install the same."
            )


def _short(value: object) -> str:
    text = " ".join(str(value).split()) or type(value).__name__
    return text if len(text) <= 200 else f"{text[:200]} ..."
