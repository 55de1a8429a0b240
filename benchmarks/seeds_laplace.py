"""How much of a nested Laplace posterior is chance: seeds against a run of ten times the length.

    python benchmarks/seeds_laplace.py [--seeds 20] [--only monocyte]

The thirty miRNAs of agreement.py, those of six samples of monocytes, and eight simulated ones of eight samples and five
isomiRs, the class in which seeds differ most. Deviations of the log fold change are in posterior SDs of the long run.
Writes seeds_laplace.tsv in benchmarks/results, a row for each miRNA as it is done.
"""

import argparse
import time
import warnings
from collections.abc import Iterator

import numpy as np
import pandas as pd
import xarray as xr
from agreement import chosen
from agreement_nuts import REFERENCE, RESULTS, SHARED, counts, write

import bayes_mirglmm as bm
from bayes_mirglmm.counts.container import sample_table
from bayes_mirglmm.counts.offsets import log_offset
from bayes_mirglmm.design.build import build_design
from bayes_mirglmm.nested import nested_posterior
from bayes_mirglmm.nested.importance import EVIDENCE_STAGES, STAGES

LONG_STAGES, LONG_DRAWS = (256, 512, 16384), 2**16
OTHERS = 8  # miRNAs of the further data sets


def data() -> Iterator[tuple[str, str, np.ndarray, np.ndarray, np.ndarray]]:
    """Data set, miRNA, counts (J, n), log offset and design of every miRNA."""
    folder = SHARED / "data" / "monocyte_example"
    monocyte = bm.filter_counts(bm.read_counts(folder / "counts.tsv.gz", samples=folder / "samples.tsv"))
    hard = bm.simulate(n_per_group=4, n_mirnas=OTHERS, n_isomirs=5, seed=3).counts
    every: list[tuple[str, xr.Dataset, list[str], str | None]] = [
        (name, counts(name), mirnas, REFERENCE[name]) for name, mirnas in chosen().items()
    ]
    every += [("monocyte", monocyte, several(monocyte), None), ("simulated", hard, several(hard), None)]
    for name, container, mirnas, reference in every:
        design = build_design(
            sample_table(container), "~ group", reference={"group": reference} if reference else None
        )
        for mirna in mirnas:
            y = container["counts"].values[container["mirna"].values == mirna]
            yield name, mirna, y, log_offset(container).values, design.x


def several(container: xr.Dataset) -> list[str]:
    """The first miRNAs with two isomiRs or more."""
    names = container["mirna"].to_series().value_counts(sort=False)
    return [name for name in names.index[names > 1] if name != "background"][:OTHERS]


def summary(y: np.ndarray, offset: np.ndarray, x: np.ndarray, seed: int, *, long: bool) -> np.ndarray:
    """Mean, SD and interval ends of the log fold change, and the log Bayes factor."""
    spec = bm.load_model("mirglmm")
    found = []
    for columns, model, stages in ((2, spec, STAGES), (1, spec.reduced(), EVIDENCE_STAGES)):
        found.append(
            nested_posterior(
                y,
                offset,
                x,
                x[:, :columns],
                blocks=(0,) * columns,
                spec=model,
                rng=np.random.default_rng([seed, columns]),
                stages=LONG_STAGES if long else stages,
                draws=LONG_DRAWS if long and columns == 2 else 1536 if columns == 2 else 256,
            )
        )
    full, reduced = found
    values, weights = full.beta[:, 1], full.weights
    mean = weights @ values
    order = np.argsort(values)
    cumulative = np.cumsum(weights[order]) - 0.5 * weights[order]
    ends = np.interp([0.025, 0.975], cumulative, values[order])
    evidence = full.sample.log_evidence - reduced.sample.log_evidence
    return np.array([mean, np.sqrt(weights @ (values - mean) ** 2), *ends, evidence])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--only", help="one data set")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    rows = []
    for name, mirna, y, offset, x in data():
        if options.only not in (None, name):
            continue
        truth = summary(y, offset, x, 10**6, long=True)
        started = time.process_time()
        found = np.array([summary(y, offset, x, seed, long=False) for seed in range(options.seeds)])
        seconds = (time.process_time() - started) / options.seeds
        error = found - truth
        error[:, [0, 2, 3]] /= truth[1]
        error[:, 1] /= truth[1]
        names = ("mean", "sd", "lower", "upper", "log_bf10")
        rows.append(
            {"dataset": name, "mirna": mirna, "n_isomirs": len(y), "n_samples": len(x), "long_sd": truth[1]}
            | {f"{k}_rms": v for k, v in zip(names, np.sqrt((error**2).mean(axis=0)), strict=True)}
            | {f"{k}_largest": v for k, v in zip(names, np.abs(error).max(axis=0), strict=True)}
            | {"processor_seconds": seconds}
        )
        write(
            "seeds_laplace.tsv",
            pd.DataFrame(rows),
            f"python benchmarks/seeds_laplace.py --seeds {options.seeds}",
        )
        print(pd.DataFrame(rows[-1:]).to_string(header=len(rows) == 1), flush=True)
    table = pd.read_csv(RESULTS / "seeds_laplace.tsv", sep="\t", comment="#")
    print(np.sqrt((table.filter(like="_rms") ** 2).mean()), table.filter(like="_largest").max(), sep="\n")


if __name__ == "__main__":
    main()
