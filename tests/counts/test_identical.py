"""A sample that occurs under two names is found, in memory and on disk, and others are not."""

import numpy as np
import pytest

import bayes_mirglmm as bm
from bayes_mirglmm.counts import identical
from bayes_mirglmm.counts.container import make_counts, sample_table
from bayes_mirglmm.counts.identical import identical_cautions, identical_samples
from bayes_mirglmm.counts.on_disk import Spool, is_on_disk


@pytest.fixture(scope="module")
def values():
    values = np.random.default_rng(5).poisson(30, (40, 6))
    values[:, 4] = values[:, 1]
    values[:, 5] = values[::-1, 0]  # the same total, other counts
    return values


def container(values, on_disk=False):
    matrix = values
    if on_disk:
        matrix = Spool(values.shape[1])
        matrix.add(values[:30].astype(np.int32))
        matrix.add(values[30:].astype(np.int64))
    rows, columns = values.shape
    return make_counts(
        matrix,
        isomir=[f"i{k}" for k in range(rows)],
        mirna=[f"m{k // 4}" for k in range(rows)],
        sample=[f"s{k}" for k in range(columns)],
    )


@pytest.mark.parametrize("on_disk", [False, True])
def test_the_same_counts_under_two_names(values, on_disk):
    counts = container(values, on_disk)
    assert is_on_disk(counts["counts"]) == on_disk
    assert identical_samples(counts) == [["s1", "s4"]]
    (caution,) = identical_cautions(counts)
    assert caution.startswith("identical counts: s1, s4: ")
    assert caution.kind == "identical_samples"


def test_samples_that_differ_are_not_looked_at(values, monkeypatch):
    monkeypatch.setattr(identical, "blocks_of", lambda *_: pytest.fail("counts were read"))
    assert identical_cautions(container(values[:, :4])) == []


def test_one_count_is_a_difference_and_empty_or_tiny_samples_say_nothing(values):
    other = values.copy()
    other[[0, 1], 4] += [1, -1]
    assert identical_samples(container(other)) == []
    assert identical_samples(container(np.zeros((40, 3), dtype=int))) == []
    assert identical_samples(container(np.ones((9, 3), dtype=int))) == []


def test_inspection_and_fit_say_so(caplog):
    counts = bm.simulate(3, ("a", "b"), n_mirnas=6, n_isomirs=5, seed=2).counts
    names = ["a_1", "a_2", "a_3", "b_1", "b_2", "b_3"]
    assert counts["sample"].values.tolist() == names
    twice = counts["counts"].values.copy()
    twice[:, 1] = twice[:, 0]
    copied = make_counts(
        twice,
        isomir=counts["isomir"].values,
        mirna=counts["mirna"].values,
        sample=names,
        samples=sample_table(counts),
    )
    said = "dentical counts: a_1, a_2: libraries differ"
    assert any(said in remark for remark in bm.inspect_counts(copied).remarks)
    fit = bm.fit(copied, "~ group", progress=False)
    assert any(said in caution for caution in fit.metadata["cautions"])
    assert said in caplog.text
    assert not any("dentical counts" in remark for remark in bm.inspect_counts(counts).remarks)
