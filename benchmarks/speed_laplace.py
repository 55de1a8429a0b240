"""Speed of the nested Laplace posterior: one command, one table.

    python benchmarks/speed_laplace.py [--quick]

Full and reduced posterior with the Bayes factor, the fit by maximum likelihood included: real counts (mirdata, where
the optional data folder is present) with one and two workers in turn, single miRNAs of several sizes, and wide designs.
Seconds on the clock are the shortest of the repeats; seconds of processor time tell how much of them a busy machine has
added. Writes benchmarks/results/speed_laplace.tsv; with --quick, single miRNAs of three sizes, nothing.
"""

import argparse
import os
import platform
import resource
import tempfile
import time
from collections.abc import Callable
from datetime import date
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from speed_ml import wide_designs

import bayes_mirglmm as bm
from bayes_mirglmm.counts.container import sample_table
from bayes_mirglmm.counts.offsets import log_offset
from bayes_mirglmm.design.build import build_design
from bayes_mirglmm.methods.maximum_likelihood import Plan, fit_mirna
from bayes_mirglmm.methods.nested_laplace import EVIDENCE_DRAWS, fit_mirna_nested, prepare, sample_model
from bayes_mirglmm.methods.options import Options

HERE = Path(__file__).resolve().parent
SHARED = Path(os.environ.get("BAYES_MIRGLMM_SHARED", HERE.parent.parent / "shared"))
MIRDATA = SHARED / "data" / "mirdata"
RESULTS = HERE / "results" / "speed_laplace.tsv"
SIZES = ((6, 12), (14, 21), (39, 3), (39, 12), (39, 60), (100, 12), (400, 12))
PAIRS = 5  # of runs with one worker and with two
Row = tuple[str, float, float, str, str]


def timed(function: Callable[[], object], repeats: int) -> tuple[float, float]:
    """Return the shortest clock time and the shortest processor time, seconds."""
    clock, processor = [], []
    for _ in range(repeats):
        before = time.perf_counter(), time.process_time()
        function()
        clock.append(time.perf_counter() - before[0])
        processor.append(time.process_time() - before[1])
    return min(clock), min(processor)


def mirdata() -> list[Row]:
    if not MIRDATA.is_dir():
        print(f"no {MIRDATA}: skipping real counts")
        return []
    counts = bm.filter_counts(bm.read_counts(MIRDATA / "counts.tsv.gz", samples=MIRDATA / "samples.tsv"))

    def run(jobs: int) -> bm.Fit:
        return bm.fit(
            counts, "~ group", reference={"group": "cc"}, method="laplace", n_jobs=jobs, progress=False
        )

    fit = run(1)
    times = np.array([[timed(partial(run, jobs), 1) for jobs in (1, 2)] for _ in range(PAIRS)])
    one, two = np.median(times, axis=0)
    gain = float(np.median(times[:, 0, 0] / times[:, 1, 0]))
    rows: list[Row] = [
        ("mirdata, 188 miRNAs, 1 worker", *one, "s", "at most 12.2 of the processor"),
        ("mirdata, 2 workers", *two, "s", ""),
        ("2 workers against 1, by the clock", gain, np.nan, "x", "at least 1.7"),
    ]
    status = fit.status().dropna(subset=["pareto_k"])
    rows.append(("largest Pareto k-hat", float(status["pareto_k"].max()), np.nan, "", "below 0.7"))
    rows.append(("smallest effective number of draws", float(status["effective_size"].min()), np.nan, "", ""))
    with tempfile.TemporaryDirectory() as folder:
        rows.append(("save", *timed(lambda: fit.save(Path(folder) / "run", force=True), 2), "s", ""))
        rows.append(("load", *timed(lambda: bm.load(Path(folder) / "run"), 3), "s", ""))
        size = sum(p.stat().st_size for p in (Path(folder) / "run").iterdir()) / 1e6
        rows.append(("size of the run folder", size, np.nan, "MB", ""))
    rows.append(("table of miRNAs", *timed(fit.effects, 2), "s", ""))
    rows.append(("table of isomiRs", *timed(fit.isomir_effects, 2), "s", ""))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rows.append(("peak memory", memory, np.nan, "MB", ""))
    return rows


def single(n: int, n_isomirs: int) -> list[Row]:
    simulation = bm.simulate(
        [n - n // 2, n // 2],
        n_mirnas=1,
        n_isomirs=n_isomirs,
        theta=8.0,
        beta={"Intercept": 4.0},
        usage=1.0,
        sd_isomir_slope=0.3,
        seed=1,
    )
    counts = simulation.counts
    design = build_design(sample_table(counts), "~ group")
    spec = bm.load_model("mirglmm")
    plan = Plan(design, log_offset(counts).values, Options("laplace", "observed", "t", "total", None, spec))
    y, names = counts["counts"].values[:-1], counts["isomir"].values[:-1].tolist()
    both = partial(fit_mirna_nested, plan, 1, "sim", names, y)
    both()
    goal = "at most 0.25" if (n, n_isomirs) == (39, 12) else ""
    rows: list[Row] = [(f"n={n}, J={n_isomirs}: both models", *timed(both, 5), "s", goal)]
    if goal:
        for name, part in (
            ("  of that, maximum likelihood", partial(fit_mirna, plan, "sim", names, y)),
            ("  of that, full posterior with draws", partial(sample_model, plan, 1, "sim", y, full=True)),
            (
                "  of that, evidence of the reduced model",
                partial(sample_model, plan, 1, "sim", y, full=False, draws=EVIDENCE_DRAWS),
            ),
        ):
            rows.append((name, *timed(part, 5), "s", ""))
    return rows


def fit_all(plan: Plan, counts: list[np.ndarray]) -> None:
    for y in counts:
        fit_mirna_nested(plan, 1, "sim", [f"i{j}" for j in range(len(y))], y)


def designs() -> list[Row]:
    """Wide designs against the plain one of the same samples, in processor seconds."""
    spec = bm.load_model("mirglmm")
    found: list[Row] = []
    for one in wide_designs():
        seconds = []
        for design in (one.plain, one.wide):
            plan = Plan(design, one.offset, Options("laplace", "observed", "t", "total", None, spec))

            run = partial(fit_all, plan, one.counts)
            run()
            seconds.append(timed(run, 3)[1])
        found.append((f"{one.what}, against ~ group", seconds[1] / seconds[0], seconds[1], "x", ""))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--quick", action="store_true", help="single miRNAs of three sizes; nothing is written"
    )
    quick = parser.parse_args().quick
    prepare()
    rows = [row for size in SIZES[: 3 if quick else None] for row in single(*size)]
    rows += [] if quick else [*mirdata(), *designs()]
    table = pd.DataFrame(rows, columns=["what", "value", "processor_seconds", "unit", "goal"])
    if quick:
        print(table.to_string(index=False))
        return
    packages = ", ".join(f"{p} {version(p)}" for p in ("bayes-mirglmm", "numpy", "scipy", "numba"))
    load = " ".join(f"{x:.1f}" for x in os.getloadavg())
    header = f"# {date.today()}; {platform.machine()}, {os.cpu_count()} cores, load {load}"
    with RESULTS.open("w") as file:
        file.write(
            f"{header}; Python {platform.python_version()}, {packages}; python benchmarks/speed_laplace.py\n"
        )
        table.to_csv(file, sep="\t", index=False, float_format="%.4g")
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
