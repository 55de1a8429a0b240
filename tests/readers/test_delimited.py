import numpy as np
import pytest

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.readers import _open, read_counts
from bayes_mirglmm.readers._delimited import inspect
from bayes_mirglmm.readers._open import peek

HEADER = ["isomir", "mirna", "s1", "s2"]
ROWS = [
    ["iso1", "hsa-miR-1-3p", "9", "0"],
    ["iso2", "hsa-miR-1-3p", "4", "7"],
    ["iso3", "hsa-let-7a-5p", "1", "2"],
]

TAKEN = "no sample table tells the samples: 2 column(s) were taken for them (s1, s2)."


def lines(delimiter="\t", header=HEADER, rows=ROWS, quote=""):
    return "".join(delimiter.join(f"{quote}{cell}{quote}" for cell in row) + "\n" for row in [header, *rows])


@pytest.mark.parametrize("quote", ["", '"'])
@pytest.mark.parametrize("delimiter", ["\t", ",", ";", "|", " "])
def test_delimiter_is_found(put, delimiter, quote):
    counts = read_counts(put("counts.txt", lines(delimiter, quote=quote)))
    assert counts["counts"].values.tolist() == [[9, 0], [4, 7], [1, 2]]
    assert counts["mirna"].values.tolist()[-1] == "hsa-let-7a-5p"


def test_quoted_cells_may_hold_the_delimiter_and_quotes(put):
    rows = [['"a,b"', '"hsa-miR-1-3p, ""old"""', "1", "2"], ["c", "hsa-miR-2", "3", "4"]]
    counts = read_counts(put("counts.csv", lines(",", rows=rows)))
    assert counts["isomir"].values.tolist() == ["a,b", "c"]
    assert counts["mirna"].values.tolist() == ['hsa-miR-1-3p, "old"', "hsa-miR-2"]


def test_names_are_taken_verbatim(put):
    rows = [["iso/1", "hsa-miR-192-5p/215-5p", "1", "2"], ["iso;2", "<script>alert(1)</script>", "3", "4"]]
    counts = read_counts(put("counts.tsv", lines(rows=rows)))
    assert counts["isomir"].values.tolist() == ["iso/1", "iso;2"]
    assert counts["mirna"].values.tolist() == ["hsa-miR-192-5p/215-5p", "<script>alert(1)</script>"]


def test_an_open_quote_is_named_with_its_line(put):
    rows = [*ROWS[:2], ['3" end', "hsa-miR-2", "3", "4"]]
    with pytest.raises(InputError, match=r"line 4: a double quote is opened and not closed"):
        read_counts(put("counts.tsv", lines(rows=rows)))


@pytest.mark.parametrize("block", [2**21, 20])
@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            ["iso4", "hsa-miR-1-3p", "4"],
            r"line 6: 3 column\(s\), where the header \(line 1\) has 4\. Too few",
        ),
        (
            ["iso4", "hsa-miR-1-3p", "4", "7", "8"],
            r"line 6: 5 column\(s\).*Too many: a cell may contain an unquoted tab",
        ),
    ],
)
def test_a_ragged_row_is_named_with_its_line(put, monkeypatch, row, message, block):
    monkeypatch.setattr(_open, "BLOCK_CHARACTERS", block)
    path = put(
        "counts.tsv",
        lines(rows=[*ROWS, ROWS[0], row]).replace(lines(rows=[ROWS[0]]), lines(rows=[ROWS[0]]), 1),
    )
    with pytest.raises(InputError, match=message):
        read_counts(path)


@pytest.mark.parametrize("block", [2**21, 25])
@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("1.5", "line 5, column 's2': '1.5' is not a whole number"),
        ("-3", "line 5, column 's2': '-3' is negative"),
        ("1,5", "line 5, column 's2': '1,5' has a decimal or thousands comma"),
        ("", r"line 5, column 's2': the cell is missing \(''\).*missing='zero'"),
        ("NA", r"line 5, column 's2': the cell is missing \('NA'\)"),
        ("12x", "line 5, column 's2': '12x' is not a number"),
        ("inf", "line 5, column 's2': 'inf' is not a number"),
        ("TRUE", "line 5, column 's2': '(TRUE|True)' is not a number"),
        ("1e17", "line 5, column 's2': '1e17' is too large|'1e\\+17' is too large"),
        ("99999999999999999999", "line 5, column 's2': .* is too large"),
    ],
)
def test_a_cell_that_is_no_count_is_named_with_line_and_column(put, monkeypatch, cell, message, block):
    monkeypatch.setattr(_open, "BLOCK_CHARACTERS", block)
    rows = [*ROWS, ["iso4", "hsa-miR-2", "4", cell], ["iso5", "hsa-miR-2", "4", "4"]]
    with pytest.raises(InputError, match=message):
        read_counts(put("counts.tsv", lines(rows=rows)))


