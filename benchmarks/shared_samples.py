"""Effects under what samples share, beside the same fits without it and R's methods, on data with known truth.

    python benchmarks/shared_samples.py             # every part; R's methods where R is installed
    python benchmarks/shared_samples.py nulls       # one part

truth        effects multiplied into real tissue and synthetic RNA, with covariates, batches, outliers; and drawn from
             the model, where samples share nothing
nulls        the same designs with nothing changed
known        synthetic RNA with known ratios (Giraldez et al. 2018), pool B against A in each laboratory
             and protocol, and over all of them
ways         other ways on the same data: one covariance of all directions, with and without a miRNA's own part, and
             learned without the true effects; and the learned covariance in the model, by a second fit
replication  tumour against normal in two halves of the TCGA patients: do fold changes and calls agree?
report       tables, and those of docs/explanation/shared_samples.md, from what is in the cache

Needs the optional data folder (BAYES_MIRGLMM_SHARED, default ../shared). Results of single data sets are kept in
--cache. Writes benchmarks/results/shared_samples_*.tsv.
"""

import argparse
import logging
import os
import sys
import time
from pathlib import Path

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")  # before numpy

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from accuracy_cache import Cache  # noqa: E402
from accuracy_data import DataSet, data_present  # noqa: E402
from accuracy_methods import Result, as_result  # noqa: E402
from joint_covariance import JointEffects, joint_effects, with_known_effects  # noqa: E402
from peers import through_r  # noqa: E402
from scipy import stats  # noqa: E402
from shared_samples_report import report  # noqa: E402
from shared_samples_trials import IN_MODEL, OWN, PARTS, PEERS, WAYS, Part, has_peers, of_number  # noqa: E402

import bayes_mirglmm as bm  # noqa: E402

NAMES = ["mirna", "estimate", "std_error", "lower", "upper", "p_value", "p_adjusted"]


def own(data: DataSet) -> tuple[dict[str, dict[str, Result]], float]:
    """Fit once; return by job the effects of exchangeable and of shared samples, and processor seconds."""
    started = time.process_time()
    fit = bm.fit(data.counts, data.formula, samples="shared", progress=False)
    independent, shared = (fit.effects(data.term, samples=kind)[NAMES] for kind in ("independent", "shared"))
    shrunk = fit.shrink(data.term)
    small = shrunk[["mirna", "shrunk", "shrunk_sd", "shrunk_lower", "shrunk_upper", "lfsr", "s_value"]]
    names = {"p_value": "rank", "p_adjusted": "measure"}
    about = fit.shared_samples(data.term)
    results: dict[str, dict[str, Result]] = {
        "ml": {"ml": {"mirnas": independent.rename(columns=names)}},
        "ml_shared": {
            "ml_shared": {"mirnas": shared.rename(columns=names), "about": about},
            "ml_shared_shrunk": {"mirnas": small.set_axis([*NAMES[:-2], "rank", "measure"], axis="columns")},
        },
    }
    return results, time.process_time() - started


def other_ways(data: DataSet) -> dict[str, Result]:
    """Return by job the effects that other ways to use what samples share give."""
    fit = bm.fit(data.counts, data.formula, progress=False)
    shared = fit.what_samples_share
    weights = np.array([float(name == data.term) for name in fit.data["term"].values])
    names = fit.data["mirna"].values[shared.rows]
    assert data.mirnas is not None
    known = data.mirnas.set_index("mirna")["value"].reindex(names).to_numpy()
    return {
        "ml_joint_known": _joint(with_known_effects(shared.cohort, weights, known), names),
        "ml_joint": _joint(joint_effects(shared.cohort, weights, leave_out=False), names),
        "ml_joint_left_out": _joint(joint_effects(shared.cohort, weights, leave_out=True), names),
    }


