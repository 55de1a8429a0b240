"""Effects multiplied into real counts: what is changed, by how much, and that nothing else is."""

import hashlib
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats

import bayes_mirglmm as bm
from bayes_mirglmm.counts.container import dropped, make_counts
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.simulation.choice import choose_changed, expression_bins
from bayes_mirglmm.simulation.multipliers import Multipliers


@pytest.fixture(scope="module")
def real(own_numbers) -> xr.Dataset:
    """Counts that stand for real ones: 12 samples of one kind and 3 of another, 60 miRNAs."""
    table = pd.DataFrame(
        {"group": ["healthy"] * 12 + ["ill"] * 3, "sex": ["f", "m", "f"] * 5},
        index=[f"s{i}" for i in range(15)],
    )
    with own_numbers():
        drawn = bm.simulate(
            samples=table, n_mirnas=60, n_isomirs=6, changed=0, seed=4, beta={"Intercept": 5.0}
        )
    return drawn.counts


def cells(simulation: bm.simulation.IntoSimulation, name: str) -> np.ndarray:
    return simulation.counts["group"].values == name


def before(real: xr.Dataset, simulation: bm.simulation.IntoSimulation) -> np.ndarray:
    return real["counts"].sel(sample=simulation.counts["sample"].values).values


def test_only_the_chosen_isomirs_of_one_group_are_multiplied_and_rounded(real: xr.Dataset) -> None:
    made = bm.simulate_into(real, where={"group": "healthy"}, seed=2)
    y, now = before(real, made), made.counts["counts"].values
    truth = made.truth.isomir_effects.set_index("isomir").reindex(made.counts["isomir"].values)
    value, factor = truth["value"].fillna(0).to_numpy(), truth["multiplier"].fillna(1).to_numpy()
    expected = y.astype(float)
    for sign, name in ((1, "B"), (-1, "A")):
        rows = np.ix_(np.sign(value) == sign, cells(made, name))
        expected[rows] = np.rint(y[rows] * factor[np.sign(value) == sign, None])
    np.testing.assert_array_equal(now, expected)
    assert (now != y).any(axis=1).sum() == (value != 0).sum()  # every multiplied isomiR is seen to change
    assert (now[y == 0] == 0).all()
    np.testing.assert_allclose(np.abs(value), np.log(factor), rtol=1e-12)


def test_totals_are_taken_after_the_multiplication(real: xr.Dataset) -> None:
    made = bm.simulate_into(real, where={"group": "healthy"}, seed=2)
    np.testing.assert_array_equal(made.counts["total"], made.counts["counts"].sum("isomir"))
    np.testing.assert_array_equal(made.retained["total"], made.counts["total"])
    moved = made.counts["total"].values - real["total"].sel(sample=made.counts["sample"].values).values
    assert (moved > 0).all()
    # Counts that were filtered before keep the reads that they no longer hold.
    part = real.isel(isomir=np.flatnonzero(real["mirna"].values != "background"))
    again = bm.simulate_into(part, where={"group": "healthy"}, seed=2)
    np.testing.assert_array_equal(again.counts["total"] - again.counts["counts"].sum("isomir"),
        before(real, made)[-1])  # fmt: skip


def test_two_mirnas_change_in_every_class_and_the_abundant_never(real: xr.Dataset) -> None:
    made = bm.simulate_into(real, where={"group": "healthy"}, n_bins=20, max_cpm=20_000, seed=5)
    mirnas = made.truth.mirnas
    assert (mirnas["median_cpm"] >= 20_000).any()
    assert (mirnas.loc[mirnas["median_cpm"] >= 20_000, "bin"] == 0).all()
    assert not mirnas.loc[mirnas["bin"] == 0, "changed"].any()
    eligible = mirnas[mirnas["bin"] > 0]
    for _, members in eligible.groupby("bin"):
        assert sorted(members.loc[members["changed"], "direction"]) == [-1, 1]
    ordered = eligible.sort_values("median_cpm")["bin"].to_numpy()
    assert (np.diff(ordered) >= 0).all()
    sizes = eligible["bin"].value_counts()
    assert sizes.max() - sizes.min() <= 1
    assert len(sizes) == 20


