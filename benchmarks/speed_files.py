"""How long the small things take that users wait for: reading counts, simulating, saving and loading a fit, importing.

    python benchmarks/speed_files.py

Processor seconds, the shortest of five, so that what else the machine does hardly counts. Writes
benchmarks/results/speed_files.tsv. Real counts come from the optional data folder (BAYES_MIRGLMM_SHARED, default
../shared); without it the readers are left out, with a message.
"""

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

import pandas as pd

import bayes_mirglmm as bm

HERE = Path(__file__).resolve().parent
DATA = Path(os.environ.get("BAYES_MIRGLMM_SHARED", HERE.parent.parent / "shared")) / "data"
RESULTS = HERE / "results" / "speed_files.tsv"
REPEATS = 5
#: Count files and the seconds that reading them may take.
FILES = {"mirdata/counts.tsv.gz": 0.5, "tcga_hnsc/native": 0.5, "mirdata/native/mirData.rda": 2.0}
IMPORT = "import time; t = time.process_time(); import bayes_mirglmm; print(time.process_time() - t)"
Row = tuple[str, float, float]


def shortest(function: Callable[[], object]) -> float:
    """Return the processor seconds of the quickest call, one call before them not counting."""
    function()
    took = []
    for _ in range(REPEATS):
        start = time.process_time()
        function()
        took.append(time.process_time() - start)
    return min(took)


def reading() -> list[Row]:
    if not DATA.is_dir():
        print(f"no {DATA}: skipping the readers")
        return []
    return [
        (f"read {name}", shortest(partial(bm.read_counts, DATA / name)), goal) for name, goal in FILES.items()
    ]


def simulating() -> list[Row]:
    return [("simulate 200 miRNAs, 20 samples", shortest(lambda: bm.simulate(10, n_mirnas=200)), 1.0)]


def saving() -> list[Row]:
    counts = bm.filter_counts(bm.simulate(10, n_mirnas=200, seed=1).counts)
    fit = bm.fit(counts, "~ group", progress=False)
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        return [
            (f"save a fit of {len(fit)} miRNAs", shortest(lambda: fit.save(run, force=True)), 1.0),
            ("load it", shortest(lambda: bm.load(run)), 0.3),
        ]


def importing() -> list[Row]:
    took = [float(subprocess.check_output([sys.executable, "-c", IMPORT], text=True)) for _ in range(REPEATS)]
    return [("import bayes_mirglmm", min(took), 1.0)]


def main() -> None:
    rows = [*reading(), *simulating(), *saving(), *importing()]
    table = pd.DataFrame(rows, columns=["what", "processor_seconds", "goal"])
    machine = f"{platform.machine()}, {os.cpu_count()} cores; Python {platform.python_version()}"
    with RESULTS.open("w") as file:
        file.write(
            f"# {date.today()}; {machine}, bayes_mirglmm {bm.__version__}; python benchmarks/speed_files.py\n"
        )
        table.to_csv(file, sep="\t", index=False, float_format="%.4g")
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
