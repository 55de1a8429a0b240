"""Profiles drawn from a known shared covariance."""

from collections.abc import Callable

import numpy as np
import pytest

from bayes_mirglmm.cohort.usage_profiles import UsageProfiles, complement_basis

Draw = Callable[..., UsageProfiles]


@pytest.fixture(scope="session")
def draw_profiles() -> Draw:
    """Return a function that draws Gaussian profiles of ``mirnas`` miRNAs with covariance ``shared`` over samples.

    ``planted`` (N, n) is added before the profiles are centred over the isomiRs of a miRNA.
    """

    def draw(
        rng: np.random.Generator,
        n: int,
        mirnas: int = 60,
        isomirs: int = 6,
        shared: np.ndarray | None = None,
        planted: np.ndarray | None = None,
        columns: np.ndarray | None = None,
        weight: float = 100.0,
    ) -> UsageProfiles:
        basis = complement_basis(np.ones((n, 1)) if columns is None else columns)
        root = np.eye(n) if shared is None else np.linalg.cholesky(shared)
        values = rng.normal(size=(mirnas * isomirs, n)) @ root.T
        if planted is not None:
            values = values + planted
        values = values.reshape(mirnas, isomirs, n)
        values = (values - values.mean(axis=1, keepdims=True)).reshape(-1, n) @ basis
        start = np.arange(0, mirnas * isomirs + 1, isomirs)
        squares = np.add.reduceat((values**2).sum(axis=1), start[:-1])
        dispersion = squares / ((isomirs - 1) * basis.shape[1])
        return UsageProfiles(values, np.full(len(values), weight), start, dispersion, basis)

    return draw
