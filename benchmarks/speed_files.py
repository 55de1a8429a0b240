"""How long the small things take that users wait for: reading, simulating, saving and loading, importing, help.

    python benchmarks/speed_files.py [--quick]

Seconds of the processor, the shortest of five, so that what else the machine does hardly counts, and by the clock.
Writes benchmarks/results/speed_files.tsv; with --quick, each once, nothing. Real counts come from the optional data
folder (BAYES_MIRGLMM_SHARED, default ../shared); without it the readers are left out, with a message.
"""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pandas as pd

import bayes_mirglmm as bm

HERE = Path(__file__).resolve().parent
DATA = Path(os.environ.get("BAYES_MIRGLMM_SHARED", HERE.parent.parent / "shared")) / "data"
RESULTS = HERE / "results" / "speed_files.tsv"
REPEATS = 5
#: Count files and the seconds that reading them may take.
FILES = {"mirdata/counts.tsv.gz": 0.5, "tcga_hnsc/native": 0.5, "mirdata/native/mirData.rda": 2.0}


class Row(NamedTuple):
    """A line of the table; times in seconds."""

    what: str
    processor_seconds: float
    wall_seconds: float
    goal: float


def shortest(what: str, goal: float, function: Callable[[], object], repeats: int) -> Row:
    """Return the times of the quickest call, one call before them not counting."""
    function()
    took = []
    for _ in range(repeats):
        wall, start = time.perf_counter(), processor()
        function()
        took.append((processor() - start, time.perf_counter() - wall))
    return Row(what, *map(min, zip(*took, strict=True)), goal)


def processor() -> float:
    return time.process_time() + sum(os.times()[2:4])  # of children to a hundredth of a second


def reading(repeats: int) -> list[Row]:
    if not DATA.is_dir():
        print(f"no {DATA}: skipping the readers")
        return []
    return [
        shortest(f"read {name}", goal, partial(bm.read_counts, DATA / name), repeats)
        for name, goal in FILES.items()
    ]


def saving(repeats: int) -> list[Row]:
    counts = bm.filter_counts(bm.simulate(10, n_mirnas=200, seed=1).counts)
    fit = bm.fit(counts, "~ group", progress=False)
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        return [
            shortest(f"save a fit of {len(fit)} miRNAs", 1.0, lambda: fit.save(run, force=True), repeats),
            shortest("load it", 0.3, lambda: bm.load(run), repeats),
        ]


def starting(repeats: int) -> list[Row]:
    """Processes of their own, the interpreter's start and end included."""

    def run(*words: str) -> Callable[[], object]:
        return partial(subprocess.run, [sys.executable, *words], check=True, capture_output=True)

    return [
        shortest("import bayes_mirglmm", 1.0, run("-c", "import bayes_mirglmm"), repeats),
        shortest("bayes-mirglmm --help", 1.0, run("-m", "bayes_mirglmm", "--help"), repeats),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="each once; nothing is written")
    quick = parser.parse_args().quick
    repeats = 1 if quick else REPEATS
    simulate = partial(bm.simulate, 10, n_mirnas=200)
    rows = [
        *reading(repeats),
        shortest("simulate 200 miRNAs, 20 samples", 1.0, simulate, repeats),
        *saving(repeats),
        *starting(repeats),
    ]
    table = pd.DataFrame(rows)
    machine = f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[1]:.1f}"
    versions = f"Python {platform.python_version()}, bayes_mirglmm {bm.__version__}"
    stamp = f"# {date.today()}; {machine}; {versions}; python benchmarks/speed_files.py\n"
    if not quick:
        RESULTS.write_text(stamp + table.to_csv(sep="\t", index=False, float_format="%.4g"))
    print(table.to_string(index=False, float_format=lambda v: f"{v:.4g}"))


if __name__ == "__main__":
    main()
