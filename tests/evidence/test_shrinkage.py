"""Adaptive shrinkage: closed forms, quadrature, optimality, calibration in simulations."""

import numpy as np
import pytest
from scipy import integrate, optimize, stats

from bayes_mirglmm.evidence.mixture_weights import fit_weights
from bayes_mirglmm.evidence.shrinkage import paper_grid, s_values, shrink, t_as_scale_mixture


@pytest.fixture(scope="module")
def effects():
    """Half of 2,000 effects are 0, half N(0, 0.8^2); standard errors of about 0.25."""
    rng = np.random.default_rng(11)
    n = 2000
    truth = np.where(rng.random(n) < 0.5, 0.0, rng.normal(0, 0.8, n))
    std_error = rng.gamma(6, 0.25 / 6, n)
    return truth, truth + std_error * rng.normal(size=n), std_error


def test_one_component_is_normal_normal_shrinkage():
    b, s, tau = np.array([-2.0, 0.1, 1.5]), np.array([0.5, 1.0, 0.2]), 0.7
    found = shrink(b, s, grid=[tau], point_mass=False, prob=0.9)
    factor = tau**2 / (tau**2 + s**2)
    sd = np.sqrt(factor) * s
    np.testing.assert_allclose(found.mean, factor * b, rtol=1e-12)
    np.testing.assert_allclose(found.sd, sd, rtol=1e-12)
    np.testing.assert_allclose(found.lower, stats.norm.ppf(0.05, factor * b, sd), rtol=1e-9)
    np.testing.assert_allclose(found.upper, stats.norm.ppf(0.95, factor * b, sd), rtol=1e-9)
    np.testing.assert_allclose(found.lfsr, stats.norm.cdf(-np.abs(factor * b) / sd), rtol=1e-10)
    expected = stats.norm.logpdf(b, 0, np.sqrt(tau**2 + s**2)).sum()
    assert found.log_likelihood == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("df", [np.inf, 4.0, 30.0])
def test_posterior_agrees_with_quadrature(df):
    b, s = np.array([-1.2, 0.05, 0.4, 2.5, 0.9]), np.array([0.4, 0.1, 0.3, 0.5, 0.6])
    found = shrink(b, s, df=df, grid=[0.2, 0.8], null_weight=1.0)
    pi0, *pi = found.weights
    assert found.weights.sum() == pytest.approx(1)

    x = np.linspace(-12, 12, 240_001)
    prior = sum(p * stats.norm.pdf(x, 0, tau) for p, tau in zip(pi, (0.2, 0.8), strict=True))
    error = stats.norm() if np.isinf(df) else stats.t(df)
    for i in range(len(b)):
        density = prior * error.pdf((b[i] - x) / s[i])
        at_zero = pi0 * error.pdf(b[i] / s[i])
        total = np.trapezoid(density, x) + at_zero
        density, at_zero = density / total, at_zero / total
        below = integrate.cumulative_trapezoid(density, x, initial=0)
        mean = np.trapezoid(x * density, x)
        assert found.mean[i] == pytest.approx(mean, abs=1e-8)
        assert found.sd[i] ** 2 == pytest.approx(np.trapezoid(x**2 * density, x) - mean**2, rel=1e-7)
        negative = np.interp(0.0, x, below)
        assert found.lfsr[i] == pytest.approx(min(negative, 1 - at_zero - negative) + at_zero, abs=1e-8)
        for end, p in ((found.lower[i], 0.025), (found.upper[i], 0.975)):
            mass = np.interp(end, x, below) + (at_zero if end >= 0 else 0)
            assert mass == pytest.approx(p, abs=1e-7) or (end == 0 and mass - at_zero <= p <= mass)


@pytest.mark.parametrize("df", [np.inf, 5.0])
def test_posterior_agrees_with_a_long_gibbs_run(df, chance):
    """Component, effect and (for t errors) precision in turn, at the fitted weights; 400 independent chains."""
    b, s = np.array([-1.4, 0.1, 0.5, 2.0]), np.array([0.5, 0.2, 0.3, 0.6])
    found = shrink(b, s, df=df, grid=[0.3, 1.0], null_weight=1.0)
    rng, chains = np.random.default_rng(4), 400
    tau2, weights = np.array([0.0, 0.3, 1.0]) ** 2, found.weights
    precision = np.ones((chains, len(b)))
    sums, squares, kept = 0.0, 0.0, 0
    for sweep in range(400):
        noise = s**2 / precision
        total = tau2 + noise[..., None]
        log_p = np.log(np.maximum(weights, 1e-300)) - 0.5 * (np.log(total) + b[:, None] ** 2 / total)
        component = (log_p + rng.gumbel(size=log_p.shape)).argmax(axis=-1)
        factor = tau2[component] / (tau2[component] + noise)
        effect = factor * b + np.sqrt(factor * noise) * rng.normal(size=noise.shape)
        if np.isfinite(df):
            rate = 0.5 * (df + ((b - effect) / s) ** 2)
            precision = rng.gamma(0.5 * (df + 1.0), 1.0 / rate)
        if sweep >= 50:
            sums, squares, kept = sums + effect, squares + effect**2, kept + 1
    first, second = sums / kept, squares / kept  # of each chain
    mean = first.mean(axis=0)
    sd = np.sqrt(second.mean(axis=0) - mean**2)
    # Standard errors from the chains' spread: of the mean, and by the delta method of the SD.
    error = first.std(axis=0) / np.sqrt(chains)
    error_sd = (second - 2 * mean * first).std(axis=0) / np.sqrt(chains) / (2 * sd)
    limit = stats.t.isf(chance.RATE / 2 / (2 * len(b)), chains - 1)
    assert error.max() < 0.004
    assert (np.abs(found.mean - mean) < limit * error).all()
    assert (np.abs(found.sd - sd) < limit * error_sd).all()


