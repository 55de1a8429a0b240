import json

import numpy as np
import pandas as pd
import pytest

import bayes_mirglmm as bm
from bayes_mirglmm import __version__
from bayes_mirglmm.counts.container import counts_sha256, make_counts, with_dropped
from bayes_mirglmm.results import provenance


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
    assert (found["input"]["samples"], found["input"]["isomirs"], found["input"]["mirnas"]) == (2, 6, 3)
    assert (found["fitted"]["isomirs"], found["fitted"]["mirnas"]) == (3, 2)
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


def test_the_limits_of_the_filters_and_the_hash_of_the_input_are_kept():
    simulated = bm.simulate(n_per_group=3, n_mirnas=8, seed=2).counts
    loose, strict = (bm.filter_counts(simulated, limit, -1) for limit in (2, 5))
    first, second = provenance(loose), provenance(strict)
    assert first["input"]["sha256"] == second["input"]["sha256"] == counts_sha256(simulated)
    assert first["fitted"]["sha256"] != second["fitted"]["sha256"]
    assert first["input"]["isomirs"] == simulated.sizes["isomir"]
    assert (first["filters"]["min_mirna_log_cpm"], second["filters"]["min_mirna_log_cpm"]) == (2.0, 5.0)
