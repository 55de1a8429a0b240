import json

import numpy as np
import pandas as pd
import pytest

from bayes_mirglmm import __version__
from bayes_mirglmm.counts import make_counts, with_dropped
from bayes_mirglmm.results import provenance
from bayes_mirglmm.results.provenance import counts_sha256


@pytest.fixture
def counts():
    return make_counts(
        np.arange(6).reshape(3, 2),
        isomir=["i", "j", "k"],
        mirna=["m", "m", "n"],
        sample=["s", "t"],
        source="x.tsv",
        notes=["one row repaired."],
    )


def test_contents(counts):
    rows = pd.DataFrame(
        {
            "isomir": ["p", "q", "r"],
            "mirna": ["m", "gone", "gone"],
            "reason": ["low_isomir_expression", "low_mirna_expression", "low_mirna_expression"],
            "log_cpm": [-2.0, 1.0, 1.0],
        }
    )
    found = provenance(with_dropped(counts, rows), seed=4, command="bayes-mirglmm fit x.tsv")
    assert found["seed"] == 4
    assert found["command"] == "bayes-mirglmm fit x.tsv"
    assert found["versions"]["bayes-mirglmm"] == __version__
    assert {"python", "numpy", "numba", "xarray"} <= set(found["versions"])
    assert found["input"]["source"] == "x.tsv"
    assert found["input"]["notes"] == ["one row repaired."]
    assert (found["input"]["samples"], found["input"]["isomirs"], found["input"]["mirnas"]) == (2, 3, 2)
    assert found["filters"]["dropped_isomirs"] == {"low_isomir_expression": 1, "low_mirna_expression": 2}
    assert found["filters"]["mirnas_without_isomirs"] == 1
    assert json.loads(json.dumps(found)) == found


def test_hash_follows_the_content(counts):
    first = counts_sha256(counts)
    assert first == counts_sha256(counts.copy(deep=True))
    assert len(first) == 64
    changed = counts.copy(deep=True)
    changed["counts"][0, 0] += 1
    assert counts_sha256(changed) != first
    assert counts_sha256(counts.isel(sample=[1, 0])) != first
    assert counts_sha256(counts.assign_coords(mirna=("isomir", ["m", "n", "n"]))) != first
    assert counts_sha256(counts.assign_coords(total=counts["total"] + 1)) != first
