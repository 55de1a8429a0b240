"""Parts of the accuracy benchmark that take a few miRNAs or one data set: glmer.nb, NUTS, memory."""

import json
import pickle
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from accuracy_cache import Cache
from accuracy_data import TABLE, TERM, make
from accuracy_methods import JOBS
from peers import through_r

import bayes_mirglmm as bm
from bayes_mirglmm.errors import InputError

GLMER_MIRNAS = 20
NUTS_MIRNAS, NUTS_SETS = 16, 1
HERE = Path(__file__).resolve().parent
METHODS_OF_SUBSET = {
    "nuts": {"method": "nuts"},
    "laplace": {"method": "laplace"},
    "ml": {},
    "preset": {"preset": "mirglmm"},
}


def spread(counts: xr.Dataset, count: int) -> xr.Dataset:
    """Return miRNAs evenly spread over the numbers of isomiRs."""
    sizes = pd.Series(counts["mirna"].values).value_counts(sort=False).sort_values(kind="stable")
    chosen = sizes.index[np.unique(np.linspace(0, len(sizes) - 1, count).round().astype(int))]
    return counts.isel(isomir=np.flatnonzero(np.isin(counts["mirna"].values, chosen)))


def glmer_part(cache: Cache) -> None:
    """R's glmer.nb on some miRNAs of one data set of each source, beside the preset that stands for it."""
    if cache.kept("glmer") is not None:
        return
    sets = {s.name: spread(make(s.name, 0)[0].counts, GLMER_MIRNAS) for s in TABLE}
    print(f"R: glmer.nb on {GLMER_MIRNAS} miRNAs of {len(sets)} data sets", file=sys.stderr, flush=True)
    theirs = through_r.glmer(sets)
    parts = []
    for name, counts in sets.items():
        started = time.process_time()
        fit = bm.fit(counts, "~ group", reference={"group": "A"}, preset="mirglmm", progress=False)
        seconds = (time.process_time() - started) / len(fit)
        ours = fit.effects(TERM)[["mirna", "estimate", "std_error", "p_value"]].merge(
            fit.usage()[["mirna", "p_value_chi2"]].rename(columns={"p_value_chi2": "p_usage"}), on="mirna"
        )
        reduced = pd.Series(fit.data["coefficients_from"].values, index=fit.data["mirna"].values)
        ours["reduced"] = reduced.loc[ours["mirna"]].to_numpy() == "reduced"
        ours["seconds"] = seconds
        parts.append(ours.assign(set=name))
    cache.keep("glmer", theirs.merge(pd.concat(parts), on=["set", "mirna"], suffixes=("_glmer", "_preset")))


def nuts_part(cache: Cache) -> None:
    """NUTS on some miRNAs, and the other methods on the same ones."""
    if cache.kept("nuts") is not None:
        return
    parts = []
    for number in range(NUTS_SETS):
        for scenario in TABLE:
            data = make(scenario.name, number)[0]
            assert data.mirnas is not None
            counts = spread(data.counts, NUTS_MIRNAS)
            for name, options in METHODS_OF_SUBSET.items():
                started = time.process_time()
                try:
                    fit = bm.fit(counts, "~ group", reference={"group": "A"}, progress=False, **options)  # type: ignore[arg-type]
                except InputError as error:
                    print(f"{name}: {error}", file=sys.stderr)
                    return
                seconds = (time.process_time() - started) / max(1, len(fit))
                table = data.mirnas[["mirna", "value", "nominal", "changed"]].merge(
                    fit.effects(TERM)[["mirna", "estimate", "std_error", "lower", "upper"]], on="mirna"
                )
                usage = fit.usage().reindex(columns=["mirna", "p_value", "log_bf10"])
                table = table.merge(usage.rename(columns={"p_value": "p_usage"}), on="mirna")
                parts.append(table.assign(source=scenario.name, number=number, method=name, seconds=seconds))
                print(
                    f"nuts: {scenario.name} {number}, {name}: {seconds:.2f} s a miRNA",
                    file=sys.stderr,
                    flush=True,
                )
    cache.keep("nuts", pd.concat(parts))


def memory_part(cache: Cache, *, with_r: bool) -> None:
    """Peak memory of each method in a process of its own, on the first data set of TCGA normal tissue."""
    if cache.kept("memory") is not None:
        return
    methods = [job for job in JOBS if job != "nuts"] + (["edger", "limma", "deseq2"] if with_r else [])
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data.pickle"  # so that reading and choosing is not in the peak
        data.write_bytes(pickle.dumps(make(TABLE[0].name, 0)[0]))
        for method in methods:
            command = [sys.executable, __file__, method, str(data)]
            done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False)
            if done.returncode:
                print(f"memory of {method}: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
                continue
            rows.append({"method": method, "peak_mb": json.loads(done.stdout.strip().splitlines()[-1])})
    cache.keep("memory", pd.DataFrame(rows))


def _one(method: str, path: str) -> float:
    """Run a method here and return the peak memory of this process, or of R, in MB."""
    data = pickle.loads(Path(path).read_bytes())
    if method not in JOBS:
        return through_r.peak_memory(data.counts, method)
    JOBS[method](data, method)
    status = Path("/proc/self/status")
    if status.exists():  # getrusage counts what the parent process had before it started this one
        return float(re.search(r"VmHWM:\s+(\d+)", status.read_text())[1]) / 1024  # type: ignore[index]
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # bytes on macOS


if __name__ == "__main__":
    print(json.dumps(_one(*sys.argv[1:])))
