"""Random terms of samples in the tree of one miRNA: names, arithmetic, and the prior."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import bayes_mirglmm as bm
from bayes_mirglmm.design.build import build_design
from bayes_mirglmm.model import TermPriors
from bayes_mirglmm.results.term_draws import (
    log_prior_of_terms,
    prior_of_terms,
    shared_by_levels,
    term_group,
    term_names,
)

SPEC = bm.load_model("mirglmm").with_prior("sd_term", scale=0.6)


@pytest.fixture(scope="module")
def design():
    rng = np.random.default_rng(2)
    samples = pd.DataFrame(
        {
            "group": np.tile(["a", "b"], 6),
            "patient": np.repeat(["p1", "p2", "p3", "p4"], 3),
            "lab": np.tile(["l1", "l1", "l2"], 4),
            "time": rng.uniform(20, 80, 12),
        },
        index=[f"s{i}" for i in range(12)],
    )
    return build_design(samples, "~ group + (time | patient) + (1 | patient:lab)")


def test_effects_are_laid_out_as_in_the_dataset(design):
    effect = np.arange(2 * 3 * 16.0).reshape(2, 3, 16)
    cov = np.broadcast_to(np.diag([4.0, 9.0, 1.0]) + 0.0, (2, 3, 3, 3)).copy()
    cov[..., 0, 1] = cov[..., 1, 0] = 3.0
    found = term_group(design.random, cov, effect)
    assert {name: dims for name, (dims, _) in found.items()} == {
        "effect_patient": ("level_patient", "term_patient"),
        "sd_effect_patient": ("term_patient",),
        "correlation_effect_patient": ("pair_patient",),
        "effect_patient_lab": ("level_patient_lab", "term_patient_lab"),
        "sd_effect_patient_lab": ("term_patient_lab",),
    }
    names = term_names(design.random)
    assert names["pair_patient"] == ["Intercept, time"]
    assert names["level_patient_lab"][0] == "p1:l1"
    np.testing.assert_array_equal(found["sd_effect_patient"][1][0, 0], [2.0, 3.0])
    np.testing.assert_array_equal(found["correlation_effect_patient"][1][0, 0], [0.5])
    z = np.hstack([term.indicators for term in design.random])
    np.testing.assert_allclose(shared_by_levels(design.random, found), effect @ z.T, atol=1e-9)


def test_prior_draws_have_the_priors_distribution(design, chance):
    count = 4000
    cov, effect = prior_of_terms(SPEC.priors, design.random, count, np.random.default_rng(3))
    found = term_group(design.random, cov, effect)
    back = np.linalg.inv(TermPriors.of(SPEC.priors, design.random).back[0])
    own = back @ cov[:, :2, :2] @ back.T
    sd = np.sqrt(np.einsum("skk->sk", own))
    rate = chance.RATE / 4
    for values, distribution in (
        (sd[:, 0], stats.halfnorm(scale=0.6)),
        (sd[:, 1], stats.halfnorm(scale=0.6)),
        ((1 + own[:, 0, 1] / sd.prod(axis=1)) / 2, stats.beta(2, 2)),
        (found["effect_patient_lab"][1][:, 3, 0] / found["sd_effect_patient_lab"][1][:, 0], stats.norm()),
    ):
        assert stats.kstest(values, distribution.cdf).pvalue > rate


def test_log_prior_differs_by_a_constant_from_scipys(design):
    cov, effect = prior_of_terms(SPEC.priors, design.random, 6, np.random.default_rng(4))
    found = {name: values for name, (_, values) in term_group(design.random, cov, effect).items()}
    log_prior = log_prior_of_terms(SPEC.priors, design.random, found)
    back = np.linalg.inv(TermPriors.of(SPEC.priors, design.random).back[0])
    own = back @ cov[:, :2, :2] @ back.T
    sd = np.sqrt(np.einsum("skk->sk", own))
    rho = own[:, 0, 1] / sd.prod(axis=1)
    expected = stats.halfnorm(scale=0.6).logpdf(sd).sum(axis=1)
    np.testing.assert_allclose(np.ptp(log_prior["sd_effect_patient"][1] - expected), 0, atol=1e-9)
    expected = stats.beta(2, 2).logpdf((1 + rho) / 2)
    np.testing.assert_allclose(np.ptp(log_prior["correlation_effect_patient"][1] - expected), 0, atol=1e-9)
    assert "correlation_effect_patient_lab" not in log_prior
