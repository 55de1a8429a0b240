"""Restricted likelihood and random terms of samples against glmmTMB (``glmmtmb/README.md``)."""

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bayes_mirglmm.marginal import MarginalFit, Terms, fit_marginal

FOLDER = Path(__file__).parent / "glmmtmb"
CASES = [
    (model, criterion, family)
    for model in ("plain", "time", "fixed_patient", "patient", "nested", "crossed", "slope")
    for criterion in ("ml", "reml")
    for family in ("nbinom2", "poisson")
    if family == "nbinom2" or model in ("plain", "patient")
]
GROUPINGS = {"patient": ["patient"], "nested": ["site", "patient"], "crossed": ["batch", "patient"]}


@cache
def fitted(model: str, criterion: str, family: str) -> tuple[MarginalFit, pd.DataFrame]:
    """Our fit, and the rows of the reference."""
    samples = pd.read_csv(FOLDER / "samples.tsv", sep="\t")
    counts = pd.read_csv(FOLDER / "counts.tsv", sep="\t", index_col=0)
    rows = pd.read_csv(FOLDER / "fits.tsv", sep="\t")
    rows = rows[(rows["model"] == model) & (rows["criterion"] == criterion) & (rows["family"] == family)]
    level = {name: pd.factorize(samples[name], sort=True)[0] for name in ("patient", "site", "batch")}
    one, time = np.ones((len(samples), 1)), samples[["time"]].to_numpy()
    z = np.hstack([one, (samples[["group"]] == "B").to_numpy(dtype=float)])
    x = np.hstack([z, time]) if model in ("time", "slope") else z
    if model == "fixed_patient":
        x = np.hstack([x, level["patient"][:, None] == np.arange(1, 8)])
    names = GROUPINGS.get(model, [])
    terms = Terms(tuple(one for _ in names), tuple(level[name] for name in names))
    if model == "slope":
        terms = Terms((np.hstack([one, time]),), (level["patient"],))
    fit = fit_marginal(
        counts.to_numpy(),
        np.log(samples["total"].to_numpy() / 1e6),
        x,
        z,
        terms=terms,
        criterion="reml" if criterion == "reml" else "ml",
        family="poisson" if family == "poisson" else "negative_binomial",
    )
    return fit, rows


@pytest.mark.parametrize(("model", "criterion", "family"), CASES)
def test_log_likelihood(model, criterion, family):
    fit, rows = fitted(model, criterion, family)
    expected = rows.loc[rows["name"] == "log_likelihood", "estimate"].item()
    assert fit.log_likelihood == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("model", "criterion", "family"), CASES)
def test_fixed_effects_and_standard_errors(model, criterion, family):
    fit, rows = fitted(model, criterion, family)
    expected = rows[rows["kind"] == "fixed"]
    np.testing.assert_allclose(fit.beta, expected["estimate"], atol=1e-4)
    np.testing.assert_allclose(np.sqrt(np.diag(fit.beta_cov)), expected["std_error"], rtol=1e-3)


@pytest.mark.parametrize(("model", "criterion", "family"), CASES)
def test_variance_components(model, criterion, family):
    fit, rows = fitted(model, criterion, family)
    expected = rows[rows["kind"] == "sd"].set_index("name")["estimate"]
    names = GROUPINGS.get(model, []) if model != "slope" else ["patient"]
    ours = [*np.sqrt(np.diag(fit.omega)), fit.sigma_sample]
    theirs = [expected["isomir (Intercept)"], expected["isomir groupB"], expected["sample (Intercept)"]]
    for name, cov in zip(names, fit.term_covs, strict=True):
        ours += list(np.sqrt(np.diag(cov)))
        theirs += list(expected[expected.index.str.startswith(f"{name} ")])
    np.testing.assert_allclose(ours, theirs, atol=2e-4)
    assert (fit.outcome == "boundary") == (model == "nested")


@pytest.mark.parametrize("criterion", ["ml", "reml"])
def test_correlation_and_modes_of_a_random_slope(criterion):
    fit, rows = fitted("slope", criterion, "nbinom2")
    correlation = rows[(rows["kind"] == "correlation") & (rows["name"] == "patient")]["estimate"].item()
    cov = fit.term_covs[0]
    assert cov[0, 1] / np.sqrt(cov[0, 0] * cov[1, 1]) == pytest.approx(correlation, abs=1e-3)
    modes = rows[rows["kind"] == "patient"]["estimate"].to_numpy().reshape(2, 8)
    np.testing.assert_allclose(fit.term_effects[0].T, modes, atol=1e-3)


def test_restricted_variances_are_larger_where_fixed_effects_are_many():
    """Eight patients as fixed effects on 32 samples: the sample variance of maximum likelihood lacks 9 of 32 df."""
    ml, reml = (fitted("fixed_patient", criterion, "nbinom2")[0] for criterion in ("ml", "reml"))
    assert (reml.sigma_sample / ml.sigma_sample) ** 2 == pytest.approx(32 / (32 - 9), rel=0.05)


@pytest.mark.parametrize("criterion", ["ml", "reml"])
def test_a_grouping_is_the_covariance_that_it_stands_for(criterion):
    """(1 | patient) with SD s beside sample effects is Sigma = I + (s / sigma)^2 Z Z'."""
    fit, _ = fitted("patient", criterion, "nbinom2")
    samples = pd.read_csv(FOLDER / "samples.tsv", sep="\t")
    counts = pd.read_csv(FOLDER / "counts.tsv", sep="\t", index_col=0)
    same = samples["patient"].to_numpy()[:, None] == samples["patient"].to_numpy()
    z = np.column_stack([np.ones(len(samples)), samples["group"] == "B"])
    other = fit_marginal(
        counts.to_numpy(),
        np.log(samples["total"].to_numpy() / 1e6),
        z,
        z,
        criterion=criterion,
        sample_covariance=np.eye(len(samples)) + fit.term_covs[0][0, 0] / fit.sigma_sample**2 * same,
    )
    assert other.log_likelihood == pytest.approx(fit.log_likelihood, abs=1e-7)
    assert other.sigma_sample == pytest.approx(fit.sigma_sample, rel=1e-4)
    np.testing.assert_allclose(other.u, fit.u + fit.term_effects[0].ravel().repeat(4), atol=1e-3)
