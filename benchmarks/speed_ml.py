"""Speed of maximum likelihood: one command, one table.

    python benchmarks/speed_ml.py [--quick]

Measures this package on real counts (mirdata, where the optional data folder is present), against R's glmer.nb and
glmmTMB in the same run (where R is installed), the time to compile, the scaling in n, J and K, workers and memory.
Seconds are those of the processor, beside those of the clock, which a busy machine stretches (its load stands in the
first line). Writes benchmarks/results/speed_ml.tsv.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

import bayes_mirglmm as bm
from bayes_mirglmm.counts.container import sample_table
from bayes_mirglmm.counts.offsets import log_offset
from bayes_mirglmm.design.build import Design, build_design
from bayes_mirglmm.marginal import compile_kernels, fit_frame, fit_marginal, make_frame

HERE = Path(__file__).resolve().parent
SHARED = Path(os.environ.get("BAYES_MIRGLMM_SHARED", HERE.parent.parent / "shared"))
MIRDATA = SHARED / "data" / "mirdata"
RESULTS = HERE / "results" / "speed_ml.tsv"
REPEATS = 5
WORKERS_GOAL = "at least 1.7"


class Seconds(NamedTuple):
    """Time that something took."""

    processor: float  #: of all threads and child processes
    wall: float


class Row(NamedTuple):
    """A line of the table."""

    what: str
    value: float
    unit: str
    goal: str = ""
    wall: float = float("nan")


def row(what: str, seconds: Seconds, goal: str = "") -> Row:
    return Row(what, seconds.processor, "s", goal, seconds.wall)


def processor() -> float:
    return time.process_time() + sum(os.times()[2:4])  # of children to a hundredth of a second


def best(function: Callable[[], object], repeats: int = REPEATS) -> Seconds:
    """Shortest of several times, in seconds: the others measure the neighbours."""
    times = []
    for _ in range(repeats):
        started, wall = processor(), time.perf_counter()
        function()
        times.append(Seconds(processor() - started, time.perf_counter() - wall))
    return Seconds(min(t.processor for t in times), min(t.wall for t in times))


def python(code: str, **environment: str) -> dict[str, float]:
    """Run code that prints JSON in a fresh interpreter; times in it are seconds of the processor."""
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | environment, check=True, capture_output=True, text=True
    )
    return json.loads(done.stdout.strip().splitlines()[-1])


def compilation() -> list[Row]:
    code = (
        "import time, json; t = time.process_time()\n"
        "import bayes_mirglmm.marginal as l; i = time.process_time() - t\n"
        "t = time.process_time(); l.compile_kernels()\n"
        "print(json.dumps({'import': i, 'kernels': time.process_time() - t}))"
    )
    with tempfile.TemporaryDirectory() as folder:
        cold = python(code, NUMBA_CACHE_DIR=folder)
        cached = python(code, NUMBA_CACHE_DIR=folder)
    whole = "import time, json; t = time.process_time(); import bayes_mirglmm"
    package = python(f"{whole}; print(json.dumps({{'s': time.process_time() - t}}))")
    return [
        Row("compile kernels, cold", cold["kernels"], "s", "at most 30"),
        Row("load kernels from disk", cached["kernels"], "s"),
        Row("import bayes_mirglmm", package["s"], "s", "at most 1"),
    ]


def mirdata() -> list[Row]:
    if not MIRDATA.is_dir():
        print(f"no {MIRDATA}: skipping real counts", file=sys.stderr)
        return []
    counts = bm.filter_counts(bm.read_counts(MIRDATA / "counts.tsv.gz", samples=MIRDATA / "samples.tsv"))
    compile_kernels()

    def run(jobs: int) -> bm.Fit:
        return bm.fit(counts, "~ group", reference={"group": "cc"}, n_jobs=jobs, progress=False)

    # Alternating, so that a busy neighbour meets both.
    times: dict[int, list[Seconds]] = {1: [], 2: []}
    for _ in range(REPEATS):
        for jobs, taken in times.items():
            taken.append(best(lambda jobs=jobs: run(jobs), 1))
    one, two = (Seconds(*map(min, zip(*times[jobs], strict=True))) for jobs in (1, 2))
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "bayes_mirglmm", "fit", str(MIRDATA / "counts.tsv.gz"), "--samples"]
        command += [str(MIRDATA / "samples.tsv"), "--design", "~ group", "--reference", "group=cc", "--quiet"]
        whole = best(
            lambda: subprocess.run(
                [*command, "--out", str(Path(folder) / "run"), "--force"], check=True, capture_output=True
            ),
            2,
        )
        code = (
            "import json, resource, sys; sys.argv = ['bayes-mirglmm', *json.loads(sys.argv[1])]\n"
            "from bayes_mirglmm.cli import main\n"
            "try: main()\nexcept SystemExit: pass\n"
            "print(json.dumps({'kb': resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}))"
        )
        arguments = json.dumps([*command[3:], "--out", str(Path(folder) / "memory")])
        done = subprocess.run(
            [sys.executable, "-c", code, arguments], check=True, capture_output=True, text=True
        )
        memory = json.loads(done.stdout.strip().splitlines()[-1])["kb"] / 1024
    return [
        row("mirdata, 188 miRNAs, full and reduced, 1 worker", one, "at most 2"),
        row("mirdata, 2 workers", two),
        Row("2 workers against 1, by the clock", one.wall / two.wall, "x", WORKERS_GOAL),
        row("command line on mirdata, kernels cached", whole, "at most 3"),
        Row("peak memory of that run", memory, "MB"),
    ]


def engine(counts: list[np.ndarray], design: Design, offset: np.ndarray) -> float:
    """Processor seconds of the full model of every miRNA."""
    frame = make_frame(offset, design.x, design.z, blocks=design.blocks)
    return best(lambda: [fit_frame(y, frame) for y in counts], 3).processor


class WideDesign(NamedTuple):
    """Counts of some miRNAs, and a design that asks for much beside the plain one of the same samples."""

    what: str
    counts: list[np.ndarray]
    offset: np.ndarray
    plain: Design
    wide: Design
    goal: int  #: how many times the time of the plain one


def wide_designs() -> Iterator[WideDesign]:
    """Many fixed effects, and a factor of nuisance slopes."""
    for what, samples, levels, extra, goal in (
        ("~ group + patient, 40 patients", 80, 40, {}, 3),
        ("nuisance slopes of 7 labs", 56, 7, {"nuisance": "level"}, 5),
    ):
        data = bm.simulate(samples // 2, ("ctrl", "case"), n_mirnas=6, n_isomirs=12, seed=1).counts
        number = np.arange(samples) % levels
        data = data.assign_coords(level=("sample", [f"l{i:02d}" for i in number]))
        own = np.exp(0.4 * np.random.default_rng(5).normal(size=(data.sizes["isomir"], levels)))
        values = np.rint(data["counts"].values * own[:, number]).astype(np.int64)
        families = [values[data["mirna"].values == m] for m in np.unique(data["mirna"].values)]
        table = sample_table(data)
        plain, wide = build_design(table, "~ group"), build_design(table, "~ group + level", **extra)
        counts = [y for y in families if len(y) > 1]
        yield WideDesign(what, counts, log_offset(data, "total").values, plain, wide, goal)


def designs() -> list[Row]:
    """Wide designs against the plain one of the same samples."""
    found = []
    for one in wide_designs():
        plain, wide = (engine(one.counts, design, one.offset) for design in (one.plain, one.wide))
        found.append(Row(f"{one.what}, against ~ group", wide / plain, "x", f"at most {one.goal}"))
    return found


def simulated(n: int, n_isomirs: int, k: int, seed: int = 1) -> dict[str, np.ndarray]:
    """Counts of one miRNA with k groups."""
    rng = np.random.default_rng(seed)
    group = np.arange(n) * k // n
    z = np.column_stack([np.ones(n), *[(group == g).astype(float) for g in range(1, k)]])
    b = rng.normal(size=(n_isomirs, k)) * np.array([1.8] + [0.3] * (k - 1))
    eta = 4.0 + 0.3 * (group > 0) + b @ z.T + rng.normal(scale=0.3, size=n)
    theta = 8.0
    y = rng.poisson(rng.gamma(theta, np.exp(eta) / theta))
    return {"y": y, "offset": np.zeros(n), "x": z, "z": z, "group": group}


def ours(data: dict[str, np.ndarray], repeats: int) -> Seconds:
    fit = None

    def run() -> None:
        nonlocal fit
        fit = fit_marginal(data["y"], data["offset"], data["x"], data["z"])

    seconds = best(run, repeats)
    assert fit is not None
    assert fit.converged
    return seconds


def peers(quick: bool) -> list[Row]:
    if shutil.which("Rscript") is None:
        print("no Rscript: R's recorded CPU seconds instead, measured on another day", file=sys.stderr)
        return recorded()
    n, n_isomirs, mirnas = 39, 12, 2 if quick else 6
    sets = {f"m{i}": simulated(n, n_isomirs, 2, seed=i) for i in range(mirnas)}
    rows = [
        {
            "mirna": m,
            "isomir": f"i{j}",
            "sample": f"s{i}",
            "group": "AB"[d["group"][i]],
            "count": d["y"][j, i],
        }
        for m, d in sets.items()
        for j in range(n_isomirs)
        for i in range(n)
    ]
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "counts.tsv", Path(folder) / "out.tsv"
        pd.DataFrame(rows).assign(offset=0.0).to_csv(source, sep="\t", index=False)
        subprocess.run(
            ["Rscript", str(HERE / "peers" / "glmm.R"), str(source), str(target)],
            check=True,
            capture_output=True,
        )
        table = pd.read_csv(target, sep="\t")
    mine = {m: ours(d, REPEATS).processor for m, d in sets.items()}
    found = [Row("n=39, J=12, K=2: this package", float(np.mean(list(mine.values()))), "s")]
    for engine, goal in (("glmer.nb", 500), ("glmmTMB", 100)):
        seconds = table[table["engine"] == engine].set_index("mirna")["seconds"]
        ratio = float(np.mean([seconds[m] / mine[m] for m in sets]))
        found += [
            Row(f"n=39, J=12, K=2: {engine}", float(seconds.mean()), "s", table["versions"].iloc[0]),
            Row(f"{engine} against this package", ratio, "x", f"at least {goal}"),
        ]
    return found


def recorded() -> list[Row]:
    """R's CPU seconds for the full model of real miRNAs, as recorded with the reference fits, against ours now."""
    table = SHARED / "reference" / "mirdata_group" / "fits.tsv"
    if not table.is_file():
        return []
    fits = pd.read_csv(table, sep="\t").query("model == 'full'")
    counts = bm.filter_counts(bm.read_counts(MIRDATA / "counts.tsv.gz", samples=MIRDATA / "samples.tsv"))
    counts = counts.isel(isomir=np.isin(counts["mirna"].values, fits["miRNA"].unique()))
    seconds = bm.fit(counts, "~ group", progress=False).status().set_index("mirna")["seconds"]
    found: list[Row] = []
    for engine, group in fits.groupby("engine"):
        ratio = float((group["seconds"].to_numpy() / seconds[group["miRNA"]].to_numpy()).mean())
        note = "recorded CPU seconds, full model only; ours are wall seconds of both models"
        found.append(Row(f"{engine} against this package, mirdata", ratio, "x", note))
    return found


