"""Simulation-based calibration of NUTS with random terms of samples and a covariance: from priors to counts to ranks.

    python benchmarks/calibration_terms.py [--sets 300] [--minutes 60]

As calibration_nuts.py, with 3 to 12 isomiRs and 3 to 12 patients of two to four samples each. A third of the data sets
has ``~ group + (1 | patient)``, a third ``~ group + (time | patient) + (1 | batch)``, and a third the first with a
random covariance of the samples. Some SDs are near zero, as the priors have it. What is done when the minutes are over
is written to benchmarks/results/sbc_terms.tsv.
"""

import argparse
import time

import numpy as np
import pandas as pd
from calibration import SEED, Truth, model, quantities, rank_table, simulate, write

from bayes_mirglmm.design.build import build_design
from bayes_mirglmm.methods.maximum_likelihood import Plan, fit_mirna
from bayes_mirglmm.methods.nuts import sample_model
from bayes_mirglmm.methods.options import resolve_options
from bayes_mirglmm.nuts import Settings, compile_density
from bayes_mirglmm.results.term_draws import prior_of_terms

SETTINGS = Settings(draws=500, chains=4)
THIN = 10
FORMULAS = (
    "~ group + (1 | patient)",
    "~ group + (time | patient) + (1 | batch)",
    "~ group + (1 | patient)",
)


def samples_of(patients: int, each: int, rng: np.random.Generator) -> pd.DataFrame:
    """Return a sample table: groups within or across patients, times, batches."""
    n = patients * each
    group = (
        rng.permutation(np.arange(n) % 2) if rng.random() < 0.5 else np.repeat(np.arange(patients) % 2, each)
    )
    return pd.DataFrame(
        {
            "group": np.where(group == 1, "B", "A"),
            "patient": np.repeat([f"p{i}" for i in range(patients)], each),
            "time": rng.uniform(0, 30, n),
            "batch": [f"b{i}" for i in rng.permutation(np.arange(n) % 3)],
        },
        index=[f"s{i}" for i in range(n)],
    )


def one(number: int) -> dict[str, float]:
    """Draw a data set, sample its posterior, and return the ranks."""
    spec = model()
    rng = np.random.default_rng([SEED, number])
    patients, each, n_isomirs = int(rng.integers(3, 13)), int(rng.integers(2, 5)), int(rng.integers(3, 13))
    table = samples_of(patients, each, rng)
    n = len(table)
    kind = number % 3
    design = build_design(table, FORMULAS[kind], reference={"group": "A"})
    truth = simulate(spec, design.z, n_isomirs, rng)
    covariance, w = None, rng.standard_normal(n)
    if kind == 2:
        root = rng.normal(size=(n, n + 2))
        covariance = root @ root.T / n
        w = np.linalg.cholesky(covariance) @ w
    cov, effect = (values[0] for values in prior_of_terms(spec.priors, design.random, 1, rng))
    shared = np.hstack([term.indicators for term in design.random]) @ effect
    u = truth.sigma_sample * w
    mu, theta = np.exp(design.z @ truth.beta + u + shared + truth.b @ design.z.T), np.exp(truth.log_theta)
    y = rng.poisson(np.minimum(mu * rng.standard_gamma(theta, mu.shape) / theta, 1e15))
    truth = Truth(truth.beta, truth.root, truth.sigma_sample, truth.log_theta, truth.b, u, y)

    options = resolve_options(method="nuts", curvature=None, df=None, offset="total", preset=None, spec=spec)
    plan = Plan(design, np.zeros(n), options, sample_covariance=covariance)
    ml = fit_mirna(plan, f"set-{number}", [f"i{j}" for j in range(n_isomirs)], y)
    found = sample_model(plan, SEED, SETTINGS, ml, y, full=True)
    draws = found.draws
    ranked = quantities(draws, truth) | {
        "sd_patient": (np.sqrt(draws.random_cov[..., 0, 0]), np.sqrt(cov[0, 0])),
        "patient_effect": (draws.random_effect[..., 0], effect[0]),
        "what_a_sample_gets": (
            draws.u[..., 1] + draws.random_effect[..., 0] * (kind != 1),
            u[1] + effect[0] * (kind != 1),
        ),
    }
    if kind == 1:
        ranked["sd_patient_time"] = (np.sqrt(draws.random_cov[..., 1, 1]), np.sqrt(cov[1, 1]))
        rho = draws.random_cov[..., 0, 1] / np.sqrt(draws.random_cov[..., 0, 0] * draws.random_cov[..., 1, 1])
        ranked["correlation_patient"] = (rho, cov[0, 1] / np.sqrt(cov[0, 0] * cov[1, 1]))
        ranked["sd_batch"] = (np.sqrt(draws.random_cov[..., 2, 2]), np.sqrt(cov[2, 2]))
    ranks = {}
    for name, (values, true) in ranked.items():
        kept = values[:, ::THIN].ravel()
        # Ties of a discrete rank are spread evenly, so that it is uniform on (0, 1).
        ranks[name] = ((kept < true).sum() + rng.random()) / (len(kept) + 1)
    return ranks | {
        "attempts": found.attempts,
        "complaints": len(found.diagnostics.complaints()),
        "divergences": found.diagnostics.divergences,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sets", type=int, default=300)
    parser.add_argument("--minutes", type=float, default=60.0)
    options = parser.parse_args()
    compile_density()
    started, rows = time.perf_counter(), []
    for number in range(options.sets):
        if time.perf_counter() - started > 60 * options.minutes:
            break
        rows.append(one(number))
        if number % 10 == 9:
            print(number + 1, f"{time.perf_counter() - started:.0f} s", flush=True)
    table = pd.DataFrame(rows)
    what = (
        f"python benchmarks/calibration_terms.py: {len(table)} data sets, 3 to 12 isomiRs, 3 to 12 patients; "
        f"{int((table['attempts'] > 1).sum())} sampled twice, {int((table['complaints'] > 0).sum())} with complaints "
        f"after that, {int(table['divergences'].sum())} divergences; {time.perf_counter() - started:.0f} s"
    )
    ranks = table.drop(columns=["attempts", "complaints", "divergences"])
    parts = [rank_table(ranks[[name]].dropna()) for name in ranks]
    write(pd.concat(parts), "sbc_terms.tsv", what)


if __name__ == "__main__":
    main()
