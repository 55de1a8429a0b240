"""Random terms and a covariance of samples in simulated data: effects, truth, refusals."""

import numpy as np
import pandas as pd
import pytest

import bayes_mirglmm as bm
from bayes_mirglmm.errors import InputError

FORMULA = "~ group + (time | patient) + (1 | patient:lab)"


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "group": ["a", "b"] * 6,
            "patient": np.repeat(["p1", "p2", "p3"], 4),
            "lab": ["l1", "l1", "l2", "l2"] * 3,
            "time": rng.uniform(10, 50, 12),
        },
        index=[f"s{i}" for i in range(12)],
    )


@pytest.fixture(scope="module")
def simulation(table):
    sds = {"patient": 0.6, "patient: time": 0.2, "patient:lab": 0.3}
    return bm.simulate(samples=table, formula=FORMULA, n_mirnas=400, n_isomirs=3, sd_term=sds, seed=5)


def test_truth_is_in_the_users_units(simulation, table):
    components = simulation.truth.variance_components
    time = table["time"]
    slope = components.query("group == 'patient' and term == 'time'")
    np.testing.assert_allclose(slope["sd"], 0.2 / time.std(), rtol=1e-10)
    # The intercept is that of time 0, far from the samples: its effects contain those of the slope.
    at_zero = np.hypot(0.6, 0.2 * time.mean() / time.std())
    first = components.query("group == 'patient' and term == 'Intercept'")
    np.testing.assert_allclose(first["sd"], at_zero, rtol=1e-10)
    np.testing.assert_allclose(slope["correlation"], -0.2 * time.mean() / time.std() / at_zero, rtol=1e-10)
    assert slope["term2"].eq("Intercept").all()
    np.testing.assert_allclose(components.query("group == 'patient:lab'")["sd"], 0.3, rtol=1e-12)


def test_effects_have_their_sds_and_are_in_the_counts(simulation, table, chance):
    effects = simulation.truth.random_effects
    assert list(effects.columns) == ["mirna", "group", "level", "term", "value"]
    assert len(effects) == 400 * (3 * 2 + 6)
    labs = effects.query("group == 'patient:lab'")["value"]
    error = 0.3 / np.sqrt(2 * len(labs))
    assert labs.std() == pytest.approx(0.3, abs=chance.z(2) * error)

    # Means of the counts are the model's: what is seen less what the truth says has mean 1 times the mean.
    wide = effects.pivot_table(index="mirna", columns=["group", "level", "term"], values="value", sort=False)
    order = [f"sim-miR-{i + 1}" for i in range(400)]
    shared = np.zeros((400, 12))
    for i, row in enumerate(table.itertuples()):
        for name, factor in (("Intercept", 1.0), ("time", row.time)):
            shared[:, i] += factor * wide.loc[order, ("patient", row.patient, name)].to_numpy()
        shared[:, i] += wide.loc[order, ("patient:lab", f"{row.patient}:{row.lab}", "Intercept")].to_numpy()
    u = simulation.truth.sample_effects["value"].to_numpy().reshape(400, 12)
    beta = simulation.truth.effects.pivot_table(index="mirna", columns="term", values="value").loc[order]
    isomirs = simulation.truth.isomir_effects.pivot_table(
        index=["mirna", "isomir"], columns="term", values="deviation", sort=False
    )
    counts = simulation.counts.isel(isomir=slice(None, -1))
    b = isomirs.droplevel("mirna").loc[counts["isomir"].values]
    owner = np.array([int(name.split("-")[-1]) - 1 for name in counts["mirna"].values])
    group = (table["group"] == "b").to_numpy(float)
    log_mu = np.log(counts["total"].values / 1e6) + shared[owner] + u[owner]
    log_mu = log_mu + beta["Intercept"].to_numpy()[owner, None] + b["Intercept"].to_numpy()[:, None]
    log_mu = (
        log_mu + (beta["group[T.b]"].to_numpy()[owner, None] + b["group[T.b]"].to_numpy()[:, None]) * group
    )
    mu = np.exp(log_mu)
    theta = simulation.truth.mirnas["theta"].to_numpy()[owner, None]
    pearson = (counts["counts"].values - mu) / np.sqrt(mu + mu**2 / theta)
    assert abs(pearson.mean()) < chance.z(2) / np.sqrt(pearson.size)
    assert pearson.std() == pytest.approx(1.0, abs=0.1)


