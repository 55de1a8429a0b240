"""How the intervals of ``method="laplace"`` compare with those of ``method="nuts"`` when samples are few.

    python benchmarks/few_samples.py [--mirnas 12] [--sets 2]

Real miRNAs of two data sets, of each the first ``--sets`` random draws of 2, 3, 4 and 6 samples a group. Monte Carlo
errors of the ratio of two posterior SDs are 1.5 to 3 % a miRNA (4,000 draws), a third of it for the median of a row.
Writes benchmarks/results/few_samples.tsv.
"""

import argparse

import numpy as np
import pandas as pd
from agreement_nuts import FORMULA, REFERENCE, counts, write

import bayes_mirglmm as bm

SIZES = (2, 3, 4, 6)
SEED = 20


def subset(dataset: str, size: int, mirnas: int, rng: np.random.Generator):
    """Return counts of ``size`` random samples a group and of ``mirnas`` miRNAs spread over the range of counts."""
    every = counts(dataset)
    groups = every["group"].values
    two = [REFERENCE[dataset], next(g for g in dict.fromkeys(groups) if g != REFERENCE[dataset])]
    chosen = np.concatenate([rng.choice(np.flatnonzero(groups == g), size, replace=False) for g in two])
    own = bm.filter_counts(every.isel(sample=np.sort(chosen)))
    totals = own["counts"].sum("sample").groupby(own["mirna"]).sum().to_series().sort_values()
    names = totals.index[np.linspace(0, len(totals) - 1, mirnas).astype(int)]
    return own.isel(isomir=np.flatnonzero(np.isin(own["mirna"].values, names)))


def compared(own, dataset: str) -> pd.DataFrame:
    """Return both posteriors of the log fold change of each miRNA, side by side."""
    options = {"reference": {"group": REFERENCE[dataset]}, "progress": False, "n_jobs": 1, "seed": SEED}
    tables = {}
    for method, more in (("laplace", {}), ("nuts", {"draws": 1000})):
        fit = bm.fit(own, FORMULA, method=method, **options, **more)
        table = fit.effects()
        tables[method] = table[table["term"].str.startswith("group")].set_index("mirna")
        tables[method]["ok"] = fit.status().set_index("mirna")["status"] == "ok"
    sides = [table.add_suffix(f"_{method}") for method, table in tables.items()]
    both = sides[0].join(sides[1])
    return both[both["ok_laplace"] & both["ok_nuts"]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mirnas", type=int, default=12)
    parser.add_argument("--sets", type=int, default=2)
    given = parser.parse_args()
    rows = []
    for dataset in REFERENCE:
        for size in SIZES:
            parts = []
            for number in range(given.sets):
                rng = np.random.default_rng([SEED, size, number])
                parts.append(compared(subset(dataset, size, given.mirnas, rng), dataset))
            both = pd.concat(parts)
            sd = both["std_error_nuts"]
            ratio = both["std_error_laplace"] / sd
            ends = [(both[f"{end}_laplace"] - both[f"{end}_nuts"]) / sd for end in ("lower", "upper")]
            row = {
                "data": dataset,
                "per_group": size,
                "mirnas": len(both),
                "sd_ratio_median": ratio.median(),
                "sd_ratio_smallest": ratio.min(),
                "sd_ratio_largest": ratio.max(),
                "mean_off_largest": ((both["estimate_laplace"] - both["estimate_nuts"]) / sd).abs().max(),
                "width_ratio_median": (
                    (both["upper_laplace"] - both["lower_laplace"])
                    / (both["upper_nuts"] - both["lower_nuts"])
                ).median(),
                "end_off_largest": max(part.abs().max() for part in ends),
            }
            rows.append(row)
            print(row, flush=True)
            write("few_samples.tsv", pd.DataFrame(rows).round(3), "python benchmarks/few_samples.py")


if __name__ == "__main__":
    main()
