"""Fixtures that several test files share."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats

from bayes_mirglmm.counts.container import make_counts

ROOT = Path(__file__).resolve().parent.parent
#: Another number gives every test other random numbers than its own; 0 leaves them.
SEED = int(os.environ.get("BAYES_MIRGLMM_TEST_SEED", "0"))


_mixing = [bool(SEED)]


def _mixed(seed: Any) -> Any:
    """Return ``seed`` with SEED in front, where it is one or several integers."""
    if _mixing[0] and np.issubdtype(np.asarray(seed).dtype, np.integer):
        return [SEED, *np.atleast_1d(seed).tolist()]
    return seed


def _other_random_numbers() -> None:
    """Mix SEED into every seed, of data and of draws, in the tests and in what they call."""
    default_rng, sequence = np.random.default_rng, np.random.SeedSequence

    class Mixed(sequence):  # type: ignore[misc, valid-type]
        def __init__(self, entropy: Any = None, **options: Any) -> None:
            super().__init__(_mixed(entropy), **options)

    np.random.default_rng = lambda seed=None: default_rng(_mixed(seed))
    np.random.SeedSequence = Mixed  # type: ignore[misc]


if SEED:
    _other_random_numbers()

# A shell without job control starts what runs in the background (`make test &`) deaf to Ctrl-C, and its children too.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def _own_numbers() -> Iterator[None]:
    before, _mixing[0] = _mixing[0], False
    try:
        yield
    finally:
        _mixing[0] = before


@pytest.fixture(scope="session")
def own_numbers() -> Callable[[], AbstractContextManager[None]]:
    """Return a context in which seeds are the tests' own: for data that are chosen, as a file would be."""
    return _own_numbers


class Chance:
    """Limits that a right answer passes in all but one of a million runs, whatever the random numbers."""

    RATE = 1e-6

    def z(self, comparisons: int = 1) -> float:
        """Standard errors within which ``comparisons`` normal deviates all lie."""
        return float(stats.norm.isf(self.RATE / 2 / comparisons))

    def share(self, p: float, n: int, comparisons: int = 1) -> tuple[float, float]:
        """Lowest and highest share of ``n`` independent events of probability ``p``."""
        tail = self.RATE / 2 / comparisons
        return float(stats.binom.ppf(tail, n, p) / n), float(stats.binom.isf(tail, n, p) / n)

    def distance(self, n: int, comparisons: int = 1) -> float:
        """Distance of the distribution of ``n`` draws from their own (Dvoretzky, Kiefer, Wolfowitz, Massart)."""
        return float(np.sqrt(np.log(2 * comparisons / self.RATE) / (2 * n)))

    def ratio(self, n: int, comparisons: int = 1) -> tuple[float, float]:
        """Lowest and highest root mean square of ``n`` standard normal deviates."""
        tail = self.RATE / 2 / comparisons
        return float(np.sqrt(stats.chi2.ppf(tail, n) / n)), float(np.sqrt(stats.chi2.isf(tail, n) / n))

    def quantile_error(self, draws: np.ndarray, prob: float, approximation: float = 0.04) -> float:
        """Standard error of a quantile of ``draws`` (chain, draw) against that of a nested posterior.

        A nested posterior's own quantiles moved by up to 0.04 standard deviations from seed to seed.
        """
        from arviz_stats.base import array_stats

        own = array_stats.mcse(draws, chain_axis=0, draw_axis=1, method="quantile", prob=prob)
        spread = np.subtract(*np.quantile(draws, (0.75, 0.25))) / 1.349
        return float(np.hypot(own, approximation * spread))


@pytest.fixture(scope="session")
def chance() -> Chance:
    """Where a test rests on random draws, the limits that it holds them to."""
    return Chance()


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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out, with other seeds, what is about the numbers of one seed."""
    if SEED:
        for item in items:
            if item.get_closest_marker("own_seed"):
                item.add_marker(pytest.mark.skip(reason="about the numbers of its own seed"))


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


@pytest.fixture(scope="session")
def counts_of_patients() -> xr.Dataset:
    """Return counts of one miRNA in samples with a time, of patients who were in wards of hospitals."""
    rng = np.random.default_rng(5)
    samples = pd.DataFrame(
        {
            "tissue": list("ntntntnt"),
            "patient": [f"p{i}" for i in (1, 1, 1, 2, 2, 3, 3, 3)],
            "hospital": list("aabbaabb"),
            "ward": list("12121212"),
            "time": rng.uniform(0, 30, 8),
        },
        index=[f"s{i}" for i in range(8)],
    )
    return make_counts(
        rng.negative_binomial(2, 0.02, size=(3, 8)),
        isomir=[f"i{j}" for j in range(3)],
        mirna=["m"] * 3,
        sample=list(samples.index),
        samples=samples,
        total=np.full(8, 10**6) + rng.integers(0, 10**5, size=8),
    )
