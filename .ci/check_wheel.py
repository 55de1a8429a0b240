"""Build the wheel, install it with its declared dependencies alone, and use it as a newcomer would.

    python .ci/check_wheel.py                 # with every Python that is supported and installed here
    python .ci/check_wheel.py --lowest        # at the lowest declared versions, with the lowest Python
    python .ci/check_wheel.py --python 3.14   # with this one; repeatable; a version or a path

In a new environment and an empty folder: ``bayes-mirglmm demo``, then the Python example of the README. Either must
end well and print nothing that looks like a fault. The environments are removed afterwards.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
SUPPORTED = re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["classifiers"]))
FAULT = re.compile(r"Traceback|Warning|\berror\b|\bfailed\b", re.IGNORECASE)
# Distributions split venv and ensurepip from Python; a name on PATH may be a shim for what is selected here alone.
PROBE = "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2], sys.executable)"


def main() -> int:
    """Check each Python in turn; the number of those that fail is what the process ends with."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--lowest", action="store_true", help="install the lowest declared versions")
    arguments.add_argument(
        "--python", action="append", metavar="VERSION", help="a version or a path; repeatable"
    )
    chosen = arguments.parse_args()
    wanted = chosen.python or (SUPPORTED[:1] if chosen.lowest else SUPPORTED)
    failed = 0
    with tempfile.TemporaryDirectory(prefix="bayes_mirglmm-wheel-") as folder:
        wheel = build(Path(folder))
        for name in wanted:
            python = find(name)
            if python is None:
                print(f"Python {name}: not installed here, left out", flush=True)
                failed += bool(chosen.python)
                continue
            try:
                into = Path(folder) / f"python-{name.replace('/', '-')}"
                print(check(wheel, python, into, chosen.lowest), flush=True)
            except Failure as error:
                print(f"Python {name}: FAILED\n{error}", flush=True)
                failed += 1
    return failed


class Failure(Exception):
    """A step that did not end well, with what it printed."""


def build(folder: Path) -> Path:
    """Build the wheel into ``folder``."""
    run([sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)], ROOT)
    return next(folder.glob("*.whl"))


def check(wheel: Path, python: str, folder: Path, lowest: bool) -> str:
    """Install ``wheel`` for ``python`` into ``folder`` and use it; return what was done, in a line."""
    start = time.monotonic()
    run([python, "-m", "venv", str(folder / "venv")], folder.parent)
    scripts = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
    pins = folder / "minima.txt"
    pins.write_text("".join(f"{pin}\n" for pin in minima()) if lowest else "", encoding="utf-8")
    pip = [str(scripts / "python"), "-m", "pip", "--disable-pip-version-check"]
    run([*pip, "install", "--quiet", "--constraint", str(pins), str(wheel)], folder)
    run([*pip, "check"], folder)
    installed = time.monotonic()

    work = folder / "work"
    work.mkdir()
    # Nothing of this source tree, of the caller's settings or of kernels compiled before.
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "NUMBA_CACHE"))
    }
    clean |= {"XDG_CACHE_HOME": str(folder / "cache"), "MPLBACKEND": "Agg", "HOME": str(folder)}
    program = str(scripts / "bayes-mirglmm")
    calm([program, "demo"], work, clean)
    for name in ("run/report.html", "run/arrays.nc", "volcano.png", "isomirs.png"):
        if not (work / "demo" / name).is_file():
            raise Failure(f"bayes-mirglmm demo did not write {name}")
    calm([program, *simulate_arguments()], work, clean)
    calm([str(scripts / "python"), "-c", example("python")], work, clean)
    if not (work / "my_run" / "run.json").is_file():
        raise Failure("the example of the README did not save its fit")
    versions = json.loads((work / "demo" / "run" / "run.json").read_text(encoding="utf-8"))["metadata"][
        "versions"
    ]
    return (
        f"Python {versions['python']}: passed, numpy {versions['numpy']}, numba {versions['numba']}, "
        f"pandas {versions['pandas']}; installed in {installed - start:.0f} s, "
        f"used for {time.monotonic() - installed:.0f} s"
    )


def minima() -> Iterator[str]:
    """Yield ``name==lowest`` for every declared dependency."""
    for requirement in PROJECT["dependencies"]:
        name, lowest = re.fullmatch(r"([\w.-]+)>=([\w.]+)(?:,<[\w.]+)?", requirement).groups()
        yield f"{name}=={lowest}"


def find(name: str) -> str | None:
    """Return the interpreter of a version or path that can make environments, or None."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = sorted(pyenv.glob(f"{name}.*/bin/python3"), key=lambda path: path.parts, reverse=True)
    for candidate in (name, f"python{name}", *map(str, found)):
        path = shutil.which(candidate)
        if path is None:
            continue
        probe = subprocess.run([path, "-c", PROBE], capture_output=True, text=True, check=False)
        version, _, executable = probe.stdout.strip().partition(" ")
        if probe.returncode == 0 and (os.sep in name or version == name):
            return executable
    return None


def example(language: str) -> str:
    """Return the one block of the README in ``language``."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)[0]


def simulate_arguments() -> list[str]:
    """Return the arguments of the README's command that makes the files of the Python example."""
    return re.search(r"^bayes-mirglmm (simulate .*)$", example("sh"), re.MULTILINE)[1].split()


def run(command: list[str], folder: Path, environment: Mapping[str, str] | None = None) -> str:
    """Run a command in ``folder``; return what it printed, or raise with it."""
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    printed = done.stdout + done.stderr
    if done.returncode:
        raise Failure(f"{' '.join(command)[:200]} ended with {done.returncode}:\n{printed[-4000:]}")
    return printed


def calm(command: list[str], folder: Path, environment: Mapping[str, str]) -> None:
    """Run a command that may print nothing that looks like a fault."""
    printed = run(command, folder, environment)
    if found := [line for line in printed.splitlines() if FAULT.search(line)]:
        raise Failure("\n".join([f"{' '.join(command)[:200]} printed:", *found[:10]]))


if __name__ == "__main__":
    sys.exit(main())
