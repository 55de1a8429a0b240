"""Random terms and a covariance of samples from the formula to the tables, and back from a folder."""

import numpy as np
import pandas as pd
import pytest

import bayes_mirglmm as bm
from bayes_mirglmm.marginal import Terms, fit_marginal

GROUP = "group[T.B]"


@pytest.fixture(scope="module")
def counts():
    """Six pairs, and three days across them; what the members of a pair share is in the counts."""
    found = bm.simulate(n_per_group=6, n_mirnas=5, seed=5).counts
    found = found.isel(isomir=found["mirna"].values != "background")
    order = np.argsort(found["group"].values, kind="stable")
    pair = np.empty(12, dtype=int)
    pair[order] = np.tile(np.arange(6), 2)
    shared = np.exp(0.8 * np.random.default_rng(2).normal(size=6))[pair]
    values = np.round(found["counts"].values * shared).astype(np.int64)
    found = found.assign(counts=(found["counts"].dims, values))
    return found.assign_coords(
        patient=("sample", [f"p{k}" for k in pair]), day=("sample", [f"d{k % 3}" for k in range(12)])
    )


@pytest.fixture(scope="module")
def fits(counts):
    return {
        criterion: bm.fit(counts, "~ group + (1 | patient)", criterion=criterion, progress=False)
        for criterion in ("ml", "reml")
    }


@pytest.mark.parametrize("criterion", ["ml", "reml"])
def test_numbers_are_those_of_the_engine(fits, criterion):
    fit = fits[criterion]
    level = fit.design.random[0].level
    for mirna in fit.mirnas[:3]:
        here = fit.data.sel(mirna=mirna, model="full")
        found = fit_marginal(
            fit.data["counts"].values[fit.data["isomir_mirna"].values == mirna],
            fit.data["offset"].values,
            fit.design.x,
            fit.design.z,
            terms=Terms((np.ones((12, 1)),), (level,)),
            criterion=criterion,
        )
        assert float(here["random_cov"][0, 0]) == pytest.approx(found.term_covs[0][0, 0], abs=1e-3)
        np.testing.assert_allclose(here["beta"], found.beta, atol=1e-4)
        np.testing.assert_allclose(here["random_effect"], found.term_effects[0].ravel(), atol=1e-3)


def test_variance_components_name_the_term(fits):
    table = fits["ml"].variance_components()
    one = table[table["mirna"] == fits["ml"].mirnas[0]]
    assert one["group"].tolist() == ["isomir", "isomir", "sample", "patient", "dispersion"]
    patient = one[one["group"] == "patient"].iloc[0]
    assert (patient["term"], patient["term2"]) == ("Intercept", "")
    assert patient["sd"] == pytest.approx(0.8, abs=0.5)


def test_correlated_effects_of_a_term(counts):
    fit = bm.fit(counts, "~ group + (group | day)", progress=False)
    table = fit.variance_components()
    one = table[(table["mirna"] == fit.mirnas[0]) & (table["group"] == "day")]
    assert one["term"].tolist() == ["Intercept", "group"]
    assert one["term2"].tolist() == ["", "Intercept"]
    cov = fit.data["random_cov"].sel(mirna=fit.mirnas[0], model="full").values
    assert one["sd"].tolist() == pytest.approx(np.sqrt(np.diag(cov)))


def test_pairs_have_the_degrees_of_freedom_of_pairs(fits):
    """12 samples, 6 patients and a difference within them: 5, in tables and contrasts."""
    table = fits["ml"].effects(terms=GROUP)
    assert (table["df"] == 5).all()
    assert "t with 5 df" in repr(fits["ml"])
    contrast = fits["ml"].contrast({"group": ("A", "B")})
    assert (contrast["df"] == 5).all()
    np.testing.assert_allclose(contrast["p_value"], table["p_value"], rtol=1e-12)
    half = table["upper"] - table["estimate"]
    np.testing.assert_allclose(half, 2.5705818 * table["std_error"], rtol=1e-6)


def test_the_usage_test_has_the_term_in_both_models(counts, fits):
    usage = fits["ml"].usage()
    assert (usage["lrt"] >= 0).all()
    without = bm.fit(counts, "~ group", progress=False)
    gained = fits["ml"].data["log_likelihood"] - without.data["log_likelihood"]
    assert (gained > -1e-6).all()
    assert (gained.max("mirna") > 1.0).all()


