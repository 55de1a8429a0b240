import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayes_mirglmm as bm

MIRNA = "sim-miR-2"
SAME = 1e-6  # the same numbers go into both fits
#: Covariates are measured from another mean, so that the search takes other steps. It stops where it has 1e-6 nats or
#: less to gain, about 1e-3 standard errors from the optimum.
CLOSE = 1e-2


@pytest.fixture(scope="module")
def counts() -> xr.Dataset:
    return bm.simulate(4, n_mirnas=4, n_isomirs=8, usage=0.0, theta=20.0, seed=3).counts


def planted(mirna: str, factor: int) -> xr.Dataset:
    """Eight samples of A and two of B, in the first of which every second isomiR of a miRNA is multiplied."""
    counts = bm.simulate(8, n_mirnas=4, n_isomirs=16, usage=0.0, theta=20.0, seed=3).counts
    counts = counts.isel(sample=slice(10))
    values = counts["counts"].values.copy()
    values[np.flatnonzero(counts["mirna"].values == mirna)[::2], 8] *= factor
    made = counts.assign(counts=(("isomir", "sample"), values))
    more = made["counts"].sum("isomir") - counts["counts"].sum("isomir")
    return made.assign_coords(total=counts["total"] + more)


def alone(counts: xr.Dataset, sample: int, formula: str, **options: object) -> bm.Fit:
    """Fit counts without a sample, whose totals stay those of the whole."""
    others = np.delete(np.arange(counts.sizes["sample"]), sample)
    return bm.fit(counts.isel(sample=others), formula, usage_test="lrt", progress=False, **options)


def test_each_row_is_the_fit_without_that_sample(counts: xr.Dataset) -> None:
    fit = bm.fit(counts, "~ group", usage_test="lrt", progress=False)
    found = fit.influential_samples(list(fit.mirnas))
    assert list(found["mirna"].unique()) == list(fit.mirnas)
    assert len(found) == 4 * 8
    assert found["reason"].eq("").all()
    whole = fit.effects("group[T.B]").set_index("mirna")
    assert found["estimate"].to_numpy() == pytest.approx(whole.loc[found["mirna"], "estimate"].to_numpy())
    assert found["p_value"].to_numpy() == pytest.approx(whole.loc[found["mirna"], "p_value"].to_numpy())
    for sample in (0, 6):
        by_hand = alone(counts, sample, "~ group")
        effects = by_hand.effects("group[T.B]")
        rows = found[found["sample"] == str(counts["sample"].values[sample])]
        size = effects["std_error"].to_numpy()
        assert np.abs(rows["estimate_without"].to_numpy() - effects["estimate"]).max() < SAME * size.min()
        assert rows["p_value_without"].to_numpy() == pytest.approx(effects["p_value"].to_numpy(), rel=SAME)
        usage = by_hand.usage()["p_value"].to_numpy()
        assert rows["p_value_usage_without"].to_numpy() == pytest.approx(usage, rel=SAME)
        assert np.abs(rows["estimate_without"] - rows["estimate"]).min() > 0.01 * size.min()


def test_a_sample_that_makes_a_call_of_usage_decides_it() -> None:
    fit = bm.fit(planted("sim-miR-4", 4), "~ group", usage_test="lrt", progress=False)
    found = fit.influential_samples()
    assert "sim-miR-4" in set(found["mirna"])  # it is called
    found = found[found["mirna"] == "sim-miR-4"].set_index("sample")
    assert found["p_value_usage"].eq(found["p_value_usage"].iloc[0]).all()
    assert found["p_value_usage"].iloc[0] < 0.005
    assert found.loc["B_1", "p_value_usage_without"] > 0.2
    assert found.index[found["decides_usage"]].tolist() == ["B_1"]


def test_a_sample_that_hides_usage_decides_too() -> None:
    """Without the second sample of B, the multiplied one is B."""
    fit = bm.fit(planted("sim-miR-3", 3), "~ group", usage_test="lrt", progress=False)
    found = fit.influential_samples("sim-miR-3").set_index("sample")
    assert found["p_value_usage"].iloc[0] > 0.1
    assert found.loc["B_2", "p_value_usage_without"] < 0.005
    assert found.index[found["decides_usage"]].tolist() == ["B_2"]


@pytest.mark.parametrize("options", [{"preset": "mirglmm"}, {"criterion": "reml"}, {"df": "z"}])
def test_the_choices_of_the_fit_are_kept(counts: xr.Dataset, options: dict[str, str]) -> None:
    found = bm.fit(counts, "~ group", usage_test="lrt", progress=False, **options).influential_samples(MIRNA)
    by_hand = alone(counts, 2, "~ group", **options)
    effect = by_hand.effects("group[T.B]").set_index("mirna").loc[MIRNA]
    usage = by_hand.usage().set_index("mirna").loc[MIRNA]
    column = "p_value_chi2" if "preset" in options else "p_value"
    row = found.iloc[2]
    assert row["p_value_without"] == pytest.approx(effect["p_value"], rel=SAME)
    assert row["p_value_usage_without"] == pytest.approx(usage[column], rel=SAME)


