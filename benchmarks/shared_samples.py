"""Effects under what samples share, beside the same fits without it and R's methods, on data with known truth.

    python benchmarks/shared_samples.py             # every part; R's methods where R is installed
    python benchmarks/shared_samples.py nulls       # one part

truth        effects multiplied into real tissue (and drawn from the model, where samples share nothing)
nulls        random splits of real tissue in which nothing was changed
known        synthetic RNA with known ratios (Giraldez et al. 2018), pool B against A in each lab and protocol
replication  tumour against normal in two halves of the TCGA patients: do fold changes and calls agree?

Needs the optional data folder (BAYES_MIRGLMM_SHARED, default ../shared). Results of single data sets are kept in
--cache. Writes benchmarks/results/shared_samples_*.tsv.
"""

import argparse
import os
from dataclasses import replace
from pathlib import Path

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")  # before numpy

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from accuracy_cache import Cache  # noqa: E402
from accuracy_data import SCENARIOS, TABLE, DataSet, Scenario, data_present, make  # noqa: E402
from accuracy_methods import LABELS, as_result, run_job  # noqa: E402
from accuracy_metrics import mirna_metrics, summarise  # noqa: E402
from peers import through_r  # noqa: E402
from ratiometric import data_sets as ratiometric  # noqa: E402

RESULTS = Path(__file__).resolve().parent / "results"
OWN = ("ml", "ml_shared")
PEERS = ("limma", "deseq2", "edger")
_SEVEN = SCENARIOS["samples_7"]


def _more(name: str, base: Scenario, about: str, **options: object) -> Scenario:
    return replace(base, name=name, about=about, options=options)


#: Scenario, and how many data sets of it.
TRUTH = (
    (SCENARIOS["samples_3"], 25),
    (TABLE[1], 25),
    (TABLE[0], 25),
    (_SEVEN, 25),
    (SCENARIOS["samples_10"], 8),
    (SCENARIOS["samples_20"], 8),
    (_more("weak_7", _SEVEN, "7 against 7, amygdala; effect 1.5 in [1, 2]", effect=1.5), 12),
    (SCENARIOS["all_up"], 12),
    (_more("all_up_7", _SEVEN, "7 against 7, amygdala; all 40 changed miRNAs up", direction="up"), 12),
    (_more("most_5", TABLE[0], "TCGA normal tissue, 5 against 5; 70 miRNAs changed", n_bins=35), 12),
    (_more("most_7", _SEVEN, "7 against 7, amygdala; 70 miRNAs changed", n_bins=35), 12),
)
NULLS = (
    (Scenario("null_3", "nulls", "tcga_normal", "TCGA normal tissue, 3 against 3", 100, (3, 3)), 40),
    (SCENARIOS["null_mirdata_control"], 35),
    (SCENARIOS["null_tcga_normal"], 60),
    (Scenario("null_5", "nulls", "mirdata_all", "amygdala, 5 against 5", 100, (5, 5)), 60),
    (SCENARIOS["null_mirdata_all"], 60),
)
KNOWN = ((Scenario("ratiometric", "known", "ratiometric", "synthetic RNA, 4 against 4", 30, (4, 4)), 30),)
REPLICATION = ((SCENARIOS["halves"], 10),)
SCENARIOS.update({s.name: s for s, _ in (*TRUTH, *NULLS)})


def data_of(scenario: Scenario, number: int) -> list[DataSet]:
    """Return data set ``number`` of a scenario, as a list: two halves, or none where there is no such number."""
    if scenario.part != "known":
        return make(scenario.name, number)
    return [data for data in ratiometric() if data.number == number]


def run(scenarios: tuple[tuple[Scenario, int], ...], cache: Cache, *, with_r: bool) -> None:
    """Run every method on the data sets that lack it."""
    for scenario, sets in scenarios:
        waiting = {}
        for number in range(sets):
            for data in data_of(scenario, number):
                cache.truth(scenario.name, data.number, data.mirnas, data.isomirs)
                for job in OWN:
                    if not cache.has(scenario.name, data.number, job):
                        results, seconds, error = run_job(job, data)
                        cache.put(scenario.name, data.number, job, results, seconds, error)
                if with_r and not cache.has(scenario.name, data.number, PEERS[-1]):
                    waiting[str(data.number)] = data.counts
        if waiting:
            found, _ = through_r.run(waiting, PEERS)
            for (number, job), (table, seconds) in found.items():
                result = as_result(table, waiting[number], "mirna")
                cache.put(scenario.name, int(number), job, {job: result}, seconds)
        print(f"{scenario.name}: {sets} data sets", flush=True)


