"""Types of isomiRs: from annotation, ids and sequences."""

import numpy as np
import pandas as pd
import pytest

import bayes_mirglmm as bm
from bayes_mirglmm.counts.isomir_types import TYPES, compare, isomir_types, types_of

LET7 = "TGAGGTAGTAGGTTGTATAGTT"


@pytest.mark.parametrize(
    ("sequence", "kind"),
    [
        (LET7, "canonical"),
        (LET7[:-1], "3' end"),
        (LET7 + "A", "3' end"),  # template or tail: the precursor would tell
        (LET7[1:], "5' end"),
        ("A" + LET7, "5' end"),
        (LET7[:-1] + "A", "tail"),
        (LET7[:-3] + "AAA", "tail"),
        (LET7[:-4] + "AA", "tail"),  # trimmed before
        (LET7[:10] + "C" + LET7[11:], "internal"),
        (LET7[:10] + "C" + LET7[11:-1], "mixed"),
        (LET7[1:-2], "mixed"),
        (LET7[1:-1] + "A", "mixed"),
        (LET7[:8] + "CC" + LET7[10:], "unknown"),
        ("ACGTACGTACGTACGTACGT", "unknown"),
        ("TGAGG", "unknown"),
    ],
)
def test_sequences_are_compared_with_the_reference(sequence: str, kind: str):
    assert compare(sequence, LET7) == kind


@pytest.mark.parametrize(
    ("variant", "kind"),
    [
        ("NA", "canonical"),
        ("iso_5p:+1", "5' end"),
        ("iso_3p:-2", "3' end"),
        ("iso_add3p:1", "tail"),
        ("iso_add:2", "tail"),
        ("iso_3p:-1,iso_add3p:2", "tail"),
        ("iso_snv_seed", "internal"),
        ("iso_snp_central_offset", "internal"),
        ("iso_5p:-1,iso_3p:+1", "mixed"),
        ("iso_5p:-1,iso_snv", "mixed"),
        ("exact", "canonical"),
        ("lv3p|lv3pT|lv3p#-1", "3' end"),
        ("ref", "canonical"),
        ("ea", "3' end"),
        ("sA", "5' end"),
        ("sA.eCT", "mixed"),
        ("7CT", "internal"),
        ("iso_add:A;iso_3p:t", "tail"),
        ("nta#T|nta#T#1@lv5p|lv5pE|lv5p#1", "mixed"),
        ("lv5p|lv5pT|lv5p#-1", "5' end"),
        ("mv", "mixed"),
        ("whatever", "unknown"),
        ("", "unknown"),
    ],
)
def test_labels_of_mirgff3_and_srnabench_are_read(variant: str, kind: str):
    assert list(types_of(["read_1"], ["m"], np.ones(1), {"variant": np.array([variant])})) == [kind]


def test_miraligner_columns_gdc_offsets_and_ids_are_read():
    columns = pd.DataFrame(
        [
            ["0", "0", "0", "0"],
            ["0", "A", "0", "c"],
            ["8GA", "0", "0", "0"],
            ["0", "0", "t", "G"],
            ["0", "0", "0", "g"],
        ],
        columns=["mism", "add", "t5", "t3"],
    )
    found = types_of(
        list("abcde"), ["m"] * 5, np.ones(5), {name: columns[name].to_numpy() for name in columns}
    )
    assert list(found) == ["canonical", "tail", "internal", "mixed", "3' end"]
    offsets = {"offset_5p": np.array(["0", "-1", "0", "1"]), "offset_3p": np.array(["0", "0", "2", "nan"])}
    assert list(types_of(list("abcd"), ["m"] * 4, np.ones(4), offsets)) == [
        "canonical",
        "5' end",
        "3' end",
        "unknown",
    ]
    ids = ["MIMAT0000062|0|0", "hsa-let-7a-5p|+1|-1", "hsa-let-7a-5p|0|-1|hsa-let-7a-5p", "read_7"]
    assert list(types_of(ids, ["m"] * 4, np.ones(4))) == ["canonical", "mixed", "3' end", "unknown"]


def test_without_annotation_the_most_abundant_sequence_is_the_reference_and_called_so():
    ids = [LET7[:-1], LET7, LET7[1:] + "|hsa-let-7a", "CCCCCCCCCCCCCCCC"]
    found = types_of(ids, ["a", "a", "a", "b"], np.array([1.0, 5.0, np.nan, 1.0]))
    assert list(found) == ["3' end", "most abundant", "5' end", "most abundant"]
    # RNA letters, a mature sequence that is not the most abundant one
    found = types_of(ids[:3], ["a"] * 3, np.array([1.0, 5.0, 2.0]), mature={"a": LET7[:-1].replace("T", "U")})
    assert list(found) == ["canonical", "3' end", "mixed"]


def test_sequences_decide_only_where_no_isomir_of_the_mirna_is_annotated():
    columns = {"variant": np.array(["NA", "", ""])}
    found = types_of([LET7, LET7[:-1], LET7[1:]], ["a", "a", "b"], np.ones(3), columns)
    assert list(found) == ["canonical", "unknown", "most abundant"]


def test_a_container_gives_a_type_for_every_isomir():
    counts = bm.simulate(3, n_mirnas=20, seed=1).counts
    found = isomir_types(counts)
    assert list(found.index) == list(counts["isomir"].values)
    assert set(found) <= set(TYPES)
    named = counts["variant"].values == "NA"
    assert (found[named] == "canonical").all()
    assert int((found == "canonical").sum()) == 20
    bare = isomir_types(counts.drop_vars("variant"))
    assert int((bare == "most abundant").sum()) == 20
    # What the sequences tell is what the annotation says, where the most abundant sequence is the canonical one.
    same = named & (bare == "most abundant").to_numpy()
    alike = np.isin(counts["mirna"].values, counts["mirna"].values[same]) & ~same
    ends = alike & np.isin(found, ["5' end", "3' end"])
    assert ends.sum() > 50
    assert (found[ends] == bare[ends]).mean() > 0.9
