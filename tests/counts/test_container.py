import numpy as np
import pandas as pd
import pytest
import xarray as xr

from bayes_mirglmm.counts.container import (
    MAX_COUNT,
    attach_samples,
    dropped,
    integer_counts,
    make_counts,
    some,
    unique_isomir_ids,
    validate_counts,
    with_dropped,
)
from bayes_mirglmm.errors import InputError


def small(**changes) -> xr.Dataset:
    given = {
        "values": [[1, 2], [3, 4], [0, 5]],
        "isomir": ["AAA", "AAC", "AAA"],
        "mirna": ["m1", "m1", "m2"],
        "sample": ["s1", "s2"],
    }
    given |= changes
    return make_counts(given.pop("values"), **given)


def test_container_follows_the_schema():
    counts = small(
        sequence=["AAA", "AAC", "AAA"], annotation=pd.DataFrame({"hits": [1, 2, 3], "kind": ["a", None, "b"]})
    )
    assert counts["counts"].dims == ("isomir", "sample")
    assert counts["counts"].dtype == np.int64
    assert counts["isomir"].values.tolist() == ["AAA|m1", "AAC", "AAA|m2"]
    assert counts["total"].values.tolist() == [4, 11]
    assert counts["hits"].dtype.kind == "i"
    assert counts["kind"].values.tolist()[::2] == ["a", "b"]
    assert pd.isna(counts["kind"].values[1])
    assert counts.attrs == {"source": "the counts", "format": "memory", "notes": []}
    assert validate_counts(counts) is counts


def test_totals_that_are_given_are_kept():
    assert small(total=[10, 20])["total"].values.tolist() == [10, 20]
    with pytest.raises(InputError, match="total of sample 's2' is smaller"):
        small(total=[10, 5])


@pytest.mark.parametrize(
    "cells", [[[9, 0]], [[9.0, 0.0]], [["9", "0"]], [["9.0", " 0"]], np.array([[9, 0]], dtype=np.uint8)]
)
def test_integers_in_any_spelling_are_counts(cells):
    read = integer_counts(cells, rows=["a"], columns=["x", "y"])
    assert read.tolist() == [[9, 0]]
    assert read.dtype == np.int64


def test_the_largest_exact_count_is_taken_and_one_more_refused():
    assert integer_counts([[MAX_COUNT]], rows=["a"], columns=["x"])[0, 0] == 2**53
    with pytest.raises(InputError, match="9007199254740993"):
        integer_counts([[MAX_COUNT + 1]], rows=["a"], columns=["x"])


@pytest.mark.parametrize("cell", [1.5, -1, np.nan, np.inf, "x", "", None, "1,5", True, 2.0**60])
def test_a_cell_that_is_no_count_is_named(cell):
    with pytest.raises(InputError, match=r"f\.tsv: .* at isomiR b, sample y is not a count") as error:
        integer_counts(
            np.array([[1, 2], [3, cell]], dtype=object), rows=["a", "b"], columns=["x", "y"], source="f.tsv"
        )
    assert "np." not in str(error.value)


def test_counts_of_the_wrong_shape_are_refused():
    with pytest.raises(InputError, match=r"shape \(2, 2\), where 3 isomiR"):
        small(values=[[1, 2], [3, 4]])


def test_ids_do_not_depend_on_the_order_of_rows():
    ids, mirnas = ["A", "B", "A", "C"], ["m1", "m1", "m2", "m3"]
    forward = dict(zip(zip(ids, mirnas, strict=True), unique_isomir_ids(ids, mirnas), strict=True))
    backward = dict(
        zip(
            zip(ids[::-1], mirnas[::-1], strict=True), unique_isomir_ids(ids[::-1], mirnas[::-1]), strict=True
        )
    )
    assert forward == backward
    assert forward["A", "m1"] == "A|m1"
    assert forward["B", "m1"] == "B"


def test_a_made_id_that_meets_a_given_one_gets_longer():
    ids = unique_isomir_ids(["A", "A", "A|m1"], ["m1", "m2", "m3"])
    assert ids.tolist() == ["A|m1|m1", "A|m2", "A|m1|m3"]


