"""Shifts of kinds of isomiRs: planted ones are found, with their size, once; nothing else is."""

import numpy as np
import pytest
from scipy import stats

import bayes_mirglmm as bm
from bayes_mirglmm.cohort.type_scores import change, excess, scores
from bayes_mirglmm.errors import InputError

TERM = "group[T.B]"
PLANTED = 0.8


@pytest.fixture(scope="module")
def counts():
    drawn = bm.simulate(
        6, ("A", "B"), n_mirnas=16, n_isomirs=12, changed=0.5, usage=0.0, theta=30.0, seed=5
    ).counts
    kinds = bm.isomir_alterations(drawn)
    moved = drawn.copy(deep=True)
    trimmed = kinds["3' trimmed"].to_numpy() > 0
    cells = np.ix_(trimmed, moved["group"].values == "B")
    moved["counts"].values[cells] = np.round(moved["counts"].values[cells] * np.exp(PLANTED)).astype(int)
    return moved.assign(total=("sample", moved["counts"].values.sum(axis=0)))


@pytest.fixture(scope="module")
def fit(counts):
    return bm.fit(counts, "~ group", progress=False)


@pytest.fixture(scope="module")
def own(counts):
    return bm.isomir_alterations(counts)[["5' start", "3' trimmed", "3' extended"]]


def test_a_planted_shift_of_all_trimmed_isomirs_is_one_finding_of_its_size(fit, own, chance):
    table = fit.type_shifts(alterations=own).set_index("alteration")
    found = table.loc["3' trimmed"]
    assert found["p_adjusted"] < 1e-4
    # scores are one step from 0, so that a large shift comes out a little smaller
    assert 0.6 * PLANTED < found["estimate"] < 1.2 * PLANTED
    assert found["log2_change"] == pytest.approx(found["estimate"] / np.log(2))
    assert 5 < found["df"] <= 10
    half = stats.t.ppf(0.975, found["df"]) * found["std_error"]
    assert found["upper"] - found["estimate"] == pytest.approx(half)
    others = table.drop(index="3' trimmed")
    assert (abs(others["estimate"]) < stats.t.isf(chance.RATE, others["df"]) * others["std_error"]).all()


def test_mirnas_follow_the_shift_and_none_goes_beyond_it(fit, own):
    table = fit.type_shifts(of="mirnas", alterations=own)
    own = table[table["alteration"] == "3' trimmed"]
    assert (own["p_value"] < 0.05).mean() > 0.4
    assert (own["p_beyond"] < 0.05).mean() < 0.35
    assert own["estimate"].mean() > 3 * abs(own["beyond"].mean())
    np.testing.assert_allclose(own["estimate"] - own["beyond"], (own["estimate"] - own["beyond"]).iloc[0])


def test_the_test_is_that_of_one_score_a_sample():
    rng = np.random.default_rng(2)
    features, values = rng.normal(size=(30, 2)), rng.normal(size=(30, 7))
    inside = rng.normal(size=7)
    found = change(scores(features, values), inside)
    score = np.linalg.lstsq(features, values, rcond=None)[0]
    for k in range(2):
        # least squares of the seven scores on the variable, through the origin
        slope = score[k] @ inside / (inside @ inside)
        residual = score[k] - slope * inside
        error = np.sqrt(residual @ residual / 6 / (inside @ inside))
        assert found.estimate[k] == pytest.approx(slope)
        assert found.std_error[k] == pytest.approx(error)
    np.testing.assert_array_equal(found.df, 6)


def test_isomirs_that_change_by_different_amounts_are_no_shift_of_their_kind():
    # Effects of single isomiRs along the variable, none of the kind: the error must hold how much they differ.
    rng = np.random.default_rng(6)
    inside, start = np.eye(9)[0], np.arange(0, 60, 6)
    z, plain = [], []
    for _ in range(300):
        features, values = rng.normal(size=(60, 1)), rng.normal(size=(60, 9))
        values[:, 0] += 3.0 * rng.normal(size=60)
        score = scores(features, values)
        differ = excess(features, values, start, inside)
        found, bare = change(score, inside, differ), change(score, inside)
        z.append(found.estimate[0] / found.std_error[0])
        plain.append(bare.estimate[0] / bare.std_error[0])
    assert np.mean(np.abs(plain) > stats.t.isf(0.025, 8)) > 0.3
    assert np.mean(np.abs(z) > stats.t.isf(0.025, 8)) < 0.15
    assert 5 < found.df[0] <= 8


def test_p_values_are_uniform_where_nothing_was_compared(chance):
    rng = np.random.default_rng(4)
    p = []
    for _ in range(400):
        found = change(scores(rng.normal(size=(20, 1)), rng.normal(size=(20, 6))), rng.normal(size=6))
        p.append(2 * stats.t.sf(abs(found.estimate[0] / found.std_error[0]), found.df))
    low, high = chance.share(0.05, 400)
    assert low <= np.mean(np.array(p) < 0.05) <= high


def test_the_picture_shows_both_tables(fit, own):
    axes = bm.plot_type_shifts(fit, alterations=own).axes[0]
    table = fit.type_shifts(alterations=own).set_index("alteration")
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == [f"{name} ({int(n)})" for name, n in table["isomirs"].iloc[::-1].items()]
    points = [line.get_xdata()[0] for line in axes.lines if line.get_marker() == "o"]
    np.testing.assert_allclose(points, table["log2_change"].iloc[::-1])


def test_what_cannot_be_told_is_refused_with_a_remedy(fit, own, counts):
    with pytest.raises(InputError, match="'all' or 'mirnas'"):
        fit.type_shifts(of="each")
    with pytest.raises(InputError, match=r"group\[T.B\]"):
        fit.type_shifts("Intercept")
    with pytest.raises(InputError, match="isomir_alterations"):
        fit.type_shifts(alterations=own * np.nan)
