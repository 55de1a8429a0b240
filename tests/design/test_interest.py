import numpy as np
import pandas as pd
import pytest

from bayes_mirglmm.design.build import build_design
from bayes_mirglmm.design.interest import interest
from bayes_mirglmm.errors import InputError

SAMPLES = pd.DataFrame(
    {
        "group": list("AABBCC") * 2,
        "batch": ["x"] * 6 + ["y"] * 6,
        "age": np.arange(12.0) ** 1.2,
    },
    index=[f"s{i}" for i in range(12)],
)


def test_factor_is_split_from_the_covariates() -> None:
    found = interest(build_design(SAMPLES, "~ group + batch + age", nuisance="batch"))
    assert found.name == "group"
    np.testing.assert_allclose(
        found.columns, (SAMPLES["group"].to_numpy()[:, None] == list("ABC")) / np.sqrt(2)
    )
    np.testing.assert_array_equal(found.fixed[:, :2], [[1, b] for b in (SAMPLES["batch"] == "y")])
    assert found.fixed.shape == (12, 3)
    assert np.linalg.matrix_rank(found.others) == 3  # the nuisance column stands among the fixed ones
    np.testing.assert_array_equal(found.strata, [0] * 6 + [1] * 6)
    assert found.blocks == (0, 1)
    np.testing.assert_allclose(found.random, np.column_stack([np.ones(12), np.repeat([-0.5, 0.5], 6)]))


def test_interactions_of_the_variable_are_no_covariates() -> None:
    found = interest(build_design(SAMPLES, "~ batch * group", slope="group"))
    np.testing.assert_array_equal(found.fixed, [[1, b] for b in (SAMPLES["batch"] == "y")])


def test_number_is_in_two_standard_deviations() -> None:
    found = interest(build_design(SAMPLES, "~ age + batch"))
    np.testing.assert_allclose(found.columns.std(axis=0), 0.5)
    other = interest(build_design(SAMPLES.assign(age=365.0 * SAMPLES["age"] - 40.0), "~ age + batch"))
    np.testing.assert_allclose(found.columns, other.columns, atol=1e-12)


def test_one_coefficient_holds_the_others() -> None:
    design = build_design(SAMPLES, "~ group")
    found = interest(design, "group[T.C]")
    np.testing.assert_array_equal(found.columns[:, 0], SAMPLES["group"] == "C")
    np.testing.assert_array_equal(found.others[:, 1], SAMPLES["group"] == "B")
    with pytest.raises(InputError, match=r"'group\[T.D\]' is no coefficient of 'group'.*'group\[T.B\]'"):
        interest(design, "group[T.D]")


def test_without_a_variable() -> None:
    with pytest.raises(InputError, match="needs a slope variable"):
        interest(build_design(SAMPLES, "~ 1"))


def test_random_groupings_limit_relabelling() -> None:
    paired = SAMPLES.assign(patient=[f"p{i % 6}" for i in range(12)], time=["0"] * 6 + ["1"] * 6)
    found = interest(build_design(paired, "~ time + (1 | patient)"))
    np.testing.assert_array_equal(found.strata, np.tile(np.arange(6), 2))
    nested = interest(build_design(paired, "~ group + (1 | patient)"))
    assert len(set(nested.strata)) == 12  # both samples of a patient are of one group
