import numpy as np
import pandas as pd
import pytest

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.readers import from_dataframe, read_samples


def test_ids_stay_text_and_missing_stays_missing(put):
    table = read_samples(
        put("s.tsv", "sample\tgroup\tage\tpatient\tnote\n001\tcc\t61\t01\t\n002\tct\tNA\t02\tx, y\n")
    )
    assert table.index.tolist() == ["001", "002"]
    assert table["group"].tolist() == ["cc", "ct"]
    assert table["age"].tolist()[0] == 61
    assert np.isnan(table["age"].tolist()[1])
    assert table["patient"].tolist() == ["01", "02"]
    assert table["note"].tolist()[1] == "x, y"
    assert pd.isna(table["note"].tolist()[0])
    assert list(table.columns) == ["group", "age", "patient", "note"]


@pytest.mark.parametrize(
    "name", ["sample", "Sample", "Sample ID", "sample_name", "library", "Run", "SampleName"]
)
def test_the_column_of_the_sample_name_is_found(put, name):
    table = read_samples(put("s.csv", f"batch,{name}\n1,a\n2,b\n"))
    assert table.index.tolist() == ["a", "b"]
    assert table["batch"].tolist() == [1, 2]


def test_else_it_is_the_first_column(put):
    table = read_samples(put("s.csv", "thing,group\na,x\nb,y\n"))
    assert table.index.tolist() == ["a", "b"]


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("delimiter", ["\t", ",", ";"])
def test_delimiter_line_ends_quotes_and_compression(put, delimiter, newline):
    text = newline.join(
        delimiter.join(row) for row in [['"sample"', "group"], ['"a"', '"x"'], ["b", "y"], ["", ""]]
    )
    table = read_samples(put("s.txt.gz", text + newline, gz=True))
    assert table["group"].to_dict() == {"a": "x", "b": "y"}


def test_row_names_of_r_are_sample_names(put):
    table = read_samples(put("s.txt", '"group" "age"\n"a" "x" 5\n"b" "y" 6\n'))
    assert table.index.tolist() == ["a", "b"]
    assert table["age"].tolist() == [5, 6]


def test_a_table_of_names_only(put):
    table = read_samples(put("s.txt", "sample\na\nb\n"))
    assert table.index.tolist() == ["a", "b"]
    assert table.shape == (2, 0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sample\tgroup\na\tx\nb\n", r"line 3: 1 column\(s\), where the header has 2"),
        ("sample\tgroup\na\tx\n\ty\n", "line 3: no sample name in column 'sample'"),
        ("sample\tgroup\n", "has a header but no rows"),
        ("", "is empty"),
    ],
)
def test_damage_is_named(put, text, message):
    with pytest.raises(InputError, match=message):
        read_samples(put("s.tsv", text))


def counts(samples):
    return from_dataframe(
        pd.DataFrame({"seq": ["a", "b"], "mir": ["m", "m"], "1": [1, 2], "2": [3, 4]}), samples
    )


@pytest.mark.parametrize(
    "samples",
    [
        pd.DataFrame({"group": ["x", "y"]}, index=["1", "2"]),
        pd.DataFrame({"group": ["x", "y"]}, index=[1, 2]),
        pd.DataFrame({"group": ["x", "y"], "sample": ["1", "2"]}),
        pd.DataFrame({"group": ["x", "y"], "sample": [1, 2]}, index=[7, 8]),
        pd.DataFrame({"any": ["2", "1"], "group": ["y", "x"]}),
        pd.DataFrame({"sample": ["1", "2"], "group": ["x", "y"]}, index=["1", "2"]),
    ],
    ids=["index", "integer index", "column", "column beside numbers", "first column", "index and column"],
)
def test_a_pandas_sample_table_has_its_names_in_the_index_or_a_column(samples):
    assert counts(samples)["group"].values.tolist() == ["x", "y"]


def test_a_categorical_column_is_text():
    samples = pd.DataFrame({"group": pd.Categorical(["x", "y"], categories=["y", "x"])}, index=["1", "2"])
    assert counts(samples)["group"].values.tolist() == ["x", "y"]
