"""What ``inspect`` counts, held to a table small enough to check by hand."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from bayes_mirglmm.counts.container import attach_samples, make_counts
from bayes_mirglmm.counts.inspection import inspect_counts

# Totals of one million: a count is its CPM. e^5 = 148.4, e^-1 = 0.37.
ROWS = [
    ("a1", "miR-a", [900_000, 900_000, 900_000, 900_000]),
    ("a2", "miR-a", [98_000, 98_000, 98_000, 98_000]),
    ("a3", "miR-a", [0, 0, 0, 100]),  # median 0: dropped
    ("b1", "miR-b", [800, 800, 800, 800]),  # alone: not fitted
    ("c1", "miR-c", [100, 100, 100, 100]),  # c1 + c2 = 148 CPM, below e^5
    ("c2", "miR-c", [48, 48, 48, 48]),
]
SAMPLES = pd.DataFrame(
    {
        "group": ["x", "x", "y", "z"],
        "dose": [0.5, 1, 2, np.nan],
        "donor": ["p", "q", "r", "s"],
        "batch": ["u", None, "u", "u"],
    },
    index=["s1", "s2", "s3", "s4"],
)


@pytest.fixture
def counts() -> xr.Dataset:
    return make_counts(
        [row[2] for row in ROWS],
        isomir=[row[0] for row in ROWS],
        mirna=[row[1] for row in ROWS],
        sample=list(SAMPLES.index),
        samples=SAMPLES,
        total=[1_000_000] * 4,
        source="memory.tsv",
        notes=["2 rows were merged."],
    )


def test_stages_count_what_each_filter_leaves(counts: xr.Dataset):
    stages = inspect_counts(counts).stages
    assert list(stages["mirnas"]) == [3, 2, 2, 1]
    assert list(stages["isomirs"]) == [6, 4, 3, 2]
    per_sample = [998_948, 998_800]
    assert list(stages["reads"]) == [
        4 * per_sample[0] + 100,
        4 * per_sample[1] + 100,
        4 * 998_800,
        4 * 998_000,
    ]
    assert stages["share"].iloc[-1] == pytest.approx(3_992_000 / 3_995_892, rel=1e-12)


def test_drops_give_each_reason_with_its_threshold(counts: xr.Dataset):
    drops = inspect_counts(counts).drops.set_index("reason")
    assert drops.loc["low_mirna_expression", ["mirnas", "isomirs", "reads"]].tolist() == [1, 2, 592]
    assert drops.loc["low_isomir_expression", ["mirnas", "isomirs", "reads"]].tolist() == [1, 1, 100]
    assert "148" in drops.loc["low_mirna_expression", "meaning"]
    lenient = inspect_counts(counts, min_mirna_log_cpm=4.9).drops.set_index("reason")
    assert lenient.loc["low_mirna_expression", "isomirs"] == 0


def test_what_has_too_few_isomirs_is_told_with_what_holds_most_reads(counts: xr.Dataset):
    found = inspect_counts(counts)
    stages, row = found.stages.set_index("stage"), found.drops.set_index("reason").loc["too_few_isomirs"]
    last, before = (stages.loc[name] for name in ("with 2 isomiRs or more", "after the isomiR filter"))
    for name in ("mirnas", "isomirs", "reads"):
        assert row[name] == before[name] - last[name]
    assert row["reads"] == 4 * 800
    assert row["meaning"] == "fewer than 2 isomiRs left: not fitted"
    rest = make_counts(
        [[60, 60], [40, 40], [900, 900]],
        isomir=["a", "b", "c"],
        mirna=["m", "m", "background"],
        sample=["s1", "s2"],
        total=[1000, 1000],
    )
    meaning = inspect_counts(rest).drops.set_index("reason").loc["too_few_isomirs", "meaning"]
    assert meaning.endswith("not fitted; background has 90 % of all reads")


def test_samples_have_totals_and_what_was_detected(counts: xr.Dataset):
    samples = inspect_counts(counts).samples
    assert list(samples["total"]) == [1_000_000] * 4
    assert list(samples["isomirs"]) == [5, 5, 5, 6]
    assert list(samples["mirnas"]) == [3, 3, 3, 3]
    assert list(samples["group"]) == ["x", "x", "y", "z"]


def test_columns_of_the_sample_table_are_told_apart(counts: xr.Dataset):
    columns = inspect_counts(counts).columns.set_index("column")
    assert columns.loc["group"].tolist() == ["factor", "x (2), y (1), z (1)", 0, "sorted"]
    assert columns.loc["dose"].tolist() == ["number", "0.5 to 2", 1, ""]
    assert columns.loc["donor"].tolist() == ["label", "4 different values", 0, ""]
    assert columns.loc["batch"].tolist() == ["factor", "u (3)", 1, "sorted"]


def test_remarks_name_small_groups_and_uneven_totals(counts: xr.Dataset):
    uneven = counts.assign_coords(total=("sample", [1_000_000, 1_000_000, 1_000_000, 20_000_000]))
    found = inspect_counts(uneven)
    assert found.notes == ("2 rows were merged.",)
    assert any("Totals differ 20-fold" in remark and "20,000,000 (s4)" in remark for remark in found.remarks)
    assert any("group" in remark and "y, z" in remark for remark in found.remarks)
    assert not any("donor" in remark for remark in found.remarks)


def test_without_a_sample_table_it_says_so(counts: xr.Dataset):
    bare = counts.drop_vars(list(SAMPLES.columns))
    found = inspect_counts(bare)
    assert found.columns.empty
    assert any("No sample table" in remark for remark in found.remarks)


def test_filters_that_leave_nothing_do_not_hide_what_was_read(counts: xr.Dataset):
    found = inspect_counts(counts, min_mirna_log_cpm=50)
    assert any("cannot be applied" in remark for remark in found.remarks)
    assert found.stages["isomirs"].iloc[0] == 6


def with_column(counts: xr.Dataset, values: list[object]) -> xr.Dataset:
    return attach_samples(counts, pd.DataFrame({"v": values}, index=SAMPLES.index))


def test_levels_stand_in_the_order_of_the_design(counts: xr.Dataset):
    ordered = with_column(counts, pd.Categorical(["y", "x", "y", "x"], categories=["y", "x"]))
    assert inspect_counts(ordered).columns.set_index("column").loc["v"].tolist() == [
        "factor",
        "y (2), x (2)",
        0,
        "given",
    ]
    plain = inspect_counts(with_column(counts, ["y", "x", "y", "x"])).columns.set_index("column")
    assert plain.loc["v"].tolist() == ["factor", "x (2), y (2)", 0, "sorted"]


def test_dates_and_an_odd_cell_are_said(counts: xr.Dataset):
    dated = inspect_counts(with_column(counts, ["2021-03-01", "2021-03-01", "2021-03-02", "2021-03-02"]))
    assert dated.columns.set_index("column").loc["v", "kind"] == "date"
    odd = inspect_counts(with_column(counts, ["1.5", "2", "high", "3"]))
    assert (
        "Column v: numbers, but 'high' for sample s3; a design that uses it will refuse that." in odd.remarks
    )


def test_runs_of_a_library_are_remarked(counts: xr.Dataset):
    found = inspect_counts(attach_samples(counts, SAMPLES[["group"]].assign(library=["a", "a", "b", "c"])))
    assert any(
        remark.startswith("Column library has one value for several samples (a: s1, s2)")
        for remark in found.remarks
    )


def test_it_shows_itself_as_text_and_html(counts: xr.Dataset):
    text = repr(inspect_counts(counts))
    assert "Inspection(" not in text
    lines = [line.split() for line in text.splitlines()]
    assert lines[0] == ["Inspection", "of", "memory.tsv", "(format", "memory)"]
    assert "  - 2 rows were merged." in text
    assert ["s4", "1,000,000", "3", "6"] in lines
    assert ["group", "factor", "x", "(2),", "y", "(1),", "z", "(1)", "0", "sorted"] in lines
    assert ["read", "3", "6", "3,995,892", "100.0", "%"] in lines
    named = counts.assign_coords(sample=["<b>", "s2\x1b[31m", "s3", "s4"])
    html = inspect_counts(named)._repr_html_()
    assert "&lt;b&gt;" in html
    assert "<b>s" not in html
    assert "\x1b" not in repr(inspect_counts(named))


def test_of_many_samples_the_ends_are_shown():
    many = make_counts(
        np.full((2, 40), 9), isomir=["a", "b"], mirna=["m", "m"], sample=[f"s{i}" for i in range(40)]
    )
    text = repr(inspect_counts(many))
    assert [name in text for name in ("s0 ", "s5 ", "s6 ", "s33 ", "s34 ", "s39 ")] == [1, 1, 0, 0, 1, 1]
