"""The loop over miRNAs: order, workers, and what SIGINT and SIGTERM leave."""

import logging
import signal
import threading
import time

import pytest

from bayes_mirglmm.interruption import apart, deferred, noted, stop_point
from bayes_mirglmm.methods import loop
from bayes_mirglmm.methods.loop import resolve_jobs, run_all


def square(i, started=None):
    def run():
        if started is not None:
            started.append(i)
        return i * i

    return run


def until_stopped():
    while True:
        stop_point()
        time.sleep(0.005)


@pytest.fixture
def interrupt(monkeypatch):
    """Send a signal from a task and wait until the loop has heeded it: those that come too fast are one."""
    heeded = []
    real = loop._Crew._heed

    def heed(*args):
        try:
            return real(*args)
        finally:
            heeded.append(1)

    monkeypatch.setattr(loop._Crew, "_heed", heed)

    def send(number):
        before = len(heeded)
        signal.raise_signal(number)
        while len(heeded) == before:
            time.sleep(0.005)

    return send


def run(tasks, n_jobs=1):
    return run_all(tasks, n_jobs=n_jobs, weights=[1.0] * len(tasks), progress=False)


def test_tasks_come_back_in_order_and_the_dearest_starts_first():
    started = []
    tasks = [square(i, started) for i in range(5)]
    found = run_all(tasks, n_jobs=1, weights=[1, 5, 3, 2, 4], progress=False)
    assert list(found.results.items()) == [(0, 0), (1, 1), (2, 4), (3, 9), (4, 16)]
    assert not found.interrupted
    assert started == [1, 4, 2, 3, 0]
    assert run(tasks, n_jobs=3) == found


@pytest.mark.parametrize("jobs", [1, 2])
def test_results_may_wait_a_moment_but_not_once_a_worker_has_nothing_left(jobs, monkeypatch):
    """A pause far longer than the run: it is cut short, and everything that came in it is there."""
    cut_short, given = [], []

    class Ending(threading.Event):
        def wait(self, timeout=None):
            cut_short.append(super().wait(timeout))
            return cut_short[-1]

    begin = loop._Crew.run

    def begun(crew, workers):
        crew.ending = Ending()
        return begin(crew, workers)

    monkeypatch.setattr(loop, "PAUSE", 20.0)
    monkeypatch.setattr(loop._Crew, "run", begun)
    found = run_all(
        [square(i) for i in range(30)],
        n_jobs=jobs,
        weights=[1.0] * 30,
        progress=False,
        finished=lambda i, result: given.append((i, result)),
    )
    assert cut_short
    assert all(cut_short)
    assert sorted(given) == list(found.results.items()) == [(i, i * i) for i in range(30)]


def test_all_cores_are_at_least_one():
    assert resolve_jobs(0) >= 1
    assert resolve_jobs(3) == 3


@pytest.mark.parametrize("jobs", [1, 2])
def test_no_signal_reaches_a_task(jobs):
    """Kernels crash where Python handles a signal while they return."""
    where = run([threading.current_thread] * 4, n_jobs=jobs).results.values()
    assert threading.main_thread() not in where


@pytest.mark.parametrize("jobs", [1, 2])
def test_ctrl_c_keeps_what_is_finished_and_lets_running_tasks_end(jobs, interrupt, caplog):
    begun, heeded = [], threading.Event()

    def interrupted(i):
        def task():
            begun.append(i)
            if i == 3:
                interrupt(signal.SIGINT)
                heeded.set()
            elif i > 3:
                assert heeded.wait(60)
            return i

        return task

    with caplog.at_level(logging.WARNING):
        found = run([interrupted(i) for i in range(20)], n_jobs=jobs)
    assert found.interrupted == "SIGINT"
    assert 4 <= len(found.results) == len(begun) <= 3 + jobs
    assert "no more miRNAs are begun" in caplog.text


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("signals", [[signal.SIGINT] * 2, [signal.SIGTERM]])
def test_a_second_ctrl_c_or_sigterm_cuts_running_tasks_short(jobs, signals, interrupt, monkeypatch):
    monkeypatch.setattr(loop, "GRACE", 1e9)

    def endless():
        while signals:
            interrupt(signals.pop())
        until_stopped()

    signals, name = list(signals), signals[0].name
    found = run([square(0), square(1), endless, *[until_stopped] * 5], n_jobs=jobs)
    assert found.results == {0: 0, 1: 1}
    assert found.interrupted == name


def test_running_tasks_are_cut_short_after_some_time(monkeypatch):
    monkeypatch.setattr(loop, "GRACE", 0.05)

    def endless():
        signal.raise_signal(signal.SIGINT)
        until_stopped()

    assert run([square(7), endless]).results == {0: 49}


def test_a_third_ctrl_c_gives_up_waiting(interrupt):
    release = threading.Event()

    def deaf():
        for _ in range(3):
            interrupt(signal.SIGINT)
        release.wait(60)

    found = run([square(3), deaf])
    release.set()
    assert found.results == {0: 9}


def test_what_a_task_raises_stops_the_others():
    def breaks():
        raise ZeroDivisionError("here")

    stopped = threading.Event()

    def endless():
        try:
            until_stopped()
        finally:
            stopped.set()

    with pytest.raises(ZeroDivisionError, match="here"):
        run([endless, breaks], n_jobs=2)
    assert stopped.wait(30)


def test_handlers_are_given_back():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    run([square(2)])
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_a_handler_of_the_user_stays():
    mine = []
    before = signal.signal(signal.SIGTERM, lambda *_: mine.append(1))
    try:
        with noted() as found:
            signal.raise_signal(signal.SIGTERM)
        assert mine == [1]
        assert not found.signals
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_deferred_signal_comes_after_the_block(capsys):
    done = []

    def block():
        with deferred("Saving"):
            signal.raise_signal(signal.SIGINT)
            done.append(1)

    with pytest.raises(KeyboardInterrupt):
        block()
    assert done == [1]
    assert "Saving: done in a moment" in capsys.readouterr().err


def test_a_second_signal_is_not_deferred():
    def block():
        with deferred("Saving"):
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
            pytest.fail("went on")

    with pytest.raises(KeyboardInterrupt):
        block()


def test_apart_gives_results_errors_and_ctrl_c():
    assert apart(lambda: threading.current_thread()) is not threading.main_thread()
    with pytest.raises(ZeroDivisionError):
        apart(lambda: 1 / 0)
    stopped = threading.Event()

    def endless():
        signal.raise_signal(signal.SIGINT)
        try:
            until_stopped()
        finally:
            stopped.set()

    with pytest.raises(KeyboardInterrupt):
        apart(endless)
    assert stopped.wait(30)
