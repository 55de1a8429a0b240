"""Draws of one miRNA: against the nested posterior, the two ways to nutpie, attempts, evidence."""

import numpy as np
import pytest
from scipy import special

import bayes_mirglmm as bm
from bayes_mirglmm.nested import nested_posterior
from bayes_mirglmm.nuts import Settings, backend, log_evidence, quantities, sample, sampling
from bayes_mirglmm.nuts.diagnostics import Diagnostics, _noise, diagnose

SHORT = Settings(draws=1000, tune=400, chains=4)


@pytest.fixture(scope="module")
def prepared(prepared_by):
    return prepared_by("~ group")


@pytest.fixture(scope="module")
def sampled(prepared):
    return sample(prepared, SHORT, seed=5)


@pytest.fixture(scope="module")
def nested(small_counts, prepared):
    arrays = prepared.arrays
    return nested_posterior(
        small_counts["counts"].values,
        arrays["offset"],
        arrays["x"],
        arrays["z"],
        blocks=(0, 0),
        spec=bm.load_model("mirglmm"),
        rng=np.random.default_rng(0),
    )


def test_diagnostics_are_clean(sampled):
    # The limits of the program (r-hat 1.01, no divergence) are crossed by chance now and then.
    assert sampled.diagnostics.r_hat < 1.02
    assert sampled.diagnostics.divergences <= 4
    assert sampled.diagnostics.ess_bulk > 400
    assert sampled.points.shape == (4, 1000, sampled.prepared.layout.size)
    assert sampled.stats["energy"].shape == (4, 1000)


def weighted_quantile(draws, weights, q):
    order = np.argsort(draws, axis=0)
    below = np.cumsum(weights[order], axis=0) < q
    return np.take_along_axis(draws, np.take_along_axis(order, below.sum(axis=0)[None], axis=0), axis=0)[0]


@pytest.mark.parametrize("quantity", ["beta", "sigma_sample", "log_theta", "sd", "b", "u"])
def test_posterior_is_that_of_nested_laplace(sampled, nested, quantity, chance):
    def of(draws):
        if quantity == "sd":
            return np.sqrt(np.einsum("...kk->...k", draws.omega))
        return getattr(draws, quantity)

    ours = of(sampled.draws).reshape(4, 1000, -1)
    theirs = of(nested).reshape(len(nested.beta), -1)
    # Quartiles, because five isomiRs give the intercept heavy tails, whose SD varies by 3 % from seed to seed.
    limit = chance.z(3 * 6 * ours.shape[-1])
    for q in (0.25, 0.5, 0.75):
        expected = weighted_quantile(theirs, nested.weights, q)
        for draws, value in zip(np.moveaxis(ours, -1, 0), expected, strict=True):
            assert abs(np.quantile(draws, q) - value) < limit * chance.quantile_error(draws, q)


def test_evidence_is_that_of_nested_laplace(sampled, nested):
    found = log_evidence(sampled.prepared, sampled.points, seed=2)
    assert found.error < 0.1
    error = np.hypot(found.error, nested.sample.log_evidence_error)
    assert found.log_evidence == pytest.approx(nested.sample.log_evidence, abs=6 * error)


def test_seed_fixes_the_draws_for_any_number_of_cores(prepared):
    short = Settings(draws=20, tune=30, chains=2)
    one, two = (sampling._attempt(prepared, s, 1, 3, thin=1, number=1) for s in (short, short))
    np.testing.assert_array_equal(one.points, two.points)
    wide = Settings(draws=20, tune=30, chains=2, cores=2)
    np.testing.assert_array_equal(
        one.points, sampling._attempt(prepared, wide, 1, 3, thin=1, number=1).points
    )
    other = sampling._attempt(prepared, short, 1, 4, thin=1, number=1)
    assert not np.array_equal(one.points, other.points)


def test_the_documented_way_to_nutpie_gives_the_same_draws(prepared, monkeypatch):
    short = Settings(draws=30, tune=40, chains=2)
    direct = sampling._attempt(prepared, short, 1, 3, thin=1, number=1)
    used = []

    def refuse(*args):
        used.append(1)
        raise TypeError("a later nutpie takes other arguments")

    monkeypatch.setattr(backend, "_in_c", refuse)
    through_python = sampling._attempt(prepared, short, 1, 3, thin=1, number=1)
    assert used
    np.testing.assert_allclose(through_python.points, direct.points, rtol=1e-9)


def complaining(divergences):
    return Diagnostics(1.001, "beta[0]", 900.0, 900.0, divergences, 0, 7.0)


def test_a_second_attempt_is_more_careful(prepared, monkeypatch):
    calls = []
    original = sampling._attempt

    def attempt(prepared, settings, factor, seed, *, thin, number):
        calls.append((settings, factor, thin, number, prepared.arrays["pseudo_root"][:, 1, 1].min()))
        found = original(prepared, Settings(draws=10, tune=20, chains=2), 1, seed, thin=1, number=number)
        return sampling.replace(found, diagnostics=complaining(3 if number == 1 else 1))

    monkeypatch.setattr(sampling, "_attempt", attempt)
    found = sample(prepared, SHORT, seed=1)
    (first, *_), (second, factor, thin, number, root) = calls
    assert (first.target_accept, second.target_accept) == (0.9, 0.99)
    assert second.tune == 4 * first.tune
    assert (factor, thin, number) == (2, 2, 2)
    assert root == pytest.approx(1e-3**-0.5)  # slopes under their prior alone
    assert found.attempts == 2
    assert found.diagnostics.divergences == 1
    assert found.diagnostics.complaints() == ["1 divergence"]


