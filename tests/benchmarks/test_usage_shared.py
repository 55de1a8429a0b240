import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bayes_mirglmm as bm

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
import usage_shared


def test_power_is_of_the_longest_list_with_few_false_ones() -> None:
    truth = np.array([True] * 12 + [False] * 8)
    p = np.r_[np.linspace(0.001, 0.01, 10), 0.5, 0.9, np.full(8, 0.3)]
    p[12] = 0.0  # one false one leads: the list of all ten has 1 of 11
    assert usage_shared.power_at_true_fdr(p, truth) == pytest.approx(10 / 12)
    assert usage_shared.auc(-p, truth) == pytest.approx((10 * 7) / (12 * 8))


def test_planted_usage_keeps_the_totals_of_a_mirna_and_the_other_half() -> None:
    drawn = bm.simulate(4, n_mirnas=12, n_isomirs=5, seed=1).counts
    counts = drawn.assign_coords(half=("sample", np.repeat(["A", "B"], 4).astype(object)))
    made, truth = usage_shared.plant(counts, "slope_sd_0.5", 0)
    assert len(truth) == round(0.25 * len(set(counts["mirna"].values)))
    a = counts["half"].values == "A"
    np.testing.assert_array_equal(made["counts"].values[:, a], counts["counts"].values[:, a])
    before, after = (
        pd.DataFrame(x["counts"].values).groupby(counts["mirna"].values).sum() for x in (counts, made)
    )
    assert (after - before).abs().to_numpy().max() <= 5  # rounding of five isomiRs
    changed = np.any(made["counts"].values != counts["counts"].values, axis=1)
    assert set(counts["mirna"].values[changed]) == truth
    np.testing.assert_array_equal(made["total"], counts["total"])  # so that the other miRNAs keep their fits


def test_samples_are_relabelled_within_the_blocks_that_a_split_was_drawn_from() -> None:
    pairs = next(c for c in usage_shared.COHORTS if c.name == "tcga_pairs")
    cells = next(c for c in usage_shared.COHORTS if c.name == "equimolar_within")
    np.testing.assert_array_equal(usage_shared.relabelling(pairs, 4, 3), np.arange(8))  # as it was drawn
    for cohort, block in ((pairs, 2), (cells, 4)):
        orders = np.array([usage_shared.relabelling(cohort, 4, k) for k in range(12, 40)])
        assert {tuple(o) for o in orders // block} == {tuple(np.repeat(np.arange(8 // block), block))}
        assert len({tuple(o) for o in orders}) > 5