@pytest.mark.parametrize("df", [1.0, 3.0, 8.0, 40.0, 1e4])
def test_t_is_a_scale_mixture_of_normals(df):
    precision, probability = t_as_scale_mixture(df)
    x = np.array([0.0, 0.5, 2.0, 6.0, 10.0])
    density = stats.norm.pdf(x[:, None], 0, precision**-0.5) @ probability
    np.testing.assert_allclose(density, stats.t.pdf(x, df), rtol=1e-7)
    assert probability.sum() == pytest.approx(1)


def test_weights_are_optimal_and_agree_with_another_optimiser():
    rng = np.random.default_rng(5)
    b = np.concatenate([rng.normal(0, 0.1, 60), rng.normal(0, 1.5, 40)])
    sds = np.array([0.0, 0.1, 0.3, 0.9, 2.7])
    log_l = stats.norm.logpdf(b[:, None], 0, np.sqrt(sds**2 + 0.04))
    weights = fit_weights(log_l, null_weight=10.0)

    def objective(v):
        return -np.log(np.exp(log_l) @ v).sum() - 9 * np.log(v[0])

    other = optimize.minimize(
        objective,
        np.full(5, 0.2),
        bounds=[(1e-12, 1)] * 5,
        constraints={"type": "eq", "fun": lambda v: v.sum() - 1},
        method="SLSQP",
        options={"ftol": 1e-12},
    )
    assert objective(weights) == pytest.approx(other.fun, abs=1e-4)
    assert objective(weights) <= other.fun + 1e-6
    # optimality: no component would raise the objective, and those in use all have the same slope
    slope = (np.exp(log_l) / (np.exp(log_l) @ weights)[:, None]).sum(axis=0)
    slope[0] += 9 / weights[0]
    assert slope.max() <= 109 * (1 + 1e-7)
    np.testing.assert_allclose(slope[weights > 0], 109, rtol=1e-6)


def test_grid_is_the_paper_s():
    grid = paper_grid(np.array([3.0, 0.1]), np.array([1.0, 0.5]))
    assert grid[-1] == pytest.approx(2 * np.sqrt(8))
    assert grid[0] <= 0.05 < grid[1]
    np.testing.assert_allclose(grid[1:] / grid[:-1], np.sqrt(2))
    small = paper_grid(np.array([0.1]), np.array([1.0]))
    assert small[-1] == pytest.approx(0.8)


def test_shrinking_lowers_the_error_and_intervals_cover(effects):
    truth, b, s = effects
    found = shrink(b, s)
    raw, shrunk = ((b - truth) ** 2).mean(), ((found.mean - truth) ** 2).mean()
    assert shrunk < 0.8 * raw  # 0.620, standard deviation 0.028, over 100 seeds
    # the Bayes risk, with the true prior known
    prior = 0.5 * stats.norm.pdf(b, 0, s), 0.5 * stats.norm.pdf(b, 0, np.hypot(s, 0.8))
    best = prior[1] / sum(prior) * 0.64 / (0.64 + s**2) * b
    assert shrunk < 1.02 * ((best - truth) ** 2).mean()  # 1.001, standard deviation 0.002
    # 2,000 intervals; the point mass makes them a little wide: 0.953, standard deviation 0.005
    assert 0.926 < ((truth >= found.lower) & (truth <= found.upper)).mean() < 0.98


def test_lfsr_and_s_value_are_calibrated(effects, chance):
    """The weights are estimated too: over 100 seeds the deviations were up to 1.4 times those of the signs alone."""
    truth, b, s = effects
    found = shrink(b, s)
    wrong = np.sign(found.mean) != np.sign(truth)
    for low, high in ((0, 0.05), (0.05, 0.2), (0.2, 0.5), (0.5, 1)):
        chosen = (found.lfsr >= low) & (found.lfsr < high)
        error = 1.4 * np.sqrt(0.25 / chosen.sum())
        assert wrong[chosen].mean() == pytest.approx(found.lfsr[chosen].mean(), abs=chance.z(5) * error)
    chosen = found.s_value < 0.05
    assert chosen.sum() > 300
    assert found.lfsr[chosen].mean() == pytest.approx(0.05, abs=0.001)  # what the s-value is
    error = 1.4 * np.sqrt(0.05 * 0.95 / chosen.sum())
    assert wrong[chosen].mean() == pytest.approx(0.05, abs=chance.z(5) * error)