def attempts_of(monkeypatch, settings, prepared, diagnostics):
    """What each attempt is asked for where the first one ends with ``diagnostics`` and the second is sound."""
    calls = []
    original = sampling._attempt

    def attempt(prepared, settings, factor, seed, *, thin, number):
        calls.append((settings, factor, thin))
        found = original(prepared, Settings(draws=10, tune=20, chains=2), 1, seed, thin=1, number=number)
        return sampling.replace(found, diagnostics=diagnostics if number == 1 else complaining(0))

    monkeypatch.setattr(sampling, "_attempt", attempt)
    sample(prepared, settings, seed=1)
    return calls


NOISY = Diagnostics(1.012, "beta[0]", 900.0, 900.0, 0, 0, 7.0, noise=1.014)


def test_chains_that_agree_as_far_as_they_tell_are_only_sampled_longer(prepared, monkeypatch):
    (_, *first), (settings, factor, thin) = attempts_of(monkeypatch, Settings(), prepared, NOISY)
    assert first == [1, 1]
    assert (settings, factor, thin) == (Settings(), 3, 3)


def test_chains_that_differ_by_more_than_chance_are_sampled_with_care(prepared, monkeypatch):
    _, (settings, factor, _) = attempts_of(monkeypatch, Settings(), prepared, NOISY._replace(r_hat=1.02))
    assert (settings.target_accept, settings.tune, factor) == (0.99, 1000, 2)


@pytest.mark.parametrize("found", [NOISY, NOISY._replace(r_hat=1.001, ess_bulk=90.0)])
def test_who_asks_for_fewer_draws_does_not_wait_for_more(prepared, monkeypatch, found):
    assert len(attempts_of(monkeypatch, Settings(draws=100), prepared, found)) == 1


def test_noise_of_r_hat_follows_from_the_effective_draws_within_chains():
    draws = np.random.default_rng(1).standard_normal((4, 100))
    quantile = special.chdtri(7, 0.01 / 140)  # of eight halves, for the larger of two r-hats of 70 quantities
    lowest, highest = (np.sqrt(1 + 8 / size * quantile / 7) for size in (800, 200))
    assert lowest < _noise(draws, 70) < highest  # 400 draws, whose effective number is known to a factor of 2
    apart = draws + np.array([[9.0], [0.0], [0.0], [0.0]])
    assert _noise(apart, 70) < highest  # chains that differ are worth no fewer draws within
    slow = np.repeat(draws[:, :20], 5, axis=1)
    assert _noise(slow, 70) > np.sqrt(1 + 8 / 160 * quantile / 7)


def test_the_better_attempt_is_kept(prepared, monkeypatch):
    original = sampling._attempt

    def attempt(prepared, settings, factor, seed, *, thin, number):
        found = original(prepared, Settings(draws=10, tune=20, chains=2), 1, seed, thin=1, number=number)
        worse = complaining(9)._replace(r_hat=1.2)
        return sampling.replace(found, diagnostics=complaining(1) if number == 1 else worse)

    monkeypatch.setattr(sampling, "_attempt", attempt)
    assert sample(prepared, SHORT, seed=1).diagnostics.divergences == 1


def test_non_centred_form_has_the_same_posterior(prepared, sampled, chance):
    other = sampling._attempt(prepared.non_centred(), SHORT, 1, 9, thin=1, number=1)
    for name in ("beta", "sigma_sample"):
        ours, theirs = getattr(sampled.draws, name), getattr(other.draws, name)
        ours, theirs = (x.reshape(*x.shape[:2], -1) for x in (ours, theirs))
        for k in range(ours.shape[-1]):
            error = np.hypot(*(chance.quantile_error(x[..., k], 0.5, 0.0) for x in (ours, theirs)))
            difference = np.median(ours[..., k]) - np.median(theirs[..., k])
            assert abs(difference) < chance.z(4) * error


def test_diagnostics_name_the_worst(sampled):
    draws = sampled.draws
    shifted = draws.u.copy()
    shifted[0, :, 2] += 3.0
    bad = diagnose(sampling.replace(draws, u=shifted), divergences=2, saturated=1, steps=7.0)
    assert bad.worst == "u[2]"
    assert bad.r_hat > 1.5
    assert bad.complaints()[0] == "2 divergences"
    assert "of u[2] (limit 1.01)" in bad.complaints()[1]
    stuck = np.repeat(draws.beta[:, :20], 50, axis=1)
    slow = diagnose(sampling.replace(draws, beta=stuck), divergences=0, saturated=0, steps=7.0)
    assert any("bulk ESS" in complaint for complaint in slow.complaints())


def test_quantities_of_many_points_are_those_of_each(prepared, sampled):
    points = sampled.points[:2, :3]
    together = quantities(prepared, points, np.random.default_rng(1))
    alone = quantities(prepared, points[1, 2], np.random.default_rng(1))
    for name in ("omega", "sigma_sample", "log_theta", "b"):
        np.testing.assert_allclose(getattr(together, name)[1, 2], getattr(alone, name), rtol=1e-12)
    assert together.beta.shape == (2, 3, 2)
    assert together.u.shape == (2, 3, 8)