def known_table(cache: Cache) -> pd.DataFrame:
    """Return the numbers of each method on synthetic pools."""
    return truth_table(cache, KNOWN)


def truth_table(cache: Cache, scenarios: tuple[tuple[Scenario, int], ...] | None = None) -> pd.DataFrame:
    """Return the numbers of each method in each scenario with changed miRNAs."""
    rows = []
    for scenario, sets in scenarios or TRUTH:
        for number in range(sets):
            truth = cache.read(scenario.name, number, "truth", "mirnas")
            for method in (*OWN, "ml_shared_shrunk", *PEERS):
                found = cache.read(scenario.name, number, method, "mirnas")
                if truth is not None and found is not None:
                    own = {"data": scenario.about, "method": LABELS[method]}
                    rows.append(own | mirna_metrics(truth, found))
    return summarise(pd.DataFrame(rows), ["data", "method"])


def nulls_table(cache: Cache) -> pd.DataFrame:
    """Return how often each method is wrong where nothing was changed."""
    rows = []
    for scenario, sets in NULLS:
        for number in range(sets):
            for method in (*OWN, *PEERS):
                found = cache.read(scenario.name, number, method, "mirnas")
                if found is not None:
                    inside = (found["lower"] <= 0) & (found["upper"] >= 0)
                    has = found["lower"].notna()
                    rows.append(
                        {
                            "data": scenario.about,
                            "method": LABELS[method],
                            "mse": (found["estimate"] ** 2).mean(),
                            "coverage": inside[has].mean() if has.any() else np.nan,
                            "p_below_0.05": (found["rank"] <= 0.05).mean(),
                            "any_call": float((found["measure"] <= 0.05).any()),
                            "calls": float((found["measure"] <= 0.05).sum()),
                        }
                    )
    return summarise(pd.DataFrame(rows), ["data", "method"])


def replication_table(cache: Cache) -> pd.DataFrame:
    """Return how far two halves of the patients agree."""
    rows = []
    for scenario, sets in REPLICATION:
        for number in range(sets):
            for method in (*OWN, *PEERS):
                halves = [cache.read(scenario.name, 2 * number + half, method, "mirnas") for half in (0, 1)]
                if halves[0] is None or halves[1] is None:
                    continue
                both = halves[0].merge(halves[1], on="mirna").dropna(subset=["estimate_x", "estimate_y"])
                called = [both[f"measure_{half}"] <= 0.05 for half in "xy"]
                difference = both["estimate_x"] - both["estimate_y"]
                error = both["std_error_x"] ** 2 + both["std_error_y"] ** 2
                rows.append(
                    {
                        "data": scenario.about,
                        "method": LABELS[method],
                        "correlation": np.corrcoef(both["estimate_x"], both["estimate_y"])[0, 1],
                        "mean_squared_difference": (difference**2).mean(),
                        "squared_difference_over_error": (difference**2 / error).mean(),
                        "called": (called[0].sum() + called[1].sum()) / 2,
                        "called_in_both": float((called[0] & called[1]).sum()),
                    }
                )
    return summarise(pd.DataFrame(rows), ["data", "method"])


PARTS = {
    "truth": (TRUTH, truth_table),
    "known": (KNOWN, known_table),
    "nulls": (NULLS, nulls_table),
    "replication": (REPLICATION, replication_table),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--cache", type=Path, default=Path("shared_samples_runs"))
    parser.add_argument("--no-r", action="store_true", help="leave R out even where it is installed")
    parser.add_argument("--tables", action="store_true", help="only the tables, of what is in the cache")
    options = parser.parse_args()
    if not data_present():
        parser.error("no real data (set BAYES_MIRGLMM_SHARED)")
    cache = Cache(options.cache)
    with_r = not options.no_r and through_r.r_present()
    for part in options.parts or PARTS:
        scenarios, table = PARTS[part]
        if not options.tables:
            run(scenarios, cache, with_r=with_r)
        path = RESULTS / f"shared_samples_{part}.tsv"
        table(cache).to_csv(path, sep="\t", index=False, float_format="%.4g", na_rep="NA")
        print(path)


if __name__ == "__main__":
    main()
