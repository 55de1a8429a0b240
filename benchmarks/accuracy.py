"""Accuracy on data with known truth, beside the methods that users know.

    python benchmarks/accuracy.py                          # every part; R's where R is installed
    python benchmarks/accuracy.py table                    # one part
    python benchmarks/accuracy.py --quick                  # five data sets, three minutes: does it all work?

table        100 data sets (50 of TCGA normal tissue, 50 of amygdala controls), effects multiplied in as the paper does
variants     12 data sets each of other group sizes, effects, library sizes, directions
nulls        tests of isomiR usage on random splits of real tissue in which nothing was changed
slopes       their power and false positives on counts drawn from the model
replication  log fold changes of two independent halves of the TCGA patients
glmer        R's glmer.nb itself on some miRNAs, beside preset="mirglmm" (needs R with lme4)
nuts         NUTS on some miRNAs, beside the other methods on the same ones
memory       peak memory of each method, on one data set in a process of its own
report       tables, figures and the page docs/accuracy.md, from what is in the cache

Needs the optional data folder (BAYES_MIRGLMM_SHARED, default ../shared) and the dependency group ``bench``. The results
of every data set are kept in --cache, and a run that was stopped goes on from there. Writes
benchmarks/results/accuracy_*.tsv.
"""

import argparse
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from pathlib import Path

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")  # before numpy: the processes are the parallelism

import accuracy_usage as usage  # noqa: E402
import pandas as pd  # noqa: E402
from accuracy_cache import Cache  # noqa: E402
from accuracy_data import NULLS, REPLICATION, SCENARIOS, SHARED, TABLE, VARIANTS, Scenario, data_present, make  # noqa: E402
from accuracy_extra import glmer_part, memory_part, nuts_part  # noqa: E402
from accuracy_methods import as_result, run_job  # noqa: E402
from accuracy_report import report  # noqa: E402
from peers import through_r  # noqa: E402

FAST = (
    "ml",
    "ml_shared",
    "ml_median_ratio",
    "ml_tmm",
    "ml_upper_quartile",
    "preset",
    "nb_glm",
    "pydeseq2",
    "wilcoxon",
)
#: Jobs of each part: for all data sets, and for the first few of each scenario only.
ALL_SETS: dict[str, tuple[str, ...]] = {
    "table": (*FAST, "poisson", "laplace"),
    "variants": FAST,
    "nulls": ("ml",),
    "replication": (
        "ml",
        "ml_shared",
        "ml_median_ratio",
        "preset",
        "nb_glm",
        "pydeseq2",
        "wilcoxon",
    ),
}
FIRST_SETS: dict[str, tuple[str, ...]] = {
    "table": ("laplace_median_ratio", "pydeseq2_isomirs"),
    "nulls": ("laplace",),
    "replication": ("laplace",),
}
R_JOBS: dict[str, tuple[str, ...]] = {
    "table": ("edger", "limma", "deseq2"),
    "variants": ("edger", "limma", "deseq2"),
    "replication": ("edger", "limma", "deseq2"),
}
R_CHUNK = 20  # data sets that one R process takes, whose results are then safe
#: Data sets of a quick run.
QUICK = {
    "tcga_normal": 3,
    "mirdata_control": 2,
    "all_up": 1,
    "reads_50_in_B": 1,
    "null_tcga_normal": 2,
    "halves": 1,
}
PARTS = ("table", "variants", "nulls", "slopes", "replication", "glmer", "nuts", "memory", "report")
OF_SETS = {"table": TABLE, "variants": VARIANTS, "nulls": NULLS, "replication": (REPLICATION,)}


