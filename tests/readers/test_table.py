import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bayes_mirglmm.counts.container import make_counts
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.readers import from_dataframe, read_counts

SEQUENCES = ["TGAGGTAGTAGGTTGTATAGTT", "TGAGGTAGTAGGTTGTATAG", "TACAGTACTGTGATAACTGAA"]
TAKEN = "no sample table tells the samples: 2 column(s) were taken for them (s1, s2)."
MIRNAS = ["hsa-let-7a-5p", "hsa-let-7a-5p", "hsa-miR-101-3p"]


def frame(**columns) -> pd.DataFrame:
    return pd.DataFrame({"sequence": SEQUENCES, "miRNA": MIRNAS, **columns, "s1": [5, 0, 7], "s2": [1, 2, 3]})


def text(table: pd.DataFrame) -> str:
    return table.to_csv(sep="\t", index=False)


@pytest.fixture(params=["file", "frame"])
def read(request, put):
    """Read a table both ways."""
    if request.param == "frame":
        return from_dataframe
    return lambda table, *args, **options: read_counts(put("counts.tsv", text(table)), *args, **options)


def test_sequence_mirna_and_samples_are_found_by_name(read):
    counts = read(frame())
    assert counts["isomir"].values.tolist() == SEQUENCES
    assert counts["sequence"].values.tolist() == SEQUENCES
    assert counts["mirna"].values.tolist() == MIRNAS
    assert counts["counts"].values.tolist() == [[5, 1], [0, 2], [7, 3]]
    assert counts["total"].values.tolist() == [12, 6]


def test_columns_are_found_by_content_when_their_names_say_nothing(read):
    table = frame().set_axis(["a", "b", "s1", "s2"], axis=1)[["b", "s1", "a", "s2"]]
    counts = read(table)
    assert counts["sequence"].values.tolist() == SEQUENCES
    assert counts["mirna"].values.tolist() == MIRNAS
    assert counts["sample"].values.tolist() == ["s1", "s2"]


def test_first_two_text_columns_are_isomir_and_mirna_when_nothing_else_tells(read):
    table = pd.DataFrame({"x": ["p", "q"], "y": ["u", "u"], "s1": [1, 2]})
    counts = read(table)
    assert (counts["isomir"].values.tolist(), counts["mirna"].values.tolist()) == (["p", "q"], ["u", "u"])


def test_named_columns_are_taken(read):
    table = pd.DataFrame(
        {
            "one": ["u", "u"],
            "two": ["p", "q"],
            "three": ["ACGT", "ACGA"],
            "s1": [1, 2],
            "n": [3, 4],
            "s2": [5, 6],
        }
    )
    counts = read(
        table, isomir="two", mirna="one", sequence="three", annotation=["n"], sample_columns=["s2", "s1"]
    )
    assert counts["mirna"].values.tolist() == ["u", "u"]
    assert counts["sequence"].values.tolist() == ["ACGT", "ACGA"]
    assert counts["sample"].values.tolist() == ["s2", "s1"]
    assert [float(v) for v in counts["n"].values] == [3, 4]
    with pytest.raises(
        InputError, match=r"has no column 'four' \(isomir\)\. Its columns: one, two, three, s1, n, s2"
    ):
        read(table, isomir="four")


def test_text_and_known_annotation_is_no_sample(read):
    counts = read(frame(off5=[-1, 0, 1], mism=["0", "0", "0"], origin=["x", "y", None]))
    assert counts["sample"].values.tolist() == ["s1", "s2"]
    assert {"off5", "mism", "origin"} <= set(counts.coords)
    assert counts.attrs["notes"] == [
        TAKEN,
        "column(s) kept as annotation of the isomiRs, not as samples: origin.",
    ]


def test_one_broken_cell_does_not_turn_a_sample_into_annotation(read):
    table = frame().astype({"s2": object})
    table.loc[1, "s2"] = "2x"
    with pytest.raises(InputError, match=r"(line 3|row 2), column 's2': '2x' is not a number"):
        read(table)