def test_the_truth_of_a_mirna_is_the_mean_of_its_isomirs(real: xr.Dataset) -> None:
    made = bm.simulate_into(real, where={"group": "healthy"}, seed=3)
    effects, isomirs = made.truth.effects.set_index("mirna"), made.truth.isomir_effects
    np.testing.assert_allclose(
        isomirs.groupby("mirna")["value"].mean().loc[effects.index], effects["value"], atol=1e-12
    )
    np.testing.assert_allclose(
        isomirs["deviation"], isomirs["value"] - effects["value"].loc[isomirs["mirna"]].to_numpy(), atol=1e-12
    )
    nominal = made.truth.mirnas.set_index("mirna")["direction"].loc[effects.index] * np.log(2)
    np.testing.assert_allclose(effects["nominal"], nominal)
    assert set(effects["term"]) == {"group[T.B]"}
    spread = isomirs.groupby("mirna")["value"].std(ddof=0)
    np.testing.assert_allclose(spread.loc[effects.index], made.truth.mirnas["sd_slope"], atol=1e-12)
    # A fit names its rows as the truth does. Three samples a group: an SE of some 0.3.
    fit = bm.fit(made.retained, made.formula, reference=made.reference, progress=False)
    joined = fit.effects("group[T.B]").merge(made.truth.effects, on=["mirna", "term"])
    assert len(joined) == len(fit) == len(effects) - 1  # the background has one row, and is not fitted
    assert np.corrcoef(joined["estimate"], joined["value"])[0, 1] > 0.8


def test_multipliers_are_truncated_normal(chance) -> None:
    rng = np.random.default_rng(0)
    for effect, (low, high) in {1.5: (1, 2), 2.0: (1, 3), 4.0: (3, 5)}.items():
        values = Multipliers(effect, 1.0, None).draw(4000, rng)
        assert values.min() >= low
        assert values.max() <= high
        distribution = stats.truncnorm(low - effect, high - effect, loc=effect)
        assert stats.kstest(values, distribution.cdf).statistic < chance.distance(4000, 3)
    logs = np.log(Multipliers(2.0, 1.0, None).draw(20_000, rng))
    assert logs.mean() == pytest.approx(0.647, abs=chance.z() * logs.std() / np.sqrt(20_000) + 0.0005)
    assert (Multipliers(3.0, 0.0, None).draw(5, rng) == 3).all()


def test_equal_multipliers_make_no_difference_in_usage(real: xr.Dataset) -> None:
    made = bm.simulate_into(real, where={"group": "healthy"}, effect_sd=0, seed=3)
    assert not made.truth.mirnas["usage"].any()
    np.testing.assert_allclose(made.truth.effects["value"], made.truth.effects["nominal"], atol=1e-12)
    assert bm.simulate_into(real, where={"group": "healthy"}, seed=3).truth.mirnas["usage"].sum() == 40


@pytest.mark.parametrize(("direction", "up"), [("up", 40), ("down", 0), ("both", 20)])
def test_directions(real: xr.Dataset, direction: str, up: int) -> None:
    made = bm.simulate_into(real, where={"group": "healthy"}, direction=direction, seed=3)
    values = made.truth.effects["value"]
    assert ((values > 0).sum(), (values < 0).sum()) == (up, 40 - up)
    growth = made.counts["total"].values / real["total"].sel(sample=made.counts["sample"].values).values
    raised = [name for name in ("A", "B") if (growth[cells(made, name)] > 1).all()]
    assert raised == {"up": ["B"], "down": ["A"], "both": ["A", "B"]}[direction]


def test_group_sizes_and_the_split(real: xr.Dataset) -> None:
    made = bm.simulate_into(real, where={"group": "healthy"}, n_per_group=(2, 5), groups=("x", "y"), seed=1)
    assert list(pd.Series(made.counts["group"].values).value_counts().sort_index()) == [2, 5]
    assert set(made.counts["real_group"].values) == {"healthy"}
    assert (made.formula, made.reference) == ("~ group", {"group": "x"})
    halves = bm.simulate_into(real.isel(sample=range(9)), seed=1)
    assert halves.settings["n_per_group"] == [4, 5]
    assert list(halves.counts["sample"].values) == [
        f"s{i}" for i in range(9)
    ]  # the order of the samples stays
    partners = {
        frozenset(s.counts["sample"].values[cells(s, "A")])
        for s in (bm.simulate_into(real, where={"group": "healthy"}, seed=i) for i in range(4))
    }
    assert len(partners) == 4


def test_thinned_libraries_are_binomial(real: xr.Dataset, chance) -> None:
    whole = bm.simulate_into(real, where={"group": "healthy"}, seed=6, effect_sd=0, effect=1.0)
    made = bm.simulate_into(
        real, where={"group": "healthy"}, keep_reads={"B": 0.5}, seed=6, effect_sd=0, effect=1.0
    )
    a, b = cells(made, "A"), cells(made, "B")
    y, now = whole.counts["counts"].values, made.counts["counts"].values
    np.testing.assert_array_equal(now[:, a], y[:, a])
    n, kept = y[:, b].ravel().astype(float), now[:, b].ravel()
    seen = n > 20
    z = (kept - 0.5 * n)[seen] / np.sqrt(0.25 * n[seen])
    low, high = chance.ratio(z.size, 2)
    assert low < np.sqrt(np.mean(z**2)) < high
    assert abs(z.mean()) < chance.z(2) / np.sqrt(z.size)
    assert (kept <= n).all()
    np.testing.assert_array_equal(made.counts["total"], made.counts["counts"].sum("isomir"))


