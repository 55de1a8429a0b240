"""The loop over miRNAs: workers, one progress bar, results in the order of the input."""

import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager

import numpy as np
from threadpoolctl import threadpool_limits

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.methods.progress import progress_bar

logger = logging.getLogger(__name__)

#: Seconds after which a thread gives the interpreter up to another. Kernels return every 100 microseconds and then wait
#: for it: with Python's own 5 ms a second worker would make the run slower.
SWITCH_INTERVAL = 2e-5


def run_all[T](
    tasks: Sequence[Callable[[], T]],
    *,
    n_jobs: int,
    weights: Sequence[float],
    progress: bool,
    description: str = "Fitting",
    keep_finished: bool = False,
    troubled: Callable[[T], bool] | None = None,
) -> dict[int, T]:
    """Run every task and return the results by the number of the task, in the order of the tasks.

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
    keep_finished : bool
        When the user interrupts the loop, return what is finished instead of raising KeyboardInterrupt.
    troubled : callable, optional
        From a result to whether the bar should count it as one in trouble.
    """
    workers = resolve_jobs(n_jobs)
    results: dict[int, T] = {}
    order = sorted(range(len(tasks)), key=lambda i: -weights[i])
    with threadpool_limits(1), progress_bar(len(tasks), description, progress) as advance:
        try:
            for i, result in _finished(tasks, order, workers):
                results[i] = result
                advance(troubled is not None and troubled(result))
        except KeyboardInterrupt:
            if not keep_finished:
                raise
    return {i: results[i] for i in sorted(results)}


def _finished[T](
    tasks: Sequence[Callable[[], T]], order: Sequence[int], workers: int
) -> Iterator[tuple[int, T]]:
    """Run the tasks and give each result, with the number of its task, when it is there."""
    if workers == 1:
        for i in order:
            yield i, tasks[i]()
        return
    with _quick_switches(), ThreadPoolExecutor(workers) as pool:
        places: dict[Future[T], int] = {pool.submit(tasks[i]): i for i in order}
        given = set()
        try:
            for future in as_completed(places):
                given.add(future)
                yield places[future], future.result()
        except KeyboardInterrupt:
            left = [future for future in places if not future.cancel() and future not in given]
            if left:
                logger.warning("Interrupted: waiting for the %d miRNAs that are under way.", len(left))
            for future in as_completed(left):
                yield places[future], future.result()
            raise
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


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
def _quick_switches() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_INTERVAL)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
