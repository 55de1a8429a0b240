"""Integers that are no counts of reads get a caution, counts get none; sums beyond 64 bits are refused."""

import numpy as np
import pandas as pd
import pytest

import bayes_mirglmm as bm
from bayes_mirglmm.counts.container import MAX_COUNT, make_counts
from bayes_mirglmm.counts.plausibility import count_cautions
from bayes_mirglmm.errors import InputError


@pytest.fixture(scope="module")
def real():
    return bm.simulate(4, ("a", "b"), n_mirnas=8, n_isomirs=6, seed=3).counts


def container(values):
    n, m = values.shape
    return make_counts(
        values, isomir=[f"i{k}" for k in range(n)], mirna=["m"] * n, sample=[f"s{k}" for k in range(m)]
    )


def test_counts_of_libraries_get_none(real):
    assert count_cautions(real) == []
    assert count_cautions(bm.filter_counts(real, None, 3.0)) == []


def test_rounded_cpm(real):
    sums = real["counts"].sum("isomir")
    (caution,) = count_cautions(container(np.rint(real["counts"] / sums * 1e6).values))
    assert caution.kind == "not_counts"
    assert caution.startswith("these do not look like counts: the totals of all 8 samples are alike (")


def test_rounded_logarithms(real):
    cpm = real["counts"] / real["counts"].sum("isomir") * 1e6
    cautions = count_cautions(container(np.rint(np.log2(cpm + 1)).values))
    assert any("no value is above" in caution and "logarithms" in caution for caution in cautions)


def test_rows_of_few_reads_from_deep_libraries_are_counts(real):
    few = container(np.minimum(real["counts"].values, 30)).assign_coords(total=real["total"])
    assert count_cautions(few) == []


def test_sums_beyond_64_bits_are_refused_by_name():
    values = np.full((2000, 2), 1, dtype=np.int64)
    values[:, 1] = MAX_COUNT
    with pytest.raises(InputError, match=r"the counts of sample s1 add up to 1\.8e\+19, more than 2\^62"):
        container(values)


def test_rows_whose_sum_is_beyond_64_bits_are_refused_by_name():
    frame = pd.DataFrame(
        {"seq": ["a"] * 1500, "mir": ["m"] * 1500, "s1": [MAX_COUNT] * 1500, "s2": [1] * 1500}
    )
    with pytest.raises(
        InputError, match=r"rows of isomiR 'a' add up to 1\.35e\+19 in sample 's1', more than 2\^62"
    ):
        bm.from_dataframe(frame, duplicates="sum")
