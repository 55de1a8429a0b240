"""Ctrl-C and SIGTERM: noted where work must not break off, and how what runs elsewhere is stopped.

Python handles signals between two steps of the main thread, which can be inside a compiled kernel that is making the
tuple it returns. numba does not expect an exception there, and the interpreter dies of a segmentation fault. Kernels
therefore run in threads of their own (:func:`apart`, the loop over miRNAs), which no signal reaches, and
look for a wish to stop between two calls (:func:`stop_point`).

Compiling a kernel takes seconds in which no thread can be stopped. A process that ends meanwhile dies of an assertion
of LLVM, whose tables are taken down under its feet. The end of Python therefore waits for these threads; a command,
whose process is its own, ends without taking anything down (:func:`end_over_threads`).
"""

import atexit
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import FrameType
from typing import NoReturn
from weakref import WeakSet

SIGNALS = (signal.SIGINT, signal.SIGTERM)
POLL = 0.5  # seconds: where waiting for a thread cannot be interrupted, signals are looked for this often
WAITING = "bayes_mirglmm: waiting until a kernel is compiled. Interrupt to give it up."


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
            if handler in (signal.default_int_handler, signal.SIG_DFL, leave) or isinstance(
                handler, _Handler
            ):
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


def leave(number: int, frame: FrameType | None) -> NoReturn:
    """Handle a signal that ends a process, so that what was begun is cleared away first, as after Ctrl-C."""
    raise SystemExit(128 + number)


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
        start_thread(run)
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


_threads: WeakSet[threading.Thread] = WeakSet()


def start_thread(task: Callable[[], None]) -> None:
    """Run ``task`` in a thread that no signal reaches, and that the end of the process waits for.

    A daemon: Python would wait for another before anything could be said about it.
    """
    thread = threading.Thread(target=task, name="bayes_mirglmm", daemon=True)
    _threads.add(thread)
    # What is registered last is called first: before the libraries that a thread may be in take anything down.
    atexit.unregister(_wait_for_threads)
    atexit.register(_wait_for_threads)
    thread.start()


def _at_work() -> list[threading.Thread]:
    return [thread for thread in _threads if thread.is_alive()]


def _wait_for_threads() -> None:
    """Wait until no thread is at work; Ctrl-C ends the process without it."""
    told, since = False, time.monotonic()
    try:
        while threads := _at_work():
            threads[0].join(POLL)
            if not told and time.monotonic() - since > 2 * POLL:
                told = True
                print(WAITING, file=sys.stderr, flush=True)
    except KeyboardInterrupt:
        _end_at_once(128 + signal.SIGINT)


def end_over_threads(code: int) -> None:
    """End the process with ``code`` where a thread is still at work, without taking down what it works with."""
    if _at_work():
        _end_at_once(code)


def _end_at_once(code: int) -> NoReturn:
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # nobody reads it any more
            stream.flush()
    os._exit(code)


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