def test_sample_table_is_attached_in_the_order_of_the_counts():
    table = pd.DataFrame({"group": ["b", "a"], "age": [2.5, np.nan], "none": [None, "x"]}, index=["s2", "s1"])
    counts = small(samples=table)
    assert counts["group"].values.tolist() == ["a", "b"]
    assert np.isnan(counts["age"].values[0])
    assert pd.isna(counts["none"].values[1])


def test_extra_samples_are_left_out_with_a_note_even_when_repeated():
    table = pd.DataFrame({"group": list("abcc")}, index=["s1", "s2", "s3", "s3"])
    counts = small(samples=table)
    assert counts["group"].values.tolist() == ["a", "b"]
    assert counts.attrs["notes"] == ["1 sample(s) of the sample table have no counts and were left out: s3."]


def test_sample_table_that_does_not_fit_is_refused():
    with pytest.raises(InputError, match=r"1 sample\(s\) of the counts are not in the sample table: s2"):
        small(samples=pd.DataFrame({"group": ["a"]}, index=["s1"]))
    with pytest.raises(InputError, match="more than one row for sample 's1'"):
        small(samples=pd.DataFrame({"group": list("abc")}, index=["s1", "s1", "s2"]))
    with pytest.raises(InputError, match="column named 'total', a reserved name"):
        small(samples=pd.DataFrame({"total": [1, 2]}, index=["s1", "s2"]))
    with pytest.raises(InputError, match="more than one column named 'a'"):
        small(samples=pd.DataFrame([[1, 2], [3, 4]], columns=["a", "a"], index=["s1", "s2"]))
    with pytest.raises(InputError, match="'kind' is a column of the sample table and an annotation"):
        small(
            annotation=pd.DataFrame({"kind": list("abc")}),
            samples=pd.DataFrame({"kind": list("xy")}, index=["s1", "s2"]),
        )


def test_names_that_r_has_changed_are_recognised():
    counts = small(sample=["X1.s", "b.2"])
    with pytest.raises(InputError, match=r"R has made 'X1\.s' of '1-s'"):
        attach_samples(counts, pd.DataFrame({"g": ["a", "b"]}, index=["1-s", "b 2"]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.drop_vars("mirna"), "no 'mirna'"),
        (lambda c: c.transpose("sample", "isomir"), "has dims"),
        (lambda c: c.assign(counts=c["counts"] + 0.5), "is not a count"),
        (lambda c: c.isel(isomir=[]), "hold no isomir"),
        (lambda c: c.isel(sample=[]), "hold no sample"),
        (lambda c: c.isel(sample=[0, 0]), "sample id 's1' occurs more than once"),
        (lambda c: c.assign(counts=c["counts"] - 1), "is not a count"),
        (
            lambda c: c.assign_coords(mirna=("isomir", np.array(["m1", " ", "m2"], dtype=object))),
            "has no miRNA name",
        ),
        (lambda c: c.assign_coords(sample=np.array(["s1", ""], dtype=object)), "a sample has no name"),
    ],
)
def test_validator_names_what_is_wrong(change, message):
    with pytest.raises(InputError, match=message):
        validate_counts(change(small()))


def test_dropped_isomirs_add_up():
    counts = small()
    assert dropped(counts).empty
    row = pd.DataFrame(
        {"isomir": ["AAC"], "mirna": ["m1"], "reason": ["low_isomir_expression"], "log_cpm": [-2.0]}
    )
    twice = with_dropped(with_dropped(counts, row), row.assign(isomir="AAG"))
    assert dropped(twice)["isomir"].tolist() == ["AAC", "AAG"]
    assert dropped(twice)["log_cpm"].tolist() == [-2.0, -2.0]
    assert dropped(with_dropped(counts, row.iloc[:0])).empty


def test_some_says_how_many_there_are():
    assert some(["a", "b"]) == "a, b"
    assert some(list("abcdefg"), 2) == "a, b, ... (7 in all)"
