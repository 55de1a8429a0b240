"""Ids that hold miRNA and isomiR."""

import pandas as pd
import pytest

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.readers import from_dataframe, read_counts

SEMICOLONS = [
    "hsa-let-7a-5p;ref",
    "hsa-let-7a-5p;iso_3p:t",
    "hsa-let-7a-5p;iso_add:A;iso_3p:t",
    "hsa-miR-21-5p",
]
DOTS = ["hsa-let-7a-5p", "hsa-let-7a-5p.ea", "hsa-let-7a-5p.sA.eCT", "hsa-miR-21-5p.7CT"]
NOTE = "column {!r} holds the miRNA and the isomiR: the miRNA is what stands before the changes."


@pytest.mark.parametrize(
    ("ids", "changes"),
    [
        (SEMICOLONS, ["ref", "iso_3p:t", "iso_add:A;iso_3p:t", ""]),
        (DOTS, ["ref", "ea", "sA.eCT", "7CT"]),
    ],
)
@pytest.mark.parametrize("name", ["id", "", "isomir"])
def test_the_mirna_is_what_stands_before_the_changes(put, ids, changes, name):
    table = pd.DataFrame({name: ids, "S1": [14, 21, 28, 35], "S2": [1, 2, 0, 4]})
    as_file = read_counts(put("counts.tsv", table.to_csv(sep="\t", index=False)))
    as_frame = from_dataframe(table.set_index(name) if name else table.set_index(name).rename_axis(None))
    for counts in (as_file, as_frame):
        assert counts["isomir"].values.tolist() == ids
        assert counts["mirna"].values.tolist() == ["hsa-let-7a-5p"] * 3 + ["hsa-miR-21-5p"]
        assert counts["variant"].values.tolist() == changes
        assert counts["counts"].values.tolist() == [[14, 1], [21, 2], [28, 0], [35, 4]]
        assert NOTE.format(name or "row_name") in counts.attrs["notes"]


@pytest.mark.parametrize(
    "ids",
    [
        ["hsa-miR-101-3p.1", "hsa-miR-101-3p.2"],
        ["hsa-let-7a-5p", "hsa-miR-21-5p"],
        ["hsa-let-7a-5p.ea", "gene1"],
        ["hsa-let-7a-5p/7c-5p", "hsa-miR-21-5p"],
    ],
)
def test_names_of_mirnas_alone_are_no_isomirs(put, ids):
    table = pd.DataFrame({"id": ids, "S1": [14, 21], "S2": [1, 2]})
    with pytest.raises(InputError, match="counts are per miRNA"):
        read_counts(put("counts.tsv", table.to_csv(sep="\t", index=False)))
