"""Ctrl-C and SIGTERM: noted where work must not break off, and how what runs elsewhere is stopped.

Python handles signals between two steps of the main thread, which can be inside a compiled kernel that is making the
tuple it returns. numba does not expect an exception there, and the interpreter dies of a segmentation fault. Kernels
therefore run in threads of their own (:func:`apart`, the loop over miRNAs), which no signal reaches, and
look for a wish to stop between two calls (:func:`stop_point`).
"""

import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import NoReturn

SIGNALS = (signal.SIGINT, signal.SIGTERM)
POLL = 0.5  # seconds: where waiting for a thread cannot be interrupted, signals are looked for this often


class Stopped(BaseException):
    """A task was asked to stop before its end. Not an Exception: no task may take it for a fault of its own."""


class TimeUp(Exception):
    """A task took longer than the time that it was given (:func:`time_limit`)."""


@dataclass
class Noted:
    """The signals that arrived in a block of :func:`noted`."""

    signals: list[int] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The name of the first, or an empty string."""
        return signal.Signals(self.signals[0]).name if self.signals else ""


class _Handler:
    """What stands in the place of Python's own handler in a block of :func:`noted`."""

    def __init__(self, found: Noted, then: Callable[[int], None] | None) -> None:
        self.found, self.then = found, then

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self.found.signals.append(number)
        if self.then is not None:
            self.then(number)


@contextmanager
def noted(then: Callable[[int], None] | None = None) -> Iterator[Noted]:
    """Note SIGINT and SIGTERM instead of breaking off, in the main thread (no other gets any).

    A handler that somebody else has set stays.

    Parameters
    ----------
    then : callable, optional
        Called with the number of each signal, between any two steps of the block.
    """
    found = Noted()
    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in SIGNALS:
            handler = signal.getsignal(number)
            if handler in (signal.default_int_handler, signal.SIG_DFL) or isinstance(handler, _Handler):
                before[number] = handler
    try:
        for number in before:
            signal.signal(number, _Handler(found, then))
        yield found
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def deferred(what: str) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM wait until the block is done; a second signal breaks it off.

    Parameters
    ----------
    what : str
        What is being done, for the sentence that answers the first signal.
    """

    def answer(number: int) -> None:
        if len(found.signals) > 1:
            raise KeyboardInterrupt
        try:
            print(f"{what}: done in a moment. Interrupt again to give it up.", file=sys.stderr, flush=True)
        except RuntimeError:  # the signal came while something else was being printed
            return

    with noted(answer) as found:
        yield
    passed_on(found)


def passed_on(found: Noted) -> None:
    """Let the first signal that was noted do what it does now that the block is over."""
    if found.signals:
        signal.raise_signal(found.signals[0])


def hand_on(name: str) -> NoReturn:
    """Do what a signal that was noted does by itself."""
    signal.raise_signal(signal.Signals[name])
    raise KeyboardInterrupt


def apart[T](task: Callable[[], T]) -> T:
    """Return ``task()``, run in a thread that no signal reaches; needed for whatever calls kernels.

    Ctrl-C stops it at its next :func:`stop_point` and is raised here at once.
    """
    if threading.current_thread() is not threading.main_thread():
        return task()
    outcome: queue.SimpleQueue[tuple[T | None, BaseException | None]] = queue.SimpleQueue()
    stop = threading.Event()

    def run() -> None:
        listen_to(stop)
        try:
            outcome.put((task(), None))
        except BaseException as error:
            outcome.put((None, error))

    try:
        threading.Thread(target=run, name="bayes_mirglmm", daemon=True).start()
        while True:
            try:
                result, error = outcome.get(timeout=POLL)
                break
            except queue.Empty:
                continue
    except BaseException:
        stop.set()
        raise
    if error is not None:
        raise error
    return result  # type: ignore[return-value]


_own = threading.local()


def listen_to(stop: threading.Event) -> None:
    """Let the tasks of this thread stop when ``stop`` is set."""
    _own.stop = stop


@contextmanager
def time_limit(seconds: float | None) -> Iterator[None]:
    """Let :func:`stop_point` break off with :class:`TimeUp` where the block takes longer; None is for ever."""
    before = getattr(_own, "limit", None)
    _own.limit = before if seconds is None else (time.monotonic() + seconds, seconds)
    try:
        yield
    finally:
        _own.limit = before


def stop_point() -> None:
    """Break off with :class:`Stopped` where this thread was asked to stop: called between two calls of kernels.

    Where its time is up, with :class:`TimeUp`.
    """
    stop = getattr(_own, "stop", None)
    if stop is not None and stop.is_set():
        raise Stopped
    limit = getattr(_own, "limit", None)
    if limit is not None and time.monotonic() > limit[0]:
        raise TimeUp(f"Stopped after {limit[1]:g} s, the time that max_seconds gives to a miRNA.")
