"""How often a cell is flagged where nothing is wrong, and how often not where one count is a hundred times too large.

    python benchmarks/outlying_cells.py [--sizes 3,5,10] [--sets 10]

Simulated counts (no count is wrong), and random halves of real samples without a group (amygdala, TCGA tumours; some of
their counts may be wrong). Each set is fitted as it is, and again with one random count of every miRNA multiplied by
100, offsets and totals as before; a call is a p-value of usage of at most 0.05. Writes
benchmarks/results/outlying_cells.tsv.
"""

import argparse
import logging
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from accuracy_data import data_present, real

import bayes_mirglmm as bm

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results" / "outlying_cells.tsv"
COHORTS = {"amygdala": ("mirdata", {}, 7), "tcga_tumour": ("tcga_hnsc", {"group": "tumor"}, 5)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default="3,5,10", help="samples a group")
    parser.add_argument("--sets", type=int, default=10)
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    rows = []
    for source in ("simulated", *(COHORTS if data_present() else ())):
        for size in map(int, options.sizes.split(",")):
            found = [measured(kept, seed) for seed, kept in enumerate(sets(source, size, options.sets))]
            if found:
                rows.append({"source": source, "per_group": size, "sets": len(found)} | summed(found))
                write(rows)


def sets(source: str, size: int, number: int) -> Iterator[xr.Dataset]:
    """Give filtered counts with two groups that do not differ (simulated ones may)."""
    if source == "simulated":
        for seed in range(number):
            yield bm.filter_counts(bm.simulate(size, n_mirnas=60, seed=1000 + seed).counts)
        return
    folder, where, most = COHORTS[source]
    if size > most:
        return
    counts = real(folder)
    for column, value in where.items():
        counts = counts.isel(sample=np.flatnonzero(counts[column].values == value))
    for seed in range(number):
        chosen = np.random.default_rng(seed).permutation(counts.sizes["sample"])[: 2 * size]
        half = counts.isel(sample=chosen).assign_coords(group=("sample", np.repeat(["a", "b"], size)))
        yield bm.filter_counts(half)


def measured(kept: xr.Dataset, seed: int) -> dict[str, int]:
    clean = bm.fit(kept, "~ group", progress=False)
    cells, before = clean.outlying_cells(), clean.usage().set_index("mirna")
    fit = bm.fit(with_wrong_counts(kept, seed), "~ group", offset="column:library", progress=False)
    after = fit.usage().set_index("mirna")
    by_one = (after["p_value"] <= 0.05) & (before["p_value"].reindex(after.index) > 0.05)
    return {
        "mirnas": len(clean),
        "cells": clean.data["counts"].size,
        "flags": len(cells),
        "flagged_mirnas": cells["mirna"].nunique(),
        "calls": int((before["p_value"] <= 0.05).sum()),
        "calls_lost": int(((before["p_value"] <= 0.05) & (before["p_value_without"] > 0.05)).sum()),
        "calls_by_a_wrong_count": int(by_one.sum()),
        "of_these_without_a_flag": int((after.loc[by_one, "outlying_cells"] == 0).sum()),
    }


def with_wrong_counts(kept: xr.Dataset, seed: int) -> xr.Dataset:
    """Multiply one random count of every miRNA; the libraries are those of before."""
    values, owner, rng = kept["counts"].values.copy(), kept["mirna"].values, np.random.default_rng(seed)
    for name in dict.fromkeys(owner):
        values[rng.choice(np.flatnonzero(owner == name)), rng.integers(values.shape[1])] *= 100
    library = kept["total"].values
    wrong = kept.assign(counts=(("isomir", "sample"), values))
    return wrong.assign_coords(
        library=("sample", library), total=("sample", library + values.sum(axis=0, dtype=np.int64))
    )


def summed(found: list[dict[str, int]]) -> dict[str, int]:
    table = pd.DataFrame(found)
    return {"sets_with_flags": int((table["flags"] > 0).sum())} | table.sum().to_dict()


def write(rows: list[dict[str, object]]) -> None:
    print(rows[-1], flush=True)
    with RESULTS.open("w", encoding="utf-8") as file:
        file.write(
            f"# python benchmarks/outlying_cells.py {' '.join(sys.argv[1:])}; Python {sys.version.split()[0]}, "
            f"{date.today()}\n"
        )
        pd.DataFrame(rows).to_csv(file, sep="\t", index=False)


if __name__ == "__main__":
    main()
