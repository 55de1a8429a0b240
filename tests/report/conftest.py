"""Fits that the tests of the report share: one with names that must not be believed, one of each other kind."""

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayes_mirglmm as bm
from bayes_mirglmm.results import Fit

HOSTILE = (
    "<script>window.hacked=1;alert(1)</script>",
    '"</script><img src=x onerror=alert(2)>',
    "=HYPERLINK(1)",
    "a,b;\u2028'c'",
    "&lt;b&gt; <!-- \\u003c",
)
LEVELS = ("ctrl", "<i>case</i>")


def renamed(counts: xr.Dataset, names: dict[str, str]) -> xr.Dataset:
    mirnas = [names.get(str(name), str(name)) for name in counts["mirna"].values]
    return counts.assign_coords(mirna=("isomir", np.array(mirnas, dtype=object)))


@pytest.fixture(scope="session")
def hostile(own_numbers) -> Fit:
    """Eleven fitted miRNAs, five of them with names that are code somewhere, and three that the filter drops."""
    with own_numbers():
        drawn = bm.simulate(
            4, LEVELS, n_mirnas=14, n_isomirs=5, changed=0.6, log_fc_sd=2.0, theta=30.0, seed=3,
            beta={"Intercept": 5.0},
        )  # fmt: skip
    counts = renamed(drawn.counts, {f"sim-miR-{i + 1}": name for i, name in enumerate(HOSTILE)})
    values = counts["counts"].values.copy()
    values[np.isin(counts["mirna"].values, ["sim-miR-12", "sim-miR-13", "sim-miR-14"])] //= 10_000
    counts = bm.filter_counts(counts.assign(counts=(("isomir", "sample"), values)))
    return bm.fit(counts, "~ group", reference={"group": "ctrl"}, progress=False)


@pytest.fixture(scope="session")
def bayesian(own_numbers) -> Fit:
    with own_numbers():
        drawn = bm.simulate(4, ("ctrl", "case"), n_mirnas=6, n_isomirs=5, changed=0.5, theta=20.0, seed=4)
    return bm.fit(drawn.counts, "~ group", reference={"group": "ctrl"}, method="laplace", progress=False)


@pytest.fixture(scope="session")
def three_groups(own_numbers) -> Fit:
    with own_numbers():
        drawn = bm.simulate(3, ("A", "B", "C"), n_mirnas=5, n_isomirs=4, theta=20.0, seed=5)
    return bm.fit(drawn.counts, "~ group", progress=False)


@pytest.fixture(scope="session")
def continuous(own_numbers) -> Fit:
    """A dose with more values than lines are drawn at, beside a factor."""
    samples = pd.DataFrame(
        {"dose": np.linspace(0.0, 3.0, 16) ** 2, "batch": ["p", "q"] * 8}, index=[f"s{i}" for i in range(16)]
    )
    with own_numbers():
        drawn = bm.simulate(samples=samples, formula="~ dose + batch", n_mirnas=4, n_isomirs=5, seed=6)
    return bm.fit(drawn.counts, "~ dose + batch", progress=False)


@pytest.fixture(scope="session")
def intercept_only(three_groups: Fit, own_numbers) -> Fit:
    with own_numbers():
        drawn = bm.simulate(3, ("A", "B"), n_mirnas=3, n_isomirs=4, theta=20.0, seed=5)
    return bm.fit(drawn.counts, "~ 1", progress=False)


@pytest.fixture(scope="session")
def large(own_numbers) -> Fit:
    """As many miRNAs and isomiRs as in real tissue."""
    with own_numbers():
        drawn = bm.simulate(5, ("ctrl", "case"), n_mirnas=200, n_isomirs=26, seed=1)
    return bm.fit(drawn.counts, "~ group", reference={"group": "ctrl"}, progress=False)


@pytest.fixture
def names() -> SimpleNamespace:
    return SimpleNamespace(hostile=HOSTILE, levels=LEVELS)


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Write the report of a fit; give its address."""
    folder = tmp_path_factory.mktemp("reports")

    def write(fit: Fit, name: str, **options: object) -> str:
        path = folder / f"{name}.html"
        if not path.exists():
            bm.write_report(fit, path, **options)  # type: ignore[arg-type]
        return path.as_uri()

    return write
