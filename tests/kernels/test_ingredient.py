"""Kernels inside kernels: without machine code of their own, and with it under a numba that is not known."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numba
import numpy as np
import pytest

from bayes_mirglmm.kernels.compilation import kernel
from bayes_mirglmm.kernels.ingredient import KNOWN, is_known

known = pytest.mark.skipif(not is_known(), reason="this numba makes machine code of every kernel")
ROOT = Path(__file__).parents[2]
MODULE = """
from bayes_mirglmm.kernels.compilation import kernel

@kernel
def square(x):
    return x * x

@kernel
def above(x):
    return square(x) + 1

@kernel
def below(x):
    return square(x) - 1
"""


def in_a_process(folder: Path, code: str) -> str:
    (folder / "toy.py").write_text(MODULE)
    search = os.pathsep.join([str(folder), *sys.path])
    environment = os.environ | {"NUMBA_CACHE_DIR": str(folder / "cache"), "PYTHONPATH": search}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def kept(folder: Path) -> list[str]:
    """What is on disk: the kernel, and what of it."""
    names = [path.name for path in (folder / "cache").rglob("*.nbc")]
    return sorted(re.sub(r"toy\.(\w+)-\d+\.py\d+(\.ingredient)?\.\w+\.nbc", r"\1\2", name) for name in names)


@kernel
def _root(x: float) -> float:
    if x < 0.0:
        raise ValueError("no root of a negative number")
    return np.sqrt(x)


@kernel
def _of_number(x: float) -> float:
    if x > 100.0:
        raise ValueError(x)
    return _root(x) + 1.0


@kernel
def _twice(x: float) -> float:
    return 2.0 * _of_number(x)


@known
def test_what_a_kernel_calls_is_in_its_code_and_has_none_of_its_own(tmp_path: Path):
    code = """
from toy import *
print(above(3.0), [type(found.library).__name__ for found in square.inner.overloads.values()], len(square.overloads))
print(square(4.0), len(square.overloads), below(3.0))  # called from Python it has
"""
    assert in_a_process(tmp_path, code).splitlines() == ["10.0 ['Ingredient'] 0", "16.0 1 8.0"]


def test_errors_come_from_within():
    with pytest.raises(ValueError, match="no root of a negative number"):
        _twice(-1.0)
    with pytest.raises(ValueError, match=r"101\.5"):
        _twice(101.5)


@known
def test_another_kernel_takes_what_is_on_disk(tmp_path: Path):
    assert in_a_process(tmp_path, "from toy import *; print(above(3.0))") == "10.0"
    assert kept(tmp_path) == ["above", "square.ingredient"]
    code = "from toy import *; print(below(3.0), *square.inner.stats.cache_hits.values())"
    assert in_a_process(tmp_path, code) == "8.0 1"
    assert kept(tmp_path) == ["above", "below", "square.ingredient"]
    assert (
        in_a_process(tmp_path, "from toy import *; print(above(3.0), below(3.0), square(3.0))")
        == "10.0 8.0 9.0"
    )
    assert kept(tmp_path) == ["above", "below", "square", "square.ingredient"]


def test_a_numba_that_is_not_known_makes_machine_code_of_all(tmp_path: Path):
    code = "import numba; numba.__version__ = '9.9.9'\nfrom toy import *; print(type(above).__name__, above(3.0))"
    assert in_a_process(tmp_path, code) == "CPUDispatcher 10.0"
    assert kept(tmp_path) == ["above", "square"]


def test_the_numba_that_the_project_is_tested_with_is_known():
    pinned = re.search(r"^numba==(.*)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    assert pinned is not None
    assert pinned[1].startswith(KNOWN)
    assert is_known() or numba.__version__ != pinned[1]
