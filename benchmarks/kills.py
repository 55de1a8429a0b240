"""Whether a fit that is killed at any moment loses nothing but what was under way.

    python benchmarks/kills.py [--kills 25] [--methods ml,laplace,nuts] [--jobs 1]

For each method the command line fits simulated counts, and is killed (SIGKILL) at a random moment of its life, from
its start to its end, again and again. After each kill the folder must hold no run that is half written, and the ledger
all that it held at the kill before, number for number; --resume goes on from there. A run that gets to its end is
compared, bit for bit, with one that was never killed, and the next one begins, until there were as many kills as asked
for. Writes benchmarks/results/kills.tsv, a row for each method as it is done.
"""

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

import bayes_mirglmm as bm
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.ledger import read_ledger
from bayes_mirglmm.ledger.encoding import encode
from bayes_mirglmm.results.run_folder import LEDGER, RUN

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results" / "kills.tsv"
OPTIONS = {"ml": [], "laplace": [], "nuts": ["--draws", "50", "--tune", "50", "--chains", "2"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=25)
    parser.add_argument("--methods", default="ml,laplace,nuts")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--mirnas", type=int, default=20)
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        program = [sys.executable, "-m", "bayes_mirglmm"]
        simulate = [*program, "simulate", "--per-group", "5", "--mirnas", str(options.mirnas)]
        subprocess.run([*simulate, "--seed", "1", "--out", "simulated", "--quiet"], cwd=folder, check=True)
        for method in options.methods.split(","):
            call = [*program, "fit", "simulated/counts.tsv", "--samples", "simulated/samples.tsv"]
            call += ["--design", "~ group", "--reference", "group=ctrl", "--method", method, "--quiet"]
            call += ["--jobs", str(options.jobs), *OPTIONS[method]]
            rows.append(killed(method, call, folder, options.kills))
            print(rows[-1], flush=True)
            with RESULTS.open("w", encoding="utf-8") as file:
                file.write(f"# python benchmarks/kills.py; Python {sys.version.split()[0]}, {date.today()}\n")
                pd.DataFrame(rows).to_csv(file, sep="\t", index=False)


def killed(method: str, call: list[str], folder: Path, kills: int) -> dict[str, object]:
    """Kill one method's runs, and return what came of it."""
    random.seed(method)
    whole, out = folder / f"{method}_whole", folder / f"{method}_run"
    start = time.perf_counter()
    subprocess.run([*call, "--out", str(whole)], cwd=folder, check=True)
    life = time.perf_counter() - start
    reference = bm.load(whole)
    found = {"method": method, "seconds_of_a_run": round(life, 1), "kills": 0, "while_saving": 0}
    found |= {"runs_finished": 0, "records_lost": 0, "half_written_taken_for_a_run": 0, "runs_that_differ": 0}
    before: dict[str, bytes] = {}
    while found["kills"] < kills or found["runs_finished"] == 0:
        process = subprocess.Popen([*call, "--out", str(out), "--resume"], cwd=folder)
        try:
            process.wait(timeout=random.uniform(0.0, 1.1) * life if found["kills"] < kills else None)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            found["kills"] += 1
            now = ledger_of(out)
            saved = loaded(out)
            found["half_written_taken_for_a_run"] += saved is not None and not same(saved, reference)
            found["while_saving"] += (
                any(".partial" in path.name for path in out.glob(".*")) if out.exists() else 0
            )
            if saved is None:
                found["records_lost"] += sum(now.get(name) != value for name, value in before.items())
                before = now
            continue
        if process.returncode != 0:
            raise SystemExit(f"{method}: a resumed run ended with exit code {process.returncode}")
        found["runs_finished"] += 1
        found["runs_that_differ"] += not same(bm.load(out), reference)
        if (out / LEDGER).exists():
            raise SystemExit(f"{out / LEDGER} was left by a run that is finished")
        shutil.rmtree(out)
        before = {}
    return found


def ledger_of(out: Path) -> dict[str, bytes]:
    try:
        return {name: encode(list(pair)) for name, pair in read_ledger(out / LEDGER).pairs.items()}
    except InputError:  # killed before it began
        return {}


def loaded(out: Path) -> bm.Fit | None:
    """Return the run in a folder; None where there is none. One that is damaged raises."""
    return bm.load(out) if (out / RUN).exists() else None


def same(a: bm.Fit, b: bm.Fit) -> bool:
    """Tell whether two fits are the same, bit for bit, but for the time that they took."""
    for one, other in ((a, b), (a.ml, b.ml)):
        if set(one.data.variables) != set(other.data.variables):
            return False
        for name in set(one.data.variables) - {"seconds"}:
            left, right = one.data[name].values, other.data[name].values
            if left.tobytes() != right.tobytes() if left.dtype != object else not np.array_equal(left, right):
                return False
    return True


if __name__ == "__main__":
    os.environ["OMP_NUM_THREADS"] = "1"
    main()