def test_terms_leave_the_other_draws_as_they_were(simulation, table):
    other = bm.simulate(samples=table, formula=FORMULA, n_mirnas=400, n_isomirs=3, sd_term=0.0, seed=5)
    plain = bm.simulate(samples=table, formula="~ group", n_mirnas=400, n_isomirs=3, seed=5)
    assert other.truth.random_effects["value"].eq(0).all()
    np.testing.assert_array_equal(other.counts["counts"].values, plain.counts["counts"].values)
    assert plain.truth.random_effects.empty
    assert list(plain.truth.random_effects.columns) == ["mirna", "group", "level", "term", "value"]
    pd.testing.assert_frame_equal(plain.truth.sample_effects, simulation.truth.sample_effects)
    drawn = bm.simulate(samples=table, formula=FORMULA, n_mirnas=400, n_isomirs=3, seed=5)
    sds = drawn.truth.variance_components.query("group == 'patient:lab'")["sd"]
    assert 0.35 < sds.median() < 0.45
    assert sds.nunique() == 400


def test_a_fit_finds_the_sd_between_patients(chance):
    table = pd.DataFrame(
        {"group": ["a", "b"] * 12, "patient": np.repeat([f"p{i}" for i in range(12)], 2)},
        index=[f"s{i}" for i in range(24)],
    )
    simulation = bm.simulate(
        samples=table, formula="~ group + (1 | patient)", n_mirnas=12, n_isomirs=4, beta={"Intercept": 4.0},
        sd_term=0.8, sd_sample=0.2, theta=20.0, seed=2,
    )  # fmt: skip
    counts = simulation.counts.isel(isomir=slice(None, -1))
    fit = bm.fit(counts, "~ group + (1 | patient)", criterion="reml", progress=False)
    found = fit.variance_components().query("group == 'patient'")["sd"]
    # The mean of 12 SDs, each with a relative error of 1 / sqrt(2 x 11).
    assert found.mean() == pytest.approx(0.8, abs=chance.z() * 0.8 / np.sqrt(2 * 11 * 12))


def test_samples_have_the_covariance(table, chance):
    root = np.random.default_rng(1).normal(size=(12, 14))
    covariance = root @ root.T / 14
    frame = pd.DataFrame(covariance, table.index, table.index)
    simulation = bm.simulate(
        samples=table, n_mirnas=2000, n_isomirs=1, sd_sample=0.5, sample_covariance=frame.iloc[::-1, ::-1]
    )
    u = simulation.truth.sample_effects["value"].to_numpy().reshape(2000, 12)
    expected = 0.25 * covariance
    scale = np.sqrt(np.outer(np.diag(expected), np.diag(expected)) + expected**2)
    assert (np.abs(u.T @ u / 2000 - expected) < chance.z(78) * scale / np.sqrt(2000)).all()


@pytest.mark.parametrize(
    ("formula", "sd_term", "message"),
    [
        ("~ group", 0.5, "the formula has no random term"),
        (FORMULA, {"patients": 0.5}, r"names 'patients'.*Did you mean 'patient'"),
        (FORMULA, {"patient": -0.5}, r"sd_term\['patient: Intercept'\]: -0.5 is not"),
        (FORMULA, [0.1, 0.2], "give a number, or a sequence of 5 numbers"),
    ],
)
def test_wrong_sds_are_refused(table, formula, sd_term, message):
    with pytest.raises(InputError, match=message):
        bm.simulate(samples=table, formula=formula, n_mirnas=5, sd_term=sd_term)
