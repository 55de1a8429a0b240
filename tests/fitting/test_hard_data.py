"""miRNAs that are hard on purpose: each ends in a true status, without a warning of numpy, by every method."""

import numpy as np
import pandas as pd
import pytest

import bayes_mirglmm as bm
from bayes_mirglmm.counts.container import make_counts
from bayes_mirglmm.outcomes import STATUSES

GROUPS = ["a", "b"]


def typical(rng, isomirs=5, n=12, mean=200.0, theta=5.0):
    return rng.negative_binomial(theta, theta / (theta + mean), (isomirs, n))


def cases():
    """Counts (isomiRs, samples), the groups, the formula, and the statuses that are true of each."""
    rng = np.random.default_rng(1)
    groups = np.repeat(GROUPS, 6)
    plain = typical(rng)
    fine = {"ok", "boundary"}

    def made(name, counts, allowed, group=groups, formula="~ group", **columns):
        return pytest.param(counts, group, formula, columns, allowed, id=name)

    zero = plain.copy()
    zero[:, groups == "a"] = 0
    yield made("all zero in one group", zero, {"separated"})
    large = plain.copy()
    large[0] *= 1_000_000
    yield made("one isomiR 10^6 times the others", large, fine)
    single = np.zeros_like(plain)
    single[2, 3] = 7
    yield made("a single cell", single, {"separated"})
    yield made("equal counts", np.full_like(plain, 50), {"poisson_limit"})
    yield made("theta near 0.01", typical(rng, theta=0.01), {*fine, "separated", "not_converged"})
    yield made("theta near 10^6", typical(rng, theta=1e6), {*fine, "poisson_limit"})
    wide = typical(rng, 2, 1000)
    yield made("2 isomiRs, 1000 samples", wide, fine, np.repeat(GROUPS, 500))
    tall = typical(rng, 1000, 4)
    yield made("1000 isomiRs, 4 samples", tall, fine, np.repeat(GROUPS, 2))
    yield made("one sample in a group", plain, fine, np.array(["a"] + ["b"] * 11))
    yield made("duplicate samples", np.repeat(plain[:, ::2], 2, axis=1), {*fine, "poisson_limit"})
    outlier = plain.copy()
    outlier[1, 2] = 10**9
    yield made("an outlier of 10^9", outlier, fine)
    eight = np.repeat(list("abcdefgh"), 2)
    yield made("8 groups", typical(rng, 5, 16), fine, eight)


# pytest turns warnings into errors, also those of numpy.
def fitted(counts, group, formula, columns, **more):
    """Fit one hard miRNA among the reads of others: totals are those of a library."""
    n = counts.shape[1]
    names = [f"s{i}" for i in range(n)]
    table = pd.DataFrame({"group": group, **columns}, index=names)
    total = np.maximum(counts.sum(axis=0) + 1_000_000, 2_000_000)
    isomirs = [f"i{k}" for k in range(len(counts))]
    container = make_counts(
        counts, isomir=isomirs, mirna=["hard"] * len(isomirs), sample=names, samples=table, total=total
    )
    return bm.fit(container, formula, progress=False, **more)


def check(fit, allowed):
    status = fit.status().iloc[0]
    assert status["status"] in allowed, status["reason"]
    assert STATUSES[status["status"]].code == status["status"]
    if status["status"] != "ok":
        assert status["reason"]
    if status["status"] in ("separated", "not_converged"):
        return
    effects = fit.effects()
    assert np.isfinite(effects["estimate"]).all()
    assert (effects["std_error"] > 0).all()


@pytest.mark.parametrize(("counts", "group", "formula", "columns", "allowed"), list(cases()))
def test_by_maximum_likelihood(counts, group, formula, columns, allowed):
    check(fitted(counts, group, formula, columns, max_seconds=300), allowed)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["laplace", "nuts"])
@pytest.mark.parametrize(("counts", "group", "formula", "columns", "allowed"), list(cases()))
def test_by_a_posterior(counts, group, formula, columns, allowed, method):
    """Proper priors give every case a posterior; a hard one may say that its numbers are rough."""
    if counts.size > 1500:
        pytest.skip("minutes")
    more = {"draws": 100, "tune": 100, "chains": 2} if method == "nuts" else {}
    fit = fitted(counts, group, formula, columns, method=method, max_seconds=600, **more)
    status = fit.status().iloc[0]
    assert status["status"] in ("ok", "not_converged")
    if status["status"] == "ok":
        assert np.isfinite(fit.effects()["estimate"]).all()


def test_a_collinear_batch_is_refused_by_name():
    rng = np.random.default_rng(2)
    group = np.repeat(GROUPS, 6)
    with pytest.raises(bm.InputError, match="batch"):
        fitted(typical(rng), group, "~ group + batch", {"batch": np.where(group == "a", "x", "y")})