def test_sample_table_decides_what_is_a_sample(read):
    samples = pd.DataFrame({"group": ["a", "b"]}, index=["s1", "s2"])
    counts = read(frame(), samples)
    assert counts["group"].values.tolist() == ["a", "b"]
    with pytest.raises(InputError, match=r"column\(s\) quality are not in the sample table"):
        read(frame(quality=[30, 31, 32]), samples)
    counts = read(frame(quality=[30, 31, 32]), samples, annotation=["quality"])
    assert [float(q) for q in counts["quality"].values] == [30, 31, 32]


def test_samples_that_the_table_has_and_the_counts_have_not(read):
    samples = pd.DataFrame({"group": list("abc")}, index=["s1", "s2", "s3"])
    assert read(frame(), samples).attrs["notes"] == [
        "1 sample(s) of the sample table have no counts and were left out: s3."
    ]
    with pytest.raises(InputError, match=r"2 sample\(s\) of the counts are not in the sample table: s1, s2"):
        read(frame(), samples.set_axis(["x", "y", "z"]))


def test_counts_per_mirna_are_refused(read):
    with pytest.raises(
        InputError, match=r"no isomiR column: its counts are per miRNA.*mapped\.csv.*mirtop\.tsv"
    ):
        read(frame().drop(columns="sequence"))
    with pytest.raises(InputError, match="no column of counts: every column holds text"):
        read(pd.DataFrame({"sample": ["a", "b"], "condition": ["x", "y"]}))
    with pytest.raises(InputError, match="no column holds miRNA names"):
        read(pd.DataFrame({"s1": [1, 2], "s2": [3, 4]}))


@pytest.mark.parametrize(
    "columns",
    [
        {"isomir": SEQUENCES, "sequence": SEQUENCES},
        {"isomir": ["i1", "i2", "i3"], "sequence": SEQUENCES, "variant": ["ref", "x", "y"]},
        {"label": ["i1", "i2", "i3"], "of what": SEQUENCES},
    ],
)
def test_sequences_and_known_annotation_are_never_taken_for_mirnas(read, columns):
    table = pd.DataFrame(columns | {"s1": [5, 0, 7], "s2": [1, 2, 3]})
    with pytest.raises(InputError, match=r"no column holds miRNA names\. Its columns: .*mirna=\.\.\."):
        read(table, pd.DataFrame({"group": ["a", "b"]}, index=["s1", "s2"]))
    named = read(table.assign(which=["u", "u", "v"]), mirna="which")
    assert named["mirna"].values.tolist() == ["u", "u", "v"]


def test_the_second_text_column_is_still_that_of_the_mirnas(read):
    table = pd.DataFrame(
        {"first": ["i1", "i2", "i3"], "second": ["u", "u", "v"], "s1": [5, 0, 7], "s2": [1, 2, 3]}
    )
    assert read(table)["mirna"].values.tolist() == ["u", "u", "v"]


def test_a_transposed_table_is_called_that(read):
    samples = pd.DataFrame({"group": ["a", "b"]}, index=["s1", "s2"])
    turned = pd.DataFrame({"id": ["s1", "s2"], "group": ["a", "b"], **{name: [5, 1] for name in SEQUENCES}})
    with pytest.raises(
        InputError, match=r"is transposed: column 'id' has the samples in its rows \(s1, s2\)\."
    ):
        read(turned, samples)
    with pytest.raises(
        InputError, match=r"is transposed: its header names isomiRs or miRNAs \(TGAGG.*\)\. The table"
    ):
        read(turned)
    # Samples that are called after a miRNA are none.
    table = frame().rename(columns={"s1": "let-7a_kd", "s2": "let-7a_wt"})
    assert read(table)["sample"].values.tolist() == ["let-7a_kd", "let-7a_wt"]


@pytest.mark.parametrize(
    ("names", "what"),
    [
        (
            ["S1", "S2"],
            "'s1' of the counts and 'S1' of the sample table differ only in upper and lower case (2 such).",
        ),
        (["x", "s2 "], None),
    ],
)
def test_samples_in_another_spelling(read, names, what):
    with pytest.raises(InputError, match="are not in the sample table") as refused:
        read(frame(), pd.DataFrame({"group": ["a", "b"]}, index=names))
    assert what in str(refused.value) if what else "differ only in" in str(refused.value)


