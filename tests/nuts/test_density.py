"""The sampler's density: against the readable PyMC model, finite differences and scipy."""

import numpy as np
import pytest
from scipy import special, stats

import bayes_mirglmm as bm
from bayes_mirglmm.nested.coordinates import half_normal
from bayes_mirglmm.nuts import quantities
from bayes_mirglmm.nuts.density import log_densities, log_density
from bayes_mirglmm.nuts.likelihood import negative_binomial, poisson
from bayes_mirglmm.nuts.scales import half_normal as compiled_half_normal

LOG_SDS = bm.load_model("mirglmm")
for _name in ("sd_isomir_intercept", "sd_isomir_slope", "sd_sample"):
    LOG_SDS = LOG_SDS.with_prior(_name, distribution="log_normal", mean=-0.5, sd=0.6)
CASES = {
    "K=1": ("~ 1", ()),
    "K=2": ("~ group", ()),
    "K=3": ("~ three", ()),
    "covariate": ("~ group + age", ()),
    "continuous slope": ("~ age + group", ()),
    "nuisance": ("~ group", ("quality",)),
}


def outer(layout, prior, sd_normal, partial, sigma_normal):
    """Cholesky factor (K, K) and SD of the sample effects, by scipy."""
    left = list(standard_deviations(prior.sds, sd_normal))
    chol = np.zeros((layout.k, layout.k))
    for pair, (a, b) in enumerate(layout.pairs):
        chol[a, b] = left[a] * np.tanh(partial[pair])
        left[a] *= np.sqrt(1 - np.tanh(partial[pair]) ** 2)
    chol[np.diag_indices(layout.k)] = left
    return chol, standard_deviations(prior.sample, sigma_normal)


def standard_deviations(priors, normal):
    """SDs with as much prior probability below as the coordinates have under N(0, 1)."""
    log_normal = stats.lognorm(s=np.where(priors.spread > 0, priors.spread, 1.0), scale=priors.scale)
    return np.where(
        priors.spread > 0, log_normal.ppf(stats.norm.cdf(normal)), priors.scale * half_normal(normal)
    )


def readable_coordinates(layout, chol, sigma, scale_coordinates):
    """The value variables of the readable model for the scales, by name."""
    found = {"sd_sample_log__": np.log(sigma)[0]}
    for block in sorted(set(layout.blocks)):
        own = [k for k, other in enumerate(layout.blocks) if other == block]
        found |= scale_coordinates(chol[np.ix_(own, own)], block)
    return found


def log_jacobian(layout, prior, scales, scale_coordinates):
    """log |d readable coordinates of the scales / d the sampler's|, by fourth-order differences."""
    sizes = np.cumsum([len(part) for part in scales])[:-1]

    def mapped(x):
        found = readable_coordinates(layout, *outer(layout, prior, *np.split(x, sizes)), scale_coordinates)
        return np.concatenate([np.ravel(found[name]) for name in sorted(found)])

    x, h = np.concatenate(scales), 2e-3
    columns = []
    for k in range(len(x)):
        e = h * np.eye(len(x))[k]
        near, far = mapped(x + e) - mapped(x - e), mapped(x + 2 * e) - mapped(x - 2 * e)
        columns.append((8 * near - far) / (12 * h))
    return np.linalg.slogdet(np.array(columns))[1]


@pytest.mark.parametrize("model_name", ["mirglmm", "poisson", LOG_SDS])
@pytest.mark.parametrize("case", CASES)
def test_density_is_that_of_the_readable_model(
    small_counts, prepared_by, scale_coordinates, case, model_name
):
    formula, nuisance = CASES[case]
    readable = bm.build_model(small_counts, "m", formula, model=model_name, nuisance=nuisance)
    logp = readable.compile_logp(mode="FAST_COMPILE")
    prepared = prepared_by(formula, model_name, nuisance)
    layout, prior, arrays = prepared.layout, prepared.prior, prepared.arrays
    pack, rng = prepared.pack(), np.random.default_rng(7)
    differences = []
    for _ in range(4):
        point = prepared.start + prepared.spread * rng.standard_normal(layout.size)
        parts = layout.split(point)
        found = quantities(prepared, point, rng)
        scales = [parts["sd_normal"], parts["partial"], parts["sigma_normal"]]
        chol, sigma = outer(layout, prior, *scales)

        # From the density of the sampled coordinates to that of (beta, effects, u) and the scales.
        value = log_density(point, pack, np.empty(layout.size))
        roots = np.diagonal(arrays["pseudo_root"], axis1=1, axis2=2)
        value -= np.log(1 / np.sqrt(1 / np.diag(chol) ** 2 + 1 / roots**2)).sum()
        value -= np.log(1 / np.sqrt(1 / sigma**2 + arrays["residual_information"])).sum()
        value -= log_jacobian(layout, prior, scales, scale_coordinates)
        beta = np.linalg.solve(prepared.to_beta, found.beta)
        along = arrays["beta_to_directions"] @ (parts["beta_star"] - arrays["beta_mean"])
        own = arrays["beta_to_directions"] @ (beta - arrays["beta_mean"])
        spread = sigma**2 * arrays["beta_spread"]
        given = stats.norm(along / (1 + spread), np.sqrt(spread / (1 + spread)))
        value += given.logpdf(own).sum() + np.linalg.slogdet(arrays["beta_to_directions"])[1]
        value -= 0.5 * np.linalg.slogdet(arrays["x"].T @ arrays["x"])[1]  # u from beta + c and r

        v = np.linalg.solve(chol, np.linalg.solve(prepared.to_b, found.b.T)).T
        beta_name = next(name for name in readable.initial_point() if name.startswith("beta"))
        there = {beta_name: beta, "v": v, "w": found.u / sigma} | readable_coordinates(
            layout, chol, sigma, scale_coordinates
        )
        if model_name != "poisson":
            there["log_theta"] = found.log_theta
        there = {name: np.asarray(there[name]) for name in readable.initial_point()}
        theirs = logp(there)
        theirs -= layout.n_isomirs * np.log(np.diag(chol)).sum() + layout.n * np.log(sigma[0])
        differences.append(value - theirs)
    assert np.ptp(differences) < 1e-8
    # Not only constant: both are normalised, so that the evidence is the same.
    np.testing.assert_allclose(differences, 0.0, atol=1e-7)


