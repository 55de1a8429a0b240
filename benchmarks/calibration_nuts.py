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
from calibration_laplace import write
from rich.console import Console
from scipy import stats

import bayes_mirglmm as bm
from bayes_mirglmm.design import build_design
from bayes_mirglmm.fitting.maximum_likelihood import Plan, fit_mirna
from bayes_mirglmm.fitting.nuts import sample_model
from bayes_mirglmm.fitting.options import resolve_options
from bayes_mirglmm.nuts import Settings, compile_density
from bayes_mirglmm.posterior import PriorCoordinates

SEED, BINS = 20, 20
SETTINGS = Settings(draws=500, chains=4)
THIN = 10  # leaves 200 draws that are nearly independent


def one(number: int) -> dict[str, float]:
    """Draw a data set, sample its posterior, and return the ranks."""
    spec = bm.load_model("mirglmm").with_prior("intercept", sd=1.5)
    rng = np.random.default_rng([SEED, number])
    n_isomirs, n = int(rng.integers(3, 61)), int(rng.integers(6, 41))
    group = np.where(np.arange(n) < rng.integers(3, n - 2), "A", "B")
    design = build_design(pd.DataFrame({"group": group}, index=[f"s{i}" for i in range(n)]), "~ group")
    prior = PriorCoordinates.of(spec, 2, (0, 0))
    phi = prior.parameters(rng.standard_normal((1, prior.size)))[0]
    beta, root, sigma, log_theta = phi[:2], np.array([[phi[2], 0.0], [phi[3], phi[4]]]), phi[5], phi[6]
    b, u = rng.standard_normal((n_isomirs, 2)) @ root.T, sigma * rng.standard_normal(n)
    mu, theta = np.exp(design.z @ beta + u + b @ design.z.T), np.exp(log_theta)
    y = rng.poisson(np.minimum(mu * rng.standard_gamma(theta, mu.shape) / theta, 1e15))

    options = resolve_options(method="nuts", curvature=None, df=None, offset="total", preset=None, spec=spec)
    plan = Plan(design, np.zeros(n), options)
    ml = fit_mirna(plan, f"set-{number}", [f"i{j}" for j in range(n_isomirs)], y)
    found = sample_model(plan, SEED, SETTINGS, ml, y, full=True)
    draws = found.draws
    sd = np.sqrt(np.einsum("...kk->...k", draws.omega))
    quantities = {
        "intercept": (draws.beta[..., 0], beta[0]),
        "log_fc": (draws.beta[..., 1], beta[1]),
        "sd_isomir_intercept": (sd[..., 0], np.hypot(*root[0])),
        "sd_isomir_slope": (sd[..., 1], np.hypot(*root[1])),
        "correlation": (draws.omega[..., 0, 1] / sd.prod(axis=-1), root[1, 0] / np.hypot(*root[1])),
        "sd_sample": (draws.sigma_sample, sigma),
        "theta": (draws.log_theta, log_theta),
        "isomir_effect": (draws.beta[..., 1] + draws.b[..., 0, 1], beta[1] + b[0, 1]),
        "isomir_deviation": (draws.b[..., 0, 1], b[0, 1]),
        "sample_effect": (draws.u[..., 0], u[0]),
    }
    ranks = {}
    for name, (values, true) in quantities.items():
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
    rows = []
    for name in table.columns[:-3]:
        rank = table[name].to_numpy()
        bins = np.histogram(rank, BINS, (0, 1))[0]
        rows.append(
            {
                "parameter": name,
                "mean_rank": rank.mean(),
                "below_0.05": (rank < 0.05).mean(),
                "above_0.95": (rank > 0.95).mean(),
                "chi2_p": stats.chisquare(bins).pvalue,
                "ks_p": stats.kstest(rank, "uniform").pvalue,
                "histogram": " ".join(map(str, bins)),
            }
        )
    what = (
        f"python benchmarks/calibration_nuts.py --sets {options.sets}: 3 to 60 isomiRs, 6 to 40 samples; "
        f"{int(table['empty'].sum())} data sets all zero, {int((table['attempts'] > 1).sum())} sampled twice, "
        f"{int((table['complaints'] > 0).sum())} with complaints after that; {time.perf_counter() - started:.0f} s"
    )
    write(pd.DataFrame(rows), "sbc_nuts.tsv", what)


if __name__ == "__main__":
    main()
