"""Simulated problems that the engine's tests share."""

from typing import Any

import numpy as np
import pytest


def simulate(
    n: int,
    n_isomirs: int,
    k: int,
    seed: int,
    *,
    continuous: bool = False,
    theta: float = 5.0,
    sample_sd: float = 0.3,
) -> dict[str, Any]:
    """Counts (J, n), offset, x and z of a model with K random columns."""
    rng = np.random.default_rng(seed)
    group = np.arange(n) % k
    columns = [rng.normal(size=n) for _ in range(k - 1)] if continuous else [group == g for g in range(1, k)]
    z = np.column_stack([np.ones(n), *columns]).astype(float)
    b = rng.normal(size=(n_isomirs, k)) * np.array([1.5] + [0.5] * (k - 1))
    offset = rng.normal(scale=0.3, size=n)
    beta = np.array([3.0] + [0.4] * (k - 1))
    eta = offset + z @ beta + b @ z.T + rng.normal(scale=sample_sd, size=n)
    mu = np.exp(eta)
    y = rng.poisson(mu) if np.isinf(theta) else rng.negative_binomial(theta, theta / (theta + mu))
    return {"y": y, "offset": offset, "x": z, "z": z}


@pytest.fixture
def simulated(own_numbers) -> Any:
    """The simulator, of data that are chosen: of their own seed, whatever the others are."""

    def chosen(*sizes: int, **options: Any) -> dict[str, Any]:
        with own_numbers():
            return simulate(*sizes, **options)

    return chosen
