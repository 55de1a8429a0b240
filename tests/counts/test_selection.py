"""Some miRNAs of many: what stays, what is on record, what a fit of them says of the others."""

import numpy as np
import pytest

import bayes_mirglmm as bm
from bayes_mirglmm.counts.container import counts_sha256, dropped
from bayes_mirglmm.counts.selection import select_mirnas
from bayes_mirglmm.errors import InputError


@pytest.fixture(scope="module")
def counts():
    found = bm.simulate(3, ("A", "B"), n_mirnas=4, n_isomirs=3, seed=3).counts
    return found.isel(isomir=found["mirna"].values != "background")


def test_others_are_on_record_and_totals_stay(counts):
    kept = select_mirnas(counts, ["sim-miR-2", "sim-miR-4"])
    assert set(kept["mirna"].values) == {"sim-miR-2", "sim-miR-4"}
    np.testing.assert_array_equal(kept["total"], counts["total"])
    gone = dropped(kept)
    assert set(gone["mirna"]) == {"sim-miR-1", "sim-miR-3"}
    assert set(gone["reason"]) == {"not_selected"}
    assert kept.attrs["sha256_before_filters"] == counts_sha256(counts)
    assert select_mirnas(counts, None) is counts


def test_a_filter_of_some_keeps_what_a_filter_of_all_keeps_of_them(counts):
    names = ["sim-miR-1", "sim-miR-3"]
    some = bm.filter_counts(counts, -10.0, 2.0, mirnas=names)
    whole = bm.filter_counts(counts, -10.0, 2.0)
    wanted = whole.isel(isomir=np.isin(whole["mirna"].values, names))
    np.testing.assert_array_equal(some["isomir"], wanted["isomir"])
    assert some.attrs["sha256_before_filters"] == whole.attrs["sha256_before_filters"]


def test_a_fit_of_some_is_the_fit_of_all_for_them(counts):
    whole = bm.fit(counts, "~ group", offset="tmm", progress=False)
    some = bm.fit(counts, "~ group", offset="tmm", mirnas=["sim-miR-2"], progress=False)
    assert some.mirnas == ("sim-miR-2",)
    np.testing.assert_array_equal(some.data["offset"], whole.data["offset"])  # of all counts
    for name in ("estimate", "std_error", "p_value"):
        np.testing.assert_array_equal(
            some.effects()[name], whole.effects().query("mirna == 'sim-miR-2'")[name]
        )
    status = some.status().set_index("mirna")
    assert list(status.loc[["sim-miR-1", "sim-miR-3", "sim-miR-4"], "status"]) == ["not_selected"] * 3
    assert "asked for" in status.loc["sim-miR-1", "reason"]
    assert some.metadata["input"]["sha256"] == whole.metadata["input"]["sha256"]
    assert some.metadata["input"]["mirnas"] == 4


def test_one_that_a_filter_has_dropped_has_its_own_reason(counts):
    quiet = counts.copy(deep=True)
    quiet["counts"].values[quiet["mirna"].values == "sim-miR-1"] = 0
    kept = bm.filter_counts(quiet, -5.0, None)
    fit = bm.fit(kept, "~ group", mirnas=["sim-miR-1", "sim-miR-2"], progress=False)
    status = fit.status().set_index("mirna")["status"]
    assert status["sim-miR-1"] == "low_expression"
    assert status["sim-miR-3"] == "not_selected"
    with pytest.raises(InputError, match="mirnas= names sim-miR-1, of which the filters have left no isomiR"):
        bm.fit(kept, "~ group", mirnas="sim-miR-1", progress=False)


def test_names_that_do_not_exist_are_refused_with_the_nearest(counts):
    with pytest.raises(InputError, match=r"mirnas= names 'sim-mir-22'.*Did you mean 'sim-miR-2'"):
        bm.filter_counts(counts, mirnas=["sim-mir-22"])
    with pytest.raises(InputError, match="empty"):
        bm.inspect_counts(counts, mirnas=[])


def test_an_inspection_follows_the_miRNAs_that_were_asked_for(counts):
    stages = bm.inspect_counts(counts, mirnas=["sim-miR-2"]).stages.set_index("stage")
    assert list(stages.index)[:2] == ["read", "asked for"]
    assert list(stages["mirnas"])[:2] == [4, 1]
    assert "asked for" not in set(bm.inspect_counts(counts).stages["stage"])
