"""The loop over miRNAs: workers, one progress bar, results in the order of the input."""

import logging
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager

from threadpoolctl import threadpool_limits

from bayes_mirglmm.errors import InputError

logger = logging.getLogger(__name__)

#: Seconds between two lines of progress where there is no bar.
LINE_INTERVAL = 15.0
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
) -> list[T]:
    """Run every task and return the results in the order of the tasks.

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
    """
    workers = resolve_jobs(n_jobs)
    results: dict[int, T] = {}
    order = sorted(range(len(tasks)), key=lambda i: -weights[i])
    with threadpool_limits(1), _bar(len(tasks), description, progress) as advance:
        if workers == 1:
            for i in order:
                results[i] = tasks[i]()
                advance()
        else:
            with _quick_switches(), ThreadPoolExecutor(workers) as pool:
                places: dict[Future[T], int] = {pool.submit(tasks[i]): i for i in order}
                try:
                    for future in as_completed(places):
                        results[places[future]] = future.result()
                        advance()
                except BaseException:
                    pool.shutdown(wait=False, cancel_futures=True)
                    raise
    return [results[i] for i in range(len(tasks))]


def resolve_jobs(n_jobs: int) -> int:
    """Return the number of workers that ``n_jobs`` asks for."""
    if n_jobs < 0:
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


@contextmanager
def _bar(total: int, description: str, progress: bool) -> Iterator[Callable[[], None]]:
    if not (progress and sys.stderr.isatty()):
        yield _lines(total, description)
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
    with bar:
        task = bar.add_task(description, total=total)
        yield lambda: bar.advance(task)


def _lines(total: int, description: str) -> Callable[[], None]:
    """Return what to call after each task: it logs how far the loop is, at most every few seconds."""
    done, start = 0, time.monotonic()
    last = start

    def advance() -> None:
        nonlocal done, last
        done += 1
        now = time.monotonic()
        if now - last >= LINE_INTERVAL and done < total:
            last = now
            left = (now - start) / done * (total - done)
            logger.info("%s: %d of %d, about %s left", description, done, total, _duration(left))

    return advance


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
