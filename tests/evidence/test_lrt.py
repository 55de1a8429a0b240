"""The boundary mixture: closed forms, and the Gaussian limit by simulation."""

import numpy as np
import pytest
from scipy import special, stats

from bayes_mirglmm.evidence.lrt import likelihood_ratio_test, psd_cone_weights


def test_one_slope_is_the_mixture_of_stram_and_lee():
    lrt = np.array([0.1, 2.7, 5.0, 40.0])
    test = likelihood_ratio_test(lrt / 2, np.zeros(4), 1)
    expected = 0.5 * stats.chi2.sf(lrt, 1) + 0.5 * stats.chi2.sf(lrt, 2)
    np.testing.assert_allclose(test.p_value, expected, rtol=1e-12)
    np.testing.assert_allclose(test.p_value_chi2, stats.chi2.sf(lrt, 2), rtol=1e-12)
    np.testing.assert_allclose(test.lrt, lrt, rtol=1e-15)
    assert test.df == 2


def test_degrees_of_freedom_are_the_parameters_dropped():
    for q in (1, 2, 3, 4):
        k = q + 1
        assert likelihood_ratio_test(1.0, 0.0, q).df == k * (k + 1) // 2 - 1


def test_weights_in_closed_form():
    root = np.sqrt(2)
    np.testing.assert_allclose(psd_cone_weights(1), [0.5, 0.5], rtol=1e-14)
    # q = 2: a circular cone in three dimensions with half-angle 45 degrees
    circular = [(2 - root) / 4, root / 4, root / 4, (2 - root) / 4]
    np.testing.assert_allclose(psd_cone_weights(2), circular, rtol=1e-12)
    half = [1 / 4 - 1 / (root * np.pi), (root - 1) / 4, 1 / (root * np.pi), 1 - 1 / root]
    np.testing.assert_allclose(psd_cone_weights(3), half + half[2::-1], rtol=1e-10)


@pytest.mark.parametrize("q", [2, 3, 4, 5, 8])
def test_weights_are_those_of_a_self_dual_cone(q):
    weights = np.array(psd_cone_weights(q))
    assert weights.sum() == pytest.approx(1, abs=1e-12)
    np.testing.assert_allclose(weights, weights[::-1], atol=1e-12)
    # intrinsic volumes of a cone that is not a subspace: even and odd ones sum to 1/2 (Gauss-Bonnet)
    assert weights[::2].sum() == pytest.approx(0.5, abs=1e-10)


@pytest.mark.parametrize("q", [2, 3, 4])
def test_p_values_are_uniform_for_projected_gaussian_matrices(q, chance):
    rng = np.random.default_rng(q)
    n = 40_000
    matrices = rng.normal(size=(n, q, q))
    eigenvalues = np.linalg.eigvalsh((matrices + matrices.transpose(0, 2, 1)) / 2)
    lrt = (np.maximum(eigenvalues, 0) ** 2).sum(axis=1) + rng.chisquare(q, n)
    test = likelihood_ratio_test(lrt / 2, np.zeros(n), q)
    assert stats.kstest(test.p_value, "uniform").statistic < chance.distance(n)
    assert (test.p_value_chi2 >= test.p_value).all()
    assert (test.p_value_chi2 < 0.05).mean() < 0.03


def information(covariances: list[np.ndarray]) -> np.ndarray:
    """Information about (intercept variance; covariances; slopes' block) of effects, K = 3."""
    changes = []
    for i, j in [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)]:
        change = np.zeros((3, 3))
        change[i, j] = change[j, i] = 1
        changes.append(change)
    parts = [[np.linalg.solve(v, change) for change in changes] for v in covariances]
    return sum(0.5 * np.array([[np.trace(a @ b) for b in part] for a in part]) for part in parts)


def projected(m: np.ndarray, k: int) -> np.ndarray:
    """Information about the parameters from the k-th on, the first k projected out."""
    return m[k:, k:] - m[k:, :k] @ np.linalg.solve(m[:k, :k], m[:k, k:])


