"""Designs: the matrices, their names, the choices of slope, reference and nuisance, and what is refused."""

import numpy as np
import pandas as pd
import pytest

from bayes_mirglmm.counts.container import make_counts, sample_table
from bayes_mirglmm.design.build import build_design
from bayes_mirglmm.errors import InputError


@pytest.fixture
def samples() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "group": ["b", "a", "c", "a", "b", "c", "a", "b"],
            "batch": ["2", "1", "1", "2", "1", "2", "1", "2"],
            "age": [30, 41, 52, 47, 38, 60, 55, 33],
            "treated": [True, False, False, True, True, False, False, True],
            "dose": [0.0, 1.0, 10.0, 10.0, 1.0, 0.0, 10.0, 1.0],
            "lane no": [1, 2, 3, 4, 5, 6, 7, 8],
        },
        index=[f"s{i}" for i in range(8)],
    )


def test_strings_are_factors_with_sorted_levels_and_the_first_variable_is_the_slope(samples):
    design = build_design(samples, "~ group + age")
    assert design.terms == ("Intercept", "group[T.b]", "group[T.c]", "age")
    expected = np.column_stack(
        [np.ones(8), samples["group"] == "b", samples["group"] == "c", samples["age"]]
    ).astype(float)
    np.testing.assert_array_equal(design.x, expected)
    assert design.x.dtype == np.float64
    assert design.slope == "group"
    assert design.slope_terms == ("Intercept", "group[T.b]", "group[T.c]")
    np.testing.assert_array_equal(design.z, expected[:, :3])
    assert design.blocks == (0, 0, 0)
    assert design.factors == {"group": ("a", "b", "c")}
    assert (design.rank, design.residual_df, design.cautions) == (4, 4, ())
    assert design.samples == tuple(samples.index)
    with pytest.raises(ValueError, match="read-only"):
        design.x[0, 0] = 2.0


@pytest.mark.parametrize("reference", ["c", ["c"], ("c", "a"), np.str_("c")])
def test_reference_level_comes_first(samples, reference):
    design = build_design(samples, "~ group", reference={"group": reference})
    assert design.factors["group"] == ("c", "a", "b")
    assert design.terms == design.slope_terms == ("Intercept", "group[T.a]", "group[T.b]")


def test_reference_may_order_all_levels(samples):
    design = build_design(samples, "~ group", reference={"group": ["b", "c", "a"]})
    assert design.factors["group"] == ("b", "c", "a")


def test_categoricals_keep_their_order_and_lose_unused_levels(samples):
    samples["group"] = pd.Categorical(samples["group"], categories=["x", "c", "b", "a"])
    assert build_design(samples, "~ group").factors["group"] == ("c", "b", "a")


def test_booleans_are_factors(samples):
    design = build_design(samples, "~ treated", reference={"treated": True})
    assert design.terms == ("Intercept", "treated[T.False]")
    np.testing.assert_array_equal(design.x[:, 1], ~samples["treated"])


def test_numbers_are_covariates_and_c_makes_factors_sorted_as_numbers(samples):
    assert build_design(samples, "~ dose").terms == ("Intercept", "dose")
    design = build_design(samples, "~ C(dose)", reference={"dose": 1})
    assert design.terms == ("Intercept", "C(dose)[T.0]", "C(dose)[T.10]")
    assert design.factors == {"dose": ("1", "0", "10")}
    assert design.slope == "dose"
    assert design.slope_terms == design.terms


def test_slope_takes_the_columns_that_the_formula_makes_of_it(samples):
    design = build_design(samples, "~ group + log(age)", slope="age")
    assert design.slope_terms == ("Intercept", "log(age)")
    logs = np.log(samples["age"])
    np.testing.assert_allclose(design.x[:, design.terms.index("log(age)")], logs, rtol=1e-15)
    np.testing.assert_allclose(design.z[:, 1], logs - logs.mean(), atol=1e-15)
    curve = build_design(samples, "~ poly(age, 2)*treated", slope="age")
    assert curve.slope_terms == ("Intercept", "poly(age, 2)[1]", "poly(age, 2)[2]")
    for k, name in enumerate(curve.slope_terms):
        np.testing.assert_allclose(curve.z[:, k], curve.x[:, curve.terms.index(name)], atol=1e-15)


def test_interactions_get_no_isomir_slopes(samples):
    design = build_design(samples, "~ treated*age")
    assert design.terms == ("Intercept", "treated[T.True]", "age", "treated[T.True]:age")
    assert design.slope_terms == ("Intercept", "treated[T.True]")