class Sizes:
    """How much is done: the full run, or the quick one."""

    def __init__(self, quick: bool, sets: int | None) -> None:
        self.quick, self.sets = quick, sets
        self.first = 0 if quick else 10
        self.slope_mirnas = 6 if quick else 60
        self.slope_cases = (
            [(5, 0.0), (5, 0.5)] if quick else [(n, s) for n in usage.SIZES for s in usage.SLOPES]
        )

    def of(self, scenario: Scenario) -> int:
        """How many data sets of a scenario."""
        if self.quick:
            return QUICK.get(scenario.name, 0)
        return min(scenario.sets, self.sets or scenario.sets)

    def jobs(self, scenario: Scenario, number: int) -> tuple[str, ...]:
        """The jobs of one data set."""
        jobs = ALL_SETS[scenario.part]
        if self.quick:
            slow = scenario.name != TABLE[0].name or number > 0
            return tuple(job for job in jobs if not (job == "laplace" and slow))
        return jobs + (FIRST_SETS.get(scenario.part, ()) if number < self.first else ())


def run_set(folder: Path, scenario: str, number: int, jobs: tuple[str, ...]) -> str:
    """Run the jobs of one data set that are not in the cache; return a line on it."""
    cache, started, done = Cache(folder), time.perf_counter(), []
    for data in make(scenario, number):
        cache.truth(scenario, data.number, data.mirnas, data.isomirs)
        for job in jobs:
            if cache.has(scenario, data.number, job):
                continue
            results, seconds, error = run_job(job, data)
            cache.put(scenario, data.number, job, results, seconds, error)
            done.append(f"{job} FAILED ({error})" if error else f"{job} {seconds:.1f}")
    return f"{scenario} {number}: {', '.join(done) or 'in the cache'} ({time.perf_counter() - started:.0f} s)"


def run_slopes(folder: Path, size: int, slope: float, n_mirnas: int) -> str:
    cache, name = Cache(folder), f"slopes_{size}_{slope:g}_{n_mirnas}"
    started = time.perf_counter()
    if cache.kept(name) is None:
        cache.keep(name, usage.slopes(size, slope, n_mirnas))
    return f"slopes: {size} a group, SD {slope:g} ({time.perf_counter() - started:.0f} s)"


def numbers_of(scenario: Scenario, number: int) -> Iterable[int]:
    return (2 * number, 2 * number + 1) if scenario.part == "replication" else (number,)


def set_tasks(part: str, cache: Cache, sizes: Sizes) -> list[tuple[Callable[..., str], tuple[object, ...]]]:
    tasks: list[tuple[Callable[..., str], tuple[object, ...]]] = []
    for number in range(max(sizes.of(s) for s in OF_SETS[part])):
        for scenario in OF_SETS[part]:
            if number >= sizes.of(scenario):
                continue
            jobs = sizes.jobs(scenario, number)
            numbers = numbers_of(scenario, number)
            if not all(cache.has(scenario.name, n, job) for n in numbers for job in jobs):
                tasks.append((run_set, (cache.folder, scenario.name, number, jobs)))
    return tasks


def in_parallel(tasks: list[tuple[Callable[..., str], tuple[object, ...]]], processes: int) -> None:
    """Run tasks, telling of each as it ends."""
    started = time.perf_counter()

    def tell(done: int, line: str) -> None:
        minutes = (time.perf_counter() - started) / 60
        print(f"[{done}/{len(tasks)}, {minutes:.1f} min] {line}", file=sys.stderr, flush=True)

    if processes == 1:
        for done, (function, arguments) in enumerate(tasks, start=1):
            tell(done, function(*arguments))
        return
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        futures = [pool.submit(function, *arguments) for function, arguments in tasks]
        for done, future in enumerate(as_completed(futures), start=1):
            tell(done, future.result())