def test_some_samples_in_another_spelling(read):
    table = frame().rename(columns={"s1": "s-1"})
    with pytest.raises(
        InputError, match=r"column\(s\) s-1 are not.*'s-1' of the counts and 's_1' of .* '-' and '_'"
    ):
        read(table, pd.DataFrame({"group": ["a", "b"]}, index=["s_1", "s2"]))


def test_duplicate_rows_are_refused_with_both_lines_or_merged_as_asked(read):
    table = pd.concat([frame(), frame().iloc[:1]], ignore_index=True)
    with pytest.raises(
        InputError, match=r"(line 2 and line 5|row 1 and row 4) have the same isomiR 'TGAGG.*' and miRNA"
    ):
        read(table)
    assert read(table, duplicates="sum")["counts"].values.tolist() == [[10, 2], [0, 2], [7, 3]]
    assert read(table, duplicates="first")["counts"].values.tolist() == [[5, 1], [0, 2], [7, 3]]
    once = read(table, duplicates="identical")
    assert once["counts"].values.tolist() == [[5, 1], [0, 2], [7, 3]]
    assert "1 row(s) repeat an isomiR and miRNA with the same counts" in once.attrs["notes"][1]
    table.loc[3, "s1"] = 9
    assert read(table, duplicates="max")["counts"].values.tolist()[0] == [9, 1]
    with pytest.raises(InputError, match="have different counts for one and the same isomiR"):
        read(table, duplicates="identical")
    with pytest.raises(InputError, match="duplicates='mean' is not one of"):
        read(table, duplicates="mean")


def test_a_sequence_under_two_mirnas_is_two_isomirs_and_is_noted(read):
    table = pd.concat([frame(), frame().iloc[:1].assign(miRNA="hsa-let-7f-5p")], ignore_index=True)
    counts = read(table)
    assert counts.sizes["isomir"] == 4
    assert counts["isomir"].values[0] == f"{SEQUENCES[0]}|hsa-let-7a-5p"
    # 6 of 18 + 6 reads stand in the rows of the shared sequence, twice
    assert counts.attrs["notes"] == [
        TAKEN,
        "1 isomiR(s) stand under more than one miRNA, with their count under each (50.0% of all).",
    ]


def test_uncalled_bases_are_kept_and_noted(read):
    table = frame()
    table.loc[0, "sequence"] = "TGAGGTAGTAGGTTGTATNGTT"
    assert read(table).attrs["notes"] == [
        TAKEN,
        "N (an uncalled base) is in the sequence of 1 isomiR(s); kept.",
    ]


def test_samples_without_counts_are_noted(read):
    assert read(frame(s3=[0, 0, 0])).attrs["notes"] == [
        TAKEN.replace("2 c", "3 c").replace("(s1", "(s3, s1"),
        "1 sample(s) have no counts at all: s3.",
    ]


@pytest.mark.parametrize("column", ["sequence", "miRNA"])
def test_a_blank_name_is_refused_with_its_line(put, column):
    table = frame()
    table.loc[2, column] = ""
    with pytest.raises(InputError, match=r"counts\.tsv, line 4: the (isomiR|miRNA) is missing"):
        read_counts(put("counts.tsv", text(table)))


def test_an_annotation_with_a_reserved_name_is_renamed(read):
    counts = read(frame(total=["x", "y", "z"]))
    assert counts["total_"].values.tolist() == ["x", "y", "z"]
    assert "column(s) renamed because the name is taken: total to total_." in counts.attrs["notes"]


def test_an_index_counts_as_leading_columns():
    by_pair = frame().set_index(["sequence", "miRNA"])
    assert from_dataframe(by_pair)["counts"].values.tolist() == [[5, 1], [0, 2], [7, 3]]
    by_id = frame().set_axis(["iso1", "iso2", "iso3"]).drop(columns="sequence")
    assert from_dataframe(by_id)["isomir"].values.tolist() == ["iso1", "iso2", "iso3"]
    assert from_dataframe(frame().iloc[::-1])["isomir"].values.tolist() == SEQUENCES[::-1]