def test_other_spellings_of_integers_are_counts(put):
    rows = [["iso1", "hsa-miR-1-3p", "9.0", " 7"], ["iso2", "hsa-miR-1-3p", "1e3", "007"]]
    assert read_counts(put("counts.tsv", lines(rows=rows)))["counts"].values.tolist() == [[9, 7], [1000, 7]]


def test_missing_cells_are_zero_when_asked_for(put):
    rows = [["iso1", "hsa-miR-1-3p", "9", ""], ["iso2", "hsa-miR-1-3p", "NA", "5"]]
    counts = read_counts(put("counts.tsv", lines(rows=rows)), missing="zero")
    assert counts["counts"].values.tolist() == [[9, 0], [0, 5]]
    assert counts.attrs["notes"] == [TAKEN, "2 missing cell(s) were read as 0, as asked for."]
    with pytest.raises(InputError, match="missing='no' is not one of"):
        read_counts(put("counts.tsv", lines(rows=rows)), missing="no")


def test_row_names_of_r_and_pandas(put):
    named = lines(header=HEADER[1:], rows=ROWS)  # write.table(row.names = TRUE) gives no header for them
    counts = read_counts(put("named.tsv", named))
    assert counts["isomir"].values.tolist() == ["iso1", "iso2", "iso3"]
    numbered = lines(",", ["", *HEADER], [[str(i), *row] for i, row in enumerate(ROWS)])
    counts = read_counts(put("numbered.csv", numbered))
    assert counts["sample"].values.tolist() == ["s1", "s2"]
    assert counts.attrs["notes"] == ["the first column holds row numbers and was left out.", TAKEN]


def test_comments_blank_and_empty_rows_are_skipped(put):
    text = "# made by a tool\n#isomir\tmirna\ts1\ts2\n" + lines().split("\n", 1)[1] + "\t\t\t\n\n"
    counts = read_counts(put("counts.tsv", text))
    assert counts["counts"].values.tolist() == [[9, 0], [4, 7], [1, 2]]
    table = inspect(peek(put("counts.tsv", "# by a tool\n" + lines())))
    assert (table.columns, table.header_line) == (tuple(HEADER), 2)


def test_trailing_delimiters_are_no_column(put):
    both = "".join(line + "\t\n" for line in lines().splitlines())
    only_rows = lines().split("\n", 1)
    for text in (both, only_rows[0] + "\n" + "".join(line + "\t\n" for line in only_rows[1].splitlines())):
        counts = read_counts(put("counts.tsv", text))
        assert counts["sample"].values.tolist() == ["s1", "s2"]
        assert counts["counts"].values.tolist() == [[9, 0], [4, 7], [1, 2]]


def test_a_header_without_rows_or_with_a_name_twice_is_refused(put):
    with pytest.raises(InputError, match="has a header but no rows"):
        read_counts(put("counts.tsv", lines(rows=[])))
    with pytest.raises(InputError, match="line 1: column 's1' occurs more than once"):
        read_counts(put("counts.tsv", lines(header=["isomir", "mirna", "s1", "s1"])))


def test_many_blocks_give_the_same_as_one(put, monkeypatch):
    rng = np.random.default_rng(1)
    rows = [[f"iso{i}", f"hsa-miR-{i % 7}", *map(str, rng.integers(0, 50, 2))] for i in range(500)]
    path = put("counts.tsv", lines(rows=rows))
    whole = read_counts(path)
    monkeypatch.setattr(_open, "BLOCK_CHARACTERS", 100)
    assert whole.identical(read_counts(path))


def test_a_table_of_many_samples_has_a_long_header(put):
    names = [f"sample_with_a_rather_long_name_{i}" for i in range(9000)]
    text = (
        "\t".join(["isomir", "mirna", *names])
        + "\n"
        + "".join("\t".join([f"iso{i}", "hsa-miR-1", *["3"] * 9000]) + "\n" for i in range(3))
    )
    counts = read_counts(put("wide.tsv", text))
    assert dict(counts.sizes) == {"isomir": 3, "sample": 9000}
    assert int(counts["counts"].sum()) == 81000
