"""What the shared usage test costs once a fit is there, in seconds of one processor.

    python benchmarks/usage_shared_speed.py

The table of the test, which fits every miRNA once more without the groups, and what it says of all miRNAs together
(`usage_shared`, `shared_directions`), on real counts (mirdata) and on simulated ones of more samples. The goal is at
most 2 s on mirdata. Writes benchmarks/results/usage_shared_speed.tsv.
"""

import os
import platform
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr
from accuracy_data import real

import bayes_mirglmm as bm

RESULTS = Path(__file__).resolve().parent / "results" / "usage_shared_speed.tsv"
SAMPLES = (20, 50, 100)  # of simulated counts
REPEATS = 2


def seconds(work: Callable[[], Any]) -> float:
    """Return the seconds of the processor that something took."""
    start = time.process_time()
    work()
    return time.process_time() - start


def measured(name: str, counts: xr.Dataset) -> dict[str, Any]:
    """Time the test on counts: the least of some repeats, each after a fit of its own."""
    rows = []
    for _ in range(REPEATS):
        fit = bm.fit(counts, "~ group", usage_test="lrt", progress=False)
        fit.usage()  # flags outlying cells, which are no part of the test
        row = {"test": seconds(lambda fit=fit: fit.usage(test="shared"))}
        row["tables"] = seconds(lambda fit=fit: (fit.usage_shared(), fit.shared_directions()))
        rows.append(row)
    least = pd.DataFrame(rows).min()
    sizes = {"samples": counts.sizes["sample"], "mirnas": len(fit), "isomirs": counts.sizes["isomir"]}
    return {"counts": name, **sizes, "test_s": least["test"], "tables_s": least["tables"]}


def main() -> None:
    """Measure, print and write."""
    rows = [measured("mirdata", bm.filter_counts(real("mirdata")))]
    write(rows)
    for n in SAMPLES:
        drawn = bm.simulate(n // 2, n_mirnas=200, n_isomirs=20, usage=0.1, seed=n)
        rows.append(measured("simulated", drawn.counts))
        write(rows)  # as they come, so that an interruption loses little


def write(rows: list[dict[str, Any]]) -> None:
    table = pd.DataFrame(rows)
    machine = f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[1]:.1f}"
    versions = f"Python {platform.python_version()}, bayes_mirglmm {bm.__version__}"
    stamp = f"# {date.today()}; {machine}; {versions}; python benchmarks/usage_shared_speed.py\n"
    RESULTS.write_text(stamp + table.to_csv(sep="\t", index=False, float_format="%.3g"))
    print(rows[-1], flush=True)


if __name__ == "__main__":
    main()
