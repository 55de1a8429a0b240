"""Simulated data: the truth that is reported is the one that the counts come from, and the moments are right."""

import hashlib
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bayes_mirglmm.counts.container import validate_counts
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.model import load_model
from bayes_mirglmm.simulation.from_model import Simulation, simulate
from bayes_mirglmm.simulation.sequences import MAX_ISOMIRS, make_isomirs


def expected_counts(simulation: Simulation) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return counts, means and theta (isomir, sample) from the truth tables, the sample table and the totals."""
    truth, counts = simulation.truth, simulation.counts.isel(isomir=slice(None, -1))
    design = simulation.design
    beta = truth.effects.pivot(index="mirna", columns="term", values="value")[list(design.terms)]
    u = truth.sample_effects.pivot(index="mirna", columns="sample", values="value")[list(design.samples)]
    mirna = counts["mirna"].values
    log_mu = beta.loc[mirna].to_numpy() @ design.x.T + u.loc[mirna].to_numpy()
    b = truth.isomir_effects.pivot(index="isomir", columns="term", values="deviation").loc[
        counts["isomir"].values
    ]
    z = pd.DataFrame(design.z, columns=list(design.slope_terms))
    log_mu += b.to_numpy() @ z[list(b.columns)].to_numpy().T
    log_mu += np.log(counts["total"].values / 1e6)
    theta = truth.mirnas.set_index("mirna")["theta"].loc[mirna].to_numpy()
    return counts["counts"].values, np.exp(log_mu), np.broadcast_to(theta[:, None], log_mu.shape)


def pearson(simulation: Simulation, least: float = 0.0) -> np.ndarray:
    """Return residuals with mean 0 and variance 1 under the truth, of cells with a mean of at least ``least``."""
    y, mu, theta = expected_counts(simulation)
    return ((y - mu) / np.sqrt(mu + mu**2 / theta))[mu >= least]


def test_the_container_is_valid_and_its_totals_are_library_sizes() -> None:
    simulation = simulate(
        3, ("ctrl", "case"), n_mirnas=20, library_size=[1e6, 2e6, 3e6, 4e6, 5e6, 6e6], seed=2
    )
    counts = validate_counts(simulation.counts)
    np.testing.assert_array_equal(counts["total"], [1e6, 2e6, 3e6, 4e6, 5e6, 6e6])
    np.testing.assert_array_equal(counts["counts"].sum("isomir"), counts["total"])
    assert list(counts["sample"].values) == ["ctrl_1", "ctrl_2", "ctrl_3", "case_1", "case_2", "case_3"]
    assert list(counts["group"].values) == ["ctrl"] * 3 + ["case"] * 3
    assert simulation.design.terms == ("Intercept", "group[T.case]")  # the first group is the reference
    assert counts["mirna"].values[-1] == "background"
    names = list(dict.fromkeys(counts["mirna"].values))
    assert names[:-1] == [f"sim-miR-{m}" for m in range(1, 21)]
    assert list(simulation.truth.mirnas["mirna"]) == names[:-1]
    sizes = pd.Series(counts["mirna"].values[:-1]).value_counts()
    assert dict(simulation.truth.mirnas.set_index("mirna")["n_isomirs"]) == dict(sizes)


def test_a_seed_gives_the_same_data_and_another_seed_others() -> None:
    first, again, other = (simulate(3, n_mirnas=10, seed=seed).counts for seed in (5, 5, 6))
    assert first.identical(again)
    assert not np.array_equal(first["counts"].values[:20], other["counts"].values[:20])


@pytest.mark.own_seed
def test_frozen_data_of_a_seed() -> None:
    first = simulate(3, n_mirnas=10, seed=5).counts
    # Frozen with NumPy 2.5: the streams of NumPy's generators seldom change, and then in a major release.
    digest = hashlib.sha256(np.ascontiguousarray(first["counts"].values, dtype="<i8").tobytes()).hexdigest()
    assert digest[:16] == "baea76f6754630b6"
    assert first["sequence"].values[0] == "GATGATTCACCCGAAAAACCGC"


def test_giving_one_parameter_leaves_the_others_as_they_were() -> None:
    free, fixed = simulate(3, n_mirnas=15), simulate(3, n_mirnas=15, theta=5.0, sd_sample=0.2, usage=1.0)
    pd.testing.assert_frame_equal(free.truth.effects, fixed.truth.effects)
    assert (fixed.truth.mirnas["theta"] == 5).all()
    assert fixed.truth.mirnas["usage"].all()
    intercepts = [s.truth.isomir_effects.query("term == 'Intercept'") for s in (free, fixed)]
    # The same effects; slopes of more miRNAs can put isomiRs into another order.
    before, after = (table.groupby("mirna")["deviation"].apply(sorted) for table in intercepts)
    assert before.to_dict() == after.to_dict()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"theta": 2.0, "sd_sample": 0.0},
        {"model": "poisson"},
        {"model": "reduced"},
        {"n_per_group": 7, "groups": ("a", "b", "c"), "changed": 1.0, "correlation": -0.9},
    ],
    ids=lambda options: ",".join(options) or "defaults",
)
def test_counts_have_the_mean_and_dispersion_of_the_truth(options: dict[str, Any], chance) -> None:
    simulation = simulate(**{"n_mirnas": 150, "seed": 11} | options)
    residuals = pearson(simulation)
    # About 50,000 cells. Squares have heavy tails where means are small or theta is, so those of the larger cells;
    # their error is estimated too, hence the factor.
    assert abs(residuals.mean()) < chance.z(2) / np.sqrt(residuals.size)
    squares = pearson(simulation, least=5.0) ** 2
    assert squares.mean() == pytest.approx(
        1.0, abs=1.25 * chance.z(2) * squares.std() / np.sqrt(squares.size)
    )
    assert squares.std() / np.sqrt(squares.size) < 0.03


def test_theta_and_poisson(chance) -> None:
    simulation = simulate(20, n_mirnas=40, n_isomirs=20, theta=3.0, seed=3)
    y, mu, theta = expected_counts(simulation)
    large = mu > 50
    # E (y - mu)^2 - mu = mu^2 / theta
    excess = (((y - mu) ** 2 - mu) / mu**2)[large]
    assert excess.mean() == pytest.approx(1 / 3, abs=chance.z(2) * excess.std() / np.sqrt(excess.size))
    assert (theta == 3).all()
    poisson = simulate(20, n_mirnas=40, n_isomirs=20, theta=np.inf, seed=3)
    y, mu, _ = expected_counts(poisson)
    ratio = ((y - mu) ** 2 / mu)[mu > 5]
    assert ratio.mean() == pytest.approx(1.0, abs=chance.z(2) * ratio.std() / np.sqrt(ratio.size))
    assert np.isinf(poisson.truth.mirnas["theta"]).all()


def test_isomir_and_sample_effects_have_their_sds_and_correlation(chance) -> None:
    simulation = simulate(
        20,
        ("a", "b", "c"),
        n_mirnas=60,
        n_isomirs=100,
        usage=1.0,
        sd_isomir_intercept=2.0,
        sd_isomir_slope=0.5,
        correlation=0.6,
        sd_sample=0.3,
        seed=8,
    )
    truth = simulation.truth
    b = truth.isomir_effects.pivot(index="isomir", columns="term", values="deviation")
    b = b[list(simulation.design.slope_terms)].to_numpy()
    # 6,000 isomiRs: an SD has a relative SE of 0.9 %, a correlation of 0.6 an SE of 0.008.
    sds, z = np.array([2.0, 0.5, 0.5]), chance.z(10)
    np.testing.assert_allclose(b.std(axis=0), sds, rtol=0.0091 * z)
    assert (np.abs(b.mean(axis=0)) < z * sds / np.sqrt(6000)).all()
    correlation = np.corrcoef(b.T)
    np.testing.assert_allclose(correlation[0, 1:], 0.6, atol=0.0083 * z)
    assert correlation[1, 2] == pytest.approx(0.36, abs=0.0113 * z)  # independent given the intercept
    assert truth.sample_effects["value"].std() == pytest.approx(0.3, rel=z / np.sqrt(2 * 3600))

    components = truth.variance_components[truth.variance_components["mirna"] == "sim-miR-1"]
    assert list(components["group"]) == ["isomir"] * 4 + ["sample", "dispersion"]
    assert list(components["term"])[:3] == ["Intercept", "group[T.b]", "group[T.c]"]
    np.testing.assert_allclose(components["sd"].iloc[[0, 1, 2, 4]], [2.0, 0.5, 0.5, 0.3], rtol=1e-12)
    np.testing.assert_allclose(components["correlation"].iloc[1:4], [0.6, 0.6, 0.36], rtol=1e-12)
    theta = truth.mirnas["theta"].iloc[0]
    assert components["variance"].iloc[5] == pytest.approx(1 / theta)


def test_shares_and_given_coefficients() -> None:
    simulation = simulate(4, n_mirnas=50, changed=0.3, usage=0.1, log_fc_sd=2.0)
    mirnas = simulation.truth.mirnas
    assert (mirnas["changed"].sum(), mirnas["usage"].sum()) == (15, 5)
    effects = simulation.truth.effects.pivot(index="mirna", columns="term", values="value").loc[
        mirnas["mirna"]
    ]
    np.testing.assert_array_equal(effects["group[T.B]"] != 0, mirnas["changed"])
    slopes = simulation.truth.isomir_effects.query("term == 'group[T.B]'")
    moving = slopes.groupby("mirna")["deviation"].apply(lambda d: (d != 0).any()).loc[mirnas["mirna"]]
    np.testing.assert_array_equal(moving, mirnas["usage"])

    wanted = np.linspace(-1, 1, 50)
    given = simulate(
        4, n_mirnas=50, beta={"group[T.B]": wanted, "Intercept": 1.0}, sd_isomir_slope=[0, 0.4] * 25
    )
    effects = given.truth.effects.pivot(index="mirna", columns="term", values="value")
    np.testing.assert_allclose(effects.loc[mirnas["mirna"], "group[T.B]"], wanted, rtol=1e-12)
    np.testing.assert_array_equal(effects["Intercept"], 1.0)
    np.testing.assert_array_equal(given.truth.mirnas["usage"], [False, True] * 25)
    value = given.truth.isomir_effects.query("term == 'Intercept'")
    np.testing.assert_allclose(value["value"] - value["deviation"], 1.0, rtol=1e-12)


def test_any_design_in_the_users_units() -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "age": np.linspace(20, 80, 16),
            "batch": ["u", "v"] * 8,
            "score": rng.normal(100, 5, 16),
            "sex": ["f"] * 8 + ["m"] * 8,
        },
        index=[f"q{i}" for i in range(16)],
    )
    simulation = simulate(
        samples=table,
        formula="~ age + batch * sex",
        nuisance="score",
        n_mirnas=100,
        beta={"age": 0.02},
        sd_isomir_slope=0.3,
        usage=1.0,
        sd_isomir_nuisance=0.2,
        seed=9,
    )
    effects = simulation.truth.effects
    np.testing.assert_allclose(effects[effects["term"] == "age"]["value"], 0.02, rtol=1e-12)
    others = effects[effects["term"].str.contains("batch|sex")]["value"]
    assert others.std() == pytest.approx(0.3, rel=0.2)
    components = simulation.truth.variance_components.query("group == 'isomir'")
    # SDs are given per SD of a column; the truth is per year and per point.
    per_year = 0.3 / table["age"].std()
    np.testing.assert_allclose(components.query("term == 'age'")["sd"], per_year, rtol=1e-10)
    np.testing.assert_allclose(
        components.query("term == 'score'")["sd"], 0.2 / table["score"].std(), rtol=1e-10
    )
    assert components.query("term == 'score'")["term2"].eq("").all()
    assert abs(pearson(simulation).mean()) < 0.03
    assert list(simulation.counts["sex"].values) == list(table["sex"])
    assert simulation.model == load_model("mirglmm")


def test_sequences_are_distinct_variants_of_a_canonical_one() -> None:
    simulation = simulate(2, n_mirnas=30, n_isomirs=40)
    counts = simulation.counts.isel(isomir=slice(None, -1))
    sequences = list(counts["sequence"].values)
    assert len(set(sequences)) == len(sequences)
    assert set("".join(sequences)) == set("ACGT")
    for _, group in counts.groupby("mirna"):
        canonical = str(group["sequence"].values[0])
        assert group["variant"].values[0] == "NA"
        assert len(canonical) == 22
        by_variant = dict(zip(group["variant"].values, group["sequence"].values, strict=True))
        assert by_variant["iso_3p:-2"] == canonical[:-2]
        assert by_variant["iso_5p:+1"] == canonical[1:]
        assert by_variant["iso_5p:-1"][1:] == canonical
    levels = (
        simulation.truth.isomir_effects.query("term == 'Intercept'").groupby("mirna")["deviation"].first()
    )
    everywhere = (
        simulation.truth.isomir_effects.query("term == 'Intercept'").groupby("mirna")["deviation"].max()
    )
    # Sorted by the level in an average sample, so nearly always by the intercept.
    assert (levels >= everywhere - 1.0).all()
    many, variants = make_isomirs(np.array([MAX_ISOMIRS, 5]), np.random.default_rng(0))
    assert len(set(many)) == MAX_ISOMIRS + 5
    assert variants[MAX_ISOMIRS] == "NA"
    snv = next(i for i, variant in enumerate(variants) if variant == "iso_snv_seed")
    assert sum(a != b for a, b in zip(many[snv], many[0], strict=True)) == 1


def test_crowded_libraries_lower_drawn_intercepts_and_refuse_given_ones() -> None:
    crowded = simulate(3, n_mirnas=1500, n_isomirs=20)
    background = crowded.counts["counts"].values[-1] / crowded.counts["total"].values
    assert (background > 0.49).all()
    intercepts = crowded.truth.effects.query("term == 'Intercept'")["value"]
    assert intercepts.mean() < 1.9  # drawn around 2
    assert abs(pearson(crowded).mean()) < 0.02
    with pytest.raises(
        InputError, match=r"would take up .* times the reads of a library: lower beta\['Intercept'\]"
    ):
        simulate(3, n_mirnas=20, beta={"Intercept": 12.0})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"beta": {"group": 1.0}}, r"beta names 'group'.*Did you mean 'group\[T.B\]'"),
        ({"beta": 1.0}, "give a mapping of terms"),
        ({"beta": {"group[T.B]": np.nan}}, r"beta\['group\[T.B\]'\]: nan is not a finite number"),
        ({"theta": 0}, "theta: 0 is not a number above 0"),
        ({"theta": [1.0, 2.0]}, "give a number, or a sequence of 5 numbers"),
        ({"theta": "big"}, "theta='big': give a number"),
        ({"sd_sample": [1, 1, -1, 1, 1]}, r"sd_sample: -1 \(position 2\) is not a finite number from 0"),
        ({"correlation": 1.5}, "correlation: 1.5 is not a finite number from -1 up to 1"),
        ({"changed": 1.5}, "changed: 1.5 is not"),
        ({"usage": "half"}, "usage='half': give a number"),
        ({"log_fc_sd": -1}, "log_fc_sd: -1 is not"),
        ({"n_isomirs": 2.5}, "n_isomirs: 2.5 is not a whole number"),
        ({"n_isomirs": 4000}, "n_isomirs: 4000 is not a finite number from 1 up to 3000"),
        ({"n_mirnas": 0}, "n_mirnas=0: give an integer, 1 or more"),
        ({"seed": -1}, "seed=-1: give an integer"),
        ({"n_per_group": (2, 3, 4)}, "has 3 numbers for 2 groups"),
        ({"n_per_group": 0}, "n_per_group=0: give an integer"),
        ({"groups": ("A", "A")}, "distinct names"),
        ({"library_size": 0}, "library_size: 0 is not"),
        ({"formula": "~ dose"}, "'dose'"),
        ({"model": "reduced", "sd_isomir_slope": 0.3}, "has no isomiR slope: leave it out"),
        ({"model": "poisson", "theta": 3.0}, "has no theta: leave it out"),
        ({"sd_isomir_nuisance": 0.3}, "has no nuisance variable"),
        ({"model": "mirglm"}, "unknown name 'mirglm'"),
    ],
)
def test_wrong_arguments_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        simulate(**{"n_mirnas": 5} | options)


def test_one_isomir_and_one_sample_are_possible() -> None:
    simulation = simulate((1, 3), n_mirnas=3, n_isomirs=[1, 2, 3])
    assert list(simulation.truth.mirnas["n_isomirs"]) == [1, 2, 3]
    assert simulate(4, ("all",), formula="~ 1", n_mirnas=2).truth.mirnas["changed"].sum() == 0
