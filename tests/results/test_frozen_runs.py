"""Runs that earlier versions saved: each loads, and its tables are those that were written then.

A folder for each schema, ``frozen/schemaN``: never made anew. A run of a schema that this version cannot read any more
would be refused with the way (:mod:`tests.results.test_tampered_runs`); none is yet.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bayes_mirglmm as bm
from bayes_mirglmm.results import SCHEMA_VERSION

FROZEN = Path(__file__).parent / "frozen"
RUNS = sorted(FROZEN.glob("schema*"))


def test_the_schema_of_this_version_is_frozen():
    assert f"schema{SCHEMA_VERSION}" in [path.name for path in RUNS]


@pytest.mark.parametrize("folder", RUNS, ids=lambda path: path.name)
def test_a_frozen_run_loads_with_its_numbers(folder):
    assert json.loads((folder / "run.json").read_text())["schema_version"] == int(folder.name[6:])
    fit = bm.load(folder)
    assert len(fit) >= 2
    for name in ("effects", "isomir_effects", "usage", "variance_components", "status"):
        was = pd.read_csv(folder / f"{name}.tsv", sep="\t", keep_default_na=False, na_values=["NA"])
        now = fit.tables()[name]
        assert len(now) == len(was)
        for column in was.columns:  # later versions may have more columns
            if pd.api.types.is_numeric_dtype(was[column]) and was[column].notna().any():
                values = now[column].to_numpy(dtype=float, na_value=np.nan)
                np.testing.assert_allclose(values, was[column].to_numpy(dtype=float), rtol=1e-12)
