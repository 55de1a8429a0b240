"""Type I error of the tests of log fold changes and of usage, by design, criterion and degrees of freedom.

Counts are simulated from the model without an effect of the group: groups of 3, 5, 10 and 20 samples, and as many
pairs, with and without isomiR slopes. One process; `--quick` is a tenth.
"""

import argparse
import os
import platform
import time
from collections.abc import Iterator
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import special

from bayes_mirglmm.evidence.lrt import likelihood_ratio_test
from bayes_mirglmm.marginal import MarginalFit, Terms, fit_frame, make_frame

RESULTS = Path(__file__).resolve().parent / "results"
SEED = 13
SIZES = (3, 5, 10, 20)
DATA_SETS = 500
MOST_ISOMIRS = 15
LEVEL, THETA, ISOMIR_SD, SAMPLE_SD, PATIENT_SD = 3.5, 5.0, 1.2, 0.35, 0.5
SLOPE_SDS = (0.0, 0.3)


class Model(NamedTuple):
    """A model that is fitted to every data set of a design."""

    formula: str
    x: np.ndarray
    terms: Terms | None
    within: int  #: samples less the rank of fixed and random columns: degrees of freedom within groupings


def designs(size: int) -> Iterator[tuple[str, np.ndarray, np.ndarray | None, list[Model]]]:
    """Yield name, group, patient of each sample and the models."""
    n = 2 * size
    one, group = np.ones(n), np.repeat([0.0, 1.0], size)
    plain = np.column_stack([one, group])
    yield "unpaired", group, None, [Model("~ group", plain, None, n - 2)]
    if size >= 5:
        age = np.linspace(-1.5, 1.5, n)[np.random.default_rng(size).permutation(n)]
        batches = np.eye(3)[np.arange(n) % 3][:, 1:]
        x = np.column_stack([plain, age, batches])
        yield "covariates", group, None, [Model("~ group + age + batch", x, None, n - 5)]
    patient = np.tile(np.arange(size), 2)
    dummies = np.column_stack([plain, np.eye(size)[patient][:, 1:]])
    random = Terms((one[:, None],), (patient,))
    yield (
        "paired",
        group,
        patient,
        [
            Model("~ group", plain, None, n - 2),
            Model("~ group + patient", dummies, None, size - 1),
            Model("~ group + (1 | patient)", plain, random, size - 1),
        ],
    )


def simulate(
    group: np.ndarray, patient: np.ndarray | None, slope_sd: float, rng: np.random.Generator
) -> np.ndarray:
    """Counts (J, n) of a miRNA whose mean over isomiRs does not depend on the group."""
    n, n_isomirs = len(group), int(rng.integers(2, MOST_ISOMIRS + 1))
    eta = LEVEL + SAMPLE_SD * rng.standard_normal(n) + ISOMIR_SD * rng.standard_normal((n_isomirs, 1))
    eta = eta + np.multiply.outer(slope_sd * rng.standard_normal(n_isomirs), group)
    if patient is not None:
        eta = eta + PATIENT_SD * rng.standard_normal(patient.max() + 1)[patient]
    return rng.poisson(np.exp(eta) * rng.standard_gamma(THETA, eta.shape) / THETA)


def p_values(fit: MarginalFit, model: Model) -> dict[str, float]:
    """Return the p-value of the group's effect by choice of the degrees of freedom."""
    n, rank = model.x.shape
    choices = {"z": np.inf, "n - rank": float(n - rank)}
    if model.terms is not None:
        choices["containment"] = float(model.within)
    if fit.beta_df is not None:
        choices["Satterthwaite"] = float(fit.beta_df[1])
    t = abs(fit.beta[1]) / np.sqrt(fit.beta_cov[1, 1])
    return {
        name: float(2.0 * (special.stdtr(df, -t) if np.isfinite(df) else special.ndtr(-t)))
        for name, df in choices.items()
    }


def measure(data_sets: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the tables of the effects' tests and of the usage tests."""
    effects, usage = [], []
    for size in SIZES:
        for name, group, patient, models in designs(size):
            for slope_sd in SLOPE_SDS:
                started = time.process_time()
                rng = np.random.default_rng([SEED, size, len(models), int(10 * slope_sd), patient is None])
                z = np.column_stack([np.ones(len(group)), group])
                frames = [
                    [make_frame(np.zeros(len(group)), m.x, z[:, :k], terms=m.terms) for k in (2, 1)]
                    for m in models
                ]
                found: dict[Any, list[float]] = {}
                tested: dict[Any, list[float]] = {}
                for _ in range(data_sets):
                    y = simulate(group, patient, slope_sd, rng)
                    for model, (full_frame, reduced_frame) in zip(models, frames, strict=True):
                        for criterion in ("ml", "reml"):
                            full = fit_frame(y, full_frame, criterion=criterion)
                            if not full.converged:
                                continue
                            for df, p in p_values(full, model).items():
                                found.setdefault((model.formula, criterion, df), []).append(p)
                            if slope_sd == 0.0:
                                reduced = fit_frame(y, reduced_frame, criterion=criterion)
                                test = likelihood_ratio_test(
                                    np.array([full.log_likelihood]), np.array([reduced.log_likelihood]), 1
                                )
                                tested.setdefault((model.formula, criterion), []).append(
                                    float(test.p_value[0])
                                )
                for (formula, criterion, df), p in found.items():
                    key = {"design": name, "size": size, "formula": formula, "slope_sd": slope_sd}
                    effects.append(key | {"criterion": criterion, "df": df} | _rates(p))
                for (formula, criterion), p in tested.items():
                    key = {"design": name, "size": size, "formula": formula, "criterion": criterion}
                    usage.append(key | _rates(p))
                print(f"{name} {size} {slope_sd}: {time.process_time() - started:.0f} s", flush=True)
    return pd.DataFrame(effects), pd.DataFrame(usage)


def _rates(p: list[float]) -> dict[str, float]:
    values = np.array(p)
    return {
        "fits": len(values),
        "below_0.05": (values < 0.05).mean(),
        "below_0.01": (values < 0.01).mean(),
        "coverage": (values >= 0.05).mean(),
    }


def write(table: pd.DataFrame, name: str, what: str) -> None:
    packages = ", ".join(f"{p} {version(p)}" for p in ("bayes-mirglmm", "numpy", "scipy", "numba"))
    machine = f"{platform.machine()}, {os.cpu_count()} cores; Python {platform.python_version()}"
    with (RESULTS / name).open("w") as file:
        file.write(f"# {date.today()}; {machine}, {packages}; seed {SEED}; {what}\n")
        table.to_csv(file, sep="\t", index=False, float_format="%.4g")
    print(f"\n{name}: {what}\n{table.to_string(index=False, float_format=lambda v: f'{v:.3g}')}", flush=True)


def main() -> None:
    """Measure and write both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the data sets")
    parser.add_argument("--data-sets", type=int, default=DATA_SETS, help="data sets of each design")
    arguments = parser.parse_args()
    data_sets = arguments.data_sets // 10 if arguments.quick else arguments.data_sets
    started = time.process_time()
    effects, usage = measure(data_sets)
    spent = f"{(time.process_time() - started) / 60:.0f} processor minutes"
    command = "python benchmarks/type_one_error.py"
    what = f"{data_sets} null data sets each; {spent}; {command}"
    write(effects, "type_one_error.tsv", f"tests of log fold changes, {what}")
    write(usage, "type_one_error_usage.tsv", f"tests of usage without slopes, {what}")


if __name__ == "__main__":
    main()
