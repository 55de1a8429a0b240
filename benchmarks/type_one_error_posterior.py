"""How often an interval of a posterior misses an effect of 0 in pairs, by method.

    python benchmarks/type_one_error_posterior.py [--method laplace] [--sets 200] [--minutes 60]

The null data sets of type_one_error.py in pairs, ``~ group + (1 | patient)`` and, pairs ignored, ``~ group``. A
posterior promises no type I error for one true value, only on average over its prior; this says what users of 5 % get
at miRNAs that do not change. Writes benchmarks/results/type_one_error_METHOD.tsv.
"""

import argparse
import time

import numpy as np
import pandas as pd
from type_one_error import SEED, SLOPE_SDS, simulate, write

import bayes_mirglmm as bm
from bayes_mirglmm.design.build import build_design
from bayes_mirglmm.methods.maximum_likelihood import Plan
from bayes_mirglmm.methods.options import resolve_options, resolve_settings
from bayes_mirglmm.methods.registry import method_named

SIZES = (3, 5, 10)
FORMULAS = ("~ group + (1 | patient)", "~ group")


def plan_of(formula: str, size: int, method: str) -> Plan:
    """Return what the fits of ``size`` pairs share."""
    table = pd.DataFrame(
        {"group": np.repeat(["A", "B"], size), "patient": np.tile([f"p{i}" for i in range(size)], 2)},
        index=[f"s{i}" for i in range(2 * size)],
    )
    spec = bm.load_model("mirglmm")
    options = resolve_options(
        method=method, curvature=None, criterion=None, df=None, offset="total", preset=None, spec=spec
    )
    return Plan(build_design(table, formula, reference={"group": "A"}), np.zeros(2 * size), options)


def tail(beta: np.ndarray, weight: np.ndarray) -> float:
    """Return twice the smaller of the posterior probabilities of the two signs."""
    below = float(weight @ (beta < 0))
    return 2.0 * min(below, 1.0 - below)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--method", default="laplace", choices=["laplace", "nuts"])
    parser.add_argument("--sets", type=int, default=200)
    parser.add_argument("--minutes", type=float, default=60.0)
    options = parser.parse_args()
    how = method_named(options.method)
    how.engine.prepare()
    given = {"draws": None, "chains": None, "tune": None, "target_accept": None}
    started, used = time.perf_counter(), time.process_time()
    tails: dict[tuple[str, int], list[float]] = {}
    # Round by round, so that an end by the clock leaves all sizes with as many.
    for number in range(options.sets):
        for size in SIZES:
            group, patient = np.repeat([0.0, 1.0], size), np.tile(np.arange(size), 2)
            rng = np.random.default_rng([SEED, size, number, 99])
            y = simulate(group, patient, SLOPE_SDS[number % 2], rng)
            for formula in FORMULAS:
                fit_one = how.engine.fitter(
                    plan_of(formula, size, options.method), 1, resolve_settings(how, given)
                )
                _, record = fit_one(f"set-{number}", [f"i{j}" for j in range(len(y))], y)
                if record.draws is not None:
                    found = tail(record.draws.beta[:, 1], record.draws.weight)
                    tails.setdefault((formula, size), []).append(found)
        if time.perf_counter() - started > 60 * options.minutes:
            break
    rows = [
        {
            "formula": formula,
            "size": size,
            "fits": len(values),
            "below_0.05": np.mean(np.array(values) < 0.05),
            "below_0.01": np.mean(np.array(values) < 0.01),
        }
        for (formula, size), values in sorted(tails.items())
    ]
    what = f"posterior of log fold changes, null pairs; {(time.process_time() - used) / 60:.1f} processor minutes"
    command = f"python benchmarks/type_one_error_posterior.py --method {options.method} --sets {options.sets}"
    write(pd.DataFrame(rows), f"type_one_error_{options.method}.tsv", f"{what}; {command}")


if __name__ == "__main__":
    main()
