"""The numbers of the accuracy table, on cases that can be worked out by hand."""

import numpy as np
import pandas as pd
import pytest
from accuracy_metrics import auc, isomir_metrics, mirna_metrics, summarise, tpr_matched

TRUTH = pd.DataFrame(
    {
        "mirna": list("abcdef"),
        "value": [0.5, -0.5, 0.0, 0.0, 0.0, 0.5],
        "nominal": [0.7, -0.7, 0.0, 0.0, 0.0, 0.7],
        "changed": [True, True, False, False, False, True],
    }
)


def found(**changes: object) -> pd.DataFrame:
    table = pd.DataFrame(
        {
            "mirna": list("abcde"),  # f has no estimate
            "estimate": [0.7, -0.1, 0.2, -0.2, 0.0],
            "lower": [0.4, -0.3, 0.1, -0.6, np.nan],
            "upper": [1.0, 0.1, 0.3, 0.2, np.nan],
            "rank": [0.001, 0.3, 0.002, 0.5, 0.9],
            "measure": [0.005, 0.4, 0.01, 0.6, 0.9],
        }
    )
    return table.assign(**changes)


def test_every_number_of_a_small_case():
    m = mirna_metrics(TRUTH, found())
    squared = {"a": 0.04, "b": 0.16, "c": 0.04, "d": 0.04, "e": 0.0}
    assert m["mse_all"] == pytest.approx(sum(squared.values()) / 5)
    assert m["mse_null"] == pytest.approx(0.08 / 3)
    assert m["mse_changed"] == pytest.approx(0.10)
    assert m["mse_nominal"] == pytest.approx((0 + 0.36 + 0.04 + 0.04 + 0) / 5)
    assert m["bias_changed"] == pytest.approx((0.2 - 0.4) / 2)
    assert m["coverage"] == pytest.approx(2 / 4)  # a and d; e has no interval
    assert m["coverage_null"] == pytest.approx(1 / 2)
    assert m["coverage_changed"] == pytest.approx(1 / 2)
    assert m["width"] == pytest.approx((0.6 + 0.4 + 0.2 + 0.8) / 4)
    assert m["var_null"] == pytest.approx(np.var([0.2, -0.2, 0.0], ddof=1))
    assert m["var_changed"] == pytest.approx(np.var([0.7, 0.1], ddof=1))
    # f, a changed miRNA that failed, counts as missed and ranks last.
    assert m["tpr"] == pytest.approx(1 / 3)
    assert m["tnr"] == pytest.approx(2 / 3)
    assert m["fdr"] == pytest.approx(1 / 2)
    assert m["auc"] == pytest.approx((3 + 2 + 0) / 9)
    assert (m["failures"], m["no_interval"]) == (1, 1)


def test_a_method_that_failed_altogether_is_all_failures():
    m = mirna_metrics(TRUTH, found().iloc[:0])
    assert (m["failures"], m["tpr"], m["tnr"], m["fdr"], m["auc"]) == (6, 0, 1, 0, 0.5)
    assert np.isnan(m["mse_all"])
    assert np.isnan(m["coverage"])


def test_auc_counts_ties_half():
    assert auc(np.array([True, True, False]), np.array([2.0, 1.0, 1.0])) == pytest.approx(0.75)
    assert auc(np.array([True, False]), np.array([1.0, 2.0])) == 0
    assert np.isnan(auc(np.array([True]), np.array([1.0])))


def test_isomirs_are_held_to_their_own_truth():
    truth = pd.DataFrame({"mirna": ["a", "a", "c"], "isomir": ["i", "j", "k"], "value": [0.4, 0.8, 0.0]})
    table = pd.DataFrame(
        {
            "mirna": ["a", "a"],
            "isomir": ["i", "k"],
            "estimate": [0.6, 0.1],
            "lower": [0.5, -1],
            "upper": [1.0, 1],
        }
    )
    m = isomir_metrics(truth, table, {"a"})
    assert m["mse_all"] == pytest.approx((0.04 + 0.01) / 2)
    assert m["mse_changed"] == pytest.approx(0.04)
    assert m["mse_null"] == pytest.approx(0.01)
    assert m["coverage"] == pytest.approx(1 / 2)
    assert m["failures"] == 1


def test_a_summary_has_mean_and_sd_over_data_sets_and_the_sum_of_failures():
    rows = pd.DataFrame(
        {
            "scenario": "s",
            "number": [0, 1, 0],
            "method": ["m", "m", "n"],
            "mse_all": [1.0, 3.0, 5.0],
            "failures": [2, 3, 0],
        }
    )
    table = summarise(rows, ["method"]).set_index("method")
    assert table.loc["m", "sets"] == 2
    assert table.loc["m", "mse_all"] == 2
    assert table.loc["m", "mse_all_sd"] == pytest.approx(np.sqrt(2))
    assert table.loc["m", "failures"] == 5
    assert np.isnan(table.loc["n", "mse_all_sd"])


def test_matched_power_is_that_of_the_longest_clean_top():
    changed = np.array([True, True, False, True, False, False])
    assert tpr_matched(changed, np.array([6.0, 5, 4, 3, 2, 1])) == pytest.approx(2 / 3)
    assert tpr_matched(changed, np.array([6.0, 5, 4, 3, 2, 1]), fdr=0.25) == 1.0
    # tied with a false one, the second stands or falls with it
    assert tpr_matched(changed, np.array([6.0, 5, 5, 3, 2, 1])) == pytest.approx(1 / 3)
    assert tpr_matched(changed, np.array([-np.inf, 1, 2, -np.inf, 0, 0])) == 0.0
