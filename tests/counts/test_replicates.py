"""Technical replicates are added up, and seen where they are not."""

import numpy as np
import pandas as pd
import pytest

import bayes_mirglmm as bm
from bayes_mirglmm.counts.container import make_counts, sample_table
from bayes_mirglmm.counts.replicates import replicate_caution, sum_replicates
from bayes_mirglmm.errors import InputError

NAMES = [f"{library}_L{lane}" for library in ("c1", "c2", "t1", "t2") for lane in (1, 2)]
TABLE = pd.DataFrame(
    {
        "group": pd.Categorical(["ctrl"] * 4 + ["case"] * 4, categories=["ctrl", "case"]),
        "library": np.repeat(["c1", "c2", "t1", "t2"], 2),
        "lane": ["L1", "L2"] * 4,
        "age": np.repeat([50, 60, 55, 65], 2),
    },
    index=NAMES,
)


def counts(table=TABLE, **more):
    values = np.arange(24).reshape(3, 8)
    return make_counts(
        values,
        isomir=["a", "b", "c"],
        mirna=["m", "m", "n"],
        sample=list(table.index),
        sequence=["AC", "AG", "AT"],
        samples=table,
        **more,
    )


def test_counts_and_totals_are_added_up():
    summed = sum_replicates(counts(total=[100 + i for i in range(8)]), "library")
    assert summed["sample"].values.tolist() == ["c1", "c2", "t1", "t2"]
    assert summed["counts"].values.tolist() == [[1, 5, 9, 13], [17, 21, 25, 29], [33, 37, 41, 45]]
    assert summed["total"].values.tolist() == [201, 205, 209, 213]
    assert summed["sequence"].values.tolist() == ["AC", "AG", "AT"]
    table = sample_table(summed)
    assert table["group"].tolist() == ["ctrl", "ctrl", "case", "case"]
    assert table["group"].cat.categories.tolist() == ["ctrl", "case"]
    assert table["age"].tolist() == [50, 60, 55, 65]
    assert "lane" not in table
    assert summed.attrs["notes"] == [
        "8 samples were added up to 4 by library (2 each).",
        "Column(s) left out, because they differ between samples that were added up: lane.",
    ]


def test_numbers_name_libraries_too():
    numbered = TABLE.assign(library=np.repeat([1.0, 2.0, 3.0, 4.0], 2))
    assert sum_replicates(counts(numbered), "library")["sample"].values.tolist() == ["1", "2", "3", "4"]


@pytest.mark.parametrize(
    ("table", "by", "message"),
    [
        (TABLE, "librari", r"no column 'librari'\. Did you mean 'library'"),
        (TABLE.assign(library=["c1", None] * 4), "library", "no value for sample c1_L2"),
    ],
)
def test_what_cannot_be_added_up_is_named(table, by, message):
    with pytest.raises(InputError, match=message):
        sum_replicates(counts(table), by)


def test_filters_come_after():
    with pytest.raises(InputError, match="filtered already"):
        sum_replicates(bm.filter_counts(counts(), None, 12.0), "library")


def test_a_library_in_several_samples_is_seen():
    assert replicate_caution(counts()).startswith(
        "column library has one value for several samples (c1: c1_L1, c1_L2): runs or lanes of one library"
    )
    assert "--sum-by library" in replicate_caution(counts(), ["group"])
    assert replicate_caution(counts(), ["group", "library"]) == ""  # the design has it
    assert replicate_caution(sum_replicates(counts(), "library")) == ""


def test_one_library_sequenced_twice_is_enough():
    table = TABLE.iloc[[0, 1, 2, 4, 6]]
    assert "(c1: c1_L1, c1_L2)" in replicate_caution(counts().sel(sample=list(table.index)), ["group"])


def test_a_batch_of_libraries_is_no_library():
    table = TABLE.drop(columns="library").assign(experiment=["e1", "e2"] * 4).set_axis(list("abcdefgh"))
    assert replicate_caution(counts(table), ["group"]) == ""
    assert replicate_caution(counts(table)) == ""


def test_names_that_end_in_lanes_are_seen():
    named = replicate_caution(counts(TABLE.drop(columns="library")))
    assert named.startswith(
        "the names of the samples differ in runs or lanes only (c1_L1, c1_L2), and there is a column"
    )
    plain = TABLE.drop(columns=["library", "lane"]).set_axis([f"c{i}_L1" for i in range(8)])
    assert replicate_caution(counts(plain)) == ""  # one lane each


def test_readers_add_up(tmp_path):
    frame = pd.DataFrame(
        {"seq": ["a", "b"], "mir": ["m", "m"], **{n: [i, 10 * i] for i, n in enumerate(NAMES)}}
    )
    read = bm.from_dataframe(frame, TABLE, sum_replicates="library")
    assert read["counts"].values.tolist() == [[1, 5, 9, 13], [10, 50, 90, 130]]
    frame.to_csv(tmp_path / "counts.tsv", sep="\t", index=False)
    again = bm.read_counts(tmp_path / "counts.tsv", TABLE, sum_replicates="library")
    assert (again["counts"] == read["counts"]).all()
