"""Known truth, shown: synthetic RNA whose ratios are known, by this package and by methods on summed counts.

    python benchmarks/known_truth.py             # what is missing in the cache, the tables, and docs/known_truth.md
    python benchmarks/known_truth.py report      # tables and page from the cache alone

giraldez      pools of known ratios, B against A, in each laboratory and protocol; offsets from null sequences that are
              kept out of the tests, from medians of ratios, and from totals
nulls         two libraries of a tube against two others of it: nothing can have changed
argyropoulos  ratios from 1/1000 to 1000

The peers are DESeq2, edgeR and limma-voom in R; where R is absent, PyDESeq2 (pip install --group bench). Needs the
optional data folder (BAYES_MIRGLMM_SHARED, default ../shared). Results of single data sets are kept in --cache.
"""

import argparse
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")  # before numpy

from accuracy_cache import Cache  # noqa: E402
from accuracy_data import DataSet  # noqa: E402
from accuracy_methods import Result, as_result, run_job  # noqa: E402
from known_truth_data import argyropoulos, data_present, giraldez, giraldez_nulls  # noqa: E402
from known_truth_page import report  # noqa: E402
from peers import through_r  # noqa: E402

import bayes_mirglmm as bm  # noqa: E402

NULL = "column:null_total"
#: Fits of this package, by name: what ``bm.fit`` is given.
FITS: dict[str, dict[str, object]] = {
    "ml_null": {"offset": NULL},
    "ml_shared_null": {"offset": NULL, "samples": "shared"},
    "laplace_null": {"offset": NULL, "method": "laplace"},
    "ml_median_ratio": {"offset": "median_ratio"},
    "ml": {"offset": "total"},
    "preset": {"preset": "mirglmm"},
}
OF_NULLS = ("ml_null", "ml_shared_null")
OF_ARGYROPOULOS = ("ml", "ml_shared", "laplace")
FITS |= {"ml_shared": {"samples": "shared"}, "laplace": {"method": "laplace"}}
PEERS = ("deseq2", "edger", "limma")
GIVEN = tuple(f"{name}_given" for name in PEERS)
PARTS: dict[str, tuple[Callable[[], Iterator[DataSet]], tuple[str, ...], tuple[str, ...]]] = {
    "giraldez": (giraldez, tuple(FITS)[:6], (*PEERS, *GIVEN)),
    "nulls": (giraldez_nulls, OF_NULLS, ()),
    "argyropoulos": (argyropoulos, OF_ARGYROPOULOS, PEERS),
}


def own(data: DataSet, name: str) -> tuple[Result, float]:
    """Fit; return effects and usage, and processor seconds. Draws are called by the s-values of shrunken effects."""
    started = time.process_time()
    fit = bm.fit(data.counts, data.formula, seed=1, progress=False, **FITS[name])  # type: ignore[arg-type]
    effects = fit.effects(data.term)
    bayesian = {"lfsr": "rank", "s_value": "measure"}
    names = bayesian if fit.method.has_draws else {"p_value": "rank", "p_adjusted": "measure"}
    shared = FITS[name].get("samples") == "shared"
    usage = fit.usage(test="shared") if shared else fit.usage()
    columns = [
        c
        for c in ("mirna", "p_value", "p_adjusted", "p_shared", "p_shared_adjusted", "log_bf10")
        if c in usage
    ]
    seconds = time.process_time() - started
    chosen = effects.rename(columns=names)[
        ["mirna", "estimate", "std_error", "lower", "upper", "rank", "measure"]
    ]
    return {"mirnas": chosen, "usage": usage[columns]}, seconds


def peers(cache: Cache, sets: list[DataSet], methods: tuple[str, ...]) -> None:
    """Run R's methods on the data sets that lack them; those ``_given`` with the null sequences' reads as sizes."""
    for some in (tuple(m for m in methods if m in PEERS), tuple(m for m in methods if m in GIVEN)):
        waiting = {str(d.number): d for d in sets if some and not cache.has(d.scenario, d.number, some[-1])}
        if not waiting:
            continue
        counts = {n: d.counts for n, d in waiting.items()}
        if some[0] in GIVEN:
            counts = {n: c.assign_coords(total=("sample", c["null_total"].values)) for n, c in counts.items()}
        found, versions = through_r.run(counts, some)
        (cache.folder / "r_versions.txt").write_text(versions)
        for (number, name), (table, seconds) in found.items():
            data = waiting[number]
            cache.put(
                data.scenario, data.number, name, {name: as_result(table, data.counts, "mirna")}, seconds
            )


def run(part: str, cache: Cache, *, with_r: bool) -> None:
    make, fits, methods = PARTS[part]
    sets = list(make())
    for data in sets:
        cache.truth(data.scenario, data.number, data.mirnas, None)
        for name in fits:
            if not cache.has(data.scenario, data.number, name):
                result, seconds = own(data, name)
                cache.put(data.scenario, data.number, name, {name: result}, seconds)
        if (
            methods
            and not with_r
            and find_spec("pydeseq2")
            and not cache.has(data.scenario, data.number, "pydeseq2")
        ):
            results, seconds, error = run_job("pydeseq2", data)
            cache.put(data.scenario, data.number, "pydeseq2", results, seconds, error)
        print(f"{data.scenario} {data.number + 1} of {len(sets)}", flush=True)
    if with_r:
        peers(cache, sets, methods)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [*PARTS, "report"]
    parser.add_argument("parts", nargs="*", choices=[*names, []], metavar="PART", help=", ".join(names))
    parser.add_argument("--cache", type=Path, default=Path("known_truth_runs"))
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
            run(part, cache, with_r=with_r)
    if "report" in parts:
        report(cache, "python benchmarks/" + " ".join([Path(sys.argv[0]).name, *sys.argv[1:]]))


if __name__ == "__main__":
    main()
