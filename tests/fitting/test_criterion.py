"""``criterion="reml"``: estimates by restricted likelihood, the test of usage by maximum likelihood."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import bayes_mirglmm as bm
from bayes_mirglmm.marginal import fit_marginal


@pytest.fixture(scope="module")
def counts():
    """Six pairs: group within patient."""
    found = bm.simulate(n_per_group=6, n_mirnas=6, seed=4).counts
    found = found.isel(isomir=found["mirna"].values != "background")
    order = np.argsort(found["group"].values, kind="stable")
    patient = np.empty(12, dtype=object)
    patient[order] = [f"p{k}" for k in range(6)] * 2
    return found.assign_coords(patient=("sample", patient))


@pytest.fixture(scope="module")
def fits(counts):
    return {
        criterion: bm.fit(counts, "~ group + patient", criterion=criterion, progress=False)
        for criterion in ("ml", "reml")
    }


def test_estimates_are_those_of_the_restricted_likelihood(counts, fits):
    fit = fits["reml"]
    for mirna in fit.mirnas:
        here = fit.data.sel(mirna=mirna, model="full")
        rows = fit.data["isomir_mirna"].values == mirna
        found = fit_marginal(
            fit.data["counts"].values[rows],
            fit.data["offset"].values,
            fit.design.x,
            fit.design.z,
            criterion="reml",
        )
        np.testing.assert_allclose(here["beta"], found.beta, atol=1e-5)
        np.testing.assert_allclose(np.diag(here["beta_cov"]), np.diag(found.beta_cov), rtol=1e-4)
        assert float(here["sigma_sample"]) == pytest.approx(found.sigma_sample, abs=1e-4)


def test_usage_and_log_likelihoods_are_those_of_maximum_likelihood(fits):
    pd.testing.assert_frame_equal(fits["reml"].usage(), fits["ml"].usage(), check_exact=True)
    both = [fits[name].data["log_likelihood"].values for name in ("reml", "ml")]
    np.testing.assert_array_equal(*both)


def test_many_fixed_effects_cost_what_they_cost(fits):
    """One coefficient a pair: the variances of maximum likelihood lack 7 of 12 degrees of freedom."""
    errors = [fits[name].effects(terms="group[T.B]")["std_error"].to_numpy() for name in ("reml", "ml")]
    assert (errors[0] > 1.1 * errors[1]).all()


def test_criterion_is_said_and_kept(fits, tmp_path):
    assert "restricted likelihood" in repr(fits["reml"])
    assert "restricted" not in repr(fits["ml"])
    fits["reml"].save(tmp_path / "run")
    again = bm.load(tmp_path / "run")
    assert again.data.attrs["criterion"] == "reml"
    pd.testing.assert_frame_equal(again.effects(), fits["reml"].effects(), check_exact=True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"criterion": "REML"}, "criterion='REML' is not one of 'ml', 'reml'"),
        ({"criterion": "reml", "method": "laplace"}, "criterion='reml' is a choice of method='ml'"),
        ({"criterion": "reml", "preset": "mirglmm"}, "preset='mirglmm' means criterion='ml'"),
    ],
)
def test_other_choices_are_refused(counts, options, message):
    with pytest.raises(bm.InputError, match=message):
        bm.fit(counts, "~ group", progress=False, **options)


def test_degrees_of_freedom_are_those_of_the_engine(counts, fits):
    fit = fits["reml"]
    table = fit.effects(terms="group[T.B]").set_index("mirna")
    assert (fits["ml"].effects()["df"] == 5).all()
    assert "t with Satterthwaite's df" in repr(fit)
    for mirna in fit.mirnas[:3]:
        rows = fit.data["isomir_mirna"].values == mirna
        found = fit_marginal(
            fit.data["counts"].values[rows],
            fit.data["offset"].values,
            fit.design.x,
            fit.design.z,
            criterion="reml",
        )
        assert table.loc[mirna, "df"] == pytest.approx(max(found.beta_df[1], 1.0), rel=0.02)
        t = stats.t(table.loc[mirna, "df"])
        assert table.loc[mirna, "p_value"] == pytest.approx(2 * t.sf(abs(table.loc[mirna, "z"])))
        half = table.loc[mirna, "upper"] - table.loc[mirna, "estimate"]
        assert half == pytest.approx(t.ppf(0.975) * table.loc[mirna, "std_error"])
    isomirs = fit.isomir_effects(terms="group[T.B]")
    assert isomirs.groupby("mirna")["df"].first().to_dict() == pytest.approx(table["df"].to_dict())


def test_a_fit_says_where_maximum_likelihood_goes_wrong(counts, fits):
    """7 coefficients for 12 samples; not two, nor by restricted likelihood, nor where R's ways are asked for."""

    def said(fit):
        return [
            c for c in fit.metadata["cautions"] if "maximum likelihood takes variances too small" in str(c)
        ]

    assert len(said(fits["ml"])) == 1
    assert "7 coefficients for 12 samples" in str(said(fits["ml"])[0])
    assert not said(fits["reml"])
    assert not said(bm.fit(counts, "~ group", progress=False))
    assert not said(bm.fit(counts, "~ group + patient", preset="mirglmm", progress=False))
