import numpy as np

from bayes_mirglmm.counts.isomir_features import isomir_features

LET7 = "TGAGGTAGTAGGTTGTATAGTT"


def test_features_of_sequences_are_relative_to_the_most_abundant() -> None:
    names = [LET7, LET7[1:], LET7[:-1], LET7 + "A", LET7[:-1] + "A", "A" * 12 + "C" * 8]
    table = isomir_features(names, ["let-7"] * 6, np.array([9.0, 3, 3, 3, 3, 1]))
    np.testing.assert_array_equal(table["offset_5p"], [0, 1, 0, 0, 0, np.nan])
    np.testing.assert_array_equal(table["offset_3p"], [0, 0, -1, 1, -1, np.nan])
    np.testing.assert_array_equal(table["tail"], [0, 0, 0, 0, 1, np.nan])
    np.testing.assert_array_equal(table["tail_a"], [0, 0, 0, 0, 1, np.nan])
    np.testing.assert_array_equal(table["length"], [22, 21, 21, 23, 22, 20])
    np.testing.assert_allclose(table["gc"].iloc[[0, 5]], [8 / 22, 8 / 20])


def test_offsets_in_ids_and_names_that_tell_nothing() -> None:
    table = isomir_features(["mir-1|-1|+2", "iso7"], ["mir-1", "mir-1"], np.ones(2))
    np.testing.assert_array_equal(table.loc["mir-1|-1|+2", ["offset_5p", "offset_3p"]], [-1, 2])
    assert table.loc["mir-1|-1|+2", "tail"] != table.loc["mir-1|-1|+2", "tail"]  # not known: NaN
    assert table.loc["iso7"].isna().all()