def test_random_terms_covariates_and_contrasts(counts: xr.Dataset) -> None:
    more = counts.assign_coords(
        age=("sample", [31.0, 64.0, 45.0, 52.0, 38.0, 70.0, 41.0, 59.0]), patient=("sample", list("abcdabcd"))
    )
    formula = "~ group + age + (1 | patient)"
    fit = bm.fit(more, formula, progress=False, usage_test="lrt")
    contrast = {"group": ("A", "B")}
    found = fit.influential_samples(MIRNA, contrasts=contrast)
    effect = alone(more, 5, formula).contrast(contrast).set_index("mirna").loc[MIRNA]
    assert found["contrast"].nunique() == 1
    assert abs(found["estimate_without"].iloc[5] - effect["estimate"]) < CLOSE * effect["std_error"]
    assert found["p_value_without"].iloc[5] == pytest.approx(effect["p_value"], rel=CLOSE)
    age = fit.influential_samples(MIRNA, "age")
    by_hand = alone(more, 5, formula).effects("age").set_index("mirna").loc[MIRNA]
    assert abs(age["estimate_without"].iloc[5] - by_hand["estimate"]) < CLOSE * by_hand["std_error"]


def test_a_sample_that_the_design_needs_has_a_reason(counts: xr.Dataset) -> None:
    some = counts.isel(sample=[0, 1, 2, 4])
    found = bm.fit(some, "~ group", progress=False).influential_samples(MIRNA)
    assert len(found) == 4
    last = found.iloc[3]
    assert last["reason"] == (
        f"The design without {some['sample'].values[3]} has linearly dependent columns: group[T.B] = 0. Their effects "
        "cannot be told apart: only this sample separates them."
    )
    without = ["estimate_without", "p_value_without", "p_value_usage_without"]
    assert found[without].iloc[3].isna().all()
    assert found["estimate_without"].iloc[:3].notna().all()
    assert not last["decides_effect"]
    assert not last["decides_usage"]
    assert found["reason"].iloc[:3].eq("").all()
    two = bm.fit(counts.isel(sample=[0, 1, 4]), "~ group", progress=False).influential_samples(MIRNA)
    assert two["reason"].iloc[0] == (
        f"Without {counts['sample'].values[0]} no degrees of freedom are left, and nothing is tested."
    )
    assert two["p_value_without"].isna().all()


def test_without_the_levels_of_a_random_term(counts: xr.Dataset) -> None:
    paired = counts.assign_coords(patient=("sample", list("abcdaefg")))
    found = bm.fit(paired, "~ group + (1 | patient)", progress=False).influential_samples(MIRNA)
    name = counts["sample"].values[4]
    assert found["reason"].iloc[4] == (
        f"Without {name} 'patient' has a level for every sample: only this sample tells its variance."
    )
    assert found["reason"].eq("").sum() == 6


def test_a_group_that_has_counts_in_one_sample_alone(counts: xr.Dataset) -> None:
    values = counts["counts"].values.copy()
    rows = np.flatnonzero(counts["mirna"].values == MIRNA)
    values[rows[:, None], [5, 6, 7]] = 0
    lone = counts.assign(counts=(("isomir", "sample"), values))
    found = bm.fit(lone, "~ group", progress=False).influential_samples(MIRNA)
    assert found["reason"].iloc[4].startswith("A group of samples has no counts at all")
    assert np.isnan(found["estimate_without"].iloc[4])


def test_a_bayesian_fit_has_those_of_its_fit_by_maximum_likelihood(counts: xr.Dataset) -> None:
    fit = bm.fit(counts, "~ group", method="laplace", mirnas=MIRNA, progress=False)
    pd.testing.assert_frame_equal(fit.influential_samples(MIRNA), fit.ml.influential_samples(MIRNA))


def test_what_is_refused(counts: xr.Dataset) -> None:
    fit = bm.fit(counts, "~ group", progress=False, usage_test="lrt")
    with pytest.raises(bm.InputError, match="this fit has no miRNA 'sim-miR-9'"):
        fit.influential_samples("sim-miR-9")
    with pytest.raises(bm.InputError, match="no coefficient 'age'"):
        fit.influential_samples(terms="age")
    with pytest.raises(bm.InputError, match="has no variable"):
        bm.fit(counts, "~ 1", progress=False).influential_samples()
    nothing = fit.influential_samples([])
    assert nothing.empty
    assert nothing["decides_usage"].dtype == bool
