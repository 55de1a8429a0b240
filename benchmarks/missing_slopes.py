"""Type I error of a variable's average effect with and without isomiR slopes of that variable.

Simulated: ``~ batch + condition``, average effects of condition and batch of 0 (``changed=0``, ``covariate_sd=0``), and
effects that differ between isomiRs. Real: random splits of tissue that has no effect at all, crossed with a made-up
batch. Each data set is fitted with the isomiR slopes of either variable, of both, and of neither.

    python benchmarks/missing_slopes.py          # about 10 minutes on one core; writes results/missing_slopes.tsv
"""

import logging
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from calibration import write

import bayes_mirglmm as bm

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("BAYES_MIRGLMM_SHARED", ROOT.parent / "shared")) / "data"
FORMULA = "~ batch + condition"
TERMS = {"batch": "batch[T.b2]", "condition": "condition[T.B]"}
#: What has isomiR slopes: the slope variable, and an independent block.
ARMS = {
    "batch (the first)": {"slope": "batch"},
    "condition (the last)": {"slope": "condition"},
    "both": {"slope": "condition", "nuisance": "batch"},
    "neither": {"model": "reduced"},
}
SEED, SPLITS, REPEATS = 11, 6, 2


def crossed(n_per_group: int) -> pd.DataFrame:
    """Return two conditions with both batches in each."""
    index = [f"s{i + 1}" for i in range(2 * n_per_group)]
    condition = np.repeat(["A", "B"], n_per_group)
    batch = np.resize(["b1", "b2"], 2 * n_per_group)
    return pd.DataFrame({"batch": batch, "condition": condition}, index=index)


def simulated() -> Iterator[tuple[str, xr.Dataset]]:
    for n in (4, 10):
        for sd in (0.0, 0.3):
            for repeat in range(REPEATS):
                found = bm.simulate(
                    samples=crossed(n),
                    formula=FORMULA,
                    slope="condition",
                    nuisance="batch",
                    n_mirnas=200,
                    changed=0.0,
                    covariate_sd=0.0,
                    usage=1.0 if sd else 0.0,
                    sd_isomir_slope=sd or None,
                    sd_isomir_nuisance=sd,
                    seed=SEED + repeat,
                )
                yield f"simulated, slope SD {sd:g}, {n} a group", bm.filter_counts(found.counts)


def split(name: str, keep: dict[str, str]) -> Iterator[tuple[str, xr.Dataset]]:
    """Yield random splits of the samples of real data that have the values ``keep``."""
    counts = bm.read_counts(SHARED / name / "counts.tsv.gz", samples=SHARED / name / "samples.tsv")
    for column, value in keep.items():
        counts = counts.isel(sample=np.flatnonzero(counts[column].values.astype(str) == value))
    n = counts.sizes["sample"] // 4 * 4
    rng = np.random.default_rng(SEED)
    for _ in range(SPLITS):
        rows = rng.permutation(counts.sizes["sample"])[:n]
        part = counts.isel(sample=rows)
        table = crossed(n // 2)
        columns = {c: ("sample", table[c].to_numpy(dtype=object)) for c in table}
        yield f"{name}, {n // 2} a group", bm.filter_counts(part.assign_coords(columns))


def main() -> None:
    logging.disable(logging.WARNING)
    real = [("mirdata", {}), ("tcga_hnsc", {"group": "normal"})]
    sources = [simulated()] + [split(*one) for one in real if (SHARED / one[0]).is_dir()]
    rows = []
    for source in sources:
        for data, counts in source:
            for arm, options in ARMS.items():
                started = time.process_time()
                fit = bm.fit(counts, FORMULA, progress=False, **options)
                seconds = time.process_time() - started
                for variable, term in TERMS.items():
                    table = fit.effects(term).dropna(subset=["p_value"])
                    rows.append(
                        {
                            "data": data,
                            "slopes": arm,
                            "variable": variable,
                            "tests": len(table),
                            "rejected": int((table["p_value"] < 0.05).sum()),
                            "median_se": table["std_error"].median(),
                            "seconds": seconds,
                        }
                    )
        print(f"{data} done", file=sys.stderr, flush=True)
    found = pd.DataFrame(rows)
    keys = ["data", "slopes", "variable"]
    table = (
        found.groupby(keys, sort=False)
        .agg(
            fits=("tests", "size"),
            tests=("tests", "sum"),
            rejected=("rejected", "sum"),
            median_se=("median_se", "mean"),
            seconds=("seconds", "mean"),
        )
        .reset_index()
    )
    table["type_1_error"] = table["rejected"] / table["tests"]
    write(table, "missing_slopes.tsv", "p < 0.05 of average effects that are 0, by what has isomiR slopes")


if __name__ == "__main__":
    main()