def test_formula_without_variables_has_no_slope(samples):
    design = build_design(samples, "~ 1")
    assert (design.slope, design.terms, design.slope_terms) == (None, ("Intercept",), ("Intercept",))
    assert build_design(samples[[]], "~ 1").x.shape == (8, 1)


def test_nuisance_has_a_block_each_and_centred_columns(samples):
    design = build_design(samples, "~ treated + age", nuisance=["age", "group"])
    assert design.terms == ("Intercept", "treated[T.True]", "age")
    assert design.slope_terms == ("Intercept", "treated[T.True]", "age", "group[T.b]", "group[T.c]")
    assert design.blocks == (0, 0, 1, 2, 2)
    np.testing.assert_allclose(design.z[:, 2:].mean(axis=0), 0, atol=1e-15)
    np.testing.assert_allclose(design.z[:, 2], samples["age"] - samples["age"].mean(), rtol=1e-14)
    assert np.ptp(design.z[:, 3]) == 1.0
    assert build_design(samples, "~ treated", nuisance="age").blocks == (0, 0, 1)


def test_nuisance_space_does_not_depend_on_the_reference_level(samples):
    spans = [
        build_design(samples, "~ treated", nuisance="group", reference={"group": level}).z[:, 2:]
        for level in ("a", "c")
    ]
    projectors = [span @ np.linalg.pinv(span) for span in spans]
    np.testing.assert_allclose(projectors[0], projectors[1], atol=1e-12)


def test_paired_design_is_an_ordinary_factor():
    columns = {"group": ["n", "t"] * 4, "case": np.repeat(list("pqrs"), 2)}
    paired = pd.DataFrame(columns, index=list("abcdefgh"))
    design = build_design(paired, "~ group + case")
    assert design.slope == "group"
    assert (design.rank, design.residual_df) == (5, 3)
    assert design.cautions == ()


def test_saturated_and_single_sample_designs_are_allowed_and_flagged(samples):
    design = build_design(samples.iloc[:2], "~ group")
    assert design.residual_df == 0
    assert design.single_sample_levels == ("group[a]", "group[b]")
    assert "saturated (2 samples, 2 coefficients)" in design.cautions[0]
    assert "only one sample has group[a], group[b]" in design.cautions[1]


def test_a_design_can_be_made_again_from_itself(samples):
    design = build_design(
        samples, "C(dose)*treated + log(age)", slope="treated", reference={"dose": 10}, nuisance="lane no"
    )
    again = build_design(
        design.table, design.formula, slope=design.slope, reference=design.factors, nuisance=design.nuisance
    )
    for name in (
        "formula",
        "terms",
        "slope",
        "slope_terms",
        "blocks",
        "factors",
        "nuisance",
        "rank",
        "samples",
    ):
        assert getattr(design, name) == getattr(again, name)
    np.testing.assert_array_equal(design.x, again.x)
    np.testing.assert_array_equal(design.z, again.z)


def test_order_of_samples_does_not_matter(samples):
    design = build_design(samples, "~ group*age", nuisance="batch")
    order = [3, 1, 7, 0, 2, 6, 5, 4]
    shuffled = build_design(samples.iloc[order], "~ group*age", nuisance="batch")
    assert shuffled.terms == design.terms
    np.testing.assert_array_equal(shuffled.x, design.x[order])
    np.testing.assert_allclose(shuffled.z, design.z[order], atol=1e-15)


def test_sample_table_has_the_sample_columns_of_the_container(samples):
    counts = make_counts(
        np.ones((2, 8), dtype=int),
        isomir=["i", "j"],
        mirna=["m", "m"],
        sample=list(samples.index),
        samples=samples,
    )
    table = sample_table(counts)
    assert list(table.columns) == list(samples.columns)
    assert list(table.index) == list(samples.index)
    np.testing.assert_array_equal(table["group"], samples["group"])
    assert build_design(table, "~ group + age").terms == ("Intercept", "group[T.b]", "group[T.c]", "age")


