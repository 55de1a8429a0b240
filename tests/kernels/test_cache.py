"""Machine code on disk: read back, compiled anew where it is damaged, whole where two processes write at once."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bayes_mirglmm.kernels.cache import CodeFiles, Damaged

MODULE = """
import logging, sys
import numba
from numba import types
from bayes_mirglmm.kernels.compilation import compiled_for_c, kernel

logging.basicConfig(level=logging.WARNING, format="%(message)s")

@kernel
def square(x):
    return x * x

@kernel
def above(x):
    return square(x) + 1

def c_function(x):
    return 2 * x

def report(value):
    stats = [f.stats for f in (square, square.inner, above)]
    print(value, sum(sum(s.cache_hits.values()) for s in stats), sum(sum(s.cache_misses.values()) for s in stats))
"""


@pytest.fixture
def run(tmp_path: Path):
    """Run code in a process of its own, with kernels of the test's own in a cache of the test's own."""
    (tmp_path / "toy.py").write_text(MODULE)
    environment = os.environ | {
        "NUMBA_CACHE_DIR": str(tmp_path / "cache"),
        "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path]),
    }

    def start(code: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", f"from toy import *\n{code}"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


def finish(process: subprocess.Popen[str]) -> tuple[list[str], str]:
    printed, said = process.communicate(timeout=300)
    assert process.returncode == 0, said
    return printed.split(), said


def test_a_second_process_compiles_nothing(run):
    assert finish(run("report(above(3.0))")) == (["10.0", "0", "2"], "")
    assert finish(run("report(above(3.0))")) == (["10.0", "1", "0"], "")  # what it calls is in its code


@pytest.mark.parametrize(
    "harm",
    [
        lambda content: b"",
        lambda content: content[: len(content) // 2],
        lambda content: content[:-100] + bytes([content[-100] ^ 1]) + content[-99:],
        lambda content: b"\0" * len(content),
    ],
    ids=["empty", "cut", "one bit", "zeros"],
)
def test_damaged_code_is_compiled_anew_with_a_word(run, tmp_path: Path, harm):
    code = "report(above(3.0)); print(compiled_for_c(types.double(types.double), c_function).ctypes(4.0))"
    finish(run(code))
    files = list((tmp_path / "cache").rglob("*.nbc"))
    assert len(files) == 3
    for path in files:
        path.write_bytes(harm(path.read_bytes()))
    printed, said = finish(run(code))
    assert printed == ["10.0", "0", "2", "8.0"]
    assert said.count("it is compiled anew") == 1  # for all of them
    assert "is damaged" in said
    assert finish(run(code)) == (["10.0", "1", "0", "8.0"], "")


def test_two_first_compilations_at_once_do_not_spoil_each_other(run, tmp_path: Path):
    """Other types of argument in each process: numba's own files take the first free number in both."""
    codes = ["report(above(3.0))", "report(above(3))", "report(above(3 + 0j))", "report(above(3.0))"]
    first = [finish(process) for process in [run(code) for code in codes]]
    values = ["10.0", "10", "(10+0j)", "10.0"]
    assert [(printed[0], said) for printed, said in first] == [(value, "") for value in values]
    for code, value in zip(codes, values, strict=True):
        assert finish(run(code)) == ([value, "1", "0"], "")
    assert not list((tmp_path / "cache").rglob("*.tmp"))


def test_a_cache_that_cannot_be_written_ends_nothing(run, tmp_path: Path):
    code = (
        "from bayes_mirglmm.kernels.cache import CodeFiles\n"
        "def full(self, key, data):\n"
        "    raise OSError(28, 'No space left on device')\n"
        "CodeFiles.save = full\n"
        "report(above(3.0))"
    )
    printed, said = finish(run(code))
    assert printed[0] == "10.0"
    assert said.count("cannot be kept on disk ([Errno 28] No space left on device)") == 1


def test_files_are_named_after_what_they_hold(tmp_path: Path):
    """Two that do not know of each other, as in two processes that start at the same time."""
    one, two = CodeFiles(tmp_path, "module.kernel-1"), CodeFiles(tmp_path, "module.kernel-1")
    one.save("float", {"code": 1})
    two.save("integer", {"code": 2})
    assert (one.load("float"), one.load("integer")) == ({"code": 1}, {"code": 2})
    assert one.load("complex") is None
    one.path("float").write_bytes(one.path("float").read_bytes()[:-1])
    with pytest.raises(Damaged, match=r"module\.kernel-1\.[0-9a-f]{16}\.nbc is damaged"):
        two.load("float")
    one.flush()
    assert two.load("integer") is None
