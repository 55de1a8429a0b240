"""A process that is interrupted while a kernel is compiled: it ends by what it says, and not inside the compiler."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import bayes_mirglmm as bm
from bayes_mirglmm.simulation.export import write_simulation

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sends signals")

#: Whatever runs after Python, as the destructors of LLVM do, ends the process as a failed assertion does.
ABORTS = """
import ctypes, os, signal, sys, threading, time
libc = ctypes.CDLL(None)
libc.__cxa_atexit(ctypes.cast(libc.abort, ctypes.c_void_p), None, None)

def compiling():
    os.kill(os.getpid(), signal.{name})
    while True:
        time.sleep(1)
"""
COMMAND = """
from bayes_mirglmm import interruption
from bayes_mirglmm.fitting import fit as room

room._load_kernels = lambda *_: interruption.apart(compiling)
from bayes_mirglmm.cli import main
main()
"""
SCRIPT = """
import atexit, threading, time
from bayes_mirglmm.interruption import apart, start_thread

ending = threading.Event()

def compiling():
    begun.set()
    ending.wait()
    time.sleep(0.2)  # without the mend Python is gone by now
    print("compiled", flush=True)

begun = threading.Event()
{start}
begun.wait()
atexit.register(ending.set)
"""
APART = """
import os, signal
def interrupted():
    os.kill(os.getpid(), signal.SIGINT)
    compiling()
try:
    apart(interrupted)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


def python(code: str, *words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, words)],
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_command_ends_at_once_under_a_kernel_that_is_compiled(name: str, tmp_path: Path):
    counts, samples = write_simulation(bm.simulate(3, n_mirnas=4, seed=1), tmp_path)
    words = ["fit", counts, "-s", samples, "-d", "~ group", "--out", tmp_path / "run"]
    done = python(ABORTS.format(name=name) + COMMAND, *words)
    assert done.returncode == 128 + getattr(signal, name), done.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("start", ["start_thread(compiling)", APART], ids=["loop", "apart"])
def test_the_end_of_a_script_waits_for_a_kernel_that_is_compiled(start: str):
    done = python(SCRIPT.format(start=start))
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-1] == "compiled"


def test_ctrl_c_gives_up_waiting_at_the_end():
    code = ABORTS.format(name="SIGINT") + (
        "from bayes_mirglmm import interruption\n"
        "begun = threading.Event()\n"
        "def endless():\n"
        "    begun.set()\n"
        "    while True: time.sleep(1)\n"
        "interruption.start_thread(endless)\n"
        "begun.wait()\n"
        "join = threading.Thread.join\n"
        "def joined(*args):\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    join(*args)\n"
        "threading.Thread.join = joined\n"
    )
    assert python(code).returncode == 128 + signal.SIGINT
