"""Simulation-based calibration of method="nuts" (Talts et al. 2018): from priors to counts to draws to ranks.

    python benchmarks/calibration_nuts.py [--sets 300] [--jobs 2]

Each data set has its own size, 3 to 60 isomiRs and 6 to 40 samples in two groups; its parameters come from the prior,
its counts from the model, and everything after that from the pipeline: maximum likelihood, the sampler's form around
it, NUTS, second attempts where diagnostics complain. The rank of a true value among the draws is uniform when the
posterior is right. The priors are the default ones but for the intercept, N(4, 1.5) in place of N(4, 5), under which
most data sets would be empty or overflow. Writes benchmarks/results/sbc_nuts.tsv.
"""

import argparse
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import rich.progress
from calibration import SEED, model, quantities, rank_table, simulate, write
from rich.console import Console

from bayes_mirglmm.design.build import build_design
from bayes_mirglmm.methods.maximum_likelihood import Plan, fit_mirna
from bayes_mirglmm.methods.nuts import sample_model
from bayes_mirglmm.methods.options import resolve_options
from bayes_mirglmm.nuts import Settings, compile_density

SETTINGS = Settings(draws=500, chains=4)
THIN = 10  # leaves 200 draws that are nearly independent


def one(number: int) -> dict[str, float]:
    """Draw a data set, sample its posterior, and return the ranks."""
    spec = model()
    rng = np.random.default_rng([SEED, number])
    n_isomirs, n = int(rng.integers(3, 61)), int(rng.integers(6, 41))
    group = np.where(np.arange(n) < rng.integers(3, n - 2), "A", "B")
    design = build_design(pd.DataFrame({"group": group}, index=[f"s{i}" for i in range(n)]), "~ group")
    truth = simulate(spec, design.z, n_isomirs, rng)
    y = truth.y

    options = resolve_options(method="nuts", curvature=None, df=None, offset="total", preset=None, spec=spec)
    plan = Plan(design, np.zeros(n), options)
    ml = fit_mirna(plan, f"set-{number}", [f"i{j}" for j in range(n_isomirs)], y)
    found = sample_model(plan, SEED, SETTINGS, ml, y, full=True)
    ranks = {}
    for name, (values, true) in quantities(found.draws, truth).items():
        kept = values[:, ::THIN].ravel()
        # Ties of a discrete rank are spread evenly, so that it is uniform on (0, 1).
        ranks[name] = ((kept < true).sum() + rng.random()) / (len(kept) + 1)
    trouble = {
        "attempts": found.attempts,
        "complaints": len(found.diagnostics.complaints()),
        "empty": not y.any(),
    }
    return ranks | trouble


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sets", type=int, default=300)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    compile_density()
    started = time.perf_counter()
    with ThreadPoolExecutor(options.jobs) as pool:
        finished = rich.progress.track(
            pool.map(one, range(options.sets)), "Data sets", options.sets, console=Console(stderr=True)
        )
        table = pd.DataFrame(list(finished))
    what = (
        f"python benchmarks/calibration_nuts.py --sets {options.sets}: 3 to 60 isomiRs, 6 to 40 samples; "
        f"{int(table['empty'].sum())} data sets all zero, {int((table['attempts'] > 1).sum())} sampled twice, "
        f"{int((table['complaints'] > 0).sum())} with complaints after that; {time.perf_counter() - started:.0f} s"
    )
    write(rank_table(table[table.columns[:-3]]), "sbc_nuts.tsv", what)


if __name__ == "__main__":
    main()