def run_r(part: str, cache: Cache, sizes: Sizes, processes: int) -> None:
    """Run R's methods on all data sets of a part that lack them: one R process for each chunk of data sets."""
    missing: dict[tuple[str, ...], list[tuple[str, int]]] = {}
    for scenario in OF_SETS[part]:
        for number in range(sizes.of(scenario)):
            jobs = R_JOBS[part] + (("deseq2_isomirs",) if part == "table" and number < sizes.first else ())
            for own in numbers_of(scenario, number):
                lacking = tuple(job for job in jobs if not cache.has(scenario.name, own, job))
                if lacking:
                    missing.setdefault(lacking, []).append((scenario.name, own))
    for methods, places in missing.items():
        print(f"R: {', '.join(methods)} on {len(places)} data sets", file=sys.stderr, flush=True)
        chunks = [places[at : at + R_CHUNK] for at in range(0, len(places), R_CHUNK)]
        with ThreadPoolExecutor(processes) as pool:
            for done in pool.map(lambda chunk, methods=methods: _r_chunk(cache, chunk, methods), chunks):
                print(f"  {done}", file=sys.stderr, flush=True)


def _r_chunk(cache: Cache, places: list[tuple[str, int]], methods: tuple[str, ...]) -> str:
    started, sets = time.perf_counter(), {}
    for name, own in places:
        halves = SCENARIOS[name].part == "replication"
        data = make(name, own // 2)[own % 2] if halves else make(name, own)[0]
        cache.truth(name, own, data.mirnas, data.isomirs)
        sets[f"{name}-{own}"] = data.counts
    found, versions = through_r.run(sets, methods)
    (cache.folder / "r_versions.txt").write_text(versions + "\n")
    for name, own in places:
        for method in methods:
            table, seconds = found[f"{name}-{own}", method]
            level = "isomir" if method.endswith("isomirs") else "mirna"
            result = as_result(table, sets[f"{name}-{own}"], level)
            cache.put(
                name, own, method, {method: result}, seconds, "" if len(table) else "R stopped with an error"
            )
    first, last = places[0], places[-1]
    return f"{first[0]} {first[1]} to {last[0]} {last[1]} ({time.perf_counter() - started:.0f} s)"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", choices=PARTS, metavar="PART", help=", ".join(PARTS))
    parser.add_argument(
        "--quick", action="store_true", help="five data sets; keeps out of benchmarks/results and docs"
    )
    parser.add_argument("--cache", type=Path, default=None, help="folder for results of single data sets")
    parser.add_argument("--results", type=Path, default=None, help="folder for the tables")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--sets", type=int, default=None, help="at most so many data sets of each scenario")
    parser.add_argument("--no-r", action="store_true", help="leave R out even where it is installed")
    options = parser.parse_args()
    if not data_present():
        parser.error(f"no real data at {SHARED} (set BAYES_MIRGLMM_SHARED)")
    parts = options.parts or [p for p in PARTS if not (options.quick and p in ("glmer", "nuts", "memory"))]
    default = Path("accuracy_quick" if options.quick else "accuracy_runs")
    cache = Cache(options.cache or default)
    sizes = Sizes(options.quick, options.sets)
    with_r = not options.no_r and not options.quick and through_r.r_present()
    if not with_r and not options.quick:
        print("without R", file=sys.stderr)

    tasks = [task for part in parts if part in OF_SETS for task in set_tasks(part, cache, sizes)]
    if "slopes" in parts:
        cases = [(cache.folder, n, s, sizes.slope_mirnas) for n, s in sizes.slope_cases]
        tasks += [
            (run_slopes, case) for case in cases if cache.kept("slopes_{1}_{2:g}_{3}".format(*case)) is None
        ]
    if tasks:
        in_parallel(tasks, options.jobs)
    if with_r:
        for part in parts:
            if part in R_JOBS:
                run_r(part, cache, sizes, options.jobs)
        if "glmer" in parts and through_r.r_present(["lme4"]):
            glmer_part(cache)
    if "nuts" in parts:
        nuts_part(cache)
    if "memory" in parts:
        memory_part(cache, with_r=with_r)
    if "report" in parts:
        pd.set_option("display.width", 250, "display.max_columns", 40)
        command = "python benchmarks/" + " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])
        results = options.results or (cache.folder if options.quick else None)
        report(cache, sizes.slope_mirnas, command=command, results=results, page=results is None)


if __name__ == "__main__":
    main()
