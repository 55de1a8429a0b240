"""Counts that stay on disk: from a store, read, filtered, fitted by ML and saved in memory that hardly grows with them.

    python benchmarks/larger_than_memory.py [--sizes small,samples,isomirs,mirnas,text,large,huge] [--cgroup FOLDER]

Each size is drawn into a store, of ``text`` into a table that is converted. A process of its own does the rest: seconds
of the wall of each step, and the peak of its memory after it. ``--cgroup`` is a control group that root has made with a
limit on its memory, which the process joins: a process that needs more is killed. 12 isomiRs of each miRNA that is
fitted are expressed; the others have a read or two in most samples, so that nothing is sparse. Writes
benchmarks/results/larger_than_memory.tsv, a row at a time; rows of other sizes stay.

    mkdir /sys/fs/cgroup/memory/small; echo 1000000000 > /sys/fs/cgroup/memory/small/memory.limit_in_bytes
    python benchmarks/larger_than_memory.py --sizes huge --cgroup /sys/fs/cgroup/memory/small
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

import bayes_mirglmm as bm
from bayes_mirglmm.counts.on_disk import OnDisk
from bayes_mirglmm.readers import store
from bayes_mirglmm.readers._part import Part

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results" / "larger_than_memory.tsv"
ISOMIRS = 12  # of each miRNA, expressed
POOL = 400  # rows of low counts, over and over
#: samples, isomiRs, miRNAs
SIZES = {
    "small": (2_000, 40_000, 100),
    "samples": (4_000, 40_000, 100),
    "isomirs": (2_000, 80_000, 100),
    "mirnas": (2_000, 40_000, 200),
    "text": (2_000, 80_000, 100),
    "large": (4_000, 80_000, 100),
    "huge": (4_000, 200_000, 100),
}
PROGRAM = """
import json, os, resource, sys, time
if sys.argv[4]:
    with open(sys.argv[4] + "/cgroup.procs", "w") as members:
        members.write(str(os.getpid()))
import bayes_mirglmm as bm

found, start = {}, time.perf_counter()

def step(name):
    global start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    found.update({name + "_wall": time.perf_counter() - start, name + "_peak_gb": peak})
    start = time.perf_counter()

path = sys.argv[1]
if path.endswith(".tsv"):
    path = bm.convert(path, path + ".zarr", sys.argv[2])
    step("convert")
kept = bm.filter_counts(bm.read_counts(path, drop_rare=True))
step("read")
fit = bm.fit(kept, "~ group", n_jobs=2, progress=False)
step("fit")
found |= {"kept_gb": kept["counts"].nbytes / 1e9, "fitted": len(fit)}
fit.save(sys.argv[3])
step("save")
print(json.dumps(found))
"""


class Drawn(OnDisk):
    """Counts that are drawn when they are asked for, the same ones each time."""

    def __init__(self, n: int, isomirs: int, mirnas: int) -> None:
        self.shape, self.dtype, self.step = (isomirs, n), np.dtype(np.int32), 1
        self.every, self.mirnas = isomirs // (ISOMIRS * mirnas), mirnas
        self.low = np.random.default_rng(1).poisson(1.0, (POOL, n)).astype(np.int32)

    def expressed(self, row: int) -> bool:
        return row % self.every == 0 and row < self.every * ISOMIRS * self.mirnas

    def mirna(self, row: int) -> str:
        return f"miR-{row // self.every % self.mirnas}" if self.expressed(row) else f"low-{row % 2000}"

    def block(self, start: int, stop: int) -> np.ndarray:
        return np.stack([self.row(row) for row in range(start, stop)])

    def row(self, row: int) -> np.ndarray:
        if not self.expressed(row):
            return self.low[row % POOL]
        rng, n = np.random.default_rng(row), self.shape[1]
        mean = 900 * rng.lognormal(0.0, 1.0) * rng.gamma(5.0, 0.2, n)
        return np.minimum(rng.poisson(mean), 99_999).astype(np.int32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default=",".join(SIZES))
    parser.add_argument("--cgroup", default="")
    options = parser.parse_args()
    # The kernels are compiled, and on disk, before memory is limited.
    bm.fit(bm.simulate(3, n_mirnas=3, n_isomirs=3, seed=1).counts, "~ group", progress=False)
    for size in options.sizes.split(","):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            n, isomirs, mirnas = SIZES[size]
            drawn = Drawn(n, isomirs, mirnas)
            start = time.perf_counter()
            path, samples = simulated(drawn, folder, text=size == "text")
            print(size, "drawn in", round(time.perf_counter() - start), "s", flush=True)
            row = {"size": size, "samples_n": n, "isomirs": isomirs, "mirnas": mirnas}
            row |= {"dense_gb": 4 * n * isomirs / 1e9, "limit_gb": limit_of(options.cgroup)}
            call = [sys.executable, "-c", PROGRAM, path, samples, folder / "run", options.cgroup]
            environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
            done = subprocess.run(call, capture_output=True, text=True, env=environment, check=False)
            if done.returncode:
                print(done.stderr[-3000:])
                said = done.stderr.strip().splitlines() or ["nothing was said"]
                row["fitted"] = f"failed with {done.returncode}: {said[-1]}"
            else:
                row |= json.loads(done.stdout)
            write(row | {"load": round(os.getloadavg()[0], 1)})


def limit_of(cgroup: str) -> float | None:
    """The limit in GB of a control group's memory, of either version."""
    for name in ("memory.limit_in_bytes", "memory.max"):
        if cgroup and (file := Path(cgroup) / name).exists():
            return int(file.read_text()) / 1e9
    return None


def simulated(drawn: Drawn, folder: Path, *, text: bool) -> tuple[Path, Path]:
    isomirs, n = drawn.shape
    names = [f"s{i}" for i in range(n)]
    table = pd.DataFrame(
        {"group": [f"{'ab'[i % 2]}" for i in range(n)]}, index=pd.Index(names, name="sample")
    )
    table.to_csv(folder / "samples.tsv", sep="\t")
    ids = np.array([f"iso{row}" for row in range(isomirs)], dtype=object)
    mirna = np.array([drawn.mirna(row) for row in range(isomirs)], dtype=object)
    if not text:
        store.write(Part("drawn", ids, mirna, names, drawn), table, folder / "counts.zarr", force=False)
        return folder / "counts.zarr", folder / "samples.tsv"
    with (folder / "counts.tsv").open("w") as file:
        file.write("isomir\tmiRNA\t" + "\t".join(names) + "\n")
        for row in range(isomirs):
            file.write(f"{ids[row]}\t{mirna[row]}\t" + "\t".join(map(str, drawn.row(row).tolist())) + "\n")
    return folder / "counts.tsv", folder / "samples.tsv"


def write(row: dict[str, object]) -> None:
    rounded = {k: round(v, 2) if isinstance(v, float) else v for k, v in row.items()}
    print(rounded, flush=True)
    old = pd.read_csv(RESULTS, sep="\t", comment="#") if RESULTS.exists() else pd.DataFrame(columns=["size"])
    table = pd.concat([old[old["size"] != row["size"]], pd.DataFrame([rounded])], ignore_index=True)
    with RESULTS.open("w", encoding="utf-8") as file:
        file.write(
            f"# python benchmarks/larger_than_memory.py; Python {sys.version.split()[0]}, {date.today()}\n"
        )
        table.to_csv(file, sep="\t", index=False)


if __name__ == "__main__":
    main()
