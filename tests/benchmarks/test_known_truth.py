"""Pseudo-miRNAs of one ratio, and the tables of known truth, on inputs of the project's own making."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from accuracy_cache import Cache
from known_truth_page import ELSEWHERE, NOMINAL, effects_rows, effects_text, usage_rows
from ratiometric import put_together


def test_every_three_sequences_of_one_ratio_make_a_pseudo_mirna():
    table = pd.DataFrame({"sequence": list("gfedcba"), "ratio": [0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0]})
    made = put_together(table, "ratio")
    assert made.groupby("mirna")["sequence"].agg("".join).to_dict() == {
        "ratio +0.00 no. 0": "def",
        "ratio +0.00 no. 1": "g",
        "ratio +1.00 no. 0": "abc",
    }


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    """Two comparisons of three miRNAs: the estimates of the second are those of the first and a shift of 0.5."""
    cache = Cache(tmp_path / "runs")
    truth = pd.DataFrame({"mirna": list("abc"), "value": [1.0, 0.0, -1.0], "nominal": [1.0, 0.0, -1.0]})
    truth = truth.assign(changed=truth["value"] != 0, usage=False)
    usage = pd.DataFrame({"mirna": list("abc"), "p_value": [0.01, 0.2, 0.9], "p_adjusted": [0.03, 0.3, 0.9]})
    for number, shift in enumerate((0.0, 0.5)):
        estimate = np.array([1.1, 0.0, -1.0]) + shift
        found = pd.DataFrame({"mirna": list("abc"), "estimate": estimate, "std_error": 0.1})
        found = found.assign(lower=estimate - 0.2, upper=estimate + 0.2, rank=[0.0, 0.5, 0.0])
        found = found.assign(measure=[0.01, 0.9, 0.01])
        cache.truth("two", number, truth, None)
        cache.put("two", number, "ml_null", {"ml_null": {"mirnas": found, "usage": usage}}, 1.0)
    return cache


def test_a_shift_of_all_is_told_apart_from_the_errors_of_each(cache: Cache):
    rows = effects_rows(cache, "two").set_index(["number", "truth"])
    np.testing.assert_allclose(rows.loc[(1, NOMINAL), "shift"], 0.5)
    np.testing.assert_allclose(rows.loc[(1, NOMINAL), "mse_all"], (0.6**2 + 0.5**2 + 0.5**2) / 3)
    np.testing.assert_allclose(rows.loc[(1, NOMINAL), "mse_all_centred"], 0.1**2 / 3)
    assert rows.loc[(1, NOMINAL), "coverage"] == 0.0
    assert rows.loc[(1, NOMINAL), "coverage_centred"] == 1.0
    # what the other comparison found has the same error in a: it is the pool's
    np.testing.assert_allclose(rows.loc[(1, ELSEWHERE), "mse_all_centred"], 0.0, atol=1e-12)
    text = effects_text(rows.reset_index().query("number == 0"), NOMINAL)
    assert text.splitlines()[2].startswith(
        "| `ml`, null sequences | 3 | +0.00 | 3 | 1.00 | 1.00 | 1.00 | 0.00 |"
    )


def test_usage_is_counted_by_the_test_that_the_fit_calls_by(cache: Cache):
    rows = usage_rows(cache, "two")
    assert rows["below"].tolist() == pytest.approx([1 / 3, 1 / 3])
    assert rows["called"].tolist() == pytest.approx([1 / 3, 1 / 3])
    assert rows["any"].tolist() == [1.0, 1.0]
