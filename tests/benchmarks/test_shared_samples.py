"""The data sets and rival ways of the benchmark of shared samples, on inputs of the project's own making."""

import numpy as np
import pandas as pd
import pytest
from joint_covariance import joint_effects, with_known_effects
from ratiometric import consensus
from shared_samples_data import Prepared, Trial, make_trial

import bayes_mirglmm as bm
from bayes_mirglmm.cohort.cohort_effects import cohort_effects, learn_cohort
from bayes_mirglmm.cohort.responses import Responses

LABEL = np.repeat([0, 1], 6)


def prepared(_: np.random.Generator) -> Prepared:
    simulation = bm.simulate(12, ("A", "B"), n_mirnas=60, n_isomirs=4, changed=0.0, seed=5)
    counts = simulation.counts.isel(sample=slice(0, 12))
    group = np.where(LABEL == 1, "B", "A").astype(object)
    return Prepared(
        counts.assign_coords(group=("sample", group)), LABEL.astype(float), "~ group", "group[T.B]"
    )


def test_counts_are_multiplied_in_the_group_that_goes_up():
    trial = Trial("own", "", 1, prepared, changed=20)
    data, again, other = make_trial(trial, 3), make_trial(trial, 3), make_trial(trial, 4)
    before = prepared(np.random.default_rng(0)).counts
    np.testing.assert_array_equal(data.counts["counts"], again.counts["counts"])
    assert not np.array_equal(data.counts["counts"], other.counts["counts"])
    assert data.mirnas is not None
    assert data.isomirs is not None
    assert data.mirnas["changed"].sum() == 20
    assert (data.mirnas["value"] > 0).sum() == (data.mirnas["value"] < 0).sum() == 10
    ratio = data.counts["counts"].values / np.maximum(before["counts"].values, 1)
    many = before["counts"].values > 200
    value = data.isomirs["value"].to_numpy()
    for up, group in ((value > 0, 1), (value < 0, 0)):
        expected = np.exp(np.abs(value))[:, None] * np.ones(12)
        place = up[:, None] & many & (group == LABEL)
        np.testing.assert_allclose(ratio[place], expected[place], rtol=0.01)
        assert (ratio[up[:, None] & many & (group != LABEL)] == 1.0).all()
    added = data.counts["counts"].values.sum(axis=0) - before["counts"].values.sum(axis=0)
    np.testing.assert_array_equal(data.counts["total"].values - before["total"].values, added)


def test_a_null_changes_nothing():
    data = make_trial(Trial("own_null", "", 1, prepared, factors=None), 0)
    np.testing.assert_array_equal(
        data.counts["counts"], prepared(np.random.default_rng(0)).counts["counts"].values
    )
    assert data.mirnas is not None
    assert not data.mirnas["changed"].any()


def test_a_consensus_is_the_median_of_centred_estimates():
    nominal = pd.DataFrame({"mirna": list("abc"), "value": [1.0, 0.0, -1.0], "changed": [True, False, True]})
    tables = [
        pd.DataFrame({"mirna": list("abc"), "estimate": np.array([1.2, 0.0, -1.0]) + shift})
        for shift in (0.0, 0.7)
    ]
    found = consensus(tables, nominal)
    np.testing.assert_allclose(found["value"], [1.2, 0.0, -1.0])


@pytest.mark.parametrize("leave_out", [True, False])
def test_one_covariance_of_all_directions_finds_effects_that_a_shared_factor_hides(leave_out: bool):
    rng = np.random.default_rng(2)
    x = np.column_stack([np.ones(12), LABEL])
    factor = rng.normal(size=12)
    truth = np.where(np.arange(120) % 4 == 0, rng.choice([-1.0, 1.0], 120), 0.0)
    noise = rng.normal(size=(120, 1)) * factor + 0.2 * rng.normal(size=(120, 12))
    pooled = truth[:, None] * LABEL + noise
    responses = [
        Responses(
            y,
            np.stack([y + 0.1 * rng.normal(size=12) for _ in range(3)]),
            np.full(3, 1 / 3),
            np.full(3, 100.0),
        )
        for y in pooled
    ]
    cohort = learn_cohort(responses, x)
    weights = np.array([0.0, 1.0])
    found, careful = joint_effects(cohort, weights, leave_out=leave_out), cohort_effects(cohort, weights)
    least_squares = pooled[:, 6:].mean(axis=1) - pooled[:, :6].mean(axis=1)
    plain = np.mean((least_squares - truth) ** 2)
    assert np.mean((found.estimate - truth) ** 2) < 0.5 * plain
    assert np.mean((careful.mean - truth) ** 2) < 0.5 * plain
    inside = np.abs(found.estimate - truth) < 2.2 * found.std_error
    assert inside.mean() > 0.85


def test_known_effects_shape_nothing_that_is_learned():
    """An effect that is known moves the estimate of its miRNA by itself, and no other one."""
    rng = np.random.default_rng(12)
    x, factor = np.column_stack([np.ones(12), LABEL]), rng.normal(size=12)
    pooled = rng.normal(size=(60, 1)) * factor + 0.3 * rng.normal(size=(60, 12))
    alike, one = np.full(3, 1 / 3), np.full(3, 100.0)
    isomirs = pooled[:, None] + 0.1 * rng.normal(size=(60, 3, 12))
    known = np.zeros(60)
    found = []
    for effect in (0.0, 2.5):
        known[7] = effect
        moved = known[:, None] * LABEL
        responses = [
            Responses(y, own, alike, one)
            for y, own in zip(pooled + moved, isomirs + moved[:, None], strict=True)
        ]
        found.append(with_known_effects(learn_cohort(responses, x), np.array([0.0, 1.0]), known))
    difference = found[1].estimate - found[0].estimate
    assert difference[7] == pytest.approx(2.5, abs=0.05)
    np.testing.assert_allclose(np.delete(difference, 7), 0.0, atol=0.05)
    plain = pooled[:, 6:].mean(axis=1) - pooled[:, :6].mean(axis=1)
    assert np.mean(found[0].estimate ** 2) < 0.5 * np.mean(plain**2)
