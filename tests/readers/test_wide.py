"""Tables of thousands of samples, whose counts are parsed as one column: the same numbers, the same refusals."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import bayes_mirglmm as bm
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.readers import _delimited, _wide
from bayes_mirglmm.readers._wide import FEWEST_COLUMNS, is_wide, split_rows

Put = Callable[[str, str], Path]
N = FEWEST_COLUMNS
COUNTS = np.random.default_rng(3).poisson(40.0, (30, N))


def text(rows: list[list[str]], sep: str = "\t") -> str:
    head = sep.join(["isomir", "miRNA", *(f"s{i}" for i in range(N))])
    return "\n".join([head, *(sep.join(row) for row in rows)]) + "\n"


def rows() -> list[list[str]]:
    return [[f"iso{i}", f"miR-{i % 7}", *map(str, COUNTS[i].tolist())] for i in range(30)]


@pytest.fixture
def split(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each block went the fast way."""
    seen = []

    def noted(*given: object) -> object:
        found = split_rows(*given)  # type: ignore[arg-type]
        seen.append(found is not None)
        return found

    monkeypatch.setattr(_delimited, "split_rows", noted)
    return seen


@pytest.mark.parametrize("sep", ["\t", ",", ";"])
def test_the_counts_are_those_of_the_file(put: Put, split: list[bool], sep: str) -> None:
    counts = bm.read_counts(put("counts.txt", text(rows(), sep)))
    assert split == [True]
    np.testing.assert_array_equal(counts["counts"].values, COUNTS)
    assert list(counts["isomir"].values) == [f"iso{i}" for i in range(30)]
    assert list(counts["mirna"].values) == [f"miR-{i % 7}" for i in range(30)]
    rare = bm.read_counts(put("counts.txt", text(rows(), sep)), drop_rare=True)
    np.testing.assert_array_equal(rare["total"].values, COUNTS.sum(axis=0))


@pytest.mark.parametrize(
    "cell",
    [
        "9.0",
        " 7 ",
        "",
        "NA",
        '"8"',
        "18446744073709551615",
        "-1",
        "1e3",
        "x",
        "0x1F",
        "9007199254740993",
        "True",
        "+5",
    ],
)
def test_other_cells_are_read_or_refused_as_ever(
    put: Put, split: list[bool], cell: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = rows()
    made[11][2 + 1234] = cell
    path = put("counts.tsv", text(made))

    def outcome() -> object:
        try:
            return bm.read_counts(path)["counts"].values.tolist()
        except InputError as error:
            return str(error)

    found = outcome()
    monkeypatch.setattr(_delimited, "is_wide", lambda *given: False)
    assert found == outcome()
    if isinstance(found, str):
        assert "line 13" in found
        assert "s1234" in found


def test_blocks_of_a_file_are_put_together(
    put: Put, split: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    from bayes_mirglmm.readers import _open

    monkeypatch.setattr(_open, "BLOCK_CHARACTERS", 50_000)
    monkeypatch.setattr(_open, "CHUNK_CHARACTERS", 20_000)
    made = rows()
    made[20][5] = "NA"
    counts = bm.read_counts(put("counts.tsv", text(made)), missing="zero")
    assert len(split) > 3
    assert split.count(False) == 1  # the block with the missing cell
    expected = COUNTS.copy()
    expected[20, 3] = 0
    np.testing.assert_array_equal(counts["counts"].values, expected)


def test_a_choice_for_missing_cells_that_is_none_is_refused(put: Put) -> None:
    with pytest.raises(InputError, match="missing='maybe' is not one of"):
        bm.read_counts(put("counts.tsv", text(rows())), missing="maybe")


def test_what_is_wide() -> None:
    assert is_wide(N + 2, list(range(2, N + 2)))
    assert not is_wide(N + 1, list(range(2, N + 1)))  # too few
    assert not is_wide(N + 3, list(range(2, N + 2)))  # a column behind the counts
    assert not is_wide(N, list(range(N)))  # no name
    assert _wide.split_rows(b"a\t1\t2\nb\t3\t4\n", "\t", 3, 2)[0] == b"a\nb\n"  # type: ignore[index]
