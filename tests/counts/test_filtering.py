"""Expression filters: published figures, thresholds, the record of what went."""

import numpy as np
import pandas as pd
import pytest

from bayes_mirglmm.counts.aggregate import mirna_counts
from bayes_mirglmm.counts.container import dropped, make_counts
from bayes_mirglmm.counts.filtering import filter_counts
from bayes_mirglmm.errors import InputError


@pytest.fixture
def counts():
    # totals of a million, so that counts are counts per million
    values = [[100, 120, 140, 160], [60, 2, 0, 0], [1, 1, 1, 1], [0, 0, 9, 9], [3, 0, 5, 0]]
    return make_counts(
        values,
        isomir=list("abcde"),
        mirna=["m1", "m1", "m1", "m2", "m3"],
        sample=list("wxyz"),
        total=[10**6] * 4,
    )


@pytest.mark.parametrize(
    ("name", "mirnas", "isomirs"),
    # the 20 samples in the folder; J of each miRNA with a reference fit by R agrees (next test)
    [("mirdata", 188, 4933), ("tcga_hnsc", 112, 1440), ("monocyte_example", 3, 43)],
)
def test_default_filters_on_real_data(real_counts, name, mirnas, isomirs):
    before = real_counts(name)
    after = filter_counts(before)
    assert len(set(after["mirna"].values)) == mirnas
    assert after.sizes["isomir"] == isomirs
    assert len(dropped(after)) + isomirs == before.sizes["isomir"]
    np.testing.assert_array_equal(after["total"], before["total"])
    if name == "monocyte_example":
        assert sorted(pd.Series(after["mirna"].values).value_counts()) == [5, 17, 21]


@pytest.mark.parametrize(
    ("name", "folder"),
    [("mirdata", "mirdata_group"), ("tcga_hnsc", "tcga20_group"), ("monocyte_example", "monocyte_group")],
)
def test_isomirs_kept_are_those_of_the_reference_fits(real_counts, shared, name, folder):
    fits = pd.read_csv(shared / "reference" / folder / "fits.tsv", sep="\t")
    expected = fits.groupby("miRNA")["J"].first()
    sizes = pd.Series(filter_counts(real_counts(name))["mirna"].values).value_counts()
    assert len(expected) >= 3
    pd.testing.assert_series_equal(sizes[expected.index], expected, check_names=False, check_dtype=False)


def test_values_are_compared_as_natural_logs_of_median_cpm(counts):
    after = filter_counts(counts, min_mirna_log_cpm=np.log(8), min_isomir_log_cpm=0.0)
    record = dropped(after).set_index("isomir")
    assert list(after["isomir"].values) == ["a"]
    # b: median of 60, 2, 0, 0; c: exactly at the threshold log 1 = 0, which is not above it
    assert record["reason"].to_dict() == {
        "b": "low_isomir_expression",
        "c": "low_isomir_expression",
        "d": "low_mirna_expression",
        "e": "low_mirna_expression",
    }
    expected = {"b": np.log(1.0), "c": np.log(1.0), "d": np.log(4.5), "e": np.log(1.5)}
    assert record["log_cpm"].to_dict() == pytest.approx(expected)
    assert record["mirna"].to_dict() == {"b": "m1", "c": "m1", "d": "m2", "e": "m3"}
    np.testing.assert_array_equal(after["total"], 10**6)


def test_the_mirna_threshold_is_strict(counts):
    sums = mirna_counts(counts)
    assert sums.sel(mirna="m1").values.tolist() == [161, 123, 141, 161]
    threshold = np.log(np.median(sums.sel(mirna="m1")))
    with pytest.raises(InputError, match=r"the highest are m1 5\.02, m2 1\.50, m3 0\.41"):
        filter_counts(counts, min_mirna_log_cpm=threshold)
    assert set(filter_counts(counts, np.nextafter(threshold, 0)).mirna.values) == {"m1"}


def test_cpm_is_per_million_of_the_total(counts):
    totals = np.array([1, 2, 3, 4]) * 10**6
    after = filter_counts(counts.assign_coords(total=("sample", totals)), None, 3.0)
    record = dropped(after).set_index("isomir")["log_cpm"]
    assert record["c"] == pytest.approx(np.log(np.median([1, 1 / 2, 1 / 3, 1 / 4])))


def test_a_median_of_zero_is_minus_infinity(counts):
    after = filter_counts(counts.isel(sample=[0, 1, 2]), None, -100)
    assert dropped(after).set_index("isomir")["log_cpm"].to_dict() == {"d": -np.inf}


def test_none_disables_a_filter(counts):
    assert filter_counts(counts, None, None).sizes["isomir"] == 5
    assert len(dropped(filter_counts(counts, None, None))) == 0
    assert list(filter_counts(counts, 4.0, None)["isomir"].values) == ["a", "b", "c"]
    assert list(filter_counts(counts, None, 1.0)["isomir"].values) == ["a", "d"]


def test_the_record_grows_over_two_passes(counts):
    once = filter_counts(counts, 2.0, None)
    twice = filter_counts(once, None, 0.5)
    assert list(twice["isomir"].values) == ["a"]
    record = dropped(twice).set_index("isomir")["reason"]
    assert set(record.index) == {"b", "c", "d", "e"}
    assert record["d"] == record["e"] == "low_mirna_expression"


def test_order_of_samples_and_isomirs_does_not_matter(counts):
    kept = filter_counts(counts, 2.0, 0.5)
    shuffled = filter_counts(counts.isel(isomir=[4, 2, 0, 3, 1], sample=[3, 0, 2, 1]), 2.0, 0.5)
    assert set(kept["isomir"].values) == set(shuffled["isomir"].values) == {"a"}
    pd.testing.assert_frame_equal(
        dropped(kept).sort_values("isomir", ignore_index=True),
        dropped(shuffled).sort_values("isomir", ignore_index=True),
    )


def test_blocks_give_the_same_medians(counts, monkeypatch):
    whole = dropped(filter_counts(counts, 2.0, 0.5))
    monkeypatch.setattr("bayes_mirglmm.counts.on_disk.BLOCK_CELLS", 4)
    pd.testing.assert_frame_equal(dropped(filter_counts(counts, 2.0, 0.5)), whole)


def test_refusals(counts):
    with pytest.raises(InputError, match=r"no isomiR of the miRNAs that pass .* highest is 4\.87"):
        filter_counts(counts, 1.0, 5.0)
    with pytest.raises(InputError, match="Lower min_isomir_log_cpm"):
        filter_counts(counts, None, 5.0)
    with pytest.raises(InputError, match="min_mirna_log_cpm is nan"):
        filter_counts(counts, np.nan)
    with pytest.raises(InputError, match="min_isomir_log_cpm is '1'"):
        filter_counts(counts, 1.0, "1")
    empty = counts.assign(counts=counts["counts"] * [1, 0, 1, 0]).assign_coords(
        total=("sample", [1000, 0, 900, 0])
    )
    with pytest.raises(InputError, match=r"2 sample\(s\) have no counts at all: x, z"):
        filter_counts(empty)


def test_every_isomir_of_a_dropped_mirna_carries_the_value_of_the_mirna(counts):
    merged = counts.assign_coords(mirna=("isomir", ["m1", "m1", "m1", "m2", "m2"]))
    record = dropped(filter_counts(merged, 3.0, None)).set_index("isomir")["log_cpm"]
    assert record.to_dict() == pytest.approx(dict.fromkeys("de", np.log(np.median([3, 0, 14, 9]))))
