"""Names that may be meant in place of one that does not exist."""

import pytest

from bayes_mirglmm.suggest import did_you_mean, spelled_apart


@pytest.mark.parametrize(
    ("name", "other", "what"),
    [
        ("ctrl_1", "CTRL_1", "upper and lower case"),
        ("ctrl_1", "ctrl-1", "'-' and '_'"),
        ("ctrl_1", "ctrl.1", "'_' and '.'"),
        ("ctrl_1", "Ctrl-1", "case and '-' and '_'"),
        ("a-b_c", "a_b-c", "'-', '_', '.' and blanks"),
    ],
)
def test_names_that_differ_in_spelling_alone(name, other, what):
    assert spelled_apart([name], ["x", other]) == [(name, other, what)]


def test_equal_and_different_names_are_no_pairs():
    assert spelled_apart(["ctrl_1", "ctrl_2"], ["ctrl_1", "ctrl-12"]) == []


def test_the_nearest_names():
    assert did_you_mean("grup", ["Group", "batch"]) == " Did you mean 'Group'?"
    assert did_you_mean("zzz", ["group"]) == ""
