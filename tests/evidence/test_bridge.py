"""Bridge sampling: known normalising constants, a conjugate model, calibrated errors, dependent draws."""

import numpy as np
import pytest
from scipy import integrate, signal, special, stats

from bayes_mirglmm.evidence.bridge import bridge_sampling
from bayes_mirglmm.evidence.bridge_proposal import fit_proposal

#: Stated errors are estimates: 6 of them leave one false alarm in a million, where 5 would do for exact ones.
LIMIT = 6


def covariance(d, rng):
    root = rng.normal(size=(d, d)) / np.sqrt(d)
    return root @ root.T + 0.1 * np.eye(d)


def test_a_gaussian_is_found_almost_exactly():
    # The proposal nearly equals the posterior: what is left is the error of the fitted covariance.
    rng = np.random.default_rng(1)
    mean, cov = rng.normal(size=6), covariance(6, rng)
    target = stats.multivariate_normal(mean, cov)
    draws = target.rvs(size=(4, 1000), random_state=rng)
    found = bridge_sampling(draws, lambda x: target.logpdf(x) + 123.456)
    assert found.log_evidence == pytest.approx(123.456, abs=0.005)
    assert found.error < 0.003
    assert found.log_evidence == pytest.approx(np.mean(found.by_part), abs=1e-12)


def test_a_student_t_needs_a_heavy_tailed_proposal_to_be_precise():
    rng = np.random.default_rng(2)
    target = stats.multivariate_t(np.arange(5.0), covariance(5, rng), df=4)
    draws = target.rvs(size=4000, random_state=rng)
    plain = bridge_sampling(draws, lambda x: target.logpdf(x) - 7)
    heavy = bridge_sampling(draws, lambda x: target.logpdf(x) - 7, df=4)
    assert plain.log_evidence == pytest.approx(-7, abs=LIMIT * plain.error)
    assert heavy.log_evidence == pytest.approx(-7, abs=LIMIT * heavy.error)
    assert heavy.error < 0.5 * plain.error < 0.05


def skewed(x):
    """Log of independent exp-gamma densities (long left tails), times 1000."""
    return (1.5 * x - np.exp(x) - special.gammaln(1.5)).sum(axis=1) + np.log(1000)


def test_a_skewed_density_and_what_warping_gains():
    rng = np.random.default_rng(3)
    draws = np.log(rng.gamma(1.5, size=(4, 1500, 4)))
    plain = bridge_sampling(draws, skewed)
    warped = bridge_sampling(draws, skewed, warp=True)
    assert plain.log_evidence == pytest.approx(np.log(1000), abs=LIMIT * plain.error)
    assert warped.log_evidence == pytest.approx(np.log(1000), abs=LIMIT * warped.error)
    assert max(warped.error_by_part) < 0.8 * min(plain.error_by_part)


def test_a_funnel():
    # A hierarchical SD with three effects: log density known in closed form, far from any normal.
    def funnel(x):
        effects = stats.norm.logpdf(x[:, 1:], scale=np.exp(0.5 * x[:, :1])).sum(axis=1)
        return stats.norm.logpdf(x[:, 0]) + effects - 2.5

    rng = np.random.default_rng(4)
    log_sd = rng.normal(size=(20_000, 1))
    draws = np.hstack([log_sd, np.exp(0.5 * log_sd) * rng.normal(size=(20_000, 3))])
    found = bridge_sampling(draws, funnel, df=5)
    assert found.log_evidence == pytest.approx(-2.5, abs=LIMIT * found.error)
    assert found.error < 0.02


def conjugate(rng, groups=12, each=5):
    """Normal data with group means: hierarchical on purpose, with log evidence and posterior in closed form."""
    y = rng.normal(1.0, 1.2, size=(groups, 1)) + rng.normal(size=(groups, each))
    # coordinates: overall mean m ~ N(0, 3^2), then group means a_j ~ N(m, 1.2^2)
    design = np.kron(np.eye(groups), np.ones((each, 1)))
    design = np.hstack([np.zeros((len(design), 1)), design])
    prior_precision = np.zeros((groups + 1, groups + 1))
    prior_precision[0, 0] = 1 / 9 + groups / 1.44
    prior_precision[0, 1:] = prior_precision[1:, 0] = -1 / 1.44
    prior_precision[1:, 1:] = np.eye(groups) / 1.44
    precision = prior_precision + design.T @ design
    posterior = stats.multivariate_normal(
        np.linalg.solve(precision, design.T @ y.ravel()), np.linalg.inv(precision)
    )
    marginal = stats.multivariate_normal(
        np.zeros(y.size), np.eye(y.size) + design @ np.linalg.inv(prior_precision) @ design.T
    )

    def log_density(x):
        value = stats.norm.logpdf(x[:, 0], 0, 3) + stats.norm.logpdf(x[:, 1:], x[:, :1], 1.2).sum(axis=1)
        return value + stats.norm.logpdf(y, x[:, 1:, None], 1).sum(axis=(1, 2))

    return posterior, log_density, marginal.logpdf(y.ravel())


