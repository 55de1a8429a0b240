"""Simulation-based calibration (Talts et al. 2018), shared by the methods: data sets from the prior, ranks, table.

The priors are the default ones but for the intercept, N(4, 1.5) in place of N(4, 5), under which most data sets would
be empty or overflow.
"""

import os
import platform
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd
from scipy import stats

import bayes_mirglmm as bm
from bayes_mirglmm.model import ModelSpec
from bayes_mirglmm.nested import PriorCoordinates

RESULTS = Path(__file__).resolve().parent / "results"
SEED, BINS = 20, 20


class Draws(Protocol):
    """Draws of one miRNA, on the leading axes."""

    beta: np.ndarray
    omega: np.ndarray
    sigma_sample: np.ndarray
    log_theta: np.ndarray
    b: np.ndarray
    u: np.ndarray


@dataclass
class Truth:
    """Parameters from the prior and counts (J, n) from the model."""

    beta: np.ndarray
    root: np.ndarray  # Cholesky factor of the covariance of the isomiR effects
    sigma_sample: float
    log_theta: float
    b: np.ndarray
    u: np.ndarray
    y: np.ndarray


def model() -> ModelSpec:
    return bm.load_model("mirglmm").with_prior("intercept", sd=1.5)


def simulate(spec: ModelSpec, z: np.ndarray, n_isomirs: int, rng: np.random.Generator) -> Truth:
    """Draw a data set with an intercept and one slope, both of which vary over isomiRs: design ``z`` (n, 2)."""
    prior = PriorCoordinates.of(spec, 2, (0, 0))
    phi = prior.parameters(rng.standard_normal((1, prior.size)))[0]
    beta, root, sigma, log_theta = phi[:2], np.array([[phi[2], 0.0], [phi[3], phi[4]]]), phi[5], phi[6]
    b, u = rng.standard_normal((n_isomirs, 2)) @ root.T, sigma * rng.standard_normal(len(z))
    mu, theta = np.exp(z @ beta + u + b @ z.T), np.exp(log_theta)
    y = rng.poisson(np.minimum(mu * rng.standard_gamma(theta, mu.shape) / theta, 1e15))
    return Truth(beta, root, sigma, log_theta, b, u, y)


def quantities(draws: Draws, truth: Truth) -> dict[str, tuple[np.ndarray, float]]:
    """Return what is ranked, by name: its draws and its true value."""
    sd = np.sqrt(np.einsum("...kk->...k", draws.omega))
    beta, root, b, u = truth.beta, truth.root, truth.b, truth.u
    return {
        "intercept": (draws.beta[..., 0], beta[0]),
        "log_fc": (draws.beta[..., 1], beta[1]),
        "sd_isomir_intercept": (sd[..., 0], np.hypot(*root[0])),
        "sd_isomir_slope": (sd[..., 1], np.hypot(*root[1])),
        "correlation": (draws.omega[..., 0, 1] / sd.prod(axis=-1), root[1, 0] / np.hypot(*root[1])),
        "sd_sample": (draws.sigma_sample, truth.sigma_sample),
        "theta": (draws.log_theta, truth.log_theta),
        "isomir_effect": (draws.beta[..., 1] + draws.b[..., 0, 1], beta[1] + b[0, 1]),
        "isomir_deviation": (draws.b[..., 0, 1], b[0, 1]),
        "sample_effect": (draws.u[..., 0], u[0]),
    }


def rank_table(ranks: pd.DataFrame) -> pd.DataFrame:
    """Return a row per column of ``ranks``, which are uniform on (0, 1) when the posterior is right."""
    rows = []
    for name in ranks:
        rank = ranks[name].to_numpy()
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
    return pd.DataFrame(rows)


def write(table: pd.DataFrame, name: str, what: str) -> None:
    RESULTS.mkdir(exist_ok=True)
    packages = ", ".join(f"{p} {version(p)}" for p in ("bayes-mirglmm", "numpy", "scipy", "numba"))
    machine = f"{platform.machine()}, {os.cpu_count()} cores; Python {platform.python_version()}"
    header = f"# {date.today()}; {machine}, {packages}"
    with (RESULTS / name).open("w") as file:
        file.write(f"{header}; seed {SEED}; {what}\n")
        table.to_csv(file, sep="\t", index=False, float_format="%.4g")
    print(f"\n{name}: {what}\n{table.to_string(index=False, float_format=lambda v: f'{v:.3g}')}", flush=True)
