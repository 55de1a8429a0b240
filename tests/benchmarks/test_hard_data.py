"""miRNAs that are hard on purpose: each ends in a true status, without a warning of numpy, by every method.

``python benchmarks/hard_data.py`` fits all of them by all methods.
"""

import hard_data
import numpy as np
import pytest

import bayes_mirglmm as bm
from bayes_mirglmm.outcomes import STATUSES

CASES = {case.name: case for case in hard_data.cases()}


# pytest turns warnings into errors, also those of numpy.
@pytest.mark.parametrize("name", CASES)
def test_by_maximum_likelihood(name):
    case = CASES[name]
    fit = case.fit("ml", max_seconds=300)
    status = fit.status().iloc[0]
    assert status["status"] in case.allowed, status["reason"]
    assert STATUSES[status["status"]].code == status["status"]
    if status["status"] != "ok":
        assert status["reason"]
    if status["status"] in ("separated", "not_converged"):
        return
    effects = fit.effects()
    assert np.isfinite(effects["estimate"]).all()
    assert (effects["std_error"] > 0).all()


def check_posterior(name, method, **more):
    """Proper priors give every case a posterior; a hard one may say that its numbers are rough."""
    fit = CASES[name].fit(method, max_seconds=600, **more)
    status = fit.status().iloc[0]
    assert status["status"] in hard_data.OF_A_POSTERIOR
    if status["status"] == "ok":
        assert np.isfinite(fit.effects()["estimate"]).all()
    else:
        assert status["reason"]


@pytest.mark.parametrize("name", CASES)
def test_by_nested_laplace(name):
    check_posterior(name, "laplace")


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.counts.size <= 1500])
def test_by_nuts(name):
    check_posterior(name, "nuts", draws=100, tune=100, chains=2)


def test_a_collinear_batch_is_refused_by_name():
    group = np.repeat(hard_data.GROUPS, 6)
    batch = {"batch": np.where(group == "a", "x", "y")}
    with pytest.raises(bm.InputError, match="batch"):
        hard_data.fitted(hard_data.typical(np.random.default_rng(2)), group, "~ group + batch", batch)
