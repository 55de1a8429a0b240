"""Records with made-up numbers, and fits assembled from them."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bayes_mirglmm.design.build import Design, build_design
from bayes_mirglmm.model import load_model
from bayes_mirglmm.records import MirnaRecord, ModelNumbers
from bayes_mirglmm.results import Fit, assemble


def random_covariance(rng: np.random.Generator, size: int, scale: float = 0.1) -> np.ndarray:
    root = rng.normal(size=(size, size + 2))
    return scale * root @ root.T / size


def random_numbers(rng: np.random.Generator, design: Design, n_isomirs: int, **changes: Any) -> ModelNumbers:
    """Numbers of a full model: consistent shapes, effect = beta + b, nothing else promised."""
    n, p = design.x.shape
    k = design.z.shape[1]
    beta = np.concatenate([[4.0], rng.normal(size=p - 1)])
    b = rng.normal(scale=0.3, size=(n_isomirs, k))
    mean = np.array([beta[design.terms.index(t)] if t in design.terms else 0.0 for t in design.slope_terms])
    values: dict[str, Any] = {
        "beta": beta,
        "beta_cov": random_covariance(rng, p),
        "beta_cov_theta_fixed": random_covariance(rng, p),
        "theta": float(rng.gamma(3.0)),
        "log_theta_se": 0.2,
        "omega": random_covariance(rng, k, 0.5),
        "sigma_sample": 0.4,
        "log_likelihood": float(-100 - rng.gamma(2.0)),
        "iterations": 12,
        "evaluations": 30,
        "b": b,
        "b_se": np.full((n_isomirs, k), 0.2),
        "effect": mean + b,
        "effect_cov": np.array([random_covariance(rng, k) for _ in range(n_isomirs)]).reshape(-1, k, k),
        "u": rng.normal(scale=0.2, size=n),
        "u_se": np.full(n, 0.1),
    }
    return ModelNumbers(**(values | changes))


def narrow(rng: np.random.Generator, design: Design, n_isomirs: int, **changes: Any) -> ModelNumbers:
    """Numbers of a reduced model, with its own number of columns: the intercept and nuisance slopes."""
    keep = [i for i, block in enumerate(design.blocks) if i == 0 or block != 0]
    numbers = random_numbers(rng, design, n_isomirs)
    assert numbers.omega is not None
    assert numbers.b is not None
    assert numbers.effect is not None
    values: dict[str, Any] = {name: getattr(numbers, name) for name in ModelNumbers.__dataclass_fields__}
    values |= {name: values[name][:, keep] for name in ("b", "b_se", "effect")}
    values["omega"] = numbers.omega[np.ix_(keep, keep)]
    values["effect_cov"] = values["effect_cov"][:, keep][:, :, keep]
    return ModelNumbers(**(values | changes))


def make_record(
    rng: np.random.Generator, design: Design, mirna: str, n_isomirs: int, **changes: Any
) -> MirnaRecord:
    values: dict[str, Any] = {
        "status": "ok",
        "isomirs": [f"{mirna}.iso{j}" for j in range(n_isomirs)],
        "counts": rng.integers(0, 500, size=(n_isomirs, len(design.samples))),
        "seconds": 0.01,
        "full": random_numbers(rng, design, n_isomirs, log_likelihood=-100.0 + rng.gamma(1.0)),
        "reduced": narrow(rng, design, n_isomirs, log_likelihood=-101.0) if design.slope else None,
    }
    return MirnaRecord(mirna=mirna, **(values | changes))


def make_fit(design: Design, records: list[MirnaRecord], **attributes: Any) -> Fit:
    n = len(design.samples)
    data = assemble(
        records,
        design,
        offset=np.linspace(-1.0, 1.0, n),
        total=np.arange(1, n + 1) * 1_000_000,
        model=load_model("mirglmm"),
        **attributes,
    )
    return Fit(data, design, metadata={"seed": 1, "command": None})


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


@pytest.fixture(scope="session")
def samples() -> pd.DataFrame:
    return pd.DataFrame(
        {"group": ["A"] * 3 + ["B"] * 3 + ["C"] * 4, "age": np.linspace(20.0, 65.0, 10) ** 1.01},
        index=[f"s{i}" for i in range(10)],
    )


@pytest.fixture(scope="session")
def two_groups() -> Design:
    table = pd.DataFrame({"group": ["A"] * 4 + ["B"] * 4}, index=[f"s{i}" for i in range(8)])
    return build_design(table, "~ group")


@pytest.fixture(scope="session")
def three_groups(samples: pd.DataFrame) -> Design:
    return build_design(samples, "~ group + age", slope="group")


@pytest.fixture
def fit(rng: np.random.Generator, two_groups: Design) -> Fit:
    """Six miRNAs, one of each common outcome."""
    d = two_groups
    nothing: dict[str, Any] = {"full": None, "reduced": None}
    boundary = {"status": "boundary", "omega": np.diag([0.4, 0.0]), "log_likelihood": -101.0}
    poisson = {"status": "poisson_limit", "theta": np.inf, "log_theta_se": np.nan, "log_likelihood": -95.0}
    lost = {"status": "not_converged"}

    def record(mirna: str, n_isomirs: int, status: str, reason: str, **changes: Any) -> MirnaRecord:
        return make_record(rng, d, mirna, n_isomirs, status=status, reason=reason, **changes)

    def numbers(n_isomirs: int, changes: dict[str, Any]) -> ModelNumbers:
        return random_numbers(rng, d, n_isomirs, **changes)

    records = [
        record("mir-ok", 3, "ok", ""),
        record("mir-filtered", 0, "low_expression", "Below the filter.", counts=None, seconds=0.0, **nothing),
        record("mir-boundary", 2, "boundary", "The slope variance is 0.", full=numbers(2, boundary)),
        record("mir-lost", 4, "not_converged", "The optimiser ran out of steps.", full=numbers(4, lost)),
        record("mir-poisson", 2, "poisson_limit", "theta is infinite.", full=numbers(2, poisson)),
        record("mir-separated", 2, "separated", "All counts of group B are 0.", **nothing),
    ]
    return make_fit(d, records)


@pytest.fixture
def make() -> SimpleNamespace:
    """The functions of this file, for tests that need other records."""
    return SimpleNamespace(fit=make_fit, record=make_record, numbers=random_numbers, narrow=narrow)
