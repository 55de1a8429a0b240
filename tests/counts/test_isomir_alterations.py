"""Alterations of isomiRs: from mirGFF3's variants, miraligner's columns, offsets, and sequences."""

import numpy as np
import pytest

from bayes_mirglmm.counts.isomir_alterations import ALTERATIONS, alterations_of

MATURE = "TGAGGTAGTAGGTTGTATAGTT"


def names(table, row=0):
    return {name for name in ALTERATIONS if table[name].iloc[row] == 1}


@pytest.mark.parametrize(
    ("variant", "sequence", "wanted"),
    [
        ("NA", MATURE, set()),
        ("iso_5p:+1,iso_3p:-2", MATURE[1:-2], {"5' start", "3' trimmed"}),
        ("iso_3p:+1", MATURE + "G", {"3' extended"}),
        ("iso_add3p:1", MATURE + "A", {"tail A"}),
        ("iso_3p:-1,iso_add3p:2", MATURE[:-1] + "TT", {"3' trimmed", "tail U"}),
        ("iso_snv_seed", MATURE, {"internal"}),
        ("iso_add:2", MATURE + "CG", {"tail C or G"}),
    ],
)
def test_variants_of_mirgff3(variant, sequence, wanted):
    columns = {"variant": np.array([variant]), "sequence": np.array([sequence])}
    found = alterations_of(np.array(["x"]), np.array(["m"]), np.ones(1), columns)
    assert names(found) == wanted
    assert found.notna().all(axis=None)


def test_columns_of_miraligner():
    columns = {
        "t5": np.array(["0", "TG", "0"]),
        "t3": np.array(["t", "G", "0"]),
        "add": np.array(["0", "0", "AA"]),
        "mism": np.array(["0", "0", "11TC"]),
    }
    found = alterations_of(np.array(list("abc")), np.array(["m"] * 3), np.ones(3), columns)
    assert [names(found, i) for i in range(3)] == [
        {"3' trimmed"}, {"5' start", "3' extended"}, {"tail A", "internal"},
    ]  # fmt: skip


def test_sequences_are_compared_with_the_most_abundant_or_the_mature_one():
    reads = np.array([MATURE, MATURE[1:], MATURE[:-1], MATURE + "A", MATURE[:8] + "C" + MATURE[9:], "ACGT"])
    level = np.array([9.0, 1, 1, 1, 1, 1])
    found = alterations_of(reads, np.array(["m"] * 6), level)
    # without the precursor nobody can tell template from tail behind the end
    assert [names(found, i) for i in range(5)] == [
        set(), {"5' start"}, {"3' trimmed"}, {"3' extended"}, {"internal"},
    ]  # fmt: skip
    assert found.iloc[5].isna().all()
    moved = alterations_of(reads[:2], np.array(["m"] * 2), level[:2], mature={"m": MATURE[1:]})
    assert names(moved, 0) == {"5' start"}
    assert names(moved, 1) == set()


def test_ids_with_offsets_have_no_tails():
    found = alterations_of(np.array(["x|0|0", "x|-1|2"]), np.array(["m"] * 2), np.ones(2))
    assert [names(found, i) for i in range(2)] == [set(), {"5' start", "3' extended"}]
