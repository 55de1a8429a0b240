"""A fit on a Dask cluster: a scheduler and workers of one thread each, processes of their own on this machine.

    python benchmarks/cluster.py [--mirnas 240] [--methods ml,laplace] [--workers 1,2]

Each method is fitted in this process, then on the cluster with each number of workers, and once with two workers of
which one is killed when a third of the miRNAs is done. Every fit has to have the numbers of the first, bit for bit, and
each miRNA once. Seconds of the wall, beside the load of the machine. Writes benchmarks/results/cluster.tsv, a row at a
time.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from datetime import date
from pathlib import Path

import pandas as pd
from kills import same

import bayes_mirglmm as bm
from bayes_mirglmm.ledger import read_ledger
from bayes_mirglmm.methods.cluster import connect
from bayes_mirglmm.results.run_folder import LEDGER

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results" / "cluster.tsv"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mirnas", type=int, default=240)
    parser.add_argument("--methods", default="ml,laplace")
    parser.add_argument("--workers", default="1,2")
    options = parser.parse_args()
    counts = bm.simulate(7, n_mirnas=options.mirnas, n_isomirs=12, seed=1).counts
    counts = bm.filter_counts(counts)
    rows = []
    for method in options.methods.split(","):
        bm.fit(
            counts.isel(isomir=slice(0, 12)), "~ group", method=method, progress=False
        )  # loads the kernels
        start = time.perf_counter()
        here = bm.fit(counts, "~ group", method=method, progress=False)
        rows.append(row(method, "this process", time.perf_counter() - start, 0, len(here), True))
        write(rows)
        for workers in map(int, options.workers.split(",")):
            rows.append(on_cluster(counts, method, workers, here, kill=False))
            write(rows)
        rows.append(on_cluster(counts, method, 2, here, kill=True))
        write(rows)


def on_cluster(counts, method: str, workers: int, here: bm.Fit, *, kill: bool) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / "scheduler.json"
        processes = [dask("scheduler", file, "--port", "0", "--no-dashboard", "--host", "127.0.0.1")]
        while not file.exists():
            time.sleep(0.05)
        processes += [
            dask("worker", file, "--nthreads", "1", "--no-nanny", "--no-dashboard") for _ in range(workers)
        ]
        client = connect(str(file))
        try:
            client.wait_for_workers(workers)
            # Loads the kernels of every worker.
            bm.fit(
                counts.isel(isomir=slice(0, 60)), "~ group", method=method, executor=client, progress=False
            )
            if kill:
                third = len(set(counts["mirna"].values)) // 3
                threading.Thread(
                    target=kill_when, args=(processes[-1], folder / "run", third), daemon=True
                ).start()
            start = time.perf_counter()
            fit = bm.fit(
                counts, "~ group", method=method, executor=client, ledger=folder / "run", progress=False
            )
            seconds = time.perf_counter() - start
            once = len(read_ledger(folder / "run" / LEDGER).pairs)
            what = "a worker killed" if kill else "cluster"
            return row(method, what, seconds, workers, once, same(fit, here))
        finally:
            client.close(timeout=1)
            for process in processes:
                process.kill()
                process.wait()


def kill_when(process: subprocess.Popen, folder: Path, number: int) -> None:
    while not (folder / LEDGER).exists() or len(read_ledger(folder / LEDGER).pairs) < number:
        time.sleep(0.02)
    process.kill()


def dask(what: str, file: Path, *options: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "dask", what, "--scheduler-file", str(file), *options]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def row(method: str, where: str, seconds: float, workers: int, mirnas: int, equal: bool) -> dict[str, object]:
    found = {
        "method": method,
        "where": where,
        "workers": workers,
        "mirnas": mirnas,
        "seconds": round(seconds, 2),
    }
    found |= {"equal": equal, "load": round(os.getloadavg()[0], 1)}
    print(found, flush=True)
    return found


def write(rows: list[dict[str, object]]) -> None:
    with RESULTS.open("w", encoding="utf-8") as file:
        file.write(f"# python benchmarks/cluster.py; Python {sys.version.split()[0]}, {date.today()}\n")
        pd.DataFrame(rows).to_csv(file, sep="\t", index=False)


if __name__ == "__main__":
    main()