def test_a_conjugate_hierarchical_model():
    rng = np.random.default_rng(5)
    posterior, log_density, truth = conjugate(rng)
    draws = posterior.rvs(size=(4, 500), random_state=rng)
    dense = bridge_sampling(draws, log_density)
    sparse = bridge_sampling(draws, log_density, groups=[[j] for j in range(1, 13)])
    assert dense.log_evidence == pytest.approx(truth, abs=LIMIT * dense.error)
    assert sparse.log_evidence == pytest.approx(truth, abs=LIMIT * sparse.error)
    assert np.mean(sparse.error_by_part) < 0.7 * np.mean(dense.error_by_part) < 0.01


def test_the_sparse_proposal_makes_hundreds_of_dimensions_possible():
    rng = np.random.default_rng(6)
    posterior, log_density, truth = conjugate(rng, groups=200, each=2)
    draws = posterior.rvs(size=(4, 400), random_state=rng)
    found = bridge_sampling(draws, log_density, groups=[[j] for j in range(1, 201)])
    assert found.log_evidence == pytest.approx(truth, abs=LIMIT * found.error)
    assert found.error < 0.05


@pytest.mark.parametrize("memory", [0.0, 0.9])
def test_errors_are_calibrated_with_independent_and_with_autocorrelated_draws(memory, chance):
    """Over 400 replicates the errors are as large as stated, and centred."""
    replicates = 400
    rng = np.random.default_rng(7)
    errors, stated = [], []
    for seed in range(replicates):
        noise = rng.normal(size=(2, 1000, 3)) * np.sqrt(1 - memory**2)
        noise[:, 0] /= np.sqrt(1 - memory**2)  # stationary from the start
        normal = signal.lfilter([1], [1, -memory], noise, axis=1)
        draws = np.log(stats.gamma.ppf(stats.norm.cdf(normal), 1.5))
        found = bridge_sampling(draws, skewed, seed=seed)
        errors.append(found.log_evidence - np.log(1000))
        stated.append(found.error)
    standardised = np.array(errors) / stated
    low, high = chance.ratio(replicates)
    assert 0.8 * low < np.sqrt(np.mean(standardised**2)) < high  # the error may be up to 25 % too wide
    assert abs(np.mean(standardised)) < chance.z() / np.sqrt(replicates)
    assert np.median(stated) < 0.02
    assert np.mean(np.abs(standardised) < 1.96) >= chance.share(0.95, replicates)[0]


def test_repeating_every_draw_adds_no_information():
    """Errors stay as large as stated; with the repeats counted as draws their ratio is 1.3."""
    rng = np.random.default_rng(14)
    standardised = []
    for seed in range(400):
        draws = np.repeat(np.log(rng.gamma(1.5, size=(4, 100, 4))), 20, axis=1)
        found = bridge_sampling(draws, skewed, seed=seed)
        standardised.append((np.array(found.by_part) - np.log(1000)) / found.error_by_part)
    # 1.06 with a standard error of 0.025: the limits are 5.6 of them away.
    assert 0.92 < np.sqrt(np.mean(np.square(standardised))) < 1.2


def test_parts_that_disagree_enlarge_the_error():
    # Two modes; each chain's first half is in one, its second half in the other.
    rng = np.random.default_rng(8)

    def two_modes(x):
        return np.logaddexp(stats.norm.logpdf(x[:, 0], -6), stats.norm.logpdf(x[:, 0], 6, 0.2))

    draws = np.concatenate(
        [rng.normal(-6, 1, size=(2, 500, 1)), rng.normal(6, 0.2, size=(2, 500, 1))], axis=1
    )
    found = bridge_sampling(draws, two_modes, df=3)
    assert found.error == pytest.approx(np.std(found.by_part, ddof=1) / 2)
    assert found.error > 5 * np.linalg.norm(found.error_by_part) / 4  # that by each part alone
    assert found.log_evidence == pytest.approx(np.log(2), abs=LIMIT * found.error)


@pytest.mark.parametrize("df", [np.inf, 5.0])
@pytest.mark.parametrize("groups", [(), ([0], [2, 3])])
def test_the_proposal_is_normalised_and_draws_from_its_density(df, groups, chance):
    rng = np.random.default_rng(9)
    draws = rng.normal(size=(500, 4)) @ covariance(4, rng) + [1, -1, 0, 5]
    proposal = fit_proposal(draws, groups, df)
    points = proposal.draw(200_000, rng)
    # Its expectation of q/g is 1 for any normalised q inside its support.
    other = stats.multivariate_normal(draws.mean(axis=0), 0.5 * np.cov(draws.T))
    ratio = np.exp(other.logpdf(points) - proposal.log_density(points))
    assert ratio.mean() == pytest.approx(1, abs=6 * ratio.std() / np.sqrt(len(ratio)))
    assert ratio.std() < 5
    # Standard errors of means and products of 200,000 points; with 5 df they vary themselves.
    centred = points - draws.mean(axis=0)
    products = np.einsum("ij,ik->ijk", centred, centred)
    error, error_of_products = (x.std(axis=0) / np.sqrt(len(points)) for x in (centred, products))
    limit = 1.5 * chance.z(20)
    assert (np.abs(centred.mean(axis=0)) < limit * error).all()
    # Variances and the covariances with shared coordinates are those of the draws; between groups they are not.
    found, expected = products.mean(axis=0), np.cov(draws.T)
    kept = np.ones((4, 4), dtype=bool)
    if groups:
        kept[np.ix_([0], [2, 3])] = kept[np.ix_([2, 3], [0])] = False
    assert (np.abs(found - expected) < limit * error_of_products)[kept].all()
    assert (error_of_products < 0.05 * np.sqrt(np.outer(np.diag(expected), np.diag(expected)))).all()


