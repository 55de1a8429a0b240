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
counts = bm.simulate(3, n_mirnas=1, n_isomirs=3, seed=1).counts
print(*bm.fit(counts, "~ group", progress=False).mirnas)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
@pytest.mark.parametrize("module", ["numba.core.typing.typeof", "numba.core.codegen", "numba.stencils"])
@pytest.mark.parametrize(
    "first",
    ["import bayes_mirglmm as bm; bm.fit", "import bayes_mirglmm.kernels.compilation"],
    ids=["public name", "kernels alone"],
)
def test_a_session_survives_ctrl_c_in_the_first_import_of_numba(module: str, first: str):
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED.format(module=module, first=first)],
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["interrupted", "sim-miR-1"]