@pytest.mark.parametrize(
    ("formula", "options", "words"),
    [
        ("~ grop", {}, ["'grop'", "Did you mean 'group'", "batch, age"]),
        ("~ group", {"slope": "Age"}, ["slope= uses 'Age'", "'age'"]),
        ("~ group", {"slope": "age"}, ["'age' is not in the formula", "'~ group + age'", "nuisance="]),
        ("~ group:age", {}, ["only together with other variables (group:age)", "'a * b'"]),
        ("~ group", {"nuisance": "agee"}, ["nuisance= uses 'agee'"]),
        ("~ group", {"nuisance": ["age", "age"]}, ["'age' more than once"]),
        ("~ group", {"nuisance": "group"}, ["'group' is the slope variable and in nuisance="]),
        ("~ group", {"reference": {"group": "ctrl"}}, ["'ctrl' for 'group'", "levels are: a, b, c"]),
        ("~ group", {"reference": {"batch": "1"}}, ["names 'batch', which the design does not use"]),
        ("~ group", {"reference": {"group": ["a", "a"]}}, ["'a' of 'group' more than once"]),
        ("~ age", {"reference": {"age": 30}}, ["'age', a column of numbers", "C(age)"]),
        ("~ log(dose)", {}, ["'log(dose)' is not a finite number for 2 samples: s0, s5"]),
        ("~ group + I(3 * age - 1) + age", {}, ["age = 0.3333 Intercept + 0.3333 I(3 * age - 1)"]),
        ("~ group * batch * age", {}, ["has 12 columns and there are 8 samples"]),
        ("~ C(`lane no`) + group", {}, ["has 10 columns and there are 8 samples"]),
    ],
)
def test_refusals_name_the_cause_and_the_remedy(samples, formula, options, words):
    with pytest.raises(InputError) as error:
        build_design(samples, formula, **options)
    for word in words:
        assert word in str(error.value)


def test_confounded_factors_are_refused_as_a_sum_of_columns(samples):
    samples["site"] = samples["group"].map({"a": "x", "b": "y", "c": "y"})
    with pytest.raises(InputError, match=r"site\[T.y\] = group\[T.b\] \+ group\[T.c\]\. Their effects"):
        build_design(samples, "~ group + site")


def test_empty_cell_of_an_interaction_is_refused(samples):
    with pytest.raises(InputError, match=r"group\[T.c\]:treated\[T.True\] = 0.*no sample has"):
        build_design(samples, "~ group * treated")


def test_nuisance_confounded_with_the_slope_is_refused(samples):
    samples["site"] = samples["treated"].map({True: "x", False: "y"})
    with pytest.raises(InputError, match=r"the isomiR effects .* site\[T.y\] = .* treated\[T.True\]"):
        build_design(samples, "~ treated", nuisance="site")


def test_factor_with_one_level_is_refused(samples):
    samples["site"] = "x"
    with pytest.raises(InputError, match="'site' has one level, 'x', in all 8 samples"):
        build_design(samples, "~ group + site")


@pytest.mark.parametrize(("column", "value"), [("group", None), ("group", " "), ("age", np.nan)])
def test_missing_values_are_refused_with_their_samples(samples, column, value):
    samples[column] = samples[column].astype(object if column == "group" else float)
    samples.loc[["s1", "s4"], column] = value
    with pytest.raises(InputError, match=f"'{column}' .* has no value for 2 samples: s1, s4"):
        build_design(samples, f"~ {column}")
    assert build_design(samples, "~ batch").rank == 2  # a column that is not used does not matter


def test_infinite_and_odd_values_are_refused(samples):
    samples["age"] = samples["age"].astype(float)
    samples.loc["s3", "age"] = np.inf
    with pytest.raises(InputError, match="'age' of the sample table is infinite for sample s3"):
        build_design(samples, "~ age")
    samples["when"] = pd.Timestamp("2024-01-01")
    with pytest.raises(InputError, match=r"'when' of the sample table holds Timestamp"):
        build_design(samples, "~ when")


def test_tables_that_cannot_be_used_are_refused(samples):
    with pytest.raises(InputError, match="no rows"):
        build_design(samples.iloc[:0], "~ group")
    with pytest.raises(InputError, match="more than one row for sample 's0'"):
        build_design(samples.iloc[[0, 0, 1]], "~ group")
    with pytest.raises(InputError, match="more than one column named 'age'"):
        build_design(samples[["group", "age", "age"]], "~ group")
    with pytest.raises(InputError, match="no sample table"):
        build_design(samples[[]], "~ group")


def test_nearly_collinear_covariates_pass(samples):
    samples["year"] = 2010 + samples["lane no"]
    assert build_design(samples, "~ year + I(year**2)").rank == 3
    samples["days"] = samples["year"] * 365.25 + np.tile([0.0, 1e-5], 4)
    with pytest.raises(InputError, match=r"linearly dependent columns: days = 365.3 year"):
        build_design(samples, "~ year + days")
