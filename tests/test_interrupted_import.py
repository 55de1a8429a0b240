"""Ctrl-C while the libraries are imported for the first time: the session can go on."""

import os
import subprocess
import sys

import pytest

INTERRUPTED = """
import os, signal, sys

class InterruptAt:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, InterruptAt())
try:
    {first}
except KeyboardInterrupt:
    print("interrupted")
import bayes_mirglmm as bm
import bayes_mirglmm.nuts
import numba
assert callable(bm.fit)
print(numba.njit(lambda x: x + 1)(1))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
@pytest.mark.parametrize(
    ("first", "module"),
    [
        ("import bayes_mirglmm as bm; bm.fit", "numba.core.codegen"),
        ("import bayes_mirglmm.kernels.compilation", "numba.stencils"),
    ],
    ids=["public name", "kernels alone"],
)
def test_a_session_survives_ctrl_c_in_the_first_import_of_numba(first: str, module: str):
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED.format(module=module, first=first)],
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["interrupted", "2"]