def test_a_dense_proposal_has_the_density_of_scipy():
    rng = np.random.default_rng(10)
    draws = rng.normal(size=(300, 3)) @ covariance(3, rng)
    mean, cov = draws.mean(axis=0), np.cov(draws.T)
    normal, student = fit_proposal(draws, (), np.inf), fit_proposal(draws, (), 4.0)
    np.testing.assert_allclose(
        normal.log_density(draws), stats.multivariate_normal(mean, cov).logpdf(draws), rtol=1e-10
    )
    np.testing.assert_allclose(
        student.log_density(draws), stats.multivariate_t(mean, cov / 2, df=4).logpdf(draws), rtol=1e-10
    )


def test_one_dimension_against_quadrature_with_regions_of_density_zero():
    def density(x):
        value = -(np.abs(x) ** 3) + np.sin(2 * x)
        return np.where(x > -1, value, -np.inf)

    rng = np.random.default_rng(11)
    proposals = rng.uniform(-1, 4, size=400_000)
    keep = np.log(rng.uniform(size=proposals.size)) < density(proposals) - 1
    draws = proposals[keep][:20_000, None]
    truth = np.log(integrate.quad(lambda x: np.exp(density(np.array(x))), -1, 6)[0])
    found = bridge_sampling(draws, lambda x: density(x[:, 0]))
    one_by_one = bridge_sampling(draws, lambda x: float(density(x[0])), vectorized=False)
    assert found.log_evidence == pytest.approx(truth, abs=LIMIT * found.error)
    assert found.error < 0.01
    np.testing.assert_allclose(one_by_one.by_part, found.by_part, rtol=1e-9)


def test_the_seed_decides():
    rng = np.random.default_rng(12)
    draws = np.log(rng.gamma(1.5, size=(1000, 2)))
    assert bridge_sampling(draws, skewed, seed=3) == bridge_sampling(draws, skewed, seed=3)
    assert bridge_sampling(draws, skewed, seed=3) != bridge_sampling(draws, skewed, seed=4)


def test_what_cannot_be_used_is_refused():
    rng = np.random.default_rng(13)
    draws = rng.normal(size=(200, 2))

    def normal(x):
        return -0.5 * (x**2).sum(axis=1)

    with pytest.raises(ValueError, match=r"shape \(200,\)"):
        bridge_sampling(draws[:, 0], normal)
    with pytest.raises(ValueError, match="2 values of the draws are not finite"):
        bridge_sampling(np.where(draws == draws.max(axis=0), np.nan, draws), normal)
    with pytest.raises(ValueError, match="too few in 90 dimensions"):
        bridge_sampling(rng.normal(size=(200, 90)), normal)
    with pytest.raises(ValueError, match="NaN or infinite at"):
        bridge_sampling(draws, lambda x: np.where(x[:, 0] > 0, np.nan, normal(x)))
    with pytest.raises(ValueError, match="-inf at a draw"):
        bridge_sampling(draws, lambda x: np.where(x[:, 0] > 0, -np.inf, normal(x)))
    with pytest.raises(ValueError, match=r"returned shape \(50, 2\)"):
        bridge_sampling(draws, lambda x: x)
    with pytest.raises(ValueError, match="disjoint"):
        bridge_sampling(draws, normal, groups=[[0], [0]])
    with pytest.raises(ValueError, match="df is 2"):
        bridge_sampling(draws, normal, df=2)
    with pytest.raises(ValueError, match="singular"):
        bridge_sampling(draws * [1.0, 0.0], normal)


def test_slopes_that_are_chance_are_left_out_of_the_proposal():
    """A hundred groups whose coordinates depend on one of ten shared ones."""
    rng = np.random.default_rng(15)
    root = np.eye(110)
    root[10:, 0] = 0.5
    target = stats.multivariate_normal(np.zeros(110), root @ root.T)
    draws = target.rvs(size=(4, 400), random_state=rng)
    groups = [[j] for j in range(10, 110)]
    slopes = np.concatenate(fit_proposal(draws.reshape(-1, 110), groups, np.inf).slopes)
    # Chance gives each a square of 1 / 1600; what two halves agree on in a hundred of them is a fifth of that, or less.
    np.testing.assert_allclose(slopes[:, 0].mean(), 0.5, atol=6 * 0.025 / 10)
    assert (slopes[:, 1:] ** 2).mean() < 0.5 / 1600
    found = bridge_sampling(draws, target.logpdf, groups=groups)
    assert found.log_evidence == pytest.approx(0.0, abs=LIMIT * found.error)
