"""What columns of text say: numbers, with commas, with codes for missing values, or words."""

import numpy as np
import pandas as pd
import pytest

from bayes_mirglmm.counts.cells import is_date, is_missing, is_number, spelling_caution, typed
from bayes_mirglmm.readers import from_dataframe, read_samples


def read(*cells, comma=""):
    return typed(pd.Series(list(cells), dtype=object), comma=comma).column.tolist()


@pytest.mark.parametrize(
    ("cells", "numbers"),
    [
        (["8,5", "8,0", "7"], [8.5, 8.0, 7.0]),
        (["0,125", "0,250"], [0.125, 0.25]),
        (["1,250", "1,300,000"], [1250, 1300000]),
        (["1,234.5", "2"], [1234.5, 2]),
        (["60", "'--", "70"], [60, np.nan, 70]),
        (["60", "Not Reported", "N/A", "-1.5e2"], [60, np.nan, np.nan, -150]),
        (["1", "unknown", ".", "3"], [1, np.nan, np.nan, 3]),
    ],
)
def test_numbers(cells, numbers):
    np.testing.assert_array_equal(np.array(read(*cells), dtype=float), numbers)


@pytest.mark.parametrize(
    "cells",
    [
        ["60", "high", "70"],  # one odd cell
        ["1,250", "1,300"],  # decimal, or thousands?
        ["1,5", "2.5"],
        ["001", "002"],
        ["-", "+"],
        ["none", "unknown", "drug"],
    ],
)
def test_text_stays_text(cells):
    assert read(*cells) == cells


def test_semicolons_between_columns_say_that_commas_are_decimal():
    assert read("1,250", "1,300", comma="decimal") == [1.25, 1.3]
    assert read("1,250,000", "1,300", comma="decimal") == [1250000, 1300]


def test_codes_are_missing_in_words_too():
    assert read("II", "not reported", "'--", "III") == ["II", None, None, "III"]
    assert read("NA", "") == [None, None]
    assert not is_missing("Na")  # sodium


def test_dates_and_numbers_are_known():
    assert all(map(is_date, ["2021-03-01", "1.3.2021", "3/1/21", "01-Mar-2021", "2021-03-01 10:00:00"]))
    assert not any(map(is_date, ["1-2-3", "2021", "1.5", "12", "b-1-2"]))
    assert all(map(is_number, ["1", "1.5", "1,5", "1,234", "-2e3"]))
    assert not any(map(is_number, ["001", "1-2", "", "x", "5%"]))


def test_a_file_of_a_german_spreadsheet(tmp_path):
    path = tmp_path / "s.csv"
    path.write_text("sample;group;rin;age\na;x;8,5;'--\nb;y;8,25;60\n")
    table = read_samples(path)
    assert table["rin"].tolist() == [8.5, 8.25]
    assert np.isnan(table.loc["a", "age"])
    assert table["group"].tolist() == ["x", "y"]


def counts(samples):
    table = pd.DataFrame({"seq": ["a", "b"], "mir": ["m", "m"], "s1": [1, 2], "s2": [3, 4], "s3": [5, 6]})
    return from_dataframe(table, samples)


def test_a_table_that_pandas_read_is_read_on_and_noted(tmp_path):
    path = tmp_path / "s.csv"
    path.write_text("sample;rin;age;id\ns1;8,5;'--;01\ns2;8,0;60;02\ns3;7,5;70;03\n")
    frame = pd.read_csv(path, sep=";", dtype={"id": str})
    for read in (counts(path), counts(frame)):
        assert read["rin"].values.tolist() == [8.5, 8.0, 7.5]
        np.testing.assert_array_equal(read["age"].values, [np.nan, 60, 70])
        assert read["id"].values.tolist() == ["01", "02", "03"]
        assert read.attrs["notes"] == [
            "column 'rin' of the sample table has commas in its numbers: read as numbers.",
            "column 'age' of the sample table: cells read as missing: '-- (1).",
        ]


def test_digits_that_pandas_holds_as_text_stay_text():
    samples = pd.DataFrame({"batch": ["1", "2", "1"], "odd": ["1", None, "2"]}, index=["s1", "s2", "s3"])
    read = counts(samples)
    assert read["batch"].values.tolist() == ["1", "2", "1"]
    assert read["odd"].values.tolist()[0] == "1"


def test_one_level_in_two_spellings():
    column = pd.Series(["ctrl", "ctrl", "Ctrl", "case", "case", "case"])
    assert spelling_caution(column, "group") == (
        "column group has 'Ctrl' (1) and 'ctrl' (2), which differ only in upper and lower case: where they mean the "
        "same, write them alike in the sample table"
    )
    assert spelling_caution(pd.Series(["a-1", "a_1"] * 3), "g").startswith(
        "column g has 'a-1' (3) and 'a_1' (3)"
    )
    assert spelling_caution(pd.Series(["a-1", "a_1", "b", "c"]), "label of each sample") == ""
    assert spelling_caution(pd.Series(["low", "lower", "-1", "1"] * 2), "g") == ""