def test_fitted_means_have_the_effects_of_the_term(fits):
    """mu = y - response residual, from the parts of the linear predictor."""
    fit = fits["ml"]
    mirna = fit.mirnas[0]
    here = fit.data.sel(mirna=mirna, model="full")
    rows = fit.data["isomir_mirna"].values == mirna
    eta = fit.data["offset"].values + fit.design.x @ here["beta"].values + here["u"].values
    eta = eta + here["random_effect"].values[fit.design.random[0].level]
    eta = eta + fit.data["b"].values[rows] @ fit.design.z.T
    mu = fit.data["counts"].values[rows] - fit.residuals(mirna, "response").values
    np.testing.assert_allclose(mu, np.exp(eta), rtol=1e-9)
    assert np.abs(here["random_effect"]).max() > 0.1


def test_a_run_comes_back(fits, tmp_path):
    fit = fits["reml"]
    fit.save(tmp_path / "run")
    again = bm.load(tmp_path / "run")
    assert again.design.random[0].levels == fit.design.random[0].levels
    for table in ("effects", "isomir_effects", "variance_components", "usage", "status"):
        pd.testing.assert_frame_equal(getattr(again, table)(), getattr(fit, table)(), check_exact=True)
    mirna = again.mirnas[0]
    np.testing.assert_array_equal(again.residuals(mirna), fit.residuals(mirna))


def test_a_given_covariance(counts, tmp_path):
    """Pairs as a covariance of samples; the order of the names does not matter."""
    patient, names = counts["patient"].values, counts["sample"].values
    frame = pd.DataFrame(np.where(patient[:, None] == patient, 0.5, 0.0) + 0.5 * np.eye(12), names, names)
    fit = bm.fit(counts, "~ group", sample_covariance=frame, progress=False)
    mixed = frame.sample(frac=1.0, random_state=1)
    mixed = mixed[list(mixed.index[::-1])]
    again = bm.fit(counts, "~ group", sample_covariance=mixed, progress=False)
    pd.testing.assert_frame_equal(again.effects(), fit.effects(), check_exact=True)
    independent = bm.fit(counts, "~ group", progress=False)
    assert float((fit.data["log_likelihood"] - independent.data["log_likelihood"]).max()) > 1.0
    fit.save(tmp_path / "run")
    np.testing.assert_array_equal(bm.load(tmp_path / "run").data["sample_covariance"], frame)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s[:5, :5], "has shape .5, 5., but the counts have 12 samples"),
        (lambda s: s + np.triu(np.full_like(s, 0.1), 1), "is not symmetric"),
        (lambda s: s - 2.0 * np.ones_like(s), "has a negative eigenvalue"),
        (lambda s: s * np.nan, "is zero or not finite"),
        (lambda s: pd.DataFrame(s, [f"x{i}" for i in range(12)]), "lacks sample"),
    ],
)
def test_what_is_no_covariance_is_refused(counts, change, message):
    with pytest.raises(bm.InputError, match=message):
        bm.fit(counts, "~ group", sample_covariance=change(np.eye(12)), progress=False)


@pytest.mark.parametrize("criterion", ["ml", "reml"])
def test_of_one_coefficient_the_test_of_a_term_is_its_t_test(fits, criterion):
    table, effects = fits[criterion].omnibus("group"), fits[criterion].effects(GROUP)
    np.testing.assert_allclose(table["residual_df"], effects["df"], rtol=1e-12)
    np.testing.assert_allclose(table["p_value"], effects["p_value"], rtol=1e-9)


def test_the_likelihood_ratio_test_of_a_term_keeps_the_random_terms(counts):
    full = bm.fit(counts, "~ day + group + (1 | patient)", slope="day", progress=False)
    without = bm.fit(counts, "~ day + (1 | patient)", progress=False)
    expected = 2.0 * (full.data["log_likelihood"] - without.data["log_likelihood"]).sel(model="full").values
    np.testing.assert_allclose(full.omnibus("group", lrt=True)["lrt"], expected, atol=1e-5)