def test_a_data_frame_goes_through_read_counts_too():
    assert read_counts(frame()).identical(from_dataframe(frame()))


def test_a_frame_that_is_empty_or_repeats_a_column_is_refused():
    with pytest.raises(InputError, match="has no rows or no columns"):
        from_dataframe(frame().iloc[:0])
    with pytest.raises(InputError, match="column 's1' occurs more than once"):
        from_dataframe(frame().rename(columns={"s2": "s1"}))


def test_nullable_and_string_columns_are_counts():
    table = frame().astype({"s1": "Int64", "s2": "string"})
    assert from_dataframe(table)["counts"].values.tolist() == [[5, 1], [0, 2], [7, 3]]
    table.loc[0, "s1"] = pd.NA
    with pytest.raises(InputError, match="row 1, column 's1': the cell is missing"):
        from_dataframe(table)
    assert from_dataframe(table, missing="zero")["counts"].values[0].tolist() == [0, 1]


def test_several_tables_are_joined_over_isomirs(put):
    one = put("one.tsv", text(frame().drop(columns="s2")))
    two = put("two.tsv", text(frame()[["sequence", "miRNA", "s2"]].iloc[1:]))
    counts = read_counts([one, two])
    assert counts["counts"].values.tolist() == [[5, 0], [0, 2], [7, 3]]
    with pytest.raises(InputError, match=r"sample 's1' is both in .*one\.tsv and in .*three\.tsv"):
        read_counts([one, put("three.tsv", text(frame()))])


NAMES = st.text(
    st.characters(codec="utf-8", exclude_categories=["C", "Z"], exclude_characters='"#'),
    min_size=1,
    max_size=8,
)


@st.composite
def containers(draw):
    ids = draw(st.lists(NAMES.map(lambda s: "i" + s), min_size=1, max_size=8, unique=True))
    mirnas = draw(st.lists(NAMES.map(lambda s: "hsa-miR-" + s), min_size=len(ids), max_size=len(ids)))
    samples = draw(st.lists(NAMES.map(lambda s: "S" + s), min_size=1, max_size=4, unique=True))
    cells = draw(
        st.lists(
            st.lists(st.integers(0, 2**53), min_size=len(samples), max_size=len(samples)),
            min_size=len(ids),
            max_size=len(ids),
        )
    )
    return make_counts(np.array(cells), isomir=ids, mirna=mirnas, sample=samples)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(counts=containers(), delimiter=st.sampled_from("\t,;"), newline=st.sampled_from(["\n", "\r\n"]))
def test_a_container_written_as_text_is_read_back(put, counts, delimiter, newline):
    table = pd.DataFrame(counts["counts"].values, columns=counts["sample"].values)
    table.insert(0, "isomir", counts["isomir"].values)
    table.insert(1, "mirna", counts["mirna"].values)
    path = put("round.txt", table.to_csv(sep=delimiter, index=False, lineterminator=newline))
    read = read_counts(path, sample_columns=list(counts["sample"].values))
    assert read.drop_attrs().identical(counts.drop_attrs())


@pytest.mark.parametrize(
    ("cells", "remedy"),
    [
        (["43.667", "38.333", "111.5", "16.25", "37.2", "5"], "shares of reads that map to several places"),
        (
            ["3.1415", "2.7182", "7.3891", "5.4366", "1.6180", "4.8110"],
            "looks like logarithms: give raw read counts",
        ),
        (["311.415", "72.182", "738.91", "54.366", "16.180", "48.110"], "not CPM, RPM or log values"),
    ],
    ids=["shares", "logarithms", "CPM"],
)
def test_the_remedy_fits_the_fractions(put, cells, remedy):
    rows = "".join(f"iso{i}\tmiR-1\t{cell}\n" for i, cell in enumerate(cells))
    with pytest.raises(InputError, match=f"is not a whole number .*{remedy}"):
        read_counts(put("c.tsv", "isomir\tmiRNA\ts1\n" + rows))
