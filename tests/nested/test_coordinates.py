"""The coordinates carry N(0, I) into the priors: closed forms, and the change of variables by differences."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import special, stats

import bayes_mirglmm as bm
from bayes_mirglmm.model import HalfNormal, LogNormal, ModelSpec
from bayes_mirglmm.model.scaling import SdArrays
from bayes_mirglmm.nested.coordinates import (
    FactorCoordinates,
    PriorCoordinates,
    half_normal,
    half_normal_inverse,
    partial_correlation,
    sd_at,
    sd_coordinates,
)

X = np.linspace(-7.0, 7.0, 57)


def spec(eta: float = 2.0, **scales: float) -> ModelSpec:
    model = bm.load_model("mirglmm").with_prior("correlation", eta=eta)
    for name, scale in scales.items():
        model = model.with_prior(name, scale=scale)
    return model


def test_half_normal_has_the_probability_of_its_coordinate_in_both_tails():
    s = half_normal(X)
    np.testing.assert_allclose(special.erf(s / np.sqrt(2))[X < 0], special.ndtr(X[X < 0]), rtol=1e-12)
    np.testing.assert_allclose(special.erfc(s / np.sqrt(2))[X > 0], special.ndtr(-X[X > 0]), rtol=1e-12)
    np.testing.assert_allclose(half_normal_inverse(s), X, atol=1e-9)
    assert half_normal_inverse(np.zeros(1))[0] == -np.inf


def test_log_normal_and_half_normal_standard_deviations_side_by_side():
    prior = SdArrays.of([HalfNormal(0.7), LogNormal(-1.2, 0.4)])
    x = np.column_stack([X, X])
    sd = sd_at(x, prior)
    np.testing.assert_allclose(
        stats.lognorm(s=0.4, scale=np.exp(-1.2)).cdf(sd[:, 1]), special.ndtr(X), rtol=1e-12
    )
    np.testing.assert_allclose(sd[:, 0], 0.7 * half_normal(X), rtol=1e-15)
    np.testing.assert_allclose(sd_coordinates(sd, prior), x, atol=1e-9)
    np.testing.assert_array_equal(sd_coordinates(np.zeros(2), prior), [-np.inf, -np.inf])


def test_correlation_of_two_has_the_closed_form_for_eta_2():
    r, rest = partial_correlation(X[:, None], np.array([2.0]))
    closed = 2.0 * np.sin(np.arcsin(special.erf(X / np.sqrt(2))) / 3.0)
    np.testing.assert_allclose(r[:, 0], closed, atol=1e-12)
    np.testing.assert_allclose(rest[:, 0] ** 2 + r[:, 0] ** 2, 1.0, rtol=1e-12)
    assert (rest > 0).all()  # not even at 7 prior SDs does the correlation reach 1


@pytest.mark.parametrize("eta", [1.0, 2.0, 5.0])
@pytest.mark.parametrize("k", [2, 3, 4])
def test_every_correlation_has_the_marginal_of_lkj(k: int, eta: float, chance):
    prior = PriorCoordinates.of(spec(eta), 1, [0] * k)
    x = np.random.default_rng(k).standard_normal((4000, prior.size))
    chol = lower(prior.parameters(x)[:, 1:-2], k)
    cov = chol @ chol.transpose(0, 2, 1)
    sd = np.sqrt(np.einsum("nkk->nk", cov))
    shape = eta + (k - 2) / 2
    for row in range(k):
        for column in range(row):
            r = cov[:, row, column] / (sd[:, row] * sd[:, column])
            found = stats.kstest((r + 1) / 2, stats.beta(shape, shape).cdf)
            assert found.statistic < chance.distance(len(r), 30)  # 10 correlations, 3 values of eta


@pytest.mark.parametrize("k", [2, 3])
def test_density_is_that_of_the_priors(k: int):
    """log N(x) = log density of (SDs, correlations) + log |d(SDs, correlations) / dx|, at random points."""
    eta = 1.5
    scales = np.array([2.5] + [0.7] * (k - 1))
    prior = PriorCoordinates.of(spec(eta, sd_isomir_slope=0.7), 1, [0] * k)
    m = k + k * (k - 1) // 2
    rng = np.random.default_rng(k)
    rows, columns = np.tril_indices(k, -1)

    def natural(x: np.ndarray) -> np.ndarray:
        chol = lower(prior.parameters(x)[:, 1:-2], k)
        cov = chol @ chol.transpose(0, 2, 1)
        sd = np.sqrt(np.einsum("nkk->nk", cov))
        return np.hstack([sd, cov[:, rows, columns] / (sd[:, rows] * sd[:, columns])])

    for _ in range(10):
        x = np.zeros((1, prior.size))
        x[0, 1 : 1 + m] = rng.normal(size=m)
        step = 1e-5 * np.eye(prior.size)[1 : 1 + m]
        jacobian = (natural(x + step) - natural(x - step)).T / 2e-5
        value = natural(x)[0]
        correlation = np.eye(k)
        correlation[rows, columns] = correlation[columns, rows] = value[k:]
        # Normalising constant: Lewandowski, Kurowicka & Joe (2009), equation 16.
        constant = 0.0
        for level in range(1, k):
            b = eta + (k - level - 1) / 2
            constant += (2 * eta - 2 + k - level) * (k - level) * np.log(2) + (k - level) * special.betaln(
                b, b
            )
        density = stats.halfnorm(scale=scales).logpdf(value[:k]).sum()
        density += (eta - 1) * np.linalg.slogdet(correlation)[1] - constant
        expected = stats.norm.logpdf(x[0, 1 : 1 + m]).sum()
        assert density + np.linalg.slogdet(jacobian)[1] == pytest.approx(expected, abs=1e-6)


def test_blocks_are_independent_and_have_their_own_scales():
    model = spec(sd_isomir_nuisance=0.3)
    prior = PriorCoordinates.of(model, 2, (0, 0, 1, 2, 2))
    assert prior.pairs == ((1, 0), (4, 3))
    np.testing.assert_array_equal(prior.sds.scale, [2.5, 1.0, 0.3, 0.3, 0.3])
    assert prior.size == 2 + 5 + 2 + 1 + 1
    phi = prior.parameters(np.random.default_rng(0).standard_normal((3, prior.size)))
    assert phi.shape == (3, prior.size)  # b-block entries: 00, 10, 11, 22, 33, 43, 44


@pytest.mark.parametrize(
    ("blocks", "name"), [((0,), "poisson"), ((0, 0), "mirglmm"), ((0, 0, 0, 1), "mirglmm")]
)
def test_there_and_back(blocks: tuple[int, ...], name: str):
    prior = PriorCoordinates.of(bm.load_model(name), 3, blocks)
    x = np.random.default_rng(1).normal(size=(20, prior.size))
    for one, phi in zip(x, prior.parameters(x), strict=True):
        np.testing.assert_allclose(prior.coordinates(phi), one, atol=1e-7)


@pytest.mark.parametrize(("blocks", "name"), [((0, 0, 1), "poisson"), ((0, 0, 0, 1, 1), "mirglmm")])
def test_slopes_are_differences_of_the_parameters(blocks: tuple[int, ...], name: str):
    terms = FactorCoordinates(
        SdArrays.of([HalfNormal(0.7), LogNormal(-1.2, 0.4)]), ((1, 0),), np.array([1.5])
    )
    prior = replace(PriorCoordinates.of(bm.load_model(name), 3, blocks), terms=terms)
    x = 2.0 * np.random.default_rng(1).normal(size=(30, prior.size))
    steps = 1e-5 * np.eye(prior.size)
    numeric = [(prior.parameters(x + s) - prior.parameters(x - s)) / 2e-5 for s in steps]
    phi, slopes = prior.parameters_and_slopes(x)
    np.testing.assert_allclose(slopes, np.stack(numeric, axis=1), rtol=1e-6, atol=1e-8)
    np.testing.assert_array_equal(phi, prior.parameters(x))


def test_slopes_end_smoothly_far_out():
    """A correlation of 1 to rounding, and SDs beyond what floats can tell apart."""
    prior = PriorCoordinates.of(bm.load_model("mirglmm"), 0, (0, 0))
    _, slopes = prior.parameters_and_slopes(np.array([-30.0, 30.0])[:, None] * np.ones(prior.size))
    assert np.isfinite(slopes).all()
    np.testing.assert_allclose(slopes[0, 0, 0], 0.0, atol=1e-150)


def test_fixed_effects_and_log_theta_have_their_normals():
    prior = PriorCoordinates.of(bm.load_model("mirglmm"), 2, (0,))
    phi = prior.parameters(np.ones((1, prior.size)))[0]
    np.testing.assert_allclose(phi[:2], [4.0 + 5.0, 2.5])
    assert phi[-1] == pytest.approx(1.0 + 1.5)


def lower(entries: np.ndarray, k: int) -> np.ndarray:
    chol = np.zeros((len(entries), k, k))
    chol[:, *np.tril_indices(k)] = entries
    return chol
