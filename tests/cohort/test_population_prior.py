"""The population of a parameter, learned from draws under another prior: closed forms, and draws reweighted by hand."""

import numpy as np
import pytest
from scipy import optimize, special, stats

from bayes_mirglmm.cohort.population_prior import LEAST_SD, PSEUDO_MIRNAS, PSEUDO_SD, learn_population

UNIFORM = (np.arange(2048) + 0.5) / 2048
PRIOR = stats.norm(1.0, 2.0)


def conjugate(x: np.ndarray, noise: float, prior=PRIOR) -> tuple[np.ndarray, np.ndarray]:
    """Evenly spread draws of a normal mean given one observation with known noise, and their log prior densities."""
    variance = 1 / (prior.var() ** -1 + noise**-2)
    mean = variance * (prior.mean() / prior.var() + x / noise**2)
    draws = stats.norm(mean[:, None], np.sqrt(variance)).ppf(UNIFORM)
    return draws, prior.logpdf(draws)


def penalty(mean: float, sd: float, centre: float) -> float:
    """What is thought of a population beforehand, up to a constant."""
    mean_part = -0.5 * PSEUDO_MIRNAS * (mean - centre) ** 2
    return mean_part - PSEUDO_MIRNAS * (0.5 * PSEUDO_SD**2 / sd**2 + np.log(sd))


def observed(count: int, mean: float, sd: float, noise: float, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(mean, np.hypot(sd, noise), size=count)


@pytest.mark.parametrize("noise", [0.2, 0.6])
def test_it_is_the_maximum_of_the_marginal_likelihood(noise):
    """An observation x of a normal mean has the marginal N(mean, sd^2 + noise^2): no draws are needed there."""
    x = observed(60, 2.0, 0.7, noise, 1)
    draws, log_prior = conjugate(x, noise)
    weights = np.full(draws.shape, 1 / draws.shape[1])
    found = learn_population(draws[..., None], log_prior[..., None], weights, np.array([0]), np.array([1.0]))

    def negative(at):
        mean, sd = at[0], np.exp(at[1])
        return -stats.norm(mean, np.hypot(sd, noise)).logpdf(x).sum() - penalty(mean, sd, 1.0)

    best = optimize.minimize(negative, [1.5, 0.0], method="BFGS").x
    np.testing.assert_allclose([found.mean[0], np.log(found.sd[0])], best, atol=4e-3)
    exact = stats.norm(found.mean[0], np.hypot(found.sd[0], noise)).logpdf(x)
    exact -= stats.norm(PRIOR.mean(), np.hypot(PRIOR.std(), noise)).logpdf(x)
    np.testing.assert_allclose(found.log_ratio, exact, atol=0.02)


def test_weights_are_those_of_reweighting_by_hand():
    """Two columns of one population and one of another, draws of unequal weight, one of them not finite."""
    rng = np.random.default_rng(3)
    values = rng.normal(0.5, 0.8, size=(30, 200, 3))
    log_prior = stats.norm(0.0, 1.5).logpdf(values)
    weights = rng.gamma(1.0, size=(30, 200))
    weights /= weights.sum(axis=1, keepdims=True)
    values[0, 0, 1] = -np.inf
    found = learn_population(values, log_prior, weights, np.array([0, 1, 1]), np.zeros(2))
    mean, sd = found.mean[[0, 1, 1]], found.sd[[0, 1, 1]]
    ratio = (stats.norm(mean, sd).logpdf(values) - log_prior).sum(axis=2)
    ratio[0, 0] = -np.inf
    by_hand = weights * np.exp(ratio)
    np.testing.assert_allclose(found.log_ratio, np.log(by_hand.sum(axis=1)), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(found.weights, by_hand / by_hand.sum(axis=1, keepdims=True), atol=1e-12)
    assert found.weights[0, 0] == 0.0
    assert found.effective_size.max() <= 200

    def objective(mean, sd):
        ratio = (stats.norm(mean[[0, 1, 1]], sd[[0, 1, 1]]).logpdf(values) - log_prior).sum(axis=2)
        ratio[0, 0] = -np.inf
        own = special.logsumexp(ratio, axis=1, b=weights).sum()
        return own + sum(penalty(m, s, 0.0) for m, s in zip(mean, sd, strict=True))

    top = objective(found.mean, found.sd)
    for k in range(2):
        for step in (-0.03, 0.03):
            moved = np.arange(2) == k
            assert objective(found.mean + step * moved, found.sd) < top
            assert objective(found.mean, found.sd * np.exp(step * moved)) < top


def test_a_known_population_is_found_whatever_prior_each_was_drawn_under():
    count, noise = 400, 0.3
    x = observed(count, -1.2, 0.6, noise, 7)
    parts = [conjugate(x[:200], noise), conjugate(x[200:], noise, stats.norm(-1.0, 0.9))]
    draws, log_prior = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    weights = np.full(draws.shape, 1 / draws.shape[1])
    found = learn_population(draws[..., None], log_prior[..., None], weights, np.array([0]), np.array([0.0]))
    spread = np.hypot(0.6, noise)
    # five standard errors; that of the variance is spread^2 sqrt(2 / count), and the pseudo-miRNAs add their pull
    assert abs(found.mean[0] + 1.2) < 5 * spread / np.sqrt(count) + PSEUDO_MIRNAS * spread**2 * 1.2 / count
    assert abs(found.sd[0] ** 2 - 0.36) < 5 * spread**2 * np.sqrt(2 / count) + PSEUDO_MIRNAS * 0.36 / count


def test_a_population_of_which_nothing_is_known_stays_in_place():
    """Counts that say nothing (the draws are those of the prior): the population is what was thought beforehand."""
    draws = np.tile(PRIOR.ppf(UNIFORM), (50, 1))
    weights = np.full(draws.shape, 1 / draws.shape[1])
    one, prior = np.array([0]), PRIOR.logpdf(draws)[..., None]
    found = learn_population(draws[..., None], prior, weights, one, np.array([1.5]))
    np.testing.assert_allclose([found.mean[0], found.sd[0]], [1.5, PSEUDO_SD], atol=2e-2)
    np.testing.assert_allclose(found.log_ratio, 0.0, atol=1e-3)


def test_mirnas_that_are_all_alike_leave_a_narrow_population_of_finite_width():
    draws, log_prior = conjugate(np.full(500, 0.3), 0.05)
    weights = np.full(draws.shape, 1 / draws.shape[1])
    found = learn_population(draws[..., None], log_prior[..., None], weights, np.array([0]), np.array([0.0]))
    assert found.sd[0] == pytest.approx(LEAST_SD)
    assert found.mean[0] == pytest.approx(0.3, abs=0.02)
