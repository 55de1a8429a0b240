"""Fits on a Dask cluster: a scheduler and workers that are processes of their own, started by their own commands."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import bayes_mirglmm as bm
from bayes_mirglmm.errors import ClusterError, InputError
from bayes_mirglmm.ledger import read_ledger
from bayes_mirglmm.methods import cluster
from bayes_mirglmm.results.run_folder import LEDGER

pytest.importorskip("distributed")
# Of Dask itself and of tornado, in their threads, when processes go away.
pytestmark = [
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:distributed"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

QUICK = {"reference": {"group": "ctrl"}, "progress": False}
FEW = {"draws": 20, "tune": 20, "chains": 1}
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1", "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "5s"}


class Cluster:
    """A scheduler, and as many workers as are asked for."""

    def __init__(self, folder: Path) -> None:
        self.file, self.log = folder / "scheduler.json", (folder / "log.txt").open("w")
        self.scheduler = self._start("scheduler", "--port", "0", "--no-dashboard", "--host", "127.0.0.1")
        self.workers: list[subprocess.Popen] = []
        while (address := self._address()) is None:
            time.sleep(0.05)
            assert self.scheduler.poll() is None
        self.address = address

    def _address(self) -> str | None:
        """Return the address once the file is written to its end."""
        try:
            return json.loads(self.file.read_text())["address"]
        except (FileNotFoundError, json.JSONDecodeError):
            return None

    def add_worker(self) -> subprocess.Popen:
        worker = self._start(
            "worker", "--nthreads", "1", "--no-nanny", "--no-dashboard", "--host", "127.0.0.1"
        )
        self.workers.append(worker)
        return worker

    def stop(self) -> None:
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()
        self.log.close()

    def _start(self, what: str, *options: str) -> subprocess.Popen:
        command = [sys.executable, "-m", "dask", what, "--scheduler-file", str(self.file), *options]
        return subprocess.Popen(command, env=ENVIRONMENT, stdout=self.log, stderr=self.log)


@pytest.fixture
def dask(tmp_path) -> Iterator[Cluster]:
    running = Cluster(tmp_path)
    yield running
    running.stop()


@pytest.fixture
def client(dask) -> Iterator[object]:
    found = cluster.connect(dask.address)
    yield found
    found.close(timeout=1)


@pytest.fixture(scope="module")
def counts():
    made = bm.simulate(4, ("ctrl", "case"), n_mirnas=12, n_isomirs=4, beta={"Intercept": 5.0}, seed=4).counts
    return bm.filter_counts(made)


def assert_same_numbers(a: bm.Fit, b: bm.Fit) -> None:
    for one, other in ((a, b), (a.ml, b.ml)):
        for name in set(one.data.variables) - {"seconds"}:
            np.testing.assert_array_equal(one.data[name].values, other.data[name].values, err_msg=str(name))


def test_a_cluster_gives_the_numbers_of_one_process(counts, dask, client):
    dask.add_worker()
    dask.add_worker()
    client.wait_for_workers(2)
    for method, more in {"ml": {}, "laplace": {}, "nuts": FEW}.items():
        here = bm.fit(counts, "~ group", method=method, **QUICK, **more)
        there = bm.fit(counts, "~ group", method=method, executor=client, **QUICK, **more)
        assert_same_numbers(here, there)
    made = bm.simulate(3, ("ctrl", "case"), n_mirnas=21, n_isomirs=2, beta={"Intercept": 7.0}, seed=4).counts
    call = {"counts": made, "formula": "~ group", "method": "laplace", "priors": "learned", **QUICK}
    here, there = bm.fit(**call), bm.fit(**call, executor=client)
    assert there.spec == here.spec != bm.load_model("mirglmm")
    assert_same_numbers(here, there)


def when(happens: Callable[[], bool], then: Callable[[], None]) -> None:
    """Do something in a thread as soon as something has happened."""

    def wait() -> None:
        end = time.monotonic() + 300
        while not happens() and time.monotonic() < end:
            time.sleep(0.01)
        then()

    threading.Thread(target=wait, daemon=True).start()


def finished(folder: Path) -> int:
    return len(read_ledger(folder / LEDGER).pairs) if (folder / LEDGER).exists() else 0


def test_a_worker_that_is_killed_loses_nothing_and_doubles_nothing(counts, dask, client, tmp_path):
    victim = dask.add_worker()
    dask.add_worker()
    client.wait_for_workers(2)
    run = tmp_path / "run"
    when(lambda: finished(run) >= 3, victim.kill)
    fit = bm.fit(counts, "~ group", method="laplace", executor=client, ledger=run, **QUICK)
    assert victim.wait(60) == -signal.SIGKILL
    assert_same_numbers(fit, bm.fit(counts, "~ group", method="laplace", **QUICK))
    assert finished(run) == len(set(counts["mirna"].values))


def test_a_scheduler_that_goes_away_is_told_and_the_run_goes_on_elsewhere(
    counts, dask, client, tmp_path, monkeypatch
):
    dask.add_worker()
    client.wait_for_workers(1)
    run = tmp_path / "run"
    original = cluster._Crew._result

    def then_gone(*given):
        found = original(*given)
        if finished(run) >= 1:  # with this one two, and no more than two are under way
            dask.scheduler.kill()
            dask.scheduler.wait()
        return found

    monkeypatch.setattr(cluster._Crew, "_result", then_gone)
    with pytest.raises(ClusterError, match=r"went away before the fit was done: \d+ of \d+ miRNAs were left"):
        bm.fit(counts, "~ group", method="laplace", executor=client, ledger=run, **QUICK)
    assert finished(run) >= 2
    fit = bm.fit(counts, "~ group", method="laplace", ledger=run, resume=True, **QUICK)
    assert_same_numbers(fit, bm.fit(counts, "~ group", method="laplace", **QUICK))


def test_a_scheduler_without_workers_is_told(counts, client, monkeypatch):
    monkeypatch.setattr(cluster, "FOR_WORKERS", 0.2)
    with pytest.raises(ClusterError, match=r"has no workers after 0.2 s: start some \(dask worker tcp"):
        bm.fit(counts, "~ group", executor=client, **QUICK)


def test_workers_of_another_version_are_refused(counts, dask, client, monkeypatch):
    dask.add_worker()
    client.wait_for_workers(1)
    own = cluster.versions_here()
    monkeypatch.setattr(cluster, "versions_here", _Other(own))
    with pytest.raises(ClusterError, match=r"has other versions than this process.*numba"):
        bm.fit(counts, "~ group", executor=client, **QUICK)


class _Other:
    """Other versions here than on the worker, which finds its own."""

    def __init__(self, own):
        self.own = own

    def __call__(self):
        return self.own | {"numba": "0.1"}

    def __reduce__(self):
        return partial, (dict, list(self.own.items()))


def test_nothing_answers():
    with pytest.raises(ClusterError, match="no Dask scheduler answers at nonsense"):
        cluster.connect("nonsense://x")
    with pytest.raises(InputError, match=r"executor is a int: give a dask\.distributed\.Client"):
        cluster.run_on_cluster(3, None, [], weights=[], progress=False)