def scaling(quick: bool) -> list[Row]:
    found: list[Row] = []
    cases = [(n, 12, 2) for n in (39, 100, 400, 2000, 10000)]
    cases += [(39, j, 2) for j in (5, 50, 200, 1000)] + [(60, 12, k) for k in (2, 5)] + [(2000, 100, 2)]
    if quick:
        cases = [c for c in cases if c[0] * c[1] < 30000]
    for n, n_isomirs, k in cases:
        data = simulated(n, n_isomirs, k)
        goal = "at most 3" if (n, n_isomirs) == (2000, 100) else ""
        seconds = ours(data, 3 if n * n_isomirs < 50000 else 1)
        found.append(row(f"n={n}, J={n_isomirs}, K={k}", seconds, goal))
    return found


def write(rows: list[Row]) -> None:
    machine = f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[1]:.1f}"
    versions = f"Python {platform.python_version()}, bayes_mirglmm {bm.__version__}"
    stamp = f"# {date.today()}; {machine}; {versions}; python benchmarks/speed_ml.py\n"
    table = pd.DataFrame(rows)[["what", "value", "unit", "wall", "goal"]]
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(stamp + table.to_csv(sep="\t", index=False, float_format="%.4g"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes only; nothing is written")
    quick = parser.parse_args().quick
    compile_kernels()
    rows: list[Row] = []
    for part in (mirdata, designs, lambda: scaling(quick), lambda: peers(quick), compilation):
        rows += part()
        if not quick:
            write(rows)  # as they come, so that an interruption loses little
    print(pd.DataFrame(rows).to_string(index=False, float_format=lambda v: f"{v:.4g}"))


if __name__ == "__main__":
    main()
