import numpy as np
import pytest
from scipy import stats

from bayes_mirglmm.errors import InputError


@pytest.fixture
def record(rng, make, two_groups):
    return make.record(rng, two_groups, "a", 3)


@pytest.fixture
def one(record, make, two_groups):
    return make.fit(two_groups, [record])


def means(record, design, numbers):
    offset = np.linspace(-1.0, 1.0, 8)
    rows = [np.exp(offset + design.x @ numbers.beta + design.z @ b + numbers.u) for b in numbers.b]
    return np.array(rows)


def test_definitions(one, record, two_groups):
    y, theta = record.counts, record.full.theta
    mu = means(record, two_groups, record.full)
    variance = mu + mu**2 / theta
    np.testing.assert_allclose(one.residuals("a", "response"), y - mu, rtol=1e-12)
    np.testing.assert_allclose(one.residuals("a", "working"), (y - mu) / mu, rtol=1e-12)
    np.testing.assert_allclose(one.residuals("a"), (y - mu) / np.sqrt(variance), rtol=1e-12)
    np.testing.assert_allclose(one.working_weights("a"), mu**2 / variance, rtol=1e-12)
    t = 1 / (1 + mu / theta)
    observed = one.working_weights("a", curvature="observed")
    np.testing.assert_allclose(observed, (1 + y / theta) * mu * t**2, rtol=1e-12)


def test_weight_times_working_residual_is_the_score(one, record, two_groups):
    mu, theta = means(record, two_groups, record.full), record.full.theta
    score = one.working_weights("a") * one.residuals("a", "working")

    def log_p(eta):
        return stats.nbinom.logpmf(record.counts, theta, theta / (theta + np.exp(eta)))

    eta, h = np.log(mu), 1e-5
    np.testing.assert_allclose(score, (log_p(eta + h) - log_p(eta - h)) / (2 * h), rtol=1e-6, atol=1e-6)


def test_deviance_is_twice_the_loss_of_log_likelihood(one, record, two_groups):
    y, theta = record.counts, record.full.theta
    mu = means(record, two_groups, record.full)
    saturated = np.where(y == 0, 0.0, stats.nbinom.logpmf(y, theta, theta / (theta + np.maximum(y, 1))))
    expected = 2 * (saturated - stats.nbinom.logpmf(y, theta, theta / (theta + mu)))
    found = one.residuals("a", "deviance")
    np.testing.assert_allclose(found**2, expected, rtol=1e-8, atol=1e-9)
    np.testing.assert_array_equal(np.sign(found), np.sign(y - mu))


def test_poisson_limit(rng, make, two_groups):
    numbers = make.numbers(rng, two_groups, 3, theta=np.inf, status="poisson_limit")
    record = make.record(rng, two_groups, "a", 3, full=numbers, counts=rng.integers(0, 3, (3, 8)))
    fit = make.fit(two_groups, [record])
    mu = means(record, two_groups, numbers)
    y = record.counts
    np.testing.assert_allclose(fit.residuals("a"), (y - mu) / np.sqrt(mu), rtol=1e-12)
    np.testing.assert_allclose(fit.working_weights("a"), mu, rtol=1e-12)
    deviance = 2 * (stats.poisson.logpmf(y, np.maximum(y, 1e-300)) - stats.poisson.logpmf(y, mu))
    np.testing.assert_allclose(fit.residuals("a", "deviance") ** 2, deviance, rtol=1e-9, atol=1e-11)


def test_large_counts_cancel_nothing(rng, make, two_groups):
    offset_free = np.linspace(-1.0, 1.0, 8)
    numbers = make.numbers(
        rng, two_groups, 1, theta=1e12, beta=np.array([np.log(1e9), 0.0]), b=np.zeros((1, 2)), u=np.zeros(8)
    )
    mu = np.exp(np.log(1e9) + offset_free)[None]
    y = np.rint(mu + np.sqrt(mu)).astype(np.int64)
    fit = make.fit(two_groups, [make.record(rng, two_groups, "a", 1, full=numbers, counts=y)])
    found = fit.residuals("a", "deviance").values
    pearson = fit.residuals("a", "pearson").values
    np.testing.assert_allclose(found, pearson, rtol=1e-4)


def test_labels(one, record):
    found = one.residuals("a")
    assert found.dims == ("isomir", "sample")
    assert list(found["isomir"].values) == record.isomirs
    assert list(found["sample"].values) == [f"s{i}" for i in range(8)]
    assert list(found["group"].values) == ["A"] * 4 + ["B"] * 4
    assert found.name == "pearson_residual"
    assert one.working_weights("a").name == "working_weight"


def test_the_model_shown_is_the_model_used(rng, make, two_groups):
    record = make.record(rng, two_groups, "a", 2, coefficients_from="reduced")
    numbers = record.reduced
    offset = np.linspace(-1.0, 1.0, 8)
    mu = np.exp(offset + two_groups.x @ numbers.beta + numbers.b[:, :1] + numbers.u)
    fit = make.fit(two_groups, [record])
    np.testing.assert_allclose(fit.residuals("a", "response"), record.counts - mu, rtol=1e-10)
    np.testing.assert_allclose(
        fit.residuals("a"), (record.counts - mu) / np.sqrt(mu + mu**2 / numbers.theta), rtol=1e-10
    )


def test_refusals(fit):
    with pytest.raises(InputError, match="unknown kind of residual 'raw': choose one of pearson"):
        fit.residuals("mir-ok", "raw")
    with pytest.raises(InputError, match="unknown curvature 'true'"):
        fit.working_weights("mir-ok", "true")
    with pytest.raises(InputError, match="no estimates: low_expression"):
        fit.residuals("mir-filtered")
