"""Random terms of samples against lme4, which takes the expected curvature (``glmmtmb/README.md``)."""

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bayes_mirglmm.marginal import MarginalFit, Terms, fit_marginal

FOLDER = Path(__file__).parent / "glmmtmb"
GROUPINGS = {
    "patient": ["patient"],
    "nested": ["site", "patient"],
    "crossed": ["batch", "patient"],
    "slope": ["patient"],
}
CASES = [(model, family) for model in GROUPINGS for family in ("nbinom2", "poisson")]


@cache
def fitted(model: str, family: str) -> tuple[MarginalFit, pd.Series]:
    """Our fit, and lme4's numbers by kind and name."""
    samples = pd.read_csv(FOLDER / "samples.tsv", sep="\t")
    counts = pd.read_csv(FOLDER / "counts.tsv", sep="\t", index_col=0)
    rows = pd.read_csv(FOLDER / "fits_lme4.tsv", sep="\t")
    rows = rows[(rows["model"] == model) & (rows["family"] == family)]
    one, time = np.ones((len(samples), 1)), samples[["time"]].to_numpy()
    z = np.hstack([one, (samples[["group"]] == "B").to_numpy(dtype=float)])
    columns = np.hstack([one, time]) if model == "slope" else one
    level = [pd.factorize(samples[name], sort=True)[0] for name in GROUPINGS[model]]
    fit = fit_marginal(
        counts.to_numpy(),
        np.log(samples["total"].to_numpy() / 1e6),
        np.hstack([z, time]) if model == "slope" else z,
        z,
        terms=Terms(tuple(columns for _ in level), tuple(level)),
        curvature="expected",
        family="poisson" if family == "poisson" else "negative_binomial",
    )
    return fit, rows.set_index(["kind", "name"])["estimate"]


@pytest.mark.parametrize(("model", "family"), CASES)
def test_log_likelihood(model, family):
    fit, expected = fitted(model, family)
    assert fit.log_likelihood == pytest.approx(expected["fit", "log_likelihood"], abs=1e-6)


@pytest.mark.parametrize(("model", "family"), CASES)
def test_estimates(model, family):
    fit, expected = fitted(model, family)
    np.testing.assert_allclose(fit.beta, expected["fixed"], atol=5e-5)
    sd = expected["sd"]
    ours = [*np.sqrt(np.diag(fit.omega)), fit.sigma_sample]
    theirs = [sd["isomir (Intercept)"], sd["isomir groupB"], sd["sample (Intercept)"]]
    for name, cov in zip(GROUPINGS[model], fit.term_covs, strict=True):
        ours += list(np.sqrt(np.diag(cov)))
        theirs += list(sd[sd.index.str.startswith(f"{name} ")])
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
    if family == "nbinom2":
        assert fit.theta == pytest.approx(expected["fit", "theta"], rel=1e-5)
