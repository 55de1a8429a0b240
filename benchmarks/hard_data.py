"""What becomes of miRNAs that are hard on purpose, by every method.

    python benchmarks/hard_data.py [--methods ml,laplace,nuts] [--cases NAME,...] [--seconds 60] [--draws N]

Each is fitted alone, among the reads of others, with ``max_seconds``; warnings (numpy's too) are counted. A status is
true where it is one of those that the case allows: by maximum likelihood they are written beside it, a posterior has to
be ``ok`` or to say what is wrong with it. Writes benchmarks/results/hard_data.tsv, a row at a time; other rows stay.
"""

import argparse
import os
import sys
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

import bayes_mirglmm as bm
from bayes_mirglmm.counts.container import make_counts

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results" / "hard_data.tsv"
GROUPS = ["a", "b"]
FINE = frozenset({"ok", "boundary"})
#: What a posterior may say: proper priors give every case one, but not every miRNA is taken to a method that needs
#: data of both groups or several isomiRs.
OF_A_POSTERIOR = frozenset({"ok", "not_converged"})


@dataclass(frozen=True)
class Case:
    """One miRNA: counts (isomiRs, samples), the group of each sample, and the statuses that are true of its ML fit."""

    name: str
    counts: np.ndarray
    allowed: frozenset[str]
    group: np.ndarray

    def fit(self, method: str, **more) -> bm.Fit:
        """Fit it among the reads of others: totals are those of a library."""
        return fitted(self.counts, self.group, "~ group", {}, method=method, **more)


def typical(rng: np.random.Generator, isomirs=5, n=12, mean=200.0, theta=5.0) -> np.ndarray:
    return rng.negative_binomial(theta, theta / (theta + mean), (isomirs, n))


def cases() -> Iterator[Case]:
    """Give the grid."""
    rng = np.random.default_rng(1)
    groups = np.repeat(GROUPS, 6)
    plain = typical(rng)

    def made(name, counts, allowed, group=groups):
        return Case(name, counts, frozenset(allowed), group)

    zero = plain.copy()
    zero[:, groups == "a"] = 0
    yield made("all zero in one group", zero, {"separated"})
    large = plain.copy()
    large[0] *= 1_000_000
    yield made("one isomiR 10^6 times the others", large, FINE)
    single = np.zeros_like(plain)
    single[2, 3] = 7
    yield made("a single cell", single, {"separated"})
    yield made("equal counts", np.full_like(plain, 50), {"poisson_limit"})
    yield made("theta near 0.01", typical(rng, theta=0.01), {*FINE, "separated", "not_converged"})
    yield made("theta near 10^6", typical(rng, theta=1e6), {*FINE, "poisson_limit"})
    yield made("2 isomiRs, 1000 samples", typical(rng, 2, 1000), FINE, np.repeat(GROUPS, 500))
    yield made("1000 isomiRs, 4 samples", typical(rng, 1000, 4), FINE, np.repeat(GROUPS, 2))
    yield made("one sample in a group", plain, FINE, np.array(["a"] + ["b"] * 11))
    yield made("duplicate samples", np.repeat(plain[:, ::2], 2, axis=1), {*FINE, "poisson_limit"})
    outlier = plain.copy()
    outlier[1, 2] = 10**9
    yield made("an outlier of 10^9", outlier, FINE)
    yield made("8 groups", typical(rng, 5, 16), FINE, np.repeat(list("abcdefgh"), 2))


def fitted(counts: np.ndarray, group: np.ndarray, formula: str, columns: dict, **more) -> bm.Fit:
    """Fit one miRNA whose totals are those of a library."""
    n = counts.shape[1]
    names = [f"s{i}" for i in range(n)]
    table = pd.DataFrame({"group": group, **columns}, index=names)
    total = np.maximum(counts.sum(axis=0) + 1_000_000, 2_000_000)
    isomirs = [f"i{k}" for k in range(len(counts))]
    container = make_counts(
        counts, isomir=isomirs, mirna=["hard"] * len(isomirs), sample=names, samples=table, total=total
    )
    return bm.fit(container, formula, progress=False, **more)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--methods", default="ml,laplace,nuts")
    parser.add_argument("--cases", default="", help="names, separated by semicolons; all without it")
    parser.add_argument("--seconds", type=float, default=60.0, help="max_seconds of each fit")
    parser.add_argument(
        "--draws", type=int, help="of each chain, and of its warm-up; the method's own without it"
    )
    options = parser.parse_args()
    chosen = options.cases.split(";") if options.cases else [case.name for case in cases()]
    for method in options.methods.split(","):
        short = method == "nuts" and options.draws is not None
        more = {"draws": options.draws, "tune": options.draws, "chains": 2} if short else {}
        first = next(cases())
        first.fit(method, **more)  # loads the kernels
        for case in cases():
            if case.name in chosen:
                write(outcome(case, method, options.seconds, more))


def outcome(case: Case, method: str, limit: float, more: dict) -> dict[str, object]:
    start, cpu = time.perf_counter(), time.process_time()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit = case.fit(method, max_seconds=limit, **more)
        fit.tables()
    seconds = time.perf_counter() - start
    status = fit.status().iloc[0]
    allowed = case.allowed if method == "ml" else OF_A_POSTERIOR
    finite = True
    if status["status"] in ("ok", "boundary", "poisson_limit"):
        effects = fit.effects()
        finite = bool(np.isfinite(effects["estimate"]).all() and (effects["std_error"] > 0).all())
    return {
        "case": case.name,
        "method": method,
        "status": status["status"],
        "true": status["status"] in allowed,
        "finite": finite,
        "warnings": len(caught),
        "seconds": round(seconds, 2),
        "cpu": round(time.process_time() - cpu, 2),
        "max_seconds": limit,
        "load": round(os.getloadavg()[0], 1),
        "reason": " ".join([status["reason"], *{str(w.message) for w in caught}]).strip(),
    }


def write(row: dict[str, object]) -> None:
    print(row, flush=True)
    table = pd.DataFrame([row])
    if RESULTS.exists():
        old = pd.read_csv(RESULTS, sep="\t", comment="#", keep_default_na=False)
        same = (old["case"] == row["case"]) & (old["method"] == row["method"])
        table = pd.concat([old[~same], table], ignore_index=True)
    with RESULTS.open("w", encoding="utf-8") as file:
        file.write(f"# python benchmarks/hard_data.py; Python {sys.version.split()[0]}, {date.today()}\n")
        table.to_csv(file, sep="\t", index=False)


if __name__ == "__main__":
    main()
