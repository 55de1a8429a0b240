"""Columns that no sample is."""

import pandas as pd
import pytest

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.readers import from_dataframe
from bayes_mirglmm.readers._suspects import NAMES, suspicion

TABLE = pd.DataFrame(
    {
        "isomir": [f"i{k}" for k in range(6)],
        "mirna": ["hsa-let-7a-5p"] * 6,
        "A": [5, 0, 7, 7, 1, 2],
        "B": [0, 0, 0, 0, 0, 0],
    }
)


@pytest.mark.parametrize(
    ("name", "cells", "why"),
    [
        ("TI", range(6), "'TI' counts up by one from 0, like an index"),
        ("n", range(41, 47), "'n' counts up by one from 41, like an index"),
        ("Q", [40] * 6, "'Q' holds 40 in every row, like a score"),
        ("MAPQ", [5, 9, 2, 1, 7, 8], "'MAPQ' is called like a score"),
        ("Position", [5, 9, 2, 1, 7, 8], "'Position' is called like a position"),
        ("total", [5, 0, 7, 7, 1, 2], "'total' is called like a sum over samples"),
        ("RPM", [5, 0, 7, 7, 1, 2], "'RPM' is called like a rate"),
    ],
)
def test_columns_that_are_refused_where_samples_are_guessed(name, cells, why):
    table = TABLE.assign(**{name: list(cells)})
    with pytest.raises(
        InputError, match=f"column {why}.*and is no sample.*samples=.*sample_columns=.*annotation="
    ):
        from_dataframe(table)
    assert from_dataframe(table, annotation=[name])["sample"].values.tolist() == ["A", "B"]
    assert from_dataframe(table, sample_columns=["A", name])["sample"].values.tolist() == ["A", name]
    samples = pd.DataFrame({"group": ["x", "y", "z"]}, index=["A", "B", name])
    assert from_dataframe(table, samples=samples)["sample"].values.tolist() == ["A", "B", name]


def test_several_such_columns_are_all_named():
    with pytest.raises(InputError, match=r"2 such columns: TI, Q"):
        from_dataframe(TABLE.assign(TI=range(6), Q=[40] * 6))


def test_what_was_taken_for_samples_is_noted():
    note = "no sample table tells the samples: 2 column(s) were taken for them (A, B)."
    assert note in from_dataframe(TABLE).attrs["notes"]
    assert note not in from_dataframe(TABLE, sample_columns=["A", "B"]).attrs["notes"]


@pytest.mark.parametrize(
    "cells", [["1", "2", "3"], ["1"] * 9, ["0"] * 9, ["1", "2", "3", "4", "6"], ["5", "5", "5", "5", "x"]]
)
def test_columns_that_may_be_samples(cells):
    assert suspicion("wt", cells) is None
    assert "wt" not in NAMES
