"""Tests of whole terms: by hand, against the test of a coefficient, and with known truth."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import bayes_mirglmm as bm
from bayes_mirglmm.errors import InputError

DOSES = {"samples": pd.DataFrame({"dose": np.repeat(["none", "low", "high"], 6), "batch": ["x", "y"] * 9})}


@pytest.fixture(scope="module")
def fit() -> bm.Fit:
    samples = DOSES["samples"].set_axis([f"s{i}" for i in range(18)])
    counts = bm.simulate(
        samples=samples,
        formula="~ dose + batch",
        n_mirnas=12,
        n_isomirs=6,
        covariate_sd=0.0,
        changed=0.5,
        seed=8,
    ).counts
    return bm.fit(
        counts, "~ dose + batch", slope="dose", reference={"dose": ["none", "low", "high"]}, progress=False
    )


def test_wald_f_by_hand(fit):
    table = fit.omnibus("dose").set_index("mirna")
    assert list(table.columns) == ["term", "f", "df", "residual_df", "p_value", "p_adjusted"]
    for mirna in fit.mirnas[:4]:
        data = fit.data.sel(mirna=mirna, model="full")
        terms = ["dose[T.low]", "dose[T.high]"]
        b = data["beta"].sel(term=terms).values
        v = data["beta_cov"].sel(term=terms, term2=terms).values
        statistic = b @ np.linalg.inv(v) @ b / 2
        assert table.loc[mirna, "f"] == pytest.approx(statistic, rel=1e-9)
        assert table.loc[mirna, "p_value"] == pytest.approx(stats.f(2, 14).sf(statistic), rel=1e-9)
    np.testing.assert_allclose(
        table["p_adjusted"], stats.false_discovery_control(table["p_value"]), rtol=1e-12
    )


def test_of_one_coefficient_it_is_the_t_test(fit):
    table, effects = fit.omnibus("batch"), fit.effects("batch[T.y]")
    np.testing.assert_allclose(table["f"], effects["z"] ** 2, rtol=1e-9)
    np.testing.assert_allclose(table["p_value"], effects["p_value"], rtol=1e-9)


def test_the_choice_of_reference_does_not_matter(fit):
    counts = fit.data["counts"]
    other = fit.contrast([{"dose": ("low", "high")}, {"dose": ("none", "high")}])
    first = other[other["mirna"] == fit.mirnas[0]]["estimate"].to_numpy()
    weights = np.array([[0, 1, -1, 0], [0, 0, -1, 0]], dtype=float)
    data = fit.data.sel(mirna=fit.mirnas[0], model="full")
    v = weights @ data["beta_cov"].values @ weights.T
    assert len(counts)
    assert first @ np.linalg.inv(v) @ first / 2 == pytest.approx(fit.omnibus("dose")["f"].iloc[0], rel=1e-8)


def test_likelihood_ratio_is_that_of_two_fits(fit):
    table = fit.omnibus("batch", lrt=True).set_index("mirna")
    counts = _counts_of(fit)
    without = bm.fit(counts, "~ dose", reference={"dose": ["none", "low", "high"]}, progress=False)
    full, reduced = (f.status().set_index("mirna")["log_likelihood"] for f in (fit, without))
    expected = np.maximum(0, 2 * (full - reduced)).reindex(table.index)
    np.testing.assert_allclose(table["lrt"], expected, atol=1e-5)
    np.testing.assert_allclose(table["lrt_p_value"], stats.chi2(1).sf(table["lrt"]), rtol=1e-9)


def test_isomir_slopes_stay_when_their_term_goes(fit):
    """The null of ``dose`` is an average change of 0, not isomiRs without changes."""
    table = fit.omnibus("dose", lrt=True)
    assert (table["df"] == 2).all()
    found, none = table["p_value"] < 1e-4, table["p_value"] > 0.2
    assert (table.loc[found, "lrt"] > 10).all()
    assert (table.loc[none, "lrt"] < 8).all()


def test_a_mirna_keeps_its_terms_together(fit):
    table = fit.omnibus()
    assert table["term"].tolist() == ["dose", "batch"] * len(fit)
    assert table["mirna"].tolist() == [name for name in fit.mirnas for _ in range(2)]


def test_refusals(fit):
    with pytest.raises(
        InputError, match=r"'doze' is not a term .* Did you mean 'dose'.* Its terms are: dose, batch"
    ):
        fit.omnibus("doze")


def _counts_of(fit):
    from bayes_mirglmm.counts.container import make_counts

    data = fit.data
    counts = make_counts(
        data["counts"].values.astype(int),
        isomir=data["isomir"].values,
        mirna=data["isomir_mirna"].values,
        sample=list(data["sample"].values),
        samples=fit.samples,
    )
    return counts.assign_coords(total=("sample", data["total"].values))