def _joint(found: JointEffects, names: np.ndarray) -> Result:
    half = stats.t.ppf(0.975, found.df) * found.std_error
    p_value = 2 * stats.t.sf(np.abs(found.estimate / found.std_error), found.df)
    table = pd.DataFrame(
        {
            "mirna": names,
            "estimate": found.estimate,
            "std_error": found.std_error,
            "lower": found.estimate - half,
            "upper": found.estimate + half,
            "rank": p_value,
            "measure": stats.false_discovery_control(p_value),
        }
    )
    return {"mirnas": table}


def in_model(data: DataSet) -> Result:
    """Fit a second time, with the covariance that the first fit's miRNAs share for the sample effects."""
    fit = bm.fit(data.counts, data.formula, progress=False)
    covariance = fit.sample_covariance(data.term)
    again = bm.fit(data.counts, data.formula, sample_covariance=covariance, progress=False)
    names = {"p_value": "rank", "p_adjusted": "measure"}
    return {"mirnas": again.effects(data.term)[NAMES].rename(columns=names)}


def run_ways(cache: Cache) -> None:
    """Run the other ways on the data sets that lack them."""
    for scenario, sets in WAYS:
        for n in range(sets):
            if not cache.has(scenario.name, n, "ml_joint_known"):
                for job, result in other_ways(of_number(scenario, n)[0]).items():
                    cache.put(scenario.name, n, job, {job: result}, float("nan"))
        print(f"{scenario.name}, other ways: {sets} data sets", flush=True)
    for scenario, sets in IN_MODEL:
        for n in range(sets):
            if not cache.has(scenario.name, n, "ml_in_model"):
                result = in_model(of_number(scenario, n)[0])
                cache.put(scenario.name, n, "ml_in_model", {"ml_in_model": result}, float("nan"))
        print(f"{scenario.name}, in the model: {sets} data sets", flush=True)


def run(part: Part, cache: Cache, *, with_r: bool) -> None:
    """Run every method on the data sets of a part that lack it."""
    for scenario, sets in part:
        waiting: dict[str, DataSet] = {}
        for number in range(sets):
            for data in of_number(scenario, number):
                cache.truth(scenario.name, data.number, data.mirnas, None)
                if not all(cache.has(scenario.name, data.number, job) for job in OWN):
                    results, seconds = own(data)
                    for job, found in results.items():
                        cache.put(scenario.name, data.number, job, found, seconds)
                if with_r and has_peers(scenario) and not cache.has(scenario.name, data.number, PEERS[-1]):
                    waiting[str(data.number)] = data
        if waiting:
            covariates = next(iter(waiting.values())).covariates
            counts = {name: data.counts for name, data in waiting.items()}
            found, _ = through_r.run(counts, PEERS, covariates)
            for (number, job), (table, seconds) in found.items():
                result = as_result(table, counts[number], "mirna")
                cache.put(scenario.name, int(number), job, {job: result}, seconds)
        print(f"{scenario.name}: {sets} data sets", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [*PARTS, "ways", "report"]
    parser.add_argument("parts", nargs="*", choices=[*names, []], metavar="PART", help=", ".join(names))
    parser.add_argument("--cache", type=Path, default=Path("shared_samples_runs"))
    parser.add_argument("--no-r", action="store_true", help="leave R out even where it is installed")
    options = parser.parse_args()
    if not data_present():
        parser.error("no real data (set BAYES_MIRGLMM_SHARED)")
    logging.getLogger("bayes_mirglmm").setLevel(logging.ERROR)
    cache = Cache(options.cache)
    with_r = not options.no_r and through_r.r_present()
    parts = options.parts or names
    for part in parts:
        if part in PARTS:
            run(PARTS[part], cache, with_r=with_r)
    if "ways" in parts:
        run_ways(cache)
    if "report" in parts:
        report(cache, "python benchmarks/" + " ".join([Path(sys.argv[0]).name, *sys.argv[1:]]))


if __name__ == "__main__":
    main()