def test_t_likelihood_is_calibrated_where_the_normal_one_is_not():
    wrong, called = np.zeros(2), np.zeros(2)
    for seed in range(30):
        rng = np.random.default_rng(seed)
        n, df = 600, 12
        truth = np.where(rng.random(n) < 0.7, 0.0, rng.normal(0, 1, n))
        sigma = 0.3 * np.exp(0.5 * rng.normal(size=n))
        b, s = truth + sigma * rng.normal(size=n), sigma * np.sqrt(rng.chisquare(df, n) / df)
        for k, found in enumerate((shrink(b, s), shrink(b, s, df=df))):
            chosen = found.s_value < 0.05
            wrong[k] += (np.sign(found.mean) != np.sign(truth))[chosen].sum()
            called[k] += chosen.sum()
    rates = wrong / called
    assert called[1] > 1500
    # Small standard errors, taken at their word, make false discoveries. Of 30 sets: 0.051 and 0.118, standard
    # deviations 0.005 and 0.006.
    assert rates[1] < 0.08 < 0.087 < rates[0]


def test_null_data_shrinks_to_nothing():
    # The quantiles of a normal distribution, as a sample of 300 has them on average: one sample in ten has an outlier.
    quantiles = (np.arange(300) + 0.5) / 300
    s = np.random.default_rng(2).permutation(stats.gamma(4, scale=0.1).ppf(quantiles))
    found = shrink(s * stats.norm.ppf(quantiles), s)
    assert found.weights[0] > 0.9
    assert np.abs(found.mean).max() < 0.1
    assert found.lfsr.min() > 0.5


def test_sign_and_scale(effects):
    _, b, s = (x[:200] for x in effects)
    found, mirrored, scaled = shrink(b, s), shrink(-b, s), shrink(10 * b, 10 * s)
    np.testing.assert_allclose(mirrored.mean, -found.mean, atol=1e-10)
    np.testing.assert_allclose(mirrored.lower, -found.upper, atol=1e-8)
    np.testing.assert_allclose(scaled.mean, 10 * found.mean, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(scaled.lfsr, found.lfsr, rtol=1e-5)


def test_intervals_stop_at_the_point_mass():
    rng = np.random.default_rng(3)
    b = np.concatenate([rng.normal(0, 0.1, 200), rng.normal(0, 2, 20)])
    found = shrink(b, np.full(220, 0.1))
    null = found.lfsr > 0.5
    assert null.sum() > 150
    assert ((found.lower <= 0) & (found.upper >= 0))[null].all()
    assert (found.lower[null] == 0).any() or (found.upper[null] == 0).any()
    assert (found.lower <= found.upper).all()


def test_nan_takes_no_part(effects):
    _, b, s = (x[:100] for x in effects)
    found = shrink(b, s)
    gaps = shrink(np.append(b, [np.nan, 1.0, 1.0, 1.0]), np.append(s, [1.0, np.nan, 0.0, np.inf]))
    for name in ("mean", "sd", "lower", "upper", "lfsr", "s_value"):
        column = getattr(gaps, name)
        assert column.shape == (104,)
        np.testing.assert_array_equal(column[:100], getattr(found, name))
        assert np.isnan(column[100:]).all()
    nothing = shrink([np.nan, 1.0], [1.0, np.nan])
    assert np.isnan(nothing.mean).all()
    assert np.isnan(nothing.log_likelihood)


def test_s_values_are_means_of_smaller_lfsr():
    np.testing.assert_allclose(s_values(np.array([0.3, 0.1, 0.3, 0.02])), [0.18, 0.06, 0.18, 0.02])


@pytest.mark.parametrize("seed", range(8))
def test_any_scale_of_estimates_and_errors_is_solved(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 120))
    s = np.exp(rng.normal(0, rng.uniform(0, 6), n)) * 1e-6
    b = rng.normal(size=n) * np.exp(rng.normal(0, 4, n)) * 10.0 ** rng.uniform(-8, 5)
    found = shrink(b, s, null_weight=rng.choice([1.0, 10.0]), point_mass=bool(seed % 2))
    assert np.isfinite(np.stack(found[:6])).all()
    assert (np.abs(found.mean) <= np.abs(b) * (1 + 1e-9)).all()
    assert ((found.lfsr >= 0) & (found.lfsr <= 1)).all()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"prob": 95}, "prob is 95"),
        ({"df": 0}, "df is 0"),
        ({"null_weight": 0.5}, "null_weight"),
        ({"grid": [0.0, 1.0]}, "positive and finite"),
        ({"grid": []}, "one or more"),
    ],
)
def test_refusals(options, words):
    with pytest.raises(ValueError, match=words):
        shrink([1.0, 2.0], [1.0, 1.0], **options)
    with pytest.raises(ValueError, match="one shape"):
        shrink([1.0, 2.0], [1.0])
