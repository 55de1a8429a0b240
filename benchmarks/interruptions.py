"""Whether Ctrl-C at any moment of a fit leaves a session that goes on as if nothing had been.

    python benchmarks/interruptions.py [--interruptions 1000] [--methods ml,laplace,nuts] [--jobs 1,2]

For each method, with one and two workers, a process of its own fits the same simulated counts again and again and sends
itself SIGINT at a random moment of each fit; one interruption in five is followed by a second one. A fit that was
interrupted may return what is finished (the rows must then be those of the whole fit) or raise KeyboardInterrupt, and
nothing else. Every fiftieth fit is left alone, and must be the first one again, number for number. Where a process
crashes, its exit code says so. Writes benchmarks/results/interruptions.tsv.
"""

import argparse
import json
import logging
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from datetime import date
from pathlib import Path

import pandas as pd

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results" / "interruptions.tsv"
CHECK_EVERY = 50
SECOND = 0.2  # share of interruptions with a second one
OPTIONS = {"ml": {}, "laplace": {}, "nuts": {"draws": 20, "tune": 20, "chains": 1}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--interruptions", type=int, default=1000)
    parser.add_argument("--methods", default="ml,laplace,nuts")
    parser.add_argument("--jobs", default="1,2")
    parser.add_argument("--child", nargs=2, metavar=("METHOD", "JOBS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.child[0], int(options.child[1]), options.interruptions)
        return
    rows = []
    for method in options.methods.split(","):
        for jobs in options.jobs.split(","):
            command = [sys.executable, __file__, "--interruptions", str(options.interruptions)]
            done = subprocess.run(
                [*command, "--child", method, jobs], stdout=subprocess.PIPE, text=True, check=False
            )
            found = json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else {}
            rows.append({"method": method, "workers": jobs, "exit_code": done.returncode} | found)
            print(rows[-1], flush=True)
    table = pd.DataFrame(rows)
    if options.interruptions >= 1000 and len(table) == 6:
        with RESULTS.open("w", encoding="utf-8") as file:
            file.write(
                f"# python benchmarks/interruptions.py; Python {sys.version.split()[0]}, {date.today()}\n"
            )
            table.to_csv(file, sep="\t", index=False)
    if (table["exit_code"] != 0).any():
        sys.exit("a process crashed, or a fit ended in another way than it may")


def child(method: str, jobs: int, wanted: int) -> None:
    import bayes_mirglmm as bm

    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's job in the background ignores it
    logging.disable(logging.CRITICAL)
    made = bm.simulate(3, n_mirnas=3, n_isomirs=3, seed=2).counts
    made = made.isel(isomir=made["mirna"].values != "background")

    def fit() -> bm.Fit:
        return bm.fit(made, "~ group", method=method, n_jobs=jobs, progress=False, **OPTIONS[method])

    first = fit()
    whole = first.effects().set_index(["mirna", "term"])
    start = time.perf_counter()
    fit()
    usual = time.perf_counter() - start
    chance = random.Random(1)
    outcomes: Counter[str] = Counter()
    fits = checks = 0
    while sum(outcomes.values()) < wanted:
        fits += 1
        if fits % CHECK_EVERY == 0:
            pd.testing.assert_frame_equal(
                fit().effects().set_index(["mirna", "term"]), whole, check_exact=True
            )
            checks += 1
            continue
        sent = Interruption(chance.uniform(0.0, 1.1 * usual), again=chance.random() < SECOND)
        try:
            sent.start()
            found = fit()
            how = "returned what was finished" if "interrupted" in found.metadata else "not reached"
            rows = found.effects().set_index(["mirna", "term"])[["estimate", "std_error"]]
            pd.testing.assert_frame_equal(rows, whole.loc[rows.index, rows.columns], check_exact=True)
        except KeyboardInterrupt:
            how = "KeyboardInterrupt"
        while True:  # the signal may come in these lines too
            try:
                sent.finish()
                break
            except KeyboardInterrupt:
                how = "KeyboardInterrupt"
        # However busy the machine is, most signals are to find a fit under way.
        usual *= 0.97 if how == "not reached" else 1.01
        if how != "not reached":
            outcomes[how] += 1
            if sum(outcomes.values()) % 100 == 0:
                print(method, jobs, dict(outcomes), file=sys.stderr, flush=True)
    pd.testing.assert_frame_equal(fit().effects().set_index(["mirna", "term"]), whole, check_exact=True)
    print(json.dumps({"interruptions": sum(outcomes.values())} | outcomes | {"whole_fits_equal": checks + 1}))


class Interruption:
    """SIGINT to this process after ``delay`` seconds, and ``again`` a little later."""

    def __init__(self, delay: float, *, again: bool) -> None:
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._run, args=(delay, again))

    def start(self) -> None:
        self.thread.start()

    def finish(self) -> None:
        self.over.set()
        if self.thread.ident is not None:
            self.thread.join()

    def _run(self, delay: float, again: bool) -> None:
        for pause in (delay, 0.02) if again else (delay,):
            if self.over.wait(pause):
                return
            os.kill(os.getpid(), signal.SIGINT)


if __name__ == "__main__":
    main()