def test_the_filter_sees_the_counts_before_the_multiplication(real: xr.Dataset) -> None:
    made = bm.simulate_into(real, where={"group": "healthy"}, min_isomir_log_cpm=3.0, seed=2)
    original = real.sel(sample=made.counts["sample"].values)
    kept = bm.filter_counts(original, min_isomir_log_cpm=3.0)
    assert list(made.retained["isomir"].values) == list(kept["isomir"].values)
    assert list(made.truth.isomir_effects["isomir"]) == list(kept["isomir"].values)
    pd.testing.assert_frame_equal(dropped(made.retained), dropped(kept))
    assert made.counts.sizes["isomir"] == real.sizes["isomir"]


def test_a_seed_gives_the_same_data_and_another_seed_others(real: xr.Dataset) -> None:
    first, again, other = (bm.simulate_into(real, where={"group": "healthy"}, seed=s) for s in (7, 7, 8))
    assert first.counts.identical(again.counts)
    pd.testing.assert_frame_equal(first.truth.isomir_effects, again.truth.isomir_effects)
    assert not np.array_equal(first.counts["counts"].values, other.counts["counts"].values)
    # Steps have streams of their own: another effect leaves the split and the choice as they were.
    stronger = bm.simulate_into(real, where={"group": "healthy"}, effect=4.0, seed=7)
    pd.testing.assert_series_equal(stronger.truth.mirnas["direction"], first.truth.mirnas["direction"])
    assert list(stronger.counts["group"].values) == list(first.counts["group"].values)


@pytest.mark.own_seed
def test_frozen_data_of_a_seed() -> None:
    """Frozen with NumPy 2.5, so that another machine or version that draws otherwise is noticed."""
    values = np.arange(1, 401).reshape(40, 10) * 7
    fixed = make_counts(
        values,
        isomir=[f"i{k}" for k in range(40)],
        mirna=[f"m{k // 4}" for k in range(40)],
        sample=[f"s{k}" for k in range(10)],
    )
    made = bm.simulate_into(fixed, n_bins=4, keep_reads=0.75, max_cpm=np.inf, seed=11)
    digest = hashlib.sha256(np.ascontiguousarray(made.counts["counts"].values, dtype="<i8").tobytes())
    assert digest.hexdigest()[:16] == "4f4f21cd3c0688fa"
    assert "".join(made.counts["group"].values) == "AABBBAABBA"


def test_bins_are_those_of_ntile() -> None:
    bins = expression_bins(np.array([5.0, 1.0, 100.0, 3.0, 2.0, 4.0]), 2, 50.0)
    assert list(bins) == [2, 1, 0, 1, 1, 2]
    sign = choose_changed(bins, "both", np.random.default_rng(0))
    assert sorted(sign[bins == 1]) == [-1, 0, 1]
    assert list(sign[bins == 0]) == [0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"where": {"grp": "healthy"}}, "where names 'grp'.*Did you mean 'group'"),
        ({"where": {"group": "well"}}, "no sample has group='well'; the column has healthy, ill"),
        ({"n_per_group": 9}, "15 real sample.s. cannot make groups of 9 and 9"),
        ({"n_per_group": 0}, "n_per_group=0: give one whole number"),
        ({"n_per_group": (1, 2, 3)}, "give one whole number, or two"),
        ({"groups": ("A", "A")}, "give two different names"),
        ({"effect": 3.0}, "effect=3 has no bounds of its own"),
        ({"effect": -1.0}, "effect=-1.0: give a factor above 0"),
        ({"effect_sd": -1.0}, "effect_sd=-1.0"),
        ({"bounds": (3, 1)}, "the lower one first"),
        ({"bounds": (9, 10)}, "hold next to nothing of a normal"),
        ({"direction": "sideways"}, "direction='sideways': choose from 'both', 'up', 'down'"),
        ({"n_bins": 40}, "n_bins=40 needs two in each bin: give n_bins=29 or fewer"),
        ({"max_cpm": 1.0}, "needs two in each bin: raise max_cpm, or relax the filters"),
        ({"n_bins": 0}, "n_bins=0: give an integer"),
        ({"keep_reads": 1.5}, "keep_reads=1.5 .group A.: give a share above 0, up to 1"),
        ({"keep_reads": {"C": 0.5}}, "keep_reads names group 'C': the groups are A and B"),
        ({"seed": -1}, "seed=-1: give an integer of 0 or more"),
    ],
)
def test_errors_name_the_argument_and_the_remedy(
    real: xr.Dataset, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        bm.simulate_into(real, **options)
