"""The ledger: every bit kept, every cut survived, what is not a ledger refused."""

import errno
import logging

import numpy as np
import pytest

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.ledger import Ledger, differences, digest, read_ledger
from bayes_mirglmm.ledger.encoding import decode, encode
from bayes_mirglmm.records import Draws, MirnaRecord, ModelNumbers


def record(rng, name="mir", draws=False):
    numbers = ModelNumbers(
        beta=rng.normal(size=2),
        beta_cov=rng.normal(size=(2, 2)),
        theta=np.inf,
        log_theta_se=np.nan,
        omega=np.asfortranarray(rng.normal(size=(2, 2))),
        log_likelihood=np.float64(-1 / 3),
        iterations=np.int64(7),
        extra={"pareto_k": np.float64(0.1) + 0.2, "worst": "b[0]"},
    )
    joint = Draws(
        np.full(3, 1 / 3),
        *(rng.normal(size=size) for size in [(3, 2), (3, 2, 2), 3, 3]),
        b=rng.normal(size=(3, 4, 2)).astype(np.float32),
        u=rng.normal(size=(3, 5)).astype(np.float32),
        stats={"energy": rng.normal(size=3)},
    )
    return MirnaRecord(
        name, "ok", "näme \udc80 <b>", isomirs=["a", "b"], counts=rng.integers(0, 9, (2, 5)), full=numbers,
        draws=joint if draws else None,
    )  # fmt: skip


def assert_same(a, b):
    if isinstance(a, np.ndarray):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)
    elif hasattr(a, "__dataclass_fields__"):
        assert type(a) is type(b)
        for name in a.__dataclass_fields__:
            assert_same(getattr(a, name), getattr(b, name))
    elif isinstance(a, dict):
        assert a.keys() == b.keys()
        for name in a:
            assert_same(a[name], b[name])
    else:
        assert a == b or (a != a and b != b)


def test_every_bit_of_a_record_comes_back():
    rng = np.random.default_rng(1)
    for draws in (False, True):
        whole = record(rng, draws=draws)
        assert_same(whole, decode(encode(whole)))
    tree = {"a": [1, None, True, "x", -0.0, 1e-320], "b": {"c": np.zeros((0, 3), np.int32)}}
    assert_same(tree, decode(encode(tree)))


def test_a_ledger_is_read_back_in_order(tmp_path):
    rng = np.random.default_rng(2)
    ledger = Ledger(tmp_path / "l", {"identity": {"seed": 1}})
    ml, own = record(rng, "x"), record(rng, "x", draws=True)
    same = record(rng, "y")
    ledger.add("x", (ml, own))
    ledger.add("y", (same, same))
    ledger.close()
    found = read_ledger(tmp_path / "l")
    assert found.header == {"identity": {"seed": 1}}
    assert list(found.pairs) == ["x", "y"]
    assert_same(found.pairs["x"][0], ml)
    assert_same(found.pairs["x"][1], own)
    assert found.pairs["y"][0] is found.pairs["y"][1]
    assert found.end == (tmp_path / "l").stat().st_size
    assert [path.name for path in tmp_path.iterdir()] == ["l"]


def test_a_ledger_that_is_cut_anywhere_keeps_what_was_whole(tmp_path):
    """A kill leaves any prefix of what was being written, a crash of the machine also other bytes at the end."""
    rng = np.random.default_rng(3)
    path = tmp_path / "l"
    ledger = Ledger(path, {"identity": {}})
    ends = [ledger.end]
    for name in "abc":
        one = record(rng, name)
        ledger.add(name, (one, one))
        ends.append(ledger.end)
    ledger.close()
    data = path.read_bytes()
    for cut in sorted({*rng.integers(0, len(data), 60).tolist(), *ends, *(end + 1 for end in ends[:-1])}):
        for junk in (b"", b"\x00" * 50, b"\xff" * 50):
            path.write_bytes(data[:cut] + junk)
            whole = sum(end <= cut for end in ends) - 1
            if whole < 0:
                with pytest.raises(InputError, match="no ledger"):
                    read_ledger(path)
                continue
            found = read_ledger(path)
            assert list(found.pairs) == list("abc")[:whole]
            again = Ledger(path, {}, end=found.end)
            one = record(rng, "d")
            again.add("d", (one, one))
            again.close()
            assert list(read_ledger(path).pairs) == [*list("abc")[:whole], "d"]


def test_a_bit_that_changed_ends_the_ledger_there(tmp_path):
    path = tmp_path / "l"
    ledger = Ledger(path, {"identity": {}})
    at = []
    for name in "ab":
        one = record(np.random.default_rng(4), name)
        ledger.add(name, (one, one))
        at.append(ledger.end)
    ledger.close()
    data = bytearray(path.read_bytes())
    data[at[0] + 40] ^= 1
    path.write_bytes(data)
    assert list(read_ledger(path).pairs) == ["a"]


@pytest.mark.parametrize("content", [b"", b"mirna\tp\n", b"bayes_mirglmm ledger 2\nx", b"\x80\x04K\x01."])
def test_other_files_are_no_ledgers(tmp_path, content):
    (tmp_path / "l").write_bytes(content)
    with pytest.raises(InputError, match="is no ledger of a fit that can be continued"):
        read_ledger(tmp_path / "l")


def test_a_full_disk_is_told_once_and_tried_again(tmp_path, caplog):
    class Full:
        """A file on a disk that is full for a while, after half of what is written."""

        def __init__(self, file):
            self.file, self.full = file, 2

        def write(self, data):
            if self.full:
                self.full -= 1
                self.file.write(data[: len(data) // 2])
                raise OSError(errno.ENOSPC, "No space left on device")
            return self.file.write(data)

        def __getattr__(self, name):
            return getattr(self.file, name)

    rng = np.random.default_rng(5)
    ledger = Ledger(tmp_path / "l", {"identity": {}})
    ledger.file = Full(ledger.file)
    with caplog.at_level(logging.WARNING):
        for i, name in enumerate("abcd"):
            one = record(rng, name)
            ledger.add(name, (one, one))
            held = len(read_ledger(tmp_path / "l").pairs)
            assert held == (0 if i < 2 else i + 1)
    ledger.close()
    assert list(read_ledger(tmp_path / "l").pairs) == list("abcd")
    assert [r.getMessage().count("No space left on device") for r in caplog.records] == [1]


def test_differences_are_said_in_words():
    before = {"counts": "ab", "seed": 1, "levels": {"group": ["a", "b"]}, "versions": {"numpy": "2"}}
    assert differences(before, dict(before)) == ""
    now = {"counts": "cd", "seed": 2, "levels": {"group": ["b", "a"]}, "versions": {"numpy": "2"}, "new": 1}
    assert differences(before, now) == (
        "the counts (other files, samples or filters) differ; seed was 1 and is 2; levels: group was ['a', 'b'] and is "
        "['b', 'a']; new was not given and is 1"
    )


def test_a_digest_is_of_values_types_and_shapes():
    a = np.arange(6.0)
    found = {digest(a), digest(a.reshape(2, 3)), digest(a.astype(np.float32)), digest(a[::-1]), digest(a, a)}
    assert len(found) == 5
    assert digest(a) == digest(a.copy())
