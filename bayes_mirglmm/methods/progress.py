"""How far the loop is: a bar on a terminal, lines in a log."""

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

logger = logging.getLogger(__name__)

#: Seconds between two lines of progress where there is no bar.
LINE_INTERVAL = 15.0

#: To be called after each task, with whether it is in trouble.
Advance = Callable[[bool], None]


@contextmanager
def progress_bar(total: int, description: str, progress: bool) -> Iterator[Advance]:
    """Give what to call after each of ``total`` tasks."""
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
        trouble = 0

        def advance(in_trouble: bool) -> None:
            nonlocal trouble
            trouble += in_trouble
            bar.update(task, advance=1, description=_with_trouble(description, trouble))

        yield advance


def _lines(total: int, description: str) -> Advance:
    """Return what logs how far the loop is, at most every few seconds."""
    done, trouble, start = 0, 0, time.monotonic()
    last = start

    def advance(in_trouble: bool) -> None:
        nonlocal done, trouble, start, last
        done += 1
        trouble += in_trouble
        now = time.monotonic()
        if done == 1:
            start = (
                now  # the first task has the loading of the kernels in it, and tells nothing about the others
            )
        if now - last >= LINE_INTERVAL and done < total:
            last = now
            what = _with_trouble(description, trouble)
            left = (
                f", about {_duration((now - start) / (done - 1) * (total - done))} left" if done > 1 else ""
            )
            logger.info("%s: %d of %d%s", what, done, total, left)

    return advance


def _with_trouble(description: str, trouble: int) -> str:
    return f"{description} ({trouble} in trouble)" if trouble else description


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
