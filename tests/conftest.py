"""Fixtures that several test files share."""

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from bayes_mirglmm.counts.container import make_counts

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder with real counts and R's fits; tests that need it skip where it is absent."""
    folder = Path(os.environ.get("BAYES_MIRGLMM_SHARED", ROOT.parent / "shared"))
    if not (folder / "data").is_dir():
        pytest.skip(f"no real data at {folder} (set BAYES_MIRGLMM_SHARED)")
    return folder


@pytest.fixture(scope="session")
def real_counts(shared: Path) -> Callable[[str], xr.Dataset]:
    """Unfiltered counts of a folder of real data, by its name, made without the readers."""

    @cache
    def load(name: str) -> xr.Dataset:
        samples = pd.read_csv(shared / "data" / name / "samples.tsv", sep="\t", index_col=0)
        table = pd.read_csv(shared / "data" / name / "counts.tsv.gz", sep="\t")
        return make_counts(
            table[samples.index],
            isomir=table.iloc[:, 0],
            mirna=table["miRNA"],
            sample=samples.index,
            samples=samples,
            source=name,
        )

    return load


def pytest_make_parametrize_id(val: object) -> str | None:
    """Name bytes by their number: as text they are unreadable, and a gzip header tells the time.

    Test names have to be the same in every worker of pytest-xdist.
    """
    return f"{len(val)} bytes" if isinstance(val, bytes) else None


@pytest.fixture(scope="session")
def scale_coordinates() -> Callable[[np.ndarray, int], dict[str, np.ndarray]]:
    """What the readable model samples in place of the Cholesky factor of one covariance block, by name."""

    def found(factor: np.ndarray, block: int = 0) -> dict[str, np.ndarray]:
        sd = np.sqrt((factor**2).sum(axis=1))
        if len(factor) == 1:
            return {f"sd_block{block}_log__": np.log(sd[0])}
        partial = []
        for row, length in zip(factor, sd, strict=True):
            left = length
            for value in row[: np.flatnonzero(row)[-1]]:
                partial.append(value / left)
                left *= np.sqrt(1 - (value / left) ** 2)
        # log odds of a correlation moved to (0, 1)
        logodds = 2 * np.arctanh(np.array(partial))
        return {f"sd_block{block}_log__": np.log(sd), f"partial_block{block}_logodds__": logodds}

    return found
