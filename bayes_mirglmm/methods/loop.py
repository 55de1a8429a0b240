"""The loop over miRNAs: workers, one progress bar, results in the order of the input; what an interruption keeps."""

import logging
import os
import queue
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from signal import SIGTERM
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.interruption import POLL, Stopped, listen_to, noted, start_thread
from bayes_mirglmm.methods.progress import progress_bar

logger = logging.getLogger(__name__)

#: Seconds after which a thread gives the interpreter up to another. Kernels return every 100 microseconds and then wait
#: for it: with Python's own 5 ms a second worker would make the run slower.
SWITCH_INTERVAL = 2e-5
#: Seconds that tasks under way have to end by themselves after Ctrl-C. A maximum likelihood fit takes milliseconds, the
#: chains of one miRNA a minute.
GRACE = 5.0
#: Seconds for which results may lie in the inbox while tasks go on: to be woken for each of them takes the interpreter
#: from the workers, 2 % of a run of short tasks with one worker and 4 % with two.
PAUSE = 0.02


@dataclass(frozen=True)
class Outcome[T]:
    """What :func:`run_all` found."""

    results: dict[int, T]  #: by the number of the task, in the order of the tasks; all, unless interrupted
    interrupted: str  #: name of the signal that ended the run early, or empty


def run_all[T](
    tasks: Sequence[Callable[[], T]],
    *,
    n_jobs: int,
    weights: Sequence[float],
    progress: bool,
    description: str = "Fitting",
    troubled: Callable[[T], bool] | None = None,
    finished: Callable[[int, T], None] | None = None,
) -> Outcome[T]:
    """Run every task; Ctrl-C and SIGTERM end the run early and keep what is finished.

    After Ctrl-C no task is begun, and those under way have :data:`GRACE` seconds; a second Ctrl-C, or SIGTERM, cuts
    them short, a third one leaves them to themselves. The tasks run in threads also where one is enough: no signal
    reaches them there (:mod:`bayes_mirglmm.interruption`).

    Parameters
    ----------
    tasks : sequence of callables
        Independent of each other, so that the results do not depend on the number of workers. They spend their time
        in kernels without the GIL, hence threads.
    n_jobs : int
        Workers; 0 for one per core. BLAS is held to one thread in each.
    weights : sequence of float
        Expected cost of each task; the dearest start first, so that none is left alone at the end.
    progress : bool
        Whether to show a bar on a terminal. Elsewhere a line is logged now and then.
    description : str
        What the bar says.
    troubled : callable, optional
        From a result to whether the bar should count it as one in trouble.
    finished : callable, optional
        Called with the number of a task and its result, in this thread, as soon as it is there.

    Raises
    ------
    Exception
        What a task raised; the others are stopped.
    """
    workers = max(1, min(resolve_jobs(n_jobs), len(tasks)))
    order = sorted(range(len(tasks)), key=lambda i: -weights[i])
    crew = _Crew(tasks, order)
    results: dict[int, T] = {}
    with (
        threadpool_limits(1),
        _quick_switches(workers),
        progress_bar(len(tasks), description, progress) as advance,
        noted(crew.interrupt) as found,
    ):
        try:
            for i, result in crew.run(workers):
                results[i] = result
                if finished is not None:
                    finished(i, result)
                advance(troubled is not None and troubled(result))
        except BaseException:
            crew.cut()
            raise
    return Outcome({i: results[i] for i in sorted(results)}, found.name)


@dataclass
class _Crew[T]:
    """Threads that take tasks from a line, and the inbox into which results and signals come."""

    tasks: Sequence[Callable[[], T]]
    order: Sequence[int]
    closed: threading.Event = field(default_factory=threading.Event)  #: no task is begun any more
    stop: threading.Event = field(default_factory=threading.Event)  #: those under way are to stop
    ending: threading.Event = field(default_factory=threading.Event)  #: a worker has ended
    inbox: queue.SimpleQueue[tuple[str, Any]] = field(default_factory=queue.SimpleQueue)
    signals: int = 0

    def run(self, workers: int) -> Iterator[tuple[int, T]]:
        """Give each result, with the number of its task, when it is there."""
        line = deque(self.order)
        for _ in range(workers):
            start_thread(partial(self._work, line))
        busy, deadline = workers, float("inf")
        while busy:
            if time.monotonic() > deadline:
                self.cut()
            for what, value in self._news():
                if what == "result":
                    yield value
                elif what == "error":
                    raise value
                elif what == "idle":
                    busy -= 1
                elif not self._heed(value, busy):
                    return
                elif deadline == float("inf"):
                    deadline = time.monotonic() + GRACE

    def _news(self) -> Iterator[tuple[str, Any]]:
        """Give what comes next, and what comes within a moment of it; nothing where nothing comes."""
        try:
            yield self.inbox.get(timeout=POLL)
            self.ending.wait(PAUSE)
            while True:
                yield self.inbox.get_nowait()
        except queue.Empty:
            return

    def interrupt(self, number: int) -> None:
        """Take a signal, wherever the main thread is."""
        self.inbox.put(("signal", number))

    def cut(self) -> None:
        """Begin nothing more, and stop what is under way."""
        self.closed.set()
        self.stop.set()

    def _heed(self, number: int, busy: int) -> bool:
        """Do what a signal asks for; False gives up waiting for the tasks that are under way."""
        self.signals += 1
        self.closed.set()
        if number == SIGTERM or self.signals > 1:
            self.stop.set()
        elif not self.stop.is_set():
            logger.warning(
                "Interrupted: no more miRNAs are begun, and the %d under way have %g s to end; interrupt again to "
                "leave them out at once.", busy, GRACE,
            )  # fmt: skip
        return self.signals <= 2

    def _work(self, line: deque[int]) -> None:
        listen_to(self.stop)
        while not self.closed.is_set():
            try:
                i = line.popleft()
            except IndexError:
                break
            try:
                self.inbox.put(("result", (i, self.tasks[i]())))
            except Stopped:
                break
            except BaseException as error:
                self.inbox.put(("error", error))
                break
        self.inbox.put(("idle", None))
        self.ending.set()


def resolve_jobs(n_jobs: int) -> int:
    """Return the number of workers that ``n_jobs`` asks for."""
    if not isinstance(n_jobs, int | np.integer) or n_jobs < 0:
        raise InputError(f"n_jobs is {n_jobs}: give a number of workers, or 0 for one per core.")
    return (
        n_jobs or len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else n_jobs or os.cpu_count() or 1
    )


@contextmanager
def _quick_switches(workers: int) -> Iterator[None]:
    if workers == 1:
        yield
        return
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_INTERVAL)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