def test_information_about_the_slopes_is_a_frobenius_norm():
    rng = np.random.default_rng(7)
    v = stats.wishart(6, np.eye(3)).rvs(random_state=rng)
    left = projected(information([v]), 3)
    inverse = np.linalg.inv(v[1:, 1:])
    for _ in range(5):
        s = rng.normal(size=(2, 2))
        s = s + s.T
        vector = np.array([s[0, 0], s[0, 1], s[1, 1]])
        assert vector @ left @ vector == pytest.approx(0.5 * np.trace(inverse @ s @ inverse @ s), rel=1e-10)


def test_size_with_isomirs_of_very_different_precision(chance):
    """The Gaussian limit for 8 isomiRs in 3 groups of unequal size: what the module's docstring quotes."""
    rng = np.random.default_rng(0)
    angles = np.linspace(0, np.pi, 400, endpoint=False)
    rays = np.stack([np.cos(angles) ** 2, np.cos(angles) * np.sin(angles), np.sin(angles) ** 2], axis=1)
    sizes, conservative, n = [], [], 40_000
    for _ in range(4):
        covariances = []
        for _ in range(8):
            a, b, c = np.exp(rng.normal(0, 1.2)) * 0.3 / rng.permutation([3, 7, 20])
            v = np.array([[a, -a, -a], [-a, a + b, a], [-a, a, a + c]])
            v[0, 0] += 2.0
            covariances.append(v)
        metric = projected(information(covariances), 3)
        y = rng.normal(size=(n, 3)) @ np.linalg.cholesky(np.linalg.inv(metric)).T
        inside = (y[:, 0] > 0) & (y[:, 0] * y[:, 2] > y[:, 1] ** 2)
        length = np.einsum("ij,jk,ik->i", y, metric, y)
        along = np.maximum(y @ metric @ rays.T, 0) ** 2 / np.einsum("ij,jk,ik->i", rays, metric, rays)
        lrt = np.where(inside, length, along.max(axis=1)) + rng.chisquare(2, len(y))
        test = likelihood_ratio_test(lrt / 2, np.zeros(len(lrt)), 2)
        sizes.append((test.p_value < 0.05).mean())
        conservative.append((test.p_value_chi2 < 0.05).mean())
    # The mixture is an approximation here, good to 0.002; the rest is the chance of 40,000 draws.
    low, high = chance.share(0.05, n, len(sizes))
    assert low - 0.002 < min(sizes) <= max(sizes) < high + 0.002
    assert max(conservative) < 0.025


def test_nan_rounding_and_failed_fits():
    full = [5.0, np.nan, 3.0, 3.0 - 1e-5, 1.0, -np.inf]
    test = likelihood_ratio_test(full, [3.0] * 6, 1)
    np.testing.assert_allclose(test.lrt, [4.0, np.nan, 0.0, 0.0, -4.0, np.nan])
    assert test.p_value[0] == pytest.approx(0.5 * 0.04550026 + 0.5 * 0.13533528, rel=1e-6)
    assert test.p_value_chi2[0] == pytest.approx(np.exp(-2))
    for p in (test.p_value, test.p_value_chi2):
        np.testing.assert_array_equal(np.isnan(p), [False, True, False, False, True, True])
        assert p[2] == p[3] == 1.0


def test_far_tails_do_not_vanish():
    test = likelihood_ratio_test(700.0, 0.0, 3)
    assert 0 < test.p_value <= test.p_value_chi2 < 1e-290
    assert test.p_value == pytest.approx(
        sum(w * special.chdtrc(3 + d, 1400) for d, w in enumerate(psd_cone_weights(3))), rel=1e-12
    )


@pytest.mark.parametrize("slopes", [0, -1, 1.5])
def test_a_test_needs_a_slope(slopes):
    with pytest.raises(ValueError, match="at least one slope"):
        likelihood_ratio_test(1.0, 0.0, slopes)