@pytest.mark.parametrize("model_name", ["mirglmm", "poisson", LOG_SDS])
@pytest.mark.parametrize("estimate", [True, False])
@pytest.mark.parametrize("case", CASES)
def test_gradient(prepared_by, case, model_name, estimate):
    formula, nuisance = CASES[case]
    prepared = prepared_by(formula, model_name, nuisance, estimate)
    pack, rng = prepared.pack(), np.random.default_rng(2)
    x = prepared.start + 1.5 * prepared.spread * rng.standard_normal(prepared.layout.size)
    gradient, ignored, h = np.empty_like(x), np.empty_like(x), 1e-4
    log_density(x, pack, gradient)
    for k in range(len(x)):
        e = h * np.eye(len(x))[k]
        values = [log_density(x + s * e, pack, ignored) for s in (-2, -1, 1, 2)]
        slope = (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * h)
        scale = max(1.0, abs(slope), 1e-3 * abs(values[0]))
        assert gradient[k] == pytest.approx(slope, abs=2e-7 * scale), (
            f"coordinate {k} of {prepared.layout.parts}"
        )


def test_many_points_at_once(prepared_by):
    prepared = prepared_by("~ group")
    points = prepared.start + np.random.default_rng(0).standard_normal((3, prepared.layout.size))
    values = np.empty(3)
    log_densities(points, prepared.pack(), values)
    alone = [log_density(p, prepared.pack(), np.empty(len(p))) for p in points]
    np.testing.assert_array_equal(values, alone)


@pytest.mark.parametrize("theta", [0.05, 3.0, 1e4, 1e8])
def test_likelihood_is_scipys(theta):
    rng = np.random.default_rng(3)
    y = rng.integers(0, 400, size=(4, 6)).astype(float)
    y[0, :3] = 0
    z = np.column_stack([np.ones(6), rng.normal(size=6)])
    row, effect = rng.normal(3, 1, size=6), 0.3 * rng.normal(size=(4, 2))
    distinct, multiplicity = np.unique(y, return_counts=True)
    mu = np.exp(row + effect @ z.T)
    out = np.zeros(6), np.zeros((4, 2))
    value, _ = negative_binomial(row, effect, theta, y, z, distinct, multiplicity.astype(float), *out)
    value -= special.gammaln(y + 1).sum()  # which the constant of the density has
    # scipy's own nbinom loses digits for a large size: beta functions of large arguments cancel.
    expected = (
        special.gammaln(y + theta) - special.gammaln(theta) - special.gammaln(y + 1)
        - (y + theta) * np.log1p(mu / theta) + y * np.log(mu / theta)
    ).sum()  # fmt: skip
    assert value == pytest.approx(expected, rel=1e-11 if theta < 1e4 else 2e-8)
    if theta < 1e4:
        assert value == pytest.approx(stats.nbinom(theta, theta / (theta + mu)).logpmf(y).sum(), rel=1e-9)
    found = poisson(row, effect, y, z, np.zeros(6), np.zeros((4, 2))) - special.gammaln(y + 1).sum()
    assert found == pytest.approx(stats.poisson(mu).logpmf(y).sum(), rel=1e-12)
    if theta == 1e8:
        assert value == pytest.approx(found, abs=0.05)


def test_half_normal_is_that_of_the_nested_posterior():
    x = np.concatenate([np.linspace(-8, 8, 200), [-0.999999, -1.000001, -20.0, 30.0]])
    np.testing.assert_allclose([compiled_half_normal(one) for one in x], half_normal(x), rtol=2e-13)
